//! Shows a run while it lives.

use std::io;

use belljar_report::{Event, Report, Stream};
use belljar_runs::{Conductor, Run, Update};

use crate::outlet::Outlet;
use crate::signals::Signals;

/// How a run went, as far as the one who typed it is concerned.
pub struct Shown {
    /// The report.
    pub report: Report,
    /// The signal that Belljar was sent, if it was.
    pub signal: Option<i32>,
    /// Whoever read our output went away.
    pub is_pipe_broken: bool,
}

/// Our two streams.
pub struct Outlets {
    pub stdout: Outlet,
    pub stderr: Outlet,
}

impl Outlets {
    /// As they are.
    pub fn new() -> Outlets {
        Outlets {
            stdout: Outlet::stdout(),
            stderr: Outlet::stderr(),
        }
    }

    async fn pass_on(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match stream {
            Stream::Stdout => self.stdout.pass_on(bytes).await,
            Stream::Stderr => self.stderr.pass_on(bytes).await,
        }
    }

    /// Ends what is open, and says `text` on standard error on lines of its own.
    pub async fn close(&mut self, text: &str) -> io::Result<()> {
        let stdout = self.stdout.finish().await;
        self.stderr.finish().await?;
        if !text.is_empty() {
            // On one screen the program's last line is open, whichever stream it was written to.
            let shares_screen = self.stdout.is_terminal && self.stderr.is_terminal;
            if !self.stderr.at_line_start || (shares_screen && !self.stdout.at_line_start) {
                self.stderr.write(b"\n").await?;
            }
            self.stderr.write(text.as_bytes()).await?;
        }
        stdout
    }
}

/// Follows a run to its end; `live` shows its output as it comes. The first signal cancels it, the second ends us.
pub async fn follow(
    conductor: &Conductor,
    run: &mut Run,
    signals: &mut Signals,
    mut live: Option<&mut Outlets>,
) -> Shown {
    let mut signal = None;
    let mut is_pipe_broken = false;
    loop {
        let update = tokio::select! {
            biased;
            number = signals.next() => {
                heard(&mut signal, number);
                conductor.cancel(&run.id);
                continue;
            }
            update = run.updates.recv() => update,
        };
        match update {
            Some(Update::Event(Event::Output { stream, bytes })) => {
                // As with any program that is told to stop, what it has not written by then is not written.
                let wanted = signal.is_none() && !is_pipe_broken;
                let Some(outlets) = live.as_mut().filter(|_| wanted) else {
                    continue;
                };
                tokio::select! {
                    biased;
                    passed = outlets.pass_on(stream, &bytes) => is_pipe_broken = passed.is_err(),
                    // Perhaps nobody reads, so this must not be waited for.
                    number = signals.next() => heard(&mut signal, number),
                }
                if is_pipe_broken || signal.is_some() {
                    conductor.cancel(&run.id);
                }
            }
            Some(Update::Event(_) | Update::Queued { .. }) => {}
            Some(Update::Finished(report)) => {
                return Shown {
                    report: *report,
                    signal,
                    is_pipe_broken,
                };
            }
            // The conductor promises an end; without one there is nothing to report but that.
            None => {
                return Shown {
                    report: Report::default(),
                    signal,
                    is_pipe_broken,
                };
            }
        }
    }
}

/// Waits for a last write, unless a signal says that nobody does.
pub async fn or_interrupted<T>(signals: &mut Signals, last: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        done = last => done,
        number = signals.next() => std::process::exit(128 + number),
    }
}

/// Whoever asks twice does not want to wait. Everything in the cell dies with us.
fn heard(signal: &mut Option<i32>, number: i32) {
    if signal.replace(number).is_some() {
        std::process::exit(128 + number);
    }
}

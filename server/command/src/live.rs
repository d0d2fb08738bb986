//! Shows a run while it lives.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use belljar_report::{Event, Report, Stream};
use belljar_runs::{Conductor, Run, Update, Viewer};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::outlet::Outlet;
use crate::signals::Signals;
use crate::stdin::Feed;

/// After so many milliseconds it is worth looking again in any case.
const LATER: u8 = 100;

/// The terminal, or whatever our streams are, and the one who sits there.
pub struct Live {
    stdout: Outlet,
    stderr: Outlet,
    /// Nothing is shown before the end.
    is_quiet: bool,
    signals: Signals,
    /// The signal that Belljar was sent, if it was.
    pub signal: Option<i32>,
    /// What the program printed cannot be written: mostly because whoever read it went away.
    pub unwritten: Option<io::Error>,
    /// A reason to ask us although no signal came: can always be read.
    reason: Option<File>,
    /// Signals, and the streams that are behind.
    changes: Option<Epoll>,
    /// Starts with the program.
    feed: Option<Feed>,
}

impl Live {
    /// From here on signals are heard by this.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn new(is_quiet: bool, feed: Option<Feed>) -> io::Result<Live> {
        Live::on(Outlet::stdout(), is_quiet, feed)
    }

    /// Likewise, with everything on standard error.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn aside(is_quiet: bool) -> io::Result<Live> {
        Live::on(Outlet::stderr(), is_quiet, None)
    }

    fn on(stdout: Outlet, is_quiet: bool, feed: Option<Feed>) -> io::Result<Live> {
        Ok(Live {
            stdout,
            stderr: Outlet::stderr(),
            is_quiet,
            signals: Signals::new()?,
            signal: None,
            unwritten: None,
            reason: None,
            changes: None,
            feed,
        })
    }

    /// Prints something that is no output of the program's on standard output, at the end.
    ///
    /// # Errors
    /// Whoever read it went away.
    pub fn print(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write(bytes)?;
        self.until_written()
    }

    /// Ends what is open, and says `text` on standard error on lines of its own.
    ///
    /// # Errors
    /// Whoever read it went away.
    pub fn close(&mut self, text: &str) -> io::Result<()> {
        let stdout = self.stdout.finish();
        self.stderr.finish()?;
        if !text.is_empty() {
            // On one screen the program's last line is open, whichever stream it was written to.
            let shares_screen = self.stdout.is_terminal && self.stderr.is_terminal;
            if !self.stderr.at_line_start || (shares_screen && !self.stdout.at_line_start) {
                self.stderr.write(b"\n")?;
            }
            self.stderr.write(text.as_bytes())?;
        }
        stdout.and(self.until_written())
    }

    /// Waits until everything is written. A signal says that nobody waits for it any more.
    fn until_written(&mut self) -> io::Result<()> {
        loop {
            self.stdout.catch_up()?;
            self.stderr.catch_up()?;
            let mut waiting = vec![PollFd::new(self.signals.descriptor(), PollFlags::POLLIN)];
            for outlet in [&self.stdout, &self.stderr] {
                if outlet.is_behind() {
                    waiting.push(PollFd::new(outlet.descriptor(), PollFlags::POLLOUT));
                }
            }
            if waiting.len() == 1 {
                return Ok(());
            }
            match poll(&mut waiting, PollTimeout::NONE) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            if let Some(number) = self.signals.next() {
                std::process::exit(128 + number);
            }
        }
    }

    /// Follows a run of a conductor's to its end. The program and its clock are other processes', so this one may wait for
    /// whoever reads.
    ///
    /// # Errors
    /// What the kernel said.
    pub async fn follow(&mut self, conductor: &Conductor, run: &mut Run) -> io::Result<Report> {
        let signals = self.signals.descriptor().try_clone_to_owned()?;
        // Deprecated because a type could change its descriptor under the reactor; this one owns it and cannot.
        #[expect(deprecated)]
        let heard = AsyncFd::with_interest(signals, Interest::READABLE)?;
        loop {
            let update = tokio::select! {
                biased;
                ready = heard.readable() => {
                    ready?.clear_ready();
                    if self.wants_end() {
                        conductor.cancel(&run.id);
                    }
                    continue;
                }
                update = run.updates.recv() => update,
            };
            match update {
                Some(Update::Event(event)) => self.show(event),
                Some(Update::Queued { .. }) => {}
                Some(Update::Finished(report)) => return Ok(*report),
                // The conductor promises an end; without one there is nothing to report but that.
                None => return Ok(Report::default()),
            }
            while self.is_behind() {
                let mut waiting = [PollFd::new(self.descriptor(), PollFlags::POLLIN)];
                let _ = poll(&mut waiting, PollTimeout::from(LATER));
                self.catch_up();
                if self.wants_end() {
                    conductor.cancel(&run.id);
                }
            }
        }
    }

    /// Takes note of whether somebody still reads, and of what to wait for.
    fn settle(&mut self, passed: io::Result<()>) {
        if let (Err(error), None) = (passed, &self.unwritten) {
            self.unwritten = Some(error);
            self.reason = File::open("/dev/null").ok();
        }
        self.changes = None;
        if self.is_behind() {
            // Without it we are asked again all the same, a little later.
            self.changes = self.changes_to_wait_for().ok();
        }
    }

    fn is_heard(&self) -> bool {
        self.signal.is_none() && self.unwritten.is_none()
    }

    fn changes_to_wait_for(&self) -> io::Result<Epoll> {
        let changes = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        changes.add(
            self.signals.descriptor(),
            EpollEvent::new(EpollFlags::EPOLLIN, 0),
        )?;
        for outlet in [&self.stdout, &self.stderr] {
            if outlet.is_behind() {
                changes.add(
                    outlet.descriptor(),
                    EpollEvent::new(EpollFlags::EPOLLOUT, 0),
                )?;
            }
        }
        Ok(changes)
    }
}

impl Viewer for Live {
    fn show(&mut self, event: Event) {
        match event {
            Event::Started { .. } => {
                if let Some(feed) = self.feed.take() {
                    feed.start();
                }
            }
            // As with any program that is told to stop, what it has not written by then is not written.
            Event::Output { stream, bytes, .. } if !self.is_quiet && self.is_heard() => {
                let passed = match stream {
                    Stream::Stdout => self.stdout.pass_on(&bytes),
                    Stream::Stderr => self.stderr.pass_on(&bytes),
                };
                self.settle(passed);
            }
            _ => {}
        }
    }

    fn is_behind(&self) -> bool {
        self.is_heard() && (self.stdout.is_behind() || self.stderr.is_behind())
    }

    fn catch_up(&mut self) {
        if self.is_behind() {
            let passed = self.stdout.catch_up().and(self.stderr.catch_up());
            self.settle(passed);
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match (&self.reason, &self.changes) {
            (Some(reason), _) => reason.as_fd(),
            (None, Some(changes)) => changes.0.as_fd(),
            (None, None) => self.signals.descriptor(),
        }
    }

    /// The first signal cancels the run, the second ends us: whoever asks twice does not want to wait. Everything in the
    /// cell dies with us.
    fn wants_end(&mut self) -> bool {
        while let Some(number) = self.signals.next() {
            if self.signal.replace(number).is_some() {
                std::process::exit(128 + number);
            }
            self.stdout.forget();
            self.stderr.forget();
        }
        self.reason = None;
        !self.is_heard()
    }
}

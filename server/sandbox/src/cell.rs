//! The server's side of a run: hands the plan over, and turns the frames that come back into events.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use belljar_plan::RunPlan;
use belljar_report::{Ending, Event, Stream, Usage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;

use crate::frames::{self, HEADER, Tag};
use crate::launcher::Launcher;

/// Where the run's standard input is written. Closing (dropping) it is the end of the input.
pub type Input = tokio::net::unix::pipe::Sender;

/// A run that was handed to the launcher. Dropping it ends the run.
pub struct Cell {
    reader: Result<OwnedReadHalf, Option<Event>>,
    input: Option<Input>,
    stop: Canceller,
    /// Ends with the cell; the writing task then closes the socket, which ends the run.
    _alive: tokio::sync::oneshot::Sender<()>,
}

/// Ends a run from anywhere. Cheap to clone; does nothing once the run is over.
#[derive(Clone)]
pub struct Canceller(Arc<Notify>);

impl Canceller {
    /// Ends the run as cancelled. Everything in the cell dies.
    pub fn cancel(&self) {
        // Kept for the writing task if it is not listening yet, so no cancel is lost.
        self.0.notify_one();
    }
}

impl Launcher {
    /// Starts a run. Whatever goes wrong from here on arrives as the cell's `Ended` event. Needs a tokio runtime.
    pub fn start(&self, plan: &RunPlan, has_input: bool) -> Cell {
        let stop = Canceller(Arc::new(Notify::new()));
        let (alive, gone) = tokio::sync::oneshot::channel();
        match self.hand_over(plan, has_input, stop.clone(), gone) {
            Ok((reader, input)) => Cell {
                reader: Ok(reader),
                input,
                stop,
                _alive: alive,
            },
            Err(error) => {
                let ended = failed("start the launcher", &error);
                Cell {
                    reader: Err(Some(ended)),
                    input: None,
                    stop,
                    _alive: alive,
                }
            }
        }
    }

    fn hand_over(
        &self,
        plan: &RunPlan,
        has_input: bool,
        stop: Canceller,
        gone: tokio::sync::oneshot::Receiver<()>,
    ) -> io::Result<(OwnedReadHalf, Option<Input>)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (reader, writer) = UnixStream::from_std(ours)?.into_split();
        let (input, reading_end) = if has_input {
            let (sender, receiver) = tokio::net::unix::pipe::pipe()?;
            (Some(sender), Some(receiver.into_blocking_fd()?))
        } else {
            (None, None)
        };
        self.request(theirs.as_fd(), reading_end.as_ref().map(|end| end.as_fd()))?;
        tokio::spawn(write(writer, frames_of(plan)?, stop, gone));
        Ok((reader, input))
    }
}

/// The plan as frames: the plan itself without the contents of its files, then each content.
fn frames_of(plan: &RunPlan) -> io::Result<Vec<u8>> {
    let mut bare = plan.clone();
    for file in &mut bare.files {
        file.content = Vec::new();
    }
    let json = serde_json::to_vec(&bare)?;
    let contents = plan
        .files
        .iter()
        .map(|file| (Tag::Content, file.content.as_slice()));
    let mut bytes = Vec::new();
    for (tag, payload) in std::iter::once((Tag::Plan, json.as_slice())).chain(contents) {
        if payload.len() > frames::LIMIT {
            return Err(frames::invalid("a document over the limit"));
        }
        bytes.extend_from_slice(&frames::header(tag, payload.len()));
        bytes.extend_from_slice(payload);
    }
    Ok(bytes)
}

/// Sends the plan, then waits to pass on a cancel. When the cell is dropped, the socket closes and the run ends.
async fn write(
    mut writer: OwnedWriteHalf,
    plan: Vec<u8>,
    stop: Canceller,
    mut gone: tokio::sync::oneshot::Receiver<()>,
) {
    if writer.write_all(&plan).await.is_err() {
        return; // The reader sees the end too, and tells it.
    }
    drop(plan);
    let dropped = std::pin::pin!(async {
        let _ = (&mut gone).await;
    });
    let cancelled = std::pin::pin!(stop.0.notified());
    if either(cancelled, dropped).await {
        let _ = writer.write_all(&frames::header(Tag::Cancel, 0)).await;
        let _ = gone.await;
    }
}

/// Waits for the first of two; true if it was the first one.
async fn either(
    mut first: std::pin::Pin<&mut impl Future<Output = ()>>,
    mut second: std::pin::Pin<&mut impl Future<Output = ()>>,
) -> bool {
    std::future::poll_fn(|context| {
        if first.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(true);
        }
        second.as_mut().poll(context).map(|()| false)
    })
    .await
}

impl Cell {
    /// A handle that ends the run.
    pub fn canceller(&self) -> Canceller {
        self.stop.clone()
    }

    /// The writing end of the run's standard input, once; `None` if the run was started without.
    pub fn input(&mut self) -> Option<Input> {
        self.input.take()
    }

    /// The next event. After the one `Ended` it gives `None`.
    pub async fn next(&mut self) -> Option<Event> {
        let event = match &mut self.reader {
            Ok(reader) => receive(reader)
                .await
                .unwrap_or_else(|error| failed("watch the run", &error)),
            Err(last) => return last.take(),
        };
        if matches!(event, Event::Ended { .. }) {
            self.reader = Err(None);
        }
        Some(event)
    }
}

async fn receive(reader: &mut OwnedReadHalf) -> io::Result<Event> {
    let mut header = [0; HEADER];
    reader.read_exact(&mut header).await?;
    let (tag, length) = frames::parse_header(header)?;
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).await?;
    match tag {
        Tag::Stdout => output(Stream::Stdout, bytes),
        Tag::Stderr => output(Stream::Stderr, bytes),
        Tag::Event => Ok(serde_json::from_slice(&bytes)?),
        Tag::Plan | Tag::Content | Tag::Cancel => {
            Err(frames::invalid("a frame that only the server sends"))
        }
    }
}

fn output(stream: Stream, bytes: Vec<u8>) -> io::Result<Event> {
    let (line, bytes) = frames::split_line(bytes)?;
    Ok(Event::Output {
        stream,
        bytes,
        line,
    })
}

fn failed(step: &str, error: &io::Error) -> Event {
    let gone = error.kind() == io::ErrorKind::UnexpectedEof;
    let errno = if gone {
        "EPIPE".to_owned()
    } else {
        crate::failure::errno_name(error)
    };
    Event::Ended {
        ending: Ending::Failed {
            step: step.to_owned(),
            errno,
            hint: "the process that makes or watches cells is gone, and everything in them with it; if it happens again, \
                   restart Belljar (in an editor, its language server)"
                .to_owned(),
        },
        usage: Usage::default(),
    }
}

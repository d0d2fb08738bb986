//! Between the byte streams and the framework's service: reads messages in order, starts each handler in that
//! order, and lets none of them harm the session.
//!
//! The framework's own `Server` is not used: it ends the session at a body that is not JSON, dies of a handler that
//! panics, and says nothing about how a session ended. Its router, its rules for the order of `initialize` and
//! `shutdown` and its cancelling are.

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use nix::poll::PollFlags;
use serde_json::Value;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::{JoinSet, yield_now};
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request, Response};
use tower_lsp::{LanguageServer, LspService};
use tower_service::Service;

use crate::framing::{Frame, Frames};
use crate::outbox::{Outbox, is_ready};
use crate::parent::Parent;
use crate::uris;

/// So much is read at once.
const AT_ONCE: usize = 64 << 10;
/// Requests that wait for the actor. It answers in microseconds, so only a client that floods gets here.
const MANY_UNANSWERED: usize = 256;

type Handler = Pin<Box<dyn Future<Output = Option<Response>> + Send>>;

/// What the client says.
pub struct Incoming {
    input: Input,
    piece: Box<[u8]>,
    frames: Frames,
}

enum Input {
    /// A pipe or the like: whoever writes to it takes their time.
    Awaited(AsyncFd<File>),
    /// A file or the like, for which the kernel knows no waiting and says that it is not permitted.
    AtHand(File),
}

impl Incoming {
    /// What comes on `input`. It is read in the thread that answers: from one thread to the next takes longer than most answers.
    /// The runtime in which this is called waits for it.
    ///
    /// # Errors
    /// The kernel cannot wait for it.
    pub fn on(input: impl Into<OwnedFd>) -> io::Result<Incoming> {
        let input = File::from(input.into());
        // Deprecated because a type could change its descriptor under the reactor; a file cannot.
        #[expect(deprecated)]
        let input = match AsyncFd::try_with_interest(input, Interest::READABLE) {
            Ok(awaited) => Input::Awaited(awaited),
            Err(refused) => match refused.into_parts() {
                (file, error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    Input::AtHand(file)
                }
                (_, error) => return Err(error),
            },
        };
        Ok(Incoming {
            input,
            piece: vec![0; AT_ONCE].into(),
            frames: Frames::default(),
        })
    }

    /// The next frame; `None` at the end. Nothing is lost if this is no longer waited for.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.frames.next() {
                return Some(frame);
            }
            let size = self.read().await.ok().filter(|size| *size > 0)?;
            self.frames.add(&self.piece[..size]);
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        loop {
            let mut input = match &self.input {
                Input::AtHand(file) => {
                    // What was read before is answered first.
                    yield_now().await;
                    file
                }
                Input::Awaited(awaited) => {
                    let mut ready = awaited.readable().await?;
                    // Reading may block, since others may have this pipe open too and we leave it as it is. So it is asked each time.
                    if !is_ready(awaited.get_ref(), PollFlags::POLLIN) {
                        ready.clear_ready();
                        continue;
                    }
                    awaited.get_ref()
                }
            };
            match input.read(&mut self.piece) {
                Err(error) if is_no_error(&error) => {}
                read => return read,
            }
        }
    }
}

fn is_no_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
    )
}

/// What a message means for the session.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on.
    GoOn,
    /// The client is there, and this is its process.
    Parent(Option<Parent>),
    /// The client says goodbye.
    Exit,
}

/// Gives messages to the service. Lives in a [`tokio::task::LocalSet`].
pub struct Dispatch<S> {
    service: LspService<S>,
    outbox: Outbox,
    unanswered: JoinSet<()>,
}

impl<S: LanguageServer> Dispatch<S> {
    /// Answers go to `outbox`.
    pub fn new(service: LspService<S>, outbox: Outbox) -> Dispatch<S> {
        Dispatch {
            service,
            outbox,
            unanswered: JoinSet::new(),
        }
    }

    /// Handles one message as far as it goes without waiting, and lets the rest of it go on by itself.
    pub async fn handle(&mut self, frame: Frame) -> Outcome {
        let message = match frame {
            Frame::Body(body) => serde_json::from_slice::<Value>(&body).ok(),
            Frame::Bad(what) => {
                tracing::warn!(what, "not a message");
                None
            }
        };
        let Some(mut message) = message else {
            self.refuse(Id::Null, Error::parse_error());
            return Outcome::GoOn;
        };
        if message.get("method").is_none() && message.get("id").is_some() {
            let result = message.get_mut("result").map(Value::take);
            self.outbox.answered(&message["id"], result);
            return Outcome::GoOn;
        }
        uris::mend(&mut message);
        let id = message
            .get("id")
            .and_then(|id| serde_json::from_value(id.clone()).ok());
        match serde_json::from_value::<Request>(message) {
            Ok(request) if !request.method().is_empty() => self.call(request).await,
            _ => {
                self.refuse(id.unwrap_or(Id::Null), Error::invalid_request());
                Outcome::GoOn
            }
        }
    }

    /// Waits for the requests that are still being answered.
    pub async fn settle(&mut self) {
        while self.unanswered.join_next().await.is_some() {}
    }

    async fn call(&mut self, request: Request) -> Outcome {
        let outcome = match request.method() {
            "exit" => return Outcome::Exit,
            "initialize" => Outcome::Parent(
                request
                    .params()
                    .and_then(|parameters| parameters.get("processId")?.as_u64())
                    .and_then(Parent::seen),
            ),
            _ => Outcome::GoOn,
        };
        while self.unanswered.try_join_next().is_some() {}
        if self.unanswered.len() >= MANY_UNANSWERED {
            self.unanswered.join_next().await;
        }
        let mut handler = guarded(request.id().cloned(), self.service.call(request));
        // A handler forwards its message before it first waits, so this first step keeps messages in their order.
        match poll_fn(|context| Poll::Ready(handler.as_mut().poll(context))).await {
            Poll::Ready(response) => self.reply(response),
            Poll::Pending => {
                let outbox = self.outbox.clone();
                self.unanswered.spawn_local(async move {
                    if let Some(response) = handler.await {
                        outbox.reply(&response);
                    }
                });
            }
        }
        outcome
    }

    fn reply(&self, response: Option<Response>) {
        if let Some(response) = response {
            self.outbox.reply(&response);
        }
    }

    fn refuse(&self, id: Id, error: Error) {
        self.outbox.reply(&Response::from_error(id, error));
    }
}

/// A handler whose panic becomes an error answer.
fn guarded<E>(
    id: Option<Id>,
    mut handler: impl Future<Output = Result<Option<Response>, E>> + Send + Unpin + 'static,
) -> Handler {
    Box::pin(poll_fn(move |context| {
        let step = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut handler).poll(context)));
        match step {
            Ok(poll) => poll.map(|response| response.ok().flatten()),
            Err(_) => Poll::Ready(id.clone().map(|id| {
                let error = Error {
                    code: ErrorCode::InternalError,
                    message: "a defect in Belljar; the server goes on".into(),
                    data: None,
                };
                Response::from_error(id, error)
            })),
        }
    }))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;
    use crate::framing::frame_of;

    async fn all(input: impl Into<OwnedFd>) -> Vec<Frame> {
        let mut incoming = Incoming::on(input).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = incoming.next().await {
            frames.push(frame);
        }
        frames
    }

    #[tokio::test]
    async fn messages_come_from_pipes_files_and_nowhere() {
        let large = vec![b' '; 3 * AT_ONCE];
        let bytes = [frame_of(b"1"), frame_of(&large), frame_of(b"2")].concat();
        let frames = [b"1".to_vec(), large, b"2".to_vec()].map(Frame::Body);
        let (from, mut to) = io::pipe().unwrap();
        let sent = bytes.clone();
        let sending = std::thread::spawn(move || to.write_all(&sent).unwrap());
        assert_eq!(all(from).await, frames);
        sending.join().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        assert_eq!(all(file).await, frames);
        assert_eq!(all(File::open("/dev/null").unwrap()).await, []);
    }
}

//! Between the byte streams and the framework's service: reads messages in order, starts each handler in that
//! order, and lets none of them harm the session.
//!
//! The framework's own `Server` is not used: it ends the session at a body that is not JSON, dies of a handler that
//! panics, and says nothing about how a session ended. Its router, its rules for the order of `initialize` and
//! `shutdown` and its cancelling are.

use std::future::{Future, poll_fn};
use std::io::BufRead;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request, Response};
use tower_lsp::{LanguageServer, LspService};
use tower_service::Service;

use crate::framing::{Frame, read_frame};
use crate::outbox::Outbox;
use crate::parent::Parent;
use crate::uris;

/// Messages read but not yet looked at.
const READ_AHEAD: usize = 64;
/// Requests that wait for the actor. It answers in microseconds, so only a client that floods gets here.
const MANY_UNANSWERED: usize = 256;

type Handler = Pin<Box<dyn Future<Output = Option<Response>> + Send>>;

/// Reads frames in a thread of its own, because reading a pipe blocks.
pub fn read_frames(mut input: impl BufRead + Send + 'static) -> mpsc::Receiver<Frame> {
    let (to_handle, frames) = mpsc::channel(READ_AHEAD);
    std::thread::Builder::new()
        .name("belljar:read".into())
        .spawn(move || {
            while let Ok(Some(frame)) = read_frame(&mut input) {
                if to_handle.blocking_send(frame).is_err() {
                    return;
                }
            }
        })
        .expect("the machine can make a thread");
    frames
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

//! The only way out to the client: answers, notifications, and our own requests with their answers. Never waits:
//! one thread writes, and who asks the client something waits for the answer in a task of its own.

use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower_lsp::jsonrpc::Response;
use tower_lsp::ls_types::notification::Notification;
use tower_lsp::ls_types::request::Request;

use crate::framing::write_frame;

/// A client that has so many messages unread gets no further updates until it has caught up.
const MANY_UNREAD: usize = 64;

/// Stands for the end; no message is empty.
const END: &[u8] = b"";

/// Sends to the client. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    messages: Sender<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    unread: AtomicUsize,
    last_request: AtomicI64,
    asked: Mutex<HashMap<i64, oneshot::Sender<Option<Value>>>>,
}

impl Outbox {
    /// An outbox that writes to `output`, and a word when writing has ended, because of an error or because the
    /// outbox was closed.
    pub fn open(output: impl Write + Send + 'static) -> (Outbox, oneshot::Receiver<()>) {
        let (messages, to_write) = channel();
        let (ended, when_ended) = oneshot::channel();
        let shared = Arc::new(Shared::default());
        let outbox = Outbox {
            messages,
            shared: Arc::clone(&shared),
        };
        std::thread::Builder::new()
            .name("belljar:write".into())
            .spawn(move || {
                write_all(&to_write, &shared.unread, BufWriter::new(output));
                let _ = ended.send(());
            })
            .expect("the machine can make a thread");
        (outbox, when_ended)
    }

    /// Answers a request of the client's.
    pub fn reply(&self, response: &Response) {
        self.send(response);
    }

    /// Tells the client something.
    pub fn notify<N: Notification>(&self, parameters: N::Params) {
        self.send(&json!({"jsonrpc": "2.0", "method": N::METHOD, "params": parameters}));
    }

    /// Sends nothing further. What was sent before is still written.
    pub fn close(&self) {
        let _ = self.messages.send(END.to_vec());
    }

    /// Asks the client something. The question leaves at once, in order with everything else sent; the answer may
    /// take its time, and after `patience`, or if the client knows no answer, it is `None`.
    pub fn ask<R: Request>(
        &self,
        parameters: R::Params,
        patience: Duration,
    ) -> impl Future<Output = Option<R::Result>> + Send + 'static {
        let id = self.shared.last_request.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, answered) = oneshot::channel();
        self.asked().insert(id, answer);
        let parameters = serde_json::to_value(parameters).unwrap_or(Value::Null);
        let mut question = json!({"jsonrpc": "2.0", "id": id, "method": R::METHOD});
        // Requests without parameters must not have `null` for them.
        if !parameters.is_null() {
            question["params"] = parameters;
        }
        self.send(&question);
        let shared = Arc::clone(&self.shared);
        async move {
            let value = tokio::time::timeout(patience, answered).await;
            lock(&shared.asked).remove(&id);
            serde_json::from_value(value.ok()?.ok()??).ok()
        }
    }

    /// Takes an answer of the client's: its id, and the result if it is no error.
    pub fn answered(&self, id: &Value, result: Option<Value>) {
        match id.as_i64().and_then(|id| self.asked().remove(&id)) {
            // Who asked may have lost patience.
            Some(waiting) => drop(waiting.send(result)),
            None => tracing::debug!(%id, "answer to nothing"),
        }
    }

    /// Whether the client has not read what it was sent, so that more would only pile up.
    pub fn is_behind(&self) -> bool {
        self.shared.unread.load(Ordering::Relaxed) > MANY_UNREAD
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<i64, oneshot::Sender<Option<Value>>>> {
        lock(&self.shared.asked)
    }

    fn send(&self, message: &impl Serialize) {
        match serde_json::to_vec(message) {
            Ok(bytes) => {
                self.shared.unread.fetch_add(1, Ordering::Relaxed);
                // Fails only when writing has ended, and then the session is ending too.
                let _ = self.messages.send(bytes);
            }
            Err(error) => tracing::error!(%error, "message not sent"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_all(to_write: &Receiver<Vec<u8>>, unread: &AtomicUsize, mut output: impl Write) {
    while let Ok(first) = to_write.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            if message == END {
                let _ = output.flush();
                return;
            }
            if write_frame(&mut output, &message).is_err() {
                return;
            }
            unread.fetch_sub(1, Ordering::Relaxed);
            next = to_write.try_recv().ok();
        }
        if output.flush().is_err() {
            return;
        }
    }
}

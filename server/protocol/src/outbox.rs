//! The only way out to the client: answers, notifications, and our own requests with their answers. Never waits: what a
//! client does not take at once a thread writes, and who asks the client something waits for the answer in a task of its own.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower_lsp::jsonrpc::Response;
use tower_lsp::ls_types::notification::Notification;
use tower_lsp::ls_types::request::Request;

use crate::framing::frame_of;

/// A client that has so many messages unread gets no further updates until it has caught up.
const MANY_UNREAD: usize = 64;
/// A pipe or socket that can be written to takes so much without waiting.
const FITS: usize = 4096;
/// Messages that wait are written together up to about this size.
const TOGETHER: usize = 64 << 10;

/// Stands for the end; no message is empty.
const END: &[u8] = b"";

/// Sends to the client. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    way: Mutex<Way>,
    /// How many messages the writing thread has not written yet.
    unread: Arc<AtomicUsize>,
    last_request: AtomicI64,
    asked: Mutex<HashMap<i64, oneshot::Sender<Option<Value>>>>,
}

/// Held while a message is sent, so that messages stay in order.
struct Way {
    /// The output, if it can tell whether writing would wait.
    direct: Option<Arc<File>>,
    to_write: Sender<Vec<u8>>,
}

impl Outbox {
    /// An outbox that writes to `output`, and a word when writing has ended, because of an error or because the
    /// outbox was closed.
    ///
    /// # Errors
    /// The output cannot be looked at.
    pub fn open(output: impl Into<OwnedFd>) -> io::Result<(Outbox, oneshot::Receiver<()>)> {
        let output = Arc::new(File::from(output.into()));
        let kind = output.metadata()?.file_type();
        let (to_write, messages) = channel();
        let (ended, when_ended) = oneshot::channel();
        let unread = Arc::new(AtomicUsize::new(0));
        let outbox = Outbox {
            shared: Arc::new(Shared {
                way: Mutex::new(Way {
                    direct: (kind.is_fifo() || kind.is_socket()).then(|| Arc::clone(&output)),
                    to_write,
                }),
                unread: Arc::clone(&unread),
                last_request: AtomicI64::new(0),
                asked: Mutex::default(),
            }),
        };
        std::thread::Builder::new()
            .name("belljar:write".into())
            .spawn(move || {
                let _ = write_all(&messages, &unread, &output);
                let _ = ended.send(());
            })?;
        Ok((outbox, when_ended))
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
        let mut way = lock(&self.shared.way);
        way.direct = None;
        let _ = way.to_write.send(END.to_vec());
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
        let mut frame = match serde_json::to_vec(message) {
            Ok(body) => frame_of(&body),
            Err(error) => {
                tracing::error!(%error, "message not sent");
                return;
            }
        };
        let way = lock(&self.shared.way);
        if let Some(output) = &way.direct
            && self.shared.unread.load(Ordering::Acquire) == 0
        {
            frame.drain(..write_now(output, &frame));
            if frame.is_empty() {
                return;
            }
        }
        self.shared.unread.fetch_add(1, Ordering::Relaxed);
        // Fails only when writing has ended, and then the session is ending too.
        let _ = way.to_write.send(frame);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether reading from `file` or writing to it, whichever is asked, would not wait now.
pub fn is_ready(file: &File, what: PollFlags) -> bool {
    let mut asked = [PollFd::new(file.as_fd(), what)];
    poll(&mut asked, PollTimeout::ZERO).is_ok_and(|n| n > 0)
}

/// Writes what the client takes without our waiting for it, and says how much that was. A thread in between would take longer
/// than most answers. An error is met again by the thread that writes the rest.
fn write_now(mut output: &File, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() && is_ready(output, PollFlags::POLLOUT) {
        let piece = &bytes[written..bytes.len().min(written + FITS)];
        match output.write(piece) {
            Ok(size) => written += size,
            Err(_) => break,
        }
    }
    written
}

fn write_all(
    messages: &Receiver<Vec<u8>>,
    unread: &AtomicUsize,
    mut output: &File,
) -> io::Result<()> {
    while let Ok(mut bytes) = messages.recv() {
        let mut is_end = bytes == END;
        let mut count = usize::from(!is_end);
        while !is_end && bytes.len() < TOGETHER {
            let Ok(next) = messages.try_recv() else { break };
            is_end = next == END;
            count += usize::from(!is_end);
            bytes.extend_from_slice(&next);
        }
        output.write_all(&bytes)?;
        if is_end {
            break;
        }
        // What was written stays before what is then written directly.
        unread.fetch_sub(count, Ordering::Release);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use tower_lsp::jsonrpc::Id;

    use super::*;

    fn answer(number: usize) -> Response {
        Response::from_ok(Id::Number(0), json!([number, "x".repeat(number * 100)]))
    }

    /// Sends more than `output` holds while nobody reads `input`.
    fn send_much(output: impl Into<OwnedFd>, mut input: impl Read) {
        let (outbox, ended) = Outbox::open(output).unwrap();
        let mut all = Vec::new();
        for number in 0..=MANY_UNREAD * 4 {
            outbox.reply(&answer(number));
            all.extend(frame_of(&serde_json::to_vec(&answer(number)).unwrap()));
        }
        assert!(outbox.is_behind());
        let mut read = vec![0; all.len()];
        input.read_exact(&mut read).unwrap();
        assert!(read == all, "in order, each of them whole");
        outbox.reply(&answer(1));
        outbox.close();
        ended.blocking_recv().unwrap();
        drop(outbox);
        let mut rest = Vec::new();
        input.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, frame_of(&serde_json::to_vec(&answer(1)).unwrap()));
    }

    #[test]
    fn what_a_client_does_not_read_waits_and_nobody_else_does() {
        let (from, to) = std::io::pipe().unwrap();
        send_much(to, from);
        let (from, to) = UnixStream::pair().unwrap();
        send_much(to, from);
    }

    #[test]
    fn a_client_that_is_gone_is_noticed() {
        let (from, to) = std::io::pipe().unwrap();
        let (outbox, ended) = Outbox::open(to).unwrap();
        drop(from);
        outbox.reply(&answer(0));
        ended.blocking_recv().unwrap();
    }
}

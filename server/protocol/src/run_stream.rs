//! Follows one run and tells the actor about it, at most ten times a second however fast the program prints.

use std::collections::HashMap;
use std::time::Duration;

use belljar_report::{Event, Stream};
use belljar_runs::{Run, Update};
use tokio::time::{Instant, sleep_until};

use crate::inbox::{Inbox, Message, Telling};

/// An editor is not told more often.
const HOW_OFTEN: Duration = Duration::from_millis(100);
/// More output than this in one go is counted, not passed on: nobody can read it, and the report has it.
const MOST_BYTES: usize = 32 << 10;
/// The report has them all.
const MOST_VIOLATIONS: usize = 200;

/// Follows `run` until it is over, in a task of its own.
pub fn follow(mut run: Run, inbox: Inbox) {
    tokio::spawn(async move {
        let mut gathered = Gathered::default();
        let mut due = Instant::now();
        loop {
            let update = if gathered.any {
                tokio::select! {
                    () = sleep_until(due) => {
                        let telling = gathered.take();
                        // That the program has started does not hold up what it prints first.
                        if !telling.output.is_empty() || !telling.violations.is_empty() {
                            due = Instant::now() + HOW_OFTEN;
                        }
                        let _ = inbox.send(Message::Told(run.id.clone(), Box::new(telling)));
                        continue;
                    }
                    update = run.updates.recv() => update,
                }
            } else {
                run.updates.recv().await
            };
            let report = match update {
                Some(Update::Finished(report)) => Some(report),
                Some(update) => {
                    gathered.add(update);
                    continue;
                }
                None => None,
            };
            if gathered.any {
                let _ = inbox.send(Message::Told(run.id.clone(), Box::new(gathered.take())));
            }
            let _ = inbox.send(Message::Finished(run.id, report));
            return;
        }
    });
}

#[derive(Default)]
struct Gathered {
    any: bool,
    bytes: usize,
    n_violations: usize,
    /// Bytes at the end of a stream that are the start of a character.
    unfinished: HashMap<bool, Vec<u8>>,
    telling: Telling,
}

impl Gathered {
    fn take(&mut self) -> Telling {
        self.any = false;
        self.bytes = 0;
        std::mem::take(&mut self.telling)
    }

    fn add(&mut self, update: Update) {
        match update {
            Update::Queued { ahead } => self.telling.queued = Some(ahead),
            Update::Event(Event::Started { .. }) => self.telling.started = true,
            Update::Event(Event::Output {
                stream,
                bytes,
                line,
            }) => self.print(stream, &bytes, line),
            Update::Event(Event::Omitted { bytes }) => self.telling.omitted += bytes,
            Update::Event(Event::Violation(violation)) if self.n_violations < MOST_VIOLATIONS => {
                self.n_violations += 1;
                self.telling.violations.push(violation);
            }
            _ => return,
        }
        self.any = true;
    }

    fn print(&mut self, stream: Stream, bytes: &[u8], line: Option<u32>) {
        if self.bytes >= MOST_BYTES {
            self.telling.omitted += bytes.len() as u64;
            return;
        }
        self.bytes += bytes.len();
        let unfinished = self.unfinished.entry(stream == Stream::Stdout).or_default();
        unfinished.extend_from_slice(bytes);
        let text = take_text(unfinished);
        match self.telling.output.last_mut() {
            Some((last, at, so_far)) if *last == stream && *at == line => so_far.push_str(&text),
            _ => self.telling.output.push((stream, line, text)),
        }
    }
}

/// Takes the text from `bytes`, but leaves a character that is not whole yet.
fn take_text(bytes: &mut Vec<u8>) -> String {
    let rest = bytes
        .utf8_chunks()
        .last()
        .map(|chunk| chunk.invalid())
        .filter(|rest| std::str::from_utf8(rest).is_err_and(|error| error.error_len().is_none()))
        .map_or(0, <[u8]>::len);
    let whole = bytes.len() - rest;
    let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
    bytes.drain(..whole);
    text
}

#[cfg(test)]
mod tests {
    use belljar_runs::RunId;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_output_is_told_at_once_and_further_output_with_pauses() {
        let (updates, receiver) = mpsc::channel(8);
        let (inbox, mut messages) = mpsc::unbounded_channel();
        let run = Run {
            id: RunId("1".into()),
            updates: receiver,
            input: None,
        };
        follow(run, inbox);
        let output = || Event::Output {
            stream: Stream::Stdout,
            bytes: b"hello".to_vec(),
            line: None,
        };
        let started = Event::Started {
            posture: belljar_report::Posture::default(),
        };
        let begin = Instant::now();
        for (event, after) in [
            (started, Duration::ZERO),
            (output(), Duration::ZERO),
            (output(), HOW_OFTEN),
        ] {
            assert!(updates.send(Update::Event(event)).await.is_ok());
            assert!(matches!(messages.recv().await, Some(Message::Told(..))));
            assert!(begin.elapsed() >= after && begin.elapsed() < after + HOW_OFTEN / 2);
        }
    }

    #[test]
    fn a_character_that_comes_in_two_parts_stays_whole() {
        let mut bytes = b"a\xf0\x9f".to_vec();
        assert_eq!(take_text(&mut bytes), "a");
        bytes.extend_from_slice(b"\x98\x80\xffb");
        assert_eq!(take_text(&mut bytes), "😀\u{fffd}b");
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_flood_is_counted_and_not_kept() {
        let mut gathered = Gathered::default();
        for _ in 0..1000 {
            gathered.add(Update::Event(Event::Output {
                stream: Stream::Stdout,
                bytes: vec![b'x'; 4096],
                line: None,
            }));
        }
        let telling = gathered.take();
        let kept: usize = telling.output.iter().map(|(_, _, text)| text.len()).sum();
        assert_eq!(kept, MOST_BYTES);
        assert_eq!(telling.omitted, 4096 * 1000 - MOST_BYTES as u64);
    }
}

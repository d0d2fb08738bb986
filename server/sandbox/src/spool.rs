//! Passes output on: a line of it at once after a lull, and together what one line prints without a pause.

use std::time::{Duration, Instant};

use belljar_report::Stream;

use crate::talk::Talk;

/// Nothing waits longer. Nobody sees so short a time, and a program can print five hundred times in it.
const LULL: Duration = Duration::from_millis(5);
/// More is not put together.
const MOST: usize = 64 << 10;

/// What was printed and not yet passed on.
#[derive(Default)]
pub struct Spool {
    bytes: Vec<u8>,
    of: Option<(Stream, Option<u32>)>,
    /// When this began to wait.
    since: Option<Instant>,
    /// When something was last passed on.
    passed: Option<Instant>,
}

impl Spool {
    /// Takes what `line` printed.
    pub fn take(&mut self, stream: Stream, bytes: &[u8], line: Option<u32>, talk: &mut Talk<'_>) {
        if bytes.is_empty() {
            return;
        }
        let of = Some((stream, line));
        if self.of != of || self.bytes.len() + bytes.len() > MOST {
            self.give(talk);
        }
        self.bytes.extend_from_slice(bytes);
        self.of = of;
        self.since.get_or_insert_with(Instant::now);
        self.give_if_due(talk);
    }

    /// Passes on what has waited long enough.
    pub fn give_if_due(&mut self, talk: &mut Talk<'_>) {
        if self.patience() == Some(Duration::ZERO) {
            self.give(talk);
        }
    }

    /// Passes on all of it.
    pub fn give(&mut self, talk: &mut Talk<'_>) {
        if let Some((stream, line)) = self.of.take() {
            talk.pass(stream, &self.bytes, line);
            self.bytes.clear();
            self.since = None;
            self.passed = Some(Instant::now());
        }
    }

    /// How long what is here may still wait.
    pub fn patience(&self) -> Option<Duration> {
        self.of?;
        // Many runtimes write a line in several pieces.
        let is_line = self.bytes.ends_with(b"\n");
        let since = if is_line { self.passed } else { self.since };
        let waited = since.map(|since| since.elapsed());
        Some(waited.map_or(Duration::ZERO, |waited| LULL.saturating_sub(waited)))
    }
}

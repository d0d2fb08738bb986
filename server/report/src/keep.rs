//! Keeps the head and the tail of a program's output, both streams in their order, in bounded memory.

use std::collections::VecDeque;

use crate::decode::{Decoder, Part};
use crate::{Gap, Output, Stream};

/// How much is kept from the beginning, and how much from the end, unless somebody wants less.
const EACH_END: usize = 512 * 1024;
/// A program that changes streams at every byte must not cost a piece for every byte.
const MOST_PIECES: usize = 8 * 1024;
/// Where output changes lines so often, it goes on without them: text counts for more than where it was printed.
const MOST_PIECES_WITH_LINES: usize = MOST_PIECES / 2;
/// The tail is dropped piece by piece, so its pieces stay small.
const TAIL_PIECE: usize = 16 * 1024;

/// What is kept while the program writes.
#[derive(Debug)]
pub(crate) struct Keep {
    /// How much of each end.
    each_end: usize,
    head: Vec<Output>,
    head_bytes: usize,
    /// The head takes no more: it is full, or something behind it was left out.
    head_is_closed: bool,
    tail: VecDeque<Output>,
    tail_bytes: usize,
    omitted: u64,
    replaced: bool,
    /// One for each stream.
    decoders: [Decoder; 2],
}

/// What was kept.
pub(crate) struct Kept {
    pub pieces: Vec<Output>,
    pub gap: Option<Gap>,
    pub replaced: bool,
}

impl Default for Keep {
    fn default() -> Keep {
        Keep::of(EACH_END)
    }
}

impl Keep {
    /// Keeps `each_end` bytes from the beginning, and as many from the end.
    pub fn of(each_end: usize) -> Keep {
        Keep {
            each_end,
            head: Vec::new(),
            head_bytes: 0,
            head_is_closed: false,
            tail: VecDeque::new(),
            tail_bytes: 0,
            omitted: 0,
            replaced: false,
            decoders: Default::default(),
        }
    }

    /// Takes in what the program wrote to `stream`.
    pub fn add(&mut self, stream: Stream, bytes: &[u8], line: Option<u32>) {
        let mut decoder = std::mem::take(&mut self.decoders[stream as usize]);
        decoder.push(bytes, |part| match part {
            Part::Text(text) => self.push(stream, text, line),
            Part::Broken => self.replace(stream, line),
        });
        self.decoders[stream as usize] = decoder;
    }

    /// Notes that `bytes` were left out here by someone before us.
    pub fn omit(&mut self, bytes: u64) {
        self.flush_pending();
        self.head_is_closed = true;
        self.omitted += bytes;
        // One gap is all that a report can show: what lies between two gaps goes too.
        self.omitted += self.tail_bytes as u64;
        self.tail.clear();
        self.tail_bytes = 0;
    }

    /// Ends it.
    pub fn finish(mut self) -> Kept {
        self.flush_pending();
        self.shorten_tail(self.each_end);
        let mut pieces = self.head;
        let before = pieces.len();
        for piece in self.tail {
            // A gap is a border; elsewhere one stream's pieces belong together.
            let joins = self.omitted == 0 || pieces.len() > before;
            match pieces.last_mut() {
                Some(last) if joins && last.stream == piece.stream && last.line == piece.line => {
                    last.text.push_str(&piece.text);
                }
                _ => pieces.push(piece),
            }
        }
        let gap = (self.omitted > 0).then_some(Gap {
            bytes: self.omitted,
            before,
        });
        Kept {
            pieces,
            gap,
            replaced: self.replaced,
        }
    }

    fn flush_pending(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if self.decoders[stream as usize].flush() {
                self.replace(stream, None);
            }
        }
    }

    fn replace(&mut self, stream: Stream, line: Option<u32>) {
        self.replaced = true;
        self.push(stream, "\u{fffd}", line);
    }

    fn push(&mut self, stream: Stream, text: &str, line: Option<u32>) {
        let line = line.filter(|_| self.has_room_for_lines());
        let mut text = text;
        if !self.head_is_closed {
            let cut = floor(text, self.each_end - self.head_bytes);
            let (now, later) = text.split_at(cut);
            self.push_to_head(stream, now, line);
            if later.is_empty() {
                return;
            }
            self.head_is_closed = true;
            text = later;
        }
        while !text.is_empty() {
            let (now, later) = text.split_at(floor(text, TAIL_PIECE));
            self.push_to_tail(stream, now, line);
            text = later;
        }
    }

    fn has_room_for_lines(&self) -> bool {
        match self.head_is_closed {
            false => self.head.len() < MOST_PIECES_WITH_LINES,
            true => self.tail.len() < MOST_PIECES_WITH_LINES,
        }
    }

    fn push_to_head(&mut self, stream: Stream, text: &str, line: Option<u32>) {
        if text.is_empty() {
            return;
        }
        self.head_bytes += text.len();
        match self.head.last_mut() {
            Some(last) if last.stream == stream && last.line == line => last.text.push_str(text),
            _ => self.head.push(Output {
                stream,
                text: text.to_owned(),
                line,
            }),
        }
        self.head_is_closed = self.head.len() >= MOST_PIECES;
    }

    fn push_to_tail(&mut self, stream: Stream, text: &str, line: Option<u32>) {
        self.tail_bytes += text.len();
        match self.tail.back_mut() {
            Some(last)
                if last.stream == stream
                    && last.line == line
                    && last.text.len() + text.len() <= TAIL_PIECE =>
            {
                last.text.push_str(text);
            }
            _ => self.tail.push_back(Output {
                stream,
                text: text.to_owned(),
                line,
            }),
        }
        // Whole pieces only, so that a flood is not moved about in memory; the exact cut comes at the end.
        while self.tail.len() > MOST_PIECES
            || self
                .tail
                .front()
                .is_some_and(|first| self.tail_bytes - first.text.len() >= self.each_end)
        {
            let Some(first) = self.tail.pop_front() else {
                break;
            };
            self.tail_bytes -= first.text.len();
            self.omitted += first.text.len() as u64;
        }
    }

    /// Cuts the tail to `limit` bytes, at the beginning of a line where there is one near.
    fn shorten_tail(&mut self, limit: usize) {
        let Some(first) = self.tail.front_mut() else {
            return;
        };
        if self.tail_bytes <= limit {
            return;
        }
        let least = ceil(&first.text, self.tail_bytes.saturating_sub(limit));
        let line = first.text[least..].find('\n').map(|at| least + at + 1);
        let cut = line.filter(|at| *at < first.text.len()).unwrap_or(least);
        first.text.drain(..cut);
        self.tail_bytes -= cut;
        self.omitted += cut as u64;
    }
}

/// The last border of a character in `text` that is not behind `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// The first border of a character in `text` that is not before `at`.
fn ceil(text: &str, at: usize) -> usize {
    (at.min(text.len())..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}

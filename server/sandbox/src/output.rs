//! The program's output: read from its pipes or taken from a stopped thread, counted, and passed on.

use std::io::{PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use belljar_plan::RunPlan;
use belljar_report::Stream;
use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::kept::{MOST_PRINTED, Printed};
use crate::spool::Spool;
use crate::talk::Talk;

/// Bytes read from the program at once. (Measured: 256 KiB and a large pipe read 2.5 GB/s, 8 KiB and a small one 1.5.)
const CHUNK: usize = 256 << 10;
/// So long what a program that prints too much to be put on lines has printed may gather, so that it is read in few reads.
const REST: Duration = Duration::from_millis(5);

/// Of what is remembered, so many pieces, of which any may be empty.
const MOST_PIECES: usize = 4096;

/// More was printed than the limit allows.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMuch;

/// See above.
pub struct Output {
    /// Open ends of standard output and error.
    pipes: [Option<PipeReader>; 2],
    buffer: Vec<u8>,
    has_lines: bool,
    /// How much more may be printed.
    room: u64,
    /// Of prints that are too large to be taken at once: their line, and how much is still to come through the pipe.
    claimed: [Option<(u32, u64)>; 2],
    /// What comes next out of a stream begins a line.
    begins: [bool; 2],
    /// When a pipe was last read.
    read: Option<Instant>,
    spool: Spool,
    /// What was printed so far, while it is wanted: see [`Output::remember`].
    remembered: Option<Memory>,
}

/// What was printed, and how many bytes that is.
#[derive(Default)]
struct Memory {
    printed: Printed,
    bytes: usize,
}

impl Memory {
    /// With one piece more; nothing if that is more than is worth it.
    fn and(mut self, stream: usize, piece: &[u8]) -> Option<Memory> {
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > MOST_PRINTED || self.printed.len() >= MOST_PIECES {
            return None;
        }
        self.printed.push((stream, piece.to_vec()));
        Some(self)
    }
}

impl Output {
    /// What comes out of these pipes.
    pub fn new(pipes: [Option<PipeReader>; 2], plan: &RunPlan) -> Output {
        Output {
            pipes,
            buffer: vec![0; CHUNK],
            has_lines: plan.output_lines,
            room: plan.limits.output,
            claimed: [None, None],
            begins: [true, true],
            read: None,
            spool: Spool::default(),
            remembered: None,
        }
    }

    /// Remembers from here on what is printed.
    pub fn remember(&mut self) {
        self.remembered = Some(Memory::default());
    }

    /// What was printed since; nothing if it was more than is worth it.
    pub fn remembered(&mut self) -> Option<Printed> {
        self.remembered.take().map(|memory| memory.printed)
    }

    /// The pipe of a stream, to wait on.
    pub fn pipe(&self, stream: usize) -> Option<BorrowedFd<'_>> {
        self.pipes.get(stream)?.as_ref().map(AsFd::as_fd)
    }

    /// Takes no more.
    pub fn close(&mut self) {
        self.pipes = [None, None];
    }

    /// How much more the program may print.
    pub fn room(&self) -> u64 {
        self.room
    }

    /// Whether what comes next out of a stream begins a line of it.
    pub fn begins(&self, stream: usize) -> bool {
        self.begins[stream]
    }

    /// The next so many bytes of a stream's pipe were printed by this line.
    pub fn claim(&mut self, stream: usize, claim: Option<(u32, u64)>) {
        self.claimed[stream] = claim;
    }

    /// How long the pipes of a program that prints too much may rest.
    pub fn rest(&self) -> Duration {
        REST.saturating_sub(self.read.map_or(REST, |read| read.elapsed()))
    }

    /// How long what was not passed on yet may wait.
    pub fn patience(&self) -> Option<Duration> {
        self.spool.patience()
    }

    /// Reads from one stream once. At its end it is closed.
    ///
    /// # Errors
    /// It was too much.
    pub fn read(&mut self, stream: usize, talk: &mut Talk<'_>) -> Result<(), TooMuch> {
        let Some(pipe) = self.pipes.get_mut(stream).and_then(Option::as_mut) else {
            return Ok(());
        };
        let n = match pipe.read(&mut self.buffer) {
            Ok(0) | Err(_) => {
                self.pipes[stream] = None;
                return Ok(());
            }
            Ok(n) => n,
        };
        self.read = Some(Instant::now());
        let claimed = self.claimed[stream].take();
        let claimed = claimed.filter(|(_, left)| n as u64 <= *left);
        self.claimed[stream] = claimed.map(|(line, left)| (line, left - n as u64));
        let line = claimed.map(|(line, _)| line);
        let buffer = std::mem::take(&mut self.buffer);
        let taken = self.take(stream, buffer.get(..n).unwrap_or_default(), line, talk);
        self.buffer = buffer;
        taken
    }

    /// Reads all that a pipe holds now.
    ///
    /// # Errors
    /// It was too much.
    pub fn drain(&mut self, stream: usize, talk: &mut Talk<'_>) -> Result<(), TooMuch> {
        while self.pipe(stream).is_some_and(is_readable) {
            self.read(stream, talk)?;
        }
        Ok(())
    }

    /// Passes on what a line printed, up to the limit.
    ///
    /// # Errors
    /// It was too much.
    pub fn take(
        &mut self,
        stream: usize,
        bytes: &[u8],
        line: Option<u32>,
        talk: &mut Talk<'_>,
    ) -> Result<(), TooMuch> {
        self.begins[stream] = bytes.last().is_none_or(|last| *last == b'\n');
        let room = usize::try_from(self.room).unwrap_or(usize::MAX);
        self.room = self.room.saturating_sub(bytes.len() as u64);
        let kept = bytes.get(..room).unwrap_or(bytes);
        let remembered = self.remembered.take();
        self.remembered = remembered.and_then(|memory| memory.and(stream, kept));
        let stream = if stream == 0 {
            Stream::Stdout
        } else {
            Stream::Stderr
        };
        match self.has_lines {
            true => self.spool.take(stream, kept, line, talk),
            false if kept.is_empty() => {}
            false => talk.pass(stream, kept, None),
        }
        match kept.len() == bytes.len() {
            true => Ok(()),
            false => Err(TooMuch),
        }
    }

    /// Passes on what has waited long enough.
    pub fn give_if_due(&mut self, talk: &mut Talk<'_>) {
        self.spool.give_if_due(talk);
    }

    /// Passes on all of it.
    pub fn give(&mut self, talk: &mut Talk<'_>) {
        self.spool.give(talk);
    }
}

/// Whether reading would not wait.
pub fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let mut waiting = [PollFd::new(descriptor, PollFlags::POLLIN)];
    matches!(nix::poll::poll(&mut waiting, PollTimeout::ZERO), Ok(1))
        && waiting[0]
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(count: usize, piece: &[u8]) -> Option<usize> {
        let memory = (0..count).try_fold(Memory::default(), |memory, _| memory.and(1, piece));
        memory.map(|memory| memory.printed.len())
    }

    #[test]
    fn only_so_much_that_a_compiler_says_is_kept() {
        assert_eq!(remembered(64, &[b'x'; 1 << 10]), Some(64));
        assert_eq!(remembered(65, &[b'x'; 1 << 10]), None);
        assert_eq!(remembered(MOST_PIECES, b""), Some(MOST_PIECES));
        assert_eq!(remembered(MOST_PIECES + 1, b""), None, "empty ones count");
    }
}

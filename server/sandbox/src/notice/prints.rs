//! Prints: what a stopped thread is about to write to the run's output. The watcher carries such a write out itself, so it
//! knows of each piece of output who printed it, however many threads and processes print at once.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use belljar_sys::Notification;

use super::argument::{argument, word_at};
use crate::filter::What;

/// What is larger goes through the pipe, as it would without us: a program may have to wait until it is taken.
const MOST_BYTES: usize = 64 << 10;
/// The most pieces that one write may have (`UIO_MAXIOV`).
const MOST_PIECES: u64 = 1024;
/// So many prints of a run are put on their lines, or as many as that takes so long for, and then one now and then. (A place
/// costs 0.03 to 0.1 ms, and much more on a busy machine; a program that prints without end prints every 0.01 ms.)
const MOST_PLACES: u32 = 2000;
const LONGEST: Duration = Duration::from_millis(500);
const NOW_AND_THEN: Duration = Duration::from_millis(10);

/// A write to the run's output that waits for us.
#[derive(Clone, Copy)]
pub struct Print {
    pub call: Notification,
    /// To standard output (0) or standard error (1).
    pub stream: usize,
    is_in_pieces: bool,
}

/// Knows a run's output when a program writes to it.
pub struct Prints {
    /// Inodes of the pipes that standard output and error are.
    pipes: [u64; 2],
    places: u32,
    /// How long that took.
    spent: Duration,
    /// When the last place was looked for.
    latest: Instant,
    /// What was printed last to each stream.
    last: [Option<Last>; 2],
}

#[derive(Clone, Copy)]
struct Last {
    thread: i32,
    /// Where it was printed.
    line: Option<u32>,
    /// It ends a line of output.
    ends: bool,
}

impl Prints {
    /// For the run whose output comes out of these.
    pub fn of(output: [Option<impl AsFd>; 2]) -> Option<Prints> {
        let inode = |pipe: Option<_>| Some(nix::sys::stat::fstat(pipe?).ok()?.st_ino);
        let [stdout, stderr] = output.map(inode);
        Some(Prints {
            pipes: [stdout?, stderr?],
            places: 0,
            spent: Duration::ZERO,
            latest: Instant::now(),
            last: [None, None],
        })
    }

    /// A write that stopped: a print, if it is one to our pipes. Descriptors 1 and 2 can be anything. None also if it is one
    /// of too many, which go their own way.
    pub fn of_call(&mut self, call: &Notification, what: What) -> Option<Print> {
        let goes_on = |last: &Last| last.thread == call.thread && last.line.is_some() && !last.ends;
        if self.are_too_many()
            && self.latest.elapsed() < NOW_AND_THEN
            && !self.last.iter().flatten().any(goes_on)
        {
            self.last = [None, None];
            return None;
        }
        let descriptor = argument(call, 0) as i32;
        let file = format!("/proc/{}/fd/{descriptor}", call.thread);
        // The link's own permissions say for what the descriptor is open.
        let is_writable = fs::symlink_metadata(&file).is_ok_and(|link| link.mode() & 0o200 != 0);
        is_writable.then_some(())?;
        let target = fs::read_link(&file);
        let inode = target.ok().and_then(|target| {
            let inode = target.to_str()?.strip_prefix("pipe:[")?.strip_suffix(']')?;
            inode.parse::<u64>().ok()
        });
        Some(Print {
            call: *call,
            stream: self.pipes.iter().position(|pipe| Some(*pipe) == inode)?,
            is_in_pieces: matches!(what, What::WritePieces),
        })
    }

    /// Whether they are not all put on their lines any more.
    pub fn are_too_many(&self) -> bool {
        self.places >= MOST_PLACES || self.spent >= LONGEST
    }

    /// The line of a print, which `find` finds. `begins` says whether it begins a line of output: of too many, whole lines
    /// are left out.
    pub fn line(
        &mut self,
        print: &Print,
        bytes: &[u8],
        begins: bool,
        find: impl FnOnce() -> Option<u32>,
    ) -> Option<u32> {
        let thread = print.call.thread;
        let last = self.last[print.stream].filter(|last| last.thread == thread);
        let line = match last {
            // Many runtimes write the end of a line by itself.
            Some(last) if bytes == b"\n" || self.are_too_many() && !last.ends => last.line,
            _ if self.are_too_many() && !begins => None,
            _ => {
                self.places = self.places.saturating_add(1);
                let began = Instant::now();
                let line = find();
                self.latest = Instant::now();
                self.spent += self.latest - began;
                line
            }
        };
        self.last[print.stream] = Some(Last {
            thread,
            line,
            ends: bytes.ends_with(b"\n"),
        });
        line
    }
}

impl Print {
    /// What is written; none if it is too much, or not there.
    pub fn read(&self) -> Option<Vec<u8>> {
        if !self.is_in_pieces {
            return self.piece(argument(&self.call, 1), argument(&self.call, 2), MOST_BYTES);
        }
        let (vector, count) = (argument(&self.call, 1), argument(&self.call, 2));
        (count <= MOST_PIECES).then_some(())?;
        let mut bytes = Vec::new();
        for index in 0..count {
            // struct iovec: where the piece is, and how long.
            let entry = vector.checked_add(index * 16)?;
            let start = word_at(self.call.thread, entry)?;
            let length = word_at(self.call.thread, entry.checked_add(8)?)?;
            bytes.extend(self.piece(start, length, MOST_BYTES - bytes.len())?);
        }
        Some(bytes)
    }

    fn piece(&self, start: u64, length: u64, most: usize) -> Option<Vec<u8>> {
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= most)?;
        let mut bytes = vec![0; length];
        if length == 0 {
            return Some(bytes);
        }
        let read = belljar_sys::read_memory(self.call.thread, start, &mut bytes).ok()?;
        (read == length).then_some(bytes)
    }

    /// How much is written, if it is too much to be taken at once and can be told without looking.
    pub fn length(&self) -> Option<u64> {
        let length = argument(&self.call, 2);
        (!self.is_in_pieces && length > MOST_BYTES as u64).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(stream: usize, thread: i32) -> Print {
        let call = Notification {
            id: 0,
            thread,
            number: 1,
            arguments: [1, 0, 0, 0, 0, 0],
        };
        Print {
            call,
            stream,
            is_in_pieces: false,
        }
    }

    fn prints() -> Prints {
        let (one, _keep) = std::io::pipe().unwrap();
        let (other, _keep) = std::io::pipe().unwrap();
        Prints::of([Some(one), Some(other)]).unwrap()
    }

    #[test]
    fn the_end_of_a_line_belongs_to_what_the_same_thread_printed_before() {
        let mut prints = prints();
        let print = print(0, 7);
        assert_eq!(prints.line(&print, b"a", true, || Some(3)), Some(3));
        assert_eq!(prints.line(&print, b"\n", false, || Some(4)), Some(3));
        let other = Print {
            call: Notification {
                thread: 8,
                ..print.call
            },
            ..print
        };
        assert_eq!(prints.line(&other, b"\n", true, || Some(5)), Some(5));
    }

    #[test]
    fn of_too_many_prints_whole_lines_are_left_out_and_a_few_are_not() {
        let mut prints = prints();
        let print = print(0, 7);
        for _ in 0..MOST_PLACES {
            prints.line(&print, b"a\n", true, || Some(1));
        }
        assert!(prints.are_too_many());
        prints.latest = Instant::now();
        assert!(prints.of_call(&print.call, What::Write).is_none());
        // In the middle of a line that was left out.
        assert_eq!(prints.line(&print, b"b\n", false, || Some(2)), None);
        assert_eq!(prints.line(&print, b"c", true, || Some(2)), Some(2));
        assert_eq!(
            prints.line(&print, b"d\n", false, || panic!("looked for")),
            Some(2)
        );
    }

    #[test]
    fn what_is_written_is_read_from_the_thread_in_one_piece_or_in_several() {
        let text = b"some text".to_vec();
        let pieces = [
            text.as_ptr() as u64,
            4,
            text.as_ptr() as u64 + 4,
            5,
            0x10,
            0,
        ];
        let mut print = print(0, std::process::id() as i32);
        print.call.arguments = [1, text.as_ptr() as u64, 9, 0, 0, 0];
        assert_eq!(print.read().unwrap(), text);
        print.is_in_pieces = true;
        print.call.arguments = [1, pieces.as_ptr() as u64, 3, 0, 0, 0];
        assert_eq!(print.read().unwrap(), text);
        print.call.arguments[2] = MOST_PIECES + 1;
        assert_eq!(print.read(), None);
        print.is_in_pieces = false;
        for (start, length) in [(0x10, 9), (u64::MAX - 2, 9), (pieces[0], u64::MAX)] {
            print.call.arguments = [1, start, length, 0, 0, 0];
            assert_eq!(print.read(), None);
        }
    }
}

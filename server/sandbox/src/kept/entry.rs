//! What one kept program is as a file: what it was made of, what its compiler printed, and the program.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};

use nix::sys::stat::FileStat;

/// Written last, so a file that nobody finished is none.
const MARK: [u8; 8] = *b"belljar1";
/// The mark, a checksum over the rest, and how long the description is.
const HEAD: usize = 16;

/// So much of the compiler's words is kept. A program whose compiler says more is compiled again, and says it again.
pub const MOST_PRINTED: usize = 64 << 10;

/// Names of files, and what a compiler said: no more.
pub const MOST_DESCRIPTION: u64 = 16 << 20;

/// What came out of a cell's streams, in order.
pub type Printed = Vec<(usize, Vec<u8>)>;

/// A file's size, and when it and what describes it changed (seconds and nanoseconds). The last no program can choose.
pub type Seen = (i64, [i64; 2], [i64; 2]);

/// By what a file of the host is known to be unchanged. Two files that were unpacked at once differ only by device and number.
pub type State = (Seen, [u64; 2]);

/// The state of a file on the host.
pub fn state(facts: &Metadata) -> State {
    let seen = (
        facts.size().cast_signed(),
        [facts.mtime(), facts.mtime_nsec()],
        [facts.ctime(), facts.ctime_nsec()],
    );
    (seen, [facts.dev(), facts.ino()])
}

/// What a cell sees of a file's state: an overlay may give it another number.
pub fn seen_inside(facts: &FileStat) -> Seen {
    (
        facts.st_size,
        [facts.st_mtime, facts.st_mtime_nsec],
        [facts.st_ctime, facts.st_ctime_nsec],
    )
}

/// A kept program.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// What its compiler read besides what the plan has.
    pub inputs: Vec<(String, State)>,
    /// What its compiler printed.
    pub printed: Printed,
    /// The program.
    pub program: Vec<u8>,
}

impl Entry {
    /// Reads what [`Entry::write`] wrote. A file that is not whole is none.
    pub fn read(file: &mut File, most: u64) -> Option<Entry> {
        let size = file.metadata().ok()?.size().min(most);
        let mut bytes = Vec::with_capacity(usize::try_from(size).ok()?);
        file.take(most).read_to_end(&mut bytes).ok()?;
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        if head.get(..8)? != MARK || number(8)? != crc32fast::hash(rest) {
            return None;
        }
        let (description, _) = rest.split_at_checked(usize::try_from(number(12)?).ok()?)?;
        let (inputs, printed) = serde_json::from_slice(description).ok()?;
        // In its place: memory that nobody had before is paid for page by page.
        let before = HEAD + description.len();
        bytes.drain(..before);
        Some(Entry {
            inputs,
            printed,
            program: bytes,
        })
    }

    /// Writes it into an empty file.
    pub fn write(&self, file: &mut File) -> io::Result<()> {
        let description = serde_json::to_vec(&(&self.inputs, &self.printed))?;
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&description);
        checksum.update(&self.program);
        let length = u32::try_from(description.len()).map_err(io::Error::other)?;
        file.write_all(&[0; HEAD])?;
        file.write_all(&description)?;
        file.write_all(&self.program)?;
        let numbers = [checksum.finalize(), length].map(u32::to_le_bytes);
        file.write_all_at(&[&MARK[..], &numbers[0], &numbers[1]].concat(), 0)
    }
}

/// Something kept that is too large to be held: what it was made of was read, and the rest is still in its file.
pub struct Large {
    /// What its compiler read.
    pub inputs: Vec<(String, State)>,
    /// How large the rest is.
    pub length: u64,
    file: File,
    checksum: crc32fast::Hasher,
    expected: u32,
}

impl Large {
    /// Reads the beginning of what [`Entry::write`] wrote.
    pub fn read(mut file: File) -> Option<Large> {
        let mut head = [0; HEAD];
        file.read_exact(&mut head).ok()?;
        let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let described = u64::from(number(12)?);
        if head.get(..8)? != MARK || described > MOST_DESCRIPTION {
            return None;
        }
        let mut description = Vec::new();
        let read = (&mut file).take(described).read_to_end(&mut description);
        let before = described + HEAD as u64;
        let length = file.metadata().ok()?.size().checked_sub(before)?;
        let (inputs, _): (_, Printed) = serde_json::from_slice(&description).ok()?;
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&description);
        read.ok()?;
        Some(Large {
            inputs,
            length,
            file,
            checksum,
            expected: number(8)?,
        })
    }

    /// Writes the rest to a file, and gives what it was made of. `None` if it is not whole; then what was written is worthless.
    pub fn pour(mut self, to: &mut File) -> Option<Vec<(String, State)>> {
        let mut piece = vec![0; 256 << 10];
        loop {
            let n = self.file.read(&mut piece).ok()?;
            let read = piece.get(..n)?;
            if read.is_empty() {
                break;
            }
            self.checksum.update(read);
            to.write_all(read).ok()?;
        }
        let is_whole = self.checksum.finalize() == self.expected;
        if !is_whole {
            // So that it is made again.
            let _ = self.file.set_len(0);
        }
        is_whole.then_some(self.inputs)
    }
}

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
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes).ok()?;
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let number = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        if head.get(..8)? != MARK || number(8)? != crc32fast::hash(rest) {
            return None;
        }
        let (description, _) = rest.split_at_checked(usize::try_from(number(12)?).ok()?)?;
        let (inputs, printed) = serde_json::from_slice(description).ok()?;
        let program = bytes.split_off(HEAD + description.len());
        Some(Entry {
            inputs,
            printed,
            program,
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

//! The directory in which programs are kept. Several of us may use it at once, and the user may remove it at any time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

use super::entry::{Entry, MOST_DESCRIPTION};
use super::{MOST_BYTES, is_key};

/// So much is kept, and so many programs. The ones that were not used for longest go first.
const MOST: Stock = Stock {
    programs: 500,
    bytes: 512 << 20,
};
/// Besides the program, an entry holds names of files and what the compiler printed.
const MOST_ENTRY: u64 = MOST_BYTES + MOST_DESCRIPTION;

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// How many programs.
    pub programs: u64,
    /// How large they are.
    pub bytes: u64,
}

/// See above.
pub struct Shelf(PathBuf);

/// A place on it for one program.
pub struct Place {
    path: PathBuf,
    file: File,
    is_filled: bool,
    /// If it is not filled, it is filled with nothing, so that nobody tries again.
    or_nothing: bool,
}

impl Shelf {
    /// The directory, made if it is not there. `None` if it is not ours alone.
    pub fn open(path: &Path) -> Option<Shelf> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let shelf = Shelf(path.to_owned());
        if !shelf.is_ours() {
            builder.create(path).ok()?;
        }
        shelf.is_ours().then_some(shelf)
    }

    fn is_ours(&self) -> bool {
        fs::symlink_metadata(&self.0).is_ok_and(|facts| {
            facts.is_dir() && facts.uid() == geteuid().as_raw() && facts.mode() & 0o022 == 0
        })
    }

    /// What is kept under this key.
    pub fn take(&self, key: &str) -> Option<Entry> {
        Entry::read(&mut self.open_entry(key)?, MOST_ENTRY)
    }

    /// The file under this key, whatever it holds.
    pub fn open_entry(&self, key: &str) -> Option<File> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOFOLLOW.bits() | OFlag::O_NONBLOCK.bits())
            .open(self.0.join(key))
            .ok()?;
        // So that it is not among those that go first.
        let _ = file.set_modified(SystemTime::now());
        Some(file)
    }

    /// Whether nobody asked for this key before. From now on somebody did.
    pub fn is_first(&self, key: &str) -> bool {
        let mut options = OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600);
        made.open(self.0.join(key)).is_ok()
    }

    /// A place for what will be kept under this key. Whoever else has one, or reads what was there, goes on with that.
    pub fn reserve(&self, key: &str) -> Option<Place> {
        self.make_room();
        let path = self.0.join(key);
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .ok()?;
        Some(Place {
            path,
            file,
            is_filled: false,
            or_nothing: false,
        })
    }

    /// Removes what was not used for longest, if there is too much.
    fn make_room(&self) {
        let mut entries = entries(&self.0);
        let Stock { programs, bytes } = count(&entries);
        if programs < MOST.programs && bytes < MOST.bytes {
            return;
        }
        entries.sort();
        let mut left = Stock { programs, bytes };
        for (_, size, path) in entries {
            // Not only as many as must go: then it would be so each time.
            if left.programs < MOST.programs * 3 / 4 && left.bytes < MOST.bytes * 3 / 4 {
                return;
            }
            let _ = fs::remove_file(path);
            left.programs -= 1;
            left.bytes -= size;
        }
    }
}

/// How much is kept in this directory, which need not be there.
pub fn stock(directory: &Path) -> Stock {
    count(&entries(directory))
}

fn entries(directory: &Path) -> Vec<(SystemTime, u64, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| is_key(&entry.file_name()))
        .filter_map(|entry| {
            let facts = entry.metadata().ok()?;
            Some((facts.modified().ok()?, facts.size(), entry.path()))
        })
        .collect()
}

fn count(entries: &[(SystemTime, u64, PathBuf)]) -> Stock {
    Stock {
        programs: entries.len() as u64,
        bytes: entries.iter().map(|(_, size, _)| size).sum(),
    }
}

impl Place {
    /// Puts it there.
    pub fn fill(mut self, entry: &Entry) -> Option<()> {
        entry.write(&mut self.file).ok()?;
        self.is_filled = true;
        Some(())
    }
}

impl Place {
    /// See above.
    pub fn or_nothing(mut self) -> Place {
        self.or_nothing = true;
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_filled && self.or_nothing {
            let nothing = Entry {
                inputs: Vec::new(),
                printed: Vec::new(),
                program: Vec::new(),
            };
            self.is_filled = nothing.write(&mut self.file).is_ok();
        }
        if !self.is_filled {
            // Root's runs are nobody's by now and may not; an empty place is none, and goes with the old ones.
            let _ = fs::remove_file(&self.path);
        }
    }
}

//! What a path leads to in the cell, found out from outside and without ever opening what is there.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

/// So many links that lead nowhere are followed.
const MOST_LINKS: usize = 8;

/// The root of a cell.
pub struct Inside {
    root: OwnedFd,
}

/// What is at a path.
pub enum Found {
    /// Something.
    There(There),
    /// Nothing. `above` is as much of the path as is there, with no link in it, and `below` is the rest.
    Missing { above: PathBuf, below: PathBuf },
    /// The kernel would not say; then it tells the program the same.
    Unknown,
}

/// Something at a path.
pub struct There {
    handle: OwnedFd,
}

impl There {
    /// Its path with no link in it.
    pub fn path(&self) -> Option<PathBuf> {
        let path = fs::read_link(format!("/proc/self/fd/{}", self.handle.as_raw_fd())).ok()?;
        path.is_absolute().then_some(path)
    }

    /// What kind of file it is, and its permissions.
    pub fn facts(&self) -> Option<FileStat> {
        fstat(self.handle.as_fd()).ok()
    }

    /// Whether it is an ordinary file of this size.
    pub fn is_file_of(&self, size: u64) -> bool {
        let is_file = |facts: &FileStat| {
            SFlag::from_bits_truncate(facts.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
        };
        self.facts()
            .is_some_and(|facts| is_file(&facts) && u64::try_from(facts.st_size) == Ok(size))
    }

    /// The error with which the kernel refuses the cell's user to write to it; none if it does not.
    pub fn refuses_to_be_written(&self) -> Option<Errno> {
        let path = format!("/proc/self/fd/{}", self.handle.as_raw_fd());
        nix::unistd::access(path.as_str(), nix::unistd::AccessFlags::W_OK).err()
    }
}

impl Inside {
    /// Of the cell whose pid 1 this is. To be called before the programs start: later nobody may look into pid 1.
    pub fn of(pid: i32) -> io::Result<Inside> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = open(format!("/proc/{pid}/root").as_str(), flags, Mode::empty())?;
        Ok(Inside { root })
    }

    /// Of the cell whose files these are.
    pub fn at(root: OwnedFd) -> Inside {
        Inside { root }
    }

    /// The cell's own /proc, as a path of ours.
    pub fn processes(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/proc", self.root.as_raw_fd()))
    }

    /// What is at `path`, which is absolute. `follow` says whether a link at its end is followed.
    pub fn find(&self, path: &Path, follow: bool) -> Found {
        match self.handle(path, follow) {
            Ok(handle) => Found::There(There { handle }),
            Err(Errno::ENOENT | Errno::ENOTDIR) => self.missing(path, MOST_LINKS),
            Err(_) => Found::Unknown,
        }
    }

    /// What is there at `path`, if anything can be found.
    pub fn at_path(&self, path: &Path) -> Option<There> {
        let handle = self.handle(path, true).ok()?;
        Some(There { handle })
    }

    /// Whether something is at `path`.
    pub fn has(&self, path: &Path, follow: bool) -> bool {
        self.handle(path, follow).is_ok()
    }

    fn handle(&self, path: &Path, follow: bool) -> Result<OwnedFd, Errno> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::ENOENT)?;
        let link = if follow {
            OFlag::empty()
        } else {
            OFlag::O_NOFOLLOW
        };
        // A handle opens nothing: no pipe waits for its other end, no device is started.
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC | link)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(self.root.as_fd(), path.as_c_str(), how)
    }

    fn missing(&self, path: &Path, links: usize) -> Found {
        let parts: Vec<Component<'_>> = path.components().collect();
        // What is above something that is there is there: so halving finds the end, however long the path is.
        let (mut there, mut gone) = (1, parts.len());
        // Most often it is only the last part that is missing.
        let all_but_last: PathBuf = parts.iter().take(gone.saturating_sub(1)).collect();
        if gone > 1 && self.has(&all_but_last, true) {
            there = gone - 1;
        }
        while there + 1 < gone {
            let middle = there.midpoint(gone);
            let part: PathBuf = parts.iter().take(middle).collect();
            if self.has(&part, true) {
                there = middle;
            } else {
                gone = middle;
            }
        }
        let above: PathBuf = parts.iter().take(there).collect();
        // What is missing may be what a link leads to, and not the link.
        let link: PathBuf = parts.iter().take(there + 1).collect();
        if links > 0
            && let Ok(handle) = self.handle(&link, false)
            && let Ok(target) = nix::fcntl::readlinkat(&handle, c"")
        {
            let rest: PathBuf = parts.iter().skip(there + 1).collect();
            return self.missing(&above.join(target).join(rest), links - 1);
        }
        let above = match self.handle(&above, true) {
            Ok(handle) => There { handle }.path(),
            Err(_) => None,
        };
        match above {
            Some(above) => Found::Missing {
                above,
                below: parts.iter().skip(there).collect(),
            },
            None => Found::Unknown,
        }
    }
}

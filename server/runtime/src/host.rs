//! What a plan may ask about this machine. Given from outside, so that planning stays pure.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What is at a path, after symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A socket, a pipe or a device.
    Other,
}

/// Facts about the machine and the user.
pub trait Host {
    /// What is at `path`, links followed; `None` if nothing can be seen there.
    fn kind(&self, path: &Path) -> Option<FileKind>;
    /// Whether the user may execute the regular file at `path`.
    fn is_executable(&self, path: &Path) -> bool;
    /// `path` with every link followed and every `..` gone.
    fn resolve(&self, path: &Path) -> Option<PathBuf>;
    /// Where the link at `path` points, one step; `None` if it is no link.
    fn link(&self, path: &Path) -> Option<PathBuf>;
    /// The names in the directory `path`, sorted; empty if it cannot be read.
    fn list(&self, path: &Path) -> Vec<OsString>;
    /// The content of the file at `path`; `None` if it is not there or is larger than `limit` bytes.
    fn read(&self, path: &Path, limit: u64) -> Option<Vec<u8>>;
    /// The first `count` bytes of the file at `path`, or all of a shorter one. A host that can read a part of a file
    /// should; as it is here, files larger than 256 KiB are not read at all.
    fn beginning(&self, path: &Path, count: usize) -> Option<Vec<u8>> {
        let mut content = self.read(path, 256 * 1024)?;
        content.truncate(count);
        Some(content)
    }
    /// Whether two paths lie in one file system, so that no other was mounted between them.
    fn is_same_file_system(&self, _one: &Path, _other: &Path) -> bool {
        true
    }
    /// A variable of the user's environment.
    fn variable(&self, name: &str) -> Option<OsString>;
    /// The user's home directory.
    fn home(&self) -> Option<PathBuf>;
    /// The directory the user stands in.
    fn working_directory(&self) -> Option<PathBuf>;
}

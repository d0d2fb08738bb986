//! The machine that Belljar runs on, as plans see it. Reads; starts nothing.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use belljar_plan::{FileKind, Host};
use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, access, geteuid};

/// As much as is read of the list of accounts.
const MOST_OF_ACCOUNTS: u64 = 1 << 20;

/// Where programs are looked for if `PATH` says nothing, as shells do it.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// This machine and this user.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalHost;

impl LocalHost {
    fn start_of(&self, path: &Path, count: u64) -> Option<Vec<u8>> {
        // A pipe would make us wait, and a device may never end; even to open one can have effects.
        let checked = fs::metadata(path).ok().filter(|facts| facts.is_file())?;
        let mut content = Vec::new();
        open_checked(path, &checked)?
            .take(count)
            .read_to_end(&mut content)
            .ok()?;
        Some(content)
    }
}

/// The file that was `checked`. By now another may lie at its path, and is not to hold us up.
fn open_checked(path: &Path, checked: &fs::Metadata) -> Option<fs::File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let mut how = fs::OpenOptions::new();
    let file = how.read(true).custom_flags(flags.bits()).open(path).ok()?;
    let id = |facts: &fs::Metadata| (facts.is_file(), facts.dev(), facts.ino());
    let opened = file.metadata().ok()?;
    (id(&opened) == id(checked)).then_some(file)
}

/// The home directory that the system's list of accounts has for this user.
///
/// The C library would look further, in what other services know. It loads their libraries for that, which are made for
/// programs that load the C library itself: in a static one like this they crash.
fn home_of_account() -> Option<PathBuf> {
    let accounts = LocalHost.start_of(Path::new("/etc/passwd"), MOST_OF_ACCOUNTS)?;
    home_in(&accounts, geteuid().as_raw()).map(|home| PathBuf::from(OsStr::from_bytes(home)))
}

/// The sixth field of the first account with this number.
fn home_in(accounts: &[u8], user: u32) -> Option<&[u8]> {
    let user = user.to_string();
    let mut lines = accounts.split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':').skip(2);
        (fields.next()? == user.as_bytes()).then_some(())?;
        fields.nth(2)
    })
}

impl Host for LocalHost {
    fn kind(&self, path: &Path) -> Option<FileKind> {
        let kind = fs::metadata(path).ok()?.file_type();
        Some(if kind.is_file() {
            FileKind::File
        } else if kind.is_dir() {
            FileKind::Directory
        } else {
            FileKind::Other
        })
    }

    fn is_executable(&self, path: &Path) -> bool {
        self.kind(path) == Some(FileKind::File) && access(path, AccessFlags::X_OK).is_ok()
    }

    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        fs::canonicalize(path).ok()
    }

    fn link(&self, path: &Path) -> Option<PathBuf> {
        fs::read_link(path).ok()
    }

    fn list(&self, path: &Path) -> Vec<OsString> {
        let Ok(entries) = fs::read_dir(path) else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    }

    fn read(&self, path: &Path, limit: u64) -> Option<Vec<u8>> {
        let content = self.start_of(path, limit.saturating_add(1))?;
        (content.len() as u64 <= limit).then_some(content)
    }

    fn beginning(&self, path: &Path, count: usize) -> Option<Vec<u8>> {
        self.start_of(path, count as u64)
    }

    fn is_same_file_system(&self, one: &Path, other: &Path) -> bool {
        let device = |path: &Path| fs::metadata(path).ok().map(|facts| facts.dev());
        device(one).is_some_and(|one| Some(one) == device(other))
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        let value = std::env::var_os(name);
        match name {
            "PATH" => value
                .filter(|path| !path.is_empty())
                .or_else(|| Some(USUAL_PATH.into())),
            _ => value,
        }
    }

    fn home(&self) -> Option<PathBuf> {
        let named = std::env::var_os("HOME").filter(|home| !home.is_empty());
        let home = named.map(PathBuf::from).or_else(home_of_account);
        home.filter(|home| home.is_absolute())
    }

    fn working_directory(&self) -> Option<PathBuf> {
        std::env::current_dir().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_they_are_and_reading_has_a_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, b"12345").expect("written");
        let host = LocalHost;
        assert_eq!(host.kind(&file), Some(FileKind::File));
        assert_eq!(host.kind(folder.path()), Some(FileKind::Directory));
        assert_eq!(host.kind(Path::new("/dev/null")), Some(FileKind::Other));
        assert_eq!(host.kind(&folder.path().join("none")), None);
        assert_eq!(host.read(&file, 5).as_deref(), Some(&b"12345"[..]));
        assert_eq!(host.read(&file, 4), None);
        assert_eq!(host.beginning(&file, 3).as_deref(), Some(&b"123"[..]));
        assert_eq!(host.read(Path::new("/dev/zero"), 10), None);
        assert_eq!(host.list(folder.path()), ["file"]);
        assert!(!host.is_executable(&file) && !host.is_executable(folder.path()));
        assert!(host.is_executable(&std::env::current_exe().expect("this test")));
    }

    #[test]
    fn a_home_is_known_by_the_users_number() {
        let accounts =
            b"root:x:0:0:root:/root:/bin/bash\n# none\nada:x:1001:1001:Ada,,:/home/ada:/bin/sh\n\
                         other:x:1001:7::/home/other:\nshort:x:12\nbytes:x:13:13::/\xff:";
        assert_eq!(home_in(accounts, 1001), Some(&b"/home/ada"[..]));
        assert_eq!(home_in(accounts, 0), Some(&b"/root"[..]));
        assert_eq!(home_in(accounts, 13), Some(&b"/\xff"[..]));
        for nobody in [1, 7, 12, 100] {
            assert_eq!(home_in(accounts, nobody), None);
        }
    }

    #[test]
    fn what_came_in_a_files_place_is_not_read_and_does_not_hold_us_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, b"12345").expect("written");
        let checked = fs::metadata(&path).expect("its facts");
        assert!(open_checked(&path, &checked).is_some());
        fs::rename(&path, folder.path().join("other")).expect("moved");
        assert!(open_checked(&path, &checked).is_none());
        fs::write(&path, b"12345").expect("written");
        assert!(open_checked(&path, &checked).is_none(), "another file");
        fs::remove_file(&path).expect("removed");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        assert!(open_checked(&path, &checked).is_none(), "a pipe");
    }

    #[test]
    fn a_link_is_followed_one_step_or_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"").expect("written");
        std::os::unix::fs::symlink("file", &link).expect("linked");
        assert_eq!(LocalHost.link(&link), Some(PathBuf::from("file")));
        assert_eq!(LocalHost.link(&file), None);
        assert_eq!(LocalHost.resolve(&link), fs::canonicalize(&file).ok());
    }
}

//! What of the host a program asked for: whether a name is there, found out without waiting for anybody.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;
/// No longer way is walked.
const MOST_STEPS: usize = 256;
/// So many answers are remembered.
const MOST_KNOWN: usize = 4096;
/// So many names of a home directory are taken down.
const MOST_NAMES: usize = 3000;

/// File systems where a look can wait for another machine or program, or start something.
const FAR: &[&str] = &[
    "autofs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse", "afs", "ceph", "lustre", "coda",
    "gfs2", "ocfs2", "davfs", "pvfs2", "orangefs",
];

/// What is at a path of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnHost {
    /// Nothing, or we did not look.
    Nothing,
    /// A directory.
    Directory,
    /// Something else.
    File,
    /// The user may not know: what is above it may not be looked into.
    Closed,
}

/// The host's files, as far as they were asked about.
pub struct Outside {
    home: Option<PathBuf>,
    /// Names in the home directory, if we can no longer look there ourselves.
    names: Option<HashSet<PathBuf>>,
    far: OnceCell<Vec<PathBuf>>,
    known: HashMap<(PathBuf, bool), OnHost>,
}

impl Outside {
    /// Of a user with this home directory. `names` are those of [`names_of`], taken down while it could be read.
    pub fn new(home: Option<&Path>, names: Option<HashSet<PathBuf>>) -> Outside {
        Outside {
            home: home.map(Path::to_path_buf),
            names,
            far: OnceCell::new(),
            known: HashMap::new(),
        }
    }

    /// Whether this process has given up the user's rights.
    pub fn is_blind(&self) -> bool {
        self.names.is_some()
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// What is at `path`; `follow` says whether a link at its end is followed.
    pub fn find(&mut self, path: &Path, follow: bool) -> OnHost {
        let key = (path.to_path_buf(), follow);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let found = self.look(path, follow);
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(key, found);
        found
    }

    fn look(&self, path: &Path, follow: bool) -> OnHost {
        if let Some(found) = self.in_names(path) {
            return found;
        }
        let mut here = PathBuf::from("/");
        let mut parts: VecDeque<OsString> = parts_of(path).collect();
        let mut links = 0;
        for _ in 0..MOST_STEPS {
            let Some(part) = parts.pop_front() else {
                return OnHost::Directory;
            };
            if part == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&part);
            if self.is_far(&next) {
                return OnHost::Nothing;
            }
            let kind = match fs::symlink_metadata(&next) {
                Ok(facts) => facts.file_type(),
                Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => {
                    return OnHost::Closed;
                }
                Err(_) => return OnHost::Nothing,
            };
            if kind.is_symlink() && (follow || !parts.is_empty()) {
                links += 1;
                let Ok(target) = fs::read_link(&next) else {
                    return OnHost::Nothing;
                };
                if links > MOST_LINKS {
                    return OnHost::Nothing;
                }
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                for part in parts_of(&target).collect::<Vec<_>>().into_iter().rev() {
                    parts.push_front(part);
                }
            } else if kind.is_dir() {
                here = next;
            } else {
                return if parts.is_empty() {
                    OnHost::File
                } else {
                    OnHost::Nothing
                };
            }
        }
        OnHost::Nothing
    }

    /// The answer for a path in a home directory that we can no longer look into.
    fn in_names(&self, path: &Path) -> Option<OnHost> {
        let names = self.names.as_ref()?;
        let below = path.strip_prefix(self.home.as_ref()?).ok()?;
        let two: PathBuf = below.components().take(2).collect();
        let one: PathBuf = below.components().take(1).collect();
        let is_known = if is_listed(&one) {
            names.contains(&two)
        } else {
            names.contains(&one)
        };
        Some(match is_known {
            _ if two == Path::new("") => OnHost::Directory,
            true => OnHost::File,
            false => OnHost::Nothing,
        })
    }

    /// Whether a look at `path` could make us wait. Where the user's own home lies we look anyway: everything does.
    fn is_far(&self, path: &Path) -> bool {
        let is_ours = |home: &PathBuf| path.starts_with(home) || home.starts_with(path);
        if self.home.as_ref().is_some_and(is_ours) {
            return false;
        }
        self.far
            .get_or_init(far_places)
            .iter()
            .any(|far| path.starts_with(far))
    }
}

fn parts_of(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    })
}

/// Where file systems are mounted that can make us wait. The root is none of them: nothing works without it.
fn far_places() -> Vec<PathBuf> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    table
        .split(|byte| *byte == b'\n')
        .filter_map(far_place)
        .collect()
}

/// The mount point of one line of mountinfo, if its file system is a far one.
fn far_place(line: &[u8]) -> Option<PathBuf> {
    let mut fields = line.split(|byte| *byte == b' ');
    let place = fields.nth(4)?;
    let mut after = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = String::from_utf8_lossy(after.next()?).into_owned();
    let is_far = FAR.contains(&kind.as_str()) || kind.starts_with("fuse.");
    let place = PathBuf::from(OsString::from_vec(unescaped(place)));
    (is_far && place != Path::new("/")).then_some(place)
}

/// Mountinfo writes blanks and the like as a backslash and three octal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// Whether the names below this one of a home directory are taken down: programs keep there what is worth looking for.
fn is_listed(name: &Path) -> bool {
    name.as_os_str().as_encoded_bytes().starts_with(b".")
}

/// The names in a home directory, and in those of its directories in which programs keep their settings. For root, who
/// gives up the right to look there.
pub fn names_of(home: &Path) -> HashSet<PathBuf> {
    let mut names = HashSet::new();
    let list = |directory: &Path, names: &mut HashSet<PathBuf>| {
        let mut directories = Vec::new();
        for entry in fs::read_dir(home.join(directory))
            .into_iter()
            .flatten()
            .flatten()
        {
            if names.len() >= MOST_NAMES {
                break;
            }
            let name = directory.join(entry.file_name());
            if is_listed(&name) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directories.push(name.clone());
            }
            names.insert(name);
        }
        directories
    };
    for directory in list(Path::new(""), &mut names) {
        list(&directory, &mut names);
    }
    names
}

#[cfg(test)]
#[path = "outside_tests.rs"]
mod tests;

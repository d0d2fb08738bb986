//! A machine made of nothing but a table, for tests that ask where things are.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use belljar_runtime::{FileKind, Host};

enum Entry {
    File { content: Vec<u8>, executable: bool },
    Link(PathBuf),
}

/// A machine with the files that a test puts there. Directories exist where files are.
#[derive(Default)]
pub struct FakeHost {
    entries: BTreeMap<PathBuf, Entry>,
    variables: BTreeMap<String, OsString>,
    working_directory: PathBuf,
    mounts: Vec<PathBuf>,
}

#[allow(dead_code)]
impl FakeHost {
    /// A machine of Ann's, with `/usr/bin` on `PATH`.
    pub fn new() -> FakeHost {
        FakeHost {
            working_directory: "/home/ann".into(),
            ..FakeHost::default()
        }
        .file("/home/ann/.profile", "")
        .variable("PATH", "/usr/local/bin:/usr/bin:/bin")
    }

    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> FakeHost {
        self.entries.insert(
            path.into(),
            Entry::File {
                content: content.as_ref().to_vec(),
                executable: false,
            },
        );
        self
    }

    pub fn program(mut self, path: &str) -> FakeHost {
        self.entries.insert(
            path.into(),
            Entry::File {
                content: b"\x7fELF".to_vec(),
                executable: true,
            },
        );
        self
    }

    pub fn script(mut self, path: &str, content: &str) -> FakeHost {
        self.entries.insert(
            path.into(),
            Entry::File {
                content: content.into(),
                executable: true,
            },
        );
        self
    }

    pub fn link_to(mut self, path: &str, target: &str) -> FakeHost {
        self.entries.insert(path.into(), Entry::Link(target.into()));
        self
    }

    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> FakeHost {
        let value = value.as_ref().to_owned();
        self.variables.insert(name.to_owned(), value);
        self
    }

    pub fn mounted(mut self, directory: &str) -> FakeHost {
        self.mounts.push(directory.into());
        self
    }

    pub fn standing_in(mut self, directory: &str) -> FakeHost {
        self.working_directory = directory.into();
        self
    }

    fn entry(&self, path: &Path) -> Option<&Entry> {
        self.entries.get(&self.resolve(path)?)
    }
}

impl Host for FakeHost {
    fn kind(&self, path: &Path) -> Option<FileKind> {
        let path = self.resolve(path)?;
        match self.entries.get(&path) {
            Some(_) => Some(FileKind::File),
            None => Some(FileKind::Directory),
        }
    }

    fn is_executable(&self, path: &Path) -> bool {
        matches!(
            self.entry(path),
            Some(Entry::File {
                executable: true,
                ..
            })
        )
    }

    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        let mut waiting: Vec<PathBuf> = vec![path.to_path_buf()];
        let mut resolved = PathBuf::from("/");
        let mut links = 0;
        while let Some(path) = waiting.pop() {
            let mut parts = path.components();
            let Some(part) = parts.next() else { continue };
            waiting.push(parts.as_path().to_path_buf());
            match part {
                Component::RootDir => resolved = PathBuf::from("/"),
                Component::ParentDir => {
                    resolved.pop();
                }
                Component::Normal(name) => match self.entries.get(&resolved.join(name)) {
                    Some(Entry::Link(target)) => {
                        links += 1;
                        if links > 40 {
                            return None;
                        }
                        waiting.push(target.clone());
                    }
                    _ => resolved.push(name),
                },
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
        let exists = resolved == Path::new("/")
            || self.entries.keys().any(|path| path.starts_with(&resolved));
        exists.then_some(resolved)
    }

    fn link(&self, path: &Path) -> Option<PathBuf> {
        let path = self.resolve(path.parent()?)?.join(path.file_name()?);
        match self.entries.get(&path) {
            Some(Entry::Link(target)) => Some(target.clone()),
            _ => None,
        }
    }

    fn list(&self, path: &Path) -> Vec<OsString> {
        let Some(path) = self.resolve(path) else {
            return Vec::new();
        };
        let below = self
            .entries
            .keys()
            .filter_map(|entry| entry.strip_prefix(&path).ok());
        let mut names: Vec<OsString> = below
            .filter_map(|below| below.components().next())
            .map(|part| part.as_os_str().to_owned())
            .collect();
        names.dedup();
        names
    }

    fn read(&self, path: &Path, limit: u64) -> Option<Vec<u8>> {
        match self.entry(path)? {
            Entry::File { content, .. } if content.len() as u64 <= limit => Some(content.clone()),
            _ => None,
        }
    }

    fn is_same_file_system(&self, one: &Path, other: &Path) -> bool {
        let mount = |path: &Path| self.mounts.iter().find(|mount| path.starts_with(mount));
        mount(one) == mount(other)
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/home/ann".into())
    }

    fn working_directory(&self) -> Option<PathBuf> {
        Some(self.working_directory.clone())
    }
}

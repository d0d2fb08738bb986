//! What the stub shows: the directories, links and small files that make up a cell before anything of the host is put
//! into it. It does not change while the cell is there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The number of the root, which the kernel knows before anything else.
pub const ROOT: u64 = 1;

/// One thing in the tree.
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: u32,
    /// The way to what is mounted leads through it, or it is a link, as most programs' first way leads through (`/lib64`).
    pub is_early: bool,
    /// Every way through it is asked about: what is mounted there has things that the host has, too, or has not.
    pub is_gate: bool,
}

/// What something is.
pub enum Kind {
    /// Names, and the numbers of what has them.
    Directory(BTreeMap<Vec<u8>, u64>),
    /// What a link says.
    Link(Vec<u8>),
    /// What a file holds.
    File(Vec<u8>),
}

/// All of it, by number.
pub struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// A root with nothing in it.
    pub fn new() -> Tree {
        let root = Node {
            kind: Kind::Directory(BTreeMap::new()),
            path: PathBuf::from("/"),
            mode: 0o755,
            is_early: true,
            is_gate: false,
        };
        Tree { nodes: vec![root] }
    }

    /// The thing of this number.
    pub fn node(&self, number: u64) -> Option<&Node> {
        self.nodes
            .get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// The number of what is called `name` in a directory.
    pub fn look_up(&self, directory: u64, name: &[u8]) -> Option<u64> {
        match &self.node(directory)?.kind {
            Kind::Directory(names) => names.get(name).copied(),
            _ => None,
        }
    }

    /// Puts something at `path`, whose directory must be there. What is there already stays, but a file gets the new
    /// content. `None` if that is not possible.
    pub fn put(&mut self, path: &Path, kind: Kind, mode: u32) -> Option<()> {
        let directory = self.find(path.parent()?)?;
        let name = path.file_name()?.as_bytes().to_vec();
        if let Some(there) = self.look_up(directory, &name) {
            let node = self.node_mut(there)?;
            if let (Kind::File(old), Kind::File(new)) = (&mut node.kind, kind)
                && !new.is_empty()
            {
                *old = new;
                node.mode = mode;
            }
            return Some(());
        }
        let number = self.nodes.len() as u64 + 1;
        match &mut self.node_mut(directory)?.kind {
            Kind::Directory(names) => names.insert(name, number),
            _ => return None,
        };
        self.nodes.push(Node {
            path: path.to_owned(),
            mode,
            is_early: matches!(kind, Kind::Link(_)),
            is_gate: false,
            kind,
        });
        Some(())
    }

    /// Something is mounted at `path`.
    pub fn note_mount(&mut self, path: &Path) -> Option<()> {
        for part in path.ancestors() {
            let number = self.find(part)?;
            self.node_mut(number)?.is_early = true;
        }
        Some(())
    }

    /// Every way through `path` is to be asked about.
    pub fn make_gate(&mut self, path: &Path) -> Option<()> {
        let number = self.find(path)?;
        self.node_mut(number)?.is_gate = true;
        Some(())
    }

    /// Where the gates are.
    pub fn gates(&self) -> impl Iterator<Item = &Path> {
        let gates = self.nodes.iter().filter(|node| node.is_gate);
        gates.map(|node| node.path.as_path())
    }

    /// The number of what is at `path`, without following links.
    pub fn find(&self, path: &Path) -> Option<u64> {
        path.components().try_fold(ROOT, |at, part| match part {
            Component::RootDir => Some(ROOT),
            Component::Normal(name) => self.look_up(at, OsStr::as_bytes(name)),
            _ => None,
        })
    }

    fn node_mut(&mut self, number: u64) -> Option<&mut Node> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.nodes.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_somewhere_is_found_there_and_nothing_else_is() {
        let mut tree = Tree::new();
        let directory = || Kind::Directory(BTreeMap::new());
        tree.put(Path::new("/etc"), directory(), 0o755).unwrap();
        let file = Kind::File(b"x".to_vec());
        tree.put(Path::new("/etc/hosts"), file, 0o444).unwrap();
        tree.put(Path::new("/etc"), directory(), 0o700).unwrap();
        assert_eq!(tree.find(Path::new("/etc/hosts")), Some(3));
        assert_eq!(tree.find(Path::new("/etc/shadow")), None);
        assert_eq!(tree.find(Path::new("/etc/hosts/x")), None);
        let nowhere = tree.put(Path::new("/srv/x"), directory(), 0o755);
        assert!(nowhere.is_none(), "its directory is not there");
        assert!(tree.node(0).is_none() && tree.node(99).is_none());
    }
}

//! Turns a plan into the list of operations that furnish the cell. Looks at the host, changes nothing on it.

mod fixed;
mod project;
mod skeleton;
mod views;
mod walk;

use std::collections::BTreeSet;
use std::ffi::{CStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use belljar_child::Operation;
use belljar_plan::{CellFile, RunPlan};
use belljar_sys::Arena;

use crate::failure::Failure;
use fixed::NOSUID_NODEV;
pub use fixed::{DEVICES, FOUNDATION, TEMPORARY, own_places};

/// Inodes of all scratch space together (the same figure as bubblewrap-class tools use for a project's worth of files).
const SCRATCH_INODES: u64 = 65_536;

/// How the project is put into the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectMount {
    /// Through an overlay: its sockets and pipes are other objects than the host's.
    Overlay,
    /// As a read-only view, where the kernel has no overlay for us. Sockets are then closed by the filter.
    View,
}

/// A view that the child will open.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Path on the host.
    pub path: &'a CStr,
    /// Its owner is shown as the cell's user, when root runs the cell.
    pub is_project: bool,
}

/// The operations, and the views that they attach. All that they refer to lies in the arena, or was in this process from its
/// beginning.
pub struct Furniture<'a> {
    arena: &'a Arena,
    /// What the child opens.
    pub views: Vec<View<'a>>,
    /// What the child does.
    pub operations: Vec<Operation<'a>>,
    /// Paths below which the host's own directories are, so that nothing can or need be made there.
    covered: Vec<PathBuf>,
    /// As they are written: paths compare by taking both apart.
    made: BTreeSet<OsString>,
    /// Directories of the staging place.
    staged: BTreeSet<String>,
    /// Parts of paths that are no symbolic links on the host.
    no_links: BTreeSet<OsString>,
    root_bytes: u64,
    /// The project has hidden files, in a directory that the cell sees.
    hides_in_project: bool,
    /// Something did not fit into the arena.
    is_too_much: bool,
}

impl<'a> Furniture<'a> {
    /// Everything for `plan`, in `arena`.
    ///
    /// # Errors
    /// A required view that is not there, a project whose hidden files cannot be listed, or too much for the arena.
    pub fn of(
        plan: &RunPlan,
        project_mount: ProjectMount,
        arena: &'a Arena,
    ) -> Result<Furniture<'a>, Failure> {
        let mut cell = Furniture {
            arena,
            views: Vec::with_capacity(64),
            operations: Vec::with_capacity(256),
            covered: Vec::with_capacity(64),
            made: fixed::MADE.iter().map(OsString::from).collect(),
            staged: BTreeSet::new(),
            no_links: BTreeSet::new(),
            root_bytes: 0,
            hides_in_project: false,
            is_too_much: false,
        };
        cell.etc(plan);
        cell.views(plan, project_mount)?;
        cell.home_links(plan);
        if let Some(project) = &plan.project {
            cell.project(project, &plan.files, project_mount)?;
        }
        for file in &plan.files {
            let in_project = plan
                .project
                .as_ref()
                .is_some_and(|project| file.path.starts_with(&project.root));
            if !in_project {
                cell.file(file);
            }
        }
        if cell.is_too_much {
            let error = io::ErrorKind::OutOfMemory.into();
            return Err(Failure::before("write the plan for the cell", &error));
        }
        Ok(cell)
    }

    /// Whether operation `index` mounts the overlay, for which there is a second way.
    pub fn is_overlay(&self, index: usize) -> bool {
        matches!(self.operations.get(index), Some(Operation::Mount { kind, .. }) if *kind == c"overlay")
    }

    /// Options of the root: as large as what is put there by us, and little more.
    pub fn root_options(&self) -> String {
        // Each file takes whole pages; a directory or link about one.
        let made = FOUNDATION.len() + self.operations.len();
        let pages = (made as u64 + self.root_bytes / 4096) * 2 + 256;
        format!("size={}k,nr_inodes={},mode=0755", pages * 4, made + 256)
    }

    /// Options of the scratch space.
    pub fn staging_options(plan: &RunPlan) -> String {
        format!(
            "size={},nr_inodes={SCRATCH_INODES},mode=0755",
            plan.limits.scratch.max(4096)
        )
    }

    fn etc(&mut self, plan: &RunPlan) {
        for (path, content) in fixed::SYNTHETIC {
            let is_shown = plan
                .views
                .iter()
                .any(|view| view.path.as_os_str().as_bytes() == path.to_bytes());
            if !is_shown {
                self.operations.push(Operation::File {
                    path,
                    content: content.as_bytes(),
                    mode: 0o444,
                });
            }
        }
    }

    fn attach(&mut self, to: &'a CStr, path: &Path, is_project: bool) {
        let view = self.views.len();
        self.operations.push(Operation::View { view, path: to });
        let path = self.path(path);
        self.views.push(View { path, is_project });
    }

    fn file(&mut self, file: &CellFile) {
        self.parents(&file.path);
        if self.is_covered(&file.path) {
            // It lies in something of the host's that we only show: cover it, as the project's files are covered.
            let from = format!("files-{}", self.operations.len());
            self.staged_file(Path::new(&from), file);
            self.bind(&from, &file.path, true);
            return;
        }
        self.root_bytes += file.content.len() as u64;
        let (path, content) = (self.in_root(&file.path), self.content(&file.content));
        self.operations.push(Operation::File {
            path,
            content,
            mode: file_mode(file),
        });
    }

    fn bind(&mut self, from: &str, to: &Path, read_only: bool) {
        let (from, to) = (self.path(Path::new(from)), self.in_root(to));
        self.operations.push(Operation::Bind {
            from,
            to,
            optional: false,
            read_only,
        });
    }

    fn is_covered(&self, path: &Path) -> bool {
        self.covered.iter().any(|covered| lies_in(path, covered))
    }

    fn parents(&mut self, path: &Path) {
        if let Some(parent) = path.parent() {
            self.directory(parent);
        }
    }

    /// Makes `path` and what is above it, unless it is part of something of the host's.
    fn directory(&mut self, path: &Path) {
        for directory in ancestors(path).chain([path]) {
            if directory.as_os_str() != "/"
                && !self.made.contains(directory.as_os_str())
                && !self.is_covered(directory)
            {
                self.made.insert(directory.into());
                let path = self.in_root(directory);
                self.operations
                    .push(Operation::Directory { path, mode: 0o755 });
            }
        }
    }

    /// Makes a directory in the staging place, once.
    fn staged_directory(&mut self, name: &str) {
        if self.staged.insert(name.to_owned()) {
            let path = self.path(Path::new(name));
            self.operations
                .push(Operation::Directory { path, mode: 0o755 });
        }
    }

    /// A path, or a mount's options, for the kernel. Planning refuses paths with a null byte; one that came this far is cut
    /// there and will not exist.
    fn path(&mut self, path: &Path) -> &'a CStr {
        let text = self.arena.text(path.as_os_str().as_bytes());
        text.unwrap_or_else(|_| {
            self.is_too_much = true;
            c""
        })
    }

    fn in_root(&mut self, path: &Path) -> &'a CStr {
        self.path(&Path::new("/").join(relative(path)))
    }

    fn content(&mut self, bytes: &[u8]) -> &'a [u8] {
        self.arena.copy(bytes).unwrap_or_else(|_| {
            self.is_too_much = true;
            &[]
        })
    }
}

/// What lies above `path`, from the top; the top and itself left out.
fn ancestors(path: &Path) -> impl Iterator<Item = &Path> {
    let mut above: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .filter(|above| above.file_name().is_some())
        .collect();
    above.reverse();
    above.into_iter()
}

/// Whether `path` is `directory` or below it. For paths in order, of which this is about; a path out of order lies nowhere.
/// (`Path::starts_with` takes each path apart, and this is asked a thousand times.)
fn lies_in(path: &Path, directory: &Path) -> bool {
    let directory = directory.as_os_str().as_bytes();
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    let rest = path.as_os_str().as_bytes().strip_prefix(directory);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// `path` with whole names between single slashes, as [`lies_in`] wants it.
fn in_order(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let is_odd =
        bytes.ends_with(b"/") || bytes.windows(2).any(|pair| pair == b"//" || pair == b"/.");
    if is_odd {
        Path::new("/").join(relative(path))
    } else {
        path.to_owned()
    }
}

fn file_mode(file: &CellFile) -> u32 {
    if file.executable { 0o755 } else { 0o644 }
}

/// A path without its root and without any `.` or `..`, which a plan has none of, but which must lead nowhere.
fn relative(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect()
}

/// What operation `index` of `operations` is about, for a failure.
pub fn describe(operations: &[Operation<'_>], index: usize) -> Option<String> {
    let place = |path: &CStr| path.to_string_lossy().into_owned();
    Some(match operations.get(index)? {
        Operation::Directory { path, .. } => format!("make {}", place(path)),
        Operation::Link { path, .. } => format!("link {}", place(path)),
        Operation::File { path, .. } => format!("write {}", place(path)),
        Operation::View { path, .. } => format!("show {}", place(path)),
        Operation::Bind { to, .. } => format!("bind {}", place(to)),
        Operation::Mount { kind, path, .. } => {
            format!("mount {} on {}", place(kind), place(path))
        }
        Operation::Whiteout { path } => format!("hide {}", place(path)),
    })
}

/// The existing directory that the scratch space hides while the cell is built. Any will do.
///
/// # Errors
/// None of the usual ones is there.
pub fn staging_place() -> io::Result<&'static CStr> {
    [c"/tmp", c"/mnt", c"/var", c"/usr", c"/dev"]
        .into_iter()
        .find(|place| place.to_str().is_ok_and(|place| Path::new(place).is_dir()))
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_in_a_directory_by_whole_names() {
        for (path, directory, lies) in [
            ("/usr", "/usr", true),
            ("/usr/lib", "/usr", true),
            ("/usr/lib", "/usr/", true),
            ("/usrlib", "/usr", false),
            ("/us", "/usr", false),
            ("/anything", "/", true),
        ] {
            assert_eq!(
                lies_in(Path::new(path), Path::new(directory)),
                lies,
                "{path} in {directory}"
            );
        }
    }
}

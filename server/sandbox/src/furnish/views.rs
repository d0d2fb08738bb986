//! What the cell sees of the host: which views are attached where, and which links and small files are made anew.

use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use belljar_child::Operation;
use belljar_plan::{CELL_HOME, RunPlan};

use super::{Furniture, ProjectMount, ancestors, in_order, lies_in};
use crate::failure::Failure;

/// Where only the system's administrator puts things.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/run/current-system",
];

/// Settings of the system up to this size are copied: that costs less than a mount, also at the end.
const SMALL: u64 = 16 << 10;

/// After so many links they may lead round in circles, which the kernel finds out.
const MOST_LINKS: usize = 1000;

/// What is at a path of the host.
enum Found {
    /// A part of the path is a symbolic link, to this target.
    Link(PathBuf, PathBuf),
    /// Something else.
    Thing(Metadata),
}

impl Furniture<'_> {
    /// Shows the plan's views.
    pub(super) fn views(&mut self, plan: &RunPlan, mount: ProjectMount) -> Result<(), Failure> {
        let mut wanted: Vec<(PathBuf, bool)> = plan
            .views
            .iter()
            .map(|view| (in_order(&view.path), view.required))
            .collect();
        // What lies above comes first, so that what lies below it is either already seen or attached onto it.
        wanted.sort_by_cached_key(|(path, _)| path.components().count());
        let mut waiting: std::collections::VecDeque<_> = wanted.into();
        let mut links = 0;
        while let Some((path, required)) = waiting.pop_front() {
            let in_project = plan
                .project
                .as_ref()
                .is_some_and(|project| lies_in(&path, &project.root));
            if in_project || self.is_covered(&path) {
                continue;
            }
            let missing = |error| Failure::before(&format!("look at {}", path.display()), &error);
            let metadata = match self.look_at(&path) {
                Ok(Found::Thing(metadata)) => metadata,
                // A link on the way is a link in the cell too, and what is shown is where it leads.
                Ok(Found::Link(link, target)) => {
                    links += 1;
                    if self.made.insert(link.clone().into()) {
                        self.parents(&link);
                        let (target, path) = (self.path(&target), self.in_root(&link));
                        self.operations.push(Operation::Link { target, path });
                    }
                    let end = match links <= MOST_LINKS {
                        true => leads_to(&link, &target),
                        false => std::fs::canonicalize(&link).ok(),
                    };
                    let resolved = end.zip(path.strip_prefix(&link).ok());
                    if let Some((resolved, rest)) = resolved {
                        // Without a slash at the end, by which the next link would be followed unseen.
                        waiting.push_front((in_order(&resolved.join(rest)), required));
                    } else if required {
                        return Err(missing(io::ErrorKind::NotFound.into()));
                    }
                    continue;
                }
                Err(error) if required => return Err(missing(error)),
                Err(_) => continue,
            };
            if metadata.is_dir() {
                self.directory(&path);
                self.directory_view(&path, mount);
            } else if metadata.is_file() {
                self.parents(&path);
                self.file_view(&path, metadata.len());
            } else {
                return Err(Failure {
                    step: format!("show {}", path.display()),
                    errno: "EINVAL".to_owned(),
                    hint: "only files and directories can be shown to a cell: whoever holds the other end of a socket, \
                           a pipe or a device is not in it"
                        .to_owned(),
                });
            }
            self.covered.push(path);
        }
        Ok(())
    }

    /// What the policy shows of the user's home is found under the same name in the cell's.
    pub(super) fn home_links(&mut self, plan: &RunPlan) {
        let Some(home) = &plan.home else { return };
        for below in &plan.home_links {
            let link = Path::new(CELL_HOME).join(below);
            self.parents(&link);
            if self.made.insert(link.clone().into()) {
                let path = home.join(below);
                let target = std::fs::canonicalize(&path).unwrap_or(path);
                let (target, path) = (self.path(&target), self.in_root(&link));
                self.operations.push(Operation::Link { target, path });
            }
        }
    }

    /// What is at `path`, or the first part of it that is a link. What was found to be no link is not asked about again.
    fn look_at(&mut self, path: &Path) -> io::Result<Found> {
        let mut last = None;
        for part in ancestors(path).chain([path]) {
            if part.as_os_str() != path.as_os_str() && self.no_links.contains(part.as_os_str()) {
                continue;
            }
            let metadata = std::fs::symlink_metadata(part)?;
            if metadata.is_symlink() {
                return Ok(Found::Link(part.to_owned(), std::fs::read_link(part)?));
            }
            self.no_links.insert(part.into());
            last = Some(metadata);
        }
        last.map(Found::Thing)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What belongs to the system is shown as it is. Anything else may hold sockets and pipes of the user's, which a
    /// read-only mount does not stop: through an overlay they are other objects than the host's.
    fn directory_view(&mut self, path: &Path, mount: ProjectMount) {
        let is_system = SYSTEM.iter().any(|system| lies_in(path, Path::new(system)));
        if is_system || mount == ProjectMount::View {
            return self.view(path, false);
        }
        let lower = format!("lower-{}", self.views.len());
        // An overlay without an upper layer wants two lower ones.
        self.staged_directory("empty");
        self.staged_directory(&lower);
        self.view_at(&lower, path, false);
        self.overlay_mount(&format!("userxattr,lowerdir=empty:{lower}"), path);
    }

    pub(super) fn overlay_mount(&mut self, options: &str, path: &Path) {
        let (path, options) = (self.in_root(path), self.path(Path::new(options)));
        self.operations.push(Operation::Mount {
            kind: c"overlay",
            path,
            options,
            flags: super::NOSUID_NODEV,
        });
    }

    fn file_view(&mut self, path: &Path, length: u64) {
        let copy = (path.as_os_str().as_bytes().starts_with(b"/etc/") && length <= SMALL)
            .then(|| std::fs::read(path).ok())
            .flatten();
        match copy {
            Some(copy) => {
                self.root_bytes += copy.len() as u64;
                let (path, content) = (self.in_root(path), self.content(&copy));
                self.operations.push(Operation::File {
                    path,
                    content,
                    mode: 0o444,
                });
            }
            None => {
                self.mount_point(path);
                self.view(path, false);
            }
        }
    }

    /// An empty file to attach a view onto.
    pub(super) fn mount_point(&mut self, path: &Path) {
        let path = self.in_root(path);
        self.operations.push(Operation::File {
            path,
            content: &[],
            mode: 0o444,
        });
    }

    /// Shows `path` where it lies on the host.
    pub(super) fn view(&mut self, path: &Path, is_project: bool) {
        let to = self.in_root(path);
        self.attach(to, path, is_project);
    }

    /// Shows `path` at `to` in the staging place.
    pub(super) fn view_at(&mut self, to: &str, path: &Path, is_project: bool) {
        let to = self.path(Path::new(to));
        self.attach(to, path, is_project);
    }
}

/// Where a link leads, above which there is none. A further link there is found when it is looked at.
fn leads_to(link: &Path, target: &Path) -> Option<PathBuf> {
    let is_plain = target
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::RootDir));
    if !is_plain {
        return std::fs::canonicalize(link).ok();
    }
    Some(link.parent()?.join(target))
}

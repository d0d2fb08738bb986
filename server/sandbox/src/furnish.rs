//! Turns a plan into the list of operations that furnish the cell. Looks at the host, changes nothing on it.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use belljar_child::Operation;
use belljar_plan::{CELL_HOME, CellFile, Project, ProjectAccess, RunPlan};

use crate::failure::Failure;
use crate::identity::INSIDE;
use crate::project;

/// Files in the cell's own /etc. They name nobody, and no name server but the cell's own loopback.
const SYNTHETIC: &[(&str, &str)] = &[
    (
        "etc/group",
        "root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n",
    ),
    ("etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
    ("etc/hostname", "sandbox\n"),
    (
        "etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\n",
    ),
    (
        "etc/resolv.conf",
        "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    ),
    ("etc/host.conf", "multi on\n"),
];

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

/// Devices that do nothing but swallow or give bytes.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom"];

/// What anyone may read in the host's /proc and the program may not in its own: keys, hardware, how the machine was
/// booted. (bubblewrap's users, Docker's masked paths, and the leaks found in both; each mask costs about 10 us. What only
/// root may read needs none: nobody in a cell is root.)
const MASKED_FILES: &[&str] = &[
    "cmdline",
    "diskstats",
    "interrupts",
    "kallsyms",
    "key-users",
    "keys",
    "latency_stats",
    "modules",
    "partitions",
    "sys/kernel/random/boot_id",
];
/// Likewise, directories.
const MASKED_DIRECTORIES: &[&str] = &["acpi", "asound", "bus", "driver", "fs", "scsi"];

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
pub struct View {
    /// Path on the host.
    pub path: CString,
    /// Device nodes work.
    pub devices: bool,
    /// Its owner is shown as the cell's user, when root runs the cell.
    pub is_project: bool,
}

enum Owned {
    Directory(CString, u32),
    Link(CString, CString),
    File(CString, Vec<u8>, u32),
    View(usize, CString),
    Bind {
        from: CString,
        to: CString,
        optional: bool,
        read_only: bool,
    },
    Mount {
        kind: CString,
        path: CString,
        options: CString,
        flags: u64,
    },
    Whiteout(CString),
}

/// The operations, and the views that they attach.
#[derive(Default)]
pub struct Furniture {
    /// What the child opens.
    pub views: Vec<View>,
    operations: Vec<Owned>,
    /// Paths below which the host's own directories are, so that nothing can or need be made there.
    covered: Vec<PathBuf>,
    made: BTreeSet<PathBuf>,
    /// Parts of paths that are no symbolic links on the host.
    no_links: BTreeSet<PathBuf>,
    root_bytes: u64,
}

impl Furniture {
    /// Everything for `plan`.
    ///
    /// # Errors
    /// A required view that is not there, or a project whose hidden files cannot be listed.
    pub fn of(plan: &RunPlan, project_mount: ProjectMount) -> Result<Furniture, Failure> {
        let mut cell = Furniture::default();
        cell.staging();
        // Before the views, some of which may lie below what can be written.
        cell.scratch();
        cell.devices();
        cell.etc(plan);
        cell.views(plan, project_mount)?;
        cell.home_links(plan);
        cell.proc();
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
        Ok(cell)
    }

    /// The operations as the child takes them.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        self.operations
            .iter()
            .map(|operation| match operation {
                Owned::Directory(path, mode) => Operation::Directory { path, mode: *mode },
                Owned::Link(target, path) => Operation::Link { target, path },
                Owned::File(path, content, mode) => Operation::File {
                    path,
                    content,
                    mode: *mode,
                },
                Owned::View(view, path) => Operation::View { view: *view, path },
                Owned::Bind {
                    from,
                    to,
                    optional,
                    read_only,
                } => Operation::Bind {
                    from,
                    to,
                    optional: *optional,
                    read_only: *read_only,
                },
                Owned::Mount {
                    kind,
                    path,
                    options,
                    flags,
                } => Operation::Mount {
                    kind,
                    path,
                    options,
                    flags: *flags,
                },
                Owned::Whiteout(path) => Operation::Whiteout { path },
            })
            .collect()
    }

    /// What operation `index` is about, for a failure.
    pub fn describe(&self, index: usize) -> Option<String> {
        let place = |path: &CString| path.to_string_lossy().into_owned();
        Some(match self.operations.get(index)? {
            Owned::Directory(path, _) => format!("make {}", place(path)),
            Owned::Link(_, path) => format!("link {}", place(path)),
            Owned::File(path, ..) => format!("write {}", place(path)),
            Owned::View(_, path) => format!("show {}", place(path)),
            Owned::Bind { to, .. } => format!("bind {}", place(to)),
            Owned::Mount { kind, path, .. } => {
                format!("mount {} on {}", kind.to_string_lossy(), place(path))
            }
            Owned::Whiteout(path) => format!("hide {}", place(path)),
        })
    }

    /// Whether operation `index` mounts the overlay, for which there is a second way.
    pub fn is_overlay(&self, index: usize) -> bool {
        matches!(self.operations.get(index), Some(Owned::Mount { kind, .. }) if kind.as_bytes() == b"overlay")
    }

    /// Options of the root: as large as what is put there by us, and little more.
    pub fn root_options(&self) -> CString {
        // Each file takes whole pages; a directory or link about one.
        let pages = (self.operations.len() as u64 + self.root_bytes / 4096) * 2 + 256;
        text(&format!(
            "size={}k,nr_inodes={},mode=0755",
            pages * 4,
            self.operations.len() + 256
        ))
    }

    /// Options of the scratch space.
    pub fn staging_options(plan: &RunPlan) -> CString {
        text(&format!(
            "size={},nr_inodes={SCRATCH_INODES},mode=0755",
            plan.limits.scratch.max(4096)
        ))
    }

    fn staging(&mut self) {
        for (name, mode) in [
            ("tmp", 0o1777),
            ("shm", 0o1777),
            ("home", 0o700),
            ("lower", 0o755),
            ("upper", 0o755),
            ("work", 0o755),
            ("empty", 0o755),
            ("cover", 0o755),
        ] {
            self.operations.push(Owned::Directory(text(name), mode));
        }
        for directory in [
            "/etc",
            "/dev",
            "/dev/shm",
            "/proc",
            "/tmp",
            CELL_HOME,
            "/var/empty",
        ] {
            self.directory(Path::new(directory));
        }
        self.operations
            .push(Owned::Link(text("../tmp"), text("/var/tmp")));
        self.made.insert(PathBuf::from("/var/tmp"));
    }

    fn etc(&mut self, plan: &RunPlan) {
        let shown = |name: &str| {
            plan.views
                .iter()
                .any(|view| view.path == Path::new("/").join(name))
        };
        let passwd = format!(
            "root:x:0:0:root:/root:/usr/sbin/nologin\n\
             sandbox:x:{INSIDE}:{INSIDE}:sandbox:{CELL_HOME}:/bin/sh\n\
             nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        );
        for (name, content) in SYNTHETIC
            .iter()
            .copied()
            .chain([("etc/passwd", passwd.as_str())])
        {
            if !shown(name) {
                self.operations.push(Owned::File(
                    text(&format!("/{name}")),
                    content.into(),
                    0o444,
                ));
            }
        }
    }

    fn views(&mut self, plan: &RunPlan, mount: ProjectMount) -> Result<(), Failure> {
        let mut wanted: Vec<(PathBuf, bool)> = plan
            .views
            .iter()
            .map(|view| (view.path.clone(), view.required))
            .collect();
        // What lies above comes first, so that what lies below it is either already seen or attached onto it.
        wanted.sort_by_key(|(path, _)| path.components().count());
        let mut waiting: std::collections::VecDeque<_> = wanted.into();
        while let Some((path, required)) = waiting.pop_front() {
            let in_project = plan
                .project
                .as_ref()
                .is_some_and(|project| path.starts_with(&project.root));
            if in_project || self.is_covered(&path) {
                continue;
            }
            // A link on the way is a link in the cell too, and what is shown is where it leads.
            if let Some((link, target)) = self.first_link(&path) {
                if self.made.insert(link.clone()) {
                    self.parents(&link);
                    self.operations
                        .push(Owned::Link(text_of(&target), in_root(&link)));
                }
                let resolved = std::fs::canonicalize(&link)
                    .ok()
                    .zip(path.strip_prefix(&link).ok());
                if let Some((resolved, rest)) = resolved {
                    waiting.push_front((resolved.join(rest), required));
                } else if required {
                    return Err(Failure::before(
                        &format!("look at {}", path.display()),
                        &io::ErrorKind::NotFound.into(),
                    ));
                }
                continue;
            }
            let metadata = match std::fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if required => {
                    return Err(Failure::before(
                        &format!("look at {}", path.display()),
                        &error,
                    ));
                }
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
    fn home_links(&mut self, plan: &RunPlan) {
        let Some(home) = &plan.home else { return };
        for below in &plan.home_links {
            let link = Path::new(CELL_HOME).join(below);
            self.parents(&link);
            if self.made.insert(link.clone()) {
                let path = home.join(below);
                let target = std::fs::canonicalize(&path).unwrap_or(path);
                self.operations
                    .push(Owned::Link(text_of(&target), in_root(&link)));
            }
        }
    }

    /// What belongs to the system is shown as it is. Anything else may hold sockets and pipes of the user's, which a
    /// read-only mount does not stop: through an overlay they are other objects than the host's.
    fn directory_view(&mut self, path: &Path, mount: ProjectMount) {
        let is_system = SYSTEM.iter().any(|system| path.starts_with(system));
        if is_system || mount == ProjectMount::View {
            return self.view(path, false, false);
        }
        let lower = format!("lower-{}", self.views.len());
        self.operations.push(Owned::Directory(text(&lower), 0o755));
        self.operations
            .push(Owned::View(self.views.len(), text(&lower)));
        self.views.push(View {
            path: text_of(path),
            devices: false,
            is_project: false,
        });
        // An overlay without an upper layer wants two lower ones.
        self.overlay_mount(&format!("userxattr,lowerdir=empty:{lower}"), path);
    }

    fn overlay_mount(&mut self, options: &str, path: &Path) {
        let path = in_root(path);
        self.operations.push(Owned::Mount {
            kind: text("overlay"),
            path,
            options: text(options),
            flags: NOSUID_NODEV,
        });
    }

    /// Settings of the system are copied where they are small: that costs less than a mount, also at the end.
    fn file_view(&mut self, path: &Path, length: u64) {
        const SMALL: u64 = 128 << 10;
        let copy = (path.starts_with("/etc") && length <= SMALL)
            .then(|| std::fs::read(path).ok())
            .flatten();
        self.root_bytes += copy.as_ref().map_or(0, |copy| copy.len() as u64);
        let is_copied = copy.is_some();
        self.operations
            .push(Owned::File(in_root(path), copy.unwrap_or_default(), 0o444));
        if !is_copied {
            self.view(path, false, false);
        }
    }

    fn view(&mut self, path: &Path, devices: bool, is_project: bool) {
        self.operations
            .push(Owned::View(self.views.len(), in_root(path)));
        self.views.push(View {
            path: text_of(path),
            devices,
            is_project,
        });
    }

    fn devices(&mut self) {
        for name in DEVICES {
            let path = Path::new("/dev").join(name);
            self.operations
                .push(Owned::File(in_root(&path), Vec::new(), 0o444));
            self.view(&path, true, false);
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "fd/0"),
            ("stdout", "fd/1"),
            ("stderr", "fd/2"),
        ] {
            self.operations.push(Owned::Link(
                text(target),
                in_root(&Path::new("/dev").join(name)),
            ));
        }
    }

    /// The three places that can be written, all in one scratch space, so that one size holds for them together.
    fn scratch(&mut self) {
        for (from, to) in [("tmp", "/tmp"), ("shm", "/dev/shm"), ("home", CELL_HOME)] {
            let to = Path::new(to);
            self.operations.push(Owned::Bind {
                from: text(from),
                to: in_root(to),
                optional: false,
                read_only: false,
            });
        }
    }

    fn proc(&mut self) {
        // A process that others may not look into (pid 1 of the cell) cannot be seen at all.
        let flags = NOSUID_NODEV | NOEXEC;
        let path = text("/proc");
        self.operations.push(Owned::Mount {
            kind: text("proc"),
            path,
            options: text("hidepid=2"),
            flags,
        });
        for (names, from) in [
            (MASKED_FILES, "/dev/null"),
            (MASKED_DIRECTORIES, "/var/empty"),
        ] {
            for name in names {
                let path = Path::new("/proc").join(name);
                let to = in_root(&path);
                self.operations.push(Owned::Bind {
                    from: text(from),
                    to,
                    optional: true,
                    read_only: false,
                });
            }
        }
    }

    fn project(
        &mut self,
        project: &Project,
        files: &[CellFile],
        mount: ProjectMount,
    ) -> Result<(), Failure> {
        let inside: Vec<(&Path, &CellFile)> = files
            .iter()
            .filter_map(|file| Some((file.path.strip_prefix(&project.root).ok()?, file)))
            .collect();
        if project.access == ProjectAccess::Hidden {
            self.cover(project, &inside);
            return Ok(());
        }
        let found = project::walk(&project.root, &project.hide).map_err(|error| Failure {
            step: format!("list what is hidden in {}", project.root.display()),
            errno: crate::failure::errno_name(&error),
            hint: format!(
                "{error}. Name a smaller directory with --project, or use a policy whose project is hidden"
            ),
        })?;
        self.directory(&project.root);
        match mount {
            ProjectMount::Overlay => self.overlay(project, &found.hidden, &inside),
            ProjectMount::View => self.plain_view(project, &found, &inside),
        }
        self.covered.push(project.root.clone());
        Ok(())
    }

    /// A hidden project is in the plan because a view shows what is around it: in its place is a directory with nothing
    /// but the plan's own files.
    fn cover(&mut self, project: &Project, files: &[(&Path, &CellFile)]) {
        let cover = Path::new("cover");
        let mut made = BTreeSet::new();
        for directory in files.iter().flat_map(|(path, _)| ancestors(path)) {
            if made.insert(directory) {
                self.operations
                    .push(Owned::Directory(text_of(&cover.join(directory)), 0o755));
            }
        }
        for (path, file) in files {
            let content = file.content.clone();
            self.operations.push(Owned::File(
                text_of(&cover.join(path)),
                content,
                file_mode(file),
            ));
        }
        self.directory(&project.root);
        let to = in_root(&project.root);
        self.operations.push(Owned::Bind {
            from: text("cover"),
            to,
            optional: false,
            read_only: true,
        });
    }

    /// What is hidden is a whiteout, and what is replaced is a file, in the layer above the project's own.
    fn overlay(&mut self, project: &Project, hidden: &[PathBuf], files: &[(&Path, &CellFile)]) {
        self.operations
            .push(Owned::View(self.views.len(), text("lower")));
        self.views.push(View {
            path: text_of(&project.root),
            devices: false,
            is_project: true,
        });
        let mut made = BTreeSet::new();
        for (path, file) in files {
            self.upper_parents(path, &mut made);
            let content = file.content.clone();
            self.operations
                .push(Owned::File(in_upper(path), content, file_mode(file)));
        }
        for path in hidden
            .iter()
            .filter(|path| !files.iter().any(|(file, _)| file == path))
        {
            self.upper_parents(path, &mut made);
            self.operations.push(Owned::Whiteout(in_upper(path)));
        }
        let options = match project.access {
            ProjectAccess::Overlay => "userxattr,lowerdir=lower,upperdir=upper,workdir=work",
            // Two lower layers and no upper one: nothing can be written.
            ProjectAccess::Read | ProjectAccess::Hidden => "userxattr,lowerdir=upper:lower",
        };
        self.overlay_mount(options, &project.root);
    }

    /// Where there is no overlay: the project read-only, with empty things over what is hidden, and over pipes and
    /// sockets, whose other ends are outside.
    fn plain_view(
        &mut self,
        project: &Project,
        found: &project::Found,
        files: &[(&Path, &CellFile)],
    ) {
        self.view(&project.root, false, true);
        self.operations.push(Owned::Directory(text("files"), 0o755));
        for (number, (path, file)) in files.iter().enumerate() {
            let from = text(&format!("files/{number}"));
            self.operations.push(Owned::File(
                from.clone(),
                file.content.clone(),
                file_mode(file),
            ));
            let to = in_root(&project.root.join(path));
            self.operations.push(Owned::Bind {
                from,
                to,
                optional: false,
                read_only: true,
            });
        }
        for path in found.hidden.iter().chain(&found.special) {
            let on_host = project.root.join(path);
            let is_directory =
                std::fs::symlink_metadata(&on_host).is_ok_and(|metadata| metadata.is_dir());
            let from = text(if is_directory {
                "/var/empty"
            } else {
                "/dev/null"
            });
            self.operations.push(Owned::Bind {
                from,
                to: in_root(&on_host),
                optional: true,
                read_only: false,
            });
        }
    }

    fn upper_parents(&mut self, path: &Path, made: &mut BTreeSet<PathBuf>) {
        for parent in ancestors(path) {
            if made.insert(parent.to_owned()) {
                self.operations
                    .push(Owned::Directory(in_upper(parent), 0o755));
            }
        }
    }

    fn file(&mut self, file: &CellFile) {
        self.parents(&file.path);
        if self.is_covered(&file.path) {
            // It lies in something of the host's that we only show: cover it, as the project's files are covered.
            let from = text(&format!("files-{}", self.operations.len()));
            self.operations.push(Owned::File(
                from.clone(),
                file.content.clone(),
                file_mode(file),
            ));
            let to = in_root(&file.path);
            self.operations.push(Owned::Bind {
                from,
                to,
                optional: false,
                read_only: true,
            });
            return;
        }
        self.root_bytes += file.content.len() as u64;
        self.operations.push(Owned::File(
            in_root(&file.path),
            file.content.clone(),
            file_mode(file),
        ));
    }

    fn is_covered(&self, path: &Path) -> bool {
        self.covered.iter().any(|covered| path.starts_with(covered))
    }

    /// The first part of `path` that is a symbolic link on the host, and what it says. What was found to be none is not
    /// asked about again.
    fn first_link(&mut self, path: &Path) -> Option<(PathBuf, PathBuf)> {
        for part in ancestors(path).chain([path]) {
            if self.no_links.contains(part) {
                continue;
            }
            if let Ok(target) = std::fs::read_link(part) {
                return Some((part.to_owned(), target));
            }
            self.no_links.insert(part.to_owned());
        }
        None
    }

    fn parents(&mut self, path: &Path) {
        if let Some(parent) = path.parent() {
            self.directory(parent);
        }
    }

    /// Makes `path` and what is above it, unless it is part of something of the host's.
    fn directory(&mut self, path: &Path) {
        for directory in ancestors(path).chain([path]) {
            if directory != Path::new("/")
                && !self.is_covered(directory)
                && self.made.insert(directory.to_owned())
            {
                self.operations
                    .push(Owned::Directory(in_root(directory), 0o755));
            }
        }
    }
}

/// What lies above `path`, from the top, itself left out.
fn ancestors(path: &Path) -> impl Iterator<Item = &Path> {
    let mut above: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .filter(|above| above.components().next().is_some())
        .collect();
    above.reverse();
    above.into_iter()
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

fn in_root(path: &Path) -> CString {
    text_of(&Path::new("/").join(relative(path)))
}

fn in_upper(path: &Path) -> CString {
    text_of(&Path::new("upper").join(relative(path)))
}

fn text(text: &str) -> CString {
    text_of(Path::new(text))
}

/// A path for the kernel. Planning refuses paths with a null byte; one that came this far is cut there and will not exist.
fn text_of(path: &Path) -> CString {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}

/// MS_NOSUID and MS_NODEV of include/uapi/linux/mount.h.
const NOSUID_NODEV: u64 = 2 | 4;
/// MS_NOEXEC, likewise.
const NOEXEC: u64 = 8;

/// The existing directory that the scratch space hides while the cell is built. Any will do.
///
/// # Errors
/// None of the usual ones is there.
pub fn staging_place() -> io::Result<CString> {
    ["/tmp", "/mnt", "/var", "/usr", "/dev"]
        .into_iter()
        .find(|place| Path::new(place).is_dir())
        .map(text)
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

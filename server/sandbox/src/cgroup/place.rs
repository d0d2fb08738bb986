//! Finds where a control group for a run can be made without anybody's leave, and without disturbing anybody.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use nix::unistd::{AccessFlags, access, geteuid};

/// Where cgroup v2 is mounted, if version 1 has no part in it.
const MOUNT: &str = "/sys/fs/cgroup";
/// Where Belljar's own processes go when their group must hold groups instead.
pub const SUPERVISOR: &str = "belljar-supervisor";
/// What a run's group must be able to count.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];
/// How often we look again for processes that came while we moved the others.
const ROUNDS: usize = 8;

/// A place for groups of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this directory, beside our own group. Nothing has to be changed for it.
    Beside(PathBuf),
    /// In our own group, which is ours to divide, once our own processes have moved into a part of it.
    Within(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Beside(parent) => write!(f, "in {}", parent.display()),
            Place::Within(own) => write!(f, "in {}, which is ours alone", own.display()),
        }
    }
}

/// Why there is no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// There is no cgroup v2 at the usual place that holds this process, or its controllers are with version 1.
    NoHierarchy,
    /// We are root.
    Root,
    /// The group is somebody else's to divide.
    NotOurs(PathBuf),
    /// The group is ours, but counts none of these.
    NoControllers(PathBuf),
    /// The group is ours, and others are in it.
    Shared(PathBuf),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lack::NoHierarchy => {
                f.write_str("this process is in no cgroup v2 that could hold limits")
            }
            Lack::Root => f.write_str("runs that root starts have none"),
            Lack::NotOurs(path) => write!(f, "{} is not delegated to you", path.display()),
            Lack::NoControllers(path) => {
                write!(f, "{} counts no memory and processes", path.display())
            }
            Lack::Shared(path) => write!(
                f,
                "{} is delegated to you, but Belljar is not alone in it",
                path.display()
            ),
        }
    }
}

/// Looks for a place. Changes nothing.
pub fn find() -> Result<Place, Lack> {
    if geteuid().is_root() {
        // The process of the run gives root up before the cell is built, and could not remove the group any more.
        return Err(Lack::Root);
    }
    let mount = Path::new(MOUNT);
    if !statfs(mount).is_ok_and(|facts| facts.filesystem_type() == CGROUP2_SUPER_MAGIC) {
        return Err(Lack::NoHierarchy);
    }
    let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own_directory(mount, &cgroup).ok_or(Lack::NoHierarchy)?;
    choose(mount, &own)
}

fn choose(mount: &Path, own: &Path) -> Result<Place, Lack> {
    if !has_controllers(&mount.join("cgroup.controllers")) {
        return Err(Lack::NoHierarchy);
    }
    let is_supervisor = own.file_name().is_some_and(|name| name == SUPERVISOR);
    if own != mount
        && let Some(parent) = own.parent()
        && (is_supervisor || !is_managed(parent))
        && may_divide(parent)
        && has_controllers(&parent.join("cgroup.subtree_control"))
    {
        return Ok(Place::Beside(parent.to_owned()));
    }
    // Only a scope: it ends when its last process has, and takes what we made in it along. An ordinary user cannot learn
    // whether it was asked for with `Delegate=yes`; but it was made for us if nobody else is in it.
    if own.extension().is_none_or(|extension| extension != "scope") || !may_divide(own) {
        return Err(Lack::NotOurs(own.to_owned()));
    }
    if !has_controllers(&own.join("cgroup.controllers")) {
        return Err(Lack::NoControllers(own.to_owned()));
    }
    // A group with processes cannot divide its controllers, and others' processes are not ours to move.
    if !members(own).iter().all(|pid| is_belljar(*pid)) {
        return Err(Lack::Shared(own.to_owned()));
    }
    Ok(Place::Within(own.to_owned()))
}

impl Place {
    /// Gives the directory in which groups can be made, after making room if need be.
    ///
    /// # Errors
    /// What the kernel said. Everything is then as it was.
    pub fn make_room(self) -> io::Result<PathBuf> {
        let own = match self {
            Place::Beside(parent) => return Ok(parent),
            Place::Within(own) => own,
        };
        let supervisor = own.join(SUPERVISOR);
        match fs::create_dir(&supervisor) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let divided = divide(&own, &supervisor);
        if let Err(error) = divided {
            for pid in members(&supervisor) {
                let _ = move_to(&own, pid);
            }
            let _ = fs::remove_dir(&supervisor);
            return Err(error);
        }
        Ok(own)
    }
}

/// Empties `own` into `supervisor`, and lets it count for its parts.
fn divide(own: &Path, supervisor: &Path) -> io::Result<()> {
    for _ in 0..ROUNDS {
        for pid in members(own) {
            move_to(supervisor, pid)?;
        }
        match fs::write(own.join("cgroup.subtree_control"), "+memory +pids") {
            // One of us was just being forked.
            Err(error) if is(&error, Errno::EBUSY) => {}
            other => return other,
        }
    }
    Err(Errno::EBUSY.into())
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

fn move_to(group: &Path, pid: i32) -> io::Result<()> {
    match fs::write(group.join("cgroup.procs"), pid.to_string()) {
        Err(error) if is(&error, Errno::ESRCH) => Ok(()),
        other => other,
    }
}

/// Process ids in a group; 0 stands for one that we cannot see.
fn members(group: &Path) -> Vec<i32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap_or(0)).collect()
}

/// Whether a process executes the same file as we do.
fn is_belljar(pid: i32) -> bool {
    let file = |path: &str| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    let ours = file("/proc/self/exe");
    ours.is_some() && ours == file(&format!("/proc/{pid}/exe"))
}

/// Whether systemd made this group for a unit of its own, and so is alone in deciding what is below.
fn is_managed(group: &Path) -> bool {
    let extension = group.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("slice" | "scope" | "service"))
}

/// Whether we may make groups in this one and move processes into and out of its parts.
fn may_divide(group: &Path) -> bool {
    ["", "cgroup.procs", "cgroup.subtree_control"]
        .iter()
        .all(|name| access(&group.join(name), AccessFlags::W_OK).is_ok())
}

fn has_controllers(file: &Path) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    CONTROLLERS
        .iter()
        .all(|wanted| text.split_whitespace().any(|name| name == *wanted))
}

/// The directory of our own group, as `/proc/self/cgroup` names it. `None` if that is not where we are: what is mounted
/// there may be another part of the hierarchy than the one that our namespace shows.
fn own_directory(mount: &Path, cgroup: &str) -> Option<PathBuf> {
    let own = cgroup.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // One outside our namespace is named by the way up to it.
    let is_below = Path::new(own)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let own = mount.join(own);
    let us = std::process::id().cast_signed();
    (is_below && members(&own).contains(&us)).then_some(own)
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;

//! Holds the limits of a whole cell by a control group (cgroup v2) of its own, where the user has one to divide. Where
//! there is none, and for what no group counts, there is the watcher.

mod place;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use belljar_plan::Limits;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::kill;
use nix::unistd::Pid;

pub use place::{Lack, find};

/// Groups of runs are called this, the id of the process that watches the run, and something random.
const PREFIX: &str = "belljar-";
/// A group that is still not empty when the cell is dead is left to the next run.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than any file that we read here has.
const LONGEST: usize = 4096;
/// The kernel keeps sizes in pages; none has larger ones.
const LARGEST_PAGE: u64 = 64 << 10;

/// The control group of one cell. Dropping it ends whatever is in it, and removes it.
#[derive(Debug)]
pub struct Group {
    directory: PathBuf,
    descriptor: OwnedFd,
    memory_limit: u64,
    process_limit: u64,
    memory_events: File,
    process_events: File,
    cpu: File,
    /// What building the cell took.
    cpu_of_set_up: Duration,
}

impl Group {
    /// Makes a group with these limits, empty. `Ok(None)` where there is no place for one, which is nothing unusual.
    ///
    /// # Errors
    /// There is a place, and something failed all the same; nothing is left of the attempt. In words.
    pub fn make(limits: &Limits) -> Result<Option<Group>, String> {
        let Ok(place) = find() else {
            return Ok(None);
        };
        let failed = |error: io::Error| {
            let errno = crate::failure::errno_name(&error);
            format!("the control group could not be made ({errno}): the watcher holds the limits")
        };
        let parent = place.make_room().map_err(failed)?;
        sweep(&parent);
        Group::make_in(&parent, limits).map(Some).map_err(failed)
    }

    fn make_in(parent: &Path, limits: &Limits) -> io::Result<Group> {
        let directory = parent.join(new_name()?);
        fs::create_dir(&directory)?;
        Group::furnish(directory.clone(), limits).inspect_err(|_| {
            let _ = fs::remove_dir(&directory);
        })
    }

    fn furnish(directory: PathBuf, limits: &Limits) -> io::Result<Group> {
        let write = |name: &str, value: u64| {
            let mut file = File::options().write(true).open(directory.join(name))?;
            file.write_all(value.to_string().as_bytes())
        };
        // Pid 1 of the cell is one more.
        let process_limit = limits.processes.saturating_add(1);
        write("memory.max", limits.memory)?;
        // All of the cell at once, or what is left of it does not know what it lost.
        write("memory.oom.group", 1)?;
        write("pids.max", process_limit)?;
        match write("memory.swap.max", 0) {
            // A kernel without swap has no such file.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let open = |name: &str| File::open(directory.join(name));
        Ok(Group {
            memory_limit: limits.memory,
            process_limit,
            memory_events: open("memory.events")?,
            process_events: open("pids.events")?,
            cpu: open("cpu.stat")?,
            cpu_of_set_up: Duration::ZERO,
            descriptor: fs::OpenOptions::new()
                .read(true)
                .custom_flags((OFlag::O_DIRECTORY | OFlag::O_CLOEXEC).bits())
                .open(&directory)?
                .into(),
            directory,
        })
    }

    /// To clone into.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Whether `pid` is in the group, and the limits are those that were asked for. Read back, not remembered.
    pub fn holds(&self, pid: i32) -> bool {
        let limit = |name: &str| {
            let text = fs::read_to_string(self.directory.join(name)).ok()?;
            text.trim().parse::<u64>().ok()
        };
        let members = fs::read_to_string(self.directory.join("cgroup.procs")).unwrap_or_default();
        let pid = pid.to_string();
        members.lines().any(|line| line == pid)
            && limit("memory.max").is_some_and(|bytes| {
                bytes <= self.memory_limit && self.memory_limit - bytes < LARGEST_PAGE
            })
            && limit("pids.max") == Some(self.process_limit)
            && limit("memory.oom.group") == Some(1)
    }

    /// Whether the kernel ended processes of the cell for want of memory.
    pub fn memory_ran_out(&self) -> bool {
        value_of(&self.memory_events, "oom_kill") > 0
    }

    /// Whether the kernel refused the cell a process.
    pub fn processes_ran_out(&self) -> bool {
        value_of(&self.process_events, "max") > 0
    }

    /// From here on time is the program's.
    pub fn start_counting(&mut self) {
        self.cpu_of_set_up = Duration::from_micros(value_of(&self.cpu, "usage_usec"));
    }

    /// User and system time of everything that ever was in the group, also of what nobody waited for.
    pub fn cpu(&self) -> Duration {
        Duration::from_micros(value_of(&self.cpu, "usage_usec")).saturating_sub(self.cpu_of_set_up)
    }

    /// The most memory that was in the group at once, the kernel's own for it included. Linux 5.19 and later tell it.
    pub fn peak_memory(&self) -> Option<u64> {
        let text = fs::read_to_string(self.directory.join("memory.peak")).ok()?;
        text.trim().parse().ok()
    }

    /// Ends everything in the group.
    pub fn kill(&self) {
        let _ = fs::write(self.directory.join("cgroup.kill"), "1");
    }

    /// Waits until the group is empty, and removes it.
    fn remove(&self) -> io::Result<()> {
        let events = File::open(self.directory.join("cgroup.events"))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Before the removal is tried, so that no change between the two is missed.
            let is_empty = value_of(&events, "populated") == 0;
            match fs::remove_dir(&self.directory) {
                Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if is_empty || left.is_zero() {
                        return Err(error);
                    }
                    let patience = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
                    let mut waiting = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
                    match nix::poll::poll(&mut waiting, patience) {
                        Ok(_) | Err(Errno::EINTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                other => return other,
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        // What cannot be removed now the next run removes.
        let _ = self.remove();
    }
}

/// The number that follows `name` in a file of such lines; 0 if there is none.
fn value_of(file: &File, name: &str) -> u64 {
    let mut bytes = [0; LONGEST];
    let Ok(n) = file.read_at(&mut bytes, 0) else {
        return 0;
    };
    let text = String::from_utf8_lossy(bytes.get(..n).unwrap_or_default());
    text.lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(' ')?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

fn new_name() -> io::Result<String> {
    let mut bytes = [0; 4];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let random = u32::from_ne_bytes(bytes);
    Ok(format!("{PREFIX}{}-{random:08x}", std::process::id()))
}

/// The process that a group's name says it belongs to; `None` for groups that are none of a run.
fn owner_of(name: &str) -> Option<Pid> {
    let (pid, random) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let is_ours = random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pid: i32 = pid.parse().ok()?;
    (is_ours && pid > 0).then(|| Pid::from_raw(pid))
}

/// Removes groups whose owners were killed before they could. The kernel removes none that has a process in it.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let owner = entry.file_name().to_str().and_then(owner_of);
        if owner.is_some_and(|pid| kill(pid, None) == Err(Errno::ESRCH)) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

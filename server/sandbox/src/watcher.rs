//! Holds the limits that the kernel holds only per process, or not at all: memory, CPU time, processes and scratch space
//! of the cell as a whole. Looks through the cell's own /proc, in which there is nothing but the cell.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belljar_plan::Limits;

use crate::procfs::{fields_of, number_after, text_of};

/// How often the watcher looks. A program that takes memory at 2 GB/s gets 40 MB further in that time.
pub const INTERVAL: Duration = Duration::from_millis(20);
/// Every so many looks also at what costs more to find out (memory files that are mapped nowhere).
const RARELY: u32 = 4;
/// How often memory is counted exactly before it is said to be too much.
const COUNTS: u32 = 3;
/// So much of the detailed maps of a cell's processes is read for one count: more takes seconds, in which nobody holds the
/// other limits. (Measured: 0.1 MB for a shell, 0.5 for Node; 45 MB in 0.3 s.)
const MOST_MAPS: u64 = 24 << 20;
/// Clock ticks a second in /proc/PID/stat: USER_HZ, 100 on every Linux architecture that we run on.
const TICKS: u64 = 100;

/// What the watcher saw of the cell at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Memory that only this cell holds, in bytes.
    pub memory: u64,
    /// CPU time of all processes, those that ended included.
    pub cpu: Duration,
    /// Processes, without pid 1.
    pub processes: u64,
    /// Processes and threads, without pid 1.
    pub tasks: u64,
    /// Scratch space is used up: bytes or inodes.
    pub is_scratch_full: bool,
    /// The machine itself has hardly any memory left.
    pub is_machine_full: bool,
}

/// Descriptors of the cell that the watcher looks through.
pub struct Watcher {
    proc_directory: PathBuf,
    scratch: Option<OwnedFd>,
    /// Tables of System V objects, which belong to no process: shared memory, messages, semaphores.
    tables: Vec<(Table, File)>,
    looks: u32,
    /// The last figure of the things that are looked at rarely.
    unmapped: u64,
    _proc_descriptor: OwnedFd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    SharedMemory,
    Messages,
    Semaphores,
}

impl Watcher {
    /// A watcher of the cell whose /proc, scratch space and System V tables these are.
    pub fn new(
        proc_directory: OwnedFd,
        scratch: Option<OwnedFd>,
        tables: [Option<OwnedFd>; 3],
    ) -> Watcher {
        let kinds = [Table::SharedMemory, Table::Messages, Table::Semaphores];
        Watcher {
            proc_directory: PathBuf::from(format!("/proc/self/fd/{}", proc_directory.as_raw_fd())),
            scratch,
            tables: kinds
                .into_iter()
                .zip(tables)
                .filter_map(|(kind, fd)| Some((kind, File::from(fd?))))
                .collect(),
            looks: 0,
            unmapped: 0,
            _proc_descriptor: proc_directory,
        }
    }

    /// Looks once. `limits` decide whether a rough figure is enough or an exact one is needed.
    pub fn look(&mut self, limits: &Limits) -> Look {
        self.looks = self.looks.wrapping_add(1);
        let mut look = Look::default();
        let (mut resident, mut private) = (0, 0);
        let processes = self.processes();
        for process in &processes {
            let Some(status) = Status::read(process) else {
                continue;
            };
            look.cpu += cpu_of(process);
            if process.file_name().is_some_and(|name| name == "1") {
                continue;
            }
            look.processes += 1;
            look.tasks += status.threads;
            resident += status.resident;
            private += status.private;
        }
        let (scratch, full) = self.scratch_used();
        look.is_scratch_full = full;
        if self.looks % RARELY == 1 {
            self.unmapped = processes
                .iter()
                .flat_map(|process| memory_files(process))
                .collect::<HashSet<_>>()
                .iter()
                .map(|file| file.1)
                .sum();
            look.is_machine_full = is_machine_full();
        }
        let elsewhere = scratch + self.unmapped + self.system_v();
        // What one process alone has for itself nobody else has, and counting takes time in which it goes on.
        let is_certain = look.processes == 1 && private + elsewhere > limits.memory;
        if resident + elsewhere > limits.memory && !is_certain {
            // Pages that forked processes share were counted once for each, and mapped files of scratch space there too.
            // Before anyone is stopped for it, count right: and again, because while processes end the shares of the others
            // grow under our eyes.
            for _ in 0..COUNTS {
                let processes = self.processes();
                let mut left = MOST_MAPS;
                let exact = processes
                    .iter()
                    .map(|process| exact_memory(process, &mut left));
                let exact = exact.sum();
                resident = resident.min(exact);
                if resident + elsewhere <= limits.memory {
                    break;
                }
            }
        }
        look.memory = resident + elsewhere;
        look
    }

    /// Whether nothing more can be written to scratch space.
    pub fn is_scratch_full(&self) -> bool {
        self.scratch_used().1
    }

    /// The cell's `/tmp`.
    pub fn scratch_directory(&self) -> Option<BorrowedFd<'_>> {
        self.scratch.as_ref().map(AsFd::as_fd)
    }

    /// Bytes used of scratch space, and how large it is.
    pub fn scratch(&self) -> (u64, u64) {
        let facts = self
            .scratch
            .as_ref()
            .and_then(|fd| nix::sys::statvfs::fstatvfs(fd.as_fd()).ok());
        facts.map_or((0, 0), |facts| {
            let unit = facts.fragment_size();
            let used = facts.blocks().saturating_sub(facts.blocks_free());
            (used * unit, facts.blocks() * unit)
        })
    }

    fn processes(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.proc_directory) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter(|entry| {
                entry
                    .file_name()
                    .as_encoded_bytes()
                    .first()
                    .is_some_and(u8::is_ascii_digit)
            })
            .map(|entry| entry.path())
            .collect()
    }

    /// Bytes used, and whether nothing is left.
    fn scratch_used(&self) -> (u64, bool) {
        let Some(facts) = self
            .scratch
            .as_ref()
            .and_then(|fd| nix::sys::statvfs::fstatvfs(fd.as_fd()).ok())
        else {
            return (0, false);
        };
        let used = (facts.blocks() - facts.blocks_free()) * facts.fragment_size();
        (used, facts.blocks_free() == 0 || facts.files_free() == 0)
    }

    fn system_v(&mut self) -> u64 {
        self.tables
            .iter_mut()
            .map(|(kind, file)| table_bytes(*kind, file))
            .sum()
    }
}

/// Whether less than a twentieth of the machine's memory is left. What a program can hide from us, in the buffers of
/// sockets or in descriptors on their way through one, ends here at the latest: the run is ended before the machine is.
fn is_machine_full() -> bool {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let number = |name: &str| number_after(&text, name);
    match (number("MemTotal:"), number("MemAvailable:")) {
        (Some(total), Some(available)) => available < total / 20,
        _ => false,
    }
}

/// Bytes that the objects of a table hold.
fn table_bytes(kind: Table, file: &mut File) -> u64 {
    let mut text = String::new();
    if file.rewind().is_err() || file.read_to_string(&mut text).is_err() {
        return 0;
    }
    let mut lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let Some(head) = lines.next() else { return 0 };
    let column = |name: &str| head.iter().position(|head| *head == name);
    let (Some(column), unit) = (match kind {
        Table::SharedMemory => (column("rss"), 1),
        Table::Messages => (column("cbytes"), 1),
        // struct sem is 64 bytes, one cache line (ipc/sem.c).
        Table::Semaphores => (column("nsems"), 64),
    }) else {
        return 0;
    };
    lines
        .filter_map(|line| line.get(column)?.parse::<u64>().ok())
        .map(|number| number * unit)
        .sum()
}

struct Status {
    resident: u64,
    /// Of that, what can be no part of a file.
    private: u64,
    /// Of that, page tables.
    tables: u64,
    threads: u64,
}

impl Status {
    fn read(process: &Path) -> Option<Status> {
        let text = text_of(&process.join("status"))?;
        let number = |name: &str| number_after(&text, name);
        // File pages belong to everybody; anonymous and shared-anonymous ones only to the cell.
        // Page tables are memory too, and a program can have more of them than of anything else.
        let bytes = |name: &str| number(name).unwrap_or(0) * 1024;
        let tables = bytes("VmPTE:");
        let private = bytes("RssAnon:") + tables;
        Some(Status {
            resident: private + bytes("RssShmem:"),
            private,
            tables,
            threads: number("Threads:").unwrap_or(1),
        })
    }
}

/// User and system time of a process and of its children that it has waited for.
fn cpu_of(process: &Path) -> Duration {
    let Some(stat) = text_of(&process.join("stat")) else {
        return Duration::ZERO;
    };
    // Fields 14 to 17 of proc_pid_stat(5).
    let ticks: u64 = fields_of(&stat)
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// Memory of a process, shared pages divided among those who share them. Of shared memory only that without a name:
/// files in scratch space, memory files and System V objects are counted as such, mapped or not.
/// Of detailed maps no more than is `left` is read; whose map is not read is counted as if it shared nothing.
fn exact_memory(process: &Path, left: &mut u64) -> u64 {
    let Some(status) = Status::read(process) else {
        return 0;
    };
    if *left == 0 {
        return status.resident;
    }
    let mut maps = Vec::new();
    let is_read = File::open(process.join("smaps"))
        .and_then(|file| file.take(*left).read_to_end(&mut maps))
        .is_ok();
    *left = left.saturating_sub(maps.len() as u64);
    let (true, Some(rollup)) = (is_read && *left > 0, text_of(&process.join("smaps_rollup")))
    else {
        return status.resident;
    };
    let anonymous = number_after(&rollup, "Pss_Anon:").unwrap_or(0);
    (anonymous + nameless_shared(&String::from_utf8_lossy(&maps))) * 1024 + status.tables
}

/// Kilobytes that a process's detailed map shows for its share of shared memory without a name.
fn nameless_shared(maps: &str) -> u64 {
    let mut sum = 0;
    let mut is_nameless = false;
    for line in maps.lines() {
        // The head of a mapping begins with its addresses, and its details with their name and a colon.
        let first = line.split_whitespace().next().unwrap_or_default();
        if !first.ends_with(':') {
            is_nameless = line.ends_with(" /dev/zero (deleted)");
        } else if is_nameless && first == "Pss:" {
            sum += number_after(line, "Pss:").unwrap_or(0);
        }
    }
    sum
}

/// Memory files that a process holds open, as inode and bytes: they can be full and mapped nowhere.
fn memory_files(process: &Path) -> Vec<(u64, u64)> {
    let Ok(entries) = fs::read_dir(process.join("fd")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| {
            fs::read_link(entry.path()).is_ok_and(|target| {
                target
                    .as_os_str()
                    .as_encoded_bytes()
                    .starts_with(b"/memfd:")
            })
        })
        .filter_map(|entry| fs::metadata(entry.path()).ok())
        .map(|metadata| (metadata.ino(), metadata.blocks() * 512))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_memory() {
        let me = PathBuf::from("/proc/self");
        let started = cpu_of(&me);
        let mut sum = 0u64;
        while cpu_of(&me) < started + Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(Status::read(&me).unwrap().resident > 100_000);
        let mut all = MOST_MAPS;
        let exact = exact_memory(&me, &mut all);
        assert!(exact > 100_000);
        let (mut none, mut little) = (0, 10);
        let rough = [exact_memory(&me, &mut none), exact_memory(&me, &mut little)];
        assert!(rough.iter().all(|rough| *rough >= exact / 2) && little == 0);
    }

    #[test]
    fn only_shared_memory_without_a_name_is_counted_from_a_map() {
        let map = "7f0-7f1 rw-s 0 00:01 1 /dev/zero (deleted)\nSize: 8 kB\nPss: 8 kB\nPss_Dirty: 8 kB\n\
                   7f2-7f3 rw-s 0 00:01 2 /memfd:x (deleted)\nPss: 4 kB\n7f4-7f5 rw-p 0 00:00 0 [heap]\nPss: 2 kB\n";
        assert_eq!(nameless_shared(map), 8);
    }

    #[test]
    fn a_table_of_system_v_objects_is_added_up() {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(
            &mut file,
            b"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n\
              0          0   600               1048576   1     1      0  1000  1000  1000  1000          0          0          0               8192                     0\n\
              0          1   600               1048576   1     1      0  1000  1000  1000  1000          0          0          0               4096                     0\n",
        )
        .unwrap();
        assert_eq!(table_bytes(Table::SharedMemory, &mut file), 12_288);
        assert_eq!(table_bytes(Table::Semaphores, &mut file), 0);
    }
}

//! Finds out where a cell was when it reached a limit: stops its processes, so that their stacks can be read, before
//! they are ended.

use std::collections::HashSet;
use std::fs;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use belljar_report::Kind;

use crate::procfs::{directory_of, fields_of, number_after, text_of, threads_of};

/// No larger family is stopped.
const MOST_PROCESSES: usize = 4096;
/// How often the family is listed again, in case that one of it was just being born.
const ROUNDS: usize = 3;
/// No more of a process's environment is looked through.
const LONGEST_ENVIRONMENT: u64 = 1 << 20;
/// So long we wait for the processes to stand still. What then still runs hangs in the kernel.
const PATIENCE: Duration = Duration::from_millis(100);

/// The processes of a cell, all but its first, stopped.
pub struct Stilled {
    processes: Vec<(i32, OwnedFd)>,
}

impl Stilled {
    /// Stops all that descend from `first`, the cell's pid 1. Whoever is traced stops only with its tracer's help: `keep_up`.
    pub fn below(first: i32, mut keep_up: impl FnMut()) -> Stilled {
        let mut processes: Vec<(i32, OwnedFd)> = Vec::new();
        for _ in 0..ROUNDS {
            let known: HashSet<i32> = processes.iter().map(|(pid, _)| *pid).collect();
            let found = family(first);
            let mut is_complete = true;
            for pid in found.into_iter().filter(|pid| !known.contains(pid)) {
                is_complete = false;
                // Named before it is asked whose child it is: so it is no other that got the number meanwhile.
                let Ok(descriptor) = belljar_sys::descriptor_of_process(pid) else {
                    continue;
                };
                if descends_from(pid, first)
                    && belljar_sys::signal_by_descriptor(descriptor.as_fd(), nix::libc::SIGSTOP)
                        .is_ok()
                {
                    processes.push((pid, descriptor));
                }
            }
            if is_complete {
                break;
            }
        }
        let deadline = Instant::now() + PATIENCE;
        keep_up();
        while processes.iter().any(|(pid, _)| is_running(*pid)) && Instant::now() < deadline {
            std::thread::yield_now();
            keep_up();
        }
        Stilled { processes }
    }

    /// Those that may have reached a limit of this kind, the likeliest first.
    pub fn suspects(&self, kind: Kind) -> Vec<i32> {
        let mut suspects: Vec<i32> = self.processes.iter().map(|(pid, _)| *pid).collect();
        // The first program first: it wins where nothing tells them apart.
        suspects.sort_unstable();
        suspects.sort_by_cached_key(|pid| std::cmp::Reverse(weight(*pid, kind)));
        suspects
    }

    /// Asks the busiest of these processes that can tell where it is, on its standard error, and lets it go on for that.
    /// The first Node may only have started the one that runs the program.
    pub fn ask(&self, suspects: &[i32]) -> Option<BorrowedFd<'_>> {
        let able = suspects.iter().filter(|pid| can_tell(**pid));
        let pid = able.min_by_key(|pid| std::cmp::Reverse(weight(**pid, Kind::LimitCpu)))?;
        let (_, descriptor) = self.processes.iter().find(|(known, _)| known == pid)?;
        for signal in [nix::libc::SIGINT, nix::libc::SIGCONT] {
            belljar_sys::signal_by_descriptor(descriptor.as_fd(), signal).ok()?;
        }
        Some(descriptor.as_fd())
    }

    /// Lets them go on.
    pub fn go_on(self) {
        for (_, descriptor) in &self.processes {
            let _ = belljar_sys::signal_by_descriptor(descriptor.as_fd(), nix::libc::SIGCONT);
        }
    }
}

/// Whether this is Node, started so that it prints its stack when it is interrupted. No stack of it can be read from
/// outside. If a program only looks like that, it is asked in vain.
fn can_tell(pid: i32) -> bool {
    const ASKED_TO: &[u8] = b"--trace-sigint";
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let is_node = program
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("node"));
    let mut environment = Vec::new();
    let read = fs::File::open(format!("/proc/{pid}/environ"))
        .and_then(|file| file.take(LONGEST_ENVIRONMENT).read_to_end(&mut environment));
    is_node
        && read.is_ok()
        && environment
            .windows(ASKED_TO.len())
            .any(|part| part == ASKED_TO)
}

/// How much a process has of what a limit is about.
fn weight(pid: i32, kind: Kind) -> u64 {
    match kind {
        Kind::LimitMemory => number_in(pid, "status", "RssAnon:"),
        Kind::LimitOutput | Kind::LimitDisk => number_in(pid, "io", "wchar:"),
        Kind::LimitCpu => time_of(pid),
        _ => 0,
    }
}

fn number_in(pid: i32, file: &str, name: &str) -> u64 {
    text_of(&directory_of(pid).join(file))
        .and_then(|text| number_after(&text, name))
        .unwrap_or(0)
}

/// User and system time of a process, in ticks.
fn time_of(pid: i32) -> u64 {
    let stat = stat_of(&directory_of(pid)).unwrap_or_default();
    let ticks = fields_of(&stat).skip(11).take(2);
    ticks.filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// What the kernel tells of a process or a thread in one line.
fn stat_of(thread: &Path) -> Option<String> {
    text_of(&thread.join("stat"))
}

/// The letter that says whether a thread runs, waits or stands.
fn state_of(thread: &Path) -> Option<String> {
    fields_of(&stat_of(thread)?).next().map(str::to_owned)
}

/// Whether a thread of it does not stand still yet. A thread stops by itself, when its processor has a turn for it.
fn is_running(pid: i32) -> bool {
    let process = directory_of(pid);
    threads_of(&process)
        .filter_map(|thread| state_of(&process.join(format!("task/{thread}"))))
        .any(|state| state == "R" || state == "S")
}

fn parent_of(pid: i32) -> Option<i32> {
    fields_of(&stat_of(&directory_of(pid))?)
        .nth(1)?
        .parse()
        .ok()
}

fn descends_from(pid: i32, first: i32) -> bool {
    let mut pid = pid;
    for _ in 0..MOST_PROCESSES {
        match parent_of(pid) {
            Some(parent) if parent == first => return true,
            Some(parent) if parent > 1 => pid = parent,
            _ => return false,
        }
    }
    false
}

/// All that descend from `first`.
pub fn family(first: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut waiting = vec![first];
    while let Some(parent) = waiting.pop() {
        for child in children_of(parent) {
            if found.len() >= MOST_PROCESSES {
                return found;
            }
            found.push(child);
            waiting.push(child);
        }
    }
    found
}

fn children_of(pid: i32) -> Vec<i32> {
    let process = directory_of(pid);
    let mut children = Vec::new();
    for thread in threads_of(&process) {
        let file = process.join(format!("task/{thread}/children"));
        let text = fs::read_to_string(file).unwrap_or_default();
        let numbers = text.split_whitespace();
        children.extend(numbers.filter_map(|child| child.parse::<i32>().ok()));
    }
    children
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)] // Something to look at.
    fn a_family_is_stopped_and_goes_on() {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", "cat; echo done"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let me = std::process::id() as i32;
        let pid = shell.id() as i32;
        let deadline = Instant::now() + Duration::from_secs(20);
        while children_of(pid).is_empty() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(descends_from(children_of(pid)[0], me));
        assert!(!descends_from(me, pid));
        let stilled = Stilled::below(pid, || ());
        assert_eq!(stilled.suspects(Kind::LimitWall), children_of(pid));
        let child = directory_of(children_of(pid)[0]);
        assert_eq!(state_of(&child).as_deref(), Some("T"));
        stilled.go_on();
        drop(shell.stdin.take());
        let output = shell.wait_with_output().unwrap();
        assert_eq!(output.stdout, b"done\n");
    }
}

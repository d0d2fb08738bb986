//! Finds out where a cell was when it reached a limit: stops its processes, so that their stacks can be read, before
//! they are ended.

use std::collections::HashSet;
use std::fs;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use belljar_report::Kind;

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
    /// Stops all that descend from `first`, the cell's pid 1.
    pub fn below(first: i32) -> Stilled {
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
        while processes.iter().any(|(pid, _)| is_running(*pid)) && Instant::now() < deadline {
            std::thread::yield_now();
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
        Kind::LimitCpu => field(pid, 11) + field(pid, 12),
        _ => 0,
    }
}

fn number_in(pid: i32, file: &str, name: &str) -> u64 {
    // A name in it is the program's own choice, and need not be text.
    let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// A field of /proc/PID/stat, counted from the one behind the name, which is the program's own choice.
fn text_field(pid: i32, number: usize) -> Option<String> {
    text_field_of(Path::new(&format!("/proc/{pid}")), number)
}

fn text_field_of(task: &Path, number: usize) -> Option<String> {
    let text = fs::read(task.join("stat")).ok()?;
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = String::from_utf8_lossy(text.get(end + 1..)?).into_owned();
    rest.split_whitespace().nth(number).map(str::to_owned)
}

fn field(pid: i32, number: usize) -> u64 {
    text_field(pid, number)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Whether a thread of it does not stand still yet. A thread stops by itself, when its processor has a turn for it.
fn is_running(pid: i32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let mut threads = tasks.into_iter().flatten().flatten();
    threads.any(|thread| {
        text_field_of(&thread.path(), 0).is_some_and(|state| state == "R" || state == "S")
    })
}

fn parent_of(pid: i32) -> Option<i32> {
    text_field(pid, 1)?.parse().ok()
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
    let mut children = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let text = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        children.extend(
            text.split_whitespace()
                .filter_map(|child| child.parse::<i32>().ok()),
        );
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
        let stilled = Stilled::below(pid);
        assert_eq!(stilled.suspects(Kind::LimitWall), children_of(pid));
        assert_eq!(text_field(children_of(pid)[0], 0).as_deref(), Some("T"));
        stilled.go_on();
        drop(shell.stdin.take());
        let output = shell.wait_with_output().unwrap();
        assert_eq!(output.stdout, b"done\n");
    }
}

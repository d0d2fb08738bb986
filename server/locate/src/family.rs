//! Who started whom: the line that started a program is the line of all that the program does.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::frame::{Certainty, Place};
use crate::process::{birth_of, parent_of, runs, session_of, stand_of, threads_of};

/// So many started programs are remembered.
const MOST_PROGRAMS: usize = 1024;
/// Among so many threads of a process the one that starts a program is looked for.
const MOST_THREADS: usize = 256;
/// No family is followed further up.
const MOST_PARENTS: usize = 32;
/// So long a parent is waited for that goes to its rest. It may be one that does not, so this is short.
const PATIENCE: Duration = Duration::from_millis(5);

/// Where the programs of a run were started from.
#[derive(Default)]
pub(crate) struct Family {
    started: HashMap<i32, Start>,
}

struct Start {
    place: Place,
    /// When the process was made: numbers are given again.
    birth: u64,
    /// Its session, which a process keeps when its parent ends.
    session: i32,
}

impl Family {
    /// The process `pid` executes a program, from `place`.
    pub fn started(&mut self, pid: i32, place: Place) {
        if self.started.len() >= MOST_PROGRAMS {
            self.started
                .retain(|pid, start| birth_of(*pid) == Some(start.birth));
        }
        if self.started.len() >= MOST_PROGRAMS {
            self.started.clear();
        }
        if let (Some(birth), Some(session)) = (birth_of(pid), session_of(pid)) {
            self.started.insert(
                pid,
                Start {
                    place,
                    birth,
                    session,
                },
            );
        }
    }

    /// The place at which the nearest of a process's forebears executed its program. What a started program does is at
    /// best known by the line that started it.
    pub fn origin(&self, process: i32) -> Option<Place> {
        if self.started.is_empty() {
            return None;
        }
        let us = std::process::id();
        let mut pid = process;
        for _ in 0..MOST_PARENTS {
            if let Some(start) = self.start(pid) {
                return Some(caller(start.place));
            }
            match parent_of(pid) {
                // Whoever is above us is above the cell, too.
                Some(parent) if parent > 1 && parent.cast_unsigned() != us => pid = parent,
                _ => break,
            }
        }
        // Its parent is gone. Whoever led its session has started it, if not directly.
        let session = session_of(process)?;
        let leader = self.started.get(&session);
        leader
            .filter(|start| start.session == session)
            .map(|start| caller(start.place))
    }

    fn start(&self, pid: i32) -> Option<&Start> {
        let start = self.started.get(&pid)?;
        (birth_of(pid) == Some(start.birth)).then_some(start)
    }

    /// The thread that waits until `process`, which it has just made, executes a program.
    pub fn starter(&self, process: i32) -> Option<i32> {
        const CLONE: i64 = 56;
        const VFORK: i64 = 58;
        const CLONE3: i64 = 435;
        let parent = parent_of(process).filter(|parent| *parent > 1)?;
        let waits = |thread: &i32| {
            stand_of(*thread).is_some_and(|stand| matches!(stand.call, CLONE | VFORK | CLONE3))
        };
        let mut threads = threads_of(parent);
        threads.truncate(MOST_THREADS);
        // The child may ask for something before its maker has come to rest.
        let deadline = Instant::now() + PATIENCE;
        let waiting: Vec<i32> = loop {
            let waiting: Vec<i32> = threads.iter().copied().filter(waits).collect();
            let may_come = || threads.iter().copied().any(runs);
            if !waiting.is_empty() || !may_come() || Instant::now() >= deadline {
                break waiting;
            }
            std::thread::yield_now();
        };
        match waiting.as_slice() {
            [thread] => Some(*thread),
            several => several
                .iter()
                .copied()
                .find(|thread| children_of(parent, *thread).contains(&process)),
        }
    }
}

/// The processes that a thread has made and not yet reaped, if the kernel tells.
fn children_of(process: i32, thread: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{process}/task/{thread}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}

fn caller(place: Place) -> Place {
    Place {
        certainty: Certainty::Caller,
        ..place
    }
}

#[cfg(test)]
#[path = "family_tests.rs"]
mod tests;

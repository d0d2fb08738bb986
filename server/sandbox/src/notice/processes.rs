//! Processes that a cell does not let be started, files that a process may not open besides those that it has, and
//! signals that reach nobody.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::rc::Rc;

use belljar_locate::Operation;
use belljar_plan::RunPlan;
use belljar_report::{Kind, Layer};
use belljar_sys::Notification;
use nix::errno::Errno;

use super::inside::Inside;
use super::{Finding, Judgement, process_of};
use crate::procfs::{directory_of, numbers_in, threads_of};

/// Process ids near those that the cell gave out may belong to processes of its own that have ended.
const NEAR: i32 = 1000;

/// So many threads are remembered.
const MOST_THREADS: usize = 1024;

/// The processes of a cell.
pub struct Processes {
    inside: Option<Rc<Inside>>,
    limit: u64,
    rule: Option<String>,
    /// No more tasks than these can be there.
    at_most: u64,
    open_files: u64,
    files_rule: Option<String>,
    /// Threads that went on with another program, and so will make the first call of a process once more.
    renewed: HashSet<i32>,
    /// How often each thread may open something before its open files need be counted again.
    free: HashMap<i32, u64>,
}

impl Processes {
    /// Of the cell of `plan`.
    pub fn new(plan: &RunPlan, inside: Option<Rc<Inside>>) -> Processes {
        Processes {
            inside,
            limit: plan.limits.processes,
            rule: plan.rules.limits.get("processes").cloned(),
            at_most: 1,
            open_files: plan.limits.open_files,
            files_rule: plan.rules.limits.get("open_files").cloned(),
            renewed: HashSet::new(),
            free: HashMap::new(),
        }
    }

    /// A thread goes on with another program, if there is one.
    pub fn execute(&mut self, thread: i32) {
        if self.renewed.len() >= MOST_THREADS {
            self.renewed.clear();
        }
        self.renewed.insert(thread);
    }

    /// A thread makes the first call of a process or a thread. What starts threads was seen to do so, and knows its line.
    pub fn started(&mut self, thread: i32) -> Judgement {
        if self.renewed.remove(&thread) {
            return Judgement::GoOn;
        }
        match self.start(1) {
            Judgement::Tell(_) if !leads(thread) => Judgement::GoOn,
            judgement => judgement,
        }
    }

    /// A process or a thread is about to be started (`new` is 0), which the kernel refuses if there are as many as there may
    /// be; or it has just been started (`new` is 1), and it refuses the next one then.
    pub fn start(&mut self, new: u64) -> Judgement {
        // Every start is seen here and no end, so this is a bound, and is made exact when it gets near the limit.
        if self.at_most + new < self.limit {
            self.at_most += 1;
            return Judgement::GoOn;
        }
        let Some(inside) = &self.inside else {
            return Judgement::GoOn;
        };
        let tasks = count_tasks(&inside.processes());
        self.at_most = tasks + 1 - new;
        if tasks < self.limit {
            return Judgement::GoOn;
        }
        let more = self.limit.saturating_mul(2);
        Judgement::Tell(Finding {
            kind: Kind::LimitProcesses,
            target: self.limit.to_string(),
            access: "use",
            errno: Some(Errno::EAGAIN),
            asked: None,
            is_question: false,
            layer: Layer::Rlimit,
            rule: self.rule.clone(),
            allow: Some(format!("limits.processes = {more}")),
        })
    }

    /// A file is about to be opened. The kernel refuses it if the process has as many open as it may.
    pub fn open(&mut self, thread: i32) -> Judgement {
        if let Some(free) = self.free.get_mut(&thread).filter(|free| **free > 0) {
            *free -= 1;
            return Judgement::GoOn;
        }
        // Since Linux 6.2 the size is the number of open files; before, nothing is told.
        let open = fs::metadata(format!("/proc/{thread}/fd")).map_or(0, |facts| facts.len());
        if open < self.open_files {
            if self.free.len() >= MOST_THREADS {
                self.free.clear();
            }
            // Others open files too: so not all that are left.
            let free = (self.open_files - open) / 8;
            self.free.insert(thread, free.min(64));
            return Judgement::GoOn;
        }
        let more = self.open_files.saturating_mul(2);
        Judgement::Tell(Finding {
            kind: Kind::LimitFiles,
            target: self.open_files.to_string(),
            access: "use",
            errno: Some(Errno::EMFILE),
            asked: None,
            is_question: false,
            layer: Layer::Rlimit,
            rule: self.files_rule.clone(),
            allow: Some(format!("limits.open_files = {more}")),
        })
    }

    /// A signal is about to be sent.
    pub fn signal(&mut self, call: &Notification) -> Judgement {
        let [process, ..] = call.arguments;
        let process = process as i32;
        let Some(inside) = &self.inside else {
            return Judgement::GoOn;
        };
        let reaches = |process: i32| inside.processes().join(process.to_string()).exists();
        // Pid 1 cannot be seen in the cell's /proc, and takes no signal of the cell's.
        let is_outside = process == 1
            || (process > highest(&inside.processes()).saturating_add(NEAR)
                && !reaches(process)
                && directory_of(process).exists());
        if !is_outside {
            return Judgement::GoOn;
        }
        Judgement::Tell(Finding {
            kind: Kind::ProcessSignal,
            asked: Some((Operation::Signal, process.to_string().into_bytes())),
            is_question: false,
            target: process.to_string(),
            access: "signal",
            errno: (process != 1).then_some(Errno::ESRCH),
            layer: Layer::Mount,
            rule: None,
            allow: None,
        })
    }
}

/// Whether a thread is the first one of its process.
fn leads(thread: i32) -> bool {
    process_of(thread).is_none_or(|process| process == thread)
}

/// The highest process id in use.
fn highest(processes: &Path) -> i32 {
    numbers_in(processes).max().unwrap_or(1)
}

/// Processes and threads, without pid 1.
fn count_tasks(processes: &Path) -> u64 {
    numbers_in(processes)
        .filter(|process| *process != 1)
        .map(|process| threads_of(&processes.join(process.to_string())))
        .map(|threads| threads.count().max(1) as u64)
        .sum()
}

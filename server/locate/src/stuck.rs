//! Where a program was that did not come to an end: the line of the thread that worked, or that waits.

use std::fs;
use std::time::Instant;

use crate::frame::Place;
use crate::locator::Locator;
use crate::process::{PATIENCE, stat_number, threads_of, wait_until_it_stands};

/// So many threads and processes are asked for their place, the busiest first.
const MOST_ASKED: usize = 16;

impl Locator {
    /// Where the process `pid` is, all of whose threads are stopped (by SIGSTOP): the place of the thread that has
    /// worked most, or of the main thread if none has.
    pub fn place_of_process(&mut self, pid: i32) -> Place {
        let mut threads = threads_of(pid);
        // The main thread first, so that it wins if none has worked more. A sort keeps the order of equals.
        threads.sort_by_key(|thread| (*thread != pid, *thread));
        threads.sort_by_key(|thread| std::cmp::Reverse(worked(*thread)));
        let deadline = Instant::now() + PATIENCE;
        let place = self.first_known(&threads, |locator, thread| {
            // A process counts as stopped when its main thread is; on other processors threads may take longer.
            wait_until_it_stands(thread, deadline);
            locator.place(thread)
        });
        if place.line.is_some() {
            return place;
        }
        self.place_of_waiting(pid).unwrap_or(place)
    }

    /// Where a cell is, all of whose processes are stopped: the place of the process that has worked most.
    pub fn place_of_processes(&mut self, processes: &[i32]) -> Place {
        let mut processes = processes.to_vec();
        processes.sort_by_key(|pid| std::cmp::Reverse(worked_in_all(*pid)));
        self.first_known(&processes, Locator::place_of_process)
    }

    fn first_known(&mut self, of: &[i32], place: impl Fn(&mut Locator, i32) -> Place) -> Place {
        let mut places = of.iter().take(MOST_ASKED).map(|id| place(self, *id));
        places
            .find(|place| place.line.is_some())
            .unwrap_or(Place::UNKNOWN)
    }
}

/// How long a thread has worked: in nanoseconds if the kernel counts them, else in ticks.
fn worked(thread: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{thread}/schedstat")).unwrap_or_default();
    let exact = text.split_whitespace().next();
    exact
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| worked_in_all(thread))
}

/// How long a process's threads have worked, in ticks.
fn worked_in_all(pid: i32) -> u64 {
    let ticks = |index| stat_number(pid, index).and_then(|ticks| u64::try_from(ticks).ok());
    ticks(11)
        .unwrap_or(0)
        .saturating_add(ticks(12).unwrap_or(0))
}

#[cfg(test)]
#[path = "stuck_tests.rs"]
mod tests;

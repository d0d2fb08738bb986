//! Admission: so many runs at once, the others wait in the order in which they came.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Who may run and who waits.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Tells those who wait that something has changed.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: VecDeque<u64>,
    next_ticket: u64,
}

/// A place in the queue. Dropping it leaves the queue.
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    number: u64,
    changed: watch::Receiver<()>,
}

/// The right to run. Dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Admission {
    queue: Arc<Queue>,
}

impl Queue {
    /// A queue that lets `parallel` in at once, and one at least.
    pub fn of(parallel: usize) -> Arc<Queue> {
        let state = State {
            free: parallel.max(1),
            waiting: VecDeque::new(),
            next_ticket: 0,
        };
        Arc::new(Queue {
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        })
    }

    /// Stands at the end of the queue.
    pub fn line_up(self: &Arc<Queue>) -> Ticket {
        let changed = self.changed.subscribe();
        let mut state = self.state();
        let number = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.push_back(number);
        drop(state);
        Ticket {
            queue: self.clone(),
            number,
            changed,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The right to run, or how many must run or end before: those who wait in front and one that runs.
    pub fn ask(&self) -> Result<Admission, usize> {
        let mut state = self.queue.state();
        let place = state
            .waiting
            .iter()
            .position(|number| *number == self.number)
            .unwrap_or(0);
        if place >= state.free {
            return Err(place + 1 - state.free);
        }
        state.free -= 1;
        state.waiting.remove(place);
        drop(state);
        self.queue.changed.send_replace(());
        Ok(Admission {
            queue: self.queue.clone(),
        })
    }

    /// Waits until asking again may give another answer.
    pub async fn changed(&mut self) {
        // The sender lives in the queue, which this ticket holds: it cannot be gone.
        let _ = self.changed.changed().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        let before = state.waiting.len();
        state.waiting.retain(|number| *number != self.number);
        let left = state.waiting.len() < before;
        drop(state);
        if left {
            self.queue.changed.send_replace(());
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.queue.state().free += 1;
        self.queue.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_first_runs_first() {
        let queue = Queue::of(1);
        let (first, second, third) = (queue.line_up(), queue.line_up(), queue.line_up());
        assert_eq!(
            second.ask().err(),
            Some(1),
            "the first has not asked yet, but it is before"
        );
        let admission = first.ask().expect("free");
        assert_eq!((second.ask().err(), third.ask().err()), (Some(1), Some(2)));
        drop(admission);
        assert_eq!(third.ask().err(), Some(1));
        assert!(second.ask().is_ok());
    }

    #[test]
    fn who_leaves_the_queue_is_not_waited_for() {
        let queue = Queue::of(1);
        let (first, second, third) = (queue.line_up(), queue.line_up(), queue.line_up());
        let admission = first.ask().expect("free");
        drop(second);
        assert_eq!(third.ask().err(), Some(1));
        drop(admission);
        assert!(third.ask().is_ok());
    }

    #[test]
    fn so_many_run_at_once() {
        let queue = Queue::of(2);
        let tickets: Vec<_> = (0..3).map(|_| queue.line_up()).collect();
        let _admissions = (
            tickets[1].ask().expect("free"),
            tickets[0].ask().expect("free"),
        );
        assert_eq!(tickets[2].ask().err(), Some(1));
    }
}

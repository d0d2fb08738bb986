//! Carries out a `RunPlan` on Linux: builds a cell for it, watches it, and tells what happens as `Event`s.
//! The only room that starts a process.

use std::io;
use std::sync::Arc;

use belljar_plan::RunPlan;
use belljar_report::Event;

/// The process that makes cells. It is forked from `main` before the first thread exists, because a process with
/// threads must not fork into a cell.
pub struct Launcher {}

/// A run that was handed to the launcher. Dropping it ends the run.
pub struct Cell {}

/// Ends a run from anywhere. Cheap to clone; does nothing once the run is over.
#[derive(Clone)]
pub struct Canceller {
    _stop: Arc<()>,
}

/// Where the run's standard input is written. Closing (dropping) it is the end of the input.
pub type Input = tokio::net::unix::pipe::Sender;

impl Launcher {
    /// Forks the launcher. Must be the first thing that `main` does.
    ///
    /// # Errors
    /// What the kernel said to `socketpair` or `fork`.
    pub fn fork() -> io::Result<Launcher> {
        unimplemented!()
    }

    /// Starts a run. Whatever goes wrong from here on arrives as the cell's `Ended` event. Needs a tokio runtime.
    pub fn start(&self, plan: &RunPlan, has_input: bool) -> Cell {
        let _ = (plan, has_input);
        unimplemented!()
    }
}

impl Cell {
    /// A handle that ends the run.
    pub fn canceller(&self) -> Canceller {
        unimplemented!()
    }

    /// The writing end of the run's standard input, once; `None` if the run was started without.
    pub fn input(&mut self) -> Option<Input> {
        unimplemented!()
    }

    /// The next event. After the one `Ended` it gives `None`.
    pub async fn next(&mut self) -> Option<Event> {
        unimplemented!()
    }
}

impl Canceller {
    /// Ends the run as cancelled. Everything in the cell dies.
    pub fn cancel(&self) {
        unimplemented!()
    }
}

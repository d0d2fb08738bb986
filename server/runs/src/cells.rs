//! What this room needs of a sandbox, so that it can be tested without one.

use std::pin::Pin;
use std::sync::Arc;

use belljar_plan::RunPlan;
use belljar_report::Event;
use belljar_sandbox::{Cell, Launcher};
use tokio::io::AsyncWrite;

/// A future behind a pointer.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Ends a run as cancelled; does nothing once it is over.
pub type Stop = Arc<dyn Fn() + Send + Sync>;

/// Where runs are carried out.
pub trait Cells: Send + Sync {
    /// Starts a run. Whatever goes wrong arrives as its `Ended` event.
    fn start(&self, plan: &RunPlan, has_input: bool) -> Box<dyn Living>;
}

/// A run that is carried out. Dropping it ends it.
pub trait Living: Send {
    /// A handle that ends the run.
    fn stop(&self) -> Stop;
    /// The writing end of its standard input, once.
    fn input(&mut self) -> Option<Box<dyn AsyncWrite + Send + Unpin>>;
    /// The next event; none behind `Ended`.
    fn next(&mut self) -> Boxed<'_, Option<Event>>;
}

impl Cells for Launcher {
    fn start(&self, plan: &RunPlan, has_input: bool) -> Box<dyn Living> {
        Box::new(Launcher::start(self, plan, has_input))
    }
}

impl Living for Cell {
    fn stop(&self) -> Stop {
        let canceller = self.canceller();
        Arc::new(move || canceller.cancel())
    }

    fn input(&mut self) -> Option<Box<dyn AsyncWrite + Send + Unpin>> {
        Some(Box::new(Cell::input(self)?))
    }

    fn next(&mut self) -> Boxed<'_, Option<Event>> {
        Box::pin(Cell::next(self))
    }
}

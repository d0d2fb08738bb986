//! Conducts runs: admission, cancel, the table of live runs, history. Knows neither LSP nor Linux.

use belljar_report::{Event, Report};
use tokio::sync::mpsc;

pub use belljar_plan::{Host, LineRange, Refusal, RunRequest, Source};

/// Names one run, for as long as the server lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunId(pub String);

/// What a run tells whoever asked for it. Exactly one `Finished`, and nothing after it.
#[derive(Debug)]
pub enum Update {
    /// It waits for `ahead` others.
    Queued {
        /// How many runs are before it.
        ahead: usize,
    },
    /// Something happened in the cell. Never `Event::Ended`: that is `Finished`.
    Event(Event),
    /// It is over: ended, refused or failed.
    Finished(Box<Report>),
}

/// A run, as its owner holds it.
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// What it tells.
    pub updates: mpsc::Receiver<Update>,
    /// Where its standard input goes, if the request said that there is some.
    pub input: Option<mpsc::Sender<Vec<u8>>>,
}

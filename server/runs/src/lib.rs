//! Conducts runs: admission, cancel, the table of live runs, history. Knows neither LSP nor Linux.

mod cells;
mod conductor;
mod expect;
mod grant;
mod here;
mod history;
mod id;
mod life;
mod local_host;
mod local_planner;
mod planner;
mod queue;

use belljar_report::{Event, Report};
use tokio::sync::mpsc;

pub use belljar_plan::{
    Block, Catalogue, Cell, DocumentKind, Function, Host, Learnt, Lesson, LineRange, Part,
    PolicySource, Proposal, Refusal, Rule, RunRequest, Runtime, RuntimeError, Scope, Source, Trust,
    TrustRecord, can_be_allowed, find_project, is_trusted, kept_in, lesson, policy_names, propose,
    read_policy_files, secret_in, trust_record, with_line_feeds,
};
pub use cells::{Boxed, Cells, Living, Stop};
pub use conductor::Conductor;
pub use grant::{Written, keep_trust, write};
pub use here::{Viewer, conduct_here};
pub use id::RunId;
pub use local_host::LocalHost;
pub use local_planner::LocalPlanner;
pub use planner::{Planner, Prepared, ReadErrors};

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

/// A run, as its owner holds it. Dropping `updates` ends the run; not reading them makes the program wait.
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// What it tells.
    pub updates: mpsc::Receiver<Update>,
    /// Where its standard input goes, if the request said that there is some. Dropping it is the end of the input.
    pub input: Option<mpsc::Sender<Vec<u8>>>,
}

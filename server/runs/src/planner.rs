//! What this room needs of planning, so that it can be tested without a catalogue, policies and a host.

use belljar_plan::{Catalogue, Expectation, Proposal, Refusal, RunPlan, RunRequest, Scope};
use belljar_report::SourceError;

/// Finds messages that name a line of the document.
pub type ReadErrors = Box<dyn Fn(&str) -> Vec<SourceError> + Send + Sync>;

/// From a line and column of the program's text to the document's, all from 1.
pub type FindPlace = Box<dyn Fn(u32, Option<u32>) -> (u32, Option<u32>) + Send + Sync>;

/// A run that is decided, and what is needed to make sense of what it tells.
pub struct Prepared {
    /// What is carried out.
    pub plan: RunPlan,
    /// Finds the messages in the program's standard error that name a line of the document.
    pub read_errors: ReadErrors,
    /// Finds the place in the document of one in the program that was made of it.
    pub place: FindPlace,
    /// The language it is run as.
    pub language: Option<String>,
    /// The document, as the user named it.
    pub file: Option<String>,
    /// The first line that was selected.
    pub first_line: u32,
    /// What the user should know about how it was decided.
    pub notices: Vec<String>,
    /// The standard input that the document names, if the request says of none.
    pub input: Option<Vec<u8>>,
    /// What the document's lines are to print.
    pub expectations: Vec<Expectation>,
}

/// Decides runs.
pub trait Planner: Send + Sync {
    /// Decides a run. May read files; must not start anything.
    ///
    /// # Errors
    /// Why it is not run.
    fn prepare(&self, request: &RunRequest) -> Result<Prepared, Refusal>;

    /// What of the document is to blame, line by line, where [`Planner::prepare`] says no for what the document says.
    fn faults(&self, _request: &RunRequest) -> Vec<SourceError> {
        Vec::new()
    }

    /// Whether the plan of `request`, which is `plan`, would with `rule` no longer refuse each of `targets`, or why it
    /// would.
    fn lifts(
        &self,
        _request: &RunRequest,
        _plan: &RunPlan,
        targets: &[&str],
        _rule: &str,
    ) -> Vec<Result<(), String>> {
        vec![Ok(()); targets.len()]
    }

    /// What a policy file would say with `rule`, for runs like `request`. Writes nothing.
    ///
    /// # Errors
    /// Why it is not offered.
    fn propose(
        &self,
        _request: &RunRequest,
        _rule: &str,
        _scope: Scope,
    ) -> Result<Proposal, Refusal> {
        Err(Refusal {
            reason: "there are no policy files here".to_owned(),
            hint: String::new(),
        })
    }

    /// The policies that a user can choose from, the default first.
    fn policy_names(&self) -> Vec<String>;

    /// The languages that can be run. Quick after the first time, which may read files.
    fn languages(&self) -> &Catalogue;
}

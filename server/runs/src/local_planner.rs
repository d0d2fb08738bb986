//! Planning on this machine.

use std::path::Path;

use belljar_plan::{Refusal, RunRequest};

use crate::{Planner, Prepared};

/// Decides runs from the shipped and the user's policies and runtimes, and the facts about this machine.
#[derive(Default)]
pub struct LocalPlanner {}

impl Planner for LocalPlanner {
    fn prepare(&self, _request: &RunRequest) -> Result<Prepared, Refusal> {
        Err(Refusal {
            reason: "no planner yet".into(),
            hint: String::new(),
        })
    }
    fn policy_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn detects(&self, _language: Option<&str>, _path: Option<&Path>, _first_line: &str) -> bool {
        false
    }
}

//! The policy under which a program could do what it tried.

use belljar_policy::Learnt;
use belljar_runtime::{Catalogue, Host};

use crate::grant::project_of;
use crate::policy_files::PolicyFiles;
use crate::spoken::Spoken;
use crate::{Refusal, RunRequest};

/// What was in force, and what it would say with the rules that were learnt: two policy files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// Without the rules.
    pub before: String,
    /// With them.
    pub after: String,
}

impl Lesson {
    /// The change as a unified diff between `old` and `new`, which are names to show.
    pub fn diff(&self, old: &str, new: &str) -> String {
        similar::TextDiff::from_lines(&self.before, &self.after)
            .unified_diff()
            // Every line names its key, so the ones around it say nothing more.
            .context_radius(0)
            .header(old, new)
            .to_string()
    }
}

/// The policy of `request` with `learnt`.
///
/// # Errors
/// There is no such policy, or a file is wrong.
pub fn lesson(
    request: &RunRequest,
    learnt: &[Learnt],
    catalogue: &Catalogue,
    host: &dyn Host,
) -> Result<Lesson, Refusal> {
    let project = project_of(request, host)?;
    let files = PolicyFiles::read(host, &request.policy, project.as_deref())?;
    let spoken = Spoken::of(request, catalogue);
    let resolved = files.resolve(host, request, &spoken);
    let policy = resolved.map_err(|refused| refused.refusal)?.policy;
    Ok(Lesson {
        before: policy.as_file(),
        after: policy.with_learnt(learnt),
    })
}

//! Planning on this machine.

use std::sync::OnceLock;

use belljar_plan::{
    Catalogue, Planned, Proposal, Refusal, RunPlan, RunRequest, RuntimeError, Scope, Source, build,
    check_lasting, faults, lifts, policy_names, project_of, propose, user_catalogue,
};
use belljar_report::SourceError;

use crate::{LocalHost, Planner, Prepared};

/// Decides runs from the shipped and the user's policies and runtimes, and the facts about this machine.
#[derive(Default)]
pub struct LocalPlanner {
    /// Read when it is first needed, and once.
    catalogue: OnceLock<(Catalogue, Vec<RuntimeError>)>,
    keeps_nothing: bool,
}

impl LocalPlanner {
    /// Knows these runtimes and no others.
    pub fn knowing(catalogue: Catalogue) -> LocalPlanner {
        LocalPlanner {
            catalogue: OnceLock::from((catalogue, Vec::new())),
            ..LocalPlanner::default()
        }
    }

    /// Has everything compiled, and what was compiled not kept.
    pub fn keeping_nothing(self) -> LocalPlanner {
        LocalPlanner {
            keeps_nothing: true,
            ..self
        }
    }

    /// The shipped runtimes and the user's own, and what is wrong with the latter.
    pub fn catalogue(&self) -> (&Catalogue, &[RuntimeError]) {
        let (catalogue, errors) = self.catalogue.get_or_init(|| {
            let (catalogue, errors) = user_catalogue(&LocalHost);
            for error in &errors {
                tracing::warn!(%error, "a runtime file of the user's is wrong");
            }
            (catalogue, errors)
        });
        (catalogue, errors)
    }

    /// What is wrong with the user's runtime files, which have no effect then: one may be about this document's language.
    fn wrong_files(&self, request: &RunRequest) -> &[RuntimeError] {
        match request.source {
            Source::Document { .. } => self.catalogue().1,
            Source::Command { .. } => &[],
        }
    }

    fn with_what_is_wrong(&self, request: &RunRequest, refusal: Refusal) -> Refusal {
        let Some(error) = self.wrong_files(request).first() else {
            return refusal;
        };
        let hint = match refusal.hint.as_str() {
            "" => format!("mend {error}"),
            hint => format!("{hint}; or mend {error}"),
        };
        Refusal { hint, ..refusal }
    }
}

impl Planner for LocalPlanner {
    fn prepare(&self, request: &RunRequest) -> Result<Prepared, Refusal> {
        let Planned {
            mut plan,
            messages,
            language,
            file,
            first_line,
            mut notices,
            input,
            expectations,
        } = build(request, self.catalogue().0, &LocalHost)
            .map_err(|refusal| self.with_what_is_wrong(request, refusal))?;
        let wrong = self.wrong_files(request).iter();
        notices.extend(wrong.map(|error| format!("{error}, so this file has no effect")));
        if self.keeps_nothing {
            plan.product = None;
        }
        let map = messages.clone();
        let read_errors = move |stderr: &str| {
            let found = messages.read(stderr).into_iter();
            found
                .map(|found| SourceError {
                    message: found.message,
                    line: found.line,
                    column: found.column,
                })
                .collect()
        };
        Ok(Prepared {
            plan,
            read_errors: Box::new(read_errors),
            place: Box::new(move |line, column| map.place(line, column)),
            language,
            file,
            first_line,
            notices,
            input,
            expectations,
        })
    }

    fn faults(&self, request: &RunRequest) -> Vec<SourceError> {
        let faults = faults(request, self.catalogue().0, &LocalHost).into_iter();
        faults
            .map(|fault| SourceError {
                message: fault.message,
                line: fault.line,
                column: None,
            })
            .collect()
    }

    fn lifts(
        &self,
        request: &RunRequest,
        plan: &RunPlan,
        targets: &[&str],
        rule: &str,
    ) -> Vec<Result<(), String>> {
        lifts(request, plan, targets, rule, self.catalogue().0, &LocalHost)
    }

    fn propose(&self, request: &RunRequest, rule: &str, scope: Scope) -> Result<Proposal, Refusal> {
        check_lasting(request, self.catalogue().0)?;
        let project = project_of(request, &LocalHost)?;
        propose(&LocalHost, &request.policy, project.as_deref(), rule, scope)
    }

    fn policy_names(&self) -> Vec<String> {
        policy_names(&LocalHost)
    }

    fn languages(&self) -> &Catalogue {
        self.catalogue().0
    }
}

//! What this room asks of whoever conducts runs. A trait, so that its own tests need no sandbox.

use std::future::Future;
use std::pin::Pin;

use belljar_runs::{Catalogue, Conductor, Proposal, Refusal, Run, RunId, RunRequest, Scope};

/// Conducts runs.
pub trait Runner: Send + Sync {
    /// Starts a run, or queues it. Returns at once.
    fn submit(&self, request: RunRequest) -> Run;
    /// Ends a run; `false` if it is over already.
    fn cancel(&self, run: &RunId) -> bool;
    /// Ends every run.
    fn cancel_all(&self);
    /// What a policy file would say with `rule`. Reads files; writes nothing.
    fn propose(&self, request: &RunRequest, rule: &str, scope: Scope) -> Result<Proposal, Refusal>;
    /// The policies that the user can choose from.
    fn policy_names(&self) -> Vec<String>;
    /// The languages that can be run.
    fn languages(&self) -> &Catalogue;
    /// Ends every run and waits until they are over.
    fn shut_down(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl Runner for Conductor {
    fn submit(&self, request: RunRequest) -> Run {
        Conductor::submit(self, request)
    }

    fn cancel(&self, run: &RunId) -> bool {
        Conductor::cancel(self, run)
    }

    fn cancel_all(&self) {
        Conductor::cancel_all(self);
    }

    fn propose(&self, request: &RunRequest, rule: &str, scope: Scope) -> Result<Proposal, Refusal> {
        Conductor::propose(self, request, rule, scope)
    }

    fn policy_names(&self) -> Vec<String> {
        Conductor::policy_names(self)
    }

    fn languages(&self) -> &Catalogue {
        Conductor::languages(self)
    }

    fn shut_down(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(Conductor::shut_down(self))
    }
}

//! Decides everything about a run before it starts: request + policy + runtime + facts -> [`RunPlan`], or a [`Refusal`].
//! Pure: what it must know about the machine it asks a [`Host`].

mod refusal;
mod request;
mod run_plan;

pub use belljar_runtime::{FileKind, Host};
pub use refusal::Refusal;
pub use request::{LineRange, RunRequest, Source};
pub use run_plan::{
    CELL_HOME, CellFile, Executables, Limits, Project, ProjectAccess, Rules, RunPlan, Step, View,
};

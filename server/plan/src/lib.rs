//! Decides everything about a run before it starts: request + policy + runtime + facts -> [`RunPlan`], or a [`Refusal`].
//! Pure: what it must know about the machine it asks a [`Host`].

mod build;
mod command;
mod document;
mod environment;
mod executables;
mod grant;
mod job;
mod learn;
mod paths;
mod policy_files;
mod project;
mod refusal;
mod refused;
mod request;
mod run_plan;
mod spoken;
mod views;

pub use belljar_policy::Learnt;
pub use belljar_policy::Rule;
pub use belljar_runtime::{
    Block, Catalogue, Cell, DocumentKind, Expectation, FileKind, Found, Function, Host, Messages,
    Runtime, RuntimeError, with_line_feeds,
};
pub use build::{Planned, build, can_be_allowed, faults};
pub use grant::{Proposal, Scope, Trust, check_lasting, lifts, project_of, propose, secret_in};
pub use job::kept_in;
pub use learn::{Lesson, lesson};
pub use policy_files::{
    PolicySource, TrustRecord, is_trusted, policy_names, read_policy_files, trust_record,
    user_catalogue,
};
pub use project::find_project;
pub use refusal::Refusal;
pub use refused::Fault;
pub use request::{LineRange, Part, RunRequest, Source};
pub use run_plan::{
    CELL_HOME, CellFile, Executables, Limits, Precompiled, Product, Project, ProjectAccess, Rules,
    RunPlan, Step, View,
};

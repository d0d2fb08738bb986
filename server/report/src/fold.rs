//! Folds the events of a run into its report.

use serde::{Deserialize, Serialize};

use crate::{Ending, Event, Posture, Stream, Usage, Violation};

/// A piece of output, with the line that printed it where that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Where it was written.
    pub stream: Stream,
    /// What was written; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Line in the document, from 1.
    pub line: Option<u32>,
}

/// An error message of the program or its compiler that names a line of the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceError {
    /// What it says.
    pub message: String,
    /// Line in the document, from 1.
    pub line: u32,
    /// Column in the document, from 1.
    pub column: Option<u32>,
}

/// Everything a run told. Its JSON form is a contract (see `belljar run --json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// The document, as the user named it.
    pub file: Option<String>,
    /// The language it was run as.
    pub language: Option<String>,
    /// The policy it was run under.
    pub policy: String,
    /// How it stopped; `None` while it lives.
    pub ending: Option<Ending>,
    /// What it wrote to descriptor 1.
    pub stdout: String,
    /// What it wrote to descriptor 2.
    pub stderr: String,
    /// Some output was left out.
    pub truncated: bool,
    /// Some output was not UTF-8 and was replaced.
    pub replaced: bool,
    /// Both streams, in the order in which they were read.
    pub output: Vec<Output>,
    /// What was refused.
    pub violations: Vec<Violation>,
    /// Messages that name a line of the document.
    pub errors: Vec<SourceError>,
    /// At what cost.
    pub usage: Usage,
    /// Which layers were on.
    pub posture: Posture,
}

//! What the user asked for, in the user's words.

use std::path::PathBuf;
use std::sync::Arc;

/// Whole lines of a document, from 1, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRange {
    /// The first line.
    pub first: u32,
    /// The last line; never before the first.
    pub last: u32,
}

/// What the lines to run are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Lines of a program, or of a block.
    #[default]
    Lines,
    /// A function, which is to be called.
    Function,
    /// A whole block of a text around code, which may say that it is not to be run.
    Block,
    /// The cell or block that the last line is in, after all earlier ones in the same language. The first line says nothing.
    UpTo,
}

/// What is to be run.
#[derive(Clone, Debug)]
pub enum Source {
    /// A source file, or a part of one. The text is a copy: what happens to the document later changes nothing.
    Document {
        /// Where the document lies; `None` for one that was never saved.
        path: Option<PathBuf>,
        /// The document as the user named it, for messages and reports.
        name: String,
        /// The editor's language id, or the user's `--language`; `None` to find out from path and first line.
        language: Option<String>,
        /// The whole document, not necessarily UTF-8.
        text: Arc<[u8]>,
        /// The lines to run; `None` for the whole document.
        lines: Option<LineRange>,
        /// What those lines are.
        part: Part,
    },
    /// Any command.
    Command {
        /// The program's name or path, and its arguments. Never empty.
        argv: Vec<String>,
    },
}

/// A wish to run something. Nothing is decided or checked yet.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// What to run.
    pub source: Source,
    /// Arguments for the program, behind its name.
    pub arguments: Vec<String>,
    /// Name of the policy.
    pub policy: String,
    /// The user chose it for this run, so that a document that names another has no say.
    pub names_policy: bool,
    /// The project's directory, if the user named one; else it is found from the document.
    pub project: Option<PathBuf>,
    /// Rules that the user allows for this run, each a line of a policy file: `files.read = ["/srv/data"]`.
    pub allow: Vec<String>,
    /// Limits that the user sets for this run: `("wall", "3s")`.
    pub limits: Vec<(String, String)>,
    /// Standard input will be written to the run (else it is empty).
    pub has_input: bool,
    /// Output is to be told with the line that printed it. That costs each print some microseconds, so only who shows it asks.
    pub output_lines: bool,
    /// The request comes from the user's own hand (the command line), so `allow` and `limits` may widen the policy.
    /// What comes from a document or a project may only narrow.
    pub may_widen: bool,
}

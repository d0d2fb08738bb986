//! What crosses between this server and an editor beyond the protocol itself: arguments and answers of our
//! commands, the settings, and the notification that our own editor plugins get. The plugins mirror this file.

use serde::{Deserialize, Serialize};
use tower_lsp::ls_types::notification::Notification;
use tower_lsp::ls_types::request::Request;
use tower_lsp::ls_types::{Position, Range, Uri};

/// Runs a document or a part of one: [`RunArguments`] -> [`RunReply`].
pub const RUN: &str = "belljar.run";
/// Ends a run: [`RunChoice`] -> `{"cancelled": bool}`. Without arguments: every run.
pub const CANCEL: &str = "belljar.cancel";
/// Runs the same lines again, with the same policy, arguments and input: [`RunChoice`] -> [`RunReply`]. Without
/// arguments: the last run.
pub const RERUN: &str = "belljar.rerun";
/// Takes results away: [`RunChoice`] -> `{"cleared": number}`. Without arguments: all of the last active document.
/// Of several runs only those that are over.
pub const CLEAR: &str = "belljar.clear";
/// Shows everything that a run told, or has told so far: [`RunChoice`] -> [`OutputReply`]. Without arguments: the last
/// run.
pub const SHOW_OUTPUT: &str = "belljar.showOutput";
/// Allows one thing: [`AllowArguments`] -> [`RunReply`] if it is for one more run, which begins at once; else
/// [`ProposalReply`], and the user is shown what would be written where, and asked.
pub const ALLOW: &str = "belljar.allow";
/// The policies that the user can choose from: nothing -> [`PoliciesReply`].
pub const POLICIES: &str = "belljar.policies";
/// Chooses the policy of this session's runs that name none, as the setting `policy` does: [`PolicyChoice`] ->
/// [`PolicyChoice`] with what is in force now. Without arguments it changes nothing, and tells the user what there is.
pub const USE_POLICY: &str = "belljar.usePolicy";

/// Every command, as announced.
pub const COMMANDS: [&str; 8] = [
    RUN,
    CANCEL,
    RERUN,
    CLEAR,
    SHOW_OUTPUT,
    ALLOW,
    POLICIES,
    USE_POLICY,
];

/// The kind of our code actions. Its own, because editors run `quickfix` and `source.*` on save.
pub const ACTION_KIND: &str = "belljar.run";

/// Which part of a document is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The lines that are selected.
    Selection,
    /// The lines that the selection or the cursor touches.
    Line,
    /// The function, method or test around the cursor.
    Function,
    /// The `# %%` cell around the cursor.
    Cell,
    /// The block around the cursor, of a Markdown document or another text around code.
    Block,
    /// The cell or block around the cursor, after all earlier ones in its language.
    #[serde(rename = "upTo")]
    UpTo,
    /// The whole document.
    File,
}

impl What {
    /// What users call it.
    pub fn noun(self) -> &'static str {
        match self {
            What::Selection => "selection",
            What::Line => "line",
            What::Function => "function",
            What::Cell => "cell",
            What::Block => "block",
            What::UpTo => "up to here",
            What::File => "file",
        }
    }
}

/// What to run. Everything may be missing: then it is the whole of the last active document.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunArguments {
    /// The document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<Uri>,
    /// Which part. Without it: what is selected, and the whole document if that is nothing. With it, `range`,
    /// `position` or the lines only say where the cursor or the selection is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<What>,
    /// The editor's selection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// The cursor, for whoever has no selection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Name of the policy; the one from the settings if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Arguments for the program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// The program's standard input, which is empty otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// For editors that know no URI where they make arguments: a path, absolute or below a workspace folder. Not while a
    /// document is open whose name could end the string that it is pasted into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// With `path` or `uri`: the first line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_line: Option<u32>,
    /// With `path` or `uri`: the last line, from 1, included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
}

/// The run that was started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunReply {
    /// Its id.
    pub run: String,
}

/// Which run or runs are meant: one, all of a document, all of all documents, or what the command says for none of
/// these.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunChoice {
    /// A run's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// A document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<Uri>,
    /// The same for editors that know no URI, as in [`RunArguments::path`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Every one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// Where the full output was put.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputReply {
    /// The file, only for this user, gone when the server ends.
    pub path: String,
    /// The run.
    pub run: String,
}

/// The policies that there are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PoliciesReply {
    /// The default first.
    pub policies: Vec<PolicyEntry>,
}

/// A policy that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyEntry {
    /// Its name.
    pub name: String,
    /// What it is for, in one line; empty if its file does not say.
    pub description: String,
    /// Runs that name no policy have this one.
    pub active: bool,
}

/// The policy that is wanted, or in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyChoice {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// The request `belljar/output`: everything that a run told, as text for a document that can only be read.
pub enum OutputRequest {}

impl Request for OutputRequest {
    type Params = OutputParameters;
    type Result = Transcript;
    const METHOD: &'static str = "belljar/output";
}

/// Whose output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputParameters {
    /// The run.
    pub run: String,
}

/// Everything that a run told, or as much of it as is kept while it lives. Harmless to show as it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transcript {
    /// A name for the document.
    pub title: String,
    /// Its text.
    pub text: String,
    /// The run is over, and the text will not change any more.
    pub done: bool,
}

/// What to allow. Without arguments: the first violation of the last run, once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AllowArguments {
    /// The run that was refused something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Which violation of its report, from 0.
    pub violation: usize,
    /// For how long.
    pub scope: Scope,
    /// The change was shown, under this name, and is agreed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreed: Option<String>,
}

/// The change of a policy file that the user will be shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProposalReply {
    /// Its name, for [`AllowArguments::agreed`].
    pub proposal: String,
}

/// For how long something is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// For one further run.
    #[default]
    Once,
    /// In the project's policy file.
    Project,
    /// In the user's policy file.
    User,
}

/// `data` of a diagnostic.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiagnosticData {
    /// The run that it comes from.
    pub run: String,
    /// Which violation of its report, from 0, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violation: Option<usize>,
    /// Which expectation of its report, from 0, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<usize>,
}

/// Settings: `initializationOptions`, and `workspace/didChangeConfiguration` (there also below a key `belljar`).
/// They are preferences; what a run may do is decided by policies.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The policy for runs that name none.
    pub policy: Option<String>,
    /// How a result that is no problem is marked: `hint`, `information`, or `none` for clients that show it otherwise.
    pub result_severity: Option<ResultSeverity>,
    /// Results as inlay hints.
    pub hints: Option<bool>,
    /// Runs and results as code lenses.
    pub lenses: Option<bool>,
}

/// How a result that is no problem is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultSeverity {
    /// As a hint, which VS Code does not list among the problems.
    Hint,
    /// As an information, which every editor shows.
    Information,
    /// Not at all.
    None,
}

/// The notification `belljar/runEvent`, for clients that announce `experimental.belljarUi`. Its texts are harmless
/// to show as they are.
pub enum RunEventNotification {}

impl Notification for RunEventNotification {
    type Params = RunEvent;
    const METHOD: &'static str = "belljar/runEvent";
}

/// Something about a run that a plugin may draw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunEvent {
    /// The run.
    pub run: String,
    /// Its document.
    pub uri: Uri,
    /// The document as the user names it.
    pub name: String,
    /// The policy that it was asked for under.
    pub policy: String,
    /// Which part of the document it is.
    pub what: What,
    /// The document's version as far as the server knows; `lines` and every `line` belong to it.
    pub version: i32,
    /// The lines that run, from 0, as they stand in that version: first and last, both included.
    pub lines: (u32, u32),
    /// What happened.
    #[serde(flatten)]
    pub event: RunEventKind,
}

/// What happened to a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum RunEventKind {
    /// It was taken on and waits for `ahead` others, which may be none. Always the first event of a run.
    Queued {
        /// How many.
        ahead: usize,
    },
    /// Its program runs.
    Started,
    /// It printed something.
    Output {
        /// What, in order.
        output: Vec<OutputPiece>,
        /// So much could not be sent in time and is in the full output only.
        #[serde(rename = "omittedBytes")]
        omitted_bytes: u64,
    },
    /// It was refused something. Its number is its place in the report.
    Violation {
        /// What.
        violation: ShownViolation,
    },
    /// It is over.
    Ended {
        /// It did what it should: status 0, nothing was refused, and lines printed what they were expected to.
        ok: bool,
        /// How it ended.
        ending: ShownEnding,
        /// The ending in one line.
        summary: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// Its last words as far as they are worth showing inline.
        output: Vec<OutputPiece>,
        /// The full output has more, or even that is not complete.
        truncated: bool,
        /// Everything it was refused.
        violations: Vec<ShownViolation>,
        /// Errors of the program that name a line.
        errors: Vec<ShownError>,
        /// From start to end, in milliseconds.
        #[serde(rename = "wallMs")]
        wall_ms: f64,
        /// How strong the sandbox was, if anything ran.
        #[serde(skip_serializing_if = "Option::is_none")]
        posture: Option<ShownPosture>,
        /// What else is to be known of it: what a project's policy file says in vain, which layer was replaced by which.
        notes: Vec<String>,
    },
    /// The text that ran was edited, or is again what ran.
    Stale {
        /// Whether it differs.
        stale: bool,
    },
    /// Its result is to be taken away.
    Cleared,
}

/// How a run ended, as the command line has it in its JSON, with texts that are harmless to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ShownEnding {
    /// The program ended by itself.
    Exited {
        /// Its exit status.
        code: i32,
    },
    /// A signal ended the program, and none of ours.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// A limit of the policy ended it.
    Limit {
        /// Which: `wall`, `cpu`, `memory` or `output`.
        limit: String,
    },
    /// The user ended it.
    Cancelled,
    /// Belljar would not run it.
    Refused {
        /// What and why.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// Belljar could not run it.
    Failed {
        /// The step that failed.
        step: String,
        /// The kernel's name for the error.
        errno: String,
        /// What to do about it.
        hint: String,
    },
    /// What became of it is not known. A defect of ours.
    Lost,
}

/// How strong the sandbox was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownPosture {
    /// Nothing was weaker than it can be.
    pub full: bool,
    /// In one line, what was weaker, or that nothing was.
    pub summary: String,
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputPiece {
    /// `stdout` or `stderr`.
    pub stream: belljar_report::Stream,
    /// What was printed.
    pub text: String,
    /// The line that printed it, from 0, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// A violation, worded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownViolation {
    /// Its number in the report, for `belljar.allow`.
    pub index: usize,
    /// What sort of thing: `network.connect`.
    pub code: String,
    /// The sentences to show.
    pub message: String,
    /// The line to show it on, from 0.
    pub line: u32,
    /// The line is known, not guessed.
    pub located: bool,
    /// The rule that would allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<String>,
}

/// An error of the program's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownError {
    /// What it says.
    pub message: String,
    /// The line to show it on, from 0.
    pub line: u32,
}

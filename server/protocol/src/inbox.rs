//! Everything that can happen to the actor.

use std::collections::HashMap;

use belljar_report::{Report, Stream, Violation};
use belljar_runs::RunId;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tower_lsp::ls_types::{
    CodeActionParams, CodeActionResponse, CodeLens, DidChangeNotebookDocumentParams,
    DidChangeTextDocumentParams, DidChangeWorkspaceFoldersParams, DidCloseNotebookDocumentParams,
    DidOpenNotebookDocumentParams, ExecuteCommandParams, Hover, HoverParams, InlayHint,
    InlayHintParams, ProgressToken, TextDocumentItem, Uri,
};

use crate::granting::Pending;
use crate::profile::Profile;
use crate::references::References;
use crate::wire::{Scope, Transcript};

/// Where messages to the actor go. Sending never waits.
pub type Inbox = mpsc::UnboundedSender<Message>;

/// Where the answer to a request goes.
pub type Answer<T> = oneshot::Sender<T>;

/// A command that cannot be done, in words for the user.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem(pub String);

/// One thing that happened.
pub enum Message {
    /// The client has introduced itself.
    Initialize(Box<Profile>),
    /// A document was opened.
    Open(TextDocumentItem),
    /// A document was changed.
    Change(DidChangeTextDocumentParams),
    /// A document was closed.
    Close(Uri),
    /// A notebook was opened, and with it its cells.
    OpenNotebook(Box<DidOpenNotebookDocumentParams>),
    /// Cells came, went or were changed.
    ChangeNotebook(Box<DidChangeNotebookDocumentParams>),
    /// A notebook was closed, and with it its cells.
    CloseNotebook(DidCloseNotebookDocumentParams),
    /// Folders were opened or closed.
    Folders(DidChangeWorkspaceFoldersParams),
    /// The user changed settings.
    Settings(Value),
    /// What can be done at a place?
    CodeActions(Box<CodeActionParams>, Answer<CodeActionResponse>),
    /// Which lenses has a document?
    Lenses(Uri, Answer<Vec<CodeLens>>),
    /// Which hints has a part of a document?
    Hints(InlayHintParams, Answer<Vec<InlayHint>>),
    /// What is there to read at a place?
    Hover(HoverParams, Answer<Option<Hover>>),
    /// The user wants something done.
    Command(ExecuteCommandParams, Answer<Result<Value, Problem>>),
    /// What has a run told?
    Transcript(String, Answer<Result<Transcript, Problem>>),
    /// The user ended a run where the editor shows its progress.
    CancelProgress(ProgressToken),
    /// A run told something.
    Told(RunId, Box<Telling>),
    /// A run is over. `None` if it ended without a report, which is a defect.
    Finished(RunId, Option<Box<Report>>),
    /// What the diagnostics of a run lead to.
    References(RunId, Box<References>),
    /// Where rules of a run can be written for good.
    Lasting(RunId, HashMap<String, Vec<Scope>>),
    /// A change of a policy file that the user wants to see and may agree to.
    Proposed(Box<Pending>),
    /// The user was shown the change, and may agree to it from the menu.
    Offered(Box<Pending>),
    /// The client has made a place to show a run's progress.
    ProgressReady(RunId, ProgressToken),
    /// The client has asked again for what it was told to ask for, or did not answer.
    Refreshed(Refresh),
    /// The policies that the user has, read anew.
    Policies(Vec<String>),
    /// It is time to tell how long runs have taken so far.
    StillRunning,
    /// It is time to show what has changed.
    Flush,
    /// Ask the client once more to ask for hints.
    HintsAgain,
    /// Nothing further will be asked.
    Shutdown(Answer<()>),
}

/// What a client can be told to ask for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Code lenses.
    Lenses,
    /// Inlay hints.
    Hints,
}

/// What a run told since it last told something.
#[derive(Default)]
pub struct Telling {
    /// It waits for so many others.
    pub queued: Option<usize>,
    /// Its program runs.
    pub started: bool,
    /// What it printed, in order.
    /// With the line of the document that printed it, from 1, where that is known.
    pub output: Vec<(Stream, Option<u32>, String)>,
    /// So many bytes more were printed, too many to pass on.
    pub omitted: u64,
    /// What it was refused.
    pub violations: Vec<Violation>,
}

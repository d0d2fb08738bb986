//! The one task that owns all state. It takes one message after the other and never waits for anybody, so it answers
//! in microseconds, and messages have their effect in the order in which they came.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use belljar_runs::{DocumentKind, RunId, Runtime};
use tokio::sync::mpsc;
use tower_lsp::ls_types::notification::PublishDiagnostics;
use tower_lsp::ls_types::request::{CodeLensRefresh, InlayHintRefreshRequest};
use tower_lsp::ls_types::{
    CodeActionParams, CodeActionResponse, Diagnostic, DidChangeTextDocumentParams, Hover,
    HoverParams, ProgressToken, PublishDiagnosticsParams, TextDocumentItem, Uri,
};

use crate::actions::Menu;
use crate::documents::Document;
use crate::granting::Pending;
use crate::inbox::{Inbox, Message, Refresh};
use crate::notebooks::{Notebook, move_report, move_telling};
use crate::outbox::Outbox;
use crate::output_files::OutputFiles;
use crate::profile::{Profile, path_of};
use crate::runner::Runner;
use crate::shown::ShownRun;
use crate::{diagnostics, hints, hover, lenses};

/// What is shown changes at most this often.
const HOW_OFTEN: Duration = Duration::from_millis(100);
/// So many changes may come at once all the same: a run begins, its program starts, and prints.
const AT_ONCE: u32 = 3;
/// Neovim may forget to draw hints that it was given, and does draw them when it is told to ask again.
const HINTS_AGAIN: Duration = Duration::from_millis(300);
/// How long a client may take to do what it was asked in the background.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the names of policies are remembered; reading them reads files.
const POLICIES_AGE: Duration = Duration::from_secs(5);

/// All state of a session.
pub struct Actor {
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    pub(crate) files: OutputFiles,
    pub(crate) profile: Profile,
    pub(crate) documents: HashMap<Uri, Document>,
    pub(crate) notebooks: HashMap<Uri, Notebook>,
    /// Every run that is shown, the oldest first.
    pub(crate) runs: Vec<ShownRun>,
    /// The change of a policy file that the user was shown and may agree to from the menu.
    pub(crate) pending: Option<Pending>,
    /// How many there were.
    pub(crate) n_proposals: usize,
    /// The document that the user did something in last.
    pub(crate) active: Option<Uri>,
    /// A message is on its way to tell how long runs have taken.
    pub(crate) is_telling: bool,
    policies: (Option<Instant>, Vec<String>),
    pub(crate) changed: Changed,
    published: HashMap<Uri, Vec<Diagnostic>>,
    refreshing: Vec<Refresh>,
    is_over: bool,
}

/// What the client does not know yet.
#[derive(Default)]
pub(crate) struct Changed {
    documents: HashSet<Uri>,
    /// Progress of runs that are over, and its last words. It ends when their results are shown and not before: who reads
    /// that a run is done looks at its result.
    pub(crate) over: Vec<(ProgressToken, Option<String>)>,
    lenses: bool,
    hints: bool,
    /// A flush is on its way.
    scheduled: bool,
    /// When as many changes as were shown would have been shown with [`HOW_OFTEN`] between them.
    caught_up: Option<Instant>,
}

/// Starts the actor of a session, in the [`tokio::task::LocalSet`] that this is called in, and says where its messages go.
pub fn start(runner: Arc<dyn Runner>, outbox: Outbox, files: OutputFiles) -> Inbox {
    let (inbox, mut messages) = mpsc::unbounded_channel();
    let mut actor = Actor {
        runner,
        outbox,
        // Held here too, so the actor ends with the runtime and not before.
        inbox: inbox.clone(),
        files,
        profile: Profile::default(),
        documents: HashMap::new(),
        notebooks: HashMap::new(),
        runs: Vec::new(),
        pending: None,
        n_proposals: 0,
        active: None,
        is_telling: false,
        policies: (None, Vec::new()),
        changed: Changed::default(),
        published: HashMap::new(),
        refreshing: Vec::new(),
        is_over: false,
    };
    tokio::task::spawn_local(async move {
        while let Some(message) = messages.recv().await {
            let handled = catch_unwind(AssertUnwindSafe(|| {
                actor.handle(message);
                actor.show_changes();
            }));
            if handled.is_err() {
                // Who asked gets an error, because the other end of the answer is gone; everybody else goes on.
                tracing::error!("a message met a defect");
            }
        }
    });
    inbox
}

impl Actor {
    fn handle(&mut self, message: Message) {
        match message {
            Message::Initialize(profile) => self.profile = *profile,
            Message::Open(item) => self.open(item),
            Message::Change(change) => self.change(change),
            Message::Close(uri) => self.close(&uri),
            Message::OpenNotebook(opened) => self.open_notebook(*opened),
            Message::ChangeNotebook(changed) => self.change_notebook(*changed),
            Message::CloseNotebook(closed) => self.close_notebook(closed),
            Message::Folders(change) => {
                let gone: Vec<PathBuf> = change
                    .event
                    .removed
                    .iter()
                    .filter_map(|f| path_of(&f.uri))
                    .collect();
                self.profile.folders.retain(|folder| !gone.contains(folder));
                let new = change.event.added.iter().filter_map(|f| path_of(&f.uri));
                self.profile.folders.extend(new);
            }
            Message::Settings(settings) => self.change_settings(&settings),
            Message::CodeActions(asked, answer) => drop(answer.send(self.code_actions(&asked))),
            Message::Lenses(uri, answer) => {
                let lenses = self
                    .documents
                    .get(&uri)
                    .filter(|_| self.profile.shows_lenses());
                let lenses = lenses.map(|document| {
                    lenses::of_document(
                        document,
                        document.outline(self.runner.languages()),
                        self.runs_of(&uri),
                        self.profile.encoding,
                    )
                });
                let _ = answer.send(lenses.unwrap_or_default());
            }
            Message::Hints(asked, answer) => {
                let uri = asked.text_document.uri;
                let document = self
                    .documents
                    .get(&uri)
                    .filter(|_| self.profile.shows_hints());
                let hints = document.map(|document| {
                    hints::of_document(
                        document,
                        self.runs_of(&uri),
                        asked.range,
                        self.profile.encoding,
                    )
                });
                let _ = answer.send(hints.unwrap_or_default());
            }
            Message::Hover(asked, answer) => drop(answer.send(self.hover(&asked))),
            Message::Command(command, answer) => self.command(command, answer),
            Message::Transcript(run, answer) => self.transcript(run, answer),
            Message::CancelProgress(token) => {
                let run = self
                    .runs
                    .iter()
                    .find(|run| run.progress.as_ref() == Some(&token));
                if let Some(run) = run {
                    self.runner.cancel(&run.id);
                }
            }
            Message::Told(id, mut telling) => {
                move_telling(&mut telling, self.lines_before(&id));
                self.told(&id, *telling);
            }
            Message::Finished(id, mut report) => {
                if let Some(report) = &mut report {
                    move_report(report, self.lines_before(&id));
                }
                self.finished(&id, report);
            }
            Message::References(id, references) => self.lead_to(&id, *references),
            Message::Lasting(id, lasting) => {
                if let Some(run) = self.run_mut(&id) {
                    run.lasting = lasting;
                }
            }
            Message::Proposed(pending) => self.ask_about(*pending),
            Message::Offered(pending) => self.pending = Some(*pending),
            Message::ProgressReady(id, token) => self.show_progress(&id, token),
            Message::Refreshed(what) => self.refreshing.retain(|known| *known != what),
            Message::Policies(names) => self.policies.1 = names,
            Message::StillRunning => self.keep_telling(),
            Message::Flush => self.changed.scheduled = false,
            Message::HintsAgain => self.changed.hints = true,
            Message::Shutdown(answer) => {
                self.is_over = true;
                self.runner.cancel_all();
                let _ = answer.send(());
            }
        }
    }

    /// The runs of a document, the oldest first.
    pub(crate) fn runs_of<'a>(&'a self, uri: &Uri) -> impl Iterator<Item = &'a ShownRun> + use<'a> {
        let uri = uri.clone();
        self.runs.iter().filter(move |run| run.uri == uri)
    }

    /// A run by its id.
    pub(crate) fn run_mut(&mut self, id: &RunId) -> Option<&mut ShownRun> {
        self.runs.iter_mut().find(|run| run.id == *id)
    }

    /// What is shown of `uri` has to be shown anew.
    pub(crate) fn touch(&mut self, uri: &Uri) {
        self.changed.documents.insert(uri.clone());
        self.changed.lenses = true;
        self.changed.hints = true;
    }

    /// Results have come or gone, so hints are to be asked for twice (see [`HINTS_AGAIN`]).
    pub(crate) fn ask_for_hints_again(&self) {
        if self.profile.shows_hints() {
            self.later(HINTS_AGAIN, Message::HintsAgain);
        }
    }

    /// Sends a message to this actor after a while.
    pub(crate) fn later(&self, after: Duration, message: Message) {
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let _ = inbox.send(message);
        });
    }

    pub(crate) fn open(&mut self, item: TextDocumentItem) {
        let uri = item.uri;
        // A client that opens twice without closing starts over.
        self.close(&uri);
        let mut document = Document::new(uri.clone(), item.language_id, item.version, &item.text);
        document.kind = self.kind_of(&document);
        self.documents.insert(uri.clone(), document);
        self.active = Some(uri);
    }

    fn kind_of(&self, document: &Document) -> DocumentKind {
        let language = Some(document.language.as_str()).filter(|language| !language.is_empty());
        let path = path_of(&document.uri);
        let languages = self.runner.languages();
        languages.kind(language, path.as_deref(), &document.first_line)
    }

    pub(crate) fn change(&mut self, change: DidChangeTextDocumentParams) {
        let uri = change.text_document.uri;
        let version = change.text_document.version;
        let Some(document) = self.documents.get_mut(&uri) else {
            return;
        };
        let shifts = document.change(version, change.content_changes, self.profile.encoding);
        let text = document.text.clone();
        let first_line = document.current_first_line();
        if first_line != document.first_line {
            document.first_line = first_line;
            let kind = self.kind_of(&self.documents[&uri]);
            if let Some(document) = self.documents.get_mut(&uri) {
                let id = |runtime: &Option<Runtime>| runtime.as_ref().map(|it| it.id().to_owned());
                self.changed.lenses |= id(&document.kind.runtime) != id(&kind.runtime);
                document.kind = kind;
            }
        }
        let mut any = false;
        let mut stale = Vec::new();
        for run in self.runs.iter_mut().filter(|run| run.uri == uri) {
            for shift in &shifts {
                any |= run.shift(*shift);
            }
            if run.look(&text) {
                any = true;
                stale.push(run.id.clone());
            }
        }
        for id in stale {
            self.tell_stale(&id);
        }
        if any {
            self.touch(&uri);
        }
        self.active = Some(uri);
    }

    pub(crate) fn close(&mut self, uri: &Uri) {
        if self.documents.remove(uri).is_none() {
            return;
        }
        let runs: Vec<RunId> = self.runs_of(uri).map(|run| run.id.clone()).collect();
        for id in runs {
            self.runner.cancel(&id);
            self.forget(&id);
        }
        self.changed.documents.remove(uri);
        if self
            .published
            .remove(uri)
            .is_some_and(|published| !published.is_empty())
        {
            self.publish(uri.clone(), Vec::new(), None);
        }
        if self.active.as_ref() == Some(uri) {
            self.active = None;
        }
    }

    fn change_settings(&mut self, settings: &serde_json::Value) {
        self.profile.change_settings(settings);
        let uris: Vec<Uri> = self.documents.keys().cloned().collect();
        for uri in uris {
            self.touch(&uri);
        }
    }

    fn code_actions(&mut self, asked: &CodeActionParams) -> CodeActionResponse {
        let uri = &asked.text_document.uri;
        if !self.documents.contains_key(uri) {
            return Vec::new();
        }
        self.active = Some(uri.clone());
        self.read_policies();
        let menu = Menu {
            document: &self.documents[uri],
            languages: self.runner.languages(),
            runs: self.runs_of(uri).collect(),
            policies: &self.policies.1,
            pending: self.pending.as_ref(),
            profile: &self.profile,
        };
        menu.make(asked)
    }

    /// Sees to it that the names of the policies are known, and read again now and then. Only the first reading is
    /// waited for.
    fn read_policies(&mut self) {
        match self.policies.0 {
            None => self.policies.1 = self.runner.policy_names(),
            Some(read) if read.elapsed() < POLICIES_AGE => return,
            Some(_) => {
                let (runner, inbox) = (Arc::clone(&self.runner), self.inbox.clone());
                tokio::task::spawn_blocking(move || {
                    let _ = inbox.send(Message::Policies(runner.policy_names()));
                });
            }
        }
        self.policies.0 = Some(Instant::now());
    }

    fn hover(&mut self, asked: &HoverParams) -> Option<Hover> {
        let place = &asked.text_document_position_params;
        let uri = &place.text_document.uri;
        let line = place.position.line as usize;
        let document = self.documents.get(uri)?;
        let last = document.text.len_lines().saturating_sub(1);
        let line = line.min(last);
        let runs = self.runs_of(uri).filter(|run| run.is_meant(line));
        let hover = hover::of_line(runs, line, &self.profile);
        self.active = Some(uri.clone());
        hover
    }

    /// Shows what has changed, unless that was done a moment ago: then a little later.
    fn show_changes(&mut self) {
        let changed = &self.changed;
        let any = !changed.documents.is_empty()
            || !changed.over.is_empty()
            || changed.lenses
            || changed.hints;
        if !any || changed.scheduled || self.is_over {
            return;
        }
        let now = Instant::now();
        let ahead = changed.caught_up.map_or(Duration::ZERO, |caught_up| {
            caught_up.saturating_duration_since(now)
        });
        let rest = ahead
            .checked_sub(HOW_OFTEN * (AT_ONCE - 1))
            .filter(|rest| !rest.is_zero());
        if let Some(rest) = rest.or_else(|| self.outbox.is_behind().then_some(HOW_OFTEN)) {
            self.changed.scheduled = true;
            self.later(rest, Message::Flush);
            return;
        }
        self.changed.caught_up = Some(now + ahead + HOW_OFTEN);
        for uri in std::mem::take(&mut self.changed.documents) {
            self.show_document(uri);
        }
        for (token, message) in std::mem::take(&mut self.changed.over) {
            self.end_progress(token, message);
        }
        self.report_progress();
        if std::mem::take(&mut self.changed.lenses)
            && self.profile.lens_refresh
            && self.profile.shows_lenses()
        {
            self.refresh(Refresh::Lenses);
        }
        if std::mem::take(&mut self.changed.hints) && self.profile.shows_hints() {
            self.refresh(Refresh::Hints);
        }
    }

    fn show_document(&mut self, uri: Uri) {
        let Some(document) = self.documents.get(&uri) else {
            return;
        };
        let all = diagnostics::of_document(document, self.runs_of(&uri), &self.profile);
        let known = self.published.get(&uri);
        if known.map_or(all.is_empty(), |known| *known == all) {
            return;
        }
        let version = Some(document.version);
        self.published.insert(uri.clone(), all.clone());
        self.publish(uri, all, version);
    }

    fn publish(&self, uri: Uri, diagnostics: Vec<Diagnostic>, version: Option<i32>) {
        self.outbox
            .notify::<PublishDiagnostics>(PublishDiagnosticsParams {
                uri,
                diagnostics,
                version,
            });
    }

    /// Tells the client to ask again. While it still does from the last time, it will be told when it has.
    fn refresh(&mut self, what: Refresh) {
        if self.refreshing.contains(&what) {
            match what {
                Refresh::Lenses => self.changed.lenses = true,
                Refresh::Hints => self.changed.hints = true,
            }
            return;
        }
        self.refreshing.push(what);
        let inbox = self.inbox.clone();
        match what {
            Refresh::Lenses => {
                let asked = self.outbox.ask::<CodeLensRefresh>((), PATIENCE);
                tokio::spawn(async move {
                    asked.await;
                    let _ = inbox.send(Message::Refreshed(what));
                });
            }
            Refresh::Hints => {
                let asked = self.outbox.ask::<InlayHintRefreshRequest>((), PATIENCE);
                tokio::spawn(async move {
                    asked.await;
                    let _ = inbox.send(Message::Refreshed(what));
                });
            }
        }
    }
}

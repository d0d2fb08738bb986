//! Allowing one thing for good: what would be written is shown to the user first, and written only when they agree.
//! We write the file ourselves and not as an edit of the editor's, which would leave it unsaved in a buffer, readable
//! by others and half written after a crash; and trust goes to exactly the bytes that were agreed to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use belljar_report::displayable_line;
use belljar_runs::{Part, Proposal, Refusal, RunId, RunRequest, Source, Trust, Written, write};
use serde_json::Value;
use tower_lsp::ls_types::notification::ShowMessage;
use tower_lsp::ls_types::request::{ShowDocument, ShowMessageRequest};
use tower_lsp::ls_types::{
    MessageActionItem, MessageType, ShowDocumentParams, ShowMessageParams,
    ShowMessageRequestParams, Uri,
};

use crate::actor::Actor;
use crate::diagnostics::allowable;
use crate::inbox::{Message, Problem};
use crate::outbox::Outbox;
use crate::output_files::OutputFiles;
use crate::profile::path_of;
use crate::references::References;
use crate::shown::ShownRun;
use crate::wire::{ProposalReply, Scope};

/// How long the user may think about it.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long opening a file may take.
const QUICKLY: Duration = Duration::from_secs(5);
/// So many rules of a run are offered for good.
const MOST_RULES: usize = 16;
const LONGEST_LINE: usize = 400;

const AGREE: &str = "Write it";
const SHOW: &str = "Show the change";
const LEAVE: &str = "Leave it";

/// A change that the user is asked about.
#[derive(Clone)]
pub struct Pending {
    /// Its name.
    pub name: String,
    /// The run that was refused something.
    pub run: RunId,
    /// Which violation.
    pub violation: usize,
    /// For how long.
    pub scope: Scope,
    /// What would be written.
    pub proposal: Proposal,
}

impl Actor {
    /// Finds what the diagnostics of a run lead to, in a task of its own.
    pub(crate) fn find_references(&self, id: &RunId, uri: &Uri) {
        if !self.profile.related && !self.profile.code_pages {
            return;
        }
        let (files, inbox) = (self.files.clone(), self.inbox.clone());
        let (id, path) = (id.clone(), path_of(uri));
        tokio::task::spawn_blocking(move || {
            match References::find(&files, path.as_deref()) {
                Ok(references) => drop(inbox.send(Message::References(id, Box::new(references)))),
                // Diagnostics are as good without.
                Err(error) => tracing::warn!(%error, "no files that diagnostics could lead to"),
            }
        });
    }

    /// Takes over what the diagnostics of a run lead to.
    pub(crate) fn lead_to(&mut self, id: &RunId, references: References) {
        let Some(run) = self.run_mut(id) else { return };
        run.references = Some(references);
        let uri = run.uri.clone();
        self.touch(&uri);
    }

    /// Finds out where the rules of a finished run can be written for good, so that nothing is offered in vain.
    pub(crate) fn find_lasting(&self, id: &RunId) {
        let Some(run) = self.runs.iter().find(|run| run.id == *id) else {
            return;
        };
        let all = 0..run.violations().len();
        let mut rules: Vec<String> = all
            .filter_map(|index| allowable(run, index))
            .map(str::to_owned)
            .collect();
        rules.sort();
        rules.dedup();
        rules.truncate(MOST_RULES);
        if rules.is_empty() {
            return;
        }
        let request = request_like(run);
        let (runner, inbox, id) = (Arc::clone(&self.runner), self.inbox.clone(), id.clone());
        tokio::task::spawn_blocking(move || {
            let lasting: HashMap<String, Vec<Scope>> = rules
                .into_iter()
                .map(|rule| {
                    let can = |scope: &Scope| {
                        file_of(*scope)
                            .is_some_and(|file| runner.propose(&request, &rule, file).is_ok())
                    };
                    let scopes = [Scope::Project, Scope::User]
                        .into_iter()
                        .filter(can)
                        .collect();
                    (rule, scopes)
                })
                .collect();
            let _ = inbox.send(Message::Lasting(id, lasting));
        });
    }

    /// Works out a change of a policy file, in a task of its own, and has the user asked.
    pub(crate) fn propose(
        &mut self,
        run: &RunId,
        violation: usize,
        scope: Scope,
    ) -> Result<Value, Problem> {
        let found = self.runs.iter().find(|known| known.id == *run);
        let rule = found.and_then(|run| allowable(run, violation));
        let (Some(found), Some(rule), Some(file)) = (found, rule, file_of(scope)) else {
            return Err(Problem("No rule can allow this one thing.".into()));
        };
        self.n_proposals += 1;
        let name = format!("p{}", self.n_proposals);
        let (rule, request) = (rule.to_owned(), request_like(found));
        let (run, reply) = (run.clone(), name.clone());
        let (runner, inbox) = (Arc::clone(&self.runner), self.inbox.clone());
        let outbox = self.outbox.clone();
        tokio::task::spawn_blocking(move || match runner.propose(&request, &rule, file) {
            Ok(proposal) => {
                let pending = Pending {
                    name,
                    run,
                    violation,
                    scope,
                    proposal,
                };
                let _ = inbox.send(Message::Proposed(Box::new(pending)));
            }
            Err(refusal) => say_no(&outbox, &refusal),
        });
        serde_json::to_value(ProposalReply { proposal: reply })
            .map_err(|error| Problem(error.to_string()))
    }

    /// Shows the user what would be written, and writes it if they agree.
    pub(crate) fn ask_about(&self, pending: Pending) {
        let asking = Asking {
            outbox: self.outbox.clone(),
            files: self.files.clone(),
            can_show: self.profile.show_document,
            pending,
        };
        let (questions, inbox) = (self.profile.questions, self.inbox.clone());
        tokio::spawn(async move {
            let answer = if questions { asking.ask().await } else { None };
            match answer {
                Some(true) => asking.write().await,
                Some(false) => {}
                // The client does not ask. The menu does, once the change was shown.
                None => {
                    let pending = asking.pending.clone();
                    let message = asking.show().await;
                    let _ = inbox.send(Message::Offered(Box::new(pending)));
                    asking.tell(message);
                }
            }
        });
    }

    /// Writes the change that was shown under this name.
    pub(crate) fn agree(&mut self, name: &str) -> Result<Value, Problem> {
        let Some(pending) = self.pending.take_if(|pending| pending.name == name) else {
            return Err(Problem(
                "This change is not known any more. Pick it again.".into(),
            ));
        };
        let asking = Asking {
            outbox: self.outbox.clone(),
            files: self.files.clone(),
            can_show: self.profile.show_document,
            pending,
        };
        tokio::spawn(async move { asking.write().await });
        Ok(serde_json::json!({ "proposal": name }))
    }
}

/// One change, and the ways to its user.
struct Asking {
    outbox: Outbox,
    files: OutputFiles,
    can_show: bool,
    pending: Pending,
}

impl Asking {
    /// Whether the user agrees; `None` if the client did not ask.
    async fn ask(&self) -> Option<bool> {
        let item = |title: &str| MessageActionItem {
            title: title.into(),
            properties: HashMap::new(),
        };
        let mut can_show = self.can_show;
        loop {
            let mut actions = vec![item(AGREE)];
            actions.extend(can_show.then(|| item(SHOW)));
            actions.push(item(LEAVE));
            let question = ShowMessageRequestParams {
                typ: MessageType::INFO,
                message: question(&self.pending),
                actions: Some(actions),
            };
            let asked = self.outbox.ask::<ShowMessageRequest>(question, PATIENCE);
            let chosen = asked.await?.map(|item| item.title);
            match chosen.as_deref() {
                Some(AGREE) => return Some(true),
                Some(SHOW) => can_show = self.show().await.is_some_and(|shown| shown.1),
                _ => return Some(false),
            }
        }
    }

    /// Writes the change as a file and has it opened. The path, and whether it was opened.
    async fn show(&self) -> Option<(String, bool)> {
        let (files, name) = (self.files.clone(), self.pending.name.clone());
        let text = shown_change(&self.pending.proposal);
        let written = tokio::task::spawn_blocking(move || files.write("change.diff", &name, &text));
        let path = written.await.ok()?.ok()?;
        let mut shown = false;
        if let Some(uri) = Uri::from_file_path(&path).filter(|_| self.can_show) {
            let parameters = ShowDocumentParams {
                uri,
                external: Some(false),
                take_focus: Some(true),
                selection: None,
            };
            let asked = self.outbox.ask::<ShowDocument>(parameters, QUICKLY);
            shown = asked.await.is_some_and(|result| result.success);
        }
        Some((path.display().to_string(), shown))
    }

    fn tell(&self, shown: Option<(String, bool)>) {
        let place = match shown {
            Some((_, true)) => String::new(),
            Some((path, false)) => format!(" The change is in {path}."),
            None => String::new(),
        };
        let message = format!(
            "{}{place} To write it, pick \"Write it\" from the code actions of this line.",
            question(&self.pending)
        );
        self.say(MessageType::INFO, message);
    }

    async fn write(&self) {
        let proposal = self.pending.proposal.clone();
        let written = tokio::task::spawn_blocking(move || write(&proposal)).await;
        let path = displayable_line(
            &self.pending.proposal.path.display().to_string(),
            LONGEST_LINE,
        );
        match written {
            Ok(Ok(Written::InForce)) => self.say(
                MessageType::INFO,
                format!("Written to {path}: {}. Run it again.", self.pending.proposal.rule),
            ),
            Ok(Ok(Written::Inert)) => self.say(
                MessageType::WARNING,
                format!(
                    "Written to {path}, and without effect until you trust that file. Read all of it, then say: \
                     belljar policy trust"
                ),
            ),
            Ok(Err(refusal)) => say_no(&self.outbox, &refusal),
            Err(error) => self.say(MessageType::ERROR, format!("Not written: {error}.")),
        }
    }

    fn say(&self, typ: MessageType, message: String) {
        self.outbox
            .notify::<ShowMessage>(ShowMessageParams { typ, message });
    }
}

/// What is asked. The rule was found to be readable as it is, and the path is ours or the project's.
fn question(pending: &Pending) -> String {
    let proposal = &pending.proposal;
    let path = displayable_line(&proposal.path.display().to_string(), LONGEST_LINE);
    let what = match (&proposal.before, pending.scope) {
        (None, _) => format!("make the file {path} with"),
        (Some(_), _) => format!("add to {path}"),
    };
    let for_whom = match pending.scope {
        Scope::User => " It then holds for everything that you run, under every policy.",
        _ => " It then holds for every run in this project.",
    };
    let trust = match proposal.trust {
        Trust::Needed => {
            " You do not trust that file as it is, so it has no effect until you have read it and said \
             \"belljar policy trust\"."
        }
        _ => "",
    };
    format!("Belljar will {what}: {}{for_whom}{trust}", proposal.rule)
}

/// The change, line by line, so that no line of the file can look like two or hide another.
fn shown_change(proposal: &Proposal) -> String {
    let lines = proposal.diff();
    let lines = lines
        .lines()
        .map(|line| displayable_line(line, LONGEST_LINE));
    lines.map(|line| line + "\n").collect()
}

fn say_no(outbox: &Outbox, refusal: &Refusal) {
    let reason = displayable_line(&refusal.reason, LONGEST_LINE);
    let hint = displayable_line(&refusal.hint, LONGEST_LINE);
    let hint = if hint.is_empty() {
        hint
    } else {
        format!(" Hint: {hint}.")
    };
    outbox.notify::<ShowMessage>(ShowMessageParams {
        typ: MessageType::WARNING,
        message: format!("Not written: {}.{hint}", reason.trim_end_matches('.')),
    });
}

/// Which file it is for.
fn file_of(scope: Scope) -> Option<belljar_runs::Scope> {
    match scope {
        Scope::Once => None,
        Scope::Project => Some(belljar_runs::Scope::Project),
        Scope::User => Some(belljar_runs::Scope::User),
    }
}

/// A request for the same document under the same policy, to find its policy files by.
fn request_like(run: &ShownRun) -> RunRequest {
    RunRequest {
        source: Source::Document {
            path: path_of(&run.uri),
            name: run.name.clone(),
            language: None,
            // What it says of its own run may leave a file without effect.
            text: run.text_that_ran(),
            lines: None,
            part: Part::default(),
        },
        arguments: Vec::new(),
        policy: run.asked.policy.clone(),
        names_policy: run.asked.names_policy,
        project: None,
        allow: Vec::new(),
        limits: Vec::new(),
        has_input: false,
        output_lines: true,
        may_widen: false,
    }
}

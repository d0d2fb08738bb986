//! What runs tell, taken over into what is shown of them.

use std::time::{Duration, Instant};

use belljar_report::{Ending, Report, Stream, displayable, displayable_line};
use belljar_runs::RunId;
use tower_lsp::ls_types::notification::Progress;
use tower_lsp::ls_types::request::WorkDoneProgressCreate;
use tower_lsp::ls_types::{
    MessageType, ProgressParams, ProgressParamsValue, ProgressToken, WorkDoneProgress,
    WorkDoneProgressBegin, WorkDoneProgressCreateParams, WorkDoneProgressEnd,
    WorkDoneProgressReport,
};

use crate::actor::Actor;
use crate::diagnostics::{LOST, shown_errors, shown_violations};
use crate::inbox::{Message, Telling};
use crate::positions::number;
use crate::shown::{ShownRun, State};
use crate::wire::{OutputPiece, RunEvent, RunEventKind, RunEventNotification, ShownEnding};
use crate::{summary, words};

/// How long a client may take to make a place for progress; Neovim can take seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time that a run has taken so far is told this often.
const AGAIN: Duration = Duration::from_secs(1);
/// Nobody reads a longer name.
pub(crate) const LONGEST_NAME: usize = 200;
const PROGRESS_TEXT: usize = 60;
/// So much output goes along with the end of a run.
const LAST_OUTPUT: usize = 16 << 10;

impl Actor {
    /// Takes over what a live run told.
    pub(crate) fn told(&mut self, id: &RunId, telling: Telling) {
        let is_behind = self.outbox.is_behind();
        let Some(run) = self.run_mut(id).filter(|run| run.is_live()) else {
            return;
        };
        let mut events = Vec::new();
        if let Some(ahead) = telling.queued {
            run.state = State::Waiting(ahead);
            events.push(RunEventKind::Queued { ahead });
        }
        if telling.started {
            run.state = State::Running;
            run.started = Some(Instant::now());
            events.push(RunEventKind::Started);
        }
        for (_, _, text) in &telling.output {
            run.printed(text);
        }
        let known = run.violations.len();
        for violation in telling.violations {
            run.refused(violation);
        }
        let new = run.violations.len() > known;
        if is_behind {
            // What is not sent now is not sent later either: the report has it.
            let bytes = telling.output.iter().map(|(_, _, text)| text.len() as u64);
            run.unsent += telling.omitted + bytes.sum::<u64>();
        } else if !telling.output.is_empty() || telling.omitted > 0 {
            events.push(RunEventKind::Output {
                output: pieces(telling.output.iter().map(|(stream, line, text)| {
                    let line = line.map(|line| number(run.now(line)));
                    (*stream, text.as_str(), line)
                })),
                omitted_bytes: telling.omitted + std::mem::take(&mut run.unsent),
            });
        }
        if new && self.profile.own_ui {
            let run = self.runs.iter().find(|run| run.id == *id);
            let violations = run.map(shown_violations).unwrap_or_default();
            let violations = violations.into_iter().skip(known);
            events.extend(violations.map(|violation| RunEventKind::Violation { violation }));
        }
        for event in events {
            self.tell(id, event);
        }
        if let Some(uri) = self.run_mut(id).map(|run| run.uri.clone()) {
            self.touch(&uri);
        }
    }

    /// Takes over the end of a run.
    pub(crate) fn finished(&mut self, id: &RunId, report: Option<Box<Report>>) {
        let Some(run) = self.run_mut(id) else {
            return;
        };
        run.end(report);
        let uri = run.uri.clone();
        self.take_progress(id);
        if let Some(run) = self.runs.iter().find(|run| run.id == *id) {
            let ended = ended(run);
            let refused = run.report().filter(|report| {
                matches!(
                    report.ending,
                    Some(Ending::Refused { .. } | Ending::Failed { .. })
                )
            });
            // Nothing ran, so the user may look elsewhere than at the line where it would have.
            if let Some(report) = refused {
                self.say(MessageType::ERROR, summary::ending(report));
            }
            self.tell(id, ended);
        }
        self.touch(&uri);
        self.ask_for_hints_again();
        self.find_lasting(id);
    }

    /// Takes a run away from what is shown.
    pub(crate) fn forget(&mut self, id: &RunId) {
        self.take_progress(id);
        self.tell(id, RunEventKind::Cleared);
        if let Some(at) = self.runs.iter().position(|run| run.id == *id) {
            let run = self.runs.remove(at);
            self.touch(&run.uri);
            self.ask_for_hints_again();
        }
    }

    /// Tells our own plugins that the text of a run has changed, or is again what ran.
    pub(crate) fn tell_stale(&mut self, id: &RunId) {
        if let Some(stale) = self.run_mut(id).map(|run| run.stale) {
            self.tell(id, RunEventKind::Stale { stale });
        }
    }

    pub(crate) fn tell(&self, id: &RunId, event: RunEventKind) {
        let run = self.runs.iter().find(|run| run.id == *id);
        let Some(run) = run.filter(|_| self.profile.own_ui) else {
            return;
        };
        let version = self
            .documents
            .get(&run.uri)
            .map_or(0, |document| document.version);
        self.outbox.notify::<RunEventNotification>(RunEvent {
            run: id.0.clone(),
            uri: run.uri.clone(),
            name: displayable_line(&run.name, LONGEST_NAME),
            policy: displayable_line(&run.asked.policy, LONGEST_NAME),
            what: run.asked.part.what,
            version,
            lines: (number(run.first()), number(run.last())),
            event,
        });
    }

    /// Asks for a place to show progress. The run does not wait for it.
    pub(crate) fn begin_progress(&self, id: &RunId) {
        if !self.profile.progress {
            return;
        }
        // Some editors show the token, so it is made to be read.
        let token = ProgressToken::String(format!("belljar {id}"));
        let parameters = WorkDoneProgressCreateParams {
            token: token.clone(),
        };
        let asked = self
            .outbox
            .ask::<WorkDoneProgressCreate>(parameters, PATIENCE);
        let (inbox, id) = (self.inbox.clone(), id.clone());
        tokio::spawn(async move {
            // After an error the token must not be used.
            if asked.await.is_some() {
                let _ = inbox.send(Message::ProgressReady(id, token));
            }
        });
    }

    /// The client has made the place. It is used even if the run is over by now, because a client that never sees an
    /// end keeps the place.
    pub(crate) fn show_progress(&mut self, id: &RunId, token: ProgressToken) {
        let run = self.run_mut(id);
        let begin = WorkDoneProgressBegin {
            title: "Belljar".into(),
            cancellable: Some(true),
            message: run.as_deref().map(progress_text),
            percentage: None,
        };
        let is_live = run.as_deref().is_some_and(ShownRun::is_live);
        if let Some(run) = self.run_mut(id).filter(|run| run.is_live()) {
            run.progress = Some(token.clone());
        }
        self.progress(token.clone(), WorkDoneProgress::Begin(begin));
        if !std::mem::replace(&mut self.is_telling, true) {
            self.later(AGAIN, Message::StillRunning);
        }
        if !is_live {
            self.end_progress(token, None);
        }
    }

    /// Tells how live runs go on, also those that tell nothing, and again after a while.
    pub(crate) fn keep_telling(&mut self) {
        self.is_telling = self.runs.iter().any(|run| run.progress.is_some());
        if self.is_telling {
            if !self.outbox.is_behind() {
                self.report_progress();
            }
            self.later(AGAIN, Message::StillRunning);
        }
    }

    /// Tells how live runs go on.
    pub(crate) fn report_progress(&self) {
        for run in &self.runs {
            if let Some(token) = &run.progress {
                let report = WorkDoneProgressReport {
                    cancellable: Some(true),
                    message: Some(progress_text(run)),
                    percentage: None,
                };
                self.progress(token.clone(), WorkDoneProgress::Report(report));
            }
        }
    }

    /// The run has nothing further to tell.
    fn take_progress(&mut self, id: &RunId) {
        let Some(run) = self.run_mut(id) else { return };
        let message = run.report().map(summary::short);
        if let Some(token) = run.progress.take() {
            self.changed.over.push((token, message));
        }
    }

    pub(crate) fn end_progress(&self, token: ProgressToken, message: Option<String>) {
        let end = WorkDoneProgressEnd { message };
        self.progress(token, WorkDoneProgress::End(end));
    }

    fn progress(&self, token: ProgressToken, value: WorkDoneProgress) {
        self.outbox.notify::<Progress>(ProgressParams {
            token,
            value: ProgressParamsValue::WorkDone(value),
        });
    }
}

/// Which run it is, for how long it runs, and the last line that it printed.
fn progress_text(run: &ShownRun) -> String {
    let mut place = if run.is_whole() {
        run.name.clone()
    } else {
        format!("{}:{}-{}", run.name, run.first() + 1, run.last() + 1)
    };
    place.push_str(&format!(" under `{}`", run.asked.policy));
    if let Some(age) = run.age() {
        place.push_str(&format!(", {age}"));
    }
    let place = displayable_line(&place, LONGEST_NAME);
    let last = displayable(run.tail())
        .lines()
        .next_back()
        .map(str::to_owned);
    match &run.state {
        State::Waiting(ahead) if *ahead > 0 => format!("{place}: waiting for {ahead}"),
        _ => match last {
            Some(last) => format!("{place}: {}", displayable_line(&last, PROGRESS_TEXT)),
            None => place,
        },
    }
}

/// The end of a run as our own plugins get it.
fn ended(run: &ShownRun) -> RunEventKind {
    let Some(report) = run.report() else {
        return RunEventKind::Ended {
            ok: false,
            ending: ShownEnding::Lost,
            summary: LOST.into(),
            hint: None,
            output: Vec::new(),
            truncated: true,
            violations: Vec::new(),
            errors: Vec::new(),
            wall_ms: 0.0,
            posture: None,
            notes: Vec::new(),
        };
    };
    let mut left = LAST_OUTPUT;
    let fitting = report.output.iter().map_while(|piece| {
        let end = piece.text.floor_char_boundary(piece.text.len().min(left));
        left -= end;
        (end > 0).then(|| {
            (
                piece.stream,
                &piece.text[..end],
                piece.line.map(|line| number(run.now(line))),
            )
        })
    });
    let output = pieces(fitting);
    let printed: usize = report.output.iter().map(|piece| piece.text.len()).sum();
    RunEventKind::Ended {
        ok: summary::verdict(report) == summary::Verdict::Well
            && report.violations.is_empty()
            && report.unmet().next().is_none(),
        ending: words::shown_ending(report),
        summary: summary::short(report),
        hint: words::hint(report),
        output,
        truncated: report.truncated || printed > LAST_OUTPUT,
        violations: shown_violations(run),
        errors: shown_errors(run, report),
        wall_ms: report.usage.wall_ms,
        posture: words::posture(&report.posture),
        notes: report
            .posture
            .notes
            .iter()
            .map(|note| displayable(note))
            .collect(),
    }
}

fn pieces<'a>(output: impl Iterator<Item = (Stream, &'a str, Option<u32>)>) -> Vec<OutputPiece> {
    output
        .map(|(stream, text, line)| OutputPiece {
            stream,
            text: displayable(text),
            line,
        })
        .collect()
}

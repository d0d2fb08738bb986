//! The life of one run: planned, admitted, carried out, reported. Each in a task of its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use belljar_plan::{Refusal, RunRequest, Source};
use belljar_report::{Confidence, Ending, Event, Fold, Kind, Obstacle, Report, SourceError, Usage};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{mpsc, watch};

use crate::conductor::Shared;
use crate::expect::compare;
use crate::{Planner, Prepared, RunId, Stop, Update};

pub(crate) struct Life {
    pub shared: Arc<Shared>,
    pub id: RunId,
    pub updates: mpsc::Sender<Update>,
    pub inputs: Option<mpsc::Receiver<Vec<u8>>>,
    pub cancelled: watch::Receiver<bool>,
}

/// Lives the run, and sees to it that it has exactly one end whatever happens, also if we panic.
pub(crate) async fn supervise(life: Life, request: RunRequest) {
    let (shared, id, updates) = (life.shared.clone(), life.id.clone(), life.updates.clone());
    let blank = start_report(&id, &request);
    let report = match tokio::spawn(life.live(request)).await {
        Ok(report) => report,
        Err(error) => {
            tracing::error!(run = %id, %error, "the task of a run died");
            let ending = Ending::Failed {
                step: "belljar".into(),
                errno: "EIO".into(),
                hint:
                    "this is a mistake in Belljar: please report it, with the program that was run"
                        .into(),
            };
            ended(blank, ending)
        }
    };
    shared.close(&id, &report);
    // Nobody need be listening any more.
    let _ = updates.send(Update::Finished(Box::new(report))).await;
}

impl Life {
    async fn live(mut self, request: RunRequest) -> Report {
        let fold = start_report(&self.id, &request);
        let fold = match self.shared.each_end {
            Some(each_end) => fold.keeping(each_end),
            None => fold,
        };
        let prepared = tokio::select! {
            biased;
            () = asked(&mut self.cancelled) => return ended(fold, Ending::Cancelled),
            // With nobody to tell there is nothing to do.
            () = self.updates.closed() => return ended(fold, Ending::Cancelled),
            prepared = prepare(self.shared.clone(), request.clone()) => prepared,
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(no) => return refused(fold, no),
        };
        let fold = fold.of(prepared.file.clone(), prepared.language.clone());
        let Some(admission) = self.admission().await else {
            return ended(fold, Ending::Cancelled);
        };
        let shared = self.shared.clone();
        let has_input = request.has_input;
        let (report, prepared) = self.carry_out(prepared, fold, has_input).await;
        drop(admission);
        with_obstacles(report, shared, request, prepared).await
    }

    /// Waits for its turn, and tells how many are before it. `None` if it was cancelled.
    async fn admission(&mut self) -> Option<crate::queue::Admission> {
        let mut ticket = self.shared.queue.line_up();
        let mut told = 0;
        loop {
            match ticket.ask() {
                Ok(admission) => return Some(admission),
                // Only the newest number is of interest: who does not read gets it later, or never.
                Err(ahead) if ahead != told => {
                    told = ahead;
                    let _ = self.updates.try_send(Update::Queued { ahead });
                }
                Err(_) => {}
            }
            tokio::select! {
                () = ticket.changed() => {}
                () = asked(&mut self.cancelled) => return None,
                () = self.updates.closed() => return None,
            }
        }
    }

    async fn carry_out(
        mut self,
        mut prepared: Prepared,
        mut fold: Fold,
        has_input: bool,
    ) -> (Report, Prepared) {
        let own = prepared.input.take();
        let has_input = has_input || own.is_some();
        let mut cell = self.shared.cells.start(&prepared.plan, has_input);
        let stop = cell.stop();
        let feeding = match (own, self.inputs.take(), cell.input()) {
            (Some(own), _, Some(pipe)) => Some(tokio::spawn(feed_all(own, pipe))),
            (None, Some(inputs), Some(pipe)) => Some(tokio::spawn(feed(inputs, pipe))),
            _ => None,
        };
        let mut stopped = false;
        while let Some(mut event) = next(&mut *cell, &mut self, &stop, &mut stopped).await {
            note(&mut fold, &prepared, &mut event);
            if fold.has_ended() {
                break;
            }
            present(&prepared, &mut event);
            self.tell(event, &stop, &mut stopped).await;
        }
        if let Some(feeding) = feeding {
            feeding.abort();
        }
        if !fold.has_ended() {
            // The launcher is gone, and with it, by the kernel's doing, the cell.
            fold = failed(fold);
        }
        (finish(fold, &prepared), prepared)
    }

    /// Passes an event on. While the reader is slow the run waits here, and so in the end does the program.
    async fn tell(&mut self, event: Event, stop: &Stop, stopped: &mut bool) {
        tokio::select! {
            biased;
            place = self.updates.reserve() => if let Ok(place) = place {
                place.send(Update::Event(event));
            },
            // A reader who does not read must not keep a cancelled run alive; the report still has the event.
            () = asked(&mut self.cancelled) => if !std::mem::replace(stopped, true) {
                stop();
            },
        }
    }
}

/// The next event of the cell. Meanwhile ends the run if it is cancelled or nobody listens.
async fn next(
    cell: &mut dyn crate::Living,
    life: &mut Life,
    stop: &Stop,
    stopped: &mut bool,
) -> Option<Event> {
    let mut event = cell.next();
    loop {
        tokio::select! {
            biased;
            event = &mut event => return event,
            () = asked(&mut life.cancelled), if !*stopped => {}
            () = life.updates.closed(), if !*stopped => {}
        }
        *stopped = true;
        stop();
    }
}

/// Returns once the run is to be ended.
async fn asked(cancelled: &mut watch::Receiver<bool>) {
    if cancelled.wait_for(|stop| *stop).await.is_err() {
        // Out of the table means over: nobody can ask any more.
        std::future::pending().await
    }
}

/// Planning reads files, so it must not hold up the server's other work. A command has no other work.
async fn prepare(shared: Arc<Shared>, request: RunRequest) -> Result<Prepared, No> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return prepare_here(&*shared.planner, &request);
    }
    let gone = |_| No {
        refusal: Refusal {
            reason: "Belljar made a mistake while it planned the run.".into(),
            hint: "please report it, with the program that was to be run".into(),
        },
        faults: Vec::new(),
    };
    let _turn = shared.planning.acquire().await.ok();
    let planning = {
        let shared = shared.clone();
        move || prepare_here(&*shared.planner, &request)
    };
    match tokio::task::spawn_blocking(planning).await {
        Ok(prepared) => prepared,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(gone(error)),
    }
}

/// Why there is no run, and what of the document is to blame.
pub(crate) struct No {
    refusal: Refusal,
    faults: Vec<SourceError>,
}

pub(crate) fn prepare_here(planner: &dyn Planner, request: &RunRequest) -> Result<Prepared, No> {
    planner.prepare(request).map_err(|refusal| No {
        refusal,
        faults: planner.faults(request),
    })
}

/// The report of what was refused, with the lines that are to blame.
pub(crate) fn refused(mut fold: Fold, no: No) -> Report {
    let Refusal { reason, hint } = no.refusal;
    for fault in no.faults {
        fold.add(&Event::Error(fault));
    }
    ended(fold, Ending::Refused { reason, hint })
}

/// Writes what the document says into the program's standard input.
async fn feed_all(input: Vec<u8>, mut pipe: Box<dyn AsyncWrite + Send + Unpin>) {
    // A program that does not read it all does no harm.
    if pipe.write_all(&input).await.is_ok() {
        let _ = pipe.shutdown().await;
    }
}

/// Writes what the user has to say into the program's standard input.
async fn feed(mut inputs: mpsc::Receiver<Vec<u8>>, mut pipe: Box<dyn AsyncWrite + Send + Unpin>) {
    while let Some(bytes) = inputs.recv().await {
        if pipe.write_all(&bytes).await.is_err() {
            // The program reads no more. That is its own affair.
            return;
        }
    }
    let _ = pipe.shutdown().await;
}

/// Takes an event into the report, in terms of the document.
pub(crate) fn note(fold: &mut Fold, prepared: &Prepared, event: &mut Event) {
    match event {
        Event::Started { posture } => {
            posture.notes.splice(0..0, prepared.notices.iter().cloned());
        }
        Event::Violation(violation) => translate(violation, prepared),
        Event::Output {
            line: Some(line), ..
        } => *line = (prepared.place)(*line, None).0,
        Event::Error(error) => {
            (error.line, error.column) = (prepared.place)(error.line, error.column);
        }
        _ => {}
    }
    fold.add(event);
}

/// Gives an event that is shown while the run lives a line, if only the first one.
pub(crate) fn present(prepared: &Prepared, event: &mut Event) {
    if let Event::Violation(violation) = event {
        place(violation, prepared.file.as_deref(), prepared.first_line);
    }
}

pub(crate) fn start_report(id: &RunId, request: &RunRequest) -> Fold {
    let fold = Fold::new(&*id.0, &*request.policy);
    match &request.source {
        Source::Document { name, language, .. } => fold.of(Some(name.clone()), language.clone()),
        Source::Command { .. } => fold,
    }
}

pub(crate) fn ended(mut fold: Fold, ending: Ending) -> Report {
    fold.add(&Event::Ended {
        ending,
        usage: Usage::default(),
    });
    fold.finish()
}

fn failed(mut fold: Fold) -> Fold {
    let ending = Ending::Failed {
        step: "launcher".into(),
        errno: "EPIPE".into(),
        hint: "the process that makes cells has ended; start Belljar again".into(),
    };
    fold.add(&Event::Ended {
        ending,
        usage: Usage::default(),
    });
    fold
}

/// What can be said only at the end: which lines the error messages name, and so where violations without a line go.
pub(crate) fn finish(fold: Fold, prepared: &Prepared) -> Report {
    let mut report = fold.finish();
    let crashes = std::mem::replace(&mut report.errors, (prepared.read_errors)(&report.stderr));
    // Where a message says why, the crash that follows from it says nothing more.
    let said: Vec<u32> = report.errors.iter().map(|error| error.line).collect();
    let silent = |error: &SourceError| !said.contains(&error.line);
    report.errors.extend(crashes.into_iter().filter(silent));
    put_where_it_was_interrupted(&mut report, prepared.file.as_deref());
    let line = report
        .errors
        .first()
        .map_or(prepared.first_line, |error| error.line);
    for violation in &mut report.violations {
        place(violation, prepared.file.as_deref(), line);
    }
    if !prepared.expectations.is_empty() {
        let (judged, unknown) = compare(&report, &prepared.expectations);
        report.expectations = judged;
        if unknown > 0 {
            report.posture.notes.push(format!(
                "{unknown} of the expectations were not compared: so much was printed that it is not known which line printed what"
            ));
        }
    }
    report
}

/// What Node prints when it is interrupted at a limit, before its stack.
const INTERRUPTED: &str = "Script execution was interrupted";

/// A limit that says no line itself stands where the program says that it was interrupted. That is no error of its own.
fn put_where_it_was_interrupted(report: &mut Report, file: Option<&str>) {
    let is_one = |error: &SourceError| error.message == INTERRUPTED;
    let limit = report.violations.iter_mut().find(|one| {
        matches!(
            one.kind,
            Kind::LimitWall | Kind::LimitCpu | Kind::LimitMemory
        ) && one.line.is_none()
    });
    // The last one: what a program prints before may say anything.
    if let (Some(limit), Some(at)) = (limit, report.errors.iter().rposition(is_one)) {
        let error = report.errors.remove(at);
        limit.file = file.map(str::to_owned);
        limit.line = Some(error.line);
        limit.column = error.column;
        limit.confidence = Confidence::Caller;
    }
}

/// So many rules are tried. Who is refused more different things needs another policy, not that many rules.
const MOST_RULES: usize = 100;

/// What a violation is about, and the rule that it names.
type Named = (String, String);
/// What came of trying the rules.
type Tried = HashMap<Named, Result<(), String>>;

/// Tries for each violation whether its rule would lift it, by planning the same run with the rule.
async fn with_obstacles(
    mut report: Report,
    shared: Arc<Shared>,
    request: RunRequest,
    prepared: Prepared,
) -> Report {
    let asked = rules_to_try(&report);
    if asked.is_empty() {
        return report;
    }
    let trying = move || try_rules(asked, &*shared.planner, &request, &prepared);
    let tried = if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        trying()
    } else {
        // If it panics no rule is offered, and the report is as good as it was.
        tokio::task::spawn_blocking(trying)
            .await
            .unwrap_or_default()
    };
    note_obstacles(&mut report, &tried);
    report
}

fn named(violation: &belljar_report::Violation) -> Option<Named> {
    Some((violation.target.clone(), violation.allow.clone()?))
}

pub(crate) fn rules_to_try(report: &Report) -> Vec<Named> {
    let mut asked: Vec<Named> = report.violations.iter().filter_map(named).collect();
    asked.sort();
    asked.dedup();
    asked.truncate(MOST_RULES);
    asked
}

pub(crate) fn try_rules(
    asked: Vec<Named>,
    planner: &dyn Planner,
    request: &RunRequest,
    prepared: &Prepared,
) -> Tried {
    // Many things may have one rule, and each rule means planning once.
    let mut by_rule: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (target, rule) in asked {
        by_rule.entry(rule).or_default().push(target);
    }
    let mut tried = Tried::new();
    for (rule, targets) in by_rule {
        let names: Vec<&str> = targets.iter().map(String::as_str).collect();
        let lifted = planner.lifts(request, &prepared.plan, &names, &rule);
        let named = targets.into_iter().map(|target| (target, rule.clone()));
        tried.extend(named.zip(lifted));
    }
    tried
}

pub(crate) fn note_obstacles(report: &mut Report, tried: &Tried) {
    for (index, violation) in report.violations.iter().enumerate() {
        let reason = named(violation).and_then(|rule| match tried.get(&rule) {
            Some(Ok(())) => None,
            Some(Err(reason)) => Some(reason.clone()),
            None => Some("so many different things were refused that it was not tried".to_owned()),
        });
        report.obstacles.extend(reason.map(|reason| Obstacle {
            violation: index,
            reason,
        }));
    }
}

/// Puts a violation with a line of the program on that line of the document.
fn translate(violation: &mut belljar_report::Violation, prepared: &Prepared) {
    if let (Some(line), Some(file)) = (violation.line, &prepared.file) {
        let (line, column) = (prepared.place)(line, violation.column);
        violation.file = Some(file.clone());
        violation.line = Some(line);
        violation.column = column;
    }
}

/// Puts a violation of which only the document is known on `line`.
fn place(violation: &mut belljar_report::Violation, file: Option<&str>, line: u32) {
    if let (None, Some(file)) = (violation.line, file) {
        violation.file = Some(file.to_owned());
        violation.line = Some(line);
        violation.column = None;
        violation.confidence = Confidence::File;
    }
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;

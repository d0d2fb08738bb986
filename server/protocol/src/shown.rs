//! A run as its document shows it: where its lines are now, whether they still say what ran, and what came of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use belljar_report::{Report, Violation, duration};
use belljar_runs::RunId;
use ropey::{Rope, RopeSlice};
use tower_lsp::ls_types::{ProgressToken, Uri};

use crate::documents::Shift;
use crate::parts::Part;
use crate::positions::{line_text, number};
use crate::references::References;
use crate::wire::{Scope, What};

/// How far a run has come.
pub enum State {
    /// It waits for so many others.
    Waiting(usize),
    /// Its program runs.
    Running,
    /// It is over.
    Finished(Box<Report>),
    /// It is over, and what became of it is not known. A defect of ours.
    Lost,
}

/// What the user asked for, to be asked for again.
#[derive(Clone)]
pub struct Asked {
    /// Which part of the document, as it was.
    pub part: Part,
    /// The policy.
    pub policy: String,
    /// The user chose it for this run.
    pub names_policy: bool,
    /// What the user allowed for this run alone.
    pub allow: Vec<String>,
    /// Arguments for the program.
    pub arguments: Vec<String>,
    /// Its standard input, if it has one.
    pub stdin: Option<Arc<str>>,
}

/// A run and its place in a document.
pub struct ShownRun {
    /// The run.
    pub id: RunId,
    /// Its document.
    pub uri: Uri,
    /// The document as the user named it; reports use the same name.
    pub name: String,
    /// What was asked for.
    pub asked: Asked,
    /// How far it has come.
    pub state: State,
    /// The last things that it printed, while it lives.
    printed: String,
    /// When its program was started, as far as we were told.
    pub started: Option<Instant>,
    /// It printed more than is kept while it lives.
    unkept: bool,
    /// So much output was not told to the client, because it did not read what it was told before.
    pub unsent: u64,
    /// What it was refused so far, while it lives.
    pub violations: Vec<Violation>,
    /// Where its rules can be written for good, as far as that has been found out.
    pub lasting: HashMap<String, Vec<Scope>>,
    /// What its diagnostics lead to.
    pub references: Option<References>,
    /// Where the editor shows its progress.
    pub progress: Option<ProgressToken>,
    /// The text that ran is not what stands there now.
    pub stale: bool,
    /// So many lines of other cells of its notebook ran before its own.
    pub lines_before: u32,
    /// The document as it was.
    text: Rope,
    /// First line that ran, from 0, as it was.
    origin: usize,
    /// Where each line that ran is now. Never empty.
    lines: Vec<u32>,
}

/// So much of the last output is kept while a run lives.
const KEPT: usize = 256 << 10;
/// And so much of it is looked at for what is shown beside its lines.
const TAIL: usize = 4096;

impl ShownRun {
    /// A run of the lines `first` to `last` (from 0) of `text`, which has just begun.
    pub fn new(
        id: RunId,
        uri: Uri,
        name: String,
        asked: Asked,
        text: Rope,
        (first, last): (usize, usize),
    ) -> ShownRun {
        ShownRun {
            id,
            uri,
            name,
            asked,
            state: State::Waiting(0),
            printed: String::new(),
            started: None,
            unkept: false,
            unsent: 0,
            violations: Vec::new(),
            lasting: HashMap::new(),
            references: None,
            progress: None,
            stale: false,
            lines_before: 0,
            text,
            origin: first,
            lines: (first..=last.max(first)).map(number).collect(),
        }
    }

    /// The whole document ran.
    pub fn is_whole(&self) -> bool {
        self.asked.part.what == What::File
    }

    /// The run is not over.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Waiting(_) | State::Running)
    }

    /// Its report, once it is over.
    pub fn report(&self) -> Option<&Report> {
        match &self.state {
            State::Finished(report) => Some(report),
            _ => None,
        }
    }

    /// What it was refused, so far or at all.
    pub fn violations(&self) -> &[Violation] {
        self.report()
            .map_or(&self.violations, |report| &report.violations)
    }

    /// Its first line, from 0, as the document is now.
    pub fn first(&self) -> usize {
        self.lines.first().map_or(0, |&line| line as usize)
    }

    /// Its last line, from 0, as the document is now.
    pub fn last(&self) -> usize {
        self.lines.last().map_or(0, |&line| line as usize)
    }

    /// Whether it covers any of the lines `first` to `last`, from 0.
    pub fn touches(&self, first: usize, last: usize) -> bool {
        self.first() <= last && first <= self.last()
    }

    /// The document as it was.
    pub fn text_that_ran(&self) -> Arc<[u8]> {
        self.text.bytes().collect()
    }

    /// Where the lines `first` to `last`, from 1 and as they were, are now, from 0; `None` if they are not what they were.
    pub fn same_lines(&self, now: &Rope, first: u32, last: u32) -> Option<(usize, usize)> {
        let (first, last) = (first.max(1) as usize - 1, last.max(1) as usize - 1);
        let is_of_run = first >= self.origin && last < self.origin + self.lines.len();
        let place = |line: usize| self.now(number(line + 1));
        let moved = (place(first), place(last));
        let is_same = is_of_run
            && moved.1.checked_sub(moved.0) == Some(last - first)
            && span(&self.text, first, last) == span(now, moved.0, moved.1);
        is_same.then_some(moved)
    }

    /// Whether a reader who points at `line`, from 0, may mean it. A run of the whole document is meant only where it
    /// has something to say, so that it does not cover what other servers say about every other line.
    pub fn is_meant(&self, line: usize) -> bool {
        if !self.is_whole() {
            return self.touches(line, line);
        }
        let violations = self
            .violations()
            .iter()
            .filter_map(|violation| violation.line);
        let report = self.report();
        let errors = report
            .into_iter()
            .flat_map(|report| report.errors.iter().map(|error| error.line));
        let unmet = report
            .into_iter()
            .flat_map(|report| report.unmet().map(|(_, one)| one.line));
        line == self.first()
            || line == self.last()
            || violations
                .chain(errors)
                .chain(unmet)
                .any(|said| self.now(said) == line)
    }

    /// Where the line that reports call `line` (from 1, as it was) is now, from 0. A line outside the run is its
    /// nearest end.
    pub fn now(&self, line: u32) -> usize {
        let line = (line as usize).saturating_sub(1);
        let at = line.clamp(self.origin, self.origin + self.lines.len() - 1) - self.origin;
        self.lines[at] as usize
    }

    /// Keeps more of what it printed.
    pub fn printed(&mut self, text: &str) {
        self.printed.push_str(text);
        if self.printed.len() > 2 * KEPT {
            let cut = self.printed.ceil_char_boundary(self.printed.len() - KEPT);
            self.printed.drain(..cut);
            self.unkept = true;
        }
    }

    /// The last of what it printed, while it lives.
    pub fn tail(&self) -> &str {
        let printed = &self.printed;
        &printed[printed.ceil_char_boundary(printed.len().saturating_sub(TAIL))..]
    }

    /// For how long its program runs now, in words.
    pub fn age(&self) -> Option<String> {
        let started = self.started.filter(|_| self.is_live())?;
        Some(duration(started.elapsed().as_secs_f64() * 1000.0))
    }

    /// Takes over that it is over.
    pub fn end(&mut self, report: Option<Box<Report>>) {
        self.state = report.map_or(State::Lost, State::Finished);
        self.printed = String::new();
        self.violations = Vec::new();
    }

    /// Everything that it told, or has told so far; without an ending if it is not over.
    pub fn told(&self) -> Report {
        self.report().cloned().unwrap_or_else(|| Report {
            run: self.id.0.clone(),
            policy: self.asked.policy.clone(),
            stdout: self.printed.clone(),
            truncated: self.unkept || self.unsent > 0,
            violations: self.violations.clone(),
            ..Report::default()
        })
    }

    /// Adds a violation to those of a live run, folded as the report will fold them.
    pub fn refused(&mut self, violation: Violation) {
        match self
            .violations
            .iter_mut()
            .find(|known| known.repeats(&violation))
        {
            Some(known) => known.count += violation.count,
            None => self.violations.push(violation),
        }
    }

    /// Moves with an edit of the document. Returns whether any of its lines moved.
    pub fn shift(&mut self, shift: Shift) -> bool {
        if shift.is_still() {
            return false;
        }
        let mut any = false;
        for line in &mut self.lines {
            let moved = number(shift.moved(*line as usize));
            any |= moved != *line;
            *line = moved;
        }
        any
    }

    /// Looks whether the text that ran still stands in `now`. Returns whether that has changed.
    pub fn look(&mut self, now: &Rope) -> bool {
        let stale = if self.text == *now {
            // An editor that puts all of a text back says so in one edit, which no line can be followed through.
            for (at, line) in self.lines.iter_mut().enumerate() {
                *line = number(self.origin + at);
            }
            false
        } else if self.is_whole() {
            true
        } else {
            let last = self.origin + self.lines.len() - 1;
            span(&self.text, self.origin, last) != span(now, self.first(), self.last())
        };
        std::mem::replace(&mut self.stale, stale) != stale
    }
}

/// The lines `first` to `last` without the last line end.
fn span(text: &Rope, first: usize, last: usize) -> RopeSlice<'_> {
    let lines = text.len_lines();
    let start = text.line_to_char(first.min(lines));
    let end = if last >= lines {
        text.len_chars()
    } else {
        text.line_to_char(last) + line_text(text, last).len_chars()
    };
    text.slice(start..end.max(start))
}

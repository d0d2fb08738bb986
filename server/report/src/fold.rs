//! Folds the events of a run into its report.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};

use crate::keep::Keep;
use crate::{Ending, Event, Expected, Posture, Stream, Usage, Violation};

/// A program that is refused the same kind of thing at ever new targets must not fill our memory.
const MOST_VIOLATIONS: usize = 1000;
/// A program of many processes can crash often.
const MOST_ERRORS: usize = 100;

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

/// Why the rule that a violation names would not lift it, found by planning the same run with that rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// Which entry of [`Report::violations`], from 0.
    pub violation: usize,
    /// What stands in the way.
    pub reason: String,
}

/// Output that a report does not hold, because it was more than a report keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// How many bytes were left out.
    pub bytes: u64,
    /// They are missing before this entry of [`Report::output`] (behind the last, if there is no such entry).
    pub before: usize,
}

/// Everything a run told. Its JSON form is a contract (see `belljar run --json`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Where and how much, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// Some output was not UTF-8 and was replaced.
    pub replaced: bool,
    /// Both streams, in the order in which they were read.
    pub output: Vec<Output>,
    /// What was refused.
    pub violations: Vec<Violation>,
    /// How many further violations are not in the list, because it was full.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub violations_omitted: u64,
    /// Which of them no rule can allow although there is one that names them, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<Obstacle>,
    /// Messages that name a line of the document, and crashes.
    pub errors: Vec<SourceError>,
    /// What the document says that its lines print, and what they printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<Expected>,
    /// At what cost.
    pub usage: Usage,
    /// Which layers were on.
    pub posture: Posture,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Report {
    /// The rule that would lift the violation `index`, if one would.
    pub fn rule_for(&self, index: usize) -> Option<&str> {
        let rule = self.violations.get(index)?.allow.as_deref()?;
        self.obstacle(index).is_none().then_some(rule)
    }

    /// Why no rule lifts the violation `index`, where a rule was tried.
    pub fn obstacle(&self, index: usize) -> Option<&str> {
        let mut obstacles = self.obstacles.iter();
        let found = obstacles.find(|obstacle| obstacle.violation == index);
        found.map(|obstacle| obstacle.reason.as_str())
    }
}

/// Collects the events of one run. Holds about one megabyte at most, however much the run tells.
#[derive(Debug, Default)]
pub struct Fold {
    report: Report,
    kept: Keep,
    /// Where in the list a violation with this hash is.
    known: HashMap<u64, usize>,
    hasher: RandomState,
}

impl Fold {
    /// Starts the report of run `run` under policy `policy`.
    pub fn new(run: impl Into<String>, policy: impl Into<String>) -> Fold {
        let report = Report {
            run: run.into(),
            policy: policy.into(),
            ..Report::default()
        };
        Fold {
            report,
            ..Fold::default()
        }
    }

    /// Keeps only `each_end` bytes of the output's beginning, and as many of its end. To be said before anything is added.
    pub fn keeping(mut self, each_end: usize) -> Fold {
        self.kept = Keep::of(each_end);
        self
    }

    /// Says which document is run, as the user named it, and as what.
    pub fn of(mut self, file: Option<String>, language: Option<String>) -> Fold {
        self.report.file = file;
        self.report.language = language;
        self
    }

    /// Takes in one event. What comes behind the end is no part of the run and is ignored.
    pub fn add(&mut self, event: &Event) {
        if self.report.ending.is_some() {
            return;
        }
        match event {
            Event::Started { posture } => self.report.posture = posture.clone(),
            Event::Output {
                stream,
                bytes,
                line,
            } => self.kept.add(*stream, bytes, *line),
            Event::Omitted { bytes } => self.kept.omit(*bytes),
            Event::Violation(violation) => self.add_violation(violation),
            Event::Error(error) if self.report.errors.len() < MOST_ERRORS => {
                self.report.errors.push(error.clone());
            }
            Event::Error(_) => {}
            Event::Ended { ending, usage } => {
                self.report.ending = Some(ending.clone());
                // Nobody can measure less than a microsecond, and the digits below it are noise to a reader.
                let rounded = |ms: f64| (ms * 1000.0).round() / 1000.0;
                let (wall_ms, cpu_ms) = (rounded(usage.wall_ms), rounded(usage.cpu_ms));
                self.report.usage = Usage {
                    wall_ms,
                    cpu_ms,
                    ..usage.clone()
                };
            }
        }
    }

    /// Whether the end has come.
    pub fn has_ended(&self) -> bool {
        self.report.ending.is_some()
    }

    /// The report.
    pub fn finish(mut self) -> Report {
        let kept = self.kept.finish();
        for piece in &kept.pieces {
            match piece.stream {
                Stream::Stdout => self.report.stdout.push_str(&piece.text),
                Stream::Stderr => self.report.stderr.push_str(&piece.text),
            }
        }
        self.report.output = kept.pieces;
        self.report.replaced = kept.replaced;
        self.report.truncated = kept.gap.is_some();
        self.report.gap = kept.gap;
        self.report
    }

    fn add_violation(&mut self, violation: &Violation) {
        let count = violation.count.max(1);
        let hash = self.hasher.hash_one((
            (violation.kind, &violation.target, &violation.access),
            (&violation.file, violation.line, &violation.program),
        ));
        let list = &mut self.report.violations;
        let same = self.known.get(&hash).and_then(|at| list.get_mut(*at));
        if let Some(same) = same.filter(|same| same.repeats(violation)) {
            same.count = same.count.saturating_add(count);
        } else if list.len() < MOST_VIOLATIONS {
            self.known.insert(hash, list.len());
            list.push(Violation {
                count,
                ..violation.clone()
            });
        } else {
            self.report.violations_omitted = self.report.violations_omitted.saturating_add(count);
        }
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;

//! What every editor can show: the result, the violations and the errors of a run as diagnostics of its document.

use belljar_report::{
    Confidence, Ending, Report, Violation, advice_words, displayable, displayable_line,
};
use belljar_runs::can_be_allowed;
use tower_lsp::ls_types::{Diagnostic, DiagnosticSeverity, NumberOrString, Position, Range};

use crate::documents::Document;
use crate::expectations;
use crate::positions::{end_of_line, from_column, line_range, number};
use crate::profile::Profile;
use crate::shown::{ShownRun, State};
use crate::summary::{self, Verdict};
use crate::wire::{DiagnosticData, ShownError, ShownViolation};
use crate::words;

/// An editor with more than this has nothing to read any more.
const MOST_PER_DOCUMENT: usize = 100;
const LINES_SHOWN: usize = 10;
const LONGEST_LINE: usize = 300;
const LONGEST_ERROR: usize = 2000;
/// What came last before a limit struck.
const LAST_LINES: usize = 4;

/// Everything that the runs of `document` have to say, the gravest first.
pub fn of_document<'a>(
    document: &Document,
    runs: impl Iterator<Item = &'a ShownRun>,
    profile: &Profile,
) -> Vec<Diagnostic> {
    let mut all: Vec<Diagnostic> = runs
        .flat_map(|run| of_run(document, run, profile))
        .collect();
    all.sort_by_key(|diagnostic| diagnostic.severity.map_or(0, severity_rank));
    all.truncate(MOST_PER_DOCUMENT);
    all
}

fn severity_rank(severity: DiagnosticSeverity) -> u8 {
    match severity {
        DiagnosticSeverity::ERROR => 0,
        DiagnosticSeverity::WARNING => 1,
        DiagnosticSeverity::INFORMATION => 2,
        _ => 3,
    }
}

fn of_run(document: &Document, run: &ShownRun, profile: &Profile) -> Vec<Diagnostic> {
    let mut page = Page {
        document,
        run,
        profile,
        diagnostics: Vec::new(),
    };
    let Some(report) = run.report() else {
        page.violations(None);
        if matches!(run.state, State::Lost) {
            let range = line_range(&document.text, run.first(), profile.encoding);
            page.add(
                range,
                DiagnosticSeverity::ERROR,
                "ending",
                LOST.into(),
                None,
            );
        }
        return page.diagnostics;
    };
    let limit = report
        .violations
        .iter()
        .position(|violation| is_ending(violation, report));
    page.ending(report, limit);
    page.violations(limit);
    page.errors(report);
    page.expectations(report);
    page.result(report);
    page.diagnostics
}

/// What a run that ended without a report says.
pub const LOST: &str =
    "This run ended without a report, which is a defect in Belljar. Its sandbox is gone.";

/// The limit that ended the run is told by the ending, not twice.
fn is_ending(violation: &Violation, report: &Report) -> bool {
    matches!(&report.ending, Some(Ending::Limit { limit })
        if violation.kind.as_str().strip_prefix("limit.") == Some(limit))
}

struct Page<'a> {
    document: &'a Document,
    run: &'a ShownRun,
    profile: &'a Profile,
    diagnostics: Vec<Diagnostic>,
}

impl Page<'_> {
    fn ending(&mut self, report: &Report, limit: Option<usize>) {
        let mut message = summary::ending(report);
        let severity = match summary::verdict(report) {
            Verdict::Well | Verdict::Cancelled => return,
            // The errors say it better, on their own lines.
            Verdict::Badly if !report.errors.is_empty() => return,
            Verdict::Badly => DiagnosticSeverity::WARNING,
            Verdict::Stopped => DiagnosticSeverity::ERROR,
        };
        if matches!(report.ending, Some(Ending::Limit { .. })) {
            let last = summary::last_lines(report, LAST_LINES);
            if !last.is_empty() {
                let n = words::count(last.len(), "line");
                message.push_str(&format!(" The last {n} it wrote:"));
                for line in last {
                    message.push('\n');
                    message.push_str(&displayable_line(&line, LONGEST_LINE));
                }
            }
        }
        // A limit is a kind of violation like others: it stands where it was reached, and is looked up like them.
        let violation = limit.and_then(|limit| report.violations.get(limit));
        let line = violation.map_or(self.run.first(), |limit| place(self.run, limit).0);
        let column = violation.and_then(|limit| limit.line.and(limit.column));
        let range = from_column(&self.document.text, line, column, self.profile.encoding);
        let code = violation.map_or("ending", |limit| limit.kind.as_str());
        self.add(range, severity, code, message, limit);
    }

    fn violations(&mut self, told_already: Option<usize>) {
        for (index, violation) in self
            .run
            .violations()
            .iter()
            .enumerate()
            .take(MOST_PER_DOCUMENT)
        {
            if Some(index) == told_already {
                continue;
            }
            let (line, _) = place(self.run, violation);
            let column = violation.line.and(violation.column);
            let range = from_column(&self.document.text, line, column, self.profile.encoding);
            let mut message = violation_message(self.run, violation);
            if allowable(self.run, index).is_none() {
                message.push_str(&hint(self.run, index));
            }
            let code = violation.kind.as_str();
            self.add(
                range,
                DiagnosticSeverity::WARNING,
                code,
                message,
                Some(index),
            );
        }
    }

    fn errors(&mut self, report: &Report) {
        for error in report.errors.iter().take(MOST_PER_DOCUMENT) {
            let line = self.run.now(error.line);
            let range = from_column(
                &self.document.text,
                line,
                error.column,
                self.profile.encoding,
            );
            let message = error_message(&error.message);
            self.add(range, DiagnosticSeverity::ERROR, "error", message, None);
        }
    }

    fn expectations(&mut self, report: &Report) {
        for (index, one) in report.unmet().take(MOST_PER_DOCUMENT) {
            let range = expectations::range(self.document, self.run, one, self.profile.encoding);
            let severity = match one.actual.is_empty() {
                // Many write in this way what an expression is, without printing it.
                true => DiagnosticSeverity::INFORMATION,
                false => DiagnosticSeverity::WARNING,
            };
            self.add(
                range,
                severity,
                expectations::CODE,
                expectations::words(one),
                None,
            );
            let data = DiagnosticData {
                run: self.run.id.0.clone(),
                violation: None,
                expectation: Some(index),
            };
            if let Some(added) = self.diagnostics.last_mut() {
                added.data = serde_json::to_value(data).ok();
            }
        }
    }

    /// What was printed, on the line that printed it where that is known, and how it ended.
    fn result(&mut self, report: &Report) {
        let Some(severity) = self.profile.result_severity() else {
            return;
        };
        for (line, lines) in by_line(self.run, report) {
            let range = self.whole_line(line);
            let text = shown(&lines, false);
            self.add(range, severity, "output", text.trim_end().to_owned(), None);
        }
        let lines = summary::answer_first(report);
        let verdict = summary::verdict(report);
        if verdict == Verdict::Stopped {
            // Said already, with the last lines. A second text on top of it would hide it in some editors.
            return;
        }
        // The answer is the first line, because that is all that some editors show.
        let mut message = shown(&lines, report.truncated);
        if lines.is_empty() {
            message.push_str("No output. ");
        }
        message.push_str(&summary::ending(report));
        if report.replaced {
            message.push_str(" Some of it was not UTF-8 and was replaced.");
        }
        let range = self.whole_line(self.run.last());
        self.add(range, severity, "result", message, None);
    }

    /// From the first column, so that the cursor is in it wherever it stands on the line: Helix shows no others.
    fn whole_line(&self, line: usize) -> Range {
        let end = end_of_line(&self.document.text, line, self.profile.encoding);
        Range::new(Position::new(end.line, 0), end)
    }

    fn add(
        &mut self,
        range: Range,
        severity: DiagnosticSeverity,
        code: &str,
        mut message: String,
        violation: Option<usize>,
    ) {
        if self.run.stale {
            message.push_str("\n(The text has changed since this run.)");
        }
        let data = DiagnosticData {
            run: self.run.id.0.clone(),
            violation,
            expectation: None,
        };
        let (run, profile) = (self.run, self.profile);
        let violation = violation.and_then(|index| run.violations().get(index));
        let leads_to = violation.zip(run.references.as_ref());
        let description = leads_to
            .filter(|_| profile.code_pages)
            .and_then(|(violation, references)| references.description(violation.kind));
        let refused_by = leads_to
            .filter(|_| profile.related)
            .and_then(|(violation, references)| references.refused_by(violation));
        self.diagnostics.push(Diagnostic {
            range,
            severity: Some(severity),
            code_description: description,
            related_information: refused_by.map(|line| vec![line]),
            code: Some(NumberOrString::String(code.into())),
            source: Some("belljar".into()),
            message,
            data: serde_json::to_value(data).ok(),
            ..Diagnostic::default()
        });
    }
}

/// Where a violation is shown, from 0, and whether that is known and not guessed.
pub fn place(run: &ShownRun, violation: &Violation) -> (usize, bool) {
    match violation.line {
        Some(line) if is_in_document(run, violation) => {
            (run.now(line), violation.confidence != Confidence::File)
        }
        _ => (run.first(), false),
    }
}

fn is_in_document(run: &ShownRun, violation: &Violation) -> bool {
    violation.file.as_ref().is_none_or(|file| *file == run.name)
}

fn violation_message(run: &ShownRun, violation: &Violation) -> String {
    let mut message = words::violation(violation, &run.asked.policy);
    if let (false, Some(file)) = (is_in_document(run, violation), &violation.file) {
        let line = violation
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        message.push_str(&format!(
            " It happened in {}{line}.",
            displayable_line(file, 100)
        ));
    }
    message
}

fn error_message(message: &str) -> String {
    let end = message.floor_char_boundary(message.len().min(LONGEST_ERROR));
    displayable(message[..end].trim_end())
}

/// The first lines of what was printed, and how many there are behind them.
fn shown(lines: &[String], has_more: bool) -> String {
    let mut text = String::new();
    for line in lines.iter().take(LINES_SHOWN) {
        text.push_str(&displayable_line(line, LONGEST_LINE));
        text.push('\n');
    }
    if lines.len() > LINES_SHOWN || has_more {
        let so_many = if has_more {
            "more".into()
        } else {
            words::count(lines.len().saturating_sub(LINES_SHOWN), "more line")
        };
        text.push_str(&format!("… {so_many}: \"Show full sandbox output\"\n"));
    }
    text
}

/// Output whose line is known, gathered by where that line is now.
fn by_line(run: &ShownRun, report: &Report) -> Vec<(usize, Vec<String>)> {
    let mut all: Vec<(usize, Vec<String>)> = Vec::new();
    for piece in &report.output {
        let Some(line) = piece.line else { continue };
        let line = run.now(line);
        // What the last line printed is in the result that stands there.
        if line == run.last() {
            continue;
        }
        let lines = displayable(&piece.text);
        let lines = lines.trim_end_matches('\n').lines().map(str::to_owned);
        if let Some((_, so_far)) = all.iter_mut().find(|(known, _)| *known == line) {
            so_far.extend(lines);
        } else if all.len() < MOST_PER_DOCUMENT {
            all.push((line, lines.collect()));
        }
    }
    all
}

/// The violations as our own plugins get them.
pub fn shown_violations(run: &ShownRun) -> Vec<ShownViolation> {
    let violations = run.violations().iter().enumerate().take(MOST_PER_DOCUMENT);
    violations
        .map(|(index, violation)| {
            let (line, located) = place(run, violation);
            ShownViolation {
                index,
                code: violation.kind.as_str().into(),
                message: violation_message(run, violation),
                line: number(line),
                located,
                allow: allowable(run, index).map(str::to_owned),
            }
        })
        .collect()
}

/// The errors as our own plugins get them.
pub fn shown_errors(run: &ShownRun, report: &Report) -> Vec<ShownError> {
    let errors = report.errors.iter().take(MOST_PER_DOCUMENT);
    errors
        .map(|error| ShownError {
            message: error_message(&error.message),
            line: number(run.now(error.line)),
        })
        .collect()
}

/// A rule longer than this does not fit a menu, so the user could not see what is allowed.
const LONGEST_RULE: usize = 160;

/// The rule that would allow a violation of `run`, if it would lift the refusal, and if the user can be shown it whole
/// and as it is. A rule is made from names that the program chose; what cannot be read cannot be agreed to.
pub fn allowable(run: &ShownRun, index: usize) -> Option<&str> {
    let rule = match run.report() {
        Some(report) => report.rule_for(index)?,
        None => run.violations().get(index)?.allow.as_deref()?,
    };
    let is_readable = displayable_line(rule, LONGEST_RULE) == rule && !rule.is_empty();
    (is_readable && can_be_allowed(rule)).then_some(rule)
}

/// What to do about a violation that no rule can allow, on a line of its own; empty while the run lives.
pub fn hint(run: &ShownRun, index: usize) -> String {
    let Some(violation) = run.report().and_then(|report| report.violations.get(index)) else {
        return String::new();
    };
    let reason = run
        .report()
        .and_then(|report| report.obstacle(index))
        // That the network stays shut is what the advice says.
        .filter(|_| violation.allow.as_deref().is_some_and(can_be_allowed));
    match reason {
        Some(reason) => format!(
            "\n  hint: it cannot be allowed: {}",
            displayable_line(reason, LONGEST_LINE)
        ),
        None => format!("\n  hint: {}", advice_words(violation.kind)),
    }
}

//! What is said on standard error when a run is over.

use belljar_report::{
    Confidence, Ending, Report, SourceError, Violation, advice_words, confidence_words,
    displayable_line, ending_words, innocence_words, is_of_request, violation_words,
};
use belljar_runs::can_be_allowed;

use crate::style::Style;

/// However much was refused, a person reads the first so many; `--json` has all.
const MOST_VIOLATIONS: usize = 50;

/// Belljar's own last lines, empty if there is nothing that the user does not know.
pub fn closing(report: &Report, style: Style) -> String {
    let mut text = String::new();
    let (ends, told): (Vec<_>, Vec<_>) = report
        .violations
        .iter()
        .enumerate()
        .partition(|(_, one)| is_the_end(one, report));
    // The same advice is not given twice.
    let mut given: Vec<String> = Vec::new();
    for (index, violation) in told.iter().take(MOST_VIOLATIONS) {
        let mut words = violation_words(violation, &report.policy);
        if violation.file.is_some() {
            words += confidence_words(violation.confidence);
        }
        text += &said_at(&place(violation), &words, style);
        let advice = advice(report, *index, violation);
        if !given.contains(&advice) {
            text += &hint(&advice, style);
            given.push(advice);
        }
    }
    let untold = told.len().saturating_sub(MOST_VIOLATIONS) as u64 + report.violations_omitted;
    if untold > 0 {
        text += &said(&format!("{untold} more were blocked."), style);
    }
    for error in report
        .errors
        .iter()
        .filter(|error| !is_printed(error, report))
    {
        let place = place_in(report.file.as_deref(), Some(error.line), error.column);
        text += &said_at(&place, &displayable_line(&error.message, 1000), style);
    }
    for (_, one) in report.unmet().take(MOST_VIOLATIONS) {
        let place = place_in(report.file.as_deref(), Some(one.line), None);
        let quoted = |text: &str| match displayable_line(text, 200) {
            text if text.is_empty() => "nothing".to_owned(),
            text => format!("`{text}`"),
        };
        let what = format!(
            "expected {}, got {}",
            quoted(&one.expected),
            quoted(&one.actual)
        );
        text += &said_at(&place, &what, style);
    }
    let is_good = report.ending == Some(Ending::Exited { code: 0 });
    if !is_good && let Some((what, advice)) = ending_words(report) {
        // Where the limit was reached is worth saying only if it is known.
        let known = ends
            .iter()
            .map(|(_, end)| end)
            .find(|end| end.line.is_some() && end.confidence != Confidence::File);
        let what = match innocence_words(report) {
            Some(words) => format!("{what} {words}"),
            None => what,
        };
        text += &match (&report.ending, known) {
            (Some(Ending::Exited { .. } | Ending::Cancelled), _) => said(&what, style),
            (_, Some(end)) => said_at(&place(end), &what, style),
            (_, None) => said(&style.bad(&what), style),
        };
        if let Some(advice) = advice {
            text += &hint(&advice, style);
        }
    }
    if !text.is_empty() {
        for note in &report.posture.notes {
            text += &said(&format!("Note: {}", displayable_line(note, 1000)), style);
        }
    }
    if let Some(words) = report.expectation_words() {
        text += &said(&format!("{words}."), style);
    }
    text
}

/// How to allow a violation, or why no rule does.
pub fn advice(report: &Report, index: usize, violation: &Violation) -> String {
    let named = violation
        .allow
        .as_deref()
        .filter(|rule| can_be_allowed(rule));
    match (named, report.obstacle(index)) {
        (Some(rule), None) => {
            let rule = quoted(&displayable_line(rule, 500));
            format!("to allow it once: --allow {rule}")
        }
        // What was typed for the run stands above any rule, and can be typed anew.
        (Some(_), Some(_)) if is_a_limit(violation) && is_of_request(violation) => {
            advice_words(violation.kind).to_owned()
        }
        (Some(_), Some(reason)) => {
            format!("it cannot be allowed: {}", displayable_line(reason, 500))
        }
        (None, _) => advice_words(violation.kind).to_owned(),
    }
}

/// Whether a violation is what the ending says anyway.
pub fn is_the_end(violation: &Violation, report: &Report) -> bool {
    matches!(&report.ending, Some(Ending::Limit { limit })
        if violation.kind.as_str().strip_prefix("limit.") == Some(limit))
}

fn is_a_limit(violation: &Violation) -> bool {
    violation.kind.as_str().starts_with("limit.")
}

/// Whether the program's runtime has printed an error itself. Of a crash in compiled code we alone know the line.
fn is_printed(error: &SourceError, report: &Report) -> bool {
    report.stderr.contains(&error.message)
}

/// What went wrong before there was a run.
pub fn not_run(what: &str, advice: &str, style: Style) -> String {
    let mut text = said(&style.bad(&format!("Not run: {what}")), style);
    if !advice.is_empty() {
        text += &hint(advice, style);
    }
    text
}

fn said(what: &str, style: Style) -> String {
    format!("{} {what}\n", style.place("belljar:"))
}

fn said_at(place: &str, what: &str, style: Style) -> String {
    format!("{} {}\n", style.place(place), style.bad(what))
}

fn hint(what: &str, style: Style) -> String {
    format!("  {} {what}\n", style.hint("hint:"))
}

/// Where a violation stands.
pub fn place(violation: &Violation) -> String {
    place_in(violation.file.as_deref(), violation.line, violation.column)
}

/// `FILE:LINE:COLUMN:`, as editors and terminals know it.
fn place_in(file: Option<&str>, line: Option<u32>, column: Option<u32>) -> String {
    let Some(file) = file else {
        return "belljar:".to_owned();
    };
    let file = displayable_line(file, 500);
    match (line, column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}:"),
        (Some(line), None) => format!("{file}:{line}:"),
        (None, _) => format!("{file}:"),
    }
}

/// `text` as one word of a shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
#[path = "closing_tests.rs"]
mod tests;

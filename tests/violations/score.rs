//! Holds what was told of a run against what is known of the file. Pure, so that the judge itself can be tried.

use crate::snippet::{Expected, Snippet};
use crate::told::{Told, Violation};

/// Texts of the fixtures' secrets, in the environment and in files of the home.
const SECRETS: &[&str] = &["CORPUS-CANARY-ENV-SECRET", "CORPUS-CANARY-HOME-SECRET"];

/// What came of one snippet.
pub struct Verdict {
    /// One for each expected violation that is reached, in their order.
    pub findings: Vec<Finding>,
    /// What was told and should not have been, in words.
    pub alarms: Vec<String>,
    /// What says `exact` and is not.
    pub claims: Vec<String>,
    /// A secret's text came out.
    pub leaks: bool,
}

/// What came of one expected violation.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its place in the snippet's list.
    pub expected: usize,
    pub came: Came,
}

/// How near to its line an expected violation was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// Not at all.
    Missed,
    /// Somewhere else.
    Elsewhere,
    /// On a line that is as good.
    Accepted,
    /// On the preferred line.
    Preferred,
}

/// What Belljar calls a kind of the ground truth.
pub fn names(kind: &str) -> &'static [&'static str] {
    match kind {
        "network-connect" => &["network.connect"],
        "network-bind" => &["network.bind"],
        "dns" => &["network.resolve"],
        "socket-unix" => &["socket.unix"],
        "fs-read-hidden" => &["files.read"],
        "fs-write-denied" => &["files.write"],
        "exec-denied" => &["files.exec"],
        "syscall-denied" => &["syscall", "process.trace", "process.signal"],
        "limit-cpu" => &["limit.cpu"],
        "limit-wall" => &["limit.wall"],
        "limit-memory" => &["limit.memory"],
        "limit-pids" => &["limit.processes"],
        "limit-files" => &["limit.files"],
        "limit-output" => &["limit.output"],
        "limit-disk" => &["limit.disk"],
        // Nothing is told of what is not there.
        "env-secret" => &["-"],
        _ => &[],
    }
}

/// Judges one run.
pub fn judge(snippet: &Snippet, told: &Told) -> Verdict {
    let leaks = SECRETS.iter().any(|secret| told.raw.contains(secret));
    let reached = || {
        snippet
            .violations
            .iter()
            .enumerate()
            .filter(|(_, expected)| expected.reached)
    };
    let findings = reached()
        .map(|(index, expected)| Finding {
            expected: index,
            came: came(expected, told, leaks),
        })
        .collect();
    let speaks = |one: &Violation| {
        reached().any(|(_, expected)| {
            let is_it = has_kind(expected, one)
                && (on_accepted_line(expected, one)
                    || one.confidence == "file" && has_target(expected, one));
            is_it || looks_where_it_writes(expected, one)
        })
    };
    let alarms = told
        .violations
        .iter()
        .filter(|one| !speaks(one))
        .map(in_words)
        .collect();
    let accepted_somewhere =
        |one: &Violation| reached().any(|(_, expected)| on_accepted_line(expected, one));
    let claims = told
        .violations
        .iter()
        .filter(|one| one.confidence == "exact" && !accepted_somewhere(one))
        .map(in_words)
        .collect();
    Verdict {
        findings,
        alarms,
        claims,
        leaks,
    }
}

fn came(expected: &Expected, told: &Told, leaks: bool) -> Came {
    if expected.kind == "env-secret" {
        return if leaks || !told.ran() {
            Came::Missed
        } else {
            Came::Preferred
        };
    }
    told.violations
        .iter()
        .filter(|one| has_kind(expected, one))
        .map(
            |one| match (on_accepted_line(expected, one), has_target(expected, one)) {
                (true, _)
                    if one.line.is_some_and(|line| {
                        (expected.line..=expected.end_line).contains(&line)
                    }) =>
                {
                    Came::Preferred
                }
                (true, _) => Came::Accepted,
                (false, true) => Came::Elsewhere,
                (false, false) => Came::Missed,
            },
        )
        .max()
        .unwrap_or(Came::Missed)
}

fn has_kind(expected: &Expected, one: &Violation) -> bool {
    // The cell's home is empty: whoever would change a file of the user's there may find at the first look that it is
    // not there, and never try.
    if expected.certainty == "home"
        && expected.kind == "fs-write-denied"
        && one.kind == "files.read"
    {
        return true;
    }
    std::iter::once(&expected.kind)
        .chain(&expected.also_ok)
        .any(|kind| names(kind).contains(&one.kind.as_str()))
}

/// A library that makes a file in a hidden folder may look at the folder first, on the same line.
fn looks_where_it_writes(expected: &Expected, one: &Violation) -> bool {
    expected.kind == "fs-write-denied"
        && one.kind == "files.read"
        && (on_accepted_line(expected, one) || one.confidence == "file")
        && expected
            .targets
            .iter()
            .any(|wanted| is_below(&one.target, wanted))
}

fn on_accepted_line(expected: &Expected, one: &Violation) -> bool {
    // A line of which only the document is known claims nothing, and is right only by chance.
    one.confidence != "file"
        && one
            .line
            .is_some_and(|line| expected.accept_lines.contains(&line))
}

fn has_target(expected: &Expected, one: &Violation) -> bool {
    // A limit has no target of its own: the run has one of each.
    expected.kind.starts_with("limit-")
        || expected
            .targets
            .iter()
            .any(|wanted| is_target(wanted, &one.target))
}

/// Whether `told` is `wanted`, which may begin with `*`; a path also if one lies below the other: what is refused first
/// is the folder, or what is told last is a file in it.
fn is_target(wanted: &str, told: &str) -> bool {
    let wanted = wanted.strip_suffix("/udp").unwrap_or(wanted);
    if let Some(end) = wanted.strip_prefix('*') {
        return told.ends_with(end);
    }
    let is_name_of =
        |name: &str, path: &str| !name.contains('/') && path.rsplit('/').next() == Some(name);
    wanted == told || is_below(wanted, told) || is_below(told, wanted) || is_name_of(wanted, told)
}

fn is_below(outer: &str, inner: &str) -> bool {
    outer.len() > 1
        && inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// A violation in a few words.
pub fn in_words(one: &Violation) -> String {
    let line = one.line.map_or("?".to_owned(), |line| line.to_string());
    format!(
        "{line} {} {} ({}, {})",
        one.kind, one.target, one.confidence, one.program
    )
}

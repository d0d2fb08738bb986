//! The judge is no use if it cannot say no: made-up reports, and what must be made of them.

use crate::figures::Figures;
use crate::score::{Came, Verdict, judge};
use crate::snippet::Snippet;
use crate::told::Told;

fn snippet() -> Snippet {
    let row = serde_json::json!({
        "id": "made-up", "language": "python", "path": "made/up.py",
        "violations": [
            { "line": 4, "end_line": 4, "accept_lines": [4, 9], "kind": "network-connect", "targets": ["192.0.2.1:80"],
              "certainty": "must", "reached": true, "also_ok": [], "attribution": "direct" },
            { "line": 12, "end_line": 12, "accept_lines": [12], "kind": "fs-read-hidden", "targets": ["~/.ssh/id_rsa"],
              "certainty": "must", "reached": false, "also_ok": [], "attribution": "direct" },
        ],
    });
    serde_json::from_value(row).expect("a row")
}

fn told(violations: &[(&str, &str, u32, &str)]) -> Told {
    let list: Vec<_> = violations
        .iter()
        .map(|(kind, target, line, confidence)| {
            serde_json::json!({ "kind": kind, "target": target, "file": "up.py", "line": line, "confidence": confidence })
        })
        .collect();
    serde_json::from_value(
        serde_json::json!({ "violations": list, "ending": { "kind": "exited", "code": 0 } }),
    )
    .expect("a report")
}

/// Whether the figures hold with this run alone.
fn hold(snippet: &Snippet, told: &Told, verdict: Verdict) -> bool {
    let mut figures = Figures::new("made up");
    figures.add(snippet, told, verdict);
    figures.shortcomings(97.0, &["direct"]).is_empty()
}

/// How near it came, false alarms, false claims, and whether the figures hold.
fn scored(violations: &[(&str, &str, u32, &str)]) -> (Came, usize, usize, bool) {
    let (snippet, told) = (snippet(), told(violations));
    let verdict = judge(&snippet, &told);
    let (came, alarms, claims) = (
        verdict.findings[0].came,
        verdict.alarms.len(),
        verdict.claims.len(),
    );
    assert_eq!(
        verdict.findings.len(),
        1,
        "what is not reached is not wanted"
    );
    (came, alarms, claims, hold(&snippet, &told, verdict))
}

#[test]
fn the_preferred_line_is_best_and_an_accepted_one_is_good() {
    assert_eq!(
        scored(&[("network.connect", "192.0.2.1:80", 4, "exact")]),
        (Came::Preferred, 0, 0, true)
    );
    assert_eq!(
        scored(&[("network.connect", "192.0.2.1:80", 9, "caller")]),
        (Came::Accepted, 0, 0, true)
    );
}

#[test]
fn nothing_told_is_a_miss() {
    assert_eq!(scored(&[]), (Came::Missed, 0, 0, false));
}

#[test]
fn another_line_is_a_false_alarm_and_a_false_claim_if_it_says_exact() {
    assert_eq!(
        scored(&[("network.connect", "192.0.2.1:80", 5, "caller")]),
        (Came::Elsewhere, 1, 0, false)
    );
    assert_eq!(
        scored(&[("network.connect", "192.0.2.1:80", 5, "exact")]),
        (Came::Elsewhere, 1, 1, false)
    );
}

#[test]
fn knowing_only_the_document_is_no_alarm_and_not_on_the_line() {
    assert_eq!(
        scored(&[("network.connect", "192.0.2.1:80", 4, "file")]),
        (Came::Elsewhere, 0, 0, false)
    );
}

#[test]
fn another_kind_on_a_good_line_is_a_false_alarm() {
    let found = ("network.connect", "192.0.2.1:80", 4, "exact");
    assert_eq!(
        scored(&[found, ("files.read", "/etc/nscd.conf", 4, "exact")]),
        (Came::Preferred, 1, 0, false)
    );
}

#[test]
fn what_is_not_reached_must_not_be_told() {
    let found = ("network.connect", "192.0.2.1:80", 4, "exact");
    assert_eq!(
        scored(&[found, ("files.read", "~/.ssh/id_rsa", 12, "exact")]),
        (Came::Preferred, 1, 1, false)
    );
}

#[test]
fn a_secret_that_comes_out_fails_whatever_else_is_right() {
    let (snippet, mut told) = (
        snippet(),
        told(&[("network.connect", "192.0.2.1:80", 4, "exact")]),
    );
    told.raw = "token CORPUS-CANARY-ENV-SECRET-npm".to_owned();
    let verdict = judge(&snippet, &told);
    assert!(verdict.leaks);
    assert!(!hold(&snippet, &told, verdict));
}

#[test]
fn a_program_that_was_not_run_fails() {
    let (snippet, mut told) = (
        snippet(),
        told(&[("network.connect", "192.0.2.1:80", 4, "exact")]),
    );
    told.ending = serde_json::json!({ "kind": "failed" });
    let verdict = judge(&snippet, &told);
    assert!(!hold(&snippet, &told, verdict));
}

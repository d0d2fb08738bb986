//! Whether what is refused is told, on the line that tried it: snippets with annotated lines are run, and scored.
//!
//! # How a line is scored
//! Each snippet of `tests/fixtures/violations` is run by the default policy, as an ordinary user whose home is a copy of
//! `home/` there, whose environment holds the secrets of `env.json`, and whose project is a folder with nothing else in
//! it. Its row says what it will try: the line, the kind, the target, and the lines that are as good (`accept_lines`: a
//! small function and the place that calls it, or the rest of a loop).
//!
//! * An expected violation is **found** if one was told that has its kind (or one of `also_ok`) and its target, or its
//!   kind on an accepted line. For secrets of the environment it is found if no such text came out anywhere.
//! * It is **on its line** if one of those found stands on an accepted line, and **exact** if on the preferred one.
//! * A **false alarm** is a violation that was told and of which no row speaks: its line is outside every
//!   violation's accepted lines, or the violation there is of another kind. One that was found but says that only the
//!   document is known (`file`) makes no claim, and is only not on its line.
//! * A **false claim** says `exact` and stands on a line that is not accepted.
//!
//! Certainty: what `must` be met by every policy that locks down decides; `home` and `policy` depend on what the cell's
//! home and the policy are, and are counted apart. What is not `reached` must not be told. Attribution says how far the
//! call is from the user's frame: `direct`, `child-process`, `async-runtime`, `eval-string`.
//!
//! `tests/violations/run` runs this alone, `tests/violations/run WORD` only the snippets with that word in their names.

mod figures;
#[path = "../ordinary_user/mod.rs"]
#[allow(dead_code)] // Each test program uses a part of it.
mod ordinary_user;
mod score;
#[cfg(test)]
mod score_tests;
mod snippet;
mod told;

use figures::Figures;
use ordinary_user::{OrdinaryUser, skipped};
use snippet::Snippet;
use told::Way;

/// Of the violations that must be met, and of those found: how many percent at least.
const RECALL: f64 = 97.0;
/// What a call that the user's own frame or its child makes must reach.
const NEAR: &[&str] = &["direct", "child-process"];

fn check(set: &str) {
    check_where(set, Way::Here, &[]);
}

/// Only those in `languages`, if there are any.
fn check_where(set: &str, way: Way, languages: &[&str]) {
    let word = std::env::var("BELLJAR_VIOLATIONS").unwrap_or_default();
    let user = OrdinaryUser::new();
    told::furnish_home(&user);
    let mut figures = Figures::new(set);
    for snippet in snippet::rows(set) {
        let language = snippet.language.as_str();
        if !snippet.id.contains(&word) || !(languages.is_empty() || languages.contains(&language)) {
            continue;
        }
        if user.find(snippet.tool()).is_none() {
            skipped(&format!(
                "{}: `{}` is not installed",
                snippet.id,
                snippet.tool()
            ));
            continue;
        }
        let told = told::run(&user, &snippet, way);
        if told.ran() {
            let notes = told.posture["notes"].to_string();
            let is_traced = notes.contains("by tracing");
            assert_eq!(is_traced, way == Way::Listened, "{}", told.posture);
        }
        let verdict = score::judge(&snippet, &told);
        figures.add(&snippet, &told, verdict);
    }
    figures.print();
    if word.is_empty() {
        assert!(figures.snippets > 0, "nothing was run");
    }
    figures.hold(RECALL, NEAR);
}

/// The rows are data: what they say of a file must be possible.
fn consistent(snippet: &Snippet) -> Vec<String> {
    let lines = snippet.text().lines().count();
    let mut wrong = Vec::new();
    for expected in &snippet.violations {
        let mut complain =
            |what: &str| wrong.push(format!("{}:{} {what}", snippet.id, expected.line));
        if !expected.accept_lines.contains(&expected.line) {
            complain("does not accept its own line");
        }
        if expected
            .accept_lines
            .iter()
            .any(|line| *line == 0 || *line as usize > lines)
        {
            complain("accepts a line that the file does not have");
        }
        if score::names(&expected.kind).is_empty()
            || expected
                .also_ok
                .iter()
                .any(|kind| score::names(kind).is_empty())
        {
            complain("has a kind that nobody knows");
        }
    }
    wrong
}

#[test]
fn every_row_speaks_of_lines_and_kinds_that_there_are() {
    let sets = ["snippets", "more", "variations"].map(snippet::rows);
    let wrong: Vec<String> = sets.iter().flatten().flat_map(consistent).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn refusals_stand_on_the_lines_of_the_snippets() {
    check("snippets");
}

#[test]
fn refusals_stand_on_their_lines_where_another_program_holds_the_listener() {
    if OrdinaryUser::new().find("python3").is_none() {
        return skipped("there is no python3 to hold the listener");
    }
    check_where("snippets", Way::Listened, &[]);
}

#[test]
fn refusals_stand_on_their_lines_where_a_stub_sees_what_is_looked_up() {
    if !OrdinaryUser::is_made_by_root() {
        return skipped("only root can make a device that everybody may open");
    }
    check_where("snippets", Way::WithDevice, &["c"]);
    let others = ["php", "r", "ruby"];
    check_where("more", Way::WithDevice, &others);
}

#[test]
fn refusals_stand_on_their_lines_in_seven_more_languages() {
    check("more");
}

#[test]
fn refusals_stand_on_their_lines_in_variations() {
    check("variations");
}

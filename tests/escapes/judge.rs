//! Says whether what was seen is what a row demands.

use crate::attempt::Seen;
use crate::table::{Control, Inside, OneOrMany, Outside};

/// What a control is worth.
#[derive(Debug, PartialEq, Eq)]
pub enum Proof {
    /// The attempt gets through outside, so that its failure inside means something.
    Proven,
    /// It cannot be shown on this machine, for this reason.
    NotProvable(String),
    /// The control did not do what the row says: the row is wrong.
    Wrong(String),
}

/// Judges a control.
pub fn control(outside: &Outside, seen: &Seen) -> Proof {
    let Outside::Shows(wanted) = outside else {
        return if says_ok(seen) {
            Proof::Proven
        } else {
            Proof::Wrong(format!("outside it should get through: {}", short(seen)))
        };
    };
    let Control {
        errno,
        errno_is_not,
        shows,
        hides,
        left_behind,
        signal,
    } = wanted;
    if let Some(list) = errno_is_not {
        let Some(got) = outcome(seen) else {
            return Proof::Wrong(format!("no outcome outside: {}", short(seen)));
        };
        if list.has(got) {
            return Proof::NotProvable(format!("outside it is {got} as well"));
        }
    }
    if let Some(list) = errno
        && !outcome(seen).is_some_and(|got| list.has(got))
    {
        return Proof::Wrong(format!(
            "outside it should be {:?}: {}",
            list.words(),
            short(seen)
        ));
    }
    if let Some(missing) = missing(shows.as_ref(), seen) {
        return Proof::Wrong(format!(
            "outside it should show {missing:?}: {}",
            short(seen)
        ));
    }
    if let Some(there) = present(hides.as_ref(), seen) {
        return Proof::Wrong(format!(
            "outside it should not show {there:?}: {}",
            short(seen)
        ));
    }
    if *left_behind && !seen.stderr.contains("left behind") {
        return Proof::Wrong(format!(
            "outside it should leave a process behind: {}",
            short(seen)
        ));
    }
    if signal.is_some_and(|signal| seen.code != 128 + signal) {
        return Proof::Wrong(format!(
            "outside it should die of a signal: {}",
            short(seen)
        ));
    }
    Proof::Proven
}

/// Judges a run in the cell: every way in which it is not what the row demands.
pub fn inside(wanted: &Inside, seen: &Seen, secret: &str, live: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    if seen.raw.contains(secret) {
        wrong.push("a secret was seen".into());
    }
    for sign in [
        "left behind",
        "typed into the terminal",
        "the caller got a signal",
        "out of time",
    ] {
        if let Some(line) = seen.stderr.lines().find(|line| line.contains(sign)) {
            wrong.push(line.to_owned());
        }
    }
    if !live {
        judge_ending(wanted, seen, &mut wrong);
    }
    if let Some(list) = &wanted.errno
        && !outcome(seen).is_some_and(|got| list.has(got))
    {
        wrong.push(format!("the probe should say {:?}", list.words()));
    }
    if wanted.ok && !says_ok(seen) {
        wrong.push("the probe should say ok".into());
    }
    if let Some(missing) = missing(wanted.shows.as_ref(), seen) {
        wrong.push(format!("it should show {missing:?}"));
    }
    if let Some(there) = present(wanted.hides.as_ref(), seen) {
        wrong.push(format!("it should not show {there:?}"));
    }
    if let Some(code) = wanted.code {
        let got = seen.report.as_ref().map_or(i64::from(seen.code), |report| {
            report["ending"]["code"].as_i64().unwrap_or(-1)
        });
        if got != i64::from(code) {
            wrong.push(format!("exit status {got} should be {code}"));
        }
    }
    if let (Some(kind), Some(report)) = (&wanted.report, &seen.report) {
        let told = report["violations"].as_array();
        let can_tell = report["posture"]["located"] != false;
        if can_tell && !told.is_some_and(|all| all.iter().any(|one| one["kind"] == kind.as_str())) {
            wrong.push(format!("no violation {kind} is reported"));
        }
    }
    if wanted.within.is_some_and(|most| seen.seconds > most) {
        wrong.push(format!("it took {:.1} s", seen.seconds));
    }
    if !wrong.is_empty() {
        wrong.push(short(seen));
    }
    wrong
}

/// What in the report has told the user of a known limit, if something has: a layer of the posture that is off.
pub fn note(layer: &str, seen: &Seen) -> Option<String> {
    let posture = &seen.report.as_ref()?["posture"];
    (posture[layer] == false).then(|| format!("the posture says `{layer}: false`"))
}

fn judge_ending(wanted: &Inside, seen: &Seen, wrong: &mut Vec<String>) {
    let Some(report) = &seen.report else {
        wrong.push("no report".into());
        return;
    };
    let ending = &report["ending"];
    let mut got = ending["kind"].as_str().unwrap_or("none").to_owned();
    if let Some(limit) = ending["limit"].as_str() {
        got = format!("{got}:{limit}");
    }
    if let Some(signal) = ending["signal"].as_i64() {
        got = format!("{got}:{signal}");
    }
    let exited = OneOrMany::One("exited".into());
    let allowed = wanted.ending.as_ref().unwrap_or(&exited);
    if !allowed.has(&got) {
        wrong.push(format!(
            "the run ended as {ending}, not as {:?}",
            allowed.words()
        ));
    }
}

/// The outcome that the probe told: `ok` or the name of an error.
fn outcome(seen: &Seen) -> Option<&str> {
    seen.stdout.lines().rev().find_map(|line| {
        let mut words = line.split(' ');
        match words.next() {
            Some("ok") => Some("ok"),
            Some("errno") => words.next(),
            _ => None,
        }
    })
}

fn says_ok(seen: &Seen) -> bool {
    outcome(seen) == Some("ok")
}

fn missing<'a>(words: Option<&'a OneOrMany>, seen: &Seen) -> Option<&'a str> {
    words?
        .words()
        .iter()
        .find(|word| !seen.stdout.contains(word.as_str()) && !seen.stderr.contains(word.as_str()))
        .map(String::as_str)
}

fn present<'a>(words: Option<&'a OneOrMany>, seen: &Seen) -> Option<&'a str> {
    words?
        .words()
        .iter()
        .find(|word| seen.stdout.contains(word.as_str()) || seen.stderr.contains(word.as_str()))
        .map(String::as_str)
}

/// What was seen, in one line that fits a report.
pub fn short(seen: &Seen) -> String {
    let cut = |text: &str| {
        let text: String = text.escape_debug().collect();
        if text.chars().count() <= 300 {
            return text;
        }
        let head: String = text.chars().take(150).collect();
        let tail: String = text
            .chars()
            .rev()
            .take(150)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        format!("{head} … {tail}")
    };
    let ending = seen
        .report
        .as_ref()
        .map(|report| report["ending"].to_string())
        .unwrap_or_default();
    format!(
        "[{ending} status {} after {:.1} s, stdout {:?}, stderr {:?} {}]",
        seen.code,
        seen.seconds,
        cut(&seen.stdout),
        cut(&seen.stderr),
        if seen.stdout.is_empty() && seen.stderr.is_empty() {
            cut(&seen.raw)
        } else {
            String::new()
        }
    )
}

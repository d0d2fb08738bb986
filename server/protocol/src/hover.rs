//! The whole story of the runs that cover a line, for whoever asks. What the program printed stands in fences that
//! it cannot close, so that none of it is taken for our words or for a link.

use belljar_report::{Report, displayable, displayable_line};
use tower_lsp::ls_types::{Hover, HoverContents, MarkupContent, MarkupKind};

use crate::diagnostics::{LOST, allowable, hint, place};
use crate::profile::Profile;
use crate::shown::{ShownRun, State};
use crate::wire::ShownPosture;
use crate::{summary, words};

const HEAD: usize = 40;
const TAIL: usize = 20;
const LONGEST_LINE: usize = 400;

/// What `runs`, which cover the line `line` (from 0), have to say.
pub fn of_line<'a>(
    runs: impl Iterator<Item = &'a ShownRun>,
    line: usize,
    profile: &Profile,
) -> Option<Hover> {
    let parts: Vec<String> = runs
        .map(|run| of_run(run, line, profile.markdown))
        .collect();
    if parts.is_empty() {
        return None;
    }
    let (kind, between) = if profile.markdown {
        (MarkupKind::Markdown, "\n\n---\n\n")
    } else {
        (MarkupKind::PlainText, "\n\n")
    };
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent {
            kind,
            value: parts.join(between),
        }),
        range: None,
    })
}

fn of_run(run: &ShownRun, line: usize, markdown: bool) -> String {
    let mut text = Text {
        markdown,
        text: String::new(),
    };
    text.title("Belljar");
    match &run.state {
        State::Waiting(ahead) => text.say(&format!(
            "waiting for {}",
            words::count(*ahead, "other run")
        )),
        State::Running => text.say(&match run.age() {
            Some(age) => format!("running for {age}"),
            None => "running".to_owned(),
        }),
        State::Lost => text.say(LOST),
        State::Finished(report) => text.say(&summary::short(report)),
    }
    if run.stale {
        text.say("(the text has changed since this run)");
    }
    match run.report() {
        Some(report) => finished(&mut text, run, report, line),
        None => {
            text.fence(&policy(run, None));
            let tail = displayable(run.tail());
            let lines: Vec<&str> = tail.lines().collect();
            if !lines.is_empty() {
                text.fence(&lines[lines.len().saturating_sub(TAIL)..].join("\n"));
            }
        }
    }
    text.text
}

/// Under which policy it is, and how strong the sandbox was.
fn policy(run: &ShownRun, posture: Option<ShownPosture>) -> String {
    let policy = displayable_line(&run.asked.policy, LONGEST_LINE);
    match posture {
        Some(posture) => format!("Policy `{policy}`. Sandbox: {}.", posture.summary),
        None => format!("Policy `{policy}`."),
    }
}

fn finished(text: &mut Text, run: &ShownRun, report: &Report, line: usize) {
    let posture = words::posture(&report.posture);
    text.fence(&format!(
        "{}\n{}",
        summary::ending(report),
        policy(run, posture)
    ));
    let (here, elsewhere): (Vec<_>, Vec<_>) = report
        .violations
        .iter()
        .enumerate()
        .partition(|(_, violation)| place(run, violation).0 == line);
    for (index, violation) in here.into_iter().take(10) {
        let mut said = words::violation(violation, &run.asked.policy);
        if let Some(rule) = &violation.rule {
            said.push_str(&format!(
                "\nRefused by: {}",
                displayable_line(rule, LONGEST_LINE)
            ));
        }
        match allowable(run, index) {
            Some(rule) => said.push_str(&format!("\nWould be allowed by: {rule}")),
            None => said.push_str(&hint(run, index)),
        }
        text.fence(&said);
    }
    let unmet = report.unmet().map(|(_, one)| one);
    for one in unmet.filter(|one| run.now(one.line) == line).take(10) {
        let whole = |what: &str| match displayable(what) {
            lines if lines.is_empty() => "nothing".to_owned(),
            lines => lines,
        };
        let (expected, actual) = (whole(&one.expected), whole(&one.actual));
        text.fence(&format!("Expected:\n{expected}\nPrinted:\n{actual}"));
    }
    if !elsewhere.is_empty() {
        text.say(&format!(
            "{} on other lines of this run.",
            words::count(elsewhere.len(), "refusal")
        ));
    }
    let lines = summary::lines(report);
    if !lines.is_empty() {
        text.fence(&cut(&lines));
    }
    if report.truncated {
        text.say("Some output was left out.");
    }
    if report.replaced {
        text.say("Some output was not UTF-8 and was replaced.");
    }
    if !report.posture.notes.is_empty() {
        text.fence(&report.posture.notes.join("\n"));
    }
}

/// The first and the last lines.
fn cut(lines: &[String]) -> String {
    let short = |line: &String| displayable_line(line, LONGEST_LINE);
    let mut kept: Vec<String> = lines.iter().take(HEAD).map(short).collect();
    let rest = &lines[kept.len()..];
    if rest.len() > TAIL {
        kept.push(format!("… {}", words::count(rest.len() - TAIL, "line")));
    }
    kept.extend(rest[rest.len().saturating_sub(TAIL)..].iter().map(short));
    kept.join("\n")
}

struct Text {
    markdown: bool,
    text: String,
}

impl Text {
    fn title(&mut self, title: &str) {
        let title = if self.markdown {
            format!("**{title}**")
        } else {
            title.to_owned()
        };
        self.text.push_str(&title);
    }

    /// Our own words, on the same line.
    fn say(&mut self, words: &str) {
        if !self.text.is_empty() {
            self.text
                .push_str(if self.text.ends_with('\n') { "\n" } else { " " });
        }
        self.text.push_str(words);
    }

    /// Text that holds anything of the program's.
    fn fence(&mut self, text: &str) {
        self.text.push('\n');
        if !self.markdown {
            self.text.push_str(text);
            self.text.push('\n');
            return;
        }
        let fence = fence_for(text);
        self.text
            .push_str(&format!("\n{fence}text\n{text}\n{fence}\n"));
    }
}

/// More backticks than stand in a row anywhere in `text`.
fn fence_for(text: &str) -> String {
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_closes_its_fence() {
        for text in ["", "x", "```", "a ```` b `", "``````````"] {
            let fence = fence_for(text);
            assert!(fence.len() >= 3);
            assert!(!text.contains(&fence), "{text}");
        }
    }

    proptest::proptest! {
        /// Between the fences stands the text, and nothing in it is read as Markdown.
        #[test]
        fn whatever_a_text_holds_it_stays_between_its_fences(text in "([`~ \n#*\\[\\]<>a-z]|```|~~~){0,60}") {
            let mut hover = Text { markdown: true, text: String::new() };
            hover.title("Belljar");
            hover.fence(&text);
            hover.say("ours");
            let mut lines = hover.text.lines();
            proptest::prop_assert_eq!(lines.next(), Some("**Belljar**"));
            proptest::prop_assert_eq!(lines.next(), Some(""));
            let opening = lines.next().unwrap_or_default();
            let fence = opening.strip_suffix("text").unwrap_or_default();
            let closes = |line: &str| {
                let line = line.trim();
                line.len() >= fence.len() && line.chars().all(|one| one == '`')
            };
            proptest::prop_assert!(fence.len() >= 3);
            let inside: Vec<&str> = lines.by_ref().take_while(|line| !closes(line)).collect();
            let inside = inside.join("\n");
            let is_same = inside.trim_end_matches('\n') == text.trim_end_matches('\n');
            proptest::prop_assert!(is_same, "{}", hover.text);
            let rest: String = lines.collect();
            proptest::prop_assert!(rest.trim() == "ours", "{}", hover.text);
        }
    }
}

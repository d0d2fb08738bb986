//! What is worth saying about a finished run in few words, and how it is to be taken.

use belljar_report::{Ending, Report, displayable, innocence_words};

use crate::words;

/// So much of the text of an output is looked at for what is shown inline.
const LOOKED_AT: usize = 64 << 10;

/// How an ending is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did what it should.
    Well,
    /// The program itself says that something went wrong, or crashed.
    Badly,
    /// A limit, a refusal or a failure: it could not do what the user wanted.
    Stopped,
    /// The user did not want it any more.
    Cancelled,
}

/// The verdict on a report.
pub fn verdict(report: &Report) -> Verdict {
    match report.ending {
        Some(Ending::Exited { code: 0 }) => Verdict::Well,
        Some(Ending::Cancelled) => Verdict::Cancelled,
        Some(Ending::Exited { .. } | Ending::Signaled { .. }) => Verdict::Badly,
        _ => Verdict::Stopped,
    }
}

/// The ending, for a bad one whether the sandbox had to do with it, and what became of what was expected.
pub fn ending(report: &Report) -> String {
    let mut text = words::ending(report);
    let met = report.expectation_words().map(|words| format!("{words}."));
    for words in innocence_words(report)
        .map(str::to_owned)
        .into_iter()
        .chain(met)
    {
        text.push(' ');
        text.push_str(&words);
    }
    text
}

/// A run in one short line: `✓ 34 ms · 2 lines`.
pub fn short(report: &Report) -> String {
    let mark = match verdict(report) {
        Verdict::Well => "✓",
        Verdict::Badly | Verdict::Stopped => "✗",
        Verdict::Cancelled => "■",
    };
    let mut text = match &report.ending {
        Some(Ending::Exited { code }) if *code != 0 => format!("{mark} status {code} · "),
        Some(Ending::Signaled { signal }) => format!("{mark} signal {signal} · "),
        Some(Ending::Limit { limit }) => format!("{mark} {limit} limit · "),
        Some(Ending::Cancelled) => format!("{mark} stopped · "),
        Some(Ending::Refused { .. }) => return format!("{mark} not run"),
        Some(Ending::Failed { .. }) => return format!("{mark} could not run"),
        _ => format!("{mark} "),
    };
    text.push_str(&belljar_report::duration(report.usage.wall_ms));
    let n_lines = n_lines(report);
    if n_lines > 0 {
        text.push_str(" · ");
        if report.truncated {
            text.push_str("more than ");
        }
        text.push_str(&words::count(n_lines, "line"));
    }
    if !report.violations.is_empty() {
        text.push_str(&format!(" · {} blocked", report.violations.len()));
    }
    if let Some(words) = report.expectation_words() {
        text.push_str(&format!(" · {words}"));
    }
    text
}

/// How many lines of what was printed are kept.
fn n_lines(report: &Report) -> usize {
    let pieces = || report.output.iter().map(|piece| piece.text.as_bytes());
    let shown = lines(report).len();
    if pieces().map(<[u8]>::len).sum::<usize>() <= LOOKED_AT {
        return shown;
    }
    // What is shown is only the start then.
    let ends = |piece: &[u8]| piece.iter().filter(|byte| **byte == b'\n').count();
    let has_open_line = pieces()
        .next_back()
        .is_some_and(|last| !last.ends_with(b"\n"));
    (pieces().map(ends).sum::<usize>() + usize::from(has_open_line)).max(shown)
}

/// The start of what was printed, in the order in which it came, as lines that are harmless to show.
pub fn lines(report: &Report) -> Vec<String> {
    let mut text = String::new();
    for piece in &report.output {
        text.push_str(&piece.text);
        if text.len() > LOOKED_AT {
            break;
        }
    }
    to_lines(&text)
}

/// The same with standard output first: there stands the answer, and many programs print it late.
pub fn answer_first(report: &Report) -> Vec<String> {
    let mut lines = to_lines(&report.stdout);
    lines.append(&mut to_lines(&report.stderr));
    lines
}

/// The end of what was printed, `n` lines of it.
pub fn last_lines(report: &Report, n: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut len = 0;
    for piece in report.output.iter().rev() {
        pieces.push(piece.text.as_str());
        len += piece.text.len();
        if len > LOOKED_AT {
            break;
        }
    }
    let text: String = pieces.into_iter().rev().collect();
    let start = text.floor_char_boundary(text.len().saturating_sub(LOOKED_AT));
    let mut lines: Vec<String> = displayable(&text[start..])
        .lines()
        .map(str::to_owned)
        .collect();
    lines.drain(..lines.len().saturating_sub(n));
    lines
}

fn to_lines(text: &str) -> Vec<String> {
    let end = text.floor_char_boundary(text.len().min(LOOKED_AT));
    displayable(&text[..end])
        .trim_end_matches('\n')
        .lines()
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use belljar_report::{Output, Stream};

    use super::*;

    fn printed(pieces: &[&str]) -> Report {
        let piece = |text: &&str| Output {
            stream: Stream::Stdout,
            text: (*text).to_owned(),
            line: None,
        };
        Report {
            ending: Some(Ending::Exited { code: 0 }),
            output: pieces.iter().map(piece).collect(),
            ..Report::default()
        }
    }

    #[test]
    fn every_line_that_is_kept_counts_and_those_left_out_are_told_of() {
        let long: String = (0..30_000).map(|n| format!("{n}\n")).collect();
        let (start, end) = long.split_at(100_003);
        let mut report = printed(&[start, end]);
        assert!(
            short(&report).ends_with(" · 30000 lines"),
            "{}",
            short(&report)
        );
        report.truncated = true;
        assert!(short(&report).ends_with(" · more than 30000 lines"));
        assert!(short(&printed(&[&long, "end"])).ends_with(" · 30001 lines"));
        assert!(short(&printed(&["a\nb"])).ends_with(" · 2 lines"));
        assert!(!short(&printed(&["\n"])).contains("line"));
    }
}

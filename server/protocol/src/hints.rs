//! Results at the end of the line, where the client asks again for hints when there are new ones.

use belljar_report::{displayable, displayable_line};
use tower_lsp::ls_types::{InlayHint, InlayHintLabel, InlayHintTooltip, Range};

use crate::documents::Document;
use crate::positions::{Encoding, end_of_line};
use crate::shown::{ShownRun, State};
use crate::{summary, words};

/// VS Code shows 43 characters of all hints of a line.
const LONGEST: usize = 40;
const TOOLTIP_LINES: usize = 30;

/// The hints of `runs` in the lines of `range`.
pub fn of_document<'a>(
    document: &Document,
    runs: impl Iterator<Item = &'a ShownRun>,
    range: Range,
    encoding: Encoding,
) -> Vec<InlayHint> {
    let wanted = range.start.line as usize..=range.end.line as usize;
    runs.filter(|run| wanted.contains(&run.last()))
        .filter_map(|run| {
            let (label, tooltip) = words_for(run)?;
            Some(InlayHint {
                position: end_of_line(&document.text, run.last(), encoding),
                label: InlayHintLabel::String(displayable_line(&label, LONGEST)),
                kind: None,
                text_edits: None,
                tooltip: tooltip.map(InlayHintTooltip::String),
                padding_left: Some(true),
                padding_right: None,
                data: None,
            })
        })
        .collect()
}

fn words_for(run: &ShownRun) -> Option<(String, Option<String>)> {
    let (label, tooltip) = match &run.state {
        State::Waiting(0) => return None,
        State::Waiting(ahead) => (format!("waiting for {}", words::count(*ahead, "run")), None),
        State::Running => {
            let tail = displayable(run.tail());
            let last = tail.lines().next_back().unwrap_or_default();
            (format!("running … {last}"), None)
        }
        State::Finished(report) => {
            let lines = summary::answer_first(report);
            let more = lines.len().saturating_sub(1);
            let label = match lines.first() {
                Some(first) if summary::verdict(report) == summary::Verdict::Well => {
                    let more = if more > 0 {
                        format!(" (+{more})")
                    } else {
                        String::new()
                    };
                    let room = LONGEST - 2 - more.chars().count();
                    format!("⇒ {}{more}", displayable_line(first, room))
                }
                _ => summary::short(report),
            };
            let shown = lines.iter().take(TOOLTIP_LINES).map(String::as_str);
            let mut tooltip = shown.collect::<Vec<_>>().join("\n");
            tooltip.push('\n');
            tooltip.push_str(&summary::ending(report));
            (label, Some(tooltip))
        }
        State::Lost => ("✗ lost".into(), None),
    };
    let label = if run.stale {
        format!("(old) {label}")
    } else {
        label
    };
    Some((label, tooltip))
}

//! What can be done and what came of it, above the first line of each run and of the document.

use serde_json::{Value, json};
use tower_lsp::ls_types::{CodeLens, Command};

use crate::documents::Document;
use crate::parts::Outline;
use crate::positions::{Encoding, line_range};
use crate::shown::{ShownRun, State};
use crate::summary;
use crate::wire::{self, What};

/// So many cells and blocks of a document have a lens. Nobody reads more, and editors ask again after each edit.
const MOST_PARTS: usize = 500;

/// The lenses of a document with its `runs`.
pub fn of_document<'a>(
    document: &Document,
    outline: &Outline,
    runs: impl Iterator<Item = &'a ShownRun>,
    encoding: Encoding,
) -> Vec<CodeLens> {
    let mut lenses = Vec::new();
    let mut add = |line: usize, title: String, command: &str, arguments: Value| {
        lenses.push(CodeLens {
            range: line_range(&document.text, line, encoding),
            command: Some(Command::new(title, command.into(), Some(vec![arguments]))),
            data: None,
        });
    };
    let is_program = document.kind.runtime.is_some();
    if is_program && document.in_notebook.is_none() {
        let arguments = json!({"uri": document.uri});
        add(0, "▶ Run in sandbox".into(), wire::RUN, arguments);
    }
    let mut part = |what: What, line: usize, at: usize| {
        let arguments =
            json!({"uri": document.uri, "what": what, "position": {"line": at, "character": 0}});
        add(line, format!("▶ Run {}", what.noun()), wire::RUN, arguments);
    };
    if let Some(place) = document.in_notebook.as_ref().filter(|_| is_program) {
        part(What::Cell, 0, 0);
        if place.has_earlier {
            part(What::UpTo, 0, 0);
        }
    }
    let cells = outline.cells.iter().filter(|cell| cell.is_marked);
    for cell in cells.take(MOST_PARTS) {
        part(What::Cell, cell.first, cell.first);
    }
    let cells = outline.cells.iter().skip(1).filter(|cell| cell.is_marked);
    for cell in cells.take(MOST_PARTS) {
        part(What::UpTo, cell.first, cell.first);
    }
    let blocks = outline
        .blocks
        .iter()
        .filter(|block| block.refused.is_none());
    for block in blocks.take(MOST_PARTS) {
        part(What::Block, block.opens, block.first);
    }
    for block in outline.blocks_with_earlier().take(MOST_PARTS) {
        part(What::UpTo, block.opens, block.first);
    }
    for run in runs {
        let line = run.first();
        let this = json!({"run": run.id.0});
        let mut title = match &run.state {
            State::Waiting(_) => "■ Stop (waiting)".into(),
            State::Running => "■ Stop".into(),
            State::Finished(report) => summary::short(report),
            State::Lost => "✗ lost".into(),
        };
        if run.is_live() {
            add(line, title, wire::CANCEL, this);
            continue;
        }
        if run.stale {
            title.push_str(" (text changed)");
        }
        add(line, title, wire::SHOW_OUTPUT, this.clone());
        add(line, "▶ Rerun".into(), wire::RERUN, this.clone());
        add(line, "☰ Output".into(), wire::SHOW_OUTPUT, this.clone());
        add(line, "✗ Clear".into(), wire::CLEAR, this);
    }
    lenses
}

//! Expectations of a document that its run did not meet: what is said of them, where, and the edit that makes them true.

use std::collections::HashMap;

use belljar_report::{Expected, displayable_line};
use tower_lsp::ls_types::{Position, Range, TextEdit, WorkspaceEdit};

use crate::documents::Document;
use crate::positions::{Encoding, end_of_line, from_column, line_range, number};
use crate::shown::ShownRun;

/// The code of their diagnostics.
pub const CODE: &str = "expectation";
const LONGEST: usize = 300;

/// What was expected and what was printed.
pub fn words(one: &Expected) -> String {
    let quoted = |text: &str| match displayable_line(text, LONGEST) {
        line if line.is_empty() => "nothing".to_owned(),
        line => format!("`{line}`"),
    };
    let (expected, actual) = (quoted(&one.expected), quoted(&one.actual));
    format!("Expected {expected}, got {actual}.")
}

/// The comment that expects it.
pub fn range(document: &Document, run: &ShownRun, one: &Expected, encoding: Encoding) -> Range {
    let line = run.now(one.line);
    let start = from_column(&document.text, line, Some(one.column), encoding).start;
    let end = line_range(&document.text, line, encoding).end;
    Range::new(start, end.max(start))
}

/// Writes what was printed where it was expected. `None` if that is not only a comment, or if other text stands there now.
pub fn update(
    document: &Document,
    run: &ShownRun,
    one: &Expected,
    encoding: Encoding,
) -> Option<WorkspaceEdit> {
    let new_text = one.update.clone()?;
    let (first, last) = run.same_lines(&document.text, one.line, one.last)?;
    let start = Position::new(number(first), 0);
    let end = end_of_line(&document.text, last, encoding);
    let edit = TextEdit {
        range: Range::new(start, end),
        new_text,
    };
    let changes = HashMap::from([(run.uri.clone(), vec![edit])]);
    Some(WorkspaceEdit {
        changes: Some(changes),
        ..WorkspaceEdit::default()
    })
}

//! Cells of a document: what stands between comments that begin with `%%`.

use crate::Runtime;

/// A cell with code in it. Lines count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its first line: the comment that begins it, if one does.
    pub first: usize,
    /// Its last line that holds something.
    pub last: usize,
    /// A comment begins it. What stands before the first such comment is a cell without.
    pub is_marked: bool,
}

impl Runtime {
    /// The cells of `text`; none if no comment begins one.
    pub fn cells(&self, text: &str) -> Vec<Cell> {
        let Some(comment) = &self.definition.outline.comment else {
            return Vec::new();
        };
        // Most documents have none, and looking for two letters is quick.
        if !text.contains("%%") {
            return Vec::new();
        }
        let mut cells: Vec<Cell> = Vec::new();
        let mut any = false;
        // Where the cell begins that is being read, and whether it has code; none in a cell of text.
        let mut open = Some((0, false));
        let mut last = 0;
        let mut close = |open: Option<(usize, bool)>, last, is_marked| {
            if let Some((first, true)) = open {
                cells.push(Cell {
                    first,
                    last,
                    is_marked,
                });
            }
        };
        for (number, line) in text.lines().enumerate() {
            let begun = line.trim();
            if let Some(title) = title(begun, comment) {
                close(open, last, any);
                any = true;
                open = is_code(title).then_some((number, false));
            } else if !begun.is_empty() {
                last = number;
                if !begun.starts_with(comment.as_str())
                    && let Some((_, has_code)) = &mut open
                {
                    *has_code = true;
                }
            }
        }
        close(open, last, any);
        if any { cells } else { Vec::new() }
    }
}

/// What stands behind the `%%` of a line that begins a cell, without blanks at its ends.
fn title<'a>(line: &'a str, comment: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(comment)?;
    let title = rest.trim_start().strip_prefix("%%")?;
    // More of them begin a part of a cell.
    (!title.starts_with('%')).then_some(title)
}

/// Cells of text say so in brackets.
fn is_code(title: &str) -> bool {
    !["[markdown]", "[md]", "[raw]"]
        .iter()
        .any(|kind| title.contains(kind))
}

//! From a line of the program that ran to the line of the document that the user sees.

/// Text of ours on a line of the user's, or text of theirs that was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    pub line: u32,
    /// How many columns.
    pub by: u32,
}

/// Says where in the document a place in the program is. Nearly every program keeps the line numbers of its document, so
/// this is about columns, and about lines that are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineMap {
    /// First and last selected line; `None` if the whole document ran.
    pub(crate) selected: Option<(u32, u32)>,
    /// Lines outside the selection that are the user's.
    pub(crate) kept: Vec<u32>,
    /// Text of ours before the user's.
    pub(crate) shifts: Vec<Shift>,
    /// Columns that were taken away from the front of every selected line.
    pub(crate) removed: u32,
    /// Columns that were taken away from the front of single lines, in order.
    pub(crate) cuts: Vec<Shift>,
    /// Lines of the document before the program's first, where a language cannot do with empty lines instead.
    pub(crate) skipped: u32,
}

impl LineMap {
    /// The document's line and column of the program's, all from 1. Lines of ours become the nearest selected line.
    pub fn document(&self, line: u32, column: Option<u32>) -> (u32, Option<u32>) {
        let line = line.saturating_add(self.skipped);
        let cut = self.cuts.binary_search_by_key(&line, |cut| cut.line);
        let cut = cut.map_or(0, |at| self.cuts[at].by);
        let Some((first, last)) = self.selected else {
            return (line, column.map(|column| column + cut));
        };
        let selected = (first..=last).contains(&line);
        if !selected && !self.kept.contains(&line) {
            return (line.clamp(first, last), None);
        }
        let by: u32 = self
            .shifts
            .iter()
            .filter(|shift| shift.line == line)
            .map(|shift| shift.by)
            .sum();
        let removed = cut + if selected { self.removed } else { 0 };
        (
            line,
            column.map(|column| (column.saturating_sub(by) + removed).max(1)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_and_columns_are_put_right() {
        let shifts = vec![Shift { line: 5, by: 10 }];
        let map = LineMap {
            selected: Some((5, 7)),
            kept: vec![2],
            shifts,
            removed: 4,
            cuts: vec![Shift { line: 7, by: 2 }],
            skipped: 0,
        };
        assert_eq!(map.document(6, Some(3)), (6, Some(7)));
        assert_eq!(map.document(7, Some(3)), (7, Some(9)));
        assert_eq!(map.document(5, Some(13)), (5, Some(7)));
        assert_eq!(map.document(5, Some(2)), (5, Some(4)));
        assert_eq!(map.document(2, Some(3)), (2, Some(3)));
        assert_eq!(map.document(1, Some(3)), (5, None));
        assert_eq!(map.document(9, Some(1)), (7, None));
        assert_eq!(LineMap::default().document(9, Some(1)), (9, Some(1)));
    }
}

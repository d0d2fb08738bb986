//! From the range that an editor calls the selection to the lines that the user means.

use ropey::Rope;
use tower_lsp::ls_types::Range;

use crate::positions::{Encoding, char_at};

/// The lines that `range` selects, from 0, both included; `None` if nothing is selected.
///
/// Editors differ: Helix calls the character under the cursor a selection, and VS Code and Helix end a selection of
/// whole lines at the start of the next one, which is not meant.
pub fn chosen_lines(text: &Rope, range: Range, encoding: Encoding) -> Option<(usize, usize)> {
    let a = char_at(text, range.start, encoding);
    let b = char_at(text, range.end, encoding);
    let (start, end) = (a.min(b), a.max(b));
    let chosen = text.slice(start..end);
    let one_line_end = chosen.len_chars() == 2 && chosen == "\r\n";
    if chosen.len_chars() <= 1 || one_line_end || chosen.chars().all(char::is_whitespace) {
        return None;
    }
    let first = text.char_to_line(start);
    let mut last = text.char_to_line(end);
    if last > first && text.line_to_char(last) == end {
        last -= 1;
    }
    Some((first, last))
}

#[cfg(test)]
mod tests {
    use tower_lsp::ls_types::Position;

    use super::*;

    fn lines(text: &str, start: (u32, u32), end: (u32, u32)) -> Option<(usize, usize)> {
        let range = Range::new(Position::new(start.0, start.1), Position::new(end.0, end.1));
        chosen_lines(&Rope::from_str(text), range, Encoding::Utf16)
    }

    const TEXT: &str = "a = 1\r\nb = 2\r\n\r\nprint(a)\r\n";

    #[test]
    fn a_cursor_is_no_selection() {
        assert_eq!(lines(TEXT, (0, 2), (0, 2)), None);
        assert_eq!(lines(TEXT, (0, 2), (0, 3)), None, "Helix: one character");
        assert_eq!(lines(TEXT, (2, 0), (3, 0)), None, "Helix: on an empty line");
        assert_eq!(lines(TEXT, (9, 0), (9, 9)), None, "behind the end");
        assert_eq!(lines("", (0, 0), (0, 0)), None);
        assert_eq!(lines("😀 x", (0, 0), (0, 2)), None, "one wide character");
    }

    #[test]
    fn a_selection_that_ends_at_the_start_of_a_line_excludes_it() {
        assert_eq!(lines(TEXT, (0, 0), (1, 0)), Some((0, 0)));
        assert_eq!(lines(TEXT, (0, 0), (2, 0)), Some((0, 1)));
        assert_eq!(lines(TEXT, (0, 0), (1, 1)), Some((0, 1)));
    }

    #[test]
    fn a_selection_may_be_backwards_or_too_long() {
        assert_eq!(lines(TEXT, (1, 2), (0, 1)), Some((0, 1)));
        assert_eq!(lines(TEXT, (3, 0), (99, 99)), Some((3, 3)));
    }
}

//! Positions of the protocol, in the three encodings, to places in a rope and back. Nothing here can panic on a
//! position: one that is too far is brought back to the end of its line or of the document, as the protocol says.

use ropey::{Rope, RopeSlice};
use tower_lsp::ls_types::{Position, PositionEncodingKind, Range};

use crate::extent::end_of_call;

/// What a column counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units, which every client knows.
    #[default]
    Utf16,
    /// Code points.
    Utf32,
}

impl Encoding {
    /// The one to speak with a client that offers `offered`: bytes if it can, because they cost nothing.
    pub fn negotiate(offered: &[PositionEncodingKind]) -> Encoding {
        if offered.contains(&PositionEncodingKind::UTF8) {
            Encoding::Utf8
        } else if offered.is_empty() || offered.contains(&PositionEncodingKind::UTF16) {
            Encoding::Utf16
        } else if offered.contains(&PositionEncodingKind::UTF32) {
            Encoding::Utf32
        } else {
            Encoding::Utf16
        }
    }

    /// Its name in the protocol.
    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        }
    }
}

/// The line `line` (from 0) without its line end; empty behind the last.
pub fn line_text(rope: &Rope, line: usize) -> RopeSlice<'_> {
    let Some(text) = rope.get_line(line) else {
        return rope.slice(0..0);
    };
    let mut end = text.len_chars();
    while end > 0 && matches!(text.char(end - 1), '\n' | '\r') {
        end -= 1;
    }
    text.slice(..end)
}

/// Index of the character at `position`.
pub fn char_at(rope: &Rope, position: Position, encoding: Encoding) -> usize {
    let line = position.line as usize;
    if line >= rope.len_lines() {
        return rope.len_chars();
    }
    let text = line_text(rope, line);
    let column = position.character as usize;
    let in_line = match encoding {
        Encoding::Utf8 => text.byte_to_char(column.min(text.len_bytes())),
        Encoding::Utf16 => text.utf16_cu_to_char(column.min(text.len_utf16_cu())),
        Encoding::Utf32 => column.min(text.len_chars()),
    };
    rope.line_to_char(line) + in_line
}

/// Where the character with index `at` stands.
#[cfg(test)]
pub fn position_at(rope: &Rope, at: usize, encoding: Encoding) -> Position {
    let at = at.min(rope.len_chars());
    let line = rope.char_to_line(at);
    let text = rope.line(line);
    let in_line = at - rope.line_to_char(line);
    Position::new(number(line), column(text, in_line, encoding))
}

/// The column of the character with index `at` in `text`.
fn column(text: RopeSlice<'_>, at: usize, encoding: Encoding) -> u32 {
    let at = at.min(text.len_chars());
    number(match encoding {
        Encoding::Utf8 => text.char_to_byte(at),
        Encoding::Utf16 => text.char_to_utf16_cu(at),
        Encoding::Utf32 => at,
    })
}

/// Behind the last character of line `line`.
pub fn end_of_line(rope: &Rope, line: usize, encoding: Encoding) -> Position {
    let line = line.min(rope.len_lines().saturating_sub(1));
    let text = line_text(rope, line);
    Position::new(number(line), column(text, text.len_chars(), encoding))
}

/// The whole of line `line`, without its indentation, the spaces at its end and its line end.
pub fn line_range(rope: &Rope, line: usize, encoding: Encoding) -> Range {
    let line = line.min(rope.len_lines().saturating_sub(1));
    let text = line_text(rope, line);
    let indentation = text.chars().take_while(|c| c.is_whitespace()).count();
    let start = if indentation == text.len_chars() {
        0
    } else {
        indentation
    };
    let mut end = text.len_chars();
    while end > start && text.char(end - 1).is_whitespace() {
        end -= 1;
    }
    Range::new(
        Position::new(number(line), column(text, start, encoding)),
        Position::new(number(line), column(text, end, encoding)),
    )
}

/// From `column` (from 1, in characters) to the end of the call that begins there, or of line `line`; the whole line if
/// the column is not known.
pub fn from_column(rope: &Rope, line: usize, from: Option<u32>, encoding: Encoding) -> Range {
    let whole = line_range(rope, line, encoding);
    let line = whole.start.line as usize;
    let text = line_text(rope, line);
    match from {
        Some(from) if from >= 1 && ((from - 1) as usize) < text.len_chars() => {
            let from = (from - 1) as usize;
            let start = Position::new(number(line), column(text, from, encoding));
            let end = end_of_call(text.chars(), from).map_or(whole.end, |end| {
                Position::new(number(line), column(text, end, encoding))
            });
            // A column in the spaces at the end says nothing about the line.
            if end <= start {
                return whole;
            }
            Range::new(start, end)
        }
        _ => whole,
    }
}

/// `n` as the protocol counts.
pub fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

    #[test]
    fn every_character_is_found_again_in_every_encoding() {
        let rope = Rope::from_str("a😀é\r\n\tñ漢\n\n👩‍👧 end\rlast");
        for encoding in ALL {
            for at in 0..=rope.len_chars() {
                // Between CR and LF no position can be.
                if at > 0 && rope.char(at - 1) == '\r' && rope.get_char(at) == Some('\n') {
                    continue;
                }
                let position = position_at(&rope, at, encoding);
                assert_eq!(char_at(&rope, position, encoding), at, "{encoding:?}");
            }
        }
    }

    #[test]
    fn a_position_that_is_too_far_is_brought_back() {
        let rope = Rope::from_str("ab\r\ncd");
        for encoding in ALL {
            assert_eq!(char_at(&rope, Position::new(0, 99), encoding), 2);
            assert_eq!(char_at(&rope, Position::new(9, 9), encoding), 6);
            assert_eq!(char_at(&Rope::new(), Position::new(3, 3), encoding), 0);
        }
    }

    #[test]
    fn a_position_inside_a_character_is_its_start() {
        let rope = Rope::from_str("😀x");
        assert_eq!(char_at(&rope, Position::new(0, 2), Encoding::Utf8), 0);
        assert_eq!(char_at(&rope, Position::new(0, 1), Encoding::Utf16), 0);
        assert_eq!(char_at(&rope, Position::new(0, 1), Encoding::Utf32), 1);
    }

    #[test]
    fn bytes_are_preferred_and_utf_16_is_the_default() {
        let (utf8, utf16, utf32) = (
            PositionEncodingKind::UTF8,
            PositionEncodingKind::UTF16,
            PositionEncodingKind::UTF32,
        );
        assert_eq!(Encoding::negotiate(&[]), Encoding::Utf16);
        assert_eq!(Encoding::negotiate(&[utf32.clone(), utf8]), Encoding::Utf8);
        assert_eq!(
            Encoding::negotiate(&[utf32.clone(), utf16]),
            Encoding::Utf16
        );
        assert_eq!(Encoding::negotiate(&[utf32]), Encoding::Utf32);
    }
}

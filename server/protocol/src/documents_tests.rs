//! Checks that a document stays in step with the editor, and that lines are found again after edits.

use std::str::FromStr;

use tower_lsp::ls_types::{Position, Range};

use super::*;
use crate::positions::position_at;

fn document(text: &str) -> Document {
    let uri = Uri::from_str("file:///tmp/a.py").unwrap();
    Document::new(uri, "python".into(), 1, text)
}

fn edit(start: (u32, u32), end: (u32, u32), text: &str) -> TextDocumentContentChangeEvent {
    TextDocumentContentChangeEvent {
        range: Some(Range::new(
            Position::new(start.0, start.1),
            Position::new(end.0, end.1),
        )),
        range_length: None,
        text: text.into(),
    }
}

fn shift(text: &str, change: TextDocumentContentChangeEvent) -> Shift {
    document(text).change(2, vec![change], Encoding::Utf16)[0]
}

#[test]
fn edits_are_applied_one_after_the_other() {
    let mut document = document("print(1)\n");
    document.change(
        2,
        vec![edit((0, 6), (0, 7), "'😀'"), edit((0, 10), (0, 10), ", 2")],
        Encoding::Utf16,
    );
    assert_eq!(document.text.to_string(), "print('😀', 2)\n");
}

#[test]
fn a_change_that_comes_twice_stops_runs_until_the_whole_text_comes() {
    let mut document = document("a");
    document.change(2, vec![edit((0, 1), (0, 1), "b")], Encoding::Utf16);
    document.change(2, vec![edit((0, 1), (0, 1), "b")], Encoding::Utf16);
    assert!(document.out_of_step);
    let whole = TextDocumentContentChangeEvent {
        range: None,
        range_length: None,
        text: "abb".into(),
    };
    document.change(3, vec![whole], Encoding::Utf16);
    assert!(!document.out_of_step);
    assert_eq!(document.text.to_string(), "abb");
}

#[test]
fn changes_that_overtake_each_other_make_the_text_that_the_user_sees() {
    let typed = "print('never saved')";
    let change = |at: usize| {
        let column = u32::try_from(at).unwrap();
        vec![edit((0, column), (0, column), &typed[at..=at])]
    };
    let version = |at: usize| i32::try_from(at).unwrap() + 2;
    for order in [
        vec![1, 0],
        vec![2, 1, 0],
        vec![0, 2, 3, 1],
        vec![3, 0, 2, 1],
    ] {
        let mut document = document("");
        let n = order.len();
        for at in order.into_iter().chain(n..typed.len()) {
            document.change(version(at), change(at), Encoding::Utf16);
        }
        assert_eq!(document.text.to_string(), typed);
        assert!(!document.out_of_step && document.version == version(typed.len() - 1));
    }
}

#[test]
fn a_change_that_is_later_than_what_is_remembered_stops_runs() {
    let mut document = document("");
    let many = i32::try_from(REMEMBERED).unwrap() + 3;
    for version in (2..many).filter(|version| *version != 3) {
        document.change(version, vec![edit((0, 0), (0, 0), "a")], Encoding::Utf16);
    }
    document.change(3, vec![edit((0, 0), (0, 0), "a")], Encoding::Utf16);
    assert!(!document.out_of_step);
    document.change(many, vec![edit((0, 0), (0, 0), "a")], Encoding::Utf16);
    document.change(3, vec![edit((0, 0), (0, 0), "a")], Encoding::Utf16);
    assert!(document.out_of_step);
}

#[test]
fn ranges_that_are_reversed_or_too_far_do_not_break_the_document() {
    let mut document = document("ab\ncd");
    document.change(2, vec![edit((1, 1), (0, 1), "-")], Encoding::Utf16);
    assert_eq!(document.text.to_string(), "a-d");
    document.change(3, vec![edit((7, 0), (9, 9), "!")], Encoding::Utf16);
    assert_eq!(document.text.to_string(), "a-d!");
}

#[test]
fn a_line_inserted_above_moves_what_is_below() {
    for change in [
        edit((1, 0), (1, 0), "new\n"),
        edit((0, 3), (0, 3), "\nnew"),
        edit((0, 0), (0, 0), "new\n"),
    ] {
        let shift = shift("one\ntwo\nthree\n", change);
        assert_eq!((shift.moved(1), shift.moved(2)), (2, 3));
    }
}

#[test]
fn a_line_inserted_below_moves_nothing_above() {
    for change in [edit((1, 3), (1, 3), "\nnew"), edit((2, 0), (2, 0), "new\n")] {
        let shift = shift("one\ntwo\nthree\n", change);
        assert_eq!((shift.moved(0), shift.moved(1), shift.moved(2)), (0, 1, 3));
    }
}

#[test]
fn lines_taken_away_above_move_what_is_below() {
    let shift = shift("a\nb\nc\nd\n", edit((0, 0), (2, 0), ""));
    assert_eq!((shift.moved(2), shift.moved(3)), (0, 1));
    assert_eq!(shift.moved(1), 0);
}

#[test]
fn an_edit_in_a_line_moves_nothing() {
    let shift = shift("a\nb\nc\n", edit((1, 0), (1, 1), "x"));
    assert!(shift.is_still());
    assert_eq!((shift.moved(0), shift.moved(1), shift.moved(2)), (0, 1, 2));
}

#[test]
fn the_whole_text_sent_again_moves_only_what_moved() {
    let whole = TextDocumentContentChangeEvent {
        range: None,
        range_length: None,
        text: "a\nnew\nb\nc\n".into(),
    };
    let shift = shift("a\nb\nc\n", whole);
    assert_eq!((shift.moved(0), shift.moved(1), shift.moved(2)), (0, 2, 3));
}

/// A small generator of numbers, so that a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

#[test]
fn random_edits_in_every_encoding_give_the_text_that_the_editor_has() {
    let pieces = ["", "x", "😀", "é\n", "\r\n", "漢字", "\n\n", "a\tb", "\r"];
    for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
        let mut numbers = Numbers(7);
        let mut document = document("one\n😀two\r\nthree\n");
        let mut expected: Vec<char> = document.text.to_string().chars().collect();
        for version in 2..600 {
            let len = expected.len();
            let (a, b) = (numbers.below(len + 1), numbers.below(len + 1));
            let (start, end) = (a.min(b), a.max(b).min(a.min(b) + 4));
            // No editor points between CR and LF.
            let splits =
                |at: usize| at > 0 && expected[at - 1] == '\r' && expected.get(at) == Some(&'\n');
            if splits(start) || splits(end) {
                continue;
            }
            let text = pieces[numbers.below(pieces.len())];
            let change = TextDocumentContentChangeEvent {
                range: Some(Range::new(
                    position_at(&document.text, start, encoding),
                    position_at(&document.text, end, encoding),
                )),
                range_length: None,
                text: text.into(),
            };
            document.change(version, vec![change], encoding);
            expected.splice(start..end, text.chars());
            assert_eq!(
                document.text.to_string(),
                expected.iter().collect::<String>()
            );
        }
    }
}

#[test]
fn a_line_that_an_edit_left_alone_is_found_again() {
    let pieces = ["", "x", "\n", "new\n", "\nnew", "a\nb\n"];
    let mut numbers = Numbers(3);
    let lines: Vec<String> = (10..40).map(|n| format!("line-{n}")).collect();
    let mut found = 0;
    for _ in 0..2000 {
        let mut document = document(&(lines.join("\n") + "\n"));
        let len = document.text.len_chars();
        let start = numbers.below(len + 1);
        // Half of the edits begin or end where a line does.
        let at_line = |at: usize, text: &Rope| text.line_to_char(text.char_to_line(at));
        let start = if numbers.below(2) == 0 {
            at_line(start, &document.text)
        } else {
            start
        };
        let end = (start + numbers.below(25)).min(len);
        let end = if numbers.below(2) == 0 {
            at_line(end, &document.text).max(start)
        } else {
            end
        };
        let change = TextDocumentContentChangeEvent {
            range: Some(Range::new(
                position_at(&document.text, start, Encoding::Utf16),
                position_at(&document.text, end, Encoding::Utf16),
            )),
            range_length: None,
            text: pieces[numbers.below(pieces.len())].into(),
        };
        let shift = document.change(2, vec![change.clone()], Encoding::Utf16)[0];
        let now = document.text.to_string();
        for (at, line) in now.split('\n').enumerate() {
            if let Some(before) = lines.iter().position(|known| known == line) {
                found += 1;
                assert_eq!(shift.moved(before), at, "{line} after {change:?}");
            }
        }
    }
    assert!(found > 40_000, "hardly any line was looked at: {found}");
}

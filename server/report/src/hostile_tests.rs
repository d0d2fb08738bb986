//! Tests of making text harmless.

use super::*;

#[test]
fn ordinary_text_stays_as_it_is() {
    for text in [
        "",
        "a",
        "a\tb\nc\n",
        "größer → 日本語 🙂",
        "👩‍💻 ❤️ 1️⃣",
        "x\u{fffd}y",
    ] {
        assert_eq!(displayable(text), text);
    }
}

#[test]
fn escape_sequences_are_removed() {
    for (text, shown) in [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hhome", "home"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1;2|data\x1b\\x", "x"),
        ("\u{9b}31mred", "red"),
        ("\u{9d}0;title\u{9c}after", "after"),
        ("\x1b(Bx", "x"),
        ("\x1bcx", "x"),
        ("\x1b", ""),
        ("\x1b[", ""),
        ("\x1b[31", ""),
        ("\x1b]52;c;aGk=\nnext line", "\nnext line"),
    ] {
        assert_eq!(displayable(text), shown, "{text:?}");
    }
}

#[test]
fn line_ends_become_newlines_and_nothing_covers_what_was_printed() {
    assert_eq!(displayable("a\r\nb"), "a\nb");
    assert_eq!(displayable("a\r\r\nb"), "a\nb");
    assert_eq!(displayable("failed\rpassed"), "failed\npassed");
    assert_eq!(displayable("failed\u{8}\u{8}"), "failed\\u{8}\\u{8}");
}

#[test]
fn controls_and_invisible_characters_are_written_out() {
    assert_eq!(displayable("a\u{0}b\u{7f}\u{85}"), "a\\u{0}b\\u{7f}\\u{85}");
    assert_eq!(displayable("a\u{202e}b\u{2066}c"), "a\\u{202e}b\\u{2066}c");
    assert_eq!(
        displayable("a\u{200b}b\u{feff}\u{e0041}"),
        "a\\u{200b}b\\u{feff}\\u{e0041}"
    );
    assert_eq!(displayable("a\u{2028}b"), "a\\u{2028}b");
    assert_eq!(displayable("a\u{200d}b"), "a\\u{200d}b");
}

#[test]
fn a_line_is_one_line_and_says_that_it_was_cut() {
    assert_eq!(displayable_line("a\nb\tc\n", 80), "a⏎b c");
    assert_eq!(displayable_line("abcdef", 6), "abcdef");
    assert_eq!(displayable_line("abcdefg", 6), "abcde…");
    assert_eq!(displayable_line("äöüäöü!", 3), "äö…");
    assert_eq!(displayable_line("abc", 0), "");
    assert_eq!(
        displayable_line(&"x".repeat(1_000_000), 10).chars().count(),
        10
    );
}

#[test]
fn whatever_comes_in_nothing_dangerous_comes_out() {
    // A small generator, so that a failure can be had again.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let alphabet: Vec<char> = "\u{1b}\u{1b}[]P\\;0123mHx\r\n\t\u{7}\u{8}\u{9b}\u{9d}\u{9c}\u{202e}\u{2066}\u{200b}\u{200d}\u{fe0f}❤a🙂\u{18}\u{7f}\0 é"
        .chars()
        .collect();
    for _ in 0..50_000 {
        let length = next(24);
        let text: String = (0..length)
            .map(|_| alphabet[next(alphabet.len())])
            .collect();
        let shown = displayable(&text);
        assert!(
            shown
                .chars()
                .all(|c| is_visible(c) || matches!(c, '\u{200d}' | '\u{fe0f}')),
            "{text:?} -> {shown:?}"
        );
        assert_eq!(
            displayable(&shown),
            shown,
            "showing twice changes nothing: {text:?}"
        );
        let limit = next(12);
        let line = displayable_line(&text, limit);
        assert!(
            line.chars().count() <= limit && !line.contains(['\n', '\t']),
            "{text:?} -> {line:?}"
        );
    }
}

#[test]
fn text_that_comes_in_parts_is_shown_like_the_whole() {
    let text = "a\x1b[31mred\x1b]0;title\x07 größe \r\nb\rc\x1b(B🙂\u{9b}1m!\x1bPx\x1b\\y\r\r\nz";
    for size in 1..text.len() {
        let mut displayer = Displayer::default();
        let mut shown: String = text
            .as_bytes()
            .chunks(size)
            .map(|part| displayer.push(part))
            .collect();
        shown += &displayer.finish();
        assert_eq!(shown, displayable(text), "in parts of {size}");
    }
}

#[test]
fn what_waits_for_more_is_bounded() {
    for endless in [
        "\x1b]0;xxxxxxxxxxxxxxxxxxxxxxxx",
        "\x1b[0000000000000000",
        "\r\r\r\r\r\r\r\r",
        "\x1b         ",
    ] {
        let mut displayer = Displayer::default();
        displayer.push(endless.as_bytes());
        for _ in 0..10_000 {
            displayer.push(&endless.as_bytes()[endless.len() - 1..]);
            assert!(displayer.held.len() <= 3 * LONGEST_SEQUENCE);
        }
    }
}

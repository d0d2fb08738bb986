//! Makes text of the program's harmless to look at.
//!
//! A terminal obeys escape sequences, and an editor obeys bidirectional controls: with either a program could make
//! a refusal look like a success. What is obeyed is taken out or written out; what is read stays.

use std::fmt::Write as _;

use crate::decode::{Decoder, Part};

/// An escape sequence that does not end within this many characters is not one; only its start is taken out.
const LONGEST_SEQUENCE: usize = 4096;

/// `text` with escape sequences removed and control characters, bidirectional controls and invisible characters
/// written out as `\u{..}`; line ends (as `\n`) and tabs stay.
pub fn displayable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    show(text, &mut shown, false);
    shown
}

/// Does what [`displayable`] does to text that comes in parts, cut anywhere.
#[derive(Debug, Default)]
pub struct Displayer {
    decoder: Decoder,
    /// The beginning of an escape sequence, or a carriage return: what comes next decides.
    held: String,
}

impl Displayer {
    /// What can be shown now that `bytes` have come.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        let mut text = std::mem::take(&mut self.held);
        self.decoder.push(bytes, |part| match part {
            Part::Text(part) => text.push_str(part),
            Part::Broken => text.push('\u{fffd}'),
        });
        let mut shown = String::with_capacity(text.len());
        let held = show(&text, &mut shown, true);
        self.held = text.split_off(text.len() - held);
        shown
    }

    /// What is left to show when nothing more comes.
    pub fn finish(&mut self) -> String {
        let mut shown = displayable(&std::mem::take(&mut self.held));
        if self.decoder.flush() {
            shown.push('\u{fffd}');
        }
        shown
    }
}

/// Appends to `shown` what can be shown of `text`. If more may come, gives the length of what must wait for it.
fn show(text: &str, shown: &mut String, more_may_come: bool) -> usize {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let plain = rest
            .bytes()
            .take_while(|b| matches!(b, b' '..=b'~' | b'\n' | b'\t'))
            .count();
        if plain > 0 {
            shown.push_str(&rest[..plain]);
            rest = &rest[plain..];
            continue;
        }
        let behind = &rest[c.len_utf8()..];
        let sequence = match c {
            '\u{1b}' => Some(escape_sequence(behind)),
            '\u{9b}' => Some(control_sequence(behind)),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => Some(control_string(behind)),
            _ => None,
        };
        rest = match sequence {
            Some(Some(behind)) => behind,
            Some(None) => return rest.len(),
            None if c == '\r' => {
                let behind = behind.trim_start_matches('\r');
                if behind.is_empty() && more_may_come {
                    return 1;
                }
                // Alone it would let what follows cover what precedes.
                shown.push('\n');
                behind.strip_prefix('\n').unwrap_or(behind)
            }
            None if is_visible(c) || joins_an_emoji(c, shown, behind) => {
                shown.push(c);
                behind
            }
            None => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
                behind
            }
        };
    }
    0
}

/// `text` as one line of at most `limit` characters, made harmless like [`displayable`].
pub fn displayable_line(text: &str, limit: usize) -> String {
    // A character becomes one at least unless it is part of an escape sequence, so this much is enough to look at.
    let enough = text
        .char_indices()
        .nth(limit.saturating_add(LONGEST_SEQUENCE))
        .map_or(text.len(), |(at, _)| at);
    let shown = displayable(&text[..enough]);
    let line = shown
        .trim_end_matches('\n')
        .replace('\n', "⏎")
        .replace('\t', " ");
    if line.chars().count() <= limit && enough == text.len() {
        return line;
    }
    line.chars()
        .take(limit.saturating_sub(1))
        .chain(std::iter::once('…'))
        .take(limit)
        .collect()
}

/// What remains behind what belongs to an ESC; `None` if the end is missing and may be to come.
fn escape_sequence(behind: &str) -> Option<&str> {
    let c = behind.chars().next()?;
    let rest = &behind[c.len_utf8()..];
    match c {
        '[' => control_sequence(rest),
        'P' | 'X' | ']' | '^' | '_' => control_string(rest),
        // Intermediate bytes, then one final byte: character sets and the like.
        ' '..='/' => match rest
            .bytes()
            .take(LONGEST_SEQUENCE)
            .position(|b| !matches!(b, b' '..=b'/'))
        {
            Some(end) if matches!(rest.as_bytes()[end], b'0'..=b'~') => Some(&rest[end + 1..]),
            Some(end) => Some(&rest[end..]),
            None => unended(rest),
        },
        '0'..='~' => Some(rest),
        _ => Some(behind),
    }
}

/// What remains behind the parameters and the final byte of a CSI sequence.
fn control_sequence(behind: &str) -> Option<&str> {
    match behind
        .bytes()
        .take(LONGEST_SEQUENCE)
        .position(|b| !matches!(b, b' '..=b'?'))
    {
        Some(end) if matches!(behind.as_bytes()[end], b'@'..=b'~') => Some(&behind[end + 1..]),
        Some(end) => Some(&behind[end..]),
        None => unended(behind),
    }
}

/// What remains behind an OSC, DCS, APC, PM or SOS string and its end (BEL, ST or ESC \).
fn control_string(behind: &str) -> Option<&str> {
    for (at, c) in behind
        .char_indices()
        .take_while(|(at, _)| *at < LONGEST_SEQUENCE)
    {
        let after = &behind[at + c.len_utf8()..];
        match c {
            // Terminals give up on a string at the last two, so what follows is seen.
            '\u{7}' | '\u{9c}' | '\u{18}' | '\u{1a}' => return Some(after),
            '\u{1b}' if after.is_empty() => return None,
            '\u{1b}' => return Some(after.strip_prefix('\\').unwrap_or(&behind[at..])),
            // Not what a terminal does, but a program must not be able to hide its further lines from the reader.
            '\n' => return Some(&behind[at..]),
            _ => {}
        }
    }
    unended(behind)
}

/// A sequence without an end: it may be to come, unless it is too long already to be one.
fn unended(behind: &str) -> Option<&str> {
    (behind.len() >= LONGEST_SEQUENCE).then_some(behind)
}

/// Zero width joiners and variation selectors are part of many emoji; behind one they may stay.
fn joins_an_emoji(c: char, shown: &str, behind: &str) -> bool {
    let is_pictograph = |c: char| matches!(u32::from(c), 0x2190..=0x2bff | 0x1f000..=0x1faff | 0x00a9 | 0x00ae | 0x203c..=0x2049 | 0x3030..=0x303d | 0x3297..=0x3299);
    let before = shown.chars().next_back();
    match c {
        '\u{fe0f}' => {
            before.is_some_and(|c| is_pictograph(c) || matches!(c, '0'..='9' | '#' | '*'))
        }
        '\u{200d}' => {
            before.is_some_and(|c| is_pictograph(c) || c == '\u{fe0f}')
                && behind.chars().next().is_some_and(is_pictograph)
        }
        _ => false,
    }
}

/// Whether a reader sees that `c` is there, and sees it where it is.
fn is_visible(c: char) -> bool {
    if c == '\n' || c == '\t' {
        return true;
    }
    !c.is_control()
        && !matches!(
            u32::from(c),
            0x00ad              // soft hyphen
            | 0x034f            // combining grapheme joiner
            | 0x061c            // Arabic letter mark
            | 0x115f..=0x1160   // Hangul fillers
            | 0x17b4..=0x17b5   // Khmer inherent vowels
            | 0x180b..=0x180f   // Mongolian selectors and separator
            | 0x200b..=0x200f   // zero width, left-to-right and right-to-left marks
            | 0x2028..=0x202e   // line and paragraph separators, embeddings and overrides
            | 0x2060..=0x206f   // word joiner, invisible operators, isolates
            | 0x2800            // blank Braille pattern
            | 0x3164            // Hangul filler
            | 0xe000..=0xf8ff   // private use: nobody knows what it looks like
            | 0xfe00..=0xfe0f   // variation selectors
            | 0xfeff            // byte order mark
            | 0xffa0            // half width Hangul filler
            | 0xfff0..=0xfffb   // specials, except the object replacement and the replacement character
            | 0x1bca0..=0x1bca3 // shorthand format controls
            | 0x1d173..=0x1d17a // musical format controls
            | 0xe0000..=0xe0fff // tags and further selectors
            | 0xf0000..=0x10ffff // private use
        )
}

#[cfg(test)]
#[path = "hostile_tests.rs"]
mod tests;

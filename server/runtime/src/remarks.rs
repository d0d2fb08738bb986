//! Comments to the end of the line, as far as a reader of lines can tell them from code.

use crate::{Piece, Runtime};

/// A line of a program, as it stands in its document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'t> {
    /// Which, from 1.
    pub number: u32,
    /// What belongs to the text around the program.
    pub front: &'t str,
    /// The rest of it.
    pub code: &'t str,
}

/// The lines of `pieces` of a document, which are in order.
pub(crate) fn lines<'t>(document: &'t str, pieces: &'t [Piece]) -> impl Iterator<Item = Line<'t>> {
    let mut rest = pieces.iter().peekable();
    document.lines().enumerate().filter_map(move |(at, text)| {
        while rest.next_if(|piece| *piece.lines.end() < at).is_some() {}
        let piece = rest.peek().filter(|piece| piece.lines.contains(&at))?;
        let code = piece.front.strip(text);
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let front = &text[..text.len() - code.len()];
        Some(Line {
            number,
            front,
            code,
        })
    })
}

impl Runtime {
    /// What begins a comment behind code, or on a line of its own; none where a language has no such comment.
    pub(crate) fn sign(&self) -> Option<&str> {
        let outline = &self.definition.outline;
        let sign = outline.remark.as_ref().or(outline.comment.as_ref())?;
        Some(sign.as_str()).filter(|sign| !sign.is_empty())
    }
}

/// The sign that a line begins with which is a comment as a whole, as it is written there, and what is behind it.
/// `##` is `#`, and `///` is `//`.
pub(crate) fn alone<'l>(line: &'l str, sign: &str) -> Option<(&'l str, &'l str)> {
    let line = line.trim_start();
    let rest = line.strip_prefix(sign)?;
    let rest = rest.trim_start_matches(sign.chars().next_back()?);
    Some(line.split_at(line.len() - rest.len()))
}

/// Where the comment begins that ends a line, behind a blank. Strings on the line are stepped over; what is only an apostrophe, or the
/// tick of a lifetime or of a quoted list, is none.
pub(crate) fn behind_code(line: &str, sign: &str) -> Option<usize> {
    // Most lines have none, and need not be read.
    line.find(sign)?;
    let mut at = 0;
    // The last place that was looked at for the end of a string and had none behind it, for each quote: a line of nothing but
    // quotes would otherwise be read once for each.
    let mut unclosed = [usize::MAX; 3];
    let mut before = None;
    while let Some(one) = line[at..].chars().next() {
        let is_word = |one: char| one.is_alphanumeric() || one == '_';
        // In `${x#y}` and `a//b` it means something else.
        if line[at..].starts_with(sign) && before.is_none_or(char::is_whitespace) {
            return Some(at);
        }
        let quote = ['"', '\'', '`'].iter().position(|quote| *quote == one);
        let is_string = quote.is_some_and(|_| one != '\'' || !before.is_some_and(is_word));
        at += one.len_utf8();
        if let Some(quote) = quote.filter(|quote| is_string && at < unclosed[*quote]) {
            match end_of_string(line, at, one) {
                Some(end) => at = end,
                None => unclosed[quote] = at,
            }
        }
        before = line[..at].chars().next_back();
    }
    None
}

/// Behind the string whose quote was read just before `at`.
fn end_of_string(line: &str, at: usize, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (offset, one) in line[at..].char_indices() {
        match one {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if one == quote => {
                let end = at + offset + one.len_utf8();
                let next = line[end..].chars().next();
                // Behind an apostrophe comes the rest of a word.
                let is_end = quote != '\'' || !next.is_some_and(char::is_alphanumeric);
                return is_end.then_some(end);
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment<'l>(line: &'l str, sign: &str) -> Option<&'l str> {
        behind_code(line, sign).map(|at| &line[at..])
    }

    #[test]
    fn a_comment_behind_code_is_found_and_a_string_is_none() {
        for (line, sign, found) in [
            ("print(1)  # => 1", "#", Some("# => 1")),
            ("print('# => 1')", "#", None),
            ("print(\"# => \\\" 1\")  # two", "#", Some("# two")),
            ("puts `x # y` # => z", "#", Some("# => z")),
            ("(print 'a) ; => it's", ";", Some("; => it's")),
            ("fn f<'a>(x: &'a str) {} // => x", "//", Some("// => x")),
            ("putchar('\"'); // => \"", "//", Some("// => \"")),
            ("x = don't # so", "#", Some("# so")),
            ("SELECT 1; -- => 1", "--", Some("-- => 1")),
            ("10 PRINT 1 : rem => 1", "rem", Some("rem => 1")),
            ("theorem x", "rem", None),
            ("echo ${x#a}  # => b", "#", Some("# => b")),
            ("no comment", "#", None),
            ("", "#", None),
        ] {
            assert_eq!(comment(line, sign), found, "{line}");
        }
    }

    #[test]
    fn a_line_is_a_comment_as_a_whole_or_not() {
        assert_eq!(alone("  ## a", "#"), Some(("##", " a")));
        assert_eq!(alone(";; a", ";"), Some((";;", " a")));
        assert_eq!(alone("x # a", "#"), None);
    }

    #[test]
    fn a_line_of_nothing_but_quotes_is_read_in_a_moment() {
        let line = format!("{}# => 1", "'\"`".repeat(300_000));
        behind_code(&line, "#");
        let line = format!("{}# => 1", "\" '".repeat(300_000));
        behind_code(&line, "#");
        let line = format!("{}# => 1", " '\\".repeat(300_000));
        behind_code(&line, "#");
    }
}

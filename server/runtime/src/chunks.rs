//! Splits a selection into what may stand outside every function, and statements. A reader of lines, not a parser: it
//! knows brackets, quotes and comments, and leaves the rest to the compiler.

use regex_lite::Regex;

use crate::definition::Wrap;

/// The lines of a selection that must go into a function: from the first of `statements` to its last, both from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statements {
    pub first: usize,
    pub last: usize,
}

/// Where the statements of `lines` are; `None` if there are none.
pub(crate) fn statements(lines: &[&str], wrap: &Wrap) -> Option<Statements> {
    let item = Regex::new(&wrap.item).ok()?;
    let statement = wrap
        .statement
        .as_ref()
        .and_then(|pattern| Regex::new(pattern).ok());
    let mut scanner = Scanner::new(wrap);
    let mut found: Option<Statements> = None;
    let mut in_item = false;
    for (number, line) in lines.iter().enumerate() {
        let begins = scanner.is_outside();
        let has_code = scanner.read(line);
        if !has_code {
            continue;
        }
        if begins {
            let text = line.trim_end();
            // A brace alone opens the body of what the line before began.
            let goes_on = in_item && text.trim_start().starts_with('{');
            let is_statement = statement
                .as_ref()
                .is_some_and(|statement| statement.is_match(text));
            in_item = goes_on || (!is_statement && item.is_match(text));
        }
        if !in_item {
            let first = found.map_or(number, |found| found.first);
            found = Some(Statements {
                first,
                last: number,
            });
        }
    }
    found
}

/// Keeps count of brackets over lines.
struct Scanner<'a> {
    wrap: &'a Wrap,
    depth: i64,
    in_comment: bool,
    in_raw: Option<char>,
    continued: bool,
}

impl<'a> Scanner<'a> {
    fn new(wrap: &'a Wrap) -> Scanner<'a> {
        Scanner {
            wrap,
            depth: 0,
            in_comment: false,
            in_raw: None,
            continued: false,
        }
    }

    /// Whether the next line begins outside every bracket, comment and string.
    fn is_outside(&self) -> bool {
        self.depth <= 0 && !self.in_comment && self.in_raw.is_none() && !self.continued
    }

    /// Reads a line; says whether there is anything but blanks and comments in it.
    fn read(&mut self, line: &str) -> bool {
        let line = line.trim_end_matches(['\n', '\r']);
        self.continued = line.ends_with('\\');
        let mut has_code = false;
        let mut rest = line;
        while let Some(one) = rest.chars().next() {
            let behind = &rest[one.len_utf8()..];
            if self.in_comment {
                match rest.find("*/") {
                    Some(at) => {
                        self.in_comment = false;
                        rest = &rest[at + 2..];
                    }
                    None => return has_code,
                }
                continue;
            }
            if let Some(quote) = self.in_raw {
                if one == quote {
                    self.in_raw = None;
                }
                rest = behind;
                continue;
            }
            if rest.starts_with(&self.wrap.line_comment) {
                return has_code;
            }
            if let Some(comment) = rest.strip_prefix("/*") {
                self.in_comment = true;
                rest = comment;
                continue;
            }
            has_code |= !one.is_whitespace();
            rest = match one {
                _ if self.wrap.raw_quotes.contains(one) => {
                    self.in_raw = Some(one);
                    behind
                }
                '"' => behind_string(behind),
                '\'' => behind_character(behind),
                '(' | '[' | '{' => {
                    self.depth += 1;
                    behind
                }
                ')' | ']' | '}' => {
                    self.depth -= 1;
                    behind
                }
                _ => behind,
            };
        }
        has_code
    }
}

/// What is behind the string whose quote was just read; all is string if it does not end on its line.
fn behind_string(text: &str) -> &str {
    let mut escaped = false;
    for (at, one) in text.char_indices() {
        match one {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

/// What is behind the character whose quote was just read; or just behind the quote, for it may be a lifetime.
fn behind_character(text: &str) -> &str {
    let mut characters = text.char_indices();
    match characters.next() {
        Some((_, '\\')) => match text.get(2..).and_then(|behind| behind.find('\'')) {
            Some(at) if at < 12 => &text[at + 3..],
            _ => text,
        },
        Some(_) => match characters.next() {
            Some((at, '\'')) => &text[at + 1..],
            _ => text,
        },
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrap() -> Wrap {
        Wrap {
            when: None,
            unless: "main".to_owned(),
            open: String::new(),
            close: String::new(),
            item: r"^(?:#|fn\b|int \w+\()".to_owned(),
            statement: Some(r"^if\b".to_owned()),
            line_comment: "//".to_owned(),
            raw_quotes: "`".to_owned(),
        }
    }

    fn found(text: &str) -> Option<(usize, usize)> {
        let lines: Vec<&str> = text.lines().collect();
        statements(&lines, &wrap()).map(|found| (found.first, found.last))
    }

    #[test]
    fn items_and_comments_are_no_statements() {
        assert_eq!(
            found("#include <x>\n// a\n/* b\n c */\nfn a() {\n  x;\n}\n"),
            None
        );
        assert_eq!(found("int f()\n{\n  x;\n}\n"), None);
        assert_eq!(found("#define A \\\n  b\n"), None);
    }

    #[test]
    fn statements_are_found_between_items() {
        assert_eq!(
            found("#include <x>\n\nx;\nif (y) {\n  z;\n}\n\n// end\n"),
            Some((2, 5))
        );
        assert_eq!(found("fn a() { '{' }\nx\n"), Some((1, 1)));
        assert_eq!(found("fn a<'a>() { \"}\" }\nx\n"), Some((1, 1)));
        assert_eq!(found("x = `\nfn {{{ \n`;\nfn b() {\n}\n"), Some((0, 2)));
        assert_eq!(found("'\\''; é\n"), Some((0, 0)));
    }
}

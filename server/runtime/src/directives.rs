//! What a document says of its own run, in comments such as `# belljar: args --total`. It is a stranger's word: here it is
//! only read, and kept small; what it may do is decided where runs are planned.

use std::iter::Peekable;

use crate::remarks::{self, Line};
use crate::{Piece, Runtime};

/// A comment that begins with this is a directive.
const MARK: &str = "belljar:";
/// No document says more.
const MOST: usize = 100;
/// So many arguments at most, and so many variables.
const MOST_WORDS: usize = 1000;
/// No input that stands in a document is larger.
const LARGEST_INPUT: usize = 1 << 20;
/// No directive is longer than this.
const LONGEST: usize = 64 << 10;

/// Something that is said on a line, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    /// The line.
    pub line: u32,
    /// What is said.
    pub value: T,
}

/// What a program is to read on standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// This.
    Text(String),
    /// The content of the file with this path, from the document's directory.
    File(String),
}

/// Everything that a document says of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// Arguments for the program.
    pub arguments: Option<Said<Vec<String>>>,
    /// Its standard input.
    pub input: Option<Said<Input>>,
    /// Variables of its environment: name and value.
    pub environment: Vec<Said<(String, String)>>,
    /// Policies that it wants to be held by.
    pub policies: Vec<Said<String>>,
    /// Limits that it wants to be held by: name and value.
    pub limits: Vec<Said<(String, String)>>,
    /// It is not to be run, and perhaps why.
    pub skip: Option<Said<String>>,
    /// What is not understood.
    pub wrong: Vec<Said<String>>,
}

impl Runtime {
    /// What `document` says of a run of the lines `first` to `last`, from 1, as far as they are in `pieces`, which are all that
    /// there is of it: in comments on those lines, and in those at the head of the first piece. Each is a line of its own.
    pub fn directives(
        &self,
        document: &str,
        pieces: &[Piece],
        (first, last): (u32, u32),
    ) -> Directives {
        let mut said = Directives::default();
        let Some(sign) = self.sign() else {
            return said;
        };
        // Most documents have none, and looking for a word is quick.
        if !document.contains(MARK) {
            return said;
        }
        let mut lines = remarks::lines(document, pieces).peekable();
        let start = lines.peek().map(|line| line.number);
        let mut in_head = true;
        let mut any = 0;
        while let Some(Line { number, code, .. }) = lines.next() {
            let comment = remarks::alone(code, sign);
            let is_shebang = Some(number) == start && code.starts_with("#!");
            in_head &= comment.is_some() || is_shebang || code.trim().is_empty();
            if !in_head && !(first..=last).contains(&number) {
                continue;
            }
            let directive = comment.and_then(|(sign, rest)| Some((sign, of_mark(rest)?)));
            let Some((sign, directive)) = directive else {
                continue;
            };
            any += 1;
            let taken = match any <= MOST {
                true => said.take(number, directive, sign, &mut lines),
                false => Err(format!("a document has at most {MOST} of these")),
            };
            let wrong = taken.err();
            said.wrong.extend(wrong.map(|value| Said {
                line: number,
                value,
            }));
            if any > MOST {
                break;
            }
        }
        said
    }
}

/// What stands behind the mark of a comment.
fn of_mark(comment: &str) -> Option<&str> {
    let rest = comment.trim_start().strip_prefix(MARK)?;
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| rest.trim())
}

impl Directives {
    fn take<'t>(
        &mut self,
        line: u32,
        directive: &str,
        sign: &str,
        lines: &mut Peekable<impl Iterator<Item = Line<'t>>>,
    ) -> Result<(), String> {
        if directive.len() > LONGEST {
            return Err("this is too long for a comment".to_owned());
        }
        let (word, rest) = directive
            .split_once([' ', '\t'])
            .map_or((directive, ""), |(word, rest)| (word, rest.trim()));
        match word {
            "args" => {
                let value = words(rest)?;
                self.arguments = Some(Said { line, value });
            }
            "stdin" => {
                let value = input(rest, sign, line, lines)?;
                self.input = Some(Said { line, value });
            }
            "env" => {
                for value in pairs(rest, "env NAME=value")? {
                    self.environment.push(Said { line, value });
                }
                if self.environment.len() > MOST_WORDS {
                    return Err(format!("a run has at most {MOST_WORDS} variables"));
                }
            }
            "limit" => {
                for value in pairs(rest, "limit wall=2s")? {
                    self.limits.push(Said { line, value });
                }
            }
            "policy" => match words(rest)?.as_slice() {
                [name] => self.policies.push(Said {
                    line,
                    value: name.clone(),
                }),
                _ => return Err("write the name of one policy: `policy strict`".to_owned()),
            },
            "skip" => {
                let value = rest.to_owned();
                self.skip.get_or_insert(Said { line, value });
            }
            word => {
                let word: String = word.chars().take(40).collect();
                return Err(format!(
                    "`{word}` is nothing that a document can say; there are `args`, `stdin`, `env`, `policy`, `limit` and `skip`"
                ));
            }
        }
        Ok(())
    }
}

fn input<'t>(
    rest: &str,
    sign: &str,
    line: u32,
    lines: &mut Peekable<impl Iterator<Item = Line<'t>>>,
) -> Result<Input, String> {
    if let Some(tag) = rest.strip_prefix("<<") {
        return heredoc(tag.trim(), sign, line, lines).map(Input::Text);
    }
    let (rest, is_file) = match rest.strip_prefix('<') {
        Some(path) => (path.trim(), true),
        None => (rest, false),
    };
    let is_quoted = rest.starts_with(['"', '\'']);
    match (words(rest)?.as_mut_slice(), is_file) {
        // A path may have spaces in it, which nobody quotes.
        ([], _) => {}
        (_, true) if !is_quoted => return Ok(Input::File(rest.to_owned())),
        ([path], true) => return Ok(Input::File(std::mem::take(path))),
        ([text], false) if is_quoted => return Ok(Input::Text(std::mem::take(text))),
        _ => {}
    }
    Err(
        "write `stdin \"text\\n\"`, `stdin < path`, or `stdin <<END` and comments up to `END`"
            .to_owned(),
    )
}

/// The comments below `line` up to one that is only `tag`, without their sign and one blank.
fn heredoc<'t>(
    tag: &str,
    sign: &str,
    mut line: u32,
    lines: &mut Peekable<impl Iterator<Item = Line<'t>>>,
) -> Result<String, String> {
    if tag.is_empty() || tag.contains(char::is_whitespace) {
        return Err("name what ends the input: `stdin <<END`".to_owned());
    }
    let mut text = String::new();
    while let Some(below) = lines.peek().filter(|below| below.number == line + 1) {
        let Some(said) = below.code.trim_start().strip_prefix(sign) else {
            break;
        };
        lines.next();
        line += 1;
        let said = said.strip_prefix(' ').unwrap_or(said);
        if said.trim() == tag {
            return Ok(text);
        }
        text.push_str(said);
        text.push('\n');
        if text.len() > LARGEST_INPUT {
            return Err("an input in a document is at most 1 MiB: put it into a file".to_owned());
        }
    }
    let tag: String = tag.chars().take(40).collect();
    Err(format!("no comment below this one is `{tag}`"))
}

/// Words such as `NAME=value`.
fn pairs(rest: &str, form: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |word: String| {
        let (name, value) = word.split_once('=')?;
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    let pairs: Option<Vec<_>> = words(rest)?.into_iter().map(pair).collect();
    pairs
        .filter(|pairs| !pairs.is_empty())
        .ok_or_else(|| format!("write `{form}`"))
}

/// The words of a line: blanks part them, `"..."` and `'...'` hold them together, and `\n`, `\t`, `\"`, `\\` mean in `"..."` what
/// they mean in most languages.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(one) = letters.next() {
        match (quote, one) {
            (None, one) if one.is_whitespace() => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(one);
                word.get_or_insert_default();
            }
            (Some(quoted), one) if quoted == one => quote = None,
            (Some('"'), '\\') => word.get_or_insert_default().push(match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(plain @ ('"' | '\\')) => plain,
                _ => {
                    return Err(
                        "behind a `\\` in quotes stands one of `n`, `t`, `r`, `\"` and `\\`"
                            .to_owned(),
                    );
                }
            }),
            (_, one) => word.get_or_insert_default().push(one),
        }
        if words.len() > MOST_WORDS {
            return Err(format!("this is more than {MOST_WORDS} words"));
        }
    }
    if let Some(quote) = quote {
        return Err(format!("a quote `{quote}` is not closed"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
#[path = "directives_tests.rs"]
mod tests;

//! What a document says that its lines print: comments that begin with `=>`, behind the code or on the line below it.
//! Here they are found, and written anew; what was printed is compared where runs end.

use crate::outline::MultiLine;
use crate::remarks::{self, Line};
use crate::{Piece, Runtime};

/// What such a comment begins with.
const ARROW: &str = "=>";
/// No document says more.
pub(crate) const MOST: usize = 1000;
/// So far up a statement is looked for that a comment below it is about.
const MOST_LINES: usize = 100;
/// No more lines are written into a document, and no longer ones.
const MOST_WRITTEN: usize = 20;
const LONGEST_WRITTEN: usize = 200;

/// What some lines are to print. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The first and the last line that are to print it.
    pub of: (u32, u32),
    /// The first and the last line on which it is written.
    pub written: (u32, u32),
    /// Where on its first line that begins: so many characters stand before it.
    pub column: u32,
    /// What is to be printed, without the end of its last line.
    pub expected: String,
    /// It is what they print last, because they may do it again and again; else it is all that they print.
    pub is_last: bool,
    /// What stands before the value on its first line, and on each further one.
    pub before: (String, String),
}

impl Runtime {
    /// The expectations on the lines `first` to `last`, from 1, of `document`, as far as they are in `pieces`, which are all
    /// that there is of it.
    pub fn expectations(
        &self,
        document: &str,
        pieces: &[Piece],
        (first, last): (u32, u32),
    ) -> Vec<Expectation> {
        let mut found = self.told(document, pieces, (first, last));
        let Some(sign) = self.sign().filter(|_| document.contains(ARROW)) else {
            return found;
        };
        let lines = remarks::lines(document, pieces);
        let lines: Vec<Line<'_>> = lines
            .skip_while(|line| line.number < first)
            .take_while(|line| line.number <= last)
            .collect();
        let mut string = MultiLine::new(&self.definition.outline.strings);
        let mut at = 0;
        while at < lines.len() && found.len() < MOST {
            let line = lines[at];
            let is_inside = string.is_open();
            string.read(line.code);
            let comment = remarks::behind_code(line.code, sign)
                .filter(|_| !is_inside)
                .and_then(|column| Comment::read(line, column, sign));
            let Some(comment) = comment else {
                at += 1;
                continue;
            };
            let more = lines[at + 1..].iter().zip(line.number + 1..);
            let mut values = vec![comment.value];
            values.extend(more.map_while(|(line, number)| {
                further(line.code, sign).filter(|_| line.number == number)
            }));
            let next = at + values.len();
            values.retain(|value| !value.is_empty());
            let of = match comment.code.trim().is_empty() {
                true => statement_above(&lines[..at], line),
                false => Some((line.number, line.number)),
            };
            found.extend(of.map(|of| Expectation {
                of,
                written: (line.number, lines[next - 1].number),
                column: comment.column(),
                expected: values.join("\n"),
                is_last: values.len() == 1,
                before: comment.before(),
            }));
            at = next;
        }
        found
    }
}

/// A comment with the first line of a value.
struct Comment<'l> {
    /// What belongs to the text around the program.
    front: &'l str,
    /// What stands before it.
    code: &'l str,
    /// Its sign.
    sign: &'l str,
    /// Its sign and its arrow.
    mark: &'l str,
    value: &'l str,
}

impl<'l> Comment<'l> {
    fn read(line: Line<'l>, column: usize, sign: &str) -> Option<Comment<'l>> {
        let (code, comment) = line.code.split_at(column);
        let (sign, rest) = remarks::alone(comment, sign)?;
        let rest = rest.trim_start().strip_prefix(ARROW)?;
        let is_arrow = rest.is_empty() || rest.starts_with([' ', '\t']);
        is_arrow.then(|| Comment {
            front: line.front,
            code,
            sign,
            mark: &comment[..comment.len() - rest.len()],
            value: rest.trim(),
        })
    }

    /// What stands before a value that is written in its place: on its line, and on further lines.
    fn before(&self) -> (String, String) {
        let blank = |one: char| if one == '\t' { one } else { ' ' };
        let margin: String = self.code.chars().map(blank).collect();
        let Comment {
            front,
            code,
            sign,
            mark,
            ..
        } = self;
        (
            format!("{front}{code}{mark} "),
            format!("{front}{margin}{sign}    "),
        )
    }

    fn column(&self) -> u32 {
        let characters = self.front.chars().chain(self.code.chars()).count();
        u32::try_from(characters).unwrap_or(u32::MAX)
    }
}

/// What a comment adds to the value that a comment above it began: it stands further to the right.
fn further<'l>(line: &'l str, sign: &str) -> Option<&'l str> {
    let (_, rest) = remarks::alone(line, sign)?;
    let more = rest.strip_prefix("    ")?;
    (!rest.trim_start().starts_with(ARROW) && !more.trim().is_empty()).then(|| more.trim_end())
}

/// The first and last line of the statement that ends just above `comment`: as far up as lines stand further to the right or
/// only close what is open.
fn statement_above(above: &[Line<'_>], comment: Line<'_>) -> Option<(u32, u32)> {
    let depth = |line: &Line<'_>| line.code.len() - line.code.trim_start().len();
    let is_blank = |line: &Line<'_>| line.code.trim().is_empty();
    let closes = |line: &Line<'_>| line.code.trim_start().starts_with([')', ']', '}']);
    let last = above
        .last()
        .filter(|last| last.number + 1 == comment.number && !is_blank(last))?;
    let belongs =
        |line: &&Line<'_>| depth(line) > depth(&comment) || closes(line) || is_blank(line);
    let n_below = above
        .iter()
        .rev()
        .take(MOST_LINES)
        .take_while(belongs)
        .count();
    let first = above.get(above.len().saturating_sub(n_below + 1))?;
    Some((first.number, last.number))
}

impl Expectation {
    /// The lines to write in place of `written` so that they say what was printed, without the end of the last one. `None` if
    /// that could be more than a comment: it is a program's text, and its user agrees to what can be seen.
    pub fn rewritten(&self, printed: &str) -> Option<String> {
        let lines: Vec<&str> = printed.lines().collect();
        if lines.len() > MOST_WRITTEN || !lines.iter().all(|line| is_plain(line)) {
            return None;
        }
        let mut text = self.before.0.clone();
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                text.push('\n');
                text.push_str(&self.before.1);
            }
            text.push_str(line);
        }
        Some(
            text.lines()
                .map(str::trim_end)
                .collect::<Vec<_>>()
                .join("\n"),
        )
    }
}

/// Whether a line of a program's output stays what it looks like in a comment of whatever language. A comment can go on
/// behind a `\`, and end before its line does; and others than compilers obey comments.
fn is_plain(line: &str) -> bool {
    const OBEYED: &[&str] = &[
        "*/", "/*", "?>", "<?", "%>", "<%", "-->", "</", "*)", "-}", "\"\"\"", "'''", "-*-",
        " vi:", " vim", " ex:", "coding:", "coding=", "belljar:", "??/",
    ];
    const OBEYED_BY_EMACS: &[&str] = &["local variables:", " end:"];
    // Letters, and yet nothing is seen of them.
    const INVISIBLE: &[char] = &['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];
    let lower = format!(" {}", line.to_ascii_lowercase());
    line.chars().count() <= LONGEST_WRITTEN
        // What is no letter, digit or plain sign may look like another, or like nothing.
        && line.chars().all(|one| one.is_alphanumeric() || one == ' ' || one.is_ascii_punctuation())
        && !line.contains(INVISIBLE)
        && !line.trim_end().ends_with('\\')
        && !OBEYED.iter().chain(OBEYED_BY_EMACS).any(|obeyed| lower.contains(obeyed))
}

#[cfg(test)]
#[path = "expectations_tests.rs"]
mod tests;

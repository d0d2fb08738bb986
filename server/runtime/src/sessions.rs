//! Sessions with an interpreter, as texts and the comments of programs show them: what was typed stands behind a prompt, and
//! below it what came out. What was typed runs, and what came out is expected again.

use std::ops::Range;

use crate::definition::Session;
use crate::expectations::MOST;
use crate::{Block, Expectation, Front, Piece, Runtime, expand};

/// Nobody types more in one session; and a command line has an end.
const MOST_STATEMENTS: usize = 2000;
/// Not what came out, but what closes the text around a session.
const FENCES: [&str; 2] = ["```", "~~~"];
/// What an interpreter says first of an exception. Where it went through is nobody's business.
const TRACE: &str = "Traceback (most recent call last)";
/// Stands for an empty line.
const BLANK: &str = "<BLANKLINE>";

/// The sessions on these lines. `by_prompt` says whose prompt a word is.
pub(crate) fn read<'a>(
    lines: &[&'a str],
    within: Range<usize>,
    mut by_prompt: impl FnMut(&'a str) -> Option<Runtime>,
) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = within.start;
    while at < within.end {
        let begun = lines[at].trim_start();
        let word = begun.split(' ').next().filter(|word| word.ends_with('>'));
        let runtime = word.and_then(|word| by_prompt(word.trim_end()));
        match runtime.and_then(|runtime| session(lines, at..within.end, runtime)) {
            Some(block) => {
                at = block.last + 1;
                blocks.push(block);
            }
            None => at += 1,
        }
    }
    blocks
}

/// The session that begins with the first of these lines.
fn session(lines: &[&str], within: Range<usize>, runtime: Runtime) -> Option<Block> {
    let rules = runtime.definition.session.as_ref()?;
    let quotes = &runtime.definition.outline.strings;
    let first = within.start;
    let blanks = lines[first].len() - lines[first].trim_start_matches([' ', '\t']).len();
    let margin = &lines[first][..blanks];
    let piece = |at: usize, prompt: &str| Piece {
        lines: at..=at,
        front: Front {
            blanks,
            prompt: prompt.len(),
            ..Front::default()
        },
    };
    let mut typed: Vec<Piece> = Vec::new();
    let mut last = first;
    let mut after_blank = false;
    for at in within {
        let line = lines[at].trim_end();
        if line.is_empty() {
            after_blank = true;
            continue;
        }
        let Some(code) = line.strip_prefix(margin) else {
            break;
        };
        let mut ends = quotes.iter().map(String::as_str).chain(FENCES);
        if begins(code, &rules.prompt) {
            if typed.len() >= MOST_STATEMENTS {
                break;
            }
            typed.push(piece(at, &rules.prompt));
        } else if after_blank || ends.any(|end| code.trim_start().starts_with(end)) {
            break;
        } else if begins(code, &rules.goes_on)
            && typed
                .last()
                .is_some_and(|typed| *typed.lines.end() + 1 == at)
        {
            typed.push(piece(at, &rules.goes_on));
        }
        after_blank = false;
        last = at;
    }
    Some(Block {
        opens: first,
        first,
        last,
        front: Front::default(),
        refused: None,
        typed,
        runtime,
    })
}

fn begins(code: &str, prompt: &str) -> bool {
    let rest = code.strip_prefix(prompt);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// What was typed as one.
struct Statement {
    first: usize,
    last: usize,
    told: Vec<String>,
}

impl Runtime {
    /// Whose prompt `word` is, where somebody types in this language.
    pub(crate) fn prompts_with(&self, word: &str) -> bool {
        let session = self.definition.session.as_ref();
        session.is_some_and(|session| session.prompt == word)
    }

    /// Whether a session may be shown in `text`.
    pub(crate) fn shows_session(&self, text: &str) -> bool {
        let session = self.definition.session.as_ref();
        session.is_some_and(|session| text.contains(&session.prompt))
    }

    /// What it takes to run what was typed in `pieces`, from line `first` to `last`, after the program around it or by itself.
    pub(crate) fn session_flags(
        &self,
        document: &str,
        pieces: &[Piece],
        lines: (u32, u32),
        is_behind: bool,
    ) -> Vec<String> {
        let Some(session) = &self.definition.session else {
            return Vec::new();
        };
        let statements = self.statements(session, document, pieces, lines);
        if statements.is_empty() {
            return Vec::new();
        }
        let range = |statement: &Statement| {
            let fails = if statement.fails() { "!" } else { "" };
            format!("{}-{}{fails}", statement.first + 1, statement.last + 1)
        };
        let ranges: Vec<String> = statements.iter().map(range).collect();
        let ranges = format!("{}{}", if is_behind { "+" } else { "" }, ranges.join(","));
        let fill =
            |flag: &String| expand::fill(flag, |name| (name == "lines").then(|| ranges.clone()));
        session.flags.iter().map(fill).collect()
    }

    /// What is to come out of what was typed on the lines `first` to `last`, from 1, of `document`.
    pub(crate) fn told(
        &self,
        document: &str,
        pieces: &[Piece],
        lines: (u32, u32),
    ) -> Vec<Expectation> {
        let Some(session) = &self.definition.session else {
            return Vec::new();
        };
        let number = |line: usize| u32::try_from(line + 1).unwrap_or(u32::MAX);
        let all: Vec<&str> = document.lines().collect();
        let statements = self
            .statements(session, document, pieces, lines)
            .into_iter();
        let compared = statements.filter(|statement| {
            let options = all[statement.first..=statement.last].concat();
            !statement.told.is_empty() && !statement.fails() && !options.contains("# doctest:")
        });
        let expectation = |statement: Statement| {
            let line = all[statement.first];
            let margin = &line[..line.len() - line.trim_start().len()];
            let told = statement.told.iter().map(|line| match line.trim() {
                BLANK => "",
                _ => line.strip_prefix(margin).unwrap_or(line),
            });
            Expectation {
                of: (number(statement.first), number(statement.last)),
                written: (
                    number(statement.last + 1),
                    number(statement.last + statement.told.len()),
                ),
                column: u32::try_from(margin.len()).unwrap_or(0),
                expected: told.collect::<Vec<_>>().join("\n"),
                is_last: false,
                before: (margin.to_owned(), margin.to_owned()),
            }
        };
        compared.map(expectation).take(MOST).collect()
    }

    fn statements(
        &self,
        session: &Session,
        document: &str,
        pieces: &[Piece],
        (first, last): (u32, u32),
    ) -> Vec<Statement> {
        let all: Vec<&str> = document.lines().collect();
        let meant = |piece: &&Piece| {
            let at = piece.lines.start() + 1;
            piece.front.prompt > 0 && at >= first as usize && at <= last as usize
        };
        let mut statements: Vec<Statement> = Vec::new();
        for piece in pieces.iter().filter(meant) {
            let at = *piece.lines.start();
            let Some(line) = all.get(at) else { break };
            let code = line.trim_start();
            match statements.last_mut() {
                Some(before) if !begins(code.trim_end(), &session.prompt) => before.last = at,
                _ => statements.push(Statement {
                    first: at,
                    last: at,
                    told: Vec::new(),
                }),
            }
        }
        for statement in &mut statements {
            let line = all[statement.first];
            let margin = &line[..line.len() - line.trim_start().len()];
            let quotes = &self.definition.outline.strings;
            let told = all[statement.last + 1..].iter().take_while(|line| {
                let code = line.trim();
                let mut ends = quotes.iter().map(String::as_str).chain(FENCES);
                !code.is_empty()
                    && line.starts_with(margin)
                    && !begins(code, &session.prompt)
                    && !ends.any(|end| code.starts_with(end))
            });
            statement.told = told.map(|line| line.trim_end().to_owned()).collect();
        }
        statements
    }
}

impl Statement {
    /// What comes out is an exception.
    fn fails(&self) -> bool {
        let first = self.told.first();
        first.is_some_and(|line| line.trim_start().starts_with(TRACE))
    }
}

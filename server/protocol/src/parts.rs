//! Which part of a document is meant: a selection, a line, or the function, cell or block around the cursor.

use std::collections::HashSet;

use belljar_runs::{Block, Catalogue, Cell, DocumentKind, Function, Runtime, with_line_feeds};
use ropey::Rope;
use tower_lsp::ls_types::Range;

use crate::documents::Document;
use crate::inbox::Problem;
use crate::positions::{Encoding, char_at};
use crate::selection::chosen_lines;
use crate::wire::{RunArguments, What};

/// What can be run of a document besides its lines.
pub struct Outline {
    text: String,
    /// Where its lines begin.
    lines: Vec<usize>,
    /// Its cells.
    pub cells: Vec<Cell>,
    /// Its blocks, if it is a text around code.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub what: What,
    /// Its first and last line, from 0; `None` for everything.
    pub lines: Option<(usize, usize)>,
}

impl Outline {
    /// Reads `text`, a document of the kind `kind`.
    pub fn read(text: &Rope, kind: &DocumentKind, languages: &Catalogue) -> Outline {
        let text = with_line_feeds(&text.to_string()).into_owned();
        let runtime = kind.runtime.as_ref();
        Outline {
            cells: runtime.map_or(Vec::new(), |runtime| runtime.cells(&text)),
            blocks: kind.blocks(languages, &text),
            lines: std::iter::once(0)
                .chain(text.match_indices('\n').map(|(at, _)| at + 1))
                .collect(),
            text,
        }
    }

    /// The function around the line `at`. Each time the cursor moves this is asked, so it costs the same in a long document.
    fn function(&self, runtime: &Runtime, at: usize) -> Option<Function> {
        // What stands behind the last line end is a line only if it is something.
        let begins = self.lines.strip_suffix(&[self.text.len()]);
        let begins = begins.unwrap_or(&self.lines);
        let at = at.min(begins.len().checked_sub(1)?);
        let first = at.saturating_sub(Function::REACH);
        let around = first..begins.len().min(at + Function::REACH + 1);
        let line = |number: usize| {
            let next = self.lines.get(number + 1);
            let line = &self.text[begins[number]..next.map_or(self.text.len(), |next| next - 1)];
            line.strip_suffix('\r').unwrap_or(line)
        };
        let lines: Vec<&str> = around.map(line).collect();
        let function = runtime.function_among(&lines, at - first)?;
        Some(Function {
            first: first + function.first,
            last: first + function.last,
            ..function
        })
    }

    fn block_around(&self, first: usize, last: usize) -> Option<&Block> {
        Block::around(&self.blocks, first, last).map(|at| &self.blocks[at])
    }

    /// First line of the first and last line of the last of all pieces up to the line `at`; `None` if there is only one.
    fn up_to(&self, at: usize) -> Option<(usize, usize)> {
        if let Some(index) = Block::around(&self.blocks, at, at) {
            let blocks = Block::up_to(&self.blocks, index);
            let several = blocks.len() > 1;
            return several.then(|| (blocks[0].first, self.blocks[index].last));
        }
        let index = Cell::around(&self.cells, &self.text, at)?;
        (index > 0).then(|| (self.cells[0].first, self.cells[index].last))
    }

    /// The blocks that have others in their language before them.
    pub fn blocks_with_earlier(&self) -> impl Iterator<Item = &Block> {
        let mut languages: HashSet<&str> = HashSet::new();
        let wanted = self.blocks.iter().filter(|block| block.refused.is_none());
        wanted.filter(move |block| !languages.insert(block.runtime.id()))
    }

    /// The lines `first` to `last`, in the block that they are in.
    fn lines(&self, what: What, (first, last): (usize, usize)) -> Part {
        // A selection of a block often has its fences too.
        let block = self.block_around(first, last);
        let (first, last) = block.map_or((first, last), |block| {
            let first = first.max(block.first);
            (
                first.min(block.last),
                last.clamp(first.min(block.last), block.last),
            )
        });
        Part {
            what,
            lines: Some((first, last)),
        }
    }
}

impl Document {
    /// Whether the lines `first` to `last`, from 0, can be run.
    pub fn is_runnable(&self, languages: &Catalogue, first: usize, last: usize) -> bool {
        if self.kind.runtime.is_some() {
            return true;
        }
        let outline = self.outline(languages);
        // A selection may also go over several blocks.
        outline.block_around(first, last).is_some()
            || !Block::across(&outline.blocks, first, last).is_empty()
    }

    /// The part of the kind `what` around the line `at`, from 0.
    pub fn part_at(&self, languages: &Catalogue, what: What, at: usize) -> Option<Part> {
        let outline = self.outline(languages);
        let part = |first, last| Part {
            what,
            lines: Some((first, last)),
        };
        match what {
            What::File => Some(Part { what, lines: None }),
            What::Selection | What::Line => Some(outline.lines(what, (at, at))),
            What::Function => {
                let function = outline.function(self.kind.runtime.as_ref()?, at)?;
                Some(part(function.first, function.last))
            }
            What::Cell if self.in_notebook.is_some() => Some(part(0, self.last_line())),
            What::UpTo if self.in_notebook.is_some() => {
                let place = self.in_notebook.as_ref()?;
                place.has_earlier.then(|| part(0, self.last_line()))
            }
            What::Cell => {
                let cell = Cell::around(&outline.cells, &outline.text, at)?;
                let cell = outline.cells[cell];
                Some(part(cell.first, cell.last))
            }
            What::UpTo => {
                let (first, last) = outline.up_to(at)?;
                Some(part(first, last))
            }
            What::Block => {
                let block = outline.block_around(at, at)?;
                Some(outline.lines(what, (block.first, block.last)))
            }
        }
    }

    /// The part that `arguments` mean.
    pub fn part(
        &self,
        languages: &Catalogue,
        arguments: &RunArguments,
        encoding: Encoding,
    ) -> Result<Part, Problem> {
        let touched = self.touched(arguments, encoding);
        let chosen = match arguments.range {
            Some(range) => chosen_lines(&self.text, range, encoding),
            None => touched.filter(|_| arguments.position.is_none()),
        };
        let at = || {
            let lines = touched.ok_or_else(|| Problem("Where the cursor is was not said.".into()));
            lines.map(|(first, last)| (first.min(self.last_line()), last.min(self.last_line())))
        };
        match arguments.what {
            None => Ok(match chosen {
                Some(lines) => self.outline(languages).lines(What::Selection, lines),
                None => Part {
                    what: What::File,
                    lines: None,
                },
            }),
            Some(What::Selection) => {
                let lines = chosen.ok_or_else(|| Problem("Nothing is selected.".into()))?;
                Ok(self.outline(languages).lines(What::Selection, lines))
            }
            Some(What::Line) => Ok(self.outline(languages).lines(What::Line, at()?)),
            Some(what) => {
                let line = if what == What::File { 0 } else { at()?.0 };
                let part = self.part_at(languages, what, line);
                part.ok_or_else(|| Problem(missing(what, line)))
            }
        }
    }

    /// The lines, from 0, that the cursor or the selection touches.
    fn touched(&self, arguments: &RunArguments, encoding: Encoding) -> Option<(usize, usize)> {
        let lines = |range: Range| {
            let a = char_at(&self.text, range.start, encoding);
            let b = char_at(&self.text, range.end, encoding);
            let (start, end) = (a.min(b), a.max(b));
            let (first, last) = (self.text.char_to_line(start), self.text.char_to_line(end));
            // The start of a line is where a selection of the lines before it ends.
            let is_behind = last > first && self.text.line_to_char(last) == end;
            (first, last - usize::from(is_behind))
        };
        let from_one = |line: u32| (line as usize).saturating_sub(1);
        match (arguments.position, arguments.range) {
            (Some(cursor), _) => Some(lines(Range::new(cursor, cursor))),
            (None, Some(range)) => Some(lines(range)),
            (None, None) => {
                let first = from_one(arguments.start_line.or(arguments.end_line)?);
                Some((first, arguments.end_line.map_or(first, from_one)))
            }
        }
    }
}

fn missing(what: What, line: usize) -> String {
    let what = match what {
        What::Function => "function",
        What::UpTo => "cell or block with an earlier one in its language",
        What::Cell => "cell (begun by a comment with `%%`)",
        _ => "fenced block in a language that can be run",
    };
    format!("There is no {what} around line {}.", line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_around_each_line_is_that_of_the_whole_text() {
        let languages = Catalogue::shipped();
        let kind = languages.kind(Some("python"), None, "");
        let runtime = kind.runtime.as_ref().unwrap();
        let text = "x = 1\n@once\ndef a():\n    '''b\ndef c():\n    '''\n    pass\n\n\ndef d():\n    pass\n";
        let mut found = HashSet::new();
        for text in [text, text.trim_end(), "\n", ""] {
            for text in [text.to_owned(), text.replace('\n', "\r\n")] {
                let outline = Outline::read(&Rope::from_str(&text), &kind, &languages);
                for at in 0..14 {
                    let function = outline.function(runtime, at);
                    assert_eq!(
                        function,
                        runtime.function(&text, at),
                        "line {at} of {text:?}"
                    );
                    found.extend(function.map(|it| (it.first, it.last, it.name)));
                }
            }
        }
        let all = [(1, 6, "a".to_owned()), (9, 10, "d".to_owned())];
        assert_eq!(found, HashSet::from(all));
    }
}

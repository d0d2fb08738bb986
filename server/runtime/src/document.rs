//! What a document is: a program, a text around code, or a program that lies in a text.

use std::borrow::Cow;
use std::path::Path;

use crate::forms::{Form, Forms};
use crate::{Block, Catalogue, Cell, Piece, Runtime, blocks, sessions};

/// What a document is.
#[derive(Clone, Debug, Default)]
pub struct DocumentKind {
    /// How the whole of it is run, if it can be.
    pub runtime: Option<Runtime>,
    /// How blocks stand in it, if they can.
    form: Option<&'static Form>,
}

impl Catalogue {
    /// What a document is, by the editor's or the user's word for its language, its path and its first line. Of which
    /// nothing is known, it is a text.
    pub fn kind(
        &self,
        language: Option<&str>,
        path: Option<&Path>,
        first_line: &str,
    ) -> DocumentKind {
        let forms = Forms::known();
        let named = language.and_then(|language| forms.by_language(language));
        let by_path = path.and_then(|path| forms.by_path(path));
        let runtime = match named {
            Some(_) => None,
            None => self.detect(language, path, first_line),
        };
        let form = match runtime {
            None => Some(named.or(by_path).unwrap_or_else(|| forms.usual())),
            // What the user says and what the file itself says counts more than its name, unless both go together.
            Some(runtime) => by_path.filter(|form| form.program.as_deref() == Some(runtime.id())),
        };
        let program = form.and_then(|form| form.program.as_deref());
        let runtime = runtime.or_else(|| self.by_fence_tag(program?));
        DocumentKind {
            runtime: runtime.cloned(),
            form,
        }
    }

    /// Whether files with such a name are texts around code.
    pub fn is_text(path: &Path) -> bool {
        Forms::known().by_path(path).is_some()
    }
}

impl DocumentKind {
    /// Whether blocks stand in a text around them, and not in a program.
    pub fn is_text(&self) -> bool {
        self.form.is_some()
    }

    /// The blocks of `text` that can be run.
    pub fn blocks(&self, catalogue: &Catalogue, text: &str) -> Vec<Block> {
        if let Some(form) = self.form {
            return blocks::read(catalogue, form, text);
        }
        // Most programs show no session, and looking for a few letters is quick.
        let runtime = self.runtime.as_ref();
        let runtime = runtime.filter(|it| it.shows_session(text));
        runtime.map_or(Vec::new(), |runtime| {
            let lines: Vec<&str> = text.lines().collect();
            let own = |word: &str| Some(runtime.clone()).filter(|it| it.prompts_with(word));
            sessions::read(&lines, 0..lines.len(), own)
        })
    }
}

impl Block {
    /// What runs of it.
    pub fn pieces(&self) -> Vec<Piece> {
        match self.typed.is_empty() {
            false => self.typed.clone(),
            true => vec![Piece {
                lines: self.first..=self.last,
                front: self.front,
            }],
        }
    }

    /// The block of `blocks`, which are those of a document, that holds the lines `first` to `last`. What opens and what
    /// closes it may be among them.
    pub fn around(blocks: &[Block], first: usize, last: usize) -> Option<usize> {
        let begun = blocks.partition_point(|block| block.opens <= first);
        let at = begun.checked_sub(1)?;
        (last <= blocks[at].last + 1).then_some(at)
    }

    /// Those of `blocks` that the lines `first` to `last` hold something of, and that the document wants to be run. What
    /// opens and what closes a block is nothing of it.
    pub fn across(blocks: &[Block], first: usize, last: usize) -> Vec<&Block> {
        let held = blocks
            .iter()
            .filter(|block| block.first <= last && first <= block.last);
        held.filter(|block| block.refused.is_none()).collect()
    }

    /// The block `at` and those before it in the same language which the document wants to be run, in order.
    pub fn up_to(blocks: &[Block], at: usize) -> Vec<&Block> {
        let Some(block) = blocks.get(at) else {
            return Vec::new();
        };
        let is_same = |other: &&Block| other.runtime.language() == block.runtime.language();
        let earlier = blocks[..at].iter().filter(is_same);
        let earlier = earlier.filter(|other| other.refused.is_none());
        earlier.chain([block]).collect()
    }
}

impl Cell {
    /// The cell of `cells`, which are those of `text`, that the line `at` is in. Empty lines behind a cell are nobody else's.
    pub fn around(cells: &[Cell], text: &str, at: usize) -> Option<usize> {
        let begun = cells.partition_point(|cell| cell.first <= at);
        let index = begun.checked_sub(1)?;
        let behind = (at + 1).saturating_sub(cells[index].last + 1);
        let mut lines = text.lines().skip(cells[index].last + 1).take(behind);
        lines.all(|line| line.trim().is_empty()).then_some(index)
    }
}

/// `text` with a line feed for every carriage return that ends a line by itself, as editors count lines. Nothing moves.
pub fn with_line_feeds(text: &str) -> Cow<'_, str> {
    let lone = |at: usize| text.as_bytes().get(at + 1) != Some(&b'\n');
    if !text.match_indices('\r').any(|(at, _)| lone(at)) {
        return Cow::Borrowed(text);
    }
    let feed = |(at, one)| if one == '\r' && lone(at) { '\n' } else { one };
    text.char_indices().map(feed).collect()
}

//! The open documents, kept in step with the editor, and how lines move when one is edited.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::sync::Arc;

use belljar_runs::{Catalogue, DocumentKind};
use ropey::Rope;
use tower_lsp::ls_types::{TextDocumentContentChangeEvent, Uri};

use crate::notebooks::InNotebook;
use crate::parts::Outline;
use crate::positions::{Encoding, char_at, line_text};

/// A document as the editor has it.
pub struct Document {
    /// Its name in the protocol.
    pub uri: Uri,
    /// The editor's word for its language.
    pub language: String,
    /// The version that the editor gave it. It only grows.
    pub version: i32,
    /// Its text. Cheap to clone.
    pub text: Rope,
    /// Some change was lost, so the text is not what the user sees. Nothing is run from it until it is whole again.
    pub out_of_step: bool,
    /// What it is, and how it is run if it is in a language that can be.
    pub kind: DocumentKind,
    /// Where it is, if it is a cell of a notebook.
    pub in_notebook: Option<InNotebook>,
    /// The first line, which may name the interpreter; the kind is looked for anew when it changes.
    pub first_line: String,
    /// What can be run of it, found when somebody asks and good until the next change.
    outline: OnceCell<Outline>,
    /// The last changes of parts, the oldest first.
    recent: VecDeque<Applied>,
    /// The version before them.
    before_recent: i32,
}

/// A change that led to a version, and the text before it.
struct Applied {
    version: i32,
    before: Rope,
    changes: Vec<TextDocumentContentChangeEvent>,
}

/// So many changes are remembered, for one that comes late.
const REMEMBERED: usize = 64;

/// How an edit moved lines: everything between two places was replaced by text with `added` line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    first: usize,
    last: usize,
    added: usize,
    /// The edit ends at the start of line `last`, and what it leaves before it is a line end: that line moved whole.
    last_is_whole: bool,
}

impl Shift {
    /// Whether no line moves.
    pub fn is_still(self) -> bool {
        self.added == self.last - self.first && !(self.last_is_whole && self.added > 0)
    }

    /// Where `line` is after the edit. A line that the edit took away is where its place was.
    pub fn moved(self, line: usize) -> usize {
        if line < self.first {
            line
        } else if line > self.last || (line == self.last && self.last_is_whole) {
            line - (self.last - self.first) + self.added
        } else {
            line.min(self.first + self.added)
        }
    }
}

impl Document {
    /// A document that was just opened.
    pub fn new(uri: Uri, language: String, version: i32, text: &str) -> Document {
        let mut document = Document {
            uri,
            language,
            version,
            text: Rope::from_str(text),
            out_of_step: false,
            kind: DocumentKind::default(),
            in_notebook: None,
            first_line: String::new(),
            outline: OnceCell::new(),
            recent: VecDeque::new(),
            before_recent: version,
        };
        document.first_line = document.current_first_line();
        document
    }

    /// Applies the changes that lead to `version`, in order, and tells how lines moved.
    pub fn change(
        &mut self,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) -> Vec<Shift> {
        let is_whole = changes.iter().all(|change| change.range.is_none());
        if version <= self.version && !is_whole {
            return self.change_late(version, changes, encoding);
        }
        self.version = version;
        self.apply(version, changes, encoding)
    }

    fn apply(
        &mut self,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) -> Vec<Shift> {
        self.outline.take();
        let before = self.text.clone();
        let mut shifts = Vec::new();
        for change in &changes {
            match change.range {
                None => {
                    shifts.push(self.replace_all(&change.text));
                    self.out_of_step = false;
                }
                Some(range) => {
                    let start = char_at(&self.text, range.start, encoding);
                    let end = char_at(&self.text, range.end, encoding);
                    shifts.push(self.replace(start.min(end), start.max(end), &change.text));
                }
            }
        }
        if changes.iter().any(|change| change.range.is_none()) {
            // Nothing earlier matters any more.
            self.recent.clear();
            self.before_recent = version;
        } else {
            self.recent.push_back(Applied {
                version,
                before,
                changes,
            });
        }
        if self.recent.len() > REMEMBERED
            && let Some(forgotten) = self.recent.pop_front()
        {
            self.before_recent = forgotten.version;
        }
        shifts
    }

    /// Puts a change in its place that comes behind later ones, and applies those again. Helix 25.01 sends changes that
    /// follow each other closely in any order.
    fn change_late(
        &mut self,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) -> Vec<Shift> {
        let at = self.recent.partition_point(|it| it.version < version);
        let next = self.recent.get(at);
        let Some(next) = next.filter(|next| version > self.before_recent && next.version > version)
        else {
            // A change that comes twice or too late would make another text than the user sees.
            tracing::warn!(uri = self.uri.as_str(), version, "change out of order");
            self.out_of_step = true;
            return Vec::new();
        };
        self.text = next.before.clone();
        let later = self.recent.split_off(at);
        let shifts = self.apply(version, changes, encoding);
        for later in later {
            self.apply(later.version, later.changes, encoding);
        }
        shifts
    }

    fn replace(&mut self, start: usize, end: usize, text: &str) -> Shift {
        let first = self.text.char_to_line(start);
        let last = self.text.char_to_line(end);
        let at_line_start = |rope: &Rope, at: usize| rope.line_to_char(rope.char_to_line(at)) == at;
        let last_is_whole = at_line_start(&self.text, end)
            && if text.is_empty() {
                at_line_start(&self.text, start)
            } else {
                text.ends_with(['\n', '\r'])
            };
        let lines_before = self.text.len_lines();
        self.text.remove(start..end);
        self.text.insert(start, text);
        // Counted from the whole, because a CR and an LF that come together or part make or unmake a line.
        let added = (self.text.len_lines() + last - first).saturating_sub(lines_before);
        Shift {
            first,
            last,
            added,
            last_is_whole,
        }
    }

    /// Replaces the whole text, and finds out which lines stayed: results keep their place in editors that always
    /// send everything.
    fn replace_all(&mut self, text: &str) -> Shift {
        let new = Rope::from_str(text);
        let (old_lines, new_lines) = (self.text.len_lines(), new.len_lines());
        let both = old_lines.min(new_lines);
        let same = (0..both)
            .take_while(|&line| self.text.line(line) == new.line(line))
            .count();
        let same_behind = (1..=both - same)
            .take_while(|&back| self.text.line(old_lines - back) == new.line(new_lines - back))
            .count();
        self.text = new;
        Shift {
            first: same,
            last: old_lines - same_behind,
            added: new_lines - same - same_behind,
            last_is_whole: true,
        }
    }

    /// What can be run of it.
    pub fn outline(&self, languages: &Catalogue) -> &Outline {
        self.outline
            .get_or_init(|| Outline::read(&self.text, &self.kind, languages))
    }

    /// The first line as it is now, as far as it can matter.
    pub fn current_first_line(&self) -> String {
        let line = line_text(&self.text, 0);
        line.slice(..line.len_chars().min(200)).to_string()
    }

    /// The text as a copy that nothing changes any more.
    pub fn copy(&self) -> Arc<[u8]> {
        let mut bytes = Vec::with_capacity(self.text.len_bytes());
        for chunk in self.text.chunks() {
            bytes.extend_from_slice(chunk.as_bytes());
        }
        bytes.into()
    }

    /// The last line that holds something, from 0.
    pub fn last_line(&self) -> usize {
        let lines = self.text.len_lines();
        let last = lines.saturating_sub(1);
        if last > 0 && self.text.line(last).len_chars() == 0 {
            last - 1
        } else {
            last
        }
    }
}

#[cfg(test)]
#[path = "documents_tests.rs"]
mod tests;

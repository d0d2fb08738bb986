//! A document as a program: where it lies in the cell, and what is put there.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use belljar_runtime::{
    Asked, Block, Catalogue, Cell, DocumentKind, FoundTarget, Host, LineMap, NeedsArguments,
    NoTarget, Piece, Places, Runtime, no_program, with_line_feeds,
};

use crate::policy_files::quoted_list;
use crate::{CELL_HOME, LineRange, Part, Refusal, RunRequest, Source, paths, project};

/// Nobody runs a larger document.
pub(crate) const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

/// The kernel takes no longer argument; a session's has the lines of each statement in it.
const LONGEST_FLAG: usize = 128 * 1024 - 1;

/// What the user wants to run.
pub(crate) struct Document<'a> {
    pub path: Option<&'a Path>,
    pub name: &'a str,
    pub language: Option<&'a str>,
    pub text: &'a Arc<[u8]>,
    pub lines: Option<LineRange>,
    pub part: Part,
}

/// What runs a document.
pub(crate) struct Means<'t> {
    pub runtime: Runtime,
    /// If only some of it runs: all of it, with lines as editors count them.
    pub text: Option<Cow<'t, str>>,
    /// What is left of it, if that is not all.
    pub pieces: Option<Pieces>,
}

/// Pieces of a text.
pub(crate) struct Pieces {
    pub pieces: Vec<Piece>,
    /// Those of their lines that run.
    pub lines: LineRange,
    /// They are blocks of a text around code.
    is_in_text: bool,
    /// They are sessions in the comments of a program, which runs before them.
    is_behind: bool,
}

impl Pieces {
    /// `pieces` of `text`, of which the lines `selected` run, from 0; without it all.
    fn of(
        runtime: &Runtime,
        text: &str,
        pieces: Vec<Piece>,
        selected: Option<(usize, usize)>,
    ) -> Pieces {
        let pieces = runtime.together(text, pieces);
        let all = || {
            let first = pieces.first().map_or(0, |piece| *piece.lines.start());
            (
                first,
                pieces.last().map_or(first, |piece| *piece.lines.end()),
            )
        };
        let (first, last) = selected.unwrap_or_else(all);
        let number = |line: usize| u32::try_from(line + 1).unwrap_or(u32::MAX);
        let lines = LineRange {
            first: number(first),
            last: number(last),
        };
        Pieces {
            pieces,
            lines,
            is_in_text: false,
            is_behind: false,
        }
    }
}

/// A program's source in the cell.
pub(crate) struct SourceFile {
    pub path: PathBuf,
    pub content: Vec<u8>,
    pub map: LineMap,
    pub flags: Vec<String>,
}

fn refuse<T>(reason: impl Into<String>, hint: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        reason: reason.into(),
        hint: hint.into(),
    })
}

fn refuse_call<T>(needs: &NeedsArguments) -> Result<T, Refusal> {
    let NeedsArguments { name, parameters } = needs;
    refuse(
        format!("`{name}` needs arguments: {}", quoted_list(parameters)),
        "select lines that call it with some, or give its parameters default values",
    )
}

impl<'a> Document<'a> {
    /// What is run, if it is a document.
    pub(crate) fn of(request: &'a RunRequest) -> Option<Document<'a>> {
        match &request.source {
            Source::Document {
                path,
                name,
                language,
                text,
                lines,
                part,
            } => Some(Document {
                path: path.as_deref(),
                name,
                language: language.as_deref(),
                text,
                lines: *lines,
                part: *part,
            }),
            Source::Command { .. } => None,
        }
    }

    /// Where the document is on the host, with no link but perhaps itself.
    pub(crate) fn place(&self, host: &dyn Host) -> Option<PathBuf> {
        self.path.map(|path| paths::absolute(host, path))
    }

    /// What runs it, and its lines that are more than lines of a program.
    pub(crate) fn means(&self, catalogue: &Catalogue) -> Result<Means<'a>, Refusal> {
        if self.text.len() > MAX_DOCUMENT {
            return refuse(
                format!("`{}` is larger than 16 MiB", self.name),
                "run a smaller file, or a program that reads this one: `belljar exec`",
            );
        }
        let first = self.text.split(|byte| matches!(byte, b'\n' | b'\r')).next();
        let first = first.unwrap_or_default();
        let first = String::from_utf8_lossy(&first[..first.len().min(512)]);
        // A name says the language too, for a document that was never saved.
        let path = self.path.unwrap_or(Path::new(self.name));
        let text = self
            .lines
            .map(|lines| self.check_lines(lines))
            .transpose()?;
        let said = match self.language {
            None => catalogue.modeline(self.text),
            Some(_) => None,
        };
        let language = self.language.or(said.as_deref());
        let kind = || catalogue.kind(language, Some(path), &first);
        if let (Some(lines), Some(text)) = (self.lines, &text) {
            let kind = kind();
            let blocks = kind.blocks(catalogue, text);
            if let Some((runtime, pieces)) = self.pieces(&kind, &blocks, text, lines)? {
                return Ok(Means {
                    runtime,
                    pieces: Some(pieces),
                    text: Some(text.clone()),
                });
            }
        }
        let runtime = catalogue.detect(language, Some(path), &first);
        let Some(runtime) = runtime.cloned().or_else(|| kind().runtime) else {
            let text = String::from_utf8_lossy(self.text);
            let blocks = kind().blocks(catalogue, &with_line_feeds(&text));
            if let Some(block) = blocks.first() {
                let (first, last) = (block.first + 1, block.last + 1);
                return refuse(
                    format!(
                        "`{}` is no program, but has blocks of code in it: {}",
                        self.name,
                        blocks.len()
                    ),
                    format!(
                        "name the lines of one, for instance `--lines {first}-{last}`, or `--up-to {last}`"
                    ),
                );
            }
            return self.refuse_language(path);
        };
        Ok(Means {
            runtime,
            pieces: None,
            text,
        })
    }

    fn refuse_language<T>(&self, path: &Path) -> Result<T, Refusal> {
        let listed = "`belljar runtimes` lists";
        match (no_program(self.language, path), self.language) {
            (Some((is, hint)), Some(language)) => {
                refuse(format!("`{language}` {is}; it is no program"), hint)
            }
            (Some((is, hint)), None) => {
                refuse(format!("`{}` {is}; it is no program", self.name), hint)
            }
            (None, Some(language)) => refuse(
                format!("there is no runtime for the language `{language}`"),
                format!(
                    "{listed} those that there are; a file in ~/.config/belljar/runtimes adds one"
                ),
            ),
            (None, None) => refuse(
                format!("`{}` does not say which language it is in", self.name),
                format!("name it with `--language ID`; {listed} them"),
            ),
        }
    }

    /// The block that `lines` are in, or everything up to them.
    fn pieces(
        &self,
        kind: &DocumentKind,
        blocks: &[Block],
        text: &str,
        lines: LineRange,
    ) -> Result<Option<(Runtime, Pieces)>, Refusal> {
        let index = |line: u32| {
            usize::try_from(line)
                .unwrap_or(usize::MAX)
                .saturating_sub(1)
        };
        let (first, last) = (index(lines.first), index(lines.last));
        let is_up_to = self.part == Part::UpTo;
        let from = if is_up_to { last } else { first };
        if let Some(at) = Block::around(blocks, from, last) {
            let block = &blocks[at];
            if let Some(refused) = block.refused.as_ref().filter(|_| self.part != Part::Lines) {
                return refuse(refused, "to run its lines all the same, select them");
            }
            let pieces = match is_up_to {
                true => Block::up_to(blocks, at)
                    .into_iter()
                    .flat_map(Block::pieces)
                    .collect(),
                false => block.pieces(),
            };
            let selected = (
                first.clamp(block.first, block.last),
                last.clamp(block.first, block.last),
            );
            let selected = (!is_up_to).then_some(selected);
            let pieces = Pieces {
                is_in_text: kind.is_text(),
                is_behind: !kind.is_text(),
                ..Pieces::of(&block.runtime, text, pieces, selected)
            };
            return Ok(Some((block.runtime.clone(), pieces)));
        }
        if !is_up_to {
            return self.across(kind, blocks, text, (first, last));
        }
        let runtime = kind.runtime.as_ref();
        let cells = runtime.map_or(Vec::new(), |runtime| runtime.cells(text));
        let Some((runtime, at)) = runtime.zip(Cell::around(&cells, text, last)) else {
            return refuse(
                format!(
                    "there is no cell and no block in a language that can be run around line {}",
                    lines.last
                ),
                "a cell begins with a comment with `%%`, a block with a fence that names its language",
            );
        };
        let pieces = cells[..=at].iter().map(Piece::from).collect();
        let pieces = Pieces::of(runtime, text, pieces, None);
        Ok(Some((runtime.clone(), pieces)))
    }

    /// The blocks of a text that the lines `first` to `last` go over, as one program.
    fn across(
        &self,
        kind: &DocumentKind,
        blocks: &[Block],
        text: &str,
        (first, last): (usize, usize),
    ) -> Result<Option<(Runtime, Pieces)>, Refusal> {
        let held = match kind.is_text() && self.part == Part::Lines {
            true => Block::across(blocks, first, last),
            false => Vec::new(),
        };
        let Some(block) = held.last() else {
            return Ok(None);
        };
        let runtime = &block.runtime;
        let mut names: Vec<String> = Vec::new();
        for held in &held {
            let name = held.runtime.name().to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if held.iter().any(|held| held.runtime.id() != runtime.id()) {
            return refuse(
                format!(
                    "the selection goes over blocks in several languages: {}",
                    names.join(", ")
                ),
                "select blocks of one language, or run them one after the other",
            );
        }
        let selected = (first.max(held[0].first), last.min(block.last));
        let pieces = held.iter().flat_map(|held| held.pieces()).collect();
        let pieces = Pieces {
            is_in_text: true,
            ..Pieces::of(runtime, text, pieces, Some(selected))
        };
        Ok(Some((runtime.clone(), pieces)))
    }

    /// What it is to the project that it lies in.
    ///
    /// # Errors
    /// The project cannot run it.
    pub(crate) fn target(
        &self,
        host: &dyn Host,
        means: &Means<'_>,
        places: &Places<'_>,
    ) -> Result<Option<FoundTarget>, Refusal> {
        let path = self.cell_path(host, means);
        // Blocks of a text and what is typed in comments are nothing to a project.
        if means
            .pieces
            .as_ref()
            .is_some_and(|it| it.is_in_text || it.is_behind)
            || self.place(host).as_ref() != Some(&path)
        {
            return Ok(None);
        }
        let text = match &means.text {
            Some(text) => text.clone(),
            None => String::from_utf8_lossy(self.text),
        };
        let asked = Asked {
            path: &path,
            text: &text,
            lines: self.lines.map(|lines| (lines.first, lines.last)),
            is_function: self.part == Part::Function,
        };
        let target = means.runtime.target(host, places, &asked);
        target.map_err(|NoTarget { reason, hint }| Refusal { reason, hint })
    }

    /// What is put into the cell, and where; all of it if it is to be compiled as a whole.
    pub(crate) fn source(
        &self,
        host: &dyn Host,
        means: &Means<'_>,
        is_whole: bool,
    ) -> Result<SourceFile, Refusal> {
        let runtime = &means.runtime;
        let path = self.cell_path(host, means);
        let source = paths::text(&path)?;
        let lines = self.lines.filter(|_| !is_whole);
        let (Some(LineRange { first, last }), Some(text)) = (lines, &means.text) else {
            let flags = runtime.flags(&String::from_utf8_lossy(self.text));
            return Ok(SourceFile {
                content: self.text.to_vec(),
                map: LineMap::default(),
                flags,
                path,
            });
        };
        let program = match (&means.pieces, self.part) {
            (
                Some(Pieces {
                    pieces,
                    lines,
                    is_behind,
                    ..
                }),
                _,
            ) => {
                let lines = (lines.first, lines.last);
                match is_behind {
                    true => runtime.behind(text, pieces, lines),
                    false => runtime.joined(text, pieces, lines, source),
                }
            }
            (None, Part::Function) => runtime
                .calling(text, first, last, source)
                .or_else(|needs| refuse_call(&needs))?,
            (None, _) => runtime.selection(text, first, last, source),
        };
        if program.flags.iter().any(|flag| flag.len() > LONGEST_FLAG) {
            return refuse(
                format!(
                    "more is typed behind prompts in `{}` than can run at once",
                    self.name
                ),
                "run less of it: some of its lines, or one block instead of all up to it",
            );
        }
        Ok(SourceFile {
            content: program.text.into_bytes(),
            map: program.map,
            flags: program.flags,
            path,
        })
    }

    /// The text, with lines as editors count them.
    fn check_lines(&self, lines: LineRange) -> Result<Cow<'a, str>, Refusal> {
        let text = std::str::from_utf8(self.text).or_else(|error| {
            let before = &self.text[..error.valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let column = before.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
            refuse(
                format!("`{}` is not UTF-8 (line {line}, byte {column}), so no part of it can be cut out", self.name),
                "run the whole file, which needs no reading, or save it as UTF-8",
            )
        })?;
        let LineRange { first, last } = lines;
        if first == 0 || last < first {
            return refuse(
                format!("lines {first} to {last} are no range"),
                "lines count from 1: `--lines 3-7`",
            );
        }
        let text = with_line_feeds(text);
        // Editors show an empty line behind the last line's end.
        let count = text.split('\n').count();
        if usize::try_from(last).unwrap_or(usize::MAX) > count {
            return refuse(
                format!(
                    "`{}` has {count} lines, and line {last} was selected",
                    self.name
                ),
                "the file may have changed since; select again",
            );
        }
        let taken = usize::try_from(last - first)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let skipped = usize::try_from(first - 1).unwrap_or(usize::MAX);
        if text
            .split('\n')
            .skip(skipped)
            .take(taken)
            .all(|line| line.trim().is_empty())
        {
            return refuse(
                "there is nothing in the selection to run",
                "select lines with code in them",
            );
        }
        Ok(text)
    }

    /// The document's own path, so that errors name it and its neighbours are found; a path of the cell's own for one
    /// that was never saved, or that lies where the cell puts its own things.
    fn cell_path(&self, host: &dyn Host, means: &Means<'_>) -> PathBuf {
        let own = self.place(host).filter(|path| !project::is_system(path));
        let is_block = means.pieces.as_ref().is_some_and(|it| it.is_in_text);
        let is_other = |path: &Path| Catalogue::is_text(path) && !means.runtime.has_extension(path);
        let extension = means
            .runtime
            .extensions()
            .first()
            .map_or("txt", String::as_str);
        // Tools look at the end of a name, and some make a word of the rest; a text around a block has another end.
        let own = own.map(|path| match path.file_name() {
            Some(name) if is_block || is_other(&path) => {
                let name = name.to_string_lossy().replace('.', "_");
                path.with_file_name(format!("{name}.{extension}"))
            }
            _ => path,
        });
        own.unwrap_or_else(|| {
            let home = Path::new(CELL_HOME);
            match self.path.and_then(Path::file_name) {
                Some(name) => home.join(name),
                None => home.join(format!("untitled.{extension}")),
            }
        })
    }
}

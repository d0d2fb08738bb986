//! A document as a program: where it lies in the cell, and what is put there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use belljar_runtime::{Catalogue, Host, LineMap, NeedsArguments, Runtime};

use crate::policy_files::quoted_list;
use crate::{CELL_HOME, LineRange, Part, Refusal, paths, project};

/// Nobody runs a larger document.
pub(crate) const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

/// What the user wants to run.
pub(crate) struct Document<'a> {
    pub path: Option<&'a Path>,
    pub name: &'a str,
    pub language: Option<&'a str>,
    pub text: &'a Arc<[u8]>,
    pub lines: Option<LineRange>,
    pub part: Part,
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

/// A text in which only a block is left, without the blanks at the front of its lines that belong to the text around it.
fn margin_off(text: &str, block: LineRange, margin: u32) -> String {
    let mut left = String::with_capacity(text.len());
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        if (block.first..=block.last).contains(&number) {
            left.push_str(&line[blanks.min(margin as usize)..]);
        } else {
            left.push('\n');
        }
    }
    left
}

fn refuse_call<T>(needs: &NeedsArguments) -> Result<T, Refusal> {
    let NeedsArguments { name, parameters } = needs;
    refuse(
        format!("`{name}` needs arguments: {}", quoted_list(parameters)),
        "select lines that call it with some, or give its parameters default values",
    )
}

impl Document<'_> {
    /// Where the document is on the host, with no link but perhaps itself.
    pub(crate) fn place(&self, host: &dyn Host) -> Option<PathBuf> {
        self.path.map(|path| paths::absolute(host, path))
    }

    pub(crate) fn runtime<'c>(&self, catalogue: &'c Catalogue) -> Result<&'c Runtime, Refusal> {
        let first = self
            .text
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let first = String::from_utf8_lossy(&first[..first.len().min(512)]);
        // A name says the language too, for a document that was never saved.
        let path = self.path.unwrap_or(Path::new(self.name));
        let ids = || quoted_list(&catalogue.iter().map(Runtime::id).collect::<Vec<_>>());
        match (
            catalogue.detect(self.language, Some(path), &first),
            self.language,
        ) {
            (Some(runtime), _) => Ok(runtime),
            (None, Some(language)) => refuse(
                format!("there is no runtime for the language `{language}`"),
                format!(
                    "Belljar runs {}; a file in ~/.config/belljar/runtimes adds a language",
                    ids()
                ),
            ),
            (None, None) => refuse(
                format!("`{}` does not say which language it is in", self.name),
                format!("name it with `--language ID`, where ID is one of {}", ids()),
            ),
        }
    }

    /// What is put into the cell, and where.
    pub(crate) fn source(&self, host: &dyn Host, runtime: &Runtime) -> Result<SourceFile, Refusal> {
        if self.text.len() > MAX_DOCUMENT {
            return refuse(
                format!("`{}` is larger than 16 MiB", self.name),
                "run a smaller file, or a program that reads this one: `belljar exec`",
            );
        }
        let path = self.cell_path(host, runtime);
        let source = paths::text(&path)?;
        let Some(lines) = self.lines else {
            let flags = runtime.flags(&String::from_utf8_lossy(self.text));
            return Ok(SourceFile {
                content: self.text.to_vec(),
                map: LineMap::default(),
                flags,
                path,
            });
        };
        let text = self.check_lines(lines)?;
        let LineRange { first, last } = lines;
        let program = match self.part {
            Part::Lines => runtime.selection(text, first, last, source),
            Part::Function => runtime
                .calling(text, first, last, source)
                .or_else(|needs| refuse_call(&needs))?,
            Part::Block { block, margin } => {
                let text = margin_off(text, block, margin);
                runtime
                    .selection(&text, first, last, source)
                    .moved_right(margin)
            }
        };
        Ok(SourceFile {
            content: program.text.into_bytes(),
            map: program.map,
            flags: program.flags,
            path,
        })
    }

    fn check_lines(&self, lines: LineRange) -> Result<&str, Refusal> {
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
    fn cell_path(&self, host: &dyn Host, runtime: &Runtime) -> PathBuf {
        let own = self.place(host).filter(|path| !project::is_system(path));
        let extension = runtime.extensions().first().map_or("txt", String::as_str);
        // Tools look at the end of a name, and some make a word of the rest; a text around a block has another end.
        let own = own.map(|path| match (self.part, path.file_name()) {
            (Part::Block { .. }, Some(name)) => {
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

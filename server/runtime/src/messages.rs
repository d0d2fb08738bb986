//! Reads the error messages that a program or its compiler wrote, and finds the lines of the document that they name.
//! The text is the program's and may be hostile: the work is bounded, and what is found is only ever shown.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use regex_lite::{Captures, Regex};

use crate::definition::{Columns, ErrorRule, Take};
use crate::{LineMap, Runtime, expand};

/// No more messages than this are found.
const MAX_FOUND: usize = 100;
/// Of a long text this much is read at its beginning, and again at its end.
const MAX_PART: usize = 64 * 1024;
/// Longer lines are no error messages.
const MAX_LINE: usize = 2000;
/// No message goes on for longer than this many lines.
const MAX_BLOCK: usize = 400;
/// So many lines are read as the rest of some message, all messages together: a text of nothing but beginnings would
/// otherwise be read hundreds of times.
const MAX_FOLLOWED: usize = 5000;
/// Longer messages are cut.
const MAX_MESSAGE: usize = 1000;

/// A message that names a line of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says.
    pub message: String,
    /// Line in the document, from 1.
    pub line: u32,
    /// Column in the document, in characters, from 1.
    pub column: Option<u32>,
}

/// Knows how one run's error messages name lines of its document. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Messages(Option<Arc<Reader>>);

#[derive(Debug)]
struct Reader {
    runtime: Runtime,
    document: PathBuf,
    work_dir: PathBuf,
    map: LineMap,
    text: Arc<[u8]>,
}

impl Messages {
    /// For a run without a document: nothing is ever found.
    pub fn none() -> Messages {
        Messages(None)
    }

    /// For a run of `document` (its path and text), started in `work_dir`.
    pub fn new(
        runtime: &Runtime,
        document: &Path,
        work_dir: &Path,
        map: LineMap,
        text: Arc<[u8]>,
    ) -> Messages {
        let reader = Reader {
            runtime: runtime.clone(),
            document: document.to_path_buf(),
            work_dir: work_dir.to_path_buf(),
            map,
            text,
        };
        Messages(Some(Arc::new(reader)))
    }

    /// The document's line and column of a place in the program that was read from its stack, all from 1. Stacks count
    /// bytes, but for those that a runtime tells itself.
    pub fn place(&self, line: u32, column: Option<u32>) -> (u32, Option<u32>) {
        let Some(reader) = &self.0 else {
            return (line, column);
        };
        let unit = match reader.runtime.definition.columns {
            Columns::Utf16 => Columns::Utf16,
            Columns::Bytes | Columns::Characters => Columns::Bytes,
        };
        let (line, column) = reader.map.document(line, column);
        let column = column.map(|column| reader.characters(line, column, unit));
        (line, column)
    }

    /// The messages in `stderr` that name a line of the document, in order, each once.
    pub fn read(&self, stderr: &str) -> Vec<Found> {
        match &self.0 {
            Some(reader) => reader.read(stderr),
            None => Vec::new(),
        }
    }
}

/// A rule, ready to be used.
struct Rule<'a> {
    rule: &'a ErrorRule,
    starts: Regex,
    frame: Option<Regex>,
    message: Option<Regex>,
    ends: Option<Regex>,
    ignore: Option<Regex>,
}

impl<'a> Rule<'a> {
    fn new(rule: &'a ErrorRule) -> Option<Rule<'a>> {
        let optional = |pattern: &Option<String>| {
            pattern
                .as_ref()
                .and_then(|pattern| Regex::new(pattern).ok())
        };
        Some(Rule {
            rule,
            starts: Regex::new(&rule.starts).ok()?,
            frame: optional(&rule.frame),
            message: optional(&rule.message),
            ends: optional(&rule.ends),
            ignore: optional(&rule.ignore),
        })
    }

    fn goes_on(&self) -> bool {
        self.frame.is_some() || self.message.is_some()
    }
}

/// A place in the document that a message names.
#[derive(Clone, Copy)]
struct Place {
    line: u32,
    column: Option<u32>,
}

impl Reader {
    fn read(&self, stderr: &str) -> Vec<Found> {
        let rules: Vec<Rule<'_>> = self
            .runtime
            .definition
            .error
            .iter()
            .filter_map(Rule::new)
            .collect();
        let mut found = Vec::new();
        let mut budget = MAX_FOLLOWED;
        for part in parts(stderr) {
            let lines: Vec<&str> = part.lines().collect();
            let mut number = 0;
            while number < lines.len() && found.len() < MAX_FOUND {
                let (message, next) = self.message(&rules, &lines, number, &mut budget);
                if let Some(message) = message
                    && !found.contains(&message)
                {
                    found.push(message);
                }
                number = next;
            }
        }
        found
    }

    /// The message that begins at a line, if one does and names the document; and where to go on.
    fn message(
        &self,
        rules: &[Rule<'_>],
        lines: &[&str],
        number: usize,
        budget: &mut usize,
    ) -> (Option<Found>, usize) {
        let line = lines[number];
        let nothing = (None, number + 1);
        if line.len() > MAX_LINE {
            return nothing;
        }
        for rule in rules {
            let Some(groups) = rule.starts.captures(line) else {
                continue;
            };
            if rule
                .ignore
                .as_ref()
                .is_some_and(|ignore| ignore.is_match(line))
            {
                return nothing;
            }
            if let Some(says) = &rule.rule.says {
                return (Some(self.said(says, &groups)), number + 1);
            }
            let mut message = groups
                .name("message")
                .map(|group| group.as_str().to_owned());
            let mut places = Vec::new();
            places.extend(self.place(rule, &groups, lines, number));
            let mut next = number + 1;
            if rule.goes_on() {
                let until = lines.len().min(next + MAX_BLOCK.min(*budget));
                next = self.follow(rule, &lines[..until], next, &mut message, &mut places);
                *budget = budget.saturating_sub(next - number - 1);
            }
            let chosen = match rule.rule.take {
                Take::First => places.first(),
                Take::Last => places.last(),
            };
            let Some(chosen) = chosen else {
                // What looked like a message may hold one of another form.
                if rule.goes_on() && next > number + 1 {
                    return nothing;
                } else {
                    continue;
                }
            };
            let better = places
                .iter()
                .find(|place| place.line == chosen.line && place.column.is_some());
            return (
                Some(self.found(message.unwrap_or_default(), better.unwrap_or(chosen))),
                next,
            );
        }
        nothing
    }

    /// A message that names no line.
    fn said(&self, says: &str, groups: &Captures<'_>) -> Found {
        let value = |name: &str| groups.name(name).map(|group| group.as_str().to_owned());
        let message = expand::fill(says, value);
        let (first, last) = self.map.selected.unwrap_or((1, u32::MAX));
        let text = String::from_utf8_lossy(&self.text);
        let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
        // Names of packages have a sign in them that names in programs cannot have.
        let name = value("name").map(|name| name.replace('-', "_"));
        let names = |line: &str| {
            name.as_ref()
                .is_some_and(|name| line.contains(name.as_str()))
        };
        let mut lines = text.lines().enumerate();
        let line =
            lines.find(|(index, line)| (first..=last).contains(&number(*index)) && names(line));
        let line = line.map_or(first, |(index, _)| number(index));
        self.found(message, &Place { line, column: None })
    }

    /// Reads the lines behind a message's first; returns where to go on.
    fn follow(
        &self,
        rule: &Rule<'_>,
        lines: &[&str],
        start: usize,
        message: &mut Option<String>,
        places: &mut Vec<Place>,
    ) -> usize {
        for number in start..lines.len() {
            let line = lines[number];
            if line.len() > MAX_LINE {
                continue;
            }
            if let Some(groups) = rule.frame.as_ref().and_then(|frame| frame.captures(line)) {
                places.extend(self.place(rule, &groups, lines, number));
                continue;
            }
            if message.is_none()
                && let Some(groups) = rule
                    .message
                    .as_ref()
                    .and_then(|pattern| pattern.captures(line))
            {
                let text = groups
                    .name("message")
                    .or_else(|| groups.get(0))
                    .map_or("", |group| group.as_str());
                *message = Some(text.to_owned());
                // Behind a list of places the message is the end; before one, the places are still to come.
                if rule.rule.take == Take::Last || rule.frame.is_none() {
                    return number + 1;
                }
                continue;
            }
            if rule.ends.as_ref().is_some_and(|ends| ends.is_match(line)) {
                return number;
            }
        }
        lines.len()
    }

    /// The place that a line names, if it is in the document.
    fn place(
        &self,
        rule: &Rule<'_>,
        groups: &Captures<'_>,
        lines: &[&str],
        number: usize,
    ) -> Option<Place> {
        let file = groups.name("file");
        let line: u32 = groups.name("line")?.as_str().parse().ok()?;
        // Who does not know the line says so, too.
        if line == 0 {
            return None;
        }
        if file.is_some_and(|file| !self.is_document(file.as_str())) {
            return None;
        }
        let column = groups
            .name("column")
            .and_then(|group| group.as_str().parse::<u32>().ok());
        let column = column.map(|column| column.saturating_add(u32::from(rule.rule.from_zero)));
        let (line, column) = self.map.document(line, column);
        let column = match column {
            Some(column) => Some(self.characters(line, column, self.runtime.definition.columns)),
            None if rule.rule.caret => {
                self.caret(line, lines.get(number + 1)?, lines.get(number + 2)?)
            }
            None => None,
        };
        Some(Place { line, column })
    }

    fn is_document(&self, named: &str) -> bool {
        let named = named.strip_prefix("file://").unwrap_or(named);
        if let Some(end) = named.strip_prefix("...") {
            // Some tools cut long paths at the front.
            let document = self.document.to_string_lossy();
            return end.len() > 8 && document.ends_with(end);
        }
        if !named.contains('/') && !self.document.starts_with(&self.work_dir) {
            // Some tools name a file without its directory. Where they run there is none of that name.
            return self.document.file_name() == Some(OsStr::new(named));
        }
        let mut path = PathBuf::new();
        for part in self.work_dir.join(named).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    path.pop();
                }
                part => path.push(part),
            }
        }
        path == self.document
    }

    fn line(&self, line: u32) -> Option<String> {
        let number = usize::try_from(line).ok()?.checked_sub(1)?;
        let text = self.text.split(|byte| *byte == b'\n').nth(number)?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// A column that counts `columns` as characters, from 1.
    fn characters(&self, line: u32, column: u32, columns: Columns) -> u32 {
        let (Some(text), true) = (self.line(line), columns != Columns::Characters) else {
            return column;
        };
        let before = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut width = 0;
        let mut characters = 0;
        for one in text.chars() {
            if width >= before {
                break;
            }
            width += if columns == Columns::Bytes {
                one.len_utf8()
            } else {
                one.len_utf16()
            };
            characters += 1;
        }
        characters + 1
    }

    /// The column that a `^` shows below a copy of the document's line, from which blanks at the front may be missing.
    fn caret(&self, line: u32, copy: &str, marks: &str) -> Option<u32> {
        let at = |text: &str, is: fn(char) -> bool| text.chars().position(is);
        let mark = at(marks, |one| one != ' ' && one != '\t')?;
        if !marks.trim().chars().all(|one| "^~".contains(one)) {
            return None;
        }
        let text = self.line(line)?;
        let copied = at(copy, |one| !one.is_whitespace())?;
        let own = at(&text, |one| !one.is_whitespace())?;
        if text.trim() != copy.trim() {
            return None;
        }
        u32::try_from(mark.checked_sub(copied)? + own + 1).ok()
    }

    fn found(&self, message: String, place: &Place) -> Found {
        let message = message.trim();
        let end = message
            .char_indices()
            .nth(MAX_MESSAGE)
            .map_or(message.len(), |(at, _)| at);
        Found {
            message: message[..end].to_owned(),
            line: place.line,
            column: place.column,
        }
    }
}

/// The parts of a long text that are read: its beginning, and its end.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let (head, tail) = if text.len() <= 2 * MAX_PART {
        (text, "")
    } else {
        (
            &text[..text.floor_char_boundary(MAX_PART)],
            &text[text.ceil_char_boundary(text.len() - MAX_PART)..],
        )
    };
    [head, tail].into_iter().filter(|part| !part.is_empty())
}

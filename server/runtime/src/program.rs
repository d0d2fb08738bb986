//! Makes a program of a document, or of some of its lines. Lines keep their numbers, so that every error names the
//! document's line by itself: what is not selected becomes empty, and what a language needs besides is put where nothing is.

use std::collections::BTreeSet;

use regex_lite::Regex;

use crate::chunks;
use crate::definition::{Embedded, Selection, Wrap};
use crate::line_map::Shift;
use crate::outline::Call;
use crate::{LineMap, NeedsArguments, Runtime, expand, keep};

/// A program's text, and the way back to its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The text, as the tools get it.
    pub text: String,
    /// From its lines to the document's.
    pub map: LineMap,
    /// Arguments that the tools get because this is a selection, or because of the program's text.
    pub flags: Vec<String>,
}

impl Runtime {
    /// The program of the lines `first` to `last`, from 1, of `document`. `source` is its path, as the tools see it.
    /// Lines past the document's end count as not selected.
    pub fn selection(&self, document: &str, first: u32, last: u32, source: &str) -> Program {
        let lines: Vec<&str> = document.split_inclusive('\n').collect();
        let first = usize::try_from(first)
            .unwrap_or(usize::MAX)
            .clamp(1, lines.len().max(1))
            - 1;
        let last = usize::try_from(last)
            .unwrap_or(usize::MAX)
            .clamp(first + 1, lines.len().max(1))
            - 1;
        if lines.is_empty() {
            return Program {
                text: String::new(),
                map: LineMap::default(),
                flags: Vec::new(),
            };
        }
        let rules = &self.definition.selection;
        if !rules.pad {
            let numbered = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
            let text = lines[first..=last].concat();
            let map = LineMap {
                selected: Some((numbered(first + 1), numbered(last + 1))),
                skipped: numbered(first),
                ..LineMap::default()
            };
            let flags = rules.flags.iter().cloned().chain(self.flags(&text));
            return Program {
                flags: flags.collect(),
                text,
                map,
            };
        }
        let mut draft = Draft::new(&lines, first, last);
        draft.fill(rules, source);
        self.with_flags(draft.finish())
    }

    /// The program that calls the function on the lines `first` to `last`, from 1, of `document`, with what it uses of the
    /// rest. Without a function there it is that of the lines.
    ///
    /// # Errors
    /// It cannot be called without arguments.
    pub fn calling(
        &self,
        document: &str,
        first: u32,
        last: u32,
        source: &str,
    ) -> Result<Program, NeedsArguments> {
        let lines: Vec<&str> = document.split_inclusive('\n').collect();
        let index = |line: u32| {
            usize::try_from(line)
                .unwrap_or(usize::MAX)
                .saturating_sub(1)
        };
        let rules = &self.definition.selection;
        if !rules.pad || index(last) >= lines.len() || last < first {
            return Ok(self.selection(document, first, last, source));
        }
        let selected = index(first)..=index(last);
        let Some(call) = self.call(&lines, selected.clone()) else {
            return Ok(self.selection(document, first, last, source));
        };
        let mut draft = Draft::new(&lines, *selected.start(), *selected.end());
        draft.call = Some(call?);
        draft.fill(rules, source);
        Ok(self.with_flags(draft.finish()))
    }

    fn with_flags(&self, program: Program) -> Program {
        let mut flags = self.definition.selection.flags.clone();
        flags.extend(self.flags(&program.text));
        Program { flags, ..program }
    }

    /// The arguments that a program's text asks for.
    pub fn flags(&self, text: &str) -> Vec<String> {
        let asks = |when: &str| Regex::new(when).is_ok_and(|when| when.is_match(text));
        let asked = self
            .definition
            .flags
            .iter()
            .filter(|flags| asks(&flags.when));
        asked.flat_map(|flags| flags.add.iter().cloned()).collect()
    }
}

/// One line of the program.
#[derive(Clone, Debug, Default)]
struct Line {
    /// What the user wrote, with its end.
    text: String,
    /// What we put before it.
    before: String,
}

/// A program in the making.
struct Draft<'a> {
    document: &'a [&'a str],
    first: usize,
    last: usize,
    lines: Vec<Line>,
    kept: BTreeSet<usize>,
    /// Whole lines before the program; then a line directive puts the numbers right.
    ahead: Vec<String>,
    /// Whole lines behind the program.
    behind: Vec<String>,
    removed: u32,
    directive: Option<String>,
    /// The lines are a function, and this calls it.
    call: Option<Call>,
}

impl<'a> Draft<'a> {
    fn new(document: &'a [&'a str], first: usize, last: usize) -> Draft<'a> {
        let mut lines = vec![Line::default(); document.len()];
        for (line, text) in lines[first..=last].iter_mut().zip(&document[first..=last]) {
            line.text = (*text).to_owned();
        }
        // `#!` is a comment only at the top of a file.
        if first > 0 && is_shebang(&lines[first].text) {
            lines[first].text = "\n".to_owned();
        }
        Draft {
            document,
            first,
            last,
            lines,
            kept: BTreeSet::new(),
            ahead: Vec::new(),
            behind: Vec::new(),
            removed: 0,
            directive: None,
            call: None,
        }
    }

    /// The order matters: what is kept decides what is missing, and what is wrapped must not be indented again.
    fn fill(&mut self, rules: &Selection, source: &str) {
        let complete = rules
            .complete
            .as_ref()
            .is_some_and(|pattern| self.fits(pattern, false));
        if !complete {
            let call = self.call.as_ref();
            let needed = call.map(|call| call.needed.clone()).unwrap_or_default();
            let selected = self.first..=self.last;
            self.kept = keep::kept(&rules.keep, self.document, &selected, &needed);
            self.kept.extend(needed);
            for number in call.iter().flat_map(|call| &call.dropped) {
                self.lines[*number].text = "\n".to_owned();
            }
            for number in &self.kept {
                self.lines[*number].text = self.document[*number].to_owned();
            }
            for imply in &rules.imply {
                if self.fits(&imply.uses, false) && !self.fits(&imply.unless, true) {
                    self.ahead.push(imply.line.clone());
                }
            }
        }
        let separator = rules
            .header
            .as_ref()
            .map_or(" ", |header| header.separator.as_str());
        if let Some(header) = &rules.header {
            match self.line_that_fits(&header.unless) {
                None => self.ahead.insert(0, header.line.clone()),
                // What is added must come behind the header, which may be on any line.
                Some(number) => {
                    let line = &mut self.lines[number];
                    for ahead in self.ahead.drain(..) {
                        line.text = format!("{}{separator}{ahead}\n", line.text.trim_end());
                    }
                }
            }
        }
        match &rules.line_directive {
            Some(directive) => {
                let source = source.replace('\\', r"\\").replace('"', "\\\"");
                self.directive = Some(directive.replace("{source}", &source));
            }
            None => self.place_ahead(separator),
        }
        if let Some(embedded) = &rules.embedded {
            self.enter(embedded);
        }
        let wrap = rules
            .wrap
            .iter()
            .find(|wrap| wrap.when.as_ref().is_none_or(|when| self.fits(when, false)));
        let call = self.call.as_ref();
        let calling = call
            .map(|call| call.text.clone())
            .filter(|text| !text.is_empty());
        let is_within = call.is_some_and(|call| call.is_within);
        match (wrap, calling) {
            (Some(wrap), calling) if !self.fits(&wrap.unless, false) => {
                self.wrap(wrap, &calling.unwrap_or_default());
            }
            (None, Some(calling)) => self.behind.push(calling),
            _ => {}
        }
        if let Some(opening) = rules.indented.as_ref().filter(|_| !is_within) {
            self.indent(opening);
        }
    }

    /// Whether a line of the selection, or also a kept one, fits.
    fn fits(&self, pattern: &str, also_kept: bool) -> bool {
        let Ok(pattern) = Regex::new(pattern) else {
            return false;
        };
        let lines = self.lines.iter().enumerate();
        let mut lines =
            lines.filter(|(number, _)| also_kept || (self.first..=self.last).contains(number));
        lines.any(|(_, line)| pattern.is_match(line.text.trim_end()))
    }

    fn line_that_fits(&self, pattern: &str) -> Option<usize> {
        let pattern = Regex::new(pattern).ok()?;
        self.lines
            .iter()
            .position(|line| pattern.is_match(line.text.trim_end()))
    }

    /// Puts lines of ours onto the first line, in front of whatever is there.
    fn place_ahead(&mut self, separator: &str) {
        for ahead in std::mem::take(&mut self.ahead).iter().rev() {
            let line = &mut self.lines[0];
            let alone = line.text.trim().is_empty() && line.before.is_empty();
            let separator = if alone { "" } else { separator };
            line.before = format!("{ahead}{separator}{}", line.before);
        }
    }

    /// For a language inside other text: the selection must begin in the language where the document is in it there.
    fn enter(&mut self, embedded: &Embedded) {
        let Ok(open) = Regex::new(&embedded.open) else {
            return;
        };
        let Ok(close) = Regex::new(&embedded.close) else {
            return;
        };
        let before: String = self.document[..self.first].concat();
        let selection: String = self.document[self.first..=self.last].concat();
        let last_of = |pattern: &Regex| pattern.find_iter(&before).last().map(|found| found.end());
        let inside = match (last_of(&open), last_of(&close)) {
            (Some(opened), Some(closed)) => opened > closed,
            (Some(_), None) => true,
            // A document without any mark is all in the language: a block of one.
            (None, _) => !open.is_match(&selection),
        };
        let opens_itself = open
            .find(selection.trim_start())
            .is_some_and(|found| found.start() == 0);
        let begins_inside = inside && !opens_itself;
        if self.first == 0 {
            if begins_inside {
                self.lines[0].before = format!("{} ", embedded.enter);
            }
            return;
        }
        // Empty lines outside the language would be printed, so the lines before the selection are in it.
        self.lines[0].before = format!("{} ", embedded.enter);
        if !begins_inside {
            self.lines[self.first - 1].before.push_str(&embedded.leave);
        }
    }

    fn wrap(&mut self, wrap: &Wrap, calling: &str) {
        let lines: Vec<&str> = self.lines[self.first..=self.last]
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        // A function is no statement, however it is written.
        let statements = chunks::statements(&lines, wrap).filter(|_| self.call.is_none());
        let Some(statements) = statements else {
            // Nothing is to be executed, but it is to be compiled.
            self.behind
                .push(format!("{}{calling}{}", wrap.open, wrap.close));
            return;
        };
        self.lines[self.first + statements.first]
            .before
            .push_str(&wrap.open);
        match self.first + statements.last + 1 {
            next if next <= self.last => self.lines[next].before.push_str(&wrap.close),
            // On a line of its own, because the last line may end in a comment.
            _ => self.behind.push(wrap.close.clone()),
        }
    }

    /// Makes a block legal that is indented as a whole.
    fn indent(&mut self, opening: &str) {
        let is_blank = |line: &Line| line.text.trim().is_empty();
        let Some(begin) = (self.first..=self.last).find(|number| !is_blank(&self.lines[*number]))
        else {
            return;
        };
        if !self.lines[begin].text.starts_with([' ', '\t']) {
            return;
        }
        if begin > 0 && is_blank(&self.lines[begin - 1]) && self.lines[begin - 1].before.is_empty()
        {
            self.lines[begin - 1].before = opening.to_owned();
            return;
        }
        // There is no line before it: take the common blanks away.
        let blanks =
            |line: &Line| line.text.len() - line.text.trim_start_matches([' ', '\t']).len();
        let lines = &mut self.lines[self.first..=self.last];
        let common = lines
            .iter()
            .filter(|line| !is_blank(line))
            .map(blanks)
            .min()
            .unwrap_or(0);
        for line in lines {
            let width = common.min(blanks(line));
            line.text.drain(..width);
        }
        self.removed = u32::try_from(common).unwrap_or(0);
    }

    fn finish(self) -> Program {
        let end = self.kept.last().copied().unwrap_or(0).max(self.last);
        let mut text = String::new();
        for line in &self.ahead {
            text.push_str(line);
            text.push('\n');
        }
        let mut shifts = Vec::new();
        let numbered = |line: usize| u32::try_from(line + 1).unwrap_or(u32::MAX);
        if !self.ahead.is_empty()
            && let Some(directive) = &self.directive
        {
            let line = expand::fill(directive, |name| (name == "line").then(|| "1".to_owned()));
            text.push_str(&line);
            text.push('\n');
        }
        for (number, line) in self.lines[..=end].iter().enumerate() {
            text.push_str(&line.before);
            text.push_str(&line.text);
            if !line.text.ends_with('\n') {
                text.push('\n');
            }
            if !line.before.is_empty() {
                let by = u32::try_from(line.before.chars().count()).unwrap_or(0);
                shifts.push(Shift {
                    line: numbered(number),
                    by,
                });
            }
            // A call comes behind everything that it may need.
            let is_last = match self.call {
                Some(_) => number == end,
                None => number == self.last,
            };
            if is_last {
                for line in &self.behind {
                    text.push_str(line);
                    text.push('\n');
                }
                if end > number
                    && !self.behind.is_empty()
                    && let Some(directive) = &self.directive
                {
                    let next = (number + 2).to_string();
                    text.push_str(&expand::fill(directive, |name| {
                        (name == "line").then(|| next.clone())
                    }));
                    text.push('\n');
                }
            }
        }
        let map = LineMap {
            selected: Some((numbered(self.first), numbered(self.last))),
            kept: self.kept.into_iter().map(numbered).collect(),
            shifts,
            removed: self.removed,
            cuts: Vec::new(),
            skipped: 0,
        };
        Program {
            text,
            map,
            flags: Vec::new(),
        }
    }
}

/// Whether a line names the program that is to run the file.
fn is_shebang(line: &str) -> bool {
    line.strip_prefix("#!")
        .is_some_and(|rest| rest.trim_start().starts_with('/'))
}

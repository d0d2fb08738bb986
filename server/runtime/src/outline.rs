//! Functions of a document: where the one around a line begins and ends, what it needs of the rest, and how it is called.
//! Patterns of the runtime file and the depth of lines say it; nothing here knows a language.

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;

use regex_lite::{Captures, Regex};

use crate::definition::{Form, Outline};
use crate::{Runtime, expand};

/// So far a function is looked for, up and down.
const MOST_LINES: usize = 2000;
/// A list of parameters never goes on longer than this.
const MOST_PARAMETERS: usize = 60;

/// A function and what belongs to it. Lines count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its first line, with what stands above it and belongs to it.
    pub first: usize,
    /// Its last line.
    pub last: usize,
    /// Its name.
    pub name: String,
}

impl Function {
    /// What lies further away than so many lines does not matter for the function around a line.
    pub const REACH: usize = MOST_LINES + 500;
}

/// A function that cannot be called by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedsArguments {
    /// Its name.
    pub name: String,
    /// The parameters that somebody has to fill.
    pub parameters: Vec<String>,
}

/// What it takes to call a function.
pub(crate) struct Call {
    /// The line that calls it; empty if it is no definition but does something by itself.
    pub text: String,
    /// Lines outside the function that it needs.
    pub needed: BTreeSet<usize>,
    /// Lines of the function that would keep it from being called.
    pub dropped: BTreeSet<usize>,
    /// It lies in something that it is called through, and which is there too.
    pub is_within: bool,
}

impl Runtime {
    /// The innermost function around the line `at` of `text`.
    pub fn function(&self, text: &str, at: usize) -> Option<Function> {
        self.function_among(&text.lines().collect::<Vec<&str>>(), at)
    }

    /// The same, for who knows where the lines are: to find them takes longer than the rest.
    pub fn function_among(&self, lines: &[&str], at: usize) -> Option<Function> {
        self.definition.outliner()?.around(lines, at)
    }

    /// What it takes to call the function on the lines `selected`; `None` if there is none.
    pub(crate) fn call(
        &self,
        lines: &[&str],
        selected: RangeInclusive<usize>,
    ) -> Option<Result<Call, NeedsArguments>> {
        let outliner = self.definition.outliner()?;
        let start = selected
            .clone()
            .find(|line| outliner.begins(lines[*line]))?;
        Some(outliner.call(lines, &selected, start))
    }
}

/// A form of function or definition, ready to be used.
#[derive(Debug)]
struct Pattern {
    starts: Regex,
    whole: Option<Regex>,
    optional: Option<Regex>,
    within: Option<Regex>,
    call: String,
    /// What nothing closes is a mere announcement.
    must_close: bool,
}

/// What a runtime file says about functions, ready to be used.
#[derive(Debug)]
pub(crate) struct Outliner {
    functions: Vec<Pattern>,
    definitions: Vec<Pattern>,
    above: Option<Regex>,
    closes: Option<Regex>,
    goes_on: Option<Regex>,
    without: Option<Regex>,
    strings: Vec<String>,
}

impl Outliner {
    /// `None` if the language has no functions that could be found.
    pub fn new(outline: &Outline) -> Option<Outliner> {
        let ready = |pattern: Option<&String>| pattern.and_then(|pattern| Regex::new(pattern).ok());
        let patterns = |forms: &[Form], must_close: bool| -> Vec<Pattern> {
            let pattern = |form: &Form| {
                Some(Pattern {
                    starts: Regex::new(&form.starts).ok()?,
                    whole: ready(form.whole.as_ref().or(outline.whole.as_ref())),
                    optional: ready(form.optional.as_ref().or(outline.optional.as_ref())),
                    within: ready(form.within.as_ref()),
                    call: form.call.clone(),
                    must_close,
                })
            };
            forms.iter().filter_map(pattern).collect()
        };
        (!outline.function.is_empty()).then(|| Outliner {
            functions: patterns(&outline.function, true),
            definitions: patterns(&outline.definition, false),
            above: ready(outline.above.as_ref()),
            closes: ready(outline.closes.as_ref()),
            goes_on: ready(outline.goes_on.as_ref()),
            without: ready(outline.without.as_ref()),
            strings: outline.strings.clone(),
        })
    }

    fn begins(&self, line: &str) -> bool {
        self.functions
            .iter()
            .any(|pattern| pattern.starts.is_match(line))
    }

    fn around(&self, lines: &[&str], at: usize) -> Option<Function> {
        let at = at.min(lines.len().checked_sub(1)?);
        // From a decorator or a comment above a function one means the function.
        let mut from = at;
        while from + 1 < lines.len() && self.is_above(lines[from]) {
            from += 1;
        }
        let window = from.saturating_sub(MOST_LINES);
        let in_string = self.in_strings(&lines[window..=from]);
        // It begins further to the left than everything between, which would have ended it otherwise: see `last`.
        let mut limit = usize::MAX;
        for start in (window..=from).rev() {
            let line = lines[start];
            if line.trim().is_empty() || in_string[start - window] {
                continue;
            }
            let depth = depth(line);
            if depth < limit {
                let patterns = self.functions.iter();
                let mut found = patterns.filter_map(|pattern| {
                    let groups = pattern.starts.captures(line)?;
                    let last = self.last(lines, start, pattern)?;
                    let first = self.first(lines, start);
                    (first..=last).contains(&at).then(|| Function {
                        first,
                        last,
                        name: name_of(&groups),
                    })
                });
                if let Some(found) = found.next() {
                    return Some(found);
                }
            }
            if !self.goes_on(line) {
                limit = limit.min(depth);
            }
            if limit == 0 {
                break;
            }
        }
        None
    }

    /// Which of `lines` begin inside a string.
    fn in_strings(&self, lines: &[&str]) -> Vec<bool> {
        let mut string = MultiLine::new(&self.strings);
        let begins = |line: &&str| {
            let is_inside = string.is_open();
            string.read(line);
            is_inside
        };
        lines.iter().map(begins).collect()
    }

    /// Whether a line that begins where a function does may belong to it.
    fn goes_on(&self, line: &str) -> bool {
        line.trim_start().starts_with(['{', ')', ']', '}'])
            || self
                .goes_on
                .as_ref()
                .is_some_and(|goes_on| goes_on.is_match(line))
    }

    fn is_above(&self, line: &str) -> bool {
        self.above
            .as_ref()
            .is_some_and(|above| above.is_match(line))
    }

    /// The first of the lines that stand above `start` and belong to it.
    fn first(&self, lines: &[&str], start: usize) -> usize {
        let own = depth(lines[start]);
        let mut first = start;
        for number in (0..start).rev() {
            let line = lines[number];
            if line.trim().is_empty() {
                break;
            }
            let closes_itself = line.trim_start().starts_with([')', ']', '}']);
            if depth(line) == own && self.is_above(line) {
                first = number;
            } else if depth(line) <= own && !closes_itself {
                break;
            }
        }
        first
    }

    /// The last line of what begins at `start`; `None` if nothing ends it that must have an end.
    fn last(&self, lines: &[&str], start: usize, pattern: &Pattern) -> Option<usize> {
        let fits =
            |pattern: Option<&Regex>, line: &str| pattern.is_some_and(|it| it.is_match(line));
        if fits(pattern.whole.as_ref(), lines[start].trim_end()) {
            return Some(start);
        }
        let own = depth(lines[start]);
        let mut string = MultiLine::new(&self.strings);
        string.read(lines[start]);
        let mut last = start;
        for (number, line) in lines.iter().enumerate().skip(start + 1).take(MOST_LINES) {
            let in_string = string.is_open();
            string.read(line);
            let line = line.trim_end();
            if line.is_empty() {
                continue;
            }
            if !in_string && depth(line) <= own {
                if depth(line) == own && fits(self.closes.as_ref(), line) {
                    return Some(number);
                }
                if depth(line) < own || !self.goes_on(line) {
                    break;
                }
            }
            last = number;
        }
        (self.closes.is_none() || !pattern.must_close).then_some(last)
    }

    fn call(
        &self,
        lines: &[&str],
        selected: &RangeInclusive<usize>,
        start: usize,
    ) -> Result<Call, NeedsArguments> {
        let mut needs = None;
        for pattern in &self.functions {
            let Some(groups) = pattern.starts.captures(lines[start]) else {
                continue;
            };
            let Some(around) = self.within(lines, start, pattern) else {
                continue;
            };
            let missing = groups.name("open").map_or(Vec::new(), |open| {
                let rest = std::iter::once(&lines[start][open.end()..]);
                let further = lines.iter().skip(start + 1).take(MOST_PARAMETERS);
                missing(parameters(rest.chain(further.copied())), pattern)
            });
            let name = name_of(&groups);
            if !missing.is_empty() {
                needs.get_or_insert(NeedsArguments {
                    name,
                    parameters: missing,
                });
                continue;
            }
            let (outer, outer_lines) = around.unzip();
            let text = expand::fill(&pattern.call, |word| match word {
                "name" => Some(name.clone()),
                "outer" => outer.clone(),
                _ => None,
            });
            let own: BTreeSet<usize> = selected.clone().collect();
            let mut needed: BTreeSet<usize> = outer_lines.into_iter().flatten().collect();
            let is_within = !needed.is_empty();
            needed.extend(&own);
            self.add_used(lines, &mut needed);
            let is_dropped = |line: &usize| {
                self.without
                    .as_ref()
                    .is_some_and(|out| out.is_match(lines[*line]))
            };
            return Ok(Call {
                text,
                dropped: own.iter().copied().filter(is_dropped).collect(),
                needed: needed.difference(&own).copied().collect(),
                is_within,
            });
        }
        Err(needs.unwrap_or(NeedsArguments {
            name: String::new(),
            parameters: Vec::new(),
        }))
    }

    /// What the function at `start` must lie in to have this form: its name and lines. `None` if it does not, `Some(None)`
    /// if it need not.
    #[expect(
        clippy::option_option,
        reason = "three answers, none of which is the other"
    )]
    fn within(
        &self,
        lines: &[&str],
        start: usize,
        pattern: &Pattern,
    ) -> Option<Option<(String, RangeInclusive<usize>)>> {
        let Some(within) = &pattern.within else {
            return Some(None);
        };
        let own = depth(lines[start]);
        let from = start.saturating_sub(MOST_LINES);
        let outer = (from..start)
            .rev()
            .find(|line| !lines[*line].trim().is_empty() && depth(lines[*line]) < own)?;
        let groups = within.captures(lines[outer])?;
        let last = self.last(lines, outer, pattern)?;
        let first = self.first(lines, outer);
        Some(Some((name_of(&groups), first..=last)))
    }

    /// Adds to `needed` whatever is defined at the top of the document and used in it, and what that uses.
    fn add_used(&self, lines: &[&str], needed: &mut BTreeSet<usize>) {
        let mut defined = self.defined(lines);
        let mut known: HashSet<&str> = HashSet::new();
        let mut new: Vec<usize> = needed.iter().copied().collect();
        while !new.is_empty() {
            for word in new.iter().flat_map(|line| words(lines[*line])) {
                known.insert(word);
                // In some languages the sign is a part of the name, in others it says that it is used.
                known.insert(word.trim_start_matches('$'));
            }
            new.clear();
            defined.retain(|(name, block)| {
                let used = name.is_empty() || known.contains(name.as_str());
                if used {
                    new.extend(block.clone().filter(|line| needed.insert(*line)));
                }
                !used
            });
        }
    }

    /// What is defined at the top of the document.
    fn defined(&self, lines: &[&str]) -> Vec<(String, RangeInclusive<usize>)> {
        let patterns: Vec<_> = self.functions.iter().chain(&self.definitions).collect();
        let mut defined = Vec::new();
        for (start, line) in lines.iter().enumerate() {
            if line.is_empty() || line.starts_with([' ', '\t']) {
                continue;
            }
            for pattern in &patterns {
                if let Some(groups) = pattern.starts.captures(line)
                    && let Some(last) = self.last(lines, start, pattern)
                {
                    defined.push((name_of(&groups), self.first(lines, start)..=last));
                    break;
                }
            }
        }
        defined
    }
}

fn name_of(groups: &Captures<'_>) -> String {
    groups
        .name("name")
        .map_or("", |name| name.as_str())
        .to_owned()
}

/// How far to the right a line begins.
fn depth(line: &str) -> usize {
    let blanks = line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t'));
    blanks.fold(0, |depth, byte| match byte {
        b'\t' => depth / 8 * 8 + 8,
        _ => depth + 1,
    })
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|one: char| !(one.is_alphanumeric() || one == '_' || one == '$'))
        .filter(|word| !word.is_empty())
}

/// Those that a call cannot leave out.
fn missing(parameters: Vec<String>, pattern: &Pattern) -> Vec<String> {
    let may_lack = |one: &String| {
        pattern
            .optional
            .as_ref()
            .is_some_and(|may| may.is_match(one))
    };
    parameters
        .into_iter()
        .filter(|one| !may_lack(one))
        .collect()
}

/// The parameters of a list whose opening bracket has been read.
fn parameters<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut list = vec![String::new()];
    let mut depth = 0;
    for line in lines {
        for one in line.chars() {
            match one {
                ')' if depth == 0 => {
                    let list = list.iter().map(|one| one.trim().to_owned());
                    return list.filter(|one| !one.is_empty()).collect();
                }
                ',' if depth == 0 => {
                    list.push(String::new());
                    continue;
                }
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            if let Some(last) = list.last_mut() {
                last.push(one);
            }
        }
    }
    // Nothing closes it.
    Vec::new()
}

/// Whether a line begins inside a string over several lines.
pub(crate) struct MultiLine<'a> {
    quotes: &'a [String],
    open: Option<&'a str>,
}

impl<'a> MultiLine<'a> {
    pub fn new(quotes: &'a [String]) -> MultiLine<'a> {
        MultiLine { quotes, open: None }
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub fn read(&mut self, line: &str) {
        // Looking for one byte is many times faster, and most lines have none. So is comparing all bytes, without a decision after
        // each.
        let bytes = line.as_bytes();
        let may_have = |quote: &String| {
            let first = quote.as_bytes().first();
            first.is_some_and(|first| bytes.iter().fold(false, |has, byte| has | (byte == first)))
        };
        if !self.quotes.iter().any(may_have) {
            return;
        }
        let mut rest = line;
        loop {
            let next = match self.open {
                Some(quote) => rest.find(quote).map(|at| (at, quote)),
                None => {
                    let found = self
                        .quotes
                        .iter()
                        .filter_map(|quote| Some((rest.find(quote)?, quote.as_str())));
                    found.min_by_key(|(at, _)| *at)
                }
            };
            let Some((at, quote)) = next else { return };
            self.open = match self.open {
                Some(_) => None,
                None => Some(quote),
            };
            rest = &rest[at + quote.len()..];
        }
    }
}

//! Blocks of code in the text around them, in the languages that can be run. What opens and closes one is in `forms.toml`.

use std::collections::HashMap;
use std::ops::Range;

use crate::forms::{self, Ends, Form, Forms, Opening};
use crate::{Catalogue, Front, Piece, Runtime, sessions};

/// A block with something in it. Lines count from 0.
#[derive(Clone, Debug)]
pub struct Block {
    /// The line that opens it.
    pub opens: usize,
    /// Its first line.
    pub first: usize,
    /// Its last line.
    pub last: usize,
    /// What at the front of its lines belongs to the text around it.
    pub front: Front,
    /// The language that it is in.
    pub runtime: Runtime,
    /// If it is a session: what was typed.
    pub typed: Vec<Piece>,
    /// Why the document does not want it to be run as it stands.
    pub refused: Option<String>,
}

/// Nobody names so many languages in one document. Each takes a while to look for.
const MOST_LANGUAGES: usize = 500;
/// A longer word is no prompt.
const LONGEST_PROMPT: usize = 12;
/// So many lines may stand between what announces a block and its fence.
const MOST_BETWEEN: usize = 4;
/// So much of what a document says of a block is repeated.
const LONGEST_WORDS: usize = 80;

/// The blocks of `text`, a document of the form `form`.
pub(crate) fn read(catalogue: &Catalogue, form: &'static Form, text: &str) -> Vec<Block> {
    let mut reader = Reader {
        catalogue,
        form,
        lines: text.lines().collect(),
        languages: HashMap::new(),
        prompts: HashMap::new(),
        default: None,
        blocks: Vec::new(),
    };
    let mut at = 0;
    while at < reader.lines.len() {
        at = reader.step(at);
    }
    reader.finish()
}

struct Reader<'a> {
    catalogue: &'a Catalogue,
    form: &'static Form,
    lines: Vec<&'a str>,
    /// What was looked for, and found or not.
    languages: HashMap<&'a str, Option<Runtime>>,
    /// Whose prompts are what.
    prompts: HashMap<&'a str, Option<Runtime>>,
    /// The language of blocks that name none.
    default: Option<Runtime>,
    blocks: Vec<Block>,
}

impl<'a> Reader<'a> {
    /// Reads the line `at` and the block that it opens, and says where to go on. Whatever was read is not read again, or a
    /// document of nothing but fences would take forever.
    fn step(&mut self, at: usize) -> usize {
        let quotes = if self.form.quoted {
            Front::quotes_of(self.lines[at])
        } else {
            0
        };
        let mut front = Front {
            quotes,
            ..Front::default()
        };
        let line = front.strip(self.lines[at]);
        let rest = line.trim_start_matches([' ', '\t']);
        let Some(opening) = Forms::known().opening(self.form, rest) else {
            self.note_default(line);
            return at + 1;
        };
        front.blanks = line.len() - rest.len();
        match opening.kind.ends {
            Ends::Fence => self.fenced(at, front, &opening),
            Ends::Line => {
                let closes = |line: &str| {
                    let groups = opening.kind.closes.as_ref()?.captures(line)?;
                    let word = forms::group(&groups, ["word"]);
                    (word.is_empty() || word.eq_ignore_ascii_case(opening.fence)).then_some(())
                };
                let end = self.end(at + 1, |line| closes(line).is_some());
                // Editors of such texts move the code to the right, and take that away when they run it.
                let front = Front {
                    blanks: self.margin(at + 1..end),
                    ..front
                };
                self.add((at, at + 1, end), front, &opening);
                end + 1
            }
            Ends::Indent => self.indented(at, front, &opening),
            Ends::Mark => {
                let mark = rest.chars().next().unwrap_or_default();
                let end = self.end(at, |line| !line.starts_with(mark));
                self.add((at, at, end), Front { quotes: 1, ..front }, &opening);
                end
            }
        }
    }

    /// The first line from `from` that fits, or the end of the text.
    fn end(&self, from: usize, is_end: impl Fn(&str) -> bool) -> usize {
        let rest = self.lines.iter().skip(from);
        from + rest.take_while(|line| !is_end(line)).count()
    }

    /// How many blanks all of these lines begin with that hold something.
    fn margin(&self, lines: Range<usize>) -> usize {
        let lines = self.lines[lines]
            .iter()
            .filter(|line| !line.trim().is_empty());
        lines.map(|line| blanks(line)).min().unwrap_or(0)
    }

    fn fenced(&mut self, at: usize, front: Front, opening: &Opening<'a>) -> usize {
        let mut body = at + 1;
        let mut fence = opening.fence;
        let then = opening.kind.then.as_ref();
        if let Some(then) = then {
            let mut behind = self.lines.iter().skip(body).take(MOST_BETWEEN);
            let found = behind.position(|line| {
                // More attributes.
                if line.starts_with('[') {
                    return false;
                }
                let groups = then.captures(line.trim_start());
                fence = groups.map_or("", |groups| forms::group(&groups, ["fence"]));
                // Else it may be a title.
                !fence.is_empty() || !line.starts_with('.')
            });
            match (found, fence.is_empty()) {
                (Some(found), false) => body += found + 1,
                // The first line that is neither an attribute nor a title.
                (Some(found), true) => return self.paragraph(at, body + found, front, opening),
                (None, _) => return at + 1,
            }
        }
        let mark = fence.chars().next().unwrap_or_default();
        let is_closed = |line: &str| {
            let line = front.strip(line).trim();
            let fits = line.len() == fence.len() || (then.is_none() && line.len() > fence.len());
            fits && line.chars().all(|one| one == mark)
        };
        let leaves = |line: &str| Front::quotes_of(line) < front.quotes;
        let end = self.end(body, |line| is_closed(line) || leaves(line));
        self.add((at, body, end), front, opening);
        let has_left = self.lines.get(end).is_some_and(|line| leaves(line));
        end + usize::from(!has_left)
    }

    /// A block without a fence, which begins on the line `first` and goes on to an empty line.
    fn paragraph(&mut self, at: usize, first: usize, front: Front, opening: &Opening<'a>) -> usize {
        let may = opening.kind.paragraph.as_ref();
        if !may.is_some_and(|may| may.is_match(front.strip(self.lines[at]))) {
            return at + 1;
        }
        let end = self.end(first, |line| line.trim().is_empty());
        self.add((at, first, end), front, opening);
        end.max(at + 1)
    }

    fn indented(&mut self, at: usize, front: Front, opening: &Opening<'a>) -> usize {
        let is_blank = |line: &str| line.trim().is_empty();
        let end = self.end(at + 1, |line| {
            !is_blank(line) && blanks(line) <= front.blanks
        });
        let (mut first, mut behind) = (at + 1, end);
        let head = opening.kind.head.as_ref();
        while first < behind && head.is_some_and(|head| head.is_match(self.lines[first])) {
            first += 1;
        }
        while first < behind && is_blank(self.lines[first]) {
            first += 1;
        }
        while first < behind && is_blank(self.lines[behind - 1]) {
            behind -= 1;
        }
        let front = Front {
            blanks: self.margin(first..behind),
            ..front
        };
        self.add((at, first, behind), front, opening);
        end
    }

    /// Adds the block that is opened on the first of these lines, has its own first line on the second, and ends before
    /// the third; if there is something in it that can be run.
    fn add(
        &mut self,
        (opens, first, end): (usize, usize, usize),
        front: Front,
        opening: &Opening<'a>,
    ) {
        let head = opening.kind.head.as_ref();
        let strip = |line: &usize| front.strip(self.lines[*line]).trim_end();
        let mut first = first;
        if head.is_some() && first < end && strip(&first) == "---" {
            let closed = (first + 1..end).find(|line| strip(line) == "---");
            first = closed.map_or(first, |closed| closed + 1);
        }
        while first < end && head.is_some_and(|head| head.is_match(strip(&first))) {
            first += 1;
        }
        if first >= end {
            return;
        }
        let Some(runtime) = self.language(opening) else {
            return;
        };
        let refused = self.refused(opening.info, first..end, front);
        self.blocks.push(Block {
            opens,
            first,
            last: end - 1,
            front,
            runtime,
            typed: Vec::new(),
            refused,
        });
    }

    /// Adds the sessions: a block that begins with a prompt is one, and between blocks there may be more.
    fn finish(mut self) -> Vec<Block> {
        let blocks = std::mem::take(&mut self.blocks);
        let lines = std::mem::take(&mut self.lines);
        let mut all = Vec::with_capacity(blocks.len());
        let mut from = 0;
        for mut block in blocks {
            let between = from..block.opens;
            all.extend(sessions::read(&lines, between, |word| self.by_prompt(word)));
            from = block.last + 1;
            let runtime = block.runtime.clone();
            let own = |word: &str| Some(runtime.clone()).filter(|it| it.prompts_with(word));
            if block.front.quotes == 0
                && let Some(begun) = lines[block.first].trim_start().split(' ').next()
                && own(begun).is_some()
            {
                let sessions = sessions::read(&lines, block.first..block.last + 1, own);
                block.typed = sessions.into_iter().flat_map(|it| it.typed).collect();
            }
            all.push(block);
        }
        let rest = from..lines.len();
        all.extend(sessions::read(&lines, rest, |word| self.by_prompt(word)));
        all
    }

    /// Whose prompt `word` is.
    fn by_prompt(&mut self, word: &'a str) -> Option<Runtime> {
        if let Some(known) = self.prompts.get(word) {
            return known.clone();
        }
        if word.len() > LONGEST_PROMPT || self.prompts.len() >= MOST_LANGUAGES {
            return None;
        }
        let mut all = self.catalogue.iter();
        let found = all.find(|it| it.definition.may_say(word) && it.prompts_with(word));
        self.prompts.insert(word, found.cloned());
        found.cloned()
    }

    fn language(&mut self, opening: &Opening<'a>) -> Option<Runtime> {
        if let Some(program) = &self.form.program {
            return self.catalogue.by_fence_tag(program).cloned();
        }
        if opening.info.trim().is_empty() {
            let kind = opening.kind;
            let is_code = kind.head.is_some() || kind.then.is_some() || kind.trails.is_some();
            return self.default.clone().filter(|_| is_code);
        }
        tags(opening.info).find_map(|tag| self.by_tag(tag))
    }

    fn by_tag(&mut self, tag: &'a str) -> Option<Runtime> {
        if let Some(known) = self.languages.get(tag) {
            return known.clone();
        }
        if self.languages.len() >= MOST_LANGUAGES {
            return None;
        }
        let prefixes = Forms::known().prefixes.iter();
        let behind = prefixes.filter_map(|prefix| tag.strip_prefix(prefix.as_str()));
        let mut names = std::iter::once(tag).chain(behind);
        let found = names.find_map(|name| self.catalogue.by_fence_tag(name).cloned());
        self.languages.insert(tag, found.clone());
        found
    }

    /// Takes over which language blocks are in that name none, if `line` says so.
    fn note_default(&mut self, line: &'a str) {
        if !forms::begins(line.trim_start(), &self.form.default_begins) {
            return;
        }
        let groups = self.form.default.as_ref().and_then(|it| it.captures(line));
        let named = groups.map_or("", |groups| forms::group(&groups, ["info"]));
        let found = self.by_tag(named);
        if found.is_some() || self.form.default_replaces && !named.is_empty() {
            self.default = found;
        }
    }

    /// Why the document does not want the block on these lines to be run.
    fn refused(&self, info: &str, lines: Range<usize>, front: Front) -> Option<String> {
        let mut head = self.lines[lines].iter().map(|line| front.strip(line));
        let head: Vec<&str> = head
            .by_ref()
            .take_while(|line| line.contains('|'))
            .collect();
        let has_options = info.contains([' ', ',', ':']);
        if !has_options && head.is_empty() {
            return None;
        }
        Forms::known().refuse.iter().find_map(|refuse| {
            let of_line = |line: &&'a str| {
                Some(forms::group(
                    &refuse.line.as_ref()?.captures(line)?,
                    ["said"],
                ))
            };
            let in_info = refuse.info.find(info).map(|found| found.as_str());
            let said = in_info.or_else(|| head.iter().find_map(of_line))?;
            let said: String = said.trim().chars().take(LONGEST_WORDS).collect();
            Some(format!("`{said}` {}", refuse.reason))
        })
    }
}

/// How many blanks `line` begins with.
fn blanks(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// The words that may be a language: `python`, `{.python .numbers}`, `python,linenos`, `{code-cell} python`.
fn tags(info: &str) -> impl Iterator<Item = &str> {
    let info = info.trim();
    let (inside, behind) = match info.strip_prefix('{') {
        Some(inside) => inside.split_once('}').unwrap_or((inside, "")),
        None => (info, ""),
    };
    let classes = inside.split(' ').filter(|word| word.starts_with('.'));
    [inside, behind]
        .into_iter()
        .chain(classes)
        .filter_map(|words| {
            words
                .trim_start_matches([' ', '.'])
                .split([' ', '\t', ',', ';', ':', '{', '='])
                .next()
                .filter(|word| !word.is_empty())
        })
}

//! Fenced blocks of a text around them, in the languages that can be run.

use crate::{Catalogue, Runtime};

/// A fenced block with something in it. Lines count from 0.
#[derive(Clone, Debug)]
pub struct Block {
    /// The line of its fence.
    pub fence: usize,
    /// Its first line.
    pub first: usize,
    /// Its last line.
    pub last: usize,
    /// How many columns at the front of each line belong to the text around it.
    pub margin: usize,
    /// The language that its fence names.
    pub runtime: Runtime,
}

/// What opens a block.
struct Fence<'a> {
    margin: usize,
    mark: char,
    length: usize,
    info: &'a str,
}

impl<'a> Fence<'a> {
    fn read(line: &'a str) -> Option<Fence<'a>> {
        let rest = line.trim_start_matches([' ', '\t']);
        let mark = rest.chars().next().filter(|mark| "`~".contains(*mark))?;
        let info = rest.trim_start_matches(mark);
        let length = rest.len() - info.len();
        let is_fence = length >= 3 && !(mark == '`' && info.contains('`'));
        is_fence.then(|| Fence {
            margin: line.len() - rest.len(),
            mark,
            length,
            info: info.trim(),
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.len() >= self.length && line.chars().all(|one| one == self.mark)
    }

    /// The word that may be a language: `python`, `{.python .numbers}`, `python,linenos`, `{code-cell} python`.
    fn tags(&self) -> impl Iterator<Item = &'a str> {
        let (inside, behind) = match self.info.strip_prefix('{') {
            Some(inside) => inside.split_once('}').unwrap_or((inside, "")),
            None => (self.info, ""),
        };
        [inside, behind].into_iter().filter_map(|words| {
            words
                .trim_start_matches([' ', '.'])
                .split([' ', '\t', ',', ';', ':', '{', '='])
                .next()
                .filter(|word| !word.is_empty())
        })
    }
}

impl Catalogue {
    /// The blocks of `text` that can be run. A block that nothing closes ends with the text.
    pub fn blocks(&self, text: &str) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, Fence<'_>)> = None;
        let mut end = 0;
        for (number, line) in text.lines().enumerate() {
            end = number + 1;
            match &open {
                None => open = Fence::read(line).map(|fence| (number, fence)),
                Some((at, fence)) if fence.is_closed_by(line) => {
                    blocks.extend(self.block(*at, number, fence));
                    open = None;
                }
                Some(_) => {}
            }
        }
        if let Some((at, fence)) = open {
            blocks.extend(self.block(at, end, &fence));
        }
        blocks
    }

    /// The block whose fence is on line `at` and which ends before the line `end`.
    fn block(&self, at: usize, end: usize, fence: &Fence<'_>) -> Option<Block> {
        let runtime = fence.tags().find_map(|tag| self.by_fence_tag(tag))?;
        (end > at + 1).then(|| Block {
            fence: at,
            first: at + 1,
            last: end - 1,
            margin: fence.margin,
            runtime: runtime.clone(),
        })
    }
}

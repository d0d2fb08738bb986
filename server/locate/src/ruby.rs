//! Ruby 2.7 to 4.0, from outside. What a thread or fiber executes hangs on its execution context, whose address the
//! thread's own stack has many times over; its control frames know the instruction, and from that the line.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::frame::Frame;
use crate::memory::Memory;
use crate::process::{Process, threads_of};
use crate::reader::{DEEPEST, Reader};
use crate::script::{
    Stack, half_in, is_file_name, is_name, line_in_reason, script_path, stack_of, word_in,
};

/// So much of a stack is looked through.
const MOST_STACK: u64 = 256 << 10;
/// So many other threads are asked, and so much of their stacks is looked through.
const MOST_THREADS: usize = 32;
const MOST_WAITING_STACK: u64 = 64 << 10;
/// So many words of a stack are followed.
const MOST_WORDS: usize = 4096;
/// A stack of values holds so many, at least and at most.
const VALUES: std::ops::RangeInclusive<u64> = 256..=1 << 24;
/// Parts of an instruction sequence's body.
const CODE_SIZE: u64 = 4;
const CODE: u64 = 8;
const FILE: u64 = 64;
/// As much of it as is read.
const BODY_SIZE: usize = 160;
/// Kinds of objects, in their flags; and the two marks of strings and arrays.
const KIND: u64 = 0x1f;
const STRING: u64 = 5;
const ARRAY: u64 = 7;
const INTERNAL: u64 = 0x1a;
const SEQUENCE: u64 = 7;
const OTHERWISE: u64 = 1 << 13;
/// Positions below this have their rank stored directly, in six words of nine.
const DIRECT: u64 = 54;

/// What differs between versions.
#[derive(Debug)]
struct Layout {
    version: &'static str,
    /// Size of a control frame.
    frame: u64,
    /// Where a body keeps its table of lines, and the size of an entry in it.
    lines: u64,
    entry: u64,
    /// Where a short string's text begins.
    text: u64,
}

#[rustfmt::skip]
const LAYOUTS: [Layout; 7] = [
    Layout { version: "2.7.", frame: 56, lines: 120, entry: 8, text: 16 },
    Layout { version: "3.0.", frame: 56, lines: 120, entry: 8, text: 16 },
    Layout { version: "3.1.", frame: 64, lines: 120, entry: 12, text: 16 },
    Layout { version: "3.2.", frame: 64, lines: 112, entry: 12, text: 24 },
    Layout { version: "3.3.", frame: 56, lines: 112, entry: 12, text: 24 },
    Layout { version: "3.4.", frame: 56, lines: 112, entry: 12, text: 24 },
    Layout { version: "4.0.", frame: 56, lines: 112, entry: 12, text: 24 },
];

struct Ruby {
    layout: &'static Layout,
}

/// Ruby has its version as a text with a name of its own.
pub(crate) fn recognise(process: &Process) -> Option<Box<dyn Reader>> {
    is_file_name(process, |name| name.contains("ruby")).then_some(())?;
    let found = process.symbols(&["ruby_version"], |name| name.starts_with("libruby"))?;
    let version = process.memory().text((*found.first()?)?)?;
    let layout = LAYOUTS
        .iter()
        .find(|layout| version.starts_with(layout.version.as_bytes()))?;
    Some(Box::new(Ruby { layout }))
}

impl Reader for Ruby {
    fn frames(&mut self, process: &Process, thread: i32, frames: &mut Vec<Frame>) {
        let Some(stack) = stack_of(process, thread, MOST_STACK) else {
            return;
        };
        let memory = process.memory();
        let mut found = self.read(&memory, &stack, |word| is_data(process, word));
        if found.is_none() {
            found = self.waiting(process, thread, &stack);
            frames.extend(found.is_some().then(Frame::gap));
        }
        frames.extend(found.unwrap_or_default().into_iter().map(|(file, line)| {
            let file = script_path(process, &file);
            Frame {
                file,
                line,
                column: None,
                function: None,
            }
        }));
    }
}

/// Whether an address may be that of something which the program has allocated.
fn is_data(process: &Process, address: u64) -> bool {
    let mapping = process.mapping_at(address);
    mapping.is_none_or(|mapping| !mapping.is_code && mapping.inode == 0)
}

impl Ruby {
    /// Files and lines, innermost first.
    fn read(
        &self,
        memory: &impl Memory,
        stack: &Stack,
        is_data: impl Fn(u64) -> bool,
    ) -> Option<Vec<(PathBuf, u32)>> {
        let end = stack.start.checked_add(stack.bytes.len() as u64)?;
        let mut counts: HashMap<u64, usize> = HashMap::new();
        for word in stack.words() {
            let is_outside = word < stack.start || end <= word;
            if word.is_multiple_of(8) && word > 4096 && is_outside {
                *counts.entry(word).or_default() += 1;
            }
        }
        // A stack has the contexts of other fibers too, from switching to them, but not so often as its own.
        let mut words: Vec<(usize, u64)> = counts.into_iter().map(|(word, n)| (n, word)).collect();
        words.sort_unstable_by(|one, other| other.cmp(one));
        let mut contexts = words
            .into_iter()
            .take(MOST_WORDS)
            .filter(|(_, word)| is_data(*word))
            .filter_map(|(_, word)| self.frames_of(memory, word));
        let (first, end) = contexts.next()?;
        let mut frames = Vec::new();
        let mut at = first;
        while at < end && frames.len() < DEEPEST {
            let control = memory.bytes::<24>(at)?;
            let (pc, sequence) = (word_in(&control, 0)?, word_in(&control, 16)?);
            // A function in C has no instructions.
            if pc != 0 && sequence % 8 == 0 && sequence != 0 {
                frames.extend(self.place(memory, sequence, pc));
            }
            at = at.checked_add(self.layout.frame)?;
        }
        Some(frames)
    }

    /// What the thread is in for which another one works that has nothing of Ruby, as one does that resolves names since
    /// 3.3: both know the addresses of what they share, and no third one does.
    fn waiting(
        &self,
        process: &Process,
        thread: i32,
        stack: &Stack,
    ) -> Option<Vec<(PathBuf, u32)>> {
        let is_pointer =
            |word: &u64| word.is_multiple_of(8) && *word > 4096 && is_data(process, *word);
        let shared: HashSet<u64> = stack.words().filter(is_pointer).take(MOST_WORDS).collect();
        let others = threads_of(process.pid).into_iter().take(MOST_THREADS);
        let mut waiting = others
            .filter(|other| *other != thread)
            .filter_map(|other| {
                let stack = stack_of(process, other, MOST_WAITING_STACK)?;
                let common: HashSet<u64> =
                    stack.words().filter(|word| shared.contains(word)).collect();
                let found = self.read(&process.memory(), &stack, |word| is_data(process, word))?;
                Some((common.len(), found))
            })
            .collect::<Vec<_>>();
        waiting.sort_by_key(|(common, _)| std::cmp::Reverse(*common));
        let next = waiting.get(1).map_or(0, |(common, _)| *common);
        let (common, found) = waiting.into_iter().next()?;
        (common > next).then_some(found)
    }

    /// The control frames of an execution context, innermost first, if there is one at this address.
    fn frames_of(&self, memory: &impl Memory, context: u64) -> Option<(u64, u64)> {
        let head = memory.bytes::<24>(context)?;
        let [values, size, first] = [0, 8, 16].map(|offset| word_in(&head, offset));
        let (values, size, first) = (values?, size?, first?);
        (values % 8 == 0 && VALUES.contains(&size)).then_some(())?;
        let end = values.checked_add(size * 8)?;
        let is_inside = values < first && first < end;
        (is_inside && (end - first).is_multiple_of(self.layout.frame)).then_some((first, end))
    }

    fn place(&self, memory: &impl Memory, sequence: u64, pc: u64) -> Option<(PathBuf, u32)> {
        let head = memory.bytes::<24>(sequence)?;
        let flags = word_in(&head, 0)?;
        (flags & KIND == INTERNAL && flags >> 12 & 0xf == SEQUENCE).then_some(())?;
        let body = memory.bytes::<BODY_SIZE>(word_in(&head, 16)?)?;
        let offset = pc.checked_sub(word_in(&body, CODE)?)?;
        let position = offset / 8;
        (position <= u64::from(half_in(&body, CODE_SIZE)?)).then_some(())?;
        // The counter is at the next instruction already.
        let line = self.line(memory, &body, position.saturating_sub(1))?;
        Some((self.file(memory, word_in(&body, FILE)?)?, line))
    }

    fn line(&self, memory: &impl Memory, body: &[u8], position: u64) -> Option<u32> {
        let table = body.get(usize::try_from(self.layout.lines).ok()?..)?;
        let (entries, n_entries) = (word_in(table, 0)?, u64::from(half_in(table, 16)?));
        let ranks = word_in(table, 24)?;
        let index = match n_entries {
            0 => return None,
            1 => 0,
            _ => rank(memory, ranks, position)?.checked_sub(1)?,
        };
        (index < n_entries).then_some(())?;
        let entry = entries.checked_add(index * self.layout.entry)?;
        line_in_reason(memory.half(entry)?)
    }

    /// A file's name: a string, or an array of the name as given and the real one.
    fn file(&self, memory: &impl Memory, object: u64) -> Option<PathBuf> {
        let flags = memory.word(object)?;
        if flags & KIND == ARRAY {
            let names = match flags & OTHERWISE {
                0 => memory.pointer(object.checked_add(32)?)?,
                _ => object.checked_add(16)?,
            };
            let [given, real] = [0, 8].map(|offset| {
                let name = memory.pointer(names.checked_add(offset)?)?;
                self.string(memory, name)
            });
            // The text of an `eval` has no real name.
            return match given {
                Some(given) if given.is_absolute() => Some(given),
                given => real.or(given),
            };
        }
        self.string(memory, object)
    }

    fn string(&self, memory: &impl Memory, object: u64) -> Option<PathBuf> {
        let flags = memory.word(object)?;
        (flags & KIND == STRING).then_some(())?;
        let text = match flags & OTHERWISE {
            0 => object.checked_add(self.layout.text)?,
            _ => memory.pointer(object.checked_add(24)?)?,
        };
        let name = memory.text(text)?;
        is_name(&name).then(|| PathBuf::from(OsStr::from_bytes(&name)))
    }
}

/// How many entries begin at or before a position: Ruby's succinct table, with ranks of seven bits for the first
/// positions, then in blocks of 512 bits with a rank of each and nine bits for each part of it.
fn rank(memory: &impl Memory, table: u64, position: u64) -> Option<u64> {
    let Some(position) = position.checked_sub(DIRECT) else {
        let word = memory.word(table.checked_add(position / 9 * 8)?)?;
        return Some(word >> (position % 9 * 7) & 0x7f);
    };
    let block = table.checked_add(DIRECT / 9 * 8 + position / 512 * 80)?;
    let bytes = memory.bytes::<80>(block)?;
    let (part, bit) = (position % 512 / 64, position % 64);
    let before = match part {
        0 => 0,
        part => word_in(&bytes, 8)? >> ((part - 1) * 9) & 0x1ff,
    };
    let bits = word_in(&bytes, 16 + part * 8)? << (63 - bit);
    Some(u64::from(half_in(&bytes, 0)?) + before + u64::from(bits.count_ones()))
}

/// The versions that are known.
#[cfg(test)]
pub(crate) fn versions() -> Vec<&'static str> {
    let versions = LAYOUTS.iter().map(|layout| layout.version);
    versions
        .map(|version| version.trim_end_matches('.'))
        .collect()
}

#[cfg(test)]
#[path = "ruby_tests.rs"]
mod tests;

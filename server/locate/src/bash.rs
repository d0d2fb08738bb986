//! Bash, from outside: the line that it executes, and the files and lines that lead there, are in its own variables.

use std::path::{Path, PathBuf};

use crate::frame::Frame;
use crate::memory::Memory;
use crate::process::Process;
use crate::reader::Reader;
use crate::script::{is_file_name, line_in_reason, script_path};

/// So many calls are followed.
const DEEPEST: usize = 64;
/// No chain of names in one place of a table is longer.
const LONGEST_CHAIN: usize = 64;
/// Elements of `BASH_INPUT`.
const INPUT_FROM_STRING: u32 = 3;

const NAMES: [&str; 3] = ["line_number", "global_variables", "bash_input"];

struct Bash {
    line_number: u64,
    global_variables: u64,
    bash_input: u64,
}

/// Bash exports the variables of its program, for loadable builtins.
pub(crate) fn recognise(process: &Process) -> Option<Box<dyn Reader>> {
    is_file_name(process, |name| name.contains("bash") || name == "sh").then_some(())?;
    let found = process.symbols(&NAMES, |_| false)?;
    let [line_number, global_variables, bash_input] = found[..] else {
        return None;
    };
    Some(Box::new(Bash {
        line_number: line_number?,
        global_variables: global_variables?,
        bash_input: bash_input?,
    }))
}

impl Reader for Bash {
    fn frames(&mut self, process: &Process, _thread: i32, frames: &mut Vec<Frame>) {
        if let Some(found) = self.read(&process.memory()) {
            frames.extend(found.into_iter().map(|(file, line)| Frame {
                file: script_path(process, &file),
                line,
                column: None,
                function: None,
            }));
        }
    }
}

impl Bash {
    /// Files and lines, innermost first.
    fn read(&self, memory: &impl Memory) -> Option<Vec<(PathBuf, u32)>> {
        let line = line_in_reason(memory.half(self.line_number)?)?;
        let table = memory.pointer(self.global_variables)? + 32;
        let table = memory.pointer(table)?;
        let sources = array(memory, table, b"BASH_SOURCE")?;
        let callers = array(memory, table, b"BASH_LINENO")?;
        // Nothing is known of a command that was given with -c or read from standard input.
        let lines = callers
            .iter()
            .map(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let lines = std::iter::once(Some(line)).chain(lines);
        let mut frames = Vec::new();
        for (source, line) in sources.iter().zip(lines) {
            let source = std::str::from_utf8(source).ok()?;
            frames.push((Path::new(source).to_path_buf(), line_in_reason(line?)?));
        }
        if self.is_in_trap(memory) {
            frames.clear();
        }
        Some(frames)
    }

    /// Whether the commands are those of a trap, whose lines are counted from the trap's own beginning.
    fn is_in_trap(&self, memory: &impl Memory) -> bool {
        memory.half(self.bash_input) == Some(INPUT_FROM_STRING)
            && memory
                .pointer(self.bash_input.wrapping_add(8))
                .and_then(|name| memory.text(name))
                .is_some_and(|name| name.ends_with(b"trap"))
    }
}

/// The values of an array variable, first to last.
fn array(memory: &impl Memory, table: u64, name: &[u8]) -> Option<Vec<Vec<u8>>> {
    let variable = look_up(memory, table, name)?;
    let array = memory.pointer(variable.checked_add(8)?)?;
    // The head of the ring is no element, and its index says so. Before 5.2 a field more stood in front of it.
    let head = [16, 24].into_iter().find_map(|offset| {
        let head = memory.pointer(array.checked_add(offset)?)?;
        (memory.word(head)? == u64::MAX).then_some(head)
    })?;
    let mut values = Vec::new();
    let mut element = memory.pointer(head.checked_add(16)?)?;
    while element != head && values.len() < DEEPEST {
        let [_, value, next, _] = words(memory, element)?;
        values.push(memory.text(value)?);
        element = next;
    }
    Some(values)
}

/// Finds a variable by its name: bash's own hash tables, whose hash function has had two starting values.
fn look_up(memory: &impl Memory, table: u64, name: &[u8]) -> Option<u64> {
    let buckets = memory.pointer(table)?;
    let n_buckets = memory.half(table.checked_add(8)?)?;
    (n_buckets.is_power_of_two() && n_buckets <= 1 << 16).then_some(())?;
    let hash = |start: u32| {
        name.iter().fold(start, |hash, byte| {
            hash.wrapping_mul(16_777_619) ^ u32::from(*byte)
        })
    };
    [hash(2_166_136_261), hash(0)].into_iter().find_map(|hash| {
        let bucket = u64::from(hash & (n_buckets - 1)) * 8;
        let mut item = memory.word(buckets.checked_add(bucket)?)?;
        for _ in 0..LONGEST_CHAIN {
            (item != 0).then_some(())?;
            let [next, key, data] = words(memory, item)?;
            if memory.text(key)? == name {
                return Some(data);
            }
            item = next;
        }
        None
    })
}

fn words<const N: usize>(memory: &impl Memory, address: u64) -> Option<[u64; N]> {
    let mut words = [0; N];
    for (index, word) in words.iter_mut().enumerate() {
        *word = memory.word(address.checked_add(index as u64 * 8)?)?;
    }
    Some(words)
}

#[cfg(test)]
#[path = "bash_tests.rs"]
mod tests;

//! Bash, from outside: the line that it executes, and the files and lines that lead there, are in its own variables.

mod wording;

use std::path::{Path, PathBuf};

use crate::frame::Frame;
use crate::memory::Memory;
use crate::process::{Process, rest_of};
use crate::reader::Reader;
use crate::script::{is_file_name, line_in_reason, script_path, text_of, word_in};

/// So many calls are followed.
const DEEPEST: usize = 64;
/// No chain of names in one place of a table is longer.
const LONGEST_CHAIN: usize = 64;
/// The call in which it waits for a program.
const WAIT: i32 = nix::libc::SYS_wait4 as i32;
/// The kinds of `BASH_INPUT` for commands from a string, and for none: a child forgets what it read from, but not its
/// name. And where that is.
const FROM_STRING: [u32; 2] = [0, 3];
const INPUT_NAME: u64 = 8;
/// Kinds of `COMMAND` that cannot be redirected as a whole.
const SIMPLE: [u32; 5] = [4, 6, 7, 10, 11];
const KINDS: std::ops::Range<u32> = 0..15;
/// Kinds of `COMMAND` that have a line, as the second number of what they hold.
const WITH_LINE: [u32; 7] = [0, 1, 4, 5, 10, 11, 12];
/// Parts of `COMMAND`, of what it holds, and of `REDIRECT`.
const COMMAND_REDIRECTS: u64 = 16;
const COMMAND_VALUE: u64 = 24;
const VALUE_LINE: u64 = 4;
const REDIRECT_WORD: u64 = 32;
/// The variable with the command is read near the begin of this function.
const FUNCTION_SIZE: usize = 128;

const NAMES: [&str; 7] = [
    "line_number",
    "global_variables",
    "bash_input",
    "the_printed_command",
    "executing_line_number",
    "running_trap",
    "trap_list",
];

struct Bash {
    line_number: u64,
    global_variables: u64,
    bash_input: u64,
    printed: Option<u64>,
    /// The variable with the command that is executed, which has no name outside.
    command: Option<u64>,
    traps: Option<(u64, u64)>,
}

/// Where commands come from, if not from a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    File,
    Trap,
    /// A substitution, or an `eval`.
    Text,
}

/// Bash exports the variables of its program, for loadable builtins.
pub(crate) fn recognise(process: &Process) -> Option<Box<dyn Reader>> {
    is_file_name(process, |name| name.contains("bash") || name == "sh").then_some(())?;
    let found = process.symbols(&NAMES, |_| false)?;
    let [
        line_number,
        global_variables,
        bash_input,
        printed,
        function,
        trap,
        traps,
    ] = found[..]
    else {
        return None;
    };
    let memory = process.memory();
    Some(Box::new(Bash {
        line_number: line_number?,
        global_variables: global_variables?,
        bash_input: bash_input?,
        printed,
        command: function.and_then(|function| variable_of(&memory, function)),
        traps: trap.zip(traps),
    }))
}

impl Reader for Bash {
    fn frames(&mut self, process: &Process, thread: i32, frames: &mut Vec<Frame>) {
        let memory = process.memory();
        let mut found = self.read(&memory).unwrap_or_default();
        // Between two commands, and while it waits for one, the line is that of the function around them. No other system
        // call is made there.
        let is_between =
            rest_of(thread).is_some_and(|stand| stand.call < 0 || stand.call == i64::from(WAIT));
        if let Some((_, line)) = found.first_mut().filter(|_| is_between) {
            *line = self.last_line(&memory).unwrap_or(*line);
        }
        let mut found: Vec<_> = found
            .into_iter()
            .map(|(file, line)| (script_path(process, &file), line))
            .collect();
        let Some((file, line)) = found.first_mut() else {
            return;
        };
        match self.better_line(&memory, *line, || text_of(process, file)) {
            Better::Sure(better) => *line = better,
            Better::Likely(better) => {
                *line = better;
                frames.push(Frame::gap());
            }
            Better::Unknown => return,
        }
        frames.extend(found.into_iter().map(|(file, line)| Frame {
            file,
            line,
            column: None,
            function: None,
        }));
    }
}

/// What the script's text says about a line.
enum Better {
    Sure(u32),
    Likely(u32),
    Unknown,
}

impl Bash {
    /// Files and lines, innermost first.
    fn read(&self, memory: &impl Memory) -> Option<Vec<(PathBuf, u32)>> {
        // Before its first command, and in a trap, a shell may not have come to a line.
        let line = line_in_reason(memory.half(self.line_number)?.max(1))?;
        let table = memory.pointer(self.global_variables)?;
        let table = memory.pointer(table.checked_add(32)?)?;
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
        Some(frames)
    }

    /// The line is right for a command that was read from a file, and where the words of the command stand on it. Else
    /// it is the one that has them.
    fn better_line(
        &self,
        memory: &impl Memory,
        line: u32,
        text: impl Fn() -> Option<String>,
    ) -> Better {
        if let Some(word) = self.redirected(memory) {
            let found = text().and_then(|text| wording::redirection(&text, &word, line));
            return found.map_or(Better::Likely(line), Better::Sure);
        }
        let source = self.source(memory);
        if source == Source::File {
            return Better::Sure(line);
        }
        let Some(text) = text() else {
            return Better::Unknown;
        };
        let command = self.printed.and_then(|printed| memory.pointer(printed));
        let command = command.and_then(|command| memory.text(command));
        let command = String::from_utf8_lossy(&command.unwrap_or_default()).into_owned();
        match wording::line_of(&text, &command, line) {
            Some((found, _)) if found == line => Better::Sure(line),
            Some((found, 2..)) => Better::Sure(found),
            Some((found, _)) if command.split_whitespace().count() == 1 => Better::Likely(found),
            _ if source == Source::Text => Better::Likely(line),
            _ => self
                .trap(memory)
                .and_then(|trap| wording::trap(&text, &trap))
                .map_or(Better::Unknown, Better::Likely),
        }
    }

    fn source(&self, memory: &impl Memory) -> Source {
        let kind = memory.half(self.bash_input);
        if kind.is_none_or(|kind| !FROM_STRING.contains(&kind)) {
            return Source::File;
        }
        let name = memory
            .pointer(self.bash_input.wrapping_add(INPUT_NAME))
            .and_then(|name| memory.text(name))
            .unwrap_or_default();
        match name.as_slice() {
            name if name.ends_with(b"trap") => Source::Trap,
            b"command substitution" | b"process substitution" | b"eval" => Source::Text,
            // A file that is sourced is read in one piece.
            _ => Source::File,
        }
    }

    /// The word behind the first redirection of the compound command that is executed, if it is one: it has not come to
    /// its first part yet, so it is being redirected.
    fn redirected(&self, memory: &impl Memory) -> Option<String> {
        let command = memory.pointer(self.command?)?;
        let kind = memory.half(command)?;
        (KINDS.contains(&kind) && !SIMPLE.contains(&kind)).then_some(())?;
        let redirect = memory.pointer(command.checked_add(COMMAND_REDIRECTS)?)?;
        let word = memory.pointer(redirect.checked_add(REDIRECT_WORD)?)?;
        let word = memory.text(memory.pointer(word)?)?;
        let word = String::from_utf8(word).ok()?;
        (!word.trim().is_empty()).then_some(word)
    }

    /// The line of the command that was executed last.
    fn last_line(&self, memory: &impl Memory) -> Option<u32> {
        let command = memory.pointer(self.command?)?;
        WITH_LINE.contains(&memory.half(command)?).then_some(())?;
        let value = memory.pointer(command.checked_add(COMMAND_VALUE)?)?;
        line_in_reason(memory.half(value.checked_add(VALUE_LINE)?)?)
    }

    /// The text of the trap that runs.
    fn trap(&self, memory: &impl Memory) -> Option<String> {
        let (running, list) = self.traps?;
        let signal = u64::from(memory.half(running)?.checked_sub(1)?);
        (signal < 80).then_some(())?;
        let text = memory.pointer(list.checked_add(signal * 8)?)?;
        String::from_utf8(memory.text(text)?).ok()
    }
}

/// The variable that a function reads first as a whole word: `mov variable, register` of x86-64.
fn variable_of(memory: &impl Memory, function: u64) -> Option<u64> {
    let code = memory.bytes::<FUNCTION_SIZE>(function)?;
    (0..).zip(code.windows(7)).find_map(|(at, instruction)| {
        let [0x48, 0x8b, operands, a, b, c, d] = *instruction else {
            return None;
        };
        (operands & 0xc7 == 5).then_some(())?;
        let behind = function.checked_add(at + 7)?;
        behind.checked_add_signed(i64::from(i32::from_le_bytes([a, b, c, d])))
    })
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

/// The first words of a structure, not more than four.
fn words<const N: usize>(memory: &impl Memory, address: u64) -> Option<[u64; N]> {
    let mut bytes = [0; 32];
    memory.fill(address, bytes.get_mut(..N * 8)?)?;
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = word_in(bytes, 0)?;
    }
    Some(words)
}

#[cfg(test)]
#[path = "bash_tests.rs"]
mod tests;

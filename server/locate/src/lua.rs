//! PUC Lua 5.1 to 5.4, from outside. A state of Lua is found by its address, which the thread's own stack has many times
//! over: the innermost is that of the coroutine which runs. LuaJIT is another program, and not known.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::frame::Frame;
use crate::memory::Memory;
use crate::process::Process;
use crate::reader::{DEEPEST, Reader};
use crate::script::{
    Stack, half_in, is_file_name, is_name, line_in_reason, script_path, stack_of, word_in,
};

/// So much of a stack is looked through.
const MOST_STACK: u64 = 256 << 10;
/// What every collected object of Lua begins with: the next one, its type, its mark.
const TYPE: usize = 8;
const THREAD: u8 = 8;
/// A Lua function in a value, with the bit that says it is collected.
const FUNCTION: u8 = 6;
const COLLECTED: u8 = 0x40;
/// Where a string's text begins, after its head.
const TEXT: u64 = 24;
/// The global state has the first thread's address somewhere in its first bytes.
const GLOBAL_SIZE: usize = 2048;
/// So many words of a stack are followed, and so many of what they lead to.
const MOST_WORDS: usize = 4096;
const MOST_THREADS: usize = 64;
/// No loop is looked for in a longer function.
const MOST_INSTRUCTIONS: u64 = 1 << 16;
/// Lines are counted from a known one at least every so many instructions.
const MOST_STEPS: u64 = 4096;

/// Where a version of Lua keeps what is needed here.
#[derive(Debug)]
struct Layout {
    version: &'static str,
    // `lua_State`: how it lies in what was allocated, and its parts
    skew: u64,
    status: usize,
    global: u64,
    call: u64,
    /// 5.1 keeps calls in an array: its start, and where the current instruction is.
    array: Option<(u64, u64)>,
    // `CallInfo`
    function: u64,
    before: u64,
    instruction: u64,
    // a function's prototype, and in it
    prototype: u64,
    code: u64,
    code_size: u64,
    lines: u64,
    source: u64,
    /// Instructions that jump: how many bits their number has, that of a jump, and those that end a loop.
    jumps: Jumps,
    /// 5.4 stores differences of lines, and some lines in full: their table, its size, the first line.
    relative: Option<(u64, u64, u64)>,
}

/// See `Layout::jumps`.
#[derive(Debug)]
struct Jumps {
    bits: u32,
    /// The jump to anywhere: its number, and where its distance begins and what stands for none.
    jump: (u32, u32, i64),
    /// The ends of loops, and where their distance begins and what stands for none. Since 5.4 it goes back only.
    loops: [u32; 2],
    distance: (u32, i64),
}

const JUMPS_5_4: Jumps = Jumps {
    bits: 7,
    jump: (56, 7, 0xff_ffff),
    loops: [73, 77],
    distance: (15, 0),
};

/// Since 5.1 to 5.3 only the numbers have changed.
const fn jumps(jump: u32, loops: [u32; 2]) -> Jumps {
    Jumps {
        bits: 6,
        jump: (jump, 14, 0x1_ffff),
        loops,
        distance: (14, 0x1_ffff),
    }
}

#[rustfmt::skip]
const LAYOUTS: [Layout; 4] = [
    Layout { version: "5.4", skew: 8, status: 10, global: 24, call: 32, array: None, function: 0, before: 16, instruction: 32,
        prototype: 24, code: 64, code_size: 24, lines: 88, source: 112, jumps: JUMPS_5_4, relative: Some((96, 40, 44)) },
    Layout { version: "5.3", skew: 8, status: 12, global: 24, call: 32, array: None, function: 0, before: 16, instruction: 40,
        prototype: 24, code: 56, code_size: 24, lines: 72, source: 104, jumps: jumps(30, [39, 42]), relative: None },
    Layout { version: "5.2", skew: 0, status: 10, global: 24, call: 32, array: None, function: 0, before: 16, instruction: 56,
        prototype: 24, code: 24, code_size: 88, lines: 40, source: 72, jumps: jumps(23, [32, 35]), relative: None },
    Layout { version: "5.1", skew: 0, status: 10, global: 32, call: 40, array: Some((80, 48)), function: 8, before: 0, instruction: 24,
        prototype: 32, code: 24, code_size: 80, lines: 40, source: 64, jumps: jumps(22, [31, 31]), relative: None },
];
/// Size of a call in the array of 5.1.
const CALL_SIZE: u64 = 40;

struct Lua {
    layout: &'static Layout,
}

/// Lua has its version as a text with a name of its own.
pub(crate) fn recognise(process: &Process) -> Option<Box<dyn Reader>> {
    is_file_name(process, |name| name.contains("lua")).then_some(())?;
    let found = process.symbols(&["lua_ident"], |name| name.starts_with("liblua"))?;
    let text = process.memory().text((*found.first()?)?)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, version) = text.split_once(": Lua ")?;
    let layout = LAYOUTS
        .iter()
        .find(|layout| version.starts_with(layout.version))?;
    Some(Box::new(Lua { layout }))
}

impl Reader for Lua {
    fn frames(&mut self, process: &Process, thread: i32, frames: &mut Vec<Frame>) {
        let Some(stack) = stack_of(process, thread, MOST_STACK) else {
            return;
        };
        let memory = process.memory();
        let is_data = |address| {
            let mapping = process.mapping_at(address);
            mapping.is_none_or(|mapping| !mapping.is_code && mapping.inode == 0)
        };
        let found = self.read(&memory, &stack, is_data).unwrap_or_default();
        frames.extend(found.into_iter().map(|(file, line)| Frame {
            file: script_path(process, &file),
            line,
            column: None,
            function: None,
        }));
    }
}

impl Lua {
    /// Files and lines, innermost first.
    fn read(
        &self,
        memory: &impl Memory,
        stack: &Stack,
        is_data: impl Fn(u64) -> bool,
    ) -> Option<Vec<(PathBuf, u32)>> {
        let end = stack.start.checked_add(stack.bytes.len() as u64)?;
        let mut is_state: HashMap<u64, bool> = HashMap::new();
        let mut left = MOST_THREADS;
        // A coroutine began further in than the one which resumed it, so of all that run it is the one whose last mention
        // comes first. What the stack says beyond that may be left over from calls that have ended.
        let mut last = HashMap::new();
        for (index, word) in stack.words().enumerate() {
            let is_outside = word < stack.start || end <= word;
            if word % 16 != self.layout.skew || word <= 4096 || !is_outside {
                continue;
            }
            let is_full = is_state.len() >= MOST_WORDS;
            let is_one = match is_state.get(&word) {
                Some(known) => *known,
                None if is_full || !is_data(word) => false,
                None => match self.global_of(memory, word) {
                    Some(global) if left > 0 => {
                        left -= 1;
                        self.has_threads(memory, word, global)
                    }
                    _ => false,
                },
            };
            if !is_full {
                is_state.insert(word, is_one);
            }
            if is_one {
                last.insert(word, index);
            }
        }
        let (state, _) = last.into_iter().min_by_key(|(_, index)| *index)?;
        self.calls(memory, state)
    }

    /// The global state of what may be a running thread of Lua at this address.
    fn global_of(&self, memory: &impl Memory, address: u64) -> Option<u64> {
        let state = memory.bytes::<96>(address)?;
        (state[TYPE] == THREAD && *state.get(self.layout.status)? == 0).then_some(())?;
        let global = word_in(&state, self.layout.global)?;
        let call = word_in(&state, self.layout.call)?;
        (global % 8 == 0 && call % 8 == 0).then_some(())?;
        // A coroutine that has ended is back at its first call.
        match self.layout.array {
            Some((oldest, _)) => (word_in(&state, oldest)? < call).then_some(())?,
            None => memory
                .pointer(call.checked_add(self.layout.before)?)
                .map(drop)?,
        }
        Some(global)
    }

    /// Whether a global state knows this thread, or another that belongs to it: the first one.
    fn has_threads(&self, memory: &impl Memory, thread: u64, global: u64) -> bool {
        let mut first = [0; GLOBAL_SIZE];
        let read = memory.fill_part(global, &mut first);
        let words = first.get(..read).unwrap_or_default().chunks_exact(8);
        let mut words = words.filter_map(|word| word_in(word, 0));
        words.any(|word| {
            word == thread
                || word > 4096
                    && word % 8 == 0
                    && memory.bytes::<48>(word).is_some_and(|other| {
                        other[TYPE] == THREAD && word_in(&other, self.layout.global) == Some(global)
                    })
        })
    }

    fn calls(&self, memory: &impl Memory, state: u64) -> Option<Vec<(PathBuf, u32)>> {
        let layout = self.layout;
        let newest = memory.pointer(state.checked_add(layout.call)?)?;
        let oldest = match layout.array {
            Some((start, _)) => memory.pointer(state.checked_add(start)?)?,
            None => 0,
        };
        let mut frames = Vec::new();
        let mut call = newest;
        for _ in 0..DEEPEST {
            if call == 0 || call < oldest {
                break;
            }
            let bytes = memory.bytes::<64>(call)?;
            let function = word_in(&bytes, layout.function)?;
            let instruction = match layout.array {
                // 5.1 stores the current instruction only when a function calls another.
                Some((_, current)) if call == newest => memory.word(state.checked_add(current)?)?,
                _ => word_in(&bytes, layout.instruction)?,
            };
            // A function that is not in a call has its place in a register, and stored only where it last was in one.
            let in_call = call != newest;
            frames.extend(self.frame(memory, function, instruction, in_call));
            call = match layout.array {
                Some(_) => call.checked_sub(CALL_SIZE)?,
                None => word_in(&bytes, layout.before)?,
            };
        }
        Some(frames)
    }

    /// A function that was last seen at instruction `stored` and works on: the begin of the loop that it is in since, unless
    /// it was in one then.
    fn loop_after(&self, memory: &impl Memory, code: u64, size: u64, stored: u64) -> Option<u64> {
        let size = size.min(MOST_INSTRUCTIONS);
        let mut bytes = vec![0; usize::try_from(size).ok()? * 4];
        memory.fill(code, &mut bytes)?;
        let jumps = (0..)
            .zip(bytes.chunks_exact(4))
            .filter_map(|(index, bytes)| {
                let instruction = half_in(bytes, 0)?;
                let target = self.layout.jumps.target(instruction, index)?;
                (target <= index && stored <= index).then_some((target, index))
            });
        // Loops lie in each other or one behind the other. Of several that are not in one, it may be in any.
        let mut loops: Vec<(u64, u64)> = jumps.collect();
        loops.sort_unstable();
        let (begin, end) = *loops.first()?;
        let is_single = loops.iter().all(|(_, other)| *other <= end);
        (begin > stored && is_single).then_some(begin)
    }

    /// File and line, if this is a function of Lua and not one of C.
    fn frame(
        &self,
        memory: &impl Memory,
        function: u64,
        instruction: u64,
        in_call: bool,
    ) -> Option<(PathBuf, u32)> {
        let layout = self.layout;
        let value = memory.bytes::<16>(function)?;
        (value[TYPE] & !COLLECTED == FUNCTION).then_some(())?;
        let closure = memory.bytes::<40>(word_in(&value, 0)?)?;
        // 5.1 says only in the closure whether it is one of C.
        (layout.array.is_none() || closure[10] == 0).then_some(())?;
        let prototype = memory.bytes::<120>(word_in(&closure, layout.prototype)?)?;
        let code = word_in(&prototype, layout.code)?;
        let size = u64::from(half_in(&prototype, layout.code_size)?);
        let behind = instruction.checked_sub(code)? / 4;
        let index = if in_call {
            behind.checked_sub(1)?
        } else {
            let stored = behind.saturating_sub(1);
            self.loop_after(memory, code, size, stored)
                .unwrap_or(stored)
        };
        (index < size).then_some(())?;
        let lines = word_in(&prototype, layout.lines)?;
        let line = match layout.relative {
            None => memory.half(lines.checked_add(index * 4)?)?,
            Some(relative) => relative_line(memory, &prototype, lines, index, relative)?,
        };
        let source = word_in(&prototype, layout.source)?;
        let name = memory.text(source.checked_add(TEXT)?)?;
        // A name that does not begin so is the program's text itself.
        let name = name.strip_prefix(b"@").filter(|name| is_name(name))?;
        Some((
            PathBuf::from(OsStr::from_bytes(name)),
            line_in_reason(line)?,
        ))
    }
}

impl Jumps {
    /// Where the instruction at `index` leads, if it jumps.
    fn target(&self, instruction: u32, index: u64) -> Option<u64> {
        let number = instruction & ((1 << self.bits) - 1);
        let next = i64::try_from(index).ok()? + 1;
        let distance = |start: u32, none: i64| i64::from(instruction >> start) - none;
        let target = if number == self.jump.0 {
            next + distance(self.jump.1, self.jump.2)
        } else if self.loops.contains(&number) {
            match self.distance {
                (start, 0) => next - distance(start, 0),
                (start, none) => next + distance(start, none),
            }
        } else {
            return None;
        };
        u64::try_from(target).ok()
    }
}

/// The line of an instruction in 5.4: from the last instruction before it whose line is stored, the differences.
fn relative_line(
    memory: &impl Memory,
    prototype: &[u8],
    lines: u64,
    index: u64,
    (table, size, first): (u64, u64, u64),
) -> Option<u32> {
    let table = word_in(prototype, table)?;
    let size = u64::from(half_in(prototype, size)?);
    let entry = |at: u64| {
        let bytes = memory.bytes::<8>(table.checked_add(at.checked_mul(8)?)?)?;
        Some((half_in(&bytes, 0)?, half_in(&bytes, 4)?))
    };
    // How many of the stored ones are at or before this instruction.
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        if u64::from(entry(middle)?.0) <= index {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let (start, line) = match low.checked_sub(1) {
        Some(last) => {
            let (at, line) = entry(last)?;
            (u64::from(at) + 1, line)
        }
        None => (0, half_in(prototype, first)?),
    };
    let steps = (index + 1).checked_sub(start)?;
    (steps <= MOST_STEPS).then_some(())?;
    let mut differences = vec![0; usize::try_from(steps).ok()?];
    memory.fill(lines.checked_add(start)?, &mut differences)?;
    differences.into_iter().try_fold(line, |line, step| {
        line.checked_add_signed(i32::from(step.cast_signed()))
    })
}

/// The versions that are known.
#[cfg(test)]
pub(crate) fn versions() -> Vec<&'static str> {
    LAYOUTS.iter().map(|layout| layout.version).collect()
}

#[cfg(test)]
#[path = "lua_tests.rs"]
mod tests;

//! Perl, from outside: the interpreter's current statement knows its file and line, and its context stack those that
//! called. With threads (one interpreter each, found by the thread's key) and without.

mod statement;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use self::statement::{Wanted, line_around};
use crate::frame::Frame;
use crate::memory::Memory;
use crate::process::{Process, process_of};
use crate::reader::{DEEPEST, Reader};
use crate::script::{self, is_file_name, line_in_reason, script_path, thread_structure};

/// `Icurcop` of the interpreter: since 5.34, and before. Two words on is `Icurstackinfo`.
const CURRENT_STATEMENT: [u64; 2] = [208, 224];
/// The current operation of the interpreter.
const CURRENT_OPERATION: u64 = 8;
/// Parts of a statement: `cop_line`, and `cop_file` or `cop_filegv`.
const STATEMENT_KIND: u64 = 32;
const STATEMENT_LINE: u64 = 36;
const STATEMENT_FILE: u64 = 48;
/// More kinds of operations than any Perl has.
const MOST_KINDS: u16 = 500;
/// Parts of `PERL_SI`.
const STACK_CONTEXTS: u64 = 8;
const STACK_BEFORE: u64 = 16;
const STACK_TOP: u64 = 32;
/// `PERL_CONTEXT`: its size since 5.24, and the statement that was left.
const CONTEXT_SIZE: u64 = 104;
const CONTEXT_STATEMENT: u64 = 16;
/// The operation that follows a call.
const CONTEXT_NEXT: u64 = 48;
/// Kinds of contexts that are calls: of a sub, of a format, of an eval.
const CALLS: [u8; 3] = [9, 10, 11];
/// So many operations are looked at, in all statements of a stack and in one.
const MOST_OPERATIONS: usize = 2000;
const MOST_IN_STATEMENT: usize = 500;
/// More contexts than this are not looked at.
const MOST_CONTEXTS: usize = 2000;
/// Where glibc may keep a thread's first keyed values, from the thread's own structure.
const KEYED_VALUES: std::ops::Range<u64> = 0x2f0..0x350;

const NAMES: [&str; 5] = [
    "PL_curinterp",
    "PL_thr_key",
    "PL_curcop",
    "PL_curstackinfo",
    "PL_op",
];

struct Perl {
    /// The first interpreter, and the key of each thread's.
    interpreter: Option<(u64, Option<u64>)>,
    /// Without interpreters that can be many: the statement, the stack, the operation.
    single: Option<(u64, u64, u64)>,
}

/// Perl exports its variables, for its modules in C.
pub(crate) fn recognise(process: &Process) -> Option<Box<dyn Reader>> {
    is_file_name(process, |name| name.contains("perl")).then_some(())?;
    let found = process.symbols(&NAMES, |name| name.starts_with("libperl.so"))?;
    let [interpreter, key, statement, stack, operation] = found[..] else {
        return None;
    };
    let perl = Perl {
        interpreter: interpreter.map(|interpreter| (interpreter, key)),
        single: statement
            .zip(stack)
            .zip(operation)
            .map(|((statement, stack), operation)| (statement, stack, operation)),
    };
    (perl.interpreter.is_some() || perl.single.is_some()).then(|| Box::new(perl) as Box<dyn Reader>)
}

impl Reader for Perl {
    fn frames(&mut self, process: &Process, thread: i32, frames: &mut Vec<Frame>) {
        let memory = process.memory();
        let is_first = process_of(thread) == Some(thread);
        let structure = if is_first {
            None
        } else {
            thread_structure(process, thread)
        };
        if !is_first && structure.is_none() && self.interpreter.is_some() {
            return;
        }
        let found = self.read(&memory, structure).unwrap_or_default();
        frames.extend(found.into_iter().map(|(file, line)| Frame {
            file: script_path(process, &file),
            line,
            column: None,
            function: None,
        }));
    }
}

impl Perl {
    /// Files and lines, innermost first; those of the thread with this structure, or of the first one.
    fn read(&self, memory: &impl Memory, thread: Option<u64>) -> Option<Vec<(PathBuf, u32)>> {
        if let Some((statement, stack, operation)) = self.single {
            let (statement, stack) = (memory.pointer(statement)?, memory.pointer(stack)?);
            return calls(
                memory,
                statement,
                memory.word(operation)?,
                stack,
                name_by_glob,
            );
        }
        let (first, key) = self.interpreter?;
        let interpreters = match thread {
            None => vec![memory.pointer(first)?],
            Some(thread) => {
                let key = u64::from(memory.half(key?)?);
                // Only the first block of keys lies in the structure itself.
                (key < 32).then_some(())?;
                let places = KEYED_VALUES.step_by(8);
                places
                    .filter_map(|place| memory.pointer(thread.checked_add(place + key * 16 + 8)?))
                    .collect()
            }
        };
        // The right ones are those through which everything makes sense.
        interpreters.into_iter().find_map(|interpreter| {
            CURRENT_STATEMENT.into_iter().find_map(|offset| {
                let statement = memory.pointer(interpreter.checked_add(offset)?)?;
                let stack = memory.pointer(interpreter.checked_add(offset + 16)?)?;
                let operation = memory.word(interpreter.checked_add(CURRENT_OPERATION)?)?;
                calls(memory, statement, operation, stack, name_by_pointer)
            })
        })
    }
}

type NameOf<M> = fn(&M, u64) -> Option<Vec<u8>>;

fn calls<M: Memory>(
    memory: &M,
    statement: u64,
    operation: u64,
    stack: u64,
    name_of: NameOf<M>,
) -> Option<Vec<(PathBuf, u32)>> {
    let mut budget = MOST_OPERATIONS;
    let mut place = |statement, wanted| {
        let (file, line) = place_of(memory, statement, name_of)?;
        let mut left = MOST_IN_STATEMENT.min(budget);
        let before = left;
        let better = line_around(memory, statement, wanted, &mut left);
        budget -= before - left;
        // A block lies in the same file as the statement around it.
        Some((file, better.unwrap_or(line)))
    };
    let mut frames = vec![place(statement, Wanted::This(operation))?];
    let mut stack = stack;
    let mut left = MOST_CONTEXTS;
    while stack != 0 {
        let contexts = memory.word(stack.checked_add(STACK_CONTEXTS)?)?;
        let [top, most] = [0, 4].map(|more| memory.half(stack.wrapping_add(STACK_TOP + more)));
        let (top, most) = (top?.cast_signed(), most?.cast_signed());
        (-1 <= top && top <= most && contexts != 0).then_some(())?;
        for index in (0..=top).rev() {
            if left == 0 || frames.len() >= DEEPEST {
                return Some(frames);
            }
            left -= 1;
            let offset = u64::try_from(index).ok()? * CONTEXT_SIZE;
            let context = contexts.checked_add(offset)?;
            let head = memory.bytes::<56>(context)?;
            if CALLS.contains(&(head[0] & 15)) {
                let caller = script::word_in(&head, CONTEXT_STATEMENT)?;
                let next = script::word_in(&head, CONTEXT_NEXT)?;
                match place(caller, Wanted::Before(next)) {
                    Some(place) => frames.push(place),
                    None => return Some(frames),
                }
            }
        }
        stack = memory.word(stack.checked_add(STACK_BEFORE)?)?;
        left = left.checked_sub(1)?;
    }
    Some(frames)
}

fn place_of<M: Memory>(memory: &M, statement: u64, name_of: NameOf<M>) -> Option<(PathBuf, u32)> {
    let bytes = memory.bytes::<56>(statement)?;
    let kind = script::half_in(&bytes, STATEMENT_KIND)? as u16 & 0x1ff;
    (kind < MOST_KINDS).then_some(())?;
    let line = line_in_reason(script::half_in(&bytes, STATEMENT_LINE)?)?;
    let name = name_of(memory, script::word_in(&bytes, STATEMENT_FILE)?)?;
    script::is_name(&name).then(|| (PathBuf::from(OsStr::from_bytes(&name)), line))
}

fn name_by_pointer<M: Memory>(memory: &M, name: u64) -> Option<Vec<u8>> {
    memory.text(name)
}

/// Without threads, a statement has the glob of its file, whose name begins with `_<`.
fn name_by_glob<M: Memory>(memory: &M, glob: u64) -> Option<Vec<u8>> {
    let body = memory.pointer(glob)?;
    let key = memory.pointer(body.checked_add(32)?)?;
    let name = memory.text(key.checked_add(8)?)?;
    Some(name.strip_prefix(b"_<")?.to_vec())
}

#[cfg(test)]
#[path = "perl_tests.rs"]
mod tests;

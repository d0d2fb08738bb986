//! R 4, from outside: each call has a context, which keeps from where it was called: the parser's reference to the source,
//! or an instruction of compiled code, whose table has such references. Only a program that was parsed with references has
//! them, so the runtime file asks the parser for them.

mod objects;

use std::path::Path;

use self::objects::{Lines, Objects};
use crate::frame::Frame;
use crate::memory::Memory;
use crate::process::Process;
use crate::reader::{DEEPEST, Reader};
use crate::script::{half_in, is_file_name, script_path, word_in};

/// Size of the buffer for jumps that lies in a context (`sigjmp_buf`).
const JUMPS: u64 = if cfg!(target_arch = "aarch64") {
    312
} else {
    200
};
/// Parts of a context (`RCNTXT`).
const BEFORE: u64 = 0;
const KIND: u64 = 8;
const FUNCTION: u64 = JUMPS + 32;
const CALLED_IN: u64 = JUMPS + 40;
const ENVIRONMENT: u64 = JUMPS + 56;
const CODE: u64 = JUMPS + 112;
const COUNTER: u64 = JUMPS + 120;
const INSTRUCTION: u64 = JUMPS + 128;
/// Where the reference to the source may lie: it does so further down with each version.
const REFERENCE: std::ops::RangeInclusive<u64> = JUMPS + 144..=JUMPS + 216;
/// As much of a context as is read.
const SIZE: usize = JUMPS as usize + 224;
/// Kinds of contexts, as bits: a call of a closure, and of a function in C.
const OF_CLOSURE: u32 = 4;
const OF_BUILTIN: u32 = 64;
/// Only this far from each other lie the variables of the interpreter; and no code has more instructions.
const NEAR: u64 = 2048;
const MOST_INSTRUCTIONS: u64 = 1 << 24;

const NAMES: [&str; 5] = [
    "R_GlobalContext",
    "R_Srcref",
    "R_InBCInterpreter",
    "R_NilValue",
    "R_BaseNamespace",
];

/// Where the interpreter keeps its variables, and what is known of this build.
struct R {
    context: u64,
    reference: u64,
    compiled: u64,
    nil: u64,
    base: u64,
    /// The two variables with the code that runs and its counter, which no symbol names.
    running: Option<(u64, u64)>,
}

/// One context.
struct Context {
    bytes: [u8; SIZE],
}

/// Where a context of this build has what.
#[derive(Clone, Copy)]
struct Layout {
    reference: u64,
    /// Whether the number of the instruction is kept, too: then one counter serves for several calls.
    is_numbered: bool,
}

/// R exports its variables, for those who embed it.
pub(crate) fn recognise(process: &Process) -> Option<Box<dyn Reader>> {
    is_file_name(process, |name| name == "R").then_some(())?;
    let found = process.symbols(&NAMES, |name| name == "libR.so")?;
    let [context, reference, compiled, nil, base] = found[..] else {
        return None;
    };
    Some(Box::new(R {
        context: context?,
        reference: reference?,
        compiled: compiled?,
        nil: nil?,
        base: base?,
        running: None,
    }))
}

impl Reader for R {
    fn frames(&mut self, process: &Process, thread: i32, frames: &mut Vec<Frame>) {
        // R itself is in the first thread. Another one works for it, as one does that resolves names for a library.
        frames.extend((thread != process.pid).then(Frame::gap));
        let is_document = |file: &Path| {
            let file = script_path(process, file);
            process.document.as_deref() == Some(&*file)
        };
        let frame = |lines: Lines| Frame {
            file: script_path(process, &lines.file),
            line: lines.first,
            column: None,
            function: None,
        };
        let found = self
            .read(&process.memory(), is_document)
            .unwrap_or_default();
        frames.extend(
            found
                .into_iter()
                .map(|lines| lines.map_or_else(Frame::gap, frame)),
        );
    }
}

impl R {
    /// Files and lines, innermost first down to the first one that `is_last`, and nothing where a library's function stands.
    fn read(
        &mut self,
        memory: &impl Memory,
        is_last: impl Fn(&Path) -> bool,
    ) -> Option<Vec<Option<Lines>>> {
        let (nil, base) = (memory.pointer(self.nil)?, memory.pointer(self.base)?);
        let objects = Objects::new(memory, nil, base);
        let compiled = memory.pointer(self.compiled)?;
        let contexts = contexts(memory, memory.pointer(self.context)?);
        let layout = layout(&objects, &contexts, compiled)?;
        let newest = contexts.iter().find(|context| context.is(OF_CLOSURE));
        let in_base = newest.is_some_and(|context| objects.is_base(context.function()));
        let mut here = match memory.word(self.reference)? {
            // What is R's own was parsed without references.
            word if word == compiled && in_base => None,
            word if word == compiled => self.running(&objects),
            word => objects.lines(word),
        };
        let mut found = Vec::new();
        // The environment of the code that made a call, if it is known; that of the last call; and the lines at which both
        // were the same.
        let (mut called_in, mut last_in, mut stood) = (None, None, Vec::new());
        for context in &contexts {
            if context.is(OF_CLOSURE) {
                let is_its = called_in.is_none_or(|caller| caller == context.word(ENVIRONMENT));
                if !is_its {
                    // An argument is evaluated when a function needs it: then the lines are that function's, unless the
                    // argument has some of its own. Whoever wrote it stands further out.
                    stood.extend(here.filter(|_| last_in == called_in));
                } else if here.is_some() || objects.is_of_library(context.function()) {
                    let lines = here.map(|here| innermost(&mut stood, here));
                    let is_end = lines.as_ref().is_some_and(|lines| is_last(&lines.file));
                    found.push(lines);
                    if is_end {
                        return Some(found);
                    }
                }
                last_in = Some(context.word(CALLED_IN));
                if is_its {
                    called_in = last_in;
                    stood.clear();
                }
            } else if context.is(OF_BUILTIN) {
                // C evaluates where it likes.
                (called_in, last_in) = (None, None);
            } else {
                continue;
            }
            here = Self::left_at(&objects, context, layout, compiled);
        }
        match here {
            Some(here) => found.push(Some(innermost(&mut stood, here))),
            None if !stood.is_empty() => found.extend([None, stood.into_iter().next()]),
            None => {}
        }
        Some(found)
    }

    /// The line from which a call was made, by its context.
    fn left_at(
        objects: &Objects<'_, impl Memory>,
        context: &Context,
        layout: Layout,
        compiled: u64,
    ) -> Option<Lines> {
        let reference = context.word(layout.reference);
        if reference != compiled {
            return objects.lines(reference);
        }
        let code = context.word(CODE);
        let instruction = if layout.is_numbered {
            context.word(INSTRUCTION)
        } else {
            objects.instruction(code, context.word(COUNTER))?
        };
        objects.lines_of_instruction(code, instruction)
    }

    /// The line of the instruction that runs now. Both variables lie near the others, and the counter is the one that
    /// points into the code; once found they stay where they are.
    fn running(&mut self, objects: &Objects<'_, impl Memory>) -> Option<Lines> {
        let memory = objects.memory;
        let place = |(code, counter): (u64, u64)| {
            let code = memory.pointer(code)?;
            Some((code, objects.instruction(code, memory.pointer(counter)?)?))
        };
        if self.running.is_none() {
            let start = (self.context & !7).saturating_sub(NEAR);
            let addresses = || (start..start.saturating_add(2 * NEAR)).step_by(8);
            let is_code = |address: &u64| {
                memory
                    .pointer(*address)
                    .is_some_and(|word| objects.is_code(word))
            };
            self.running = addresses().filter(is_code).find_map(|code| {
                addresses()
                    .map(|counter| (code, counter))
                    .find(|pair| place(*pair).is_some())
            });
        }
        let (code, instruction) = place(self.running?)?;
        objects.lines_of_instruction(code, instruction)
    }
}

/// The first of `inner` that lies in `outer`, else that.
fn innermost(inner: &mut Vec<Lines>, outer: Lines) -> Lines {
    let range = outer.first..=outer.last;
    let is_inside = |lines: &Lines| lines.file == outer.file && range.contains(&lines.first);
    let index = inner.iter().position(is_inside);
    index.map_or(outer, |index| inner.swap_remove(index))
}

/// The chain of contexts, innermost first.
fn contexts(memory: &impl Memory, first: u64) -> Vec<Context> {
    let mut contexts = Vec::new();
    let mut at = first;
    while at != 0 && contexts.len() < DEEPEST {
        let Some(bytes) = memory.bytes::<SIZE>(at) else {
            break;
        };
        let context = Context { bytes };
        at = context.word(BEFORE);
        contexts.push(context);
    }
    contexts
}

impl Context {
    fn word(&self, offset: u64) -> u64 {
        word_in(&self.bytes, offset).unwrap_or(0)
    }

    fn is(&self, kind: u32) -> bool {
        half_in(&self.bytes, KIND).is_some_and(|bits| bits & kind != 0)
    }

    fn function(&self) -> u64 {
        self.word(FUNCTION)
    }
}

/// The reference lies where every context has one, or nothing, or says that it is compiled; and one of them has something.
fn layout(
    objects: &Objects<'_, impl Memory>,
    contexts: &[Context],
    compiled: u64,
) -> Option<Layout> {
    let is_something = |word: u64| word == compiled || objects.is_reference(word);
    let is_one = |word: u64| word == 0 || word == objects.nil || is_something(word);
    let reference = REFERENCE.step_by(8).find(|offset| {
        let words = || contexts.iter().map(|context| context.word(*offset));
        words().any(is_something) && words().all(is_one)
    })?;
    // Minus one stands for none. Before there were numbers the next part was here, an address.
    let mut numbers = contexts.iter().map(|context| context.word(INSTRUCTION));
    let is_numbered = numbers.all(|number| number == u64::MAX || number < MOST_INSTRUCTIONS);
    Some(Layout {
        reference,
        is_numbered,
    })
}

#[cfg(test)]
#[path = "r_tests.rs"]
mod tests;

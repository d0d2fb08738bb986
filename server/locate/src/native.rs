//! Compiled code: stacks by call frame information, lines by DWARF. Nothing of this needs the program's help, or ptrace:
//! the kernel tells where a thread stands, and its stack holds the rest.

mod calls;
mod code;
mod go;
mod goroutines;
mod lines;
mod module;
mod registers;
mod rows;
mod scan;
mod stack;
mod units;
mod unwind;
mod walk;

use crate::frame::Frame;
use crate::process::{Process, rest_of};
use crate::reader::Reader;

pub(crate) use module::Modules;

use code::Code;
use walk::Start;

/// Reads stacks of compiled code. It fits every program, so it must be asked last.
pub(crate) fn recognise(process: &Process) -> Option<Box<dyn Reader>> {
    if !cfg!(target_arch = "x86_64") {
        return None;
    }
    process.image(&process.path)?.is_native().then_some(())?;
    Some(Box::new(Native {
        code: Code::default(),
    }))
}

struct Native {
    code: Code,
}

impl Native {
    fn walk(&mut self, process: &Process, start: &Start, frames: &mut Vec<Frame>) {
        self.code.look(process, start.pc());
        // Most programs that are met (tools, compilers) tell no lines, whatever lies on their stacks.
        if self.code.has_lines() {
            walk::walk(process, &mut self.code, start, frames);
        }
    }
}

impl Reader for Native {
    fn frames(&mut self, process: &Process, thread: i32, frames: &mut Vec<Frame>) {
        if let Some(stand) = rest_of(thread) {
            self.walk(process, &Start::of(&stand), frames);
        }
    }

    fn parked(&mut self, process: &Process) -> Vec<Vec<Frame>> {
        let Some((part, all)) = self.code.goroutines() else {
            return Vec::new();
        };
        let all = all.wrapping_add(part.bias);
        let is_code = |address| self.code.is_code(address);
        goroutines::waiting(all, is_code, &process.memory())
            .into_iter()
            .map(|(pc, sp)| {
                let mut frames = Vec::new();
                self.walk(process, &Start::behind(pc, sp), &mut frames);
                frames
            })
            .collect()
    }

    fn frames_at(&mut self, process: &Process, context: u64, frames: &mut Vec<Frame>) {
        if let Some(start) = Start::interrupted(context, &process.memory()) {
            self.walk(process, &start, frames);
        }
    }
}

#[cfg(test)]
#[path = "native_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "native/hostile_tests.rs"]
mod hostile_tests;

#[cfg(test)]
#[path = "native/bomb_tests.rs"]
mod bomb_tests;

//! Walks a stack from where a thread stands to its innermost call of the document.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::calls::{Call, behind_stub, call_before, ends_signal};
use super::code::Code;
use super::goroutines;
use super::registers::Registers;
use super::scan;
use super::stack::Stack;
use super::units::Patience;
use super::unwind::Step;
use crate::frame::Frame;
use crate::memory::Memory;
use crate::process::{Process, Stand};
use crate::reader::DEEPEST;

/// No longer is a stack walked, that of a program that lays it out so that each step takes as long as it can.
const LONGEST: Duration = Duration::from_secs(2);

/// Where a walk begins.
pub(super) struct Start {
    registers: Registers,
    /// The instruction that counts lies before this place, as a call does before the place that it returns to.
    is_behind: bool,
}

impl Start {
    /// Where a thread stands. In a call, it is behind the instruction that entered the kernel; elsewhere it is before
    /// what it does next.
    pub fn of(stand: &Stand) -> Start {
        Start {
            registers: Registers::of(stand),
            is_behind: stand.call >= 0,
        }
    }

    /// Where a thread was when it was interrupted by a signal, as the kernel keeps it at `context`.
    pub fn interrupted(context: u64, memory: &dyn Memory) -> Option<Start> {
        Some(Start {
            registers: Registers::interrupted(context, memory)?,
            is_behind: false,
        })
    }

    /// Where something goes on that waits: behind a call, as callers are.
    pub fn behind(pc: u64, sp: u64) -> Start {
        Start {
            registers: Registers::new(pc, sp),
            is_behind: true,
        }
    }

    /// The first instruction's address.
    pub fn pc(&self) -> u64 {
        self.registers.pc
    }
}

/// Appends the calls with a line, innermost first, up to the first that is the document's.
pub(super) fn walk(process: &Process, code: &mut Code, start: &Start, frames: &mut Vec<Frame>) {
    let stack = Stack::of(process.memory());
    climb(process, code, start, &stack, frames);
    let is_found = |frame: &Frame| process.document.as_deref() == Some(&*frame.file);
    if !frames.iter().any(is_found) {
        add_ancestors(code, start.registers.sp, &stack, frames);
    }
}

fn climb(
    process: &Process,
    code: &mut Code,
    start: &Start,
    stack: &Stack,
    frames: &mut Vec<Frame>,
) {
    let document = process.document.as_deref();
    let mut registers = start.registers;
    let mut is_behind = start.is_behind;
    let mut callee: Option<u64> = None;
    let patience = Patience::of(LONGEST);
    for _ in 0..DEEPEST {
        if patience.is_over() {
            return;
        }
        code.look(process, registers.pc);
        // Debug information tells of such code to debuggers; Go's table, and small C libraries, do not.
        if is_behind
            && code.may_begin(registers.pc)
            && ends_signal(registers.pc, stack)
            && let Some(before) = Registers::interrupted(registers.sp, stack)
        {
            registers = before;
            is_behind = false;
            callee = None;
        }
        let here = registers.pc.wrapping_sub(u64::from(is_behind));
        let function = code.part(here).and_then(|part| part.function(here));
        let calls = lines_at(code, here, document, stack);
        if frames.is_empty()
            && !calls.is_empty()
            && let Some(callee) = callee
            && is_detour(code, registers.pc, callee, document, stack)
        {
            frames.push(Frame::gap());
        }
        if frames.is_empty()
            && calls.is_empty()
            && code.part(here).is_some_and(|part| !part.is_thin)
        {
            frames.push(Frame::gap());
        }
        for frame in calls.iter() {
            frames.push(frame.clone());
            if document == Some(&*frame.file) {
                return;
            }
        }
        let step = code
            .part(here)
            .map_or(Step::Uncovered, |part| part.step(here, &registers, stack));
        is_behind = true;
        callee = function.map(|(start, _)| start);
        let found = match step {
            Step::Caller(caller) => {
                registers = caller;
                continue;
            }
            Step::Interrupted(caller) => {
                registers = caller;
                is_behind = false;
                callee = None;
                continue;
            }
            Step::Outermost => return,
            Step::Unknown { usual } => {
                let Some(function) = function else { return };
                scan::scan(code, &registers, function, usual, stack)
            }
            Step::Uncovered => scan::top(code, &registers, stack),
        };
        let Some(found) = found else { return };
        if !found.is_sure && frames.is_empty() {
            frames.push(Frame::gap());
        }
        registers = found.caller;
        callee = None;
    }
}

fn lines_at(
    code: &Code,
    address: u64,
    document: Option<&Path>,
    memory: &dyn Memory,
) -> Rc<[Frame]> {
    let part = code.part(address);
    part.map(|part| part.frames(address, document, memory))
        .unwrap_or_default()
}

/// Appends the calls of the goroutines that led to the one which stands at `sp`.
fn add_ancestors(code: &Code, sp: u64, stack: &Stack, frames: &mut Vec<Frame>) {
    let Some((part, all)) = code.goroutines() else {
        return;
    };
    let all = all.wrapping_add(part.bias);
    let calls = goroutines::ancestors(all, sp, |address| code.is_code(address), stack);
    for place in calls.unwrap_or_default() {
        // Callers stand behind their calls.
        frames.extend_from_slice(&part.frames(place.wrapping_sub(1), None, stack));
    }
}

/// Whether the call that returns to `returns` went to other code with lines first, which then left its frame to what
/// runs now (a tail call). A library that does so within itself is no detour.
fn is_detour(
    code: &Code,
    returns: u64,
    callee: u64,
    document: Option<&Path>,
    memory: &dyn Memory,
) -> bool {
    match call_before(returns, memory) {
        Some(Call::To(target)) => {
            let target = behind_stub(target, memory);
            target != callee && !lines_at(code, target, document, memory).is_empty()
        }
        Some(Call::Anywhere) => false,
        None => true,
    }
}

//! Finds the caller where nothing says how to walk back: the first word on the stack that looks like a return address.

use super::calls::{Call, behind_stub, call_before, was_loaded_before};
use super::code::Code;
use super::registers::{RBP, Registers};
use super::unwind::Step;
use crate::memory::Memory;

/// Frames are rarely larger than this.
const FARTHEST: u64 = 64 << 10;
/// No frame pointer leads further up than this.
const FARTHEST_FRAME: u64 = 8 << 20;
const WORD: u64 = 8;
/// So many frames must follow before a guess counts.
const FRAMES_AHEAD: usize = 2;

/// Who called, and how that was found.
pub(super) struct Found {
    /// The caller's registers.
    pub caller: Registers,
    /// Whether the call that returns there leads to this very function.
    pub is_sure: bool,
}

/// The caller of the function from `function.0` to `function.1`. Its frame pointer lies below the return address if the
/// frame is a `usual` one.
pub(super) fn scan(
    code: &Code,
    registers: &Registers,
    function: (u64, u64),
    usual: bool,
    memory: &dyn Memory,
) -> Option<Found> {
    let mut likely = None;
    let mut at = registers.sp;
    let end = registers.sp.checked_add(FARTHEST)?;
    while at < end {
        let Some(word) = memory.word(at) else {
            break; // The stack ends here.
        };
        if code.is_code(word)
            && let Some(call) = call_before(word, memory)
        {
            let found = |is_sure| Found {
                caller: caller(registers, at, word, usual, memory),
                is_sure,
            };
            match call {
                Call::To(target) => {
                    let target = behind_stub(target, memory);
                    if (function.0..function.1).contains(&target) {
                        return Some(found(true));
                    }
                    // What calls something else is left over from an earlier call.
                }
                Call::Anywhere if was_loaded_before(word, function, memory) => {
                    return Some(found(true));
                }
                Call::Anywhere if likely.is_none() => {
                    let maybe = found(false);
                    let is_likely = !usual
                        || is_frame(code, at, memory)
                        || leads_on(code, &maybe.caller, memory);
                    likely = is_likely.then_some(maybe);
                }
                Call::Anywhere => {}
            }
        }
        at = at.checked_add(WORD)?;
    }
    likely
}

/// The caller of code of which not even the function is known: what returns from the top of the stack.
pub(super) fn top(code: &Code, registers: &Registers, memory: &dyn Memory) -> Option<Found> {
    /// Glibc's `clone3`, and the like, are shorter.
    const SHORT: u64 = 256;
    let word = memory.word(registers.sp)?;
    let call = code.is_code(word).then(|| call_before(word, memory))??;
    let is_sure = matches!(call, Call::To(target)
        if (target..target.saturating_add(SHORT)).contains(&registers.pc));
    Some(Found {
        caller: caller(registers, registers.sp, word, false, memory),
        is_sure,
    })
}

fn caller(
    registers: &Registers,
    at: u64,
    returns: u64,
    usual: bool,
    memory: &dyn Memory,
) -> Registers {
    let mut caller = Registers::new(returns, at.wrapping_add(WORD));
    let frame = if usual {
        memory.word(at.wrapping_sub(WORD))
    } else {
        registers.get(RBP)
    };
    caller.set(RBP, frame);
    caller
}

/// Whether the walk goes on from here, by what is said about this code, to calls that lead to where they come from. From
/// a word that is left over on the stack it does not.
fn leads_on(code: &Code, from: &Registers, memory: &dyn Memory) -> bool {
    let mut registers = *from;
    for _ in 0..FRAMES_AHEAD {
        let here = registers.pc.wrapping_sub(1);
        let Some(part) = code.part(here) else {
            return false;
        };
        let caller = match part.step(here, &registers, memory) {
            Step::Caller(caller) => caller,
            Step::Outermost => return true,
            _ => return false,
        };
        let (true, Some((start, _))) = (code.is_code(caller.pc), part.function(here)) else {
            return false;
        };
        match call_before(caller.pc, memory) {
            Some(Call::To(target)) if behind_stub(target, memory) != start => return false,
            Some(_) => {}
            None => return false,
        }
        registers = caller;
    }
    true
}

/// Whether the word below looks like a frame pointer that leads to a frame further up.
fn is_frame(code: &Code, at: u64, memory: &dyn Memory) -> bool {
    let Some(frame) = memory.word(at.wrapping_sub(WORD)) else {
        return false;
    };
    let above = frame > at && frame - at < FARTHEST_FRAME;
    above
        && memory
            .word(frame.wrapping_add(WORD))
            .is_some_and(|word| code.is_code(word) && call_before(word, memory).is_some())
}

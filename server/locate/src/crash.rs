//! Crashes of compiled programs. A handler that is linked into them (`policies/runtimes/crash.S`) says that a signal came,
//! and where the kernel keeps the registers of that time; everything else is read from outside.

use crate::frame::Place;
use crate::memory::Memory;
use crate::process::{birth_of, rest_of};

/// What the handler opens. Its first argument is the signal, the fourth the address of the registers.
pub(crate) const PATH: &[u8] = b"/.belljar/v1/crash";

/// So many crashes are told of a run.
const MOST_CRASHES: usize = 32;
/// Which of the registers in `struct ucontext` are the stack pointer, the kind of fault, and the address that could not
/// be reached.
const STACK_POINTER: u64 = 15;
const TRAP: u64 = 20;
const ADDRESS: u64 = 22;
const PAGE_FAULT: u64 = 14;
/// An address so far from the stack pointer is meant for the stack.
const NEAR: u64 = 64 << 10;
/// Nothing is mapped below this.
const FIRST_PAGE: u64 = 4096;

/// A signal that ends a program, and where it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The signal's number.
    pub signal: i32,
    /// Where the program was.
    pub place: Place,
    cause: Cause,
}

/// What can be told of the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Unknown,
    NullPointer,
    StackOverflow,
}

impl Crash {
    /// What happened, in words.
    pub fn message(&self) -> String {
        let (name, words) = match self.signal {
            4 => ("SIGILL", "illegal instruction"),
            5 => ("SIGTRAP", "trap"),
            6 => ("SIGABRT", "the program aborted"),
            7 => ("SIGBUS", "bus error"),
            8 => ("SIGFPE", "arithmetic error, such as a division by zero"),
            11 => ("SIGSEGV", "segmentation fault"),
            signal => return format!("signal {signal}"),
        };
        match self.cause {
            Cause::Unknown => format!("{name}: {words}"),
            Cause::NullPointer => format!("{name}: {words}, by way of a null pointer"),
            Cause::StackOverflow => format!("{name}: stack overflow"),
        }
    }
}

/// A call of the handler, as the kernel tells it of the thread that makes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signalled {
    signal: i32,
    /// Address of the registers that the kernel keeps.
    pub context: u64,
}

impl Signalled {
    /// The call that `thread` stands in. Anyone may make it, so it is believed only as far as it goes.
    pub fn of(thread: i32) -> Option<Signalled> {
        let [signal, _, _, context, ..] = rest_of(thread)?.arguments?;
        let signal = i32::try_from(signal).ok()?;
        matches!(signal, 4..=8 | 11).then_some(Signalled { signal, context })
    }

    /// The crash, now that its place is known.
    pub fn at(self, place: Place, memory: &dyn Memory) -> Crash {
        Crash {
            signal: self.signal,
            place,
            cause: self.cause(memory).unwrap_or(Cause::Unknown),
        }
    }

    fn cause(self, memory: &dyn Memory) -> Option<Cause> {
        let register = |index: u64| memory.word(self.context.checked_add(40 + 8 * index)?);
        // Only a page fault says which address could not be reached.
        (self.signal == 11 && register(TRAP)? == PAGE_FAULT).then_some(())?;
        let address = register(ADDRESS)?;
        if address < FIRST_PAGE {
            return Some(Cause::NullPointer);
        }
        (address.abs_diff(register(STACK_POINTER)?) < NEAR).then_some(Cause::StackOverflow)
    }
}

/// Which processes have crashed. Of one that can be told of twice, since one signal led to another, the first is told.
#[derive(Debug, Default)]
pub(crate) struct Crashes {
    processes: Vec<(i32, u64)>,
    /// The one that was noticed last, until it is taken.
    pub latest: Option<Crash>,
}

impl Crashes {
    /// Whether a crash of the process `pid` is the first of it. From now on it is not.
    pub fn is_first(&mut self, pid: i32) -> bool {
        let Some(birth) = birth_of(pid) else {
            return false;
        };
        let is_first = !self.processes.contains(&(pid, birth));
        let has_room = self.processes.len() < MOST_CRASHES;
        if is_first && has_room {
            self.processes.push((pid, birth));
        }
        is_first && has_room
    }
}

#[cfg(test)]
#[path = "crash_tests.rs"]
mod tests;

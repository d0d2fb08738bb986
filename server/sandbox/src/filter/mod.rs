//! The system call filter: a table of refused calls, and the programs for the kernel that are made from it.
//!
//! Three programs, one table. With nobody to tell, the program refuses everything itself. With a listener it stops the thread at
//! the rows that the user should hear of and at observed calls, and asks the supervisor, which answers a row with
//! [`table::verdict`]: the program under glass sees the same error either way. Should the supervisor die, the kernel answers
//! such calls with `ENOSYS`; they stay refused. One program at a time, because the kernel walks each of them for each call number.
//!
//! With a tracer, observed calls stop for it. Rows do not: a filter above ours that asks its own supervisor comes before a
//! stop for a tracer, and if that supervisor says "go on" there is no stop. So a row is refused with SIGSYS, which comes before
//! any question; the tracer hears of the signal first, puts the row's error in its place, and the program gets no signal.
//!
//! For whoever installs it:
//! - Try the one with the listener first. If the slot is taken (`EBUSY`), nothing was installed: install another one, and the one
//!   for a tracer only when there is one. Whoever is not traced would end at the first row.
//! - From then on `sendmsg` waits for a supervisor that does not have the listener yet. It must take the descriptor out of the
//!   child itself (`pidfd_getfd`), or share the child's descriptors.

mod arch;
mod compile;
mod condition;
mod instruction;
mod observed;
pub mod table;

#[cfg(test)]
mod interpret;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use nix::errno::Errno;

pub use arch::{Arch, Call, LAST_KNOWN};
pub use condition::Condition;
pub use instruction::{Instruction, MARK};
pub use observed::{
    Follow, NO_FOLLOW, Observed, PRINTS, Place, Touch, Want, What, changes, find, observed,
};
pub use table::UnixSockets;

use arch::X32;
use compile::{Rule, Rules, compile};
use instruction::Answer;
use table::Row;

/// A filter program, ready for the kernel.
pub type Program = Vec<Instruction>;

/// Who is told of reported rows, and of these observed calls.
#[derive(Clone, Copy, Debug)]
pub enum Told<'o> {
    /// Nobody.
    Nobody,
    /// Whoever has the listener.
    Listener(&'o [Observed]),
    /// Whoever traces the program.
    Tracer(&'o [Observed]),
}

impl<'o> Told<'o> {
    fn observed(self) -> &'o [Observed] {
        match self {
            Told::Nobody => &[],
            Told::Listener(observed) | Told::Tracer(observed) => observed,
        }
    }

    /// How a row is answered.
    fn answer(self, row: &Row) -> Answer {
        match self {
            Told::Listener(_) if row.reported => Answer::Ask,
            Told::Tracer(_) if row.reported => Answer::Trap,
            _ => Answer::Refuse(row.errno),
        }
    }

    /// How a call is answered that is only looked at.
    fn look(self) -> Answer {
        match self {
            Told::Nobody => Answer::Allow,
            Told::Listener(_) => Answer::Ask,
            Told::Tracer(_) => Answer::Trace,
        }
    }
}

/// The filter for `arch`.
pub fn program(arch: Arch, unix: UnixSockets, told: Told<'_>) -> Program {
    program_of(table::rows(unix), arch, told)
}

fn program_of<'r>(rows: impl Iterator<Item = &'r Row>, arch: Arch, told: Told<'_>) -> Program {
    let row = |row: &Row| {
        Some(Rule {
            number: row.call.number(arch)?,
            when: row.when,
            answer: told.answer(row),
        })
    };
    let call = |watched: &Observed| {
        Some(Rule {
            number: watched.call.number(arch)?,
            when: watched.when,
            answer: told.look(),
        })
    };
    let observed = told.observed();
    let rules = rows
        .filter_map(row)
        .chain(observed.iter().filter_map(call))
        .collect();
    let unknown = |numbers: RangeInclusive<u32>| (numbers, Answer::Refuse(Errno::ENOSYS));
    let mut ranges: Vec<_> = arch.holes().iter().cloned().map(unknown).collect();
    match arch {
        Arch::X86_64 => ranges.extend([
            unknown(LAST_KNOWN + 1..=X32.start() - 1),
            (X32, Answer::Kill),
            unknown(X32.end() + 1..=u32::MAX),
        ]),
        Arch::Aarch64 => ranges.push(unknown(LAST_KNOWN + 1..=u32::MAX)),
    }
    compile(&Rules {
        arch,
        rules,
        ranges,
    })
}

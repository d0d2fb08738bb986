//! The system call filter: a table of refused calls, and the programs for the kernel that are made from it.
//!
//! Two programs, one table. Without a listener the program refuses everything itself. With a listener it stops the thread at the
//! rows that the user should hear of and at observed calls, and asks the supervisor, which answers a row with
//! [`table::verdict`]: the program under glass sees the same error either way. Should the supervisor die, the kernel answers
//! such calls with `ENOSYS`; they stay refused. One program and not two, because the kernel walks each of them for each call number.
//!
//! For whoever installs it:
//! - Try the one with the listener first. If the slot is taken (`EBUSY`), nothing was installed: install the other one.
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
pub use instruction::Instruction;
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

/// The filter for `arch`: with a listener for reported rows and for the observed calls, or without one.
pub fn program(arch: Arch, unix: UnixSockets, listener: Option<&[Observed]>) -> Program {
    program_of(table::rows(unix), arch, listener)
}

fn program_of<'r>(
    rows: impl Iterator<Item = &'r Row>,
    arch: Arch,
    listener: Option<&[Observed]>,
) -> Program {
    let ask = |row: &Row| listener.is_some() && row.reported;
    let answer = |row: &Row| {
        if ask(row) {
            Answer::Ask
        } else {
            Answer::Refuse(row.errno)
        }
    };
    let row = |row: &Row| {
        Some(Rule {
            number: row.call.number(arch)?,
            when: row.when,
            answer: answer(row),
        })
    };
    let call = |watched: &Observed| {
        Some(Rule {
            number: watched.call.number(arch)?,
            when: watched.when,
            answer: Answer::Ask,
        })
    };
    let observed = listener.unwrap_or_default();
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

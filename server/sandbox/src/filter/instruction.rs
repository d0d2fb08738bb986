//! One instruction of a filter program, as the kernel takes it, and the few kinds of it that we use.

/// `struct sock_filter`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions to pass over if the comparison holds.
    pub jt: u8,
    /// How many to pass over if it does not.
    pub jf: u8,
    /// The constant.
    pub k: u32,
}

/// Loads a word of `struct seccomp_data` into the register.
pub const LOAD: u16 = 0x20;
/// Keeps the bits of `k`.
pub const AND: u16 = 0x54;
/// Passes over `k` instructions.
pub const JUMP: u16 = 0x05;
/// Compares: equal to `k`.
pub const JUMP_EQUAL: u16 = 0x15;
/// Compares: `k` or more, unsigned.
pub const JUMP_AT_LEAST: u16 = 0x35;
/// Compares: has a bit of `k`.
pub const JUMP_ANY_BIT: u16 = 0x45;
/// Ends the program with the answer `k`.
pub const RETURN: u16 = 0x06;

/// Where the call's number lies in `struct seccomp_data`.
pub const NUMBER: u32 = 0;
/// Where the architecture word lies.
pub const ARCHITECTURE: u32 = 4;

/// Where the low half of an argument lies; both machines are little-endian.
pub const fn low_half(argument: u8) -> u32 {
    16 + 8 * argument as u32
}

/// Where the high half of an argument lies.
pub const fn high_half(argument: u8) -> u32 {
    low_half(argument) + 4
}

/// By this word a tracer knows our answers from those of a filter of the program's own.
pub const MARK: u16 = 0x0be1;

/// What a program answers the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Let the call through.
    Allow,
    /// Refuse it with this error.
    Refuse(nix::errno::Errno),
    /// Stop the thread and ask the supervisor.
    Ask,
    /// Stop the thread for its tracer. Without one the call does not exist.
    Trace,
    /// Refuse it with SIGSYS, which the thread's tracer hears of first. Without one the process ends.
    Trap,
    /// End the process at once.
    Kill,
}

impl Answer {
    /// The word that the kernel takes.
    pub const fn word(self) -> u32 {
        match self {
            Answer::Allow => 0x7fff_0000,
            Answer::Refuse(errno) => 0x0005_0000 | errno as u32,
            Answer::Ask => 0x7fc0_0000,
            Answer::Trace => 0x7ff0_0000 | MARK as u32,
            Answer::Trap => 0x0003_0000 | MARK as u32,
            Answer::Kill => 0x8000_0000,
        }
    }
}

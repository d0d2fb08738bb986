//! The registers of a thread, as far as they are known while its stack is walked back.

use crate::memory::Memory;
use crate::process::Stand;

/// Numbers of the x86-64 ABI for debuggers.
pub(super) const RDX: u16 = 1;
pub(super) const RSI: u16 = 4;
pub(super) const RDI: u16 = 5;
pub(super) const RBP: u16 = 6;
pub(super) const RSP: u16 = 7;
const RBX: u16 = 3;
const R8: u16 = 8;
const R9: u16 = 9;
const R10: u16 = 10;
const R12: u16 = 12;
const R15: u16 = 15;
pub(super) const RETURN_ADDRESS: u16 = 16;

/// How many registers there are, the return address among them.
const COUNT: usize = 17;

/// The registers of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registers {
    /// Where it is; for a caller, where the call returns to.
    pub pc: u64,
    /// Its stack pointer.
    pub sp: u64,
    others: [Option<u64>; COUNT],
}

impl Registers {
    /// Only these two are known.
    pub fn new(pc: u64, sp: u64) -> Registers {
        let others = [None; COUNT];
        Registers { pc, sp, others }
    }

    /// Those that the kernel tells of a thread that stands in a call.
    pub fn of(stand: &Stand) -> Registers {
        let mut registers = Registers::new(stand.pc, stand.sp);
        if let Some(arguments) = stand.arguments {
            for (register, value) in [RDI, RSI, RDX, R10, R8, R9].into_iter().zip(arguments) {
                registers.set(register, Some(value));
            }
        }
        registers
    }

    /// Those of the thread that was interrupted by a signal, from the kernel's `struct ucontext` at `context`.
    pub fn interrupted(context: u64, memory: &dyn Memory) -> Option<Registers> {
        /// Where the general registers lie in it, and in which order.
        const KEPT: u64 = 40;
        const ORDER: [u16; 15] = [
            R8, R9, R10, 11, R12, 13, 14, R15, RDI, RSI, RBP, RBX, RDX, 0, 2,
        ];
        let at = |index: u64| memory.word(context.wrapping_add(KEPT + 8 * index));
        let mut registers = Registers::new(at(16)?, at(15)?);
        for (index, register) in (0..).zip(ORDER) {
            registers.set(register, at(index));
        }
        Some(registers)
    }

    /// A register, if it is known.
    pub fn get(&self, register: u16) -> Option<u64> {
        match register {
            RSP => Some(self.sp),
            RETURN_ADDRESS => Some(self.pc),
            _ => self.others.get(usize::from(register)).copied().flatten(),
        }
    }

    /// Says what a register is, or that it is not known.
    pub fn set(&mut self, register: u16, value: Option<u64>) {
        if let Some(slot) = self.others.get_mut(usize::from(register)) {
            *slot = value;
        }
    }

    /// Whether every function gives this register back as it was.
    pub fn is_preserved(register: u16) -> bool {
        matches!(register, RBX | RBP | R12..=R15)
    }

    /// All that have a number of their own, but the stack pointer.
    pub fn general() -> impl Iterator<Item = u16> {
        (0..RETURN_ADDRESS).filter(|register| *register != RSP)
    }
}

//! Runs a filter program the way the kernel does, for the tests. Stops at anything the kernel would refuse to install.

use super::instruction::{
    AND, Instruction, JUMP, JUMP_ANY_BIT, JUMP_AT_LEAST, JUMP_EQUAL, LOAD, RETURN,
};

/// `struct seccomp_data`.
#[derive(Clone, Copy, Debug)]
pub struct Data {
    /// The call's number.
    pub number: u32,
    /// The architecture word.
    pub architecture: u32,
    /// The arguments.
    pub arguments: [u64; 6],
}

impl Data {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.architecture,
            16..64 if offset.is_multiple_of(8) => self.arguments[(offset as usize - 16) / 8] as u32,
            16..64 if offset % 8 == 4 => (self.arguments[(offset as usize - 16) / 8] >> 32) as u32,
            _ => panic!("no word of seccomp_data that we use lies at {offset}"),
        }
    }
}

/// What the program answers, and which instructions it walked to get there.
pub fn interpret(program: &[Instruction], data: &Data, mut walked: impl FnMut(usize)) -> u32 {
    let mut register = 0;
    let mut next = 0;
    loop {
        let Instruction { code, jt, jf, k } = program[next];
        walked(next);
        next += 1;
        let jump = |holds: bool| usize::from(if holds { jt } else { jf });
        match code {
            LOAD => register = data.word(k),
            AND => register &= k,
            JUMP => next += k as usize,
            JUMP_EQUAL => next += jump(register == k),
            JUMP_AT_LEAST => next += jump(register >= k),
            JUMP_ANY_BIT => next += jump(register & k != 0),
            RETURN => return k,
            _ => panic!("instruction {code:#x} at {next} is none that we use"),
        }
    }
}

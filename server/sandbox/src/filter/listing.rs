//! Writes a filter program in words, one instruction a line, so that a change of it can be read in a review.

use std::fmt::Write;

use super::instruction::{
    AND, ARCHITECTURE, Instruction, JUMP, JUMP_ANY_BIT, JUMP_AT_LEAST, JUMP_EQUAL, LOAD, NUMBER,
    RETURN,
};

/// The program in words.
pub fn listing(program: &[Instruction]) -> String {
    let mut text = String::new();
    for (at, instruction) in program.iter().enumerate() {
        writeln!(text, "{at:4}  {}", words(at, instruction))
            .expect("writing to a string does not fail");
    }
    text
}

fn words(at: usize, instruction: &Instruction) -> String {
    let Instruction { code, jt, jf, k } = *instruction;
    let jump = |test: String| {
        format!(
            "{test} ? {} : {}",
            at + 1 + usize::from(jt),
            at + 1 + usize::from(jf)
        )
    };
    match code {
        LOAD => format!("load {}", place(k)),
        AND => format!("and {k:#x}"),
        JUMP => format!("go to {}", at + 1 + k as usize),
        JUMP_EQUAL => jump(format!("== {}", number(k))),
        JUMP_AT_LEAST => jump(format!(">= {}", number(k))),
        JUMP_ANY_BIT => jump(format!("&  {k:#x}")),
        RETURN => format!("return {}", answer(k)),
        _ => format!("unknown instruction {code:#x}"),
    }
}

fn number(k: u32) -> String {
    if k < 1000 {
        k.to_string()
    } else {
        format!("{k:#x}")
    }
}

fn place(offset: u32) -> String {
    match offset {
        NUMBER => "number".to_owned(),
        ARCHITECTURE => "architecture".to_owned(),
        _ => format!(
            "argument {}{}",
            (offset - 16) / 8,
            if offset.is_multiple_of(8) {
                ""
            } else {
                ", high half"
            }
        ),
    }
}

fn answer(k: u32) -> String {
    match k {
        0x7fff_0000 => "allow".to_owned(),
        0x7fc0_0000 => "ask".to_owned(),
        _ if k >> 16 == 0x7ff0 => "trace".to_owned(),
        _ if k >> 16 == 3 => "refuse by signal".to_owned(),
        0x8000_0000 => "kill".to_owned(),
        _ if k >> 16 == 5 => format!("{:?}", nix::errno::Errno::from_raw((k & 0xffff) as i32)),
        _ => format!("{k:#x}"),
    }
}

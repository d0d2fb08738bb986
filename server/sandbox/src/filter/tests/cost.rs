//! Keeps the programs cheap to install.

use super::super::instruction::LOAD;
use super::super::interpret::{Data, interpret};
use super::super::{Arch, LAST_KNOWN, Program, Told};
use super::{Made, name, shipped};

#[test]
fn the_kernel_walks_few_instructions_per_call_number() {
    for Made {
        arch,
        unix,
        told,
        program,
    } in shipped()
    {
        let walks: Vec<usize> = (0..=LAST_KNOWN)
            .map(|number| walk(&program, arch, number))
            .collect();
        let longest = walks.iter().copied().max().unwrap_or(0);
        let mean = walks.iter().sum::<usize>() as f64 / walks.len() as f64;
        let length = program.len();
        println!(
            "{arch:?}, {unix:?}, {}: {length} instructions, walk {mean:.2}, longest {longest}",
            name(told)
        );
        // For a tracer rows and observed calls have answers of their own.
        let most = if matches!(told, Told::Tracer(_)) {
            270
        } else {
            260
        };
        assert!(
            length <= most && mean < 10.3 && longest <= 14,
            "{length} long, {mean} walked, {longest} at most"
        );
    }
}

/// How far the kernel walks for one number when it installs the program: it stops at the first look at an argument.
fn walk(program: &Program, arch: Arch, number: u32) -> usize {
    let (mut steps, mut stopped) = (0, false);
    interpret(
        program,
        &Data {
            number,
            architecture: arch.word(),
            arguments: [0; 6],
        },
        |at| {
            steps += usize::from(!stopped);
            stopped |= program[at].code == LOAD && program[at].k >= 16;
        },
    );
    steps
}

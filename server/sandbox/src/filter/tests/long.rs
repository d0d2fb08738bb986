//! Programs in which a comparison cannot reach its target with eight bits. Ours are shorter today; a longer table must not find
//! out first.

use nix::errno::Errno;

use super::super::Arch;
use super::super::compile::{Rule, Rules, compile};
use super::super::condition::Condition;
use super::super::instruction::{Answer, JUMP};
use super::super::interpret::{Data, interpret};

#[test]
fn a_program_longer_than_a_jump_decides_the_same() {
    let when = |number: u32| -> &'static [Condition] {
        let values = Vec::leak(vec![number, number + 1]);
        Vec::leak(vec![
            Condition::NoneOf {
                argument: 1,
                mask: 0xff,
                values: &[7],
            },
            Condition::OneOf {
                argument: 0,
                mask: u32::MAX,
                values,
            },
        ])
    };
    let errnos = [Errno::EPERM, Errno::ENOSYS, Errno::EACCES];
    let rules: Vec<Rule> = (0..470)
        .step_by(2)
        .map(|number| Rule {
            number,
            when: when(number),
            answer: Answer::Refuse(errnos[number as usize % 3]),
        })
        .collect();
    let arch = Arch::X86_64;
    let program = compile(&Rules {
        arch,
        rules: rules.clone(),
        ranges: Vec::new(),
    });
    assert!(program.len() > 1000 && program.iter().any(|instruction| instruction.code == JUMP));
    for number in 0..=600u32 {
        for first in [number.wrapping_sub(1), number, number + 1, number + 2] {
            for second in [0, 7, 0x107] {
                let data = Data {
                    number,
                    architecture: arch.word(),
                    arguments: [u64::from(first), second, 0, 0, 0, 0],
                };
                let rule = rules.iter().find(|rule| rule.number == number);
                let fits = |rule: &&Rule| rule.when.iter().all(|c| c.holds(&data.arguments));
                let want = rule
                    .filter(fits)
                    .map_or(Answer::Allow, |rule| rule.answer)
                    .word();
                assert_eq!(interpret(&program, &data, |_| {}), want, "{data:x?}");
            }
        }
    }
}

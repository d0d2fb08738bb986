//! The inputs that the programs are tried with: all numbers, all kinds of machine, and every value of an argument beside which
//! some row or observed call decides differently.

use std::collections::BTreeSet;

use super::super::interpret::Data;
use super::super::table::{UnixSockets, rows};
use super::super::{Arch, Condition};
use super::{every_look, few_looks, only_changes};

/// Architecture words that a program may meet.
pub const ARCHITECTURES: [(&str, u32); 7] = [
    ("x86_64", 0xc000_003e),
    ("i386", 0x4000_0003),
    ("aarch64", 0xc000_00b7),
    ("arm", 0x4000_0028),
    ("riscv64", 0xc000_00f3),
    ("none", 0),
    ("all bits", u32::MAX),
];

/// Calls `each` with every input.
pub fn inputs(arch: Arch, mut each: impl FnMut(&Data)) {
    let far = [
        511,
        512,
        547,
        548,
        1 << 16,
        0x3fff_ffff,
        0x4000_0000,
        0x4000_0010,
        0x4000_0223,
        0x7fff_ffff,
        0x8000_0000,
        0xc000_0000,
        u32::MAX,
    ];
    for number in (0..=600).chain(far) {
        for arguments in arguments_for(arch, number) {
            each(&Data {
                number,
                architecture: arch.word(),
                arguments,
            });
        }
        for (_, architecture) in ARCHITECTURES {
            for arguments in [[0; 6], [u64::MAX; 6]] {
                each(&Data {
                    number,
                    architecture,
                    arguments,
                });
            }
        }
    }
}

/// All combinations of the values that matter for this number.
pub fn arguments_for(arch: Arch, number: u32) -> Vec<[u64; 6]> {
    let mut values: [BTreeSet<u64>; 6] = Default::default();
    let rows = rows(UnixSockets::Closed)
        .filter(|row| row.call.number(arch) == Some(number))
        .flat_map(|row| row.when);
    let observed = every_look()
        .iter()
        .chain(few_looks())
        .chain(only_changes())
        .filter(|call| call.call.number(arch) == Some(number))
        .flat_map(|call| call.when);
    for condition in rows.chain(observed) {
        let (argument, near) = boundaries(condition);
        values[usize::from(argument)].extend(near);
    }
    let mut all = vec![
        [0; 6],
        [u64::MAX; 6],
        [1 << 32; 6],
        [0x7fff_1234_5678_9abc; 6],
    ];
    let mut combined = vec![[0; 6]];
    for (argument, values) in values
        .iter()
        .enumerate()
        .filter(|(_, values)| !values.is_empty())
    {
        let with = |before: [u64; 6], value: u64| {
            let mut arguments = before;
            arguments[argument] = value;
            arguments
        };
        combined = combined
            .iter()
            .flat_map(|before| values.iter().map(move |value| with(*before, *value)))
            .collect();
    }
    for low in combined {
        // The same again with high bits set, which the kernel does not look at in an `int`.
        all.extend([low, low.map(|value| value | 1 << 32)]);
    }
    all
}

/// Values of the low half at which the condition changes its mind, their neighbours, and each bit alone.
fn boundaries(condition: &Condition) -> (u8, BTreeSet<u64>) {
    let mut near = BTreeSet::from([0, 1, 0xffff_ffff, 0x7fff_ffff]);
    match *condition {
        Condition::Given { argument } => {
            near.extend([1 << 32, 0x7fff_0000_0000, u64::MAX]);
            (argument, near)
        }
        Condition::AnyBit { argument, mask } => {
            near.extend((0..32).map(|bit| 1 << bit));
            near.extend([u64::from(mask), u64::from(!mask)]);
            (argument, near)
        }
        Condition::OneOf {
            argument,
            mask,
            values,
        }
        | Condition::NoneOf {
            argument,
            mask,
            values,
        } => {
            for value in values.iter().map(|value| u64::from(*value)) {
                near.extend(
                    [
                        value,
                        value.saturating_sub(1),
                        value + 1,
                        value | u64::from(!mask),
                    ]
                    .map(|v| v & 0xffff_ffff),
                );
            }
            // Socket families are few enough to try them all; so are the types, with and without their flags.
            if argument == 0 && values.len() > 2 {
                near.extend(0..=50);
            }
            if mask == 0xf {
                near.extend((0..=16).chain([1, 2, 3, 5].map(|kind| kind | 0x8_0800)));
            }
            (argument, near)
        }
    }
}

/// The condition with one value or one bit left out, each in turn.
pub fn weakened(condition: &Condition) -> Vec<Condition> {
    let without = |values: &'static [u32], at: usize| -> &'static [u32] {
        let mut values = values.to_vec();
        values.remove(at);
        Vec::leak(values)
    };
    match *condition {
        Condition::AnyBit { argument, mask } => {
            let bits = (0..32).map(|bit| 1 << bit).filter(|bit| mask & bit != 0);
            bits.map(|bit| Condition::AnyBit {
                argument,
                mask: mask & !bit,
            })
            .collect()
        }
        Condition::OneOf {
            argument,
            mask,
            values,
        } => (0..values.len())
            .map(|at| Condition::OneOf {
                argument,
                mask,
                values: without(values, at),
            })
            .collect(),
        Condition::NoneOf {
            argument,
            mask,
            values,
        } => (0..values.len())
            .map(|at| Condition::NoneOf {
                argument,
                mask,
                values: without(values, at),
            })
            .collect(),
        Condition::Given { .. } => Vec::new(),
    }
}

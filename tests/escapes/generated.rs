//! The rows that nobody writes: every row of the filter's deny table, through each of the kernel's doors.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use belljar_sandbox::filter::table::{Row, rows, verdict};
use belljar_sandbox::filter::{Arch, Condition, UnixSockets};

use crate::table::{Arguments, Attempt, Control, Inside, OneOrMany, Outside};

/// Values that are worth trying where a row refuses all but a few: packet and vsock families, SCTP, MPTCP and the like.
const WORTH_TRYING: [u32; 12] = [3, 5, 15, 17, 29, 30, 38, 40, 44, 132, 255, 262];
/// More than this for one row of the table tells nothing new.
const MOST: usize = 24;

/// Every row through every door.
pub fn attempts(arguments: &Arguments) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for (index, row) in rows(UnixSockets::Open).enumerate() {
        attempts.extend(native(index, row, arguments));
    }
    if cfg!(target_arch = "x86_64") {
        let mut seen = BTreeSet::new();
        let numbers_of_i386 = i386_numbers();
        for row in rows(UnixSockets::Open).filter(|row| seen.insert(row.call.name)) {
            attempts.extend(foreign(row, arguments, &numbers_of_i386));
        }
    }
    attempts.push(unknown_number());
    attempts
}

/// The call as programs make it, once for each way of meeting the row's conditions.
fn native(index: usize, row: &'static Row, arguments: &Arguments) -> Vec<Attempt> {
    let Some(number) = row.call.number(Arch::NATIVE) else {
        return Vec::new();
    };
    let mut cases = vec![plain(row, arguments)];
    for condition in row.when {
        let (argument, values) = values_for(condition);
        let mut next = Vec::new();
        for case in &cases {
            for value in &values {
                let mut case = case.clone();
                case[usize::from(argument)] = format!("{value:#x}");
                next.push(case);
            }
        }
        cases = next;
    }
    let mut attempts = Vec::new();
    for case in cases {
        let values: Vec<u64> = case.iter().map(|text| value_of(text)).collect();
        let six: [u64; 6] = values.try_into().expect("six arguments");
        // An earlier row for the same call may fit as well, and then it counts.
        let Some(answer) = verdict(Arch::NATIVE, number, &six) else {
            continue;
        };
        if answer.errno != row.errno || attempts.len() == MOST {
            continue;
        }
        let errno = format!("{:?}", row.errno);
        let shown: Vec<String> = if row.when.is_empty() {
            Vec::new()
        } else {
            case.clone()
        };
        let mut probe = vec!["call".to_owned(), "native".to_owned(), number.to_string()];
        probe.extend(case);
        attempts.push(Attempt {
            outside: Outside::Shows(Control {
                errno_is_not: Some(OneOrMany::One(errno.clone())),
                ..Default::default()
            }),
            inside: Inside {
                errno: Some(OneOrMany::One(errno)),
                report: answer.reported.then(|| answer.kind.as_str().to_owned()),
                ..Default::default()
            },
            ..blank(
                format!("call_{index}_{}_{}", row.call.name, shown.join("_")),
                row.reason,
                probe,
            )
        });
    }
    assert!(
        !attempts.is_empty(),
        "no arguments meet row {index} of the table, {}",
        row.call.name
    );
    attempts
}

/// The same call through the doors that only old programs use. The filter could not read its arguments there, so all of it is shut.
fn foreign(
    row: &'static Row,
    arguments: &Arguments,
    numbers_of_i386: &BTreeMap<String, u32>,
) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let i386 = numbers_of_i386.get(row.call.name).copied();
    let doors = [
        (
            "int80",
            i386.or(row.call.x86_64.filter(|number| *number >= 424)),
        ),
        ("x32", row.call.x86_64),
    ];
    for (door, number) in doors {
        let Some(number) = number else { continue };
        let mut probe = vec!["call".to_owned(), door.to_owned(), number.to_string()];
        probe.extend(plain(row, arguments));
        attempts.push(Attempt {
            // Any answer from the kernel will do: what must not happen is that it answers inside.
            outside: Outside::Shows(Control {
                errno_is_not: Some(OneOrMany::Many(Vec::new())),
                ..Default::default()
            }),
            inside: Inside {
                ending: Some(OneOrMany::One("signaled:31".into())),
                ..Default::default()
            },
            ..blank(
                format!("call_{}_by_{door}", row.call.name),
                row.reason,
                probe,
            )
        });
    }
    attempts
}

fn unknown_number() -> Attempt {
    let probe = ["call", "native", "600", "bad"].map(str::to_owned).to_vec();
    Attempt {
        outside: Outside::Word(
            "not provable here: no kernel gives this number to a call yet".into(),
        ),
        inside: Inside {
            errno: Some(OneOrMany::One("ENOSYS".into())),
            ..Default::default()
        },
        ..blank(
            "call_of_a_later_kernel".into(),
            "A call that nobody has looked at yet stays shut.",
            probe,
        )
    }
}

fn blank(name: String, why: &str, probe: Vec<String>) -> Attempt {
    Attempt {
        name: name.trim_end_matches('_').to_owned(),
        why: why.to_owned(),
        cve: None,
        probe: Some(probe),
        script: None,
        before: None,
        beside: None,
        from_outside: false,
        tidy: None,
        outside: Outside::Word("ok".into()),
        outside_as_root_of_a_namespace: false,
        inside: Inside::default(),
        inside_for_root: None,
        only: None,
        terminal: false,
        options: Vec::new(),
        policy: None,
        live: false,
        noted: None,
        signal: None,
    }
}

fn plain(row: &Row, arguments: &Arguments) -> Vec<String> {
    let mut case = arguments.get(row.call.name).cloned().unwrap_or_default();
    case.resize(6, "bad".to_owned());
    case
}

/// Values that meet a condition, with the argument they are for. Each also comes with a high bit that the kernel does not read.
fn values_for(condition: &Condition) -> (u8, Vec<u64>) {
    let (argument, low): (u8, Vec<u32>) = match *condition {
        Condition::AnyBit { argument, mask } => (
            argument,
            (0..32)
                .map(|bit| 1 << bit)
                .filter(|bit| mask & bit != 0)
                .collect(),
        ),
        Condition::OneOf {
            argument, values, ..
        } => (argument, values.to_vec()),
        Condition::NoneOf {
            argument,
            mask,
            values,
        } => {
            let near = values
                .iter()
                .flat_map(|value| [value.wrapping_sub(1), value.wrapping_add(1)]);
            let all: BTreeSet<u32> = near.chain(WORTH_TRYING).map(|value| value & mask).collect();
            (
                argument,
                all.into_iter()
                    .filter(|value| !values.contains(value))
                    .collect(),
            )
        }
        Condition::Given { argument } => (argument, vec![8]),
    };
    let mut values: Vec<u64> = low.iter().copied().map(u64::from).collect();
    if let Some(first) = low.first() {
        values.push(u64::from(*first) | 1 << 32);
    }
    (argument, values)
}

fn value_of(text: &str) -> u64 {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).expect("a number"),
        // The words of the probe are all addresses or descriptors.
        None => text.parse().unwrap_or(8),
    }
}

/// How i386 numbers its calls, by the headers that the compiler of the probe uses.
fn i386_numbers() -> BTreeMap<String, u32> {
    let mut gcc = Command::new("gcc")
        .args([
            "-E",
            "-dM",
            "-include",
            "asm/unistd_32.h",
            "-x",
            "c",
            "/dev/null",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("gcc");
    let text = std::io::read_to_string(gcc.stdout.take().expect("its output")).expect("its output");
    assert!(
        gcc.wait().expect("gcc").success(),
        "gcc cannot read asm/unistd_32.h"
    );
    text.lines()
        .filter_map(|line| line.strip_prefix("#define __NR_")?.split_once(' '))
        .filter_map(|(name, number)| Some((name.to_owned(), number.trim().parse().ok()?)))
        .collect()
}

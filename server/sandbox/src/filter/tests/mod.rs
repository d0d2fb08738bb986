//! What the kernel would decide by the compiled programs, held against the table over all call numbers and the arguments
//! at which a decision can change.

mod cost;
mod golden;
mod inputs;
mod long;
mod numbers;
mod open;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use nix::errno::Errno;

use inputs::{ARCHITECTURES, arguments_for, inputs};

use super::instruction::Answer;
use super::interpret::{Data, interpret};
use super::table::{Row, UnixSockets, rows, verdict};
use super::{Arch, Observed, Program, Told, changes, observed, program, program_of};

const BOTH: [Arch; 2] = [Arch::X86_64, Arch::Aarch64];
const DOORS: [UnixSockets; 2] = [UnixSockets::Open, UnixSockets::Closed];
/// All that a listener can be told of.
fn every_look() -> &'static [Observed] {
    static ALL: LazyLock<Vec<Observed>> = LazyLock::new(|| observed(true));
    &ALL
}

/// What it is told of where programs ask much.
fn few_looks() -> &'static [Observed] {
    static FEW: LazyLock<Vec<Observed>> = LazyLock::new(|| observed(false));
    &FEW
}

/// What it is told of where a file system of ours sees the rest.
fn only_changes() -> &'static [Observed] {
    static CHANGES: LazyLock<Vec<Observed>> = LazyLock::new(changes);
    &CHANGES
}

fn name(told: Told<'_>) -> &'static str {
    match told {
        Told::Nobody => "nobody",
        Told::Listener(_) => "a listener",
        Told::Tracer(_) => "a tracer",
    }
}

/// A program and what it was made from.
struct Made {
    arch: Arch,
    unix: UnixSockets,
    told: Told<'static>,
    program: Program,
}

/// Every program that we ship.
fn shipped() -> impl Iterator<Item = Made> {
    let kinds = DOORS.into_iter().flat_map(|unix| {
        let observed = [few_looks(), only_changes(), every_look()];
        let told = observed.map(|observed| [Told::Listener(observed), Told::Tracer(observed)]);
        [Told::Nobody]
            .into_iter()
            .chain(told.into_iter().flatten())
            .map(move |told| (unix, told))
    });
    let all = kinds.flat_map(|(unix, told)| BOTH.map(|arch| (arch, unix, told)));
    all.map(|(arch, unix, told)| Made {
        arch,
        unix,
        told,
        program: program(arch, unix, told),
    })
}

/// The rows of the strictest cell, to be changed.
fn all_rows() -> Vec<Row> {
    rows(UnixSockets::Closed).copied().collect()
}

fn run(program: &Program, data: &Data) -> Answer {
    let word = interpret(program, data, |_| {});
    match word {
        0x7fff_0000 => Answer::Allow,
        0x7fc0_0000 => Answer::Ask,
        0x8000_0000 => Answer::Kill,
        _ if word == Answer::Trace.word() => Answer::Trace,
        _ if word == Answer::Trap.word() => Answer::Trap,
        _ => {
            assert_eq!(word >> 16, 5, "{word:#x} is no answer of ours");
            Answer::Refuse(Errno::from_raw((word & 0xffff) as i32))
        }
    }
}

/// What ought to happen, from the table alone.
fn expected(arch: Arch, unix: UnixSockets, told: Told<'_>, data: &Data) -> Answer {
    let Data {
        number,
        architecture,
        arguments,
    } = *data;
    let x32 = arch == Arch::X86_64 && number & 0xc000_0000 == 0x4000_0000;
    if architecture != arch.word() || x32 {
        return Answer::Kill;
    }
    if !arch.knows(number) {
        return Answer::Refuse(Errno::ENOSYS);
    }
    let (observed, row_stops, call_stops) = match told {
        Told::Nobody => (&[][..], None, Answer::Allow),
        Told::Listener(observed) => (observed, Some(Answer::Ask), Answer::Ask),
        Told::Tracer(observed) => (observed, Some(Answer::Trap), Answer::Trace),
    };
    let stops = |call: &Observed| call.stops(arch, number, &arguments);
    match rows(unix).find(|row| row.refuses(arch, number, &arguments)) {
        Some(row) => row_stops
            .filter(|_| row.reported)
            .unwrap_or(Answer::Refuse(row.errno)),
        None if observed.iter().any(stops) => call_stops,
        None => Answer::Allow,
    }
}

/// Whether some input tells this program, made without observed calls, from what the table says.
fn is_noticed(mutant: &Program, arch: Arch, number: u32) -> bool {
    arguments_for(arch, number).into_iter().any(|arguments| {
        let data = Data {
            number,
            architecture: arch.word(),
            arguments,
        };
        run(mutant, &data) != expected(arch, UnixSockets::Closed, Told::Listener(&[]), &data)
    })
}

#[test]
fn the_programs_decide_what_the_table_says() {
    for Made {
        arch,
        unix,
        told,
        program,
    } in shipped()
    {
        let mut seen = 0;
        inputs(arch, |data| {
            let (got, want) = (run(&program, data), expected(arch, unix, told, data));
            assert_eq!(got, want, "{arch:?}, {unix:?}, {}: {data:x?}", name(told));
            seen += 1;
        });
        assert!(seen > 100_000, "only {seen} inputs were tried");
    }
}

#[test]
fn every_instruction_is_reached() {
    for Made {
        arch,
        unix,
        told,
        program,
    } in shipped()
    {
        let mut reached = BTreeSet::new();
        inputs(arch, |data| {
            interpret(&program, data, |at| {
                reached.insert(at);
            });
        });
        let missed: Vec<usize> = (0..program.len())
            .filter(|at| !reached.contains(at))
            .collect();
        assert!(
            missed.is_empty(),
            "{arch:?}, {unix:?}, {}: {missed:?} are never reached",
            name(told)
        );
    }
}

#[test]
fn whoever_is_told_the_same_calls_are_refused_with_the_same_errors() {
    let doors = BOTH
        .into_iter()
        .flat_map(|arch| DOORS.map(|unix| (arch, unix)));
    for (arch, unix) in doors {
        let alone = program(arch, unix, Told::Nobody);
        for told in [Told::Listener(&[]), Told::Tracer(&[])] {
            let telling = program(arch, unix, told);
            inputs(arch, |data| {
                let answer = match run(&telling, data) {
                    // What the supervisor answers.
                    Answer::Ask | Answer::Trap => verdict(arch, data.number, &data.arguments)
                        .map_or(Answer::Allow, |row| Answer::Refuse(row.errno)),
                    answer => answer,
                };
                assert_eq!(answer, run(&alone, data), "{arch:?}, {unix:?}: {data:x?}");
            });
        }
    }
}

#[test]
fn a_filter_above_ours_that_asks_does_not_come_before_a_refusal() {
    // As the kernel compares the answers of several filters: the lowest counts, as a signed number.
    let rank = |answer: Answer| (answer.word() & 0xffff_0000).cast_signed();
    for arch in BOTH {
        for told in [Told::Nobody, Told::Tracer(every_look())] {
            let program = program(arch, UnixSockets::Closed, told);
            inputs(arch, |data| {
                if verdict(arch, data.number, &data.arguments).is_some() {
                    assert!(rank(run(&program, data)) < rank(Answer::Ask), "{data:x?}");
                }
            });
        }
    }
    assert!(rank(Answer::Ask) < rank(Answer::Trace), "the control");
}

#[test]
fn without_observed_calls_the_supervisor_is_asked_about_reported_rows_only() {
    for arch in BOTH {
        let program = program(arch, UnixSockets::Closed, Told::Listener(&[]));
        inputs(arch, |data| {
            if run(&program, data) == Answer::Ask {
                let row = verdict(arch, data.number, &data.arguments);
                assert!(row.is_some_and(|row| row.reported), "{data:x?}");
            }
        });
    }
}

#[test]
fn no_row_can_be_left_out_unnoticed() {
    for arch in BOTH {
        for (at, row) in all_rows().iter().enumerate() {
            let Some(number) = row.call.number(arch) else {
                continue;
            };
            let mut rows = all_rows();
            rows.remove(at);
            let mutant = program_of(rows.iter(), arch, Told::Listener(&[]));
            let name = row.call.name;
            assert!(
                is_noticed(&mutant, arch, number),
                "row {at} ({name}) does nothing on {arch:?}"
            );
        }
    }
}

#[test]
fn no_condition_can_be_left_out_unnoticed() {
    for arch in BOTH {
        for (at, row) in all_rows().iter().enumerate() {
            let Some(number) = row.call.number(arch) else {
                continue;
            };
            for left_out in 0..row.when.len() {
                let mut when = row.when.to_vec();
                when.remove(left_out);
                let mut rows = all_rows();
                rows[at].when = Vec::leak(when);
                let mutant = program_of(rows.iter(), arch, Told::Listener(&[]));
                let name = row.call.name;
                assert!(
                    is_noticed(&mutant, arch, number),
                    "{name}, condition {left_out} of row {at}"
                );
            }
        }
    }
}

#[test]
fn no_value_of_a_condition_can_be_left_out_unnoticed() {
    for arch in BOTH {
        for (at, row) in all_rows().iter().enumerate() {
            let Some(number) = row.call.number(arch) else {
                continue;
            };
            for (place, condition) in row.when.iter().enumerate() {
                for weaker in inputs::weakened(condition) {
                    let mut when = row.when.to_vec();
                    when[place] = weaker;
                    let mut rows = all_rows();
                    rows[at].when = Vec::leak(when);
                    let mutant = program_of(rows.iter(), arch, Told::Listener(&[]));
                    let name = row.call.name;
                    assert!(
                        is_noticed(&mutant, arch, number),
                        "{name}, row {at}: {weaker:x?}"
                    );
                }
            }
        }
    }
}

#[test]
fn another_machines_calls_end_the_process() {
    for Made { arch, program, .. } in shipped() {
        for (name, architecture) in ARCHITECTURES
            .into_iter()
            .filter(|(_, word)| *word != arch.word())
        {
            for number in 0..=600 {
                let data = Data {
                    number,
                    architecture,
                    arguments: [0; 6],
                };
                assert_eq!(
                    run(&program, &data),
                    Answer::Kill,
                    "{name} {number} on {arch:?}"
                );
            }
        }
    }
}

//! The control of the other tests: what must stay open. A filter that refused everything would pass many of them.

use super::super::Arch;
use super::super::instruction::Answer;
use super::super::interpret::Data;
use super::super::table::{UnixSockets, rows};
use super::{Made, run, shipped};

/// Name, number on x86_64, number on aarch64.
#[rustfmt::skip]
const ORDINARY: &[(&str, u32, u32)] = &[
    ("read", 0, 63), ("openat", 257, 56), ("mmap", 9, 222), ("execve", 59, 221), ("futex", 202, 98), ("kill", 62, 129),
    ("memfd_create", 319, 279), ("getrandom", 318, 278), ("landlock_create_ruleset", 444, 444), ("shmget", 29, 194),
    ("epoll_pwait2", 441, 441), ("faccessat2", 439, 439), ("io_setup", 206, 0), ("mseal", 462, 462), ("rseq", 334, 293),
    ("get_mempolicy", 239, 236), ("sched_setaffinity", 203, 122), ("accept4", 288, 242), ("splice", 275, 76),
];

/// Name, numbers, arguments.
#[rustfmt::skip]
const FORMS: &[(&str, u32, u32, [u64; 6])] = &[
    ("clone as fork does it",             56, 220, [0x0120_0011, 0, 0, 0, 0, 0]),
    ("clone as a thread does it",         56, 220, [0x003d_0f00, 0, 0, 0, 0, 0]),
    ("ioctl TCGETS",                      16,  29, [0, 0x5401, 0, 0, 0, 0]),
    ("ioctl TIOCGWINSZ",                  16,  29, [0, 0x5413, 0, 0, 0, 0]),
    ("personality, the question",        135,  92, [0xffff_ffff, 0, 0, 0, 0, 0]),
    ("socket UNIX",                       41, 198, [1, 0x8_0001, 0, 0, 0, 0]),
    ("socket TCP",                        41, 198, [2, 0x8_0801, 6, 0, 0, 0]),
    ("socket UDP over IPv6",              41, 198, [10, 2, 17, 0, 0, 0]),
    ("socket of the routing table",       41, 198, [16, 0x8_0003, 0, 0, 0, 0]),
    ("socketpair",                        53, 199, [1, 2, 0, 0, 0, 0]),
    ("seccomp without a listener",       317, 277, [1, 1, 0x1000, 0, 0, 0]),
    ("unshare of the working directory", 272,  97, [0x200, 0, 0, 0, 0, 0]),
    ("prctl PR_SET_NAME",                157, 167, [15, 0x1000, 0, 0, 0, 0]),
    ("send on a connected socket",        44, 206, [3, 0x1000, 9, 0, 0, 0]),
];

fn check(name: &str, x86_64: u32, aarch64: u32, arguments: [u64; 6]) {
    for made in shipped().filter(|made| made.unix == UnixSockets::Open) {
        let arch = made.arch;
        let number = if arch == Arch::X86_64 {
            x86_64
        } else {
            aarch64
        };
        let data = Data {
            number,
            architecture: arch.word(),
            arguments,
        };
        let mut observed = made.told.observed().iter();
        // Whoever is told of it lets it go on.
        let expected = match observed.any(|call| call.stops(arch, number, &arguments)) {
            true => made.told.look(),
            false => Answer::Allow,
        };
        assert_eq!(run(&made.program, &data), expected, "{name} on {arch:?}");
    }
}

#[test]
fn the_calls_that_runtimes_live_on_stay_open() {
    for (name, x86_64, aarch64) in ORDINARY {
        check(name, *x86_64, *aarch64, [u64::MAX; 6]);
    }
}

#[test]
fn the_forms_of_refused_calls_that_runtimes_need_stay_open() {
    for (name, x86_64, aarch64, arguments) in FORMS {
        check(name, *x86_64, *aarch64, *arguments);
    }
}

#[test]
fn where_unix_sockets_are_closed_pairs_that_cannot_be_connected_anew_stay_open() {
    for Made { arch, program, .. } in shipped().filter(|made| made.unix == UnixSockets::Closed) {
        let [socket, pair] = if arch == Arch::X86_64 {
            [41, 53]
        } else {
            [198, 199]
        };
        let answer = |number, kind| {
            let arguments = [1, kind, 0, 0, 0, 0];
            run(
                &program,
                &Data {
                    number,
                    architecture: arch.word(),
                    arguments,
                },
            )
        };
        for (kind, is_open) in [
            (1, true),
            (5, true),
            (2, false),
            (3, false),
            (0x8_0001, true),
            (0x8_0002, false),
        ] {
            assert_eq!(
                answer(pair, kind) == Answer::Allow,
                is_open,
                "a pair of type {kind:#x}"
            );
            assert_ne!(
                answer(socket, kind),
                Answer::Allow,
                "a socket of type {kind:#x}"
            );
        }
    }
}

#[test]
fn a_call_without_a_row_is_open_whatever_its_arguments() {
    for Made {
        arch,
        unix,
        program,
        told,
    } in shipped()
    {
        let refused = rows(unix).map(|row| row.call);
        let observed = told.observed().iter().map(|observed| observed.call);
        let named: Vec<u32> = refused
            .chain(observed)
            .filter_map(|call| call.number(arch))
            .collect();
        for number in (0..=470).filter(|number| arch.knows(*number) && !named.contains(number)) {
            for word in [0, 1, 0x5412, 0x7e02_0000, u64::MAX] {
                let data = Data {
                    number,
                    architecture: arch.word(),
                    arguments: [word; 6],
                };
                assert_eq!(run(&program, &data), Answer::Allow, "{number} on {arch:?}");
            }
        }
    }
}

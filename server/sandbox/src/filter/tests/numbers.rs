//! The table's call numbers against two other sources: a crate that lists them, and the kernel's headers where they are installed.

use std::collections::HashMap;

use super::super::table::{UnixSockets, rows};
use super::super::{Arch, Call, LAST_KNOWN};
use super::every_look;

fn calls() -> impl Iterator<Item = Call> {
    rows(UnixSockets::Closed)
        .map(|row| row.call)
        .chain(every_look().iter().map(|observed| observed.call))
}

#[test]
fn every_number_is_the_one_that_the_syscalls_crate_lists() {
    // The crate ends at Linux 6.18.
    const NEWEST: u32 = 469;
    assert_eq!(
        "file_setattr"
            .parse()
            .map(|call: syscalls::aarch64::Sysno| call.id() as u32),
        Ok(NEWEST)
    );
    for call in calls().filter(|call| call.x86_64.is_some_and(|number| number <= NEWEST)) {
        let x86_64 = call
            .name
            .parse::<syscalls::x86_64::Sysno>()
            .ok()
            .map(|call| call.id() as u32);
        let aarch64 = call
            .name
            .parse::<syscalls::aarch64::Sysno>()
            .ok()
            .map(|call| call.id() as u32);
        assert_eq!(
            (call.x86_64, call.aarch64),
            (x86_64, aarch64),
            "{}",
            call.name
        );
    }
}

#[test]
fn every_number_is_the_one_in_the_installed_headers() {
    let sources = [
        (
            Arch::X86_64,
            "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        ),
        (Arch::X86_64, "/usr/include/asm/unistd_64.h"),
        (Arch::Aarch64, "/usr/include/asm-generic/unistd.h"),
    ];
    let mut compared = 0;
    for (arch, path) in sources {
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        let listed = header(&text);
        let newest = listed
            .values()
            .copied()
            .filter(|number| *number < 1000)
            .max()
            .unwrap_or(0);
        assert!(
            newest > 400,
            "{path} could not be read: its highest number is {newest}"
        );
        for call in calls() {
            let Some(number) = call.number(arch) else {
                continue;
            };
            // Headers older than the call do not list it.
            if number <= newest {
                assert_eq!(
                    listed.get(call.name),
                    Some(&number),
                    "{} in {path}",
                    call.name
                );
                compared += 1;
            }
        }
        for number in listed.values().filter(|number| **number <= LAST_KNOWN) {
            let narrow = arch == Arch::Aarch64 && (403..=423).contains(number);
            assert!(
                narrow || arch.knows(*number),
                "{path} gives {number} to a call, and the filter counts it as unknown"
            );
        }
    }
    if compared == 0 {
        assert!(
            std::env::var_os("BELLJAR_MUST").is_none(),
            "the kernel's headers (linux-libc-dev) are not installed"
        );
        println!("skipped: the kernel's headers (linux-libc-dev) are not installed");
    }
}

/// Names and numbers of `#define __NR_name 123` lines, also where the generic header calls them `__NR3264_name`.
fn header(text: &str) -> HashMap<&str, u32> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.strip_prefix("#define ")?.split_whitespace();
            let name = words.next()?;
            let name = name
                .strip_prefix("__NR_")
                .or_else(|| name.strip_prefix("__NR3264_"))?;
            Some((name, words.next()?.parse().ok()?))
        })
        .filter(|(name, _)| *name != "syscalls" && *name != "arch_specific_syscall")
        .collect()
}

#[test]
fn no_row_stands_behind_the_last_known_call_or_in_a_hole() {
    for call in calls() {
        for arch in super::BOTH {
            assert!(
                call.number(arch).is_none_or(|number| arch.knows(number)),
                "{} on {arch:?}",
                call.name
            );
        }
    }
}

#[test]
fn the_last_known_call_is_in_the_table_and_the_one_after_it_is_unknown() {
    let newest = calls().filter_map(|call| call.number(Arch::X86_64)).max();
    assert_eq!(newest, Some(LAST_KNOWN));
    assert!(!Arch::X86_64.knows(LAST_KNOWN + 1) && !Arch::Aarch64.knows(LAST_KNOWN + 1));
}

#[test]
fn every_reason_is_a_sentence() {
    for row in rows(UnixSockets::Closed) {
        assert!(
            row.reason.starts_with(char::is_uppercase) && row.reason.ends_with('.'),
            "{}: {}",
            row.call.name,
            row.reason
        );
    }
}

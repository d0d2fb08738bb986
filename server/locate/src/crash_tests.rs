//! Tests of crashes that are told where they happened: programs of real compilers, and forged ones.

use std::path::Path;

use crate::locator::Locator;
use crate::standing::{Standing, is_there};

/// The handler as it is linked into programs, but one that opens the test's pipe: so the program stands where a watched
/// one would.
fn handler(pipe: &str) -> String {
    let text = include_str!("../../../policies/runtimes/crash.S");
    text.replace("/.belljar/v1/crash", pipe)
}

/// Compiles `text`, lets it crash, and gives what is told of that.
fn crash_of(name: &str, text: &str, command: &str) -> (u32, String) {
    let script = format!("{command} && exec ./program");
    let files = [(name, text), ("crash.S", &handler("PIPE"))];
    let mut program = Standing::start_with("sh", &["-c", &script], &files);
    let thread = program.stop();
    let mut locator = Locator::new(Some(&program.file(name)));
    assert!(locator.tell(thread, super::PATH));
    let crash = locator.crashed().expect("the crash has a place");
    assert!(locator.tell(thread, super::PATH));
    assert_eq!(locator.crashed(), None, "it is told once");
    (crash.place.line.unwrap_or(0), crash.message())
}

fn c(statements: &str) -> String {
    format!(
        "#include <signal.h>\n#include <stdlib.h>\n#include <string.h>\nint zero;\n\
         int deeper(int n) {{ volatile char room[999]; room[0] = 1; return deeper(n + 1) + room[0]; }}\n\
         void at_fault(int *p) {{\n{statements}\n}}\nint main(void) {{ at_fault(0); }}\n"
    )
}

#[test]
fn each_way_to_crash_is_told_in_words_on_its_line() {
    let table = [
        (
            "*p = 1;",
            7,
            "SIGSEGV: segmentation fault, by way of a null pointer",
        ),
        (
            "memset(p, 1, 99);",
            7,
            "SIGSEGV: segmentation fault, by way of a null pointer",
        ),
        (
            "((void (*)(void))p)();",
            7,
            "SIGSEGV: segmentation fault, by way of a null pointer",
        ),
        (
            "*(volatile int *)0x123456789000 = 1;",
            7,
            "SIGSEGV: segmentation fault",
        ),
        (
            "*(volatile int *)0x1234567890000000 = 1;",
            7,
            "SIGSEGV: segmentation fault",
        ),
        (
            "zero = 5 % zero;",
            7,
            "SIGFPE: arithmetic error, such as a division by zero",
        ),
        ("abort();", 7, "SIGABRT: the program aborted"),
        ("free((void *)&zero);", 7, "SIGABRT: the program aborted"),
        (
            "raise(SIGFPE);",
            7,
            "SIGFPE: arithmetic error, such as a division by zero",
        ),
        ("__builtin_trap();", 7, "SIGILL: illegal instruction"),
        ("deeper(0);", 5, "SIGSEGV: stack overflow"),
    ];
    for compiler in ["gcc", "clang -static"] {
        if !is_there(compiler.split(' ').next().unwrap_or_default()) {
            continue;
        }
        for (statement, line, message) in table {
            let command = format!("{compiler} -g -w -O0 -o program $0 crash.S");
            let told = crash_of("main.c", &c(statement), &command);
            assert_eq!(told, (line, message.to_owned()), "{compiler}: {statement}");
        }
    }
}

#[test]
fn an_exception_that_nobody_catches_is_on_the_line_that_threw_it() {
    let text = "#include <stdexcept>\nstatic void fail() {\n    throw std::runtime_error(\"no\");\n}\n\
                int main() { fail(); }\n";
    let told = crash_of("main.cpp", text, "g++ -g -o program $0 crash.S");
    assert_eq!(told, (3, "SIGABRT: the program aborted".to_owned()));
}

#[test]
fn a_crash_in_rust_is_told_although_rust_has_a_handler_of_its_own() {
    if !is_there("rustc") {
        return;
    }
    let table = [
        (
            // In two parts, because the word is looked for in our own code.
            concat!("un", "safe { *(8 as *mut u8) = 1 }"),
            3,
            "SIGSEGV: segmentation fault, by way of a null pointer",
        ),
        ("std::process::abort()", 3, "SIGABRT: the program aborted"),
        ("println!(\"{}\", deeper(0))", 1, "SIGSEGV: stack overflow"),
        (
            "std::thread::spawn(|| deeper(0)).join().map(|_| ()).unwrap()",
            1,
            "SIGSEGV: stack overflow",
        ),
    ];
    for (statement, line, message) in table {
        let text = format!(
            "fn deeper(n: u64) -> u64 {{ let room = [n; 99]; deeper(n + 1) + room[n as usize % 99] }}\n\
             fn main() {{\n{statement}\n}}\n"
        );
        let command = "rustc -g -C link-arg=crash.S -C link-arg=-Wl,--wrap=sigaction -o program $0";
        let told = crash_of("main.rs", &text, command);
        assert_eq!(told, (line, message.to_owned()), "{statement}");
    }
}

#[test]
fn a_forged_crash_is_told_of_nowhere_that_the_program_is_not() {
    let text = "#include <fcntl.h>\n#include <unistd.h>\n#include <sys/syscall.h>\n\
                int main(void) { syscall(SYS_openat, 11, \"PIPE\", 0, 4096); }\n";
    let script = "gcc -w -g -o program $0 && exec ./program";
    let mut program = Standing::start_with("sh", &["-c", script], &[("main.c", text)]);
    let thread = program.stop();
    for document in [
        program.file("main.c"),
        Path::new("/etc/passwd").to_path_buf(),
    ] {
        let mut locator = Locator::new(Some(&document));
        assert!(locator.tell(thread, super::PATH));
        assert_eq!(locator.crashed(), None);
    }
}

//! Tests of where a stopped program was working or waiting.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::locator::Locator;
use crate::process::threads_of;
use crate::standing::{Standing, is_there};

/// Runs `text` until it has opened the pipe and then worked for a while, stops it, and gives the line it was on.
fn stuck_on(name: &str, text: &str, command: &str) -> Option<u32> {
    let script = format!("{command} exec ./program");
    let mut program = Standing::start_with("sh", &["-c", &script], &[(name, text)]);
    let thread = program.stop();
    let pid = program.pid();
    let before = super::worked_in_all(pid);
    program.go_on();
    let deadline = Instant::now() + Duration::from_secs(30);
    // Work is seen in ticks of 10 ms; a program that waits does none, and is at its place as soon as it has gone on.
    let is_there = |text: &str| !text.starts_with("257") && !text.starts_with("running");
    while super::worked_in_all(pid) < before + 5
        && !(text.contains("pause()") && {
            let call = fs::read_to_string(format!("/proc/{thread}/syscall"));
            is_there(&call.unwrap_or_default())
        })
    {
        assert!(Instant::now() < deadline, "it does not work");
        std::thread::yield_now();
    }
    kill(Pid::from_raw(pid), Signal::SIGSTOP).expect("our child");
    let state = |thread: &i32| fs::read_to_string(format!("/proc/{thread}/stat"));
    let is_stopped = |thread: &i32| state(thread).unwrap_or_default().contains(") T ");
    while !threads_of(pid).iter().all(is_stopped) {
        assert!(Instant::now() < deadline, "it does not stop");
        std::thread::yield_now();
    }
    let mut locator = Locator::new(Some(&program.file(name)));
    let place = locator.place_of_process(pid);
    assert_eq!(place, locator.place_of_processes(&[1, pid]));
    place.line
}

#[test]
fn a_loop_without_end_is_found_on_its_line() {
    let text = r#"
#include <fcntl.h>
#include <unistd.h>
static volatile long sum;
static void work(void) {
    for (;;) { sum += 1; sum ^= 3; }
}
int main(void) { open("PIPE", O_RDONLY); work(); }
"#;
    assert_eq!(stuck_on("main.c", text, "gcc -g -o program $0 &&"), Some(6));
}

#[test]
fn the_thread_that_works_is_told_and_not_the_one_that_waits_for_it() {
    let text = r#"
#include <fcntl.h>
#include <thread>
static volatile long sum;
int main() {
    std::thread worker([] {
        while (true) { sum = sum + 1; }
    });
    open("PIPE", O_RDONLY);
    worker.join();
}
"#;
    let command = "g++ -g -pthread -o program $0 &&";
    assert_eq!(stuck_on("main.cpp", text, command), Some(7));
}

#[test]
fn a_program_that_waits_is_on_the_line_where_it_waits() {
    let text = r#"
#include <fcntl.h>
#include <unistd.h>
int main(void) {
    open("PIPE", O_RDONLY);
    pause();
}
"#;
    assert_eq!(stuck_on("main.c", text, "gcc -g -o program $0 &&"), Some(6));
}

#[test]
fn a_loop_in_rust_or_go_is_found_on_its_line() {
    let rust = r#"
fn main() {
    std::fs::read("PIPE").ok();
    let mut sum = 0u64;
    loop { sum = std::hint::black_box(sum + 1); }
}
"#;
    if is_there("rustc") {
        let command = "rustc -g -o program $0 &&";
        assert_eq!(stuck_on("main.rs", rust, command), Some(5));
    }
    let go = r#"
package main

import "os"

var sum int

func main() {
	os.ReadFile("PIPE")
	for { sum += sum ^ 3 }
}
"#;
    if is_there("go") {
        let command = "export GO111MODULE=off; go build -o program $0 &&";
        assert_eq!(stuck_on("main.go", go, command), Some(10));
    }
}

#[test]
fn a_go_program_that_waits_is_on_the_line_where_its_main_goroutine_waits() {
    if !is_there("go") {
        return;
    }
    let text = r#"
package main

import (
	"os"
	"time"
)

func main() {
	os.ReadFile("PIPE")
	go func() { select {} }()
	time.Sleep(time.Hour)
}
"#;
    let script = "export GO111MODULE=off; go build -o program $0 && exec ./program";
    let mut program = Standing::start_with("sh", &["-c", script], &[("main.go", text)]);
    program.stop();
    let pid = program.pid();
    program.go_on();
    let mut locator = Locator::new(Some(&program.file("main.go")));
    let deadline = Instant::now() + Duration::from_secs(30);
    // Nobody says when it has come to wait: it is asked until it has.
    loop {
        kill(Pid::from_raw(pid), Signal::SIGSTOP).expect("our child");
        let place = locator.place_of_process(pid);
        if place.line == Some(12) {
            break;
        }
        assert!(Instant::now() < deadline, "it is at {place:?}");
        kill(Pid::from_raw(pid), Signal::SIGCONT).expect("our child");
        std::thread::yield_now();
    }
}

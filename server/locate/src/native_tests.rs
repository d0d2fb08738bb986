//! Real programs from real compilers, stopped on lines that say so.

use crate::frame::Certainty;
use crate::locator::Locator;
use crate::standing::{Standing, is_there};

/// Compiles `text` by `command`, in which `$0` is its source and `./program` what comes out, and holds the place of each
/// stop against the lines that say `// exact` and `// caller`, in the order in which they are reached.
fn check(name: &str, text: &str, command: &str) {
    let tool = command.split_whitespace().next().unwrap_or_default();
    if !is_there(tool) {
        return;
    }
    if tool == "go" {
        build_libraries(name, text, command);
    }
    let script = format!("{command} && exec ./program");
    let mut program = Standing::start_with("sh", &["-c", &script], &[(name, text)]);
    let mut locator = Locator::new(Some(&program.file(name)));
    for (number, certainty) in expected(text) {
        let thread = program.stop();
        let place = locator.place(thread);
        let line = Some(number);
        assert_eq!(
            (place.line, place.certainty),
            (line, certainty),
            "{command}: {:?}",
            locator.frames(thread)
        );
        program.go_on();
    }
}

/// Go builds its library once for each kind of program, which takes longer than a test waits for a program.
fn build_libraries(name: &str, text: &str, command: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join(name), text).expect("written");
    #[allow(clippy::disallowed_methods)]
    let built = std::process::Command::new("sh")
        .args(["-c", command, name])
        .current_dir(directory.path())
        .status();
    assert!(built.is_ok_and(|status| status.success()), "{command}");
}

/// Lines with a mark, in the order of their numbers: `// exact 1`.
fn expected(text: &str) -> Vec<(u32, Certainty)> {
    let mut stops: Vec<(u32, u32, Certainty)> = (1..)
        .zip(text.lines())
        .filter_map(|(line, text)| {
            let (_, mark) = text.rsplit_once("// ")?;
            let (word, order) = mark.split_once(' ')?;
            let certainty = match word {
                "exact" => Certainty::Exact,
                "caller" => Certainty::Caller,
                _ => return None,
            };
            Some((order.parse().ok()?, line, certainty))
        })
        .collect();
    stops.sort_by_key(|(order, ..)| *order);
    stops
        .into_iter()
        .map(|(_, line, sure)| (line, sure))
        .collect()
}

const C: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int by_name(const char *name) {
    int fd = open(name, O_RDONLY); // exact 1
    return fd + 1;
}

static void with_a_large_frame(int depth) {
    volatile char room[20000];
    memset((char *)room, depth, sizeof room);
    if (depth > 0) {
        with_a_large_frame(depth - 1);
        room[depth] = 1;
        return;
    }
    FILE *file = fopen("PIPE", "r"); // exact 2
    if (file) fclose(file);
}

static int compare(const void *a, const void *b) {
    int fd = open("PIPE", O_RDONLY); // exact 3
    close(fd);
    return *(const int *)a - *(const int *)b;
}

static void *in_a_thread(void *unused) {
    long fd = syscall(SYS_openat, AT_FDCWD, "PIPE", O_RDONLY); // exact 4
    return (void *)fd;
}

int main(void) {
    int numbers[] = {2, 1};
    pthread_t thread;
    pid_t pid;
    by_name("PIPE");
    with_a_large_frame(3);
    qsort(numbers, 2, sizeof *numbers, compare);
    pthread_create(&thread, NULL, in_a_thread, NULL);
    pthread_join(thread, NULL);
    if (fork() == 0) {
        by_name("/dev/null");
        _exit(open("PIPE", O_RDONLY)); // exact 5
    }
    wait(NULL);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "PIPE", O_RDONLY, 0);
    char *argv[] = {"true", NULL};
    posix_spawnp(&pid, "true", &actions, NULL, argv, NULL); // caller 6
    wait(NULL);
    pid = vfork();
    if (pid == 0) {
        int fd = open("PIPE", O_RDONLY | O_CLOEXEC); // exact 7
        _exit(fd > 1000);
    }
    pause();
}
"#;

#[test]
fn every_way_into_the_kernel_from_c_is_on_its_line() {
    for compiler in ["gcc", "clang"] {
        for flags in [
            "-O0",
            "-O1",
            "-O2 -fno-optimize-sibling-calls",
            "-O0 -static",
            "-O0 -no-pie",
            "-O2 -fno-optimize-sibling-calls -fno-omit-frame-pointer",
            "-O0 -gdwarf-4",
            "-O0 -gz",
            "-O0 -gsplit-dwarf",
        ] {
            let command = format!("{compiler} -g {flags} -pthread -o program $0");
            check("main.c", C, &command);
        }
    }
}

#[test]
fn a_call_that_has_left_its_frame_to_another_is_on_the_line_of_a_caller() {
    let text = r#"
#include <fcntl.h>
__attribute__((noinline)) int by_name(const char *name) {
    return open(name, O_RDONLY);
}
int main(void) {
    int fd = by_name("PIPE"); // caller 1
    return fd + 1;
}
"#;
    for compiler in ["gcc", "clang"] {
        check("main.c", text, &format!("{compiler} -g -O2 -o program $0"));
    }
}

#[test]
fn a_caller_without_frame_pointers_is_found_behind_a_function_that_has_one() {
    let text = r#"
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef LIBRARY
int library(const char *name) {
    volatile char room[64];
    room[0] = 1;
    return syscall(SYS_openat, AT_FDCWD, name, O_RDONLY) + room[0];
}
#else
int library(const char *name);
__attribute__((noinline)) int through(int (*function)(const char *), const char *name) {
    return function(name) + 1; // caller 1
}
int main(void) {
    return through(library, "PIPE") + 1;
}
#endif
"#;
    for compiler in ["gcc", "clang"] {
        let library =
            format!("{compiler} -O1 -fno-omit-frame-pointer -DLIBRARY -c -o library.o $0");
        let program = format!("{compiler} -g -O1 -fomit-frame-pointer -o program $0 library.o");
        check("main.c", text, &format!("{library} && {program}"));
    }
}

#[test]
fn a_program_that_maps_a_thousand_programs_does_not_use_our_descriptors_up() {
    let text = r#"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>
int main(void) {
    char name[64];
    for (int i = 0; i < 1000; i++) {
        int from = open("/proc/self/exe", O_RDONLY);
        snprintf(name, sizeof name, "copy-%d", i);
        int to = open(name, O_RDWR | O_CREAT, 0700);
        while (sendfile(to, from, 0, 1 << 20) > 0) {}
        mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, to, 4096);
        close(from);
        close(to);
    }
    return open("PIPE", O_RDONLY);
}
"#;
    let script = "gcc -g -o program $0 && exec ./program";
    let mut program = Standing::start_with("sh", &["-c", script], &[("main.c", text)]);
    let thread = program.stop();
    let mut locator = Locator::new(Some(&program.file("main.c")));
    let start = std::time::Instant::now();
    assert_eq!(locator.place(thread).line, Some(18));
    assert!(locator.open_files() <= 256);
    assert!(start.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn lines_are_those_that_a_line_directive_says() {
    let text = r#"
#include <fcntl.h>
#line 2 "HERE/main.c"
int main(void) { return open("PIPE", O_RDONLY); }
"#;
    let mut program = Standing::start_with(
        "sh",
        &["-c", "gcc -g -o program $0 && exec ./program"],
        &[("main.c", text)],
    );
    let thread = program.stop();
    let mut locator = Locator::new(Some(&program.file("main.c")));
    assert_eq!(locator.place(thread).line, Some(2));
    let mut locator = Locator::new(Some(&program.file("other.c")));
    assert_eq!(locator.place(thread).line, None);
}

const CPP: &str = r#"
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <algorithm>

struct Reader {
    virtual ~Reader() = default;
    virtual bool read(const std::string &name) = 0;
};
struct File : Reader {
    bool read(const std::string &name) override {
        std::ifstream file(name); // caller 1
        return file.good();
    }
};
template <typename T> static bool twice(T action) {
    return action() && action();
}
static bool opened(const char *name) {
    std::ifstream file(name); // caller 2
    return file.good();
}
int main() {
    File file;
    Reader *reader = &file;
    if (!reader->read("PIPE")) return 1;
    std::vector<int> numbers{2, 1};
    std::sort(numbers.begin(), numbers.end(), [](int a, int b) {
        opened("PIPE");
        return a < b;
    });
    std::function<bool()> later = [] {
        FILE *file = fopen("PIPE", "r"); // exact 3
        return file != nullptr;
    };
    std::thread other([&] {
        later();
        std::string name = "PIPE";
        FILE *file = fopen(name.c_str(), "r"); // exact 4
        if (file) fclose(file);
    });
    other.join();
    try {
        throw std::runtime_error("PIPE");
    } catch (const std::exception &error) {
        if (FILE *file = fopen(error.what(), "r")) // exact 5
            fclose(file);
    }
    return twice([] {
        FILE *file = fopen("PIPE", "r"); // exact 6
        return file == nullptr;
    });
}
"#;

#[test]
fn lambdas_threads_and_the_standard_library_of_cpp_are_on_their_lines() {
    for compiler in ["g++", "clang++"] {
        for flags in ["-O0", "-O2 -fno-optimize-sibling-calls", "-O1 -gdwarf-4"] {
            let command = format!("{compiler} -std=c++20 -g {flags} -pthread -o program $0");
            check("main.cpp", CPP, &command);
        }
    }
}

const RUST: &str = r#"
use std::fs::File;
use std::io::Read;
use std::process::Command;

fn by_name(name: &str) -> usize {
    let file = File::open(name); // caller 1
    usize::from(file.is_ok())
}

#[inline(always)]
fn inlined(name: &str) -> usize {
    let mut text = String::new();
    let file = File::open(name); // caller 2
    file.map(|mut file| file.read_to_string(&mut text).unwrap_or(0)).unwrap_or(0)
}

fn main() {
    let mut found = by_name("PIPE");
    found += inlined("PIPE");
    let other = std::thread::spawn(|| {
        let text = std::fs::read_to_string("PIPE"); // caller 3
        text.map(|text| text.len()).unwrap_or(0)
    });
    found += other.join().unwrap_or(0);
    found += ["PIPE"].iter().map(|name| {
        std::fs::read(name).map(|bytes| bytes.len()).unwrap_or(0) // caller 4
    }).sum::<usize>();
    let child = Command::new("cat")
        .arg("PIPE")
        .status(); // started 5
    println!("{found} {child:?}");
}
"#;

#[test]
fn what_the_standard_library_of_rust_does_is_on_the_line_that_asked_for_it() {
    for flags in ["-g", "-C debuginfo=line-tables-only", "-g -C opt-level=1"] {
        check("main.rs", RUST, &format!("rustc {flags} -o program $0"));
    }
}

const GO: &str = r#"
package main

import (
	"fmt"
	"os"
	"os/exec"
)

type reader struct{ name string }

func (r reader) read() int {
	text, _ := os.ReadFile(r.name) // caller 1
	return len(text)
}

func short(name string) bool { f, err := os.Open(name); defer f.Close(); return err == nil } // caller 2

func tiny(name string) error { _, err := os.Open(name); return err } // caller 3

func each(names []string, do func(string) int) (sum int) {
	for _, name := range names {
		sum += do(name)
	}
	return
}

func main() {
	sum := reader{"PIPE"}.read()
	if short("PIPE") {
		sum++
	}
	if tiny("PIPE") != nil {
		sum++
	}
	done := make(chan int)
	go func() {
		defer close(done)
		sum += each([]string{"PIPE"}, func(name string) int {
			f, _ := os.Open(name) // caller 4
			f.Close()
			return 1
		})
	}()
	<-done
	out, err := exec.Command("cat", "PIPE").Output() // started 5
	fmt.Println(sum, len(out), err)
}
"#;

#[test]
fn what_the_library_of_go_does_is_on_the_line_that_asked_for_it() {
    for flags in ["", "-ldflags=-w", "-gcflags=-l", "-buildmode=pie"] {
        let home = "export GO111MODULE=off";
        check(
            "main.go",
            GO,
            &format!("go version >/dev/null; {home}; go build {flags} -o program $0"),
        );
    }
}

#[test]
fn what_a_goroutine_of_the_library_does_is_on_the_line_that_led_to_it() {
    let text = r#"
package main

import (
	"net"
	"net/http"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		http.Serve(listener, http.FileServer(http.Dir("HERE"))) // caller 1
	}()
	http.Get("http://" + listener.Addr().String() + "/pipe")
}
"#;
    let go = "go version >/dev/null; export GO111MODULE=off GODEBUG=tracebackancestors=5";
    check("main.go", text, &format!("{go}; go build -o program $0"));
}

/// The median time that `Locator::place` takes for a thread that stands, in microseconds: at first, for a process that is
/// new, and later.
fn cost_of(name: &str, text: &str, command: &str) -> [u128; 3] {
    let script = format!("{command} && exec ./program");
    let mut program = Standing::start_with("sh", &["-c", &script], &[(name, text)]);
    let thread = program.stop();
    let document = program.file(name);
    let timed = |locator: &mut Locator| {
        let start = std::time::Instant::now();
        assert!(locator.place(thread).line.is_some());
        start.elapsed().as_micros()
    };
    let median = |mut times: Vec<u128>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let first = (0..9).map(|_| timed(&mut Locator::new(Some(&document))));
    let first = median(first.collect());
    let mut locator = Locator::new(Some(&document));
    timed(&mut locator);
    let warm = median((0..999).map(|_| timed(&mut locator)).collect());
    let fresh = (0..99).map(|_| {
        locator.forget(thread);
        timed(&mut locator)
    });
    [first, median(fresh.collect()), warm]
}

#[test]
#[ignore = "prints figures"]
fn what_a_place_costs() {
    let go = "export GO111MODULE=off; go build -o program $0";
    for (name, text, command) in [
        ("main.c", C, "gcc -g -pthread -o program $0"),
        ("main.c", C, "gcc -g -static -pthread -o program $0"),
        ("main.cpp", CPP, "g++ -std=c++20 -g -pthread -o program $0"),
        (
            "main.rs",
            RUST,
            "rustc -C debuginfo=line-tables-only -o program $0",
        ),
        ("main.rs", RUST, "rustc -g -o program $0"),
        ("main.go", GO, go),
    ] {
        let [first, fresh, warm] = cost_of(name, text, command);
        println!("{command}: first {first} us, new process {fresh} us, later {warm} us");
    }
    let bash = "x() {\n  cat < PIPE\n}\nx\n";
    let python = "import json, socket\ndef x():\n    open('PIPE')\nx()\n";
    for (name, text, program) in [("main.sh", bash, "bash"), ("main.py", python, "python3")] {
        let command = format!("ln -s $(command -v {program}) program; exec {program} $0");
        let [first, fresh, warm] = cost_of(name, text, &command);
        println!("{program}: first {first} us, new process {fresh} us, later {warm} us");
    }
}

//! Tests of reading R from outside: real interpreters that stand still, and memory full of noise.

use proptest::prelude::*;

use crate::frame::Certainty::{self, Caller, Exact};
use crate::noise::{BASE, noise};
use crate::standing::{Standing, check_with, is_there};

use super::*;

/// Evaluates a file with references to the source, as the runtime file has it done.
const START: &str = "forms <- parse(commandArgs(TRUE)[1], keep.source = TRUE); places <- attr(forms, 'srcref'); \
    for (number in seq_along(forms)) { form <- as.call(list(as.name('{'), forms[[number]])); \
    attr(form, 'srcref') <- places[c(number, number)]; eval(form, globalenv()) }";

/// What comes before the file's name.
const ARGUMENTS: [&str; 3] = ["--vanilla", "-e", START];

fn check(files: &[(&str, &str)], expected: &[(u32, Certainty)]) {
    check_with("Rscript", &ARGUMENTS, files, expected);
}

#[test]
fn a_call_of_a_script_is_on_its_line() {
    let script = "x <- readLines('PIPE')\n\
                  reads <- function(x) {\n  y <- 1\n  readLines(\n    x)\n}\n\
                  reads('PIPE')\n\
                  z <- tryCatch({\n  y <- 1\n  readLines('PIPE')\n  stop('x')\n}, error = function(e) {\n  reads('PIPE')\n})\n\
                  q <- sapply(1:2, function(n) {\n\n  if (n == 2) reads('PIPE')\n})\n\
                  r <- local(\n  readLines('PIPE')\n)\n\
                  system('cat PIPE')\n\
                  s <- system('cat PIPE', intern = TRUE)\n\
                  p <- parallel::mcparallel({\n  readLines('PIPE')\n})\nr <- parallel::mccollect(p)\n";
    let lines = [1, 4, 10, 4, 4, 19, 22, 23, 25].map(|line| (line, Exact));
    check(&[("a.R", script)], &lines);
}

#[test]
fn compiled_code_is_on_its_line() {
    let script = "reads <- function(x, y) {\n  z <- y + 1\n  if (x) {\n    f <- file('PIPE')\n    readLines(f)\n    close(f)\n  }\n  z\n}\n\
                  for (i in 1:6) {\n  reads(i %% 3 == 0,\n    1)\n}\n\
                  n <- 0\nwhile (n < 3) {\n  n <- n + 1\n  if (n == 3)\n    x <- readLines('PIPE')\n}\n";
    let lines = [5, 5, 17].map(|line| (line, Exact));
    check(&[("a.R", script)], &lines);
}

#[test]
fn a_call_of_a_library_is_on_the_line_that_called_it() {
    let library = "run <- function() {\n  readLines('PIPE')\n}\nx <- readLines('PIPE')\n";
    let script = "\nsource('HERE/lib.R', keep.source = TRUE)\n\nrun()\n\
                  x <- sapply(1, function(n) {\n  run()\n})\n\
                  x <- utils::read.csv('PIPE')\n";
    let files = [("a.R", script), ("lib.R", library)];
    let lines = [2, 4, 6].map(|line| (line, Caller));
    check(&files, &lines);
}

#[test]
fn an_argument_is_evaluated_by_who_wrote_it() {
    let script = "x <- tryCatch(utils::read.csv('PIPE'), error = print)\n\
                  reads <- function(x) {\n  utils::head(\n    readLines(x))\n}\n\
                  x <- utils::tail(readLines('PIPE'))\nx <- utils::tail(reads('PIPE'))\n\
                  quiet <- function(code) {\n  y <- 1\n  suppressWarnings(tryCatch(code, error = print))\n}\n\
                  quiet(readLines('PIPE'))\n\
                  quiet({\n  y <- 2\n  readLines('PIPE')\n})\n\
                  inner <- function(path) {\n  quiet(\n    readLines(path))\n}\n\
                  for (i in 1:3) {\n  quiet(inner('PIPE'))\n}\n\
                  quiet({\n  y <- 3\n  quiet(readLines('PIPE'))\n})\n";
    let lines = [
        (1, Caller),
        (6, Exact),
        (3, Exact),
        (12, Exact),
        (15, Exact),
        (18, Exact),
        (18, Exact),
        (18, Exact),
        (26, Exact),
    ];
    check(&[("a.R", script)], &lines);
}

#[test]
fn a_loop_that_is_stopped_is_known_by_its_lines() {
    let script = "x <- 1\ny <- readLines('PIPE')\nspin <- function(y) {\n\n  while (TRUE) {\n    for (i in 1:2) {\n      \
                  x <- x * 3 %% 7\n    }\n  }\n}\n";
    let calls = [
        ("spin()\n", 5..=8),
        ("while (TRUE) {\n  x <- 2\n}\n", 12..=14),
    ];
    for (call, lines) in calls {
        if !is_there("Rscript") {
            return;
        }
        let script = format!("{script}\n{call}");
        let mut script = Standing::start_with("Rscript", &ARGUMENTS, &[("a.R", &script)]);
        script.stop();
        script.go_on();
        let line = script.stopped_place().line.unwrap_or(0);
        assert!(lines.contains(&line), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_memory_is_too_strange(memory in noise()) {
        for at in (BASE..BASE + memory.size() - 40).step_by(104) {
            let [context, reference, compiled, nil, base] = [0, 8, 16, 24, 32].map(|more| at + more);
            let mut r = R { context, reference, compiled, nil, base, running: None };
            let found = r.read(&memory, |_| false);
            prop_assert!(found.unwrap_or_default().len() <= DEEPEST + 1);
            prop_assert!(memory.reads() < 200_000);
            let objects = Objects::new(&memory, at, at + 8);
            let _ = r.running(&objects);
            for word in (BASE..BASE + memory.size()).step_by(56) {
                let _ = objects.lines(word);
                let _ = objects.instruction(word, at).and_then(|number| objects.lines_of_instruction(word, number));
                let _ = objects.is_base(word);
            }
        }
    }
}

//! Tests of reading Bash from outside: real shells that stand still, and memory full of noise.

use proptest::prelude::*;

use crate::frame::Certainty::{Caller, Exact};
use crate::frame::Place;
use crate::noise::{BASE, noise};
use crate::standing::{Standing, check, is_there};

use super::*;

#[test]
fn a_command_that_is_started_or_redirected_is_on_its_line() {
    let script = "x=1\n\
                  : < PIPE\n\
                  echo hello \\\n  > PIPE | true\n\
                  y=$(: < PIPE)\n\
                  ( : < PIPE )\n\
                  true | { : < PIPE; }\n\
                  : < PIPE &\nwait\n\
                  if : < PIPE; then :; fi\n";
    let script = script.replace("> PIPE |", "< PIPE |");
    let lines = [2, 3, 5, 6, 7, 8, 10].map(|line| (line, Exact));
    check("bash", &[("a.sh", &script)], &lines);
}

#[test]
fn a_command_in_a_function_is_on_its_own_line() {
    let script = "f() {\n  :\n  : < PIPE\n}\ng() { f; }\n\n\
                  f\ng\n: < PIPE\neval ': < PIPE'\n";
    let lines = [3, 3, 9, 10].map(|line| (line, Exact));
    check("bash", &[("a.sh", script)], &lines);
}

#[test]
fn a_command_in_a_substitution_of_many_lines_is_on_its_own_line() {
    let script = "x=$(\n  true\n  : 1 < PIPE\n)\ny=`\n: 2 < PIPE`\ncat <<E\n$(: 5 < PIPE)\nE\n\
                  f() {\n  local z=$(\n\n    echo $(true) 0\n\n    : 3 < PIPE)\n}\nf\n\
                  cat <(\n\n: 4 < PIPE)\n";
    let lines = [3, 6, 8, 15, 20].map(|line| (line, Exact));
    check("bash", &[("a.sh", script)], &lines);
}

#[test]
fn a_compound_command_is_redirected_where_it_ends() {
    let script = "f() {\n  true\n  while read -r x; do\n    echo $x\n  done < PIPE\n}\nf\n\
                  {\n  true\n} < PIPE\n\
                  if true; then\n  for x in 1; do\n    (\n      true\n    ) < PIPE\n  done\nfi\n";
    let lines = [5, 10, 15].map(|line| (line, Exact));
    check("bash", &[("a.sh", script)], &lines);
}

#[test]
fn a_trap_is_where_its_command_stands() {
    let script = "\ntrap ': < PIPE' EXIT\nfinish() {\n  true\n  : < PIPE\n}\n\
                  trap finish USR1\nkill -USR1 $$\n: < PIPE\n";
    let lines = [5, 9, 2].map(|line| (line, Exact));
    check("bash", &[("a.sh", script)], &lines);
    let script = "\n: < PIPE\ntrap '(: x < PIPE)' EXIT\n";
    let lines = [2, 3].map(|line| (line, Exact));
    check("bash", &[("a.sh", script)], &lines);
}

#[test]
fn a_file_that_is_sourced_leads_to_the_line_that_called_it() {
    let library = "# a library\n\n\nhelp() {\n  : < PIPE\n}\n: < PIPE\n";
    let script = "\n. HERE/lib.sh\nhelp\n: < PIPE\n";
    let files = [("a.sh", script), ("lib.sh", library)];
    check("bash", &files, &[(2, Caller), (3, Caller), (4, Exact)]);
}

#[test]
fn a_loop_that_is_stopped_is_on_one_of_its_lines() {
    let script = "x=1\n: < PIPE\nf() {\n  while true; do\n    x=$((x * 3 % 7))\n  done\n}\n\nf\n";
    if !is_there("bash") {
        return;
    }
    let mut script = Standing::start("bash", &[("a.sh", script)]);
    script.stop();
    script.go_on();
    // Between two commands bash is on the line of the function that they are in.
    let line = script.stopped_place().line.unwrap_or(0);
    assert!((3..=5).contains(&line), "{line}");
}

#[test]
fn a_program_that_is_waited_for_is_on_its_line() {
    let script = "f() {\n  true\n  cat PIPE\n}\n\nf\ncat PIPE\n(\n  true\n  cat PIPE\n  true\n)\ng() {\n  cat |\n    cat PIPE\n}\ng\n";
    let lines = [3, 7, 10].map(|line| (line, Exact));
    check("bash", &[("a.sh", script)], &lines);
}

#[test]
fn what_is_not_in_a_file_has_no_line() {
    if !is_there("bash") {
        return;
    }
    let mut script = Standing::start_with("bash", &["-c", ". $0"], &[("a.sh", ": < PIPE\n")]);
    let thread = script.stop();
    let place = script.place(thread);
    assert_eq!((place.line, place.certainty), (Some(1), Exact));
    let mut script = Standing::start_with("bash", &["-c", ": < ${0%/*}/pipe"], &[("a.sh", "")]);
    let thread = script.stop();
    let place = script.place(thread);
    assert_eq!(place, Place::UNKNOWN);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_memory_is_too_strange(memory in noise()) {
        for at in (BASE..BASE + memory.size()).step_by(104) {
            let bash = Bash {
                line_number: at,
                global_variables: at + 8,
                bash_input: at + 16,
                printed: Some(at + 24),
                command: variable_of(&memory, at).or(Some(at + 32)),
                traps: Some((at + 40, at + 48)),
            };
            let _ = bash.read(&memory);
            let _ = bash.last_line(&memory);
            let _ = bash.better_line(&memory, 7, || Some("a\nb".to_owned()));
            prop_assert!(memory.reads() < 10_000);
        }
    }
}

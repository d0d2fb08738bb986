//! Tests of reading dash from outside: real shells that stand still, and memory full of noise.

use proptest::prelude::*;

use crate::frame::Certainty::{Caller, Exact};
use crate::standing::check;

use super::*;

#[test]
fn a_command_is_on_its_line() {
    let script = "x=1\n\
                  : < PIPE\n\
                  f() {\n  :\n  : < PIPE\n}\n\
                  f\n\
                  true | { : < PIPE; }\n\
                  y=$(\n  true\n  : < PIPE\n)\n\
                  while read -r x; do\n  echo $x\ndone < PIPE\n\
                  for i in 1 $(: < PIPE); do\n  if : < PIPE; then break; fi\ndone\n\
                  ( : < PIPE )\n\
                  : < PIPE &\nwait\n";
    let lines = [2, 5, 8, 11, 15, 16, 17, 19, 20].map(|line| (line, Exact));
    check("dash", &[("a.sh", script)], &lines);
}

#[test]
fn a_command_in_a_string_is_on_the_line_of_the_string() {
    let script = "#!/bin/sh\nx=1\n: < PIPE\nz=`: < PIPE`\n";
    check("dash", &[("a.sh", script)], &[(3, Exact), (4, Caller)]);
    let script = "# clean up\nx=1\ntrap ': < PIPE' EXIT\n: < PIPE\n";
    check("dash", &[("a.sh", script)], &[(4, Exact), (3, Caller)]);
}

#[test]
fn a_file_that_is_read_makes_lines_less_sure() {
    let script = "set -e\n. HERE/lib.sh\n\nhelp; : < PIPE\n";
    let files = [("a.sh", script), ("lib.sh", "help() {\n  :\n}\n")];
    check("dash", &files, &[(4, Caller)]);
}

#[test]
fn the_script_is_the_first_argument_that_is_no_option() {
    let script = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        script_of(&words).map(|path| path.to_string_lossy().into_owned())
    };
    assert_eq!(script("sh a.sh b").as_deref(), Some("a.sh"));
    assert_eq!(
        script("sh -eu +x -o pipefail a.sh").as_deref(),
        Some("a.sh")
    );
    assert_eq!(script("sh -- -a.sh").as_deref(), Some("-a.sh"));
    assert_eq!(script("sh -ec true"), None);
    assert_eq!(script("sh -s x"), None);
    assert_eq!(script("sh"), None);
}

proptest! {
    #[test]
    fn no_code_makes_the_search_fail(code in proptest::collection::vec(any::<u8>(), 0..2000), address: u64) {
        let _ = most_agreed(&places(&code, address));
    }
}

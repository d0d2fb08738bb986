//! Tests of finding a command of Bash by its words.

use proptest::prelude::*;

use super::*;

const SCRIPT: &str = "#!/bin/bash\n\
                      x=$(\n\
                      \x20 curl -s  \"$url\" > /etc/x\n\
                      )\n\
                      # curl -s nothing\n\
                      curl -s http://x || true\n\
                      while read -r line; do\n\
                      \x20 echo \"$line\" > /tmp/x\n\
                      done < \"$HOME/.ssh/config\" > /etc/out\n\
                      trap 'rm -f \"$tmp\"' EXIT\n";

#[test]
fn a_command_is_on_the_line_with_most_of_its_words() {
    let line = |command| line_of(SCRIPT, command, 9).map(|(line, _)| line);
    assert_eq!(line("curl -s \"$url\" > /etc/x"), Some(3));
    assert_eq!(line("curl -s http://x"), Some(6));
    assert_eq!(line("rm -f \"$tmp\""), Some(10));
    assert_eq!(line("wget -q"), None);
    assert_eq!(line(""), None);
}

#[test]
fn a_compound_command_is_redirected_where_it_ends() {
    assert_eq!(redirection(SCRIPT, "\"$HOME/.ssh/config\"", 6), Some(9));
    assert_eq!(redirection(SCRIPT, "/etc/out", 1), Some(9));
    assert_eq!(redirection(SCRIPT, "/tmp/x", 3), Some(8));
    assert_eq!(redirection(SCRIPT, "nothing", 3), None);
}

#[test]
fn a_trap_is_on_the_only_line_that_sets_it() {
    assert_eq!(trap(SCRIPT, "rm -f \"$tmp\""), Some(10));
    assert_eq!(trap(SCRIPT, "mv a b"), None);
    assert_eq!(trap(&SCRIPT.repeat(2), "rm -f \"$tmp\""), None);
}

proptest! {
    #[test]
    fn no_text_is_too_strange(script in "(?s).{0,300}", command in "(?s).{0,40}", near: u32) {
        let n_lines = script.lines().count();
        if let Some((line, _)) = line_of(&script, &command, near) {
            prop_assert!(line as usize <= n_lines);
        }
        let _ = redirection(&script, &command, near);
        let _ = trap(&script, &command);
    }
}

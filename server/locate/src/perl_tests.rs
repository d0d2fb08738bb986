//! Tests of reading Perl from outside: real interpreters that stand still, and memory full of noise.

use proptest::prelude::*;

use crate::frame::Certainty::{Caller, Exact};
use crate::noise::{BASE, noise};
use crate::standing::check;

use super::*;

#[test]
fn a_call_of_a_script_is_on_its_line() {
    let script = "use strict;\n\
                  open(my $f, '<', 'PIPE');\n\
                  sub reads {\n  my $x = shift;\n  open(my $f, '<', $x);\n}\n\
                  reads('PIPE');\n\
                  eval { open(my $f, '<', 'PIPE'); die };\n\
                  my $text = `cat PIPE`;\n\
                  for my $n (1..2) {\n  system('cat', 'PIPE') if $n == 2;\n}\n\
                  my @x = sort { open(my $f, '<', 'PIPE'); 0 } 1, 2;\n\
                  if (fork == 0) { open(my $f, '<', 'PIPE'); exit }\n\
                  wait;\n";
    let lines = [2, 5, 8, 9, 11, 13, 14].map(|line| (line, Exact));
    check("perl", &[("a.pl", script)], &lines);
}

#[test]
fn a_call_of_a_module_is_on_the_line_that_called_it() {
    let module = "package Lib;\n\nsub run {\n  my $g = sub { open(my $f, '<', 'PIPE') };\n  $g->();\n}\n1;\n";
    let script = "BEGIN { unshift @INC, 'HERE' }\nuse Lib;\n\nLib::run();\n\nmap {\n  Lib::run()\n} 1;\n\
                  eval \"\\n\\nLib::run()\";\nopen(my $f, '<', 'PIPE');\n";
    let files = [("a.pl", script), ("Lib.pm", module)];
    check(
        "perl",
        &files,
        &[(4, Caller), (7, Caller), (9, Caller), (10, Exact)],
    );
}

#[test]
fn the_first_statement_of_a_block_is_on_its_own_line() {
    let script = "my $x = 1;\nsub reads {\n  open(my $f, '<', 'PIPE');\n}\n\
                  if ($x) {\n  open(F, '<', 'PIPE');\n  open(F, '<', 'PIPE');\n}\n\
                  unless ($x) {\n} elsif ($x) {\n  open(F, '<', 'PIPE');\n} else {\n  1;\n}\n\
                  do {\n  open(F, '<', 'PIPE')\n} while 0;\n\
                  for (1) {\n\n  if ($x) {\n    reads();\n  }\n}\n";
    let script = script.replace("reads();", "&{sub { eval \"open(F, '<', 'PIPE')\" }}();");
    let lines = [
        (6, Exact),
        (7, Exact),
        (11, Exact),
        (16, Exact),
        (21, Caller),
    ];
    check("perl", &[("a.pl", &script)], &lines);
}

#[test]
fn a_call_of_a_thread_is_on_its_own_line() {
    let script = "use threads;\nmy $t = threads->create(sub {\n  open(my $f, '<', 'PIPE');\n});\n\
                  $t->join;\nopen(my $f, '<', 'PIPE');\n";
    check("perl", &[("a.pl", script)], &[(3, Exact), (6, Exact)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_memory_is_too_strange(memory in noise()) {
        for at in (BASE..BASE + memory.size()).step_by(104) {
            let many = Perl { interpreter: Some((at, Some(at + 8))), single: None };
            let single = Perl { interpreter: None, single: Some((at, at + 8, at + 16)) };
            for found in [many.read(&memory, None), many.read(&memory, Some(at)), single.read(&memory, None)] {
                prop_assert!(found.unwrap_or_default().len() <= DEEPEST);
                prop_assert!(memory.reads() < 50_000);
            }
        }
    }
}

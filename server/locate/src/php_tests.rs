//! Tests of reading PHP from outside: real interpreters that stand still, and memory full of noise.

use proptest::prelude::*;

use crate::frame::Certainty::{Caller, Exact};
use crate::noise::{BASE, noise};
use crate::standing::check;

use super::*;

#[test]
fn a_call_of_a_script_is_on_its_line() {
    let script = "<html>\n<?php\n\
                  @fopen('PIPE', 'r');\n\
                  function reads($x) {\n  return\n  file_get_contents($x);\n}\n\
                  reads('PIPE');\n\
                  $f = fn() => file('PIPE');\n$f();\n\
                  try {\n  fopen('PIPE', 'r');\n  throw new Exception('x');\n} catch (Exception $e) {\n  shell_exec('cat PIPE');\n}\n\
                  function g() {\n  yield file('PIPE');\n}\nforeach (g() as $x) {}\n\
                  array_map(function($x) {\n  file($x);\n}, ['PIPE']);\n\
                  system('cat PIPE');\n";
    let lines = [3, 6, 9, 12, 15, 18, 22, 24].map(|line| (line, Exact));
    check("php", &[("a.php", script)], &lines);
}

#[test]
fn a_call_of_a_library_is_on_the_line_that_called_it() {
    let library = "<?php\nclass Lib {\n  static function run() {\n    return file('PIPE');\n  }\n}\n\nfile('PIPE');\n";
    let script = "<?php\n\nrequire 'HERE/lib.php';\nLib::run();\n\n\neval('file(\"PIPE\");');\n\
                  array_map('Lib::run', [1]);\n";
    let files = [("a.php", script), ("lib.php", library)];
    check(
        "php",
        &files,
        &[(3, Caller), (4, Caller), (7, Caller), (8, Caller)],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_memory_is_too_strange(memory in noise()) {
        for at in (BASE..BASE + memory.size()).step_by(104) {
            let mut php = Php { executor: at - CURRENT_CALL, file: None };
            prop_assert!(php.read(&memory).unwrap_or_default().len() <= DEEPEST);
            prop_assert!(memory.reads() < 50_000);
        }
    }
}

//! A selection becomes a program whose lines have the document's numbers, and errors lead back to the document.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use belljar_runtime::{Catalogue, Messages, Program, Runtime};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    runtime: String,
    first: u32,
    last: u32,
    line: u32,
    #[serde(flatten)]
    _origin: BTreeMap<String, toml::Value>,
}

/// What tools said of the documents, and which lines were run.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/errors")
}

/// A document; the tests of the whole run it.
fn document(file: &str) -> String {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/errors");
    std::fs::read_to_string(documents.join(file)).unwrap()
}

fn runtime(id: &str) -> Runtime {
    Catalogue::shipped()
        .by_id(id)
        .unwrap_or_else(|| panic!("{id} is shipped"))
        .clone()
}

fn select(id: &str, text: &str, first: u32, last: u32) -> Program {
    runtime(id).selection(text, first, last, "/project/a")
}

/// The program's text without lines that have nothing on them, each with its number.
fn numbered(program: &Program) -> Vec<(usize, &str)> {
    let lines = program
        .text
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line));
    lines.filter(|(_, line)| !line.trim().is_empty()).collect()
}

#[test]
fn real_messages_lead_to_the_line_of_the_document() {
    let cases: Cases =
        toml::from_str(&std::fs::read_to_string(fixtures().join("cases.toml")).unwrap()).unwrap();
    let mut read = 0;
    for case in &cases.case {
        let document = document(&case.file);
        let path = Path::new("/project").join(&case.file);
        let runtime = runtime(&case.runtime);
        let program = runtime.selection(&document, case.first, case.last, path.to_str().unwrap());
        // Every selected line is where it was, whatever stands before it on its line.
        // Lines that were added come first, with a directive that puts the numbers right.
        let added = program
            .text
            .lines()
            .position(|line| line.starts_with("#line 1 "))
            .map_or(0, |at| at + 1);
        let wanted = document
            .lines()
            .enumerate()
            .skip(case.first as usize - 1)
            .take((case.last - case.first + 1) as usize);
        for (number, line) in wanted.filter(|(_, line)| !line.starts_with("#!")) {
            let here = program.text.lines().nth(added + number).unwrap_or("");
            assert!(
                here.ends_with(line),
                "{}:{}: {here:?} is not {line:?}",
                case.file,
                number + 1
            );
        }
        let Ok(stderr) = std::fs::read_to_string(fixtures().join(format!("{}.stderr", case.file)))
        else {
            continue;
        };
        let messages = Messages::new(
            &runtime,
            &path,
            Path::new("/project"),
            program.map,
            document.as_bytes().into(),
        );
        let found = messages.read(&stderr);
        assert_eq!(
            found.first().map(|found| found.line),
            Some(case.line),
            "{}: {found:?}",
            case.file
        );
        assert!(!found[0].message.is_empty(), "{}", case.file);
        read += 1;
    }
    assert!(read >= 20, "only {read} cases were read");
}

#[test]
fn an_indented_block_is_made_legal_on_the_line_before_it() {
    let program = select(
        "python",
        "import os, re\nimport json\ndef f():\n    x = json.dumps(1)\n    y = 2\n",
        4,
        5,
    );
    let lines = [
        (2, "import json"),
        (3, "if True:"),
        (4, "    x = json.dumps(1)"),
        (5, "    y = 2"),
    ];
    assert_eq!(numbered(&program), lines);
    assert_eq!(program.map.document(4, Some(5)), (4, Some(5)));
}

#[test]
fn an_indented_block_with_no_line_before_it_moves_left_and_its_columns_are_put_back() {
    let program = select("python", "    x = 1\n\n      y = 2\n", 1, 3);
    assert_eq!(program.text, "x = 1\n\n  y = 2\n");
    assert_eq!(program.map.document(3, Some(3)), (3, Some(7)));
}

#[test]
fn imports_stay_if_the_selection_uses_them() {
    let text = "from a import (\n  b,\n  c,\n)\nimport d.e as f\nfrom __future__ import annotations\nc()\n";
    let program = select("python", text, 7, 7);
    let lines = [
        (1, "from a import ("),
        (2, "  b,"),
        (3, "  c,"),
        (4, ")"),
        (6, "from __future__ import annotations"),
        (7, "c()"),
    ];
    assert_eq!(numbered(&program), lines);
}

#[test]
fn statements_get_a_function_and_items_stay_outside() {
    let program = select("rust", "use a::b;\n// x\nfn f() {}\n\nf();\nb::g()\n", 3, 6);
    let lines = [
        (1, "#![allow(unused)] use a::b;"),
        (3, "fn f() {}"),
        (5, "fn main() { f();"),
        (6, "b::g()"),
        (7, "; }"),
    ];
    assert_eq!(numbered(&program), lines);
    assert_eq!(program.map.document(1, Some(23)), (1, Some(5)));
    assert_eq!(program.map.document(5, Some(13)), (5, Some(1)));
    assert_eq!(program.map.document(7, Some(1)), (6, None));
    assert!(
        select("rust", "let x = f()?;\n", 1, 1)
            .text
            .starts_with("#![allow(unused)] fn main() -> Result")
    );
}

#[test]
fn what_the_selection_brings_itself_is_not_kept_twice() {
    let text = "use std::fmt::Debug;\nuse std::io::Write;\n\nuse std::fmt::Debug;\nfn main() {}\n";
    assert_eq!(
        numbered(&select("rust", text, 4, 5)),
        [
            (1, "#![allow(unused)]"),
            (2, "use std::io::Write;"),
            (4, "use std::fmt::Debug;"),
            (5, "fn main() {}")
        ]
    );
}

#[test]
fn an_unused_import_is_dropped_where_it_would_be_an_error() {
    let text =
        "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc main() {\n\tfmt.Println(1)\n}\n";
    let lines = [
        (1, "package main"),
        (3, "import ("),
        (4, "\t\"fmt\""),
        (6, ")"),
        (9, "func main() { \tfmt.Println(1)"),
        (10, "}"),
    ];
    assert_eq!(numbered(&select("go", text, 9, 9)), lines);
    assert_eq!(
        select("go", "x := 1\nfmt.Println(x)\n", 1, 2).text,
        "package main; import \"fmt\"; func main() { x := 1\nfmt.Println(x)\n}\n"
    );
    let scratch = "package main\n\nfunc main() {}\n\npackage main\n\nfunc main() { x }\n";
    assert_eq!(
        numbered(&select("go", scratch, 5, 7)),
        [(5, "package main"), (7, "func main() { x }")]
    );
}

#[test]
fn directives_stay_everywhere_and_numbers_hold_when_lines_are_added() {
    let text = "#include <stdio.h>\n#define A \\\n  1\nint f(void)\n{\n  puts(\"a\");\n}\n#ifdef B\n#endif\n";
    let program = select("c", text, 6, 6);
    let start: Vec<_> = numbered(&program).into_iter().take(4).collect();
    assert_eq!(
        start,
        [
            (1, "#include <stdio.h>"),
            (2, "#define A \\"),
            (3, "  1"),
            (6, "int main(void) {   puts(\"a\");")
        ]
    );
    assert!(
        program
            .text
            .contains("#line 7 \"/project/a\"\n\n#ifdef B\n#endif\n"),
        "{}",
        program.text
    );
    let bare = runtime("c").selection("\nputs(\"a\");\n", 2, 2, "/p/\"q\".c");
    assert!(
        bare.text
            .starts_with("#include <stdio.h>\n#line 1 \"/p/\\\"q\\\".c\"\n\nint main(void) { puts"),
        "{}",
        bare.text
    );
}

#[test]
fn a_selection_begins_in_the_language_or_in_the_text_around_it() {
    let text = "<p>\n<?php\n$x = 1;\necho $x;\n?>\n<b>\n";
    assert_eq!(select("php", text, 4, 4).text, "<?php \n\n\necho $x;\n");
    assert_eq!(select("php", text, 6, 6).text, "<?php \n\n\n\n?>\n<b>\n");
    assert_eq!(select("php", "echo 1;\n", 1, 1).text, "<?php echo 1;\n");
    assert_eq!(
        select("php", text, 1, 4).text,
        "<p>\n<?php\n$x = 1;\necho $x;\n"
    );
}

#[test]
fn a_shebang_in_the_middle_is_no_line_of_the_program() {
    assert_eq!(
        select("javascript", "a\n#!/usr/bin/env node\nb\n", 2, 3).text,
        "\n\nb\n"
    );
    assert_eq!(
        select("javascript", "#!/usr/bin/env node\nb\n", 1, 2).text,
        "#!/usr/bin/env node\nb\n"
    );
    assert_eq!(
        select("rust", "//\n#![allow(x)]\nfn main() {}\n", 2, 3).text,
        "#![allow(unused)]\n#![allow(x)]\nfn main() {}\n"
    );
    assert_eq!(
        select("rust", "#!/usr/bin/env rust-script\nfn main() {}\n", 1, 2).text,
        "#!/usr/bin/env rust-script\nfn main() {}\n"
    );
}

#[test]
fn a_language_in_which_empty_lines_mean_something_starts_with_the_selection() {
    let file = "# M4.\nid = \"m4\"\nname = \"m4\"\n[tool.m4]\nnames = [\"m4\"]\nfind = [{ path = true }]\n\
        install = { other = \"-\" }\n[[way]]\nneeds = [\"m4\"]\nrun = [\"{m4}\", \"{source}\"]\n[selection]\npad = false\n";
    let (catalogue, errors) =
        Catalogue::shipped().with_user_files(vec![("m4.toml".into(), file.into())]);
    assert_eq!(errors, []);
    let runtime = catalogue.by_id("m4").expect("it was added");
    let program = runtime.selection("a\nb\nc\nd\n", 2, 3, "/p/a.m4");
    assert_eq!(program.text, "b\nc\n");
    assert_eq!(program.map.document(2, Some(1)), (3, Some(1)));
    assert_eq!(program.map.document(5, None), (3, None));
}

#[test]
fn odd_documents_make_no_trouble() {
    for runtime in Catalogue::shipped().iter() {
        for text in [
            "",
            "\n",
            "x",
            "é\r\n\tx\r\n",
            "'",
            "\"\\",
            "/*",
            "{{{{",
            "}}}}",
            "#if\\\n\\\n\\",
            "<?php ?> <?=",
        ] {
            for (first, last) in [(1, 1), (1, 9), (2, 2), (7, 9), (0, 0), (u32::MAX, u32::MAX)] {
                let program = runtime.selection(text, first, last, "/a");
                let _ = program.map.document(1, Some(1));
            }
        }
    }
}

fn messages(id: &str, document: &str) -> Messages {
    let text: Arc<[u8]> = document.as_bytes().into();
    Messages::new(
        &runtime(id),
        Path::new("/project/a"),
        Path::new("/project"),
        belljar_runtime::LineMap::default(),
        text,
    )
}

#[test]
fn columns_from_stacks_are_told_in_characters() {
    let text = "x\n\u{e9}\u{1f980} = open()\n";
    // The call begins at the sixth character: the tenth byte, the seventh unit of UTF-16.
    for (id, column) in [
        ("python", 10),
        ("c", 10),
        ("javascript", 7),
        ("typescript", 7),
    ] {
        let messages = messages(id, text);
        assert_eq!(messages.place(2, Some(column)), (2, Some(6)), "{id}");
        assert_eq!(messages.place(1, Some(1)), (1, Some(1)));
        assert_eq!(messages.place(9, None), (9, None));
        assert!(messages.place(2, Some(u32::MAX)).1 < Some(20));
    }
}

#[test]
fn a_file_named_without_its_directory_is_the_document_where_there_is_no_other() {
    let stderr = "Exception in thread \"main\" java.lang.Error: bad\n\tat A.main(A.java:2)\n";
    let found = |work_dir: &str| {
        let messages = Messages::new(
            &runtime("java"),
            Path::new("/elsewhere/src/A.java"),
            Path::new(work_dir),
            belljar_runtime::LineMap::default(),
            Arc::from(&b"1\n2\n"[..]),
        );
        messages.read(stderr).first().map(|found| found.line)
    };
    assert_eq!(found("/home/user"), Some(2));
    assert_eq!(found("/elsewhere/src"), Some(2));
    // Here it would be another file, beside this one's directory.
    assert_eq!(found("/elsewhere"), None);
}

fn read(id: &str, document: &str, stderr: &str) -> Vec<(u32, Option<u32>, String)> {
    messages(id, document)
        .read(stderr)
        .into_iter()
        .map(|found| (found.line, found.column, found.message))
        .collect()
}

#[test]
fn a_message_from_a_library_is_put_on_the_users_line() {
    let python = "Traceback (most recent call last):\n  File \"/project/a\", line 2, in <module>\n    f()\n  File \"/usr/lib/json.py\", line 9, in f\n    raise E\njson.E: bad\n";
    assert_eq!(
        read("python", "\n  f()\n", python),
        [(2, None, "json.E: bad".to_owned())]
    );
    let ruby =
        "/usr/lib/json.rb:9:in 'JSON.parse': bad (JSON::E)\n\tfrom /project/a:2:in '<main>'\n";
    assert_eq!(
        read("ruby", "", ruby),
        [(2, None, "bad (JSON::E)".to_owned())]
    );
    let node = "node:internal/loader:1\n  throw err;\n  ^\n\nError: Cannot find module './x'\nRequire stack:\n- /project/a\n    at node:internal/loader:9:9\n    at Object.<anonymous> (/project/a:2:3)\n\nNode.js v20.0.0\n";
    assert_eq!(
        read("javascript", "", node),
        [(2, Some(3), "Error: Cannot find module './x'".to_owned())]
    );
    let php = "PHP Fatal error:  Uncaught E: bad in /lib/x.php:5\nStack trace:\n#0 /project/a(2): f()\n#1 {main}\n  thrown in /lib/x.php on line 5\n";
    assert_eq!(read("php", "", php)[0].0, 2);
}

#[test]
fn messages_about_other_files_and_warnings_are_left_out() {
    assert_eq!(
        read(
            "c",
            "",
            "/project/b.c:3:1: error: x\n/usr/a:1:1: error: y\n/project/a:2:1: warning: z\n"
        ),
        []
    );
    assert_eq!(
        read("go", "", "# command-line-arguments\n./a:2:1: x\n"),
        [] as [(u32, Option<u32>, String); 0]
    );
    assert_eq!(
        read("bash", "", "other.sh: line 3: x: command not found\n"),
        []
    );
    assert_eq!(
        read("bash", "", "../project/./a: line 3: x: command not found\n").len(),
        1
    );
}

#[test]
fn columns_count_characters_whatever_the_tool_counts() {
    assert_eq!(
        read("c", "é + x\n", "/project/a:1:6: error: x\n")[0].1,
        Some(5)
    );
    assert_eq!(
        read("rust", "é + x\n", "error: x\n --> /project/a:1:5\n\n")[0].1,
        Some(5)
    );
    let python = "  File \"/project/a\", line 1\n    é +\n      ^\nSyntaxError: bad\n";
    assert_eq!(read("python", "  é +\n", python)[0].1, Some(5));
}

#[test]
fn hostile_text_costs_little_and_gives_little() {
    let many = "/project/a:1:1: error: x\n".repeat(100_000);
    assert_eq!(
        read("c", "", &many).len(),
        1,
        "the same message is told once"
    );
    let different: String = (0..5000)
        .map(|n| format!("/project/a:{n}:1: error: x\n"))
        .collect();
    assert_eq!(read("c", "", &different).len(), 100);
    assert_eq!(
        read(
            "c",
            "",
            &format!(
                "/project/a:99999999999999999999:1: error: {}\n",
                "x".repeat(10)
            )
        ),
        []
    );
    assert_eq!(
        read(
            "c",
            "",
            &format!("/project/a:1:1: error: {}\n", "x".repeat(1500))
        )[0]
        .2
        .len(),
        1000
    );
    let started = std::time::Instant::now();
    for runtime in Catalogue::shipped().iter() {
        for line in [
            "Traceback (most recent call last):\n",
            "panic: x\n",
            "\u{202e}:1:\n",
            "Error: x\n    at (",
            "((((((((((:1:1:\n",
        ] {
            read(runtime.id(), "", &line.repeat(1500));
        }
    }
    // Many minutes if the work grew with the square of the text; the machine may be slow and busy.
    assert!(started.elapsed().as_secs() < 120, "{:?}", started.elapsed());
}

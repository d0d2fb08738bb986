//! Blocks, cells and functions are found where their authors see them, and a function is called with what it needs.

use std::path::{Path, PathBuf};

use belljar_runtime::{Catalogue, Runtime};
use serde::Deserialize;

fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/documents")
}

/// A block or a cell of a real document, found by other means. Lines count from 1; a cell is without its marker.
#[derive(Deserialize)]
struct Row {
    path: String,
    language: String,
    first: usize,
    last: usize,
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(documents().join("blocks.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn read(row: &Row) -> String {
    std::fs::read_to_string(documents().join(&row.path)).unwrap()
}

fn runtime(id: &str) -> Runtime {
    Catalogue::shipped().by_id(id).unwrap().clone()
}

#[test]
fn the_blocks_of_real_documents_are_found() {
    let catalogue = Catalogue::shipped();
    let rows: Vec<Row> = rows();
    let in_markdown: Vec<&Row> = rows
        .iter()
        .filter(|row| row.path.ends_with(".md"))
        .collect();
    assert!(in_markdown.len() > 50);
    for row in in_markdown {
        let blocks = catalogue.blocks(&read(row));
        let found = blocks.iter().find(|block| block.first + 1 == row.first);
        let found = found.unwrap_or_else(|| panic!("{}:{}", row.path, row.first));
        // What is written for one shell often says that it is for any.
        let language = found.runtime.id().replace("bash", "sh");
        assert_eq!(
            (found.last + 1, language),
            (row.last, row.language.replace("bash", "sh")),
            "{}",
            row.path
        );
    }
}

#[test]
fn the_cells_of_real_documents_are_found() {
    let rows: Vec<Row> = rows();
    let in_scripts: Vec<&Row> = rows
        .iter()
        .filter(|row| !row.path.ends_with(".md"))
        .collect();
    assert!(in_scripts.len() > 10);
    for row in in_scripts {
        let text = read(row);
        let mut code = text
            .lines()
            .skip(row.first - 1)
            .take(row.last + 1 - row.first);
        if code.all(|line| line.starts_with('#')) {
            // Commands of a notebook, which are comments in a program.
            continue;
        }
        let cells = runtime(&row.language).cells(&text);
        let found = cells.iter().find(|cell| cell.first + 2 == row.first);
        let found = found.unwrap_or_else(|| panic!("{}:{}", row.path, row.first));
        assert_eq!(found.last + 1, row.last, "{}:{}", row.path, row.first);
        assert!(found.is_marked);
        let marker = text.lines().nth(found.first).unwrap();
        assert!(marker.contains("%%"), "{marker}");
    }
}

#[test]
fn a_fence_may_be_long_indented_or_open_and_must_name_a_language() {
    let text = "~~~~ {.python .numbers}\nprint(1)\n~~~\nprint(2)\n~~~~\n\n1. a list\n\n   ```sh title=\"x\"\n   echo\n   ```\n\
        ```text\n```\n```{code-cell} lua\nprint(1)\n```\n```python\n```\n``` not ` a fence\n````markdown\n```js\n```\n````\n```go\nx";
    let found: Vec<_> = Catalogue::shipped()
        .blocks(text)
        .iter()
        .map(|block| {
            (
                block.fence,
                block.first,
                block.last,
                block.margin,
                block.runtime.id().to_owned(),
            )
        })
        .collect();
    let expected = [
        (0, 1, 3, 0, "python"),
        (8, 9, 9, 3, "sh"),
        (13, 14, 14, 0, "lua"),
        (23, 24, 24, 0, "go"),
    ];
    assert_eq!(
        found,
        expected.map(|(a, b, c, d, id)| (a, b, c, d, id.to_owned()))
    );
}

#[test]
fn cells_begin_with_a_comment_of_their_language() {
    let cells = |id: &str, text: &str| -> Vec<(usize, usize, bool)> {
        let cells = runtime(id).cells(text);
        cells
            .iter()
            .map(|cell| (cell.first, cell.last, cell.is_marked))
            .collect()
    };
    let text = "#!/usr/bin/env python3\nx = 1\n\n#%%\ny\n\n# %% [markdown]\n# words\n# %% next\n# only a comment\n\
        # %% last\n  # %%% a part\nz\n\n\n";
    assert_eq!(
        cells("python", text),
        [(0, 1, false), (3, 4, true), (10, 12, true)]
    );
    assert_eq!(cells("python", "x = 5 %% 2\n"), []);
    assert_eq!(
        cells("javascript", "// %%\r\na\r\n// %% b\r\nc"),
        [(0, 1, true), (2, 3, true)]
    );
    assert_eq!(cells("lua", "-- %%\na\n"), [(0, 1, true)]);
    assert_eq!(cells("python", ""), []);
}

/// The function around line `at`, and the program that calls it, without empty lines; lines count from 0.
fn called(id: &str, text: &str, at: usize) -> ((usize, usize), String) {
    let function = runtime(id)
        .function(text, at)
        .unwrap_or_else(|| panic!("{id}: none at {at}"));
    let line = |line: usize| u32::try_from(line + 1).unwrap();
    let program = runtime(id)
        .calling(
            text,
            line(function.first),
            line(function.last),
            "/project/a",
        )
        .unwrap();
    // What a test must not have when we call it is gone; everything else has kept its line.
    let (first, n_lines) = (function.first, function.last + 1 - function.first);
    let both = text.lines().zip(program.text.lines());
    for (was, is) in both.skip(first).take(n_lines) {
        assert!(
            is.is_empty() || is.ends_with(was),
            "{id}: {is:?} is not {was:?}"
        );
    }
    let lines: Vec<&str> = program
        .text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    ((function.first, function.last), lines.join("\n"))
}

#[test]
fn a_function_of_python_is_called_with_what_it_uses() {
    let text = "import os, re\nimport json\n\nLIMIT = {\n    \"a\": 1,\n}\nunused = print(\"never\")\n\n\n@staticmethod\n\
        # Greets.\ndef greet(\n    name=\"x\",\n    *rest,\n):\n    \"\"\"Says\nhello.\n\"\"\"\n    return helper(LIMIT)\n\n\n\
        def helper(limit):\n    def inner():\n        return json.dumps(limit)\n\n    return inner()\n\n\nif __name__ == \"__main__\":\n    greet()\n";
    let (lines, program) = called("python", text, 18);
    assert_eq!(lines, (9, 18));
    let expected = "import json\nLIMIT = {\n    \"a\": 1,\n}\n@staticmethod\n# Greets.\ndef greet(\n    name=\"x\",\n    *rest,\n):\n    \
        \"\"\"Says\nhello.\n\"\"\"\n    return helper(LIMIT)\ndef helper(limit):\n    def inner():\n        return json.dumps(limit)\n    \
        return inner()\n(lambda it: it is None or print(repr(it)))(greet())";
    assert_eq!(program, expected);
    // From the decorator, the comment and the empty line in it one means the function too.
    let at = |line| {
        runtime("python")
            .function(text, line)
            .map(|found| found.name)
    };
    for (line, name) in [
        (9, "greet"),
        (10, "greet"),
        (12, "greet"),
        (16, "greet"),
        (21, "helper"),
        (23, "inner"),
        (24, "helper"),
        (25, "helper"),
    ] {
        assert_eq!(at(line).as_deref(), Some(name), "line {line}");
    }
    for line in [0, 4, 7, 19, 20, 27, 29, 99] {
        assert_eq!(at(line).as_deref(), None, "line {line}");
    }
}

#[test]
fn a_test_is_called_as_its_framework_would() {
    let unittest = "import unittest\n\nclass Sums(unittest.TestCase):\n    def setUp(self):\n        self.n = 1\n\n    def test_one(self):\n        \
        self.assertEqual(self.n, 1)\n\n    def test_two(self):\n        self.fail()\n";
    let (lines, program) = called("python", unittest, 7);
    assert_eq!(lines, (6, 7));
    assert!(
        program.starts_with("import unittest\nclass Sums("),
        "{program}"
    );
    assert!(program.contains("    def setUp(self):"), "{program}");
    assert!(
        program.ends_with("\nSums(\"test_one\").debug()"),
        "{program}"
    );
    let pytest = "class TestSums:\n    def test_one(self):\n        assert 1 == 1\n";
    assert!(
        called("python", pytest, 1)
            .1
            .ends_with("\nTestSums().test_one()")
    );
    let rust = "fn twice(n: i32) -> i32 {\n    n * 2\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn doubles() {\n        \
        assert_eq!(twice(2), 4);\n    }\n}\n";
    let (lines, program) = called("rust", rust, 10);
    assert_eq!(lines, (8, 11));
    assert_eq!(
        program,
        "fn twice(n: i32) -> i32 {\n    n * 2\n}\n    fn doubles() {\n        assert_eq!(twice(2), 4);\n    }\nfn main() { doubles();; }"
    );
    let node = "const test = require(\"node:test\");\n\ntest(\"adds\", () => {\n  work();\n});\n";
    assert_eq!(
        called("javascript", node, 3).1,
        node.replace("\n\n", "\n").trim_end()
    );
}

#[test]
fn functions_of_every_language_are_found_and_called() {
    for (id, text, at, lines, end) in [
        (
            "javascript",
            "import fs from \"fs\";\nexport function a(b = {c: 1}) {\n  return fs;\n}\na();\n",
            2,
            (1, 3),
            "}\n{ const it = a(); if (it !== undefined) console.log(it); }",
        ),
        (
            "javascript",
            "const a = async () => {\n  if (x) {\n  }\n};\n",
            1,
            (0, 3),
            "};\na().then((it) => { if (it !== undefined) console.log(it); });",
        ),
        (
            "typescript",
            "type T = {\n  n: number;\n};\n\n/** Sums. */\nfunction sum(\n  all: T[] = [],\n): { n: number } {\n  return { n: all.length };\n}\n",
            8,
            (4, 9),
            "}\n{ const it = sum(); if (it !== undefined) console.log(it); }",
        ),
        (
            "bash",
            "NAME=x\ngreet() {\n  echo \"$NAME\"\n}\ngreet\n",
            2,
            (1, 3),
            "}\ngreet \"$@\"",
        ),
        (
            "sh",
            "greet() { echo; }\nother() (\n  greet\n)\n",
            2,
            (1, 3),
            ")\nother \"$@\"",
        ),
        (
            "c",
            "#include <stdio.h>\ntypedef struct {\n\tint x;\n} P;\nstatic int twice(int n);\n\nvoid show(void)\n{\n\tprintf(\"%d\", twice(2));\nout:\n\treturn;\n}\n\nstatic int twice(int n)\n{\n\treturn 2 * n;\n}\n",
            8,
            (6, 11),
            "}\nint main(void) { show();; return 0; }",
        ),
        (
            "cpp",
            "#include <vector>\nstruct P {\n  int x;\n};\n\nstd::vector<P> make(int n = 2) {\n  if (n) {\n  } else if (n > 1) {\n  }\n  return {};\n}\n",
            8,
            (5, 10),
            "}\nint main() { make();; return 0; }",
        ),
        (
            "c",
            "int main(int argc, char **argv)\n{\n\treturn argc;\n}\n",
            2,
            (0, 3),
            "return argc;\n}",
        ),
        (
            "rust",
            "/// Shows.\n#[inline]\npub fn show<T>() -> i32\nwhere\n    T: Sized,\n{\n    1\n}\n",
            6,
            (0, 7),
            "}\nfn main() { show();; }",
        ),
        (
            "go",
            "package main\n\nimport (\n\t\"fmt\"\n)\n\ntype P struct {\n\tx int\n}\n\nfunc show() P {\n\tfmt.Println(1)\n\treturn P{}\n}\n\nfunc main() {\n\tshow()\n}\n",
            11,
            (10, 13),
            "}\nfunc main() { show()}",
        ),
        (
            "ruby",
            "LIMIT = 2\n# Greets.\ndef greet(name: 1, *rest)\n  puts LIMIT\nrescue\n  1\nend\n",
            3,
            (1, 6),
            "end\n(it = greet).nil? or p(it)",
        ),
        (
            "ruby",
            "def one = 1\n",
            0,
            (0, 0),
            "def one = 1\n(it = one).nil? or p(it)",
        ),
        (
            "perl",
            "use strict;\nmy $limit = 2;\nsub greet {\n    print $limit;\n}\n",
            3,
            (2, 4),
            "}\ngreet(@ARGV);",
        ),
        (
            "php",
            "<?php\nconst LIMIT = 2;\nfunction greet($n = 1)\n{\n    echo LIMIT;\n}\n",
            4,
            (2, 5),
            "}\ngreet();",
        ),
        (
            "lua",
            "local limit = 2\nlocal function greet(...)\n  if x then\n  end\n  print(limit)\nend\n",
            3,
            (1, 5),
            "end\ngreet()",
        ),
    ] {
        let (found, program) = called(id, text, at);
        assert_eq!(found, lines, "{id}: {text}");
        assert!(program.ends_with(end), "{id}:\n{program}");
        // Whatever stands before a function here is used in it.
        assert!(
            text.lines()
                .take(lines.0)
                .all(|line| program.contains(line.trim_end())),
            "{id}:\n{program}"
        );
    }
}

#[test]
fn a_function_that_needs_arguments_says_which() {
    let needs = |id: &str, text: &str, at| {
        let function = runtime(id).function(text, at).unwrap();
        let line = |line: usize| u32::try_from(line + 1).unwrap();
        let (first, last) = (line(function.first), line(function.last));
        runtime(id)
            .calling(text, first, last, "/p/a")
            .unwrap_err()
            .parameters
    };
    assert_eq!(
        needs(
            "python",
            "def area(width, height: dict[str, int], n=(1, 2)):\n    pass\n",
            1
        ),
        ["width", "height: dict[str, int]"]
    );
    assert_eq!(
        needs("python", "class A:\n    def b(self):\n        pass\n", 1),
        ["self"]
    );
    assert_eq!(
        needs("javascript", "const a = (b, {c}) => {\n  b;\n}\n", 1),
        ["b", "{c}"]
    );
    assert_eq!(
        needs("c", "int f(int a,\n      char *b)\n{\n}\n", 1),
        ["int a", "char *b"]
    );
    assert_eq!(
        needs("go", "func TestX(t *testing.T) {\n}\n", 0),
        ["t *testing.T"]
    );
    assert_eq!(
        needs("rust", "fn f(&self, n: i32) {\n}\n", 0),
        ["&self", "n: i32"]
    );
}

#[test]
fn odd_documents_make_no_trouble() {
    let catalogue = Catalogue::shipped();
    let odd = [
        "",
        "\n",
        "```",
        "~~~~\n~~~",
        "def",
        "def f(",
        "def f(:\n",
        "\"\"\"",
        "function f(",
        "# %%",
        "{",
        "})",
        "\tdef f():\n",
        "fn f<",
        "def f():\n\u{feff}\u{2028}",
        "class A:\n",
        "test(\"",
        "#%%\n#%%\n",
        "int f(int,\n",
    ];
    for text in odd {
        catalogue.blocks(text);
        for runtime in catalogue.iter() {
            runtime.cells(text);
            for at in [0, 1, 7] {
                if let Some(found) = runtime.function(text, at) {
                    assert!(found.first <= found.last && found.last < text.lines().count());
                }
            }
            for (first, last) in [(1, 1), (1, 9), (0, 0), (5, 2)] {
                let _ = runtime.calling(text, first, last, "/p/a");
            }
        }
    }
}

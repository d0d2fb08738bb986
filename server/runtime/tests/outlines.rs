//! Blocks, cells and functions are found where their authors see them, and a function is called with what it needs.

use std::path::{Path, PathBuf};

use belljar_runtime::{Block, Catalogue, Cell, Piece, Runtime, with_line_feeds};
use serde::Deserialize;

fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/documents")
}

fn runtime(id: &str) -> Runtime {
    Catalogue::shipped().by_id(id).unwrap().clone()
}

fn blocks(name: &str, text: &str) -> Vec<Block> {
    let catalogue = Catalogue::shipped();
    let kind = catalogue.kind(None, Some(Path::new(name)), "");
    kind.blocks(&catalogue, text)
}

/// A block or a cell of a real document, found by other means. Lines count from 1; a cell is without its marker.
#[derive(Deserialize)]
struct Place {
    path: String,
    language: String,
    first: usize,
    last: usize,
}

#[test]
fn the_blocks_and_cells_of_real_documents_are_found() {
    let places = std::fs::read_to_string(documents().join("places.jsonl")).unwrap();
    let places: Vec<Place> = places
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let catalogue = Catalogue::shipped();
    let mut found = 0;
    let mut unknown = 0;
    for place in &places {
        let at = format!("{}:{}", place.path, place.first);
        let Place { first, last, .. } = *place;
        let text = std::fs::read_to_string(documents().join(&place.path)).unwrap();
        let kind = catalogue.kind(None, Some(Path::new(&place.path)), "");
        if catalogue.by_fence_tag(&place.language).is_none() && !place.language.is_empty() {
            unknown += 1;
            continue;
        }
        let blocks = kind.blocks(&catalogue, &text);
        if let Some(block) = blocks.iter().find(|block| block.first + 1 == first) {
            // What is written for one shell often says that it is for any.
            let language = block.runtime.id().replace("bash", "shell");
            let expected = place.language.replace("bash", "shell");
            assert_eq!(block.last + 1, last, "{at}");
            assert!(
                language == expected || expected.is_empty(),
                "{at}: {language}"
            );
            found += 1;
            continue;
        }
        let runtime = kind.runtime.unwrap_or_else(|| panic!("{at}"));
        assert_eq!(runtime.id(), place.language, "{at}");
        let mut code = text.lines().skip(first - 1).take(last + 1 - first);
        let is_comment = code.all(|line| line.starts_with(['#', '/']));
        let cells = runtime.cells(&text);
        match cells.iter().find(|cell| cell.first + 2 == first) {
            Some(cell) => assert!(cell.is_marked && cell.last + 1 == last, "{at}"),
            // Commands of a notebook, which are comments in a program.
            None => assert!(is_comment, "{at}"),
        }
        found += 1;
    }
    println!(
        "{found} of {} blocks and cells found, {unknown} in languages that cannot be run",
        places.len()
    );
    assert!(found > 200);
}

#[test]
fn nothing_else_in_real_documents_is_a_block() {
    let places = std::fs::read_to_string(documents().join("places.jsonl")).unwrap();
    let places: Vec<Place> = places
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut paths: Vec<&str> = places.iter().map(|place| place.path.as_str()).collect();
    paths.dedup();
    for path in paths {
        let text = std::fs::read_to_string(documents().join(path)).unwrap();
        for block in blocks(path, &text) {
            let mut places = places.iter().filter(|place| place.path == path);
            assert!(
                places.any(|place| place.first == block.first + 1),
                "{path}:{}",
                block.first + 1
            );
        }
    }
}

#[test]
fn a_fence_may_be_long_indented_or_open_and_must_name_a_language() {
    let text = "~~~~ {.python .numbers}\nprint(1)\n~~~\nprint(2)\n~~~~\n\n1. a list\n\n   ```sh title=\"x\"\n   echo\n   ```\n\
        ```text\n```\n```{code-cell} lua\nprint(1)\n```\n```python\n```\n``` not ` a fence\n````markdown\n```js\n```\n````\n```go\nx";
    let found: Vec<_> = blocks("notes.md", text)
        .iter()
        .map(|block| {
            (
                block.opens,
                block.first,
                block.last,
                block.front.blanks,
                block.runtime.id().to_owned(),
            )
        })
        .collect();
    let expected = [
        (0, 1, 3, 0, "python"),
        (8, 9, 9, 3, "shell"),
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
        "#![allow(unused)] fn twice(n: i32) -> i32 {\n    n * 2\n}\n    fn doubles() {\n        assert_eq!(twice(2), 4);\n    }\nfn main() { doubles();; }"
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
        "> ```",
        "> ```sh\n```sh",
        "#+begin_src sh",
        "#+BEGIN_SRC",
        "[source]\n----",
        "[source,sh]\n.\n.\n.\n.\n",
        ".. code::",
        ".. code:: sh\n\n\n",
        ">",
        "```{code-cell}\n---\n```",
        "```{code-cell} sh\n---\n---\n```",
        "int f(int,\n",
    ];
    for text in odd {
        for name in ["a.md", "a.org", "a.rst", "a.adoc", "a.lhs"] {
            for block in blocks(name, text) {
                assert!(block.first <= block.last && block.last < text.lines().count());
            }
        }
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

/// Where the blocks of `text` are, from 1, and in which languages.
fn places(name: &str, text: &str) -> Vec<(usize, usize, String)> {
    let place = |block: &Block| {
        let id = block.runtime.id().to_owned();
        (block.first + 1, block.last + 1, id)
    };
    blocks(name, text).iter().map(place).collect()
}

#[test]
fn each_kind_of_document_has_its_own_blocks() {
    for (name, text, expected) in [
        (
            "a.md",
            "---\nkernelspec:\n  language: lua\n---\n```{code-cell}\n:tags: [a]\nprint(1)\n```\n:::{code-cell} ruby\n---\n\
             name: x\n---\np 1\n:::\n```\nwords\n```\n",
            &[(7, 7, "lua"), (13, 13, "ruby")][..],
        ),
        (
            "a.qmd",
            "```{r}\n#| echo: false\n1\n```\n```{python #id .x}\n1\n```\n```{#id .lua}\n1\n```\n```{=html}\n```\n",
            &[(2, 3, "r"), (6, 6, "python"), (9, 9, "lua")],
        ),
        (
            "a.md",
            "> ```sh\n> echo 1\n> ```\n\n> 1. > ```lua\n\n> ~~~lua\n> > 1\nwords\n```lua\n> 1\n```\n",
            &[(2, 2, "shell"), (8, 8, "lua"), (11, 11, "lua")],
        ),
        (
            "a.org",
            "#+BEGIN_SRC python :results output\n1\n#+END_SRC\n  #+begin_src jupyter-python :session a\n  1\n  \
             #+end_src\n#+begin_example\n#+begin_src sh\n#+end_src\n#+end_example\n#+begin_src mermaid\n1\n#+end_src\n",
            &[(2, 2, "python"), (5, 5, "python")],
        ),
        (
            "a.adoc",
            ":source-language: ruby\n[source,python]\n.A title\n----\n1\n---\n2\n----\n\n[source]\n....\nputs 1\n....\n\n\
             [,lua]\n----\n1\n----\n[NOTE]\n----\n1\n----\n[quote, Ann]\n--\n1\n--\n```sh\nls\n```\n[source,sh]\nls\n",
            &[
                (5, 7, "python"),
                (12, 12, "ruby"),
                (17, 17, "lua"),
                (28, 28, "shell"),
                (31, 31, "shell"),
            ],
        ),
        (
            "a.rst",
            ".. code-block:: python\n   :linenos:\n\n   1\n\n   2\n\nwords\n\n.. highlight:: lua\n\n* a list\n\n  .. code::\n\n     \
             print(1)\n  words\n.. code:: sh\n.. note:: a\n\n   words\n",
            &[(4, 6, "python"), (16, 16, "lua")],
        ),
        (
            "a.lhs",
            "words\n\n> main = print 1\n>   where\n\nwords\n\\begin{code}\nf = 1\n\\end{code}\n",
            &[(3, 4, "haskell"), (8, 8, "haskell")],
        ),
    ] {
        let expected: Vec<_> = expected
            .iter()
            .map(|(a, b, id)| (*a, *b, (*id).to_owned()))
            .collect();
        assert_eq!(places(name, text), expected, "{name}: {text}");
    }
}

#[test]
fn a_document_says_which_blocks_are_not_to_be_run() {
    let refused =
        |name: &str, text: &str| blocks(name, text)[0].refused.clone().unwrap_or_default();
    for (name, text, said) in [
        (
            "a.Rmd",
            "```{r, eval=FALSE}\n1\n```",
            "`eval=FALSE` says that this block is not to be run",
        ),
        (
            "a.qmd",
            "```{python}\n#| echo: true\n#| eval: false\n1\n```",
            "`eval: false` says",
        ),
        (
            "a.org",
            "#+begin_src sh :eval no\n1\n#+end_src",
            "`:eval no` says",
        ),
        (
            "a.org",
            "#+begin_src sh :var x=1\n1\n#+end_src",
            "`:var x=1` gives this block values",
        ),
        (
            "a.org",
            "#+begin_src sh :noweb yes\n1\n#+end_src",
            "`:noweb yes` puts other blocks",
        ),
    ] {
        assert!(
            refused(name, text).starts_with(said),
            "{}",
            refused(name, text)
        );
    }
    for (name, text) in [
        ("a.Rmd", "```{r, eval=TRUE}\n1\n```"),
        ("a.md", "```js\nx |= eval(false) // eval: false\n```"),
        (
            "a.org",
            "#+begin_src sh :eval never-export :noweb no\n1\n#+end_src",
        ),
    ] {
        assert_eq!(refused(name, text), "");
    }
}

#[test]
fn lines_end_where_editors_say() {
    let text = with_line_feeds("a\r```js\r1\r\n2\r```\r");
    assert_eq!(text, "a\n```js\n1\r\n2\n```\n");
    assert_eq!(places("a.md", &text), [(3, 4, "javascript".to_owned())]);
    assert!(matches!(
        with_line_feeds("a\r\nb\n"),
        std::borrow::Cow::Borrowed(_)
    ));
}

/// The program of everything up to line `at`, from 0: its lines that are not empty, with their numbers from 1.
fn up_to(name: &str, text: &str, at: usize) -> Vec<(usize, String)> {
    let catalogue = Catalogue::shipped();
    let kind = catalogue.kind(None, Some(Path::new(name)), "");
    let blocks = kind.blocks(&catalogue, text);
    let (runtime, pieces): (Runtime, Vec<Piece>) = match Block::around(&blocks, at, at) {
        Some(index) => {
            let up_to = Block::up_to(&blocks, index);
            (
                blocks[index].runtime.clone(),
                up_to.into_iter().flat_map(Block::pieces).collect(),
            )
        }
        None => {
            let runtime = kind.runtime.unwrap();
            let cells = runtime.cells(text);
            let index = Cell::around(&cells, text, at).unwrap();
            let pieces = cells[..=index].iter().map(Piece::from).collect();
            (runtime, pieces)
        }
    };
    let pieces = runtime.together(text, pieces);
    let line = |line: usize| u32::try_from(line + 1).unwrap();
    let (first, last) = (
        pieces[0].lines.start(),
        pieces[pieces.len() - 1].lines.end(),
    );
    let program = runtime.joined(text, &pieces, (line(*first), line(*last)), "/p/a");
    let lines = program.text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| (number + 1, line.to_owned()))
        .collect()
}

fn numbered(lines: &[(usize, &str)]) -> Vec<(usize, String)> {
    lines
        .iter()
        .map(|(number, line)| (*number, (*line).to_owned()))
        .collect()
}

#[test]
fn up_to_here_is_all_earlier_pieces_of_the_language_where_they_stand() {
    let notes = "```py\nx = 1\n```\nwords\n```sh\nls\n```\n- list\n  ```python\n  y = x\n  if y:\n      x\n  ```\n\
        > ```{python, eval=FALSE}\n> z\n> ```\n> ```python\n> print(y)\n> ```\n```python\nw\n```\n";
    assert_eq!(
        up_to("a.md", notes, 17),
        numbered(&[
            (2, "x = 1"),
            (10, "y = x"),
            (11, "if y:"),
            (12, "    x"),
            (18, "print(y)")
        ])
    );
    let steps = "import os\n# %% a\nx = 1\n# %% [markdown]\n# words\n\"\"\"\nmore\n\"\"\"\n# %% b\nprint(x)\n\n# %% c\ny\n";
    assert_eq!(
        up_to("a.py", steps, 10),
        numbered(&[
            (1, "import os"),
            (2, "# %% a"),
            (3, "x = 1"),
            (9, "# %% b"),
            (10, "print(x)")
        ])
    );
    let org = "#+begin_src py\n  x = 1\n\n  if x:\n      y = 2\n#+end_src\n  #+begin_src py\nprint(y)\n  #+end_src\n";
    assert_eq!(
        up_to("a.org", org, 7),
        numbered(&[
            (2, "x = 1"),
            (4, "if x:"),
            (5, "    y = 2"),
            (8, "print(y)")
        ])
    );
    let literate = "words\n\n> main = print x\n\nwords\n\n> x = 1\n";
    assert_eq!(
        up_to("a.lhs", literate, 6),
        numbered(&[(3, "main = print x"), (7, "x = 1")])
    );
}

#[test]
fn a_piece_that_is_a_program_of_its_own_is_no_part_of_another() {
    let notes = "```c\nint one(void) { return 1; }\n```\n```c\nint main(void) { return 0; }\n```\n```c\nint main(void) { return one(); }\n```\n";
    assert_eq!(
        up_to("a.md", notes, 7),
        numbered(&[
            (2, "int one(void) { return 1; }"),
            (8, "int main(void) { return one(); }")
        ])
    );
}

#[test]
fn columns_of_pieces_are_those_of_the_document() {
    let catalogue = Catalogue::shipped();
    let text = "> ```py\n> a\n> ```\n  ```py\n  b\n  ```\n";
    let blocks = blocks("a.md", text);
    let pieces: Vec<Piece> = blocks.iter().flat_map(Block::pieces).collect();
    let python = catalogue.by_id("python").unwrap();
    let program = python.joined(text, &pieces, (2, 5), "/p/a");
    assert_eq!(program.map.document(2, Some(1)), (2, Some(3)));
    assert_eq!(program.map.document(5, Some(1)), (5, Some(3)));
}

#[test]
fn a_document_of_nothing_but_fences_is_read_in_no_time() {
    let mut hostile = String::new();
    for number in 0..30_000 {
        hostile.push_str(&format!("```{{l{number} .a eval=FALSE}}\n"));
    }
    for (name, text) in [
        ("a.md", hostile),
        ("a.md", "```py\n".repeat(30_000)),
        ("a.md", "> ".repeat(30_000)),
        ("a.md", "> > ```py\n".repeat(30_000)),
        ("a.md", "language: py\nlanguage: no\n".repeat(30_000)),
        ("a.adoc", "[source,py]\n".repeat(30_000)),
        ("a.org", "#+begin_src py\n".repeat(30_000)),
        ("a.rst", ".. code:: py\n  a\n".repeat(30_000)),
        ("a.lhs", "> ```\n\n".repeat(30_000)),
    ] {
        // A reader that went over lines again and again would take hours, so no clock is needed.
        blocks(name, &text);
    }
}

#[test]
fn what_was_typed_behind_prompts_is_a_block() {
    let text = "words\n\n>>> x = 6\n>>> for n in [x]:\n...     n\n...\n6\n\n>>> x\nwords\n\n\
        ```python\n>>> 1\n1\n>>> 2\n```\n\n>>>> no\n> quoted\n    >>> 3\n   less\n```pycon\n>>> 4\n```\n";
    let found: Vec<_> = blocks("a.rst", text)
        .iter()
        .map(|block| (block.first + 1, block.last + 1, block.typed.len()))
        .collect();
    assert_eq!(found, [(3, 10, 5), (13, 15, 2), (20, 20, 1), (23, 23, 1)]);
    let found: Vec<_> = blocks("a.md", text)
        .iter()
        .map(|block| (block.first + 1, block.last + 1))
        .collect();
    assert_eq!(found, [(3, 10), (13, 15), (20, 20), (23, 23)]);
    let program = "def one():\n    \"\"\"\n    >>> one()\n    1\n    \"\"\"\n    return 1\n";
    let found = blocks("a.py", program);
    assert_eq!((found[0].first, found[0].last), (2, 3));
    assert!(blocks("a.lua", program).is_empty());
}

#[test]
fn a_session_runs_statement_by_statement_and_expects_what_came_out() {
    let catalogue = Catalogue::shipped();
    let python = catalogue.by_id("python").unwrap();
    let text = "```py\n>>> x = 6\n>>> for n in [x]:\n...     n\n6\n>>> 1 / 0\nTraceback (most recent call last):\n  ...\nZeroDivisionError\n\
        >>> print('a\\n\\nb')  \na\n<BLANKLINE>\nb\n>>> y # doctest: +ELLIPSIS\n...\n```\n";
    let found = blocks("a.md", text);
    let pieces = found[0].pieces();
    let program = python.joined(text, &pieces, (2, 16), "/p/a");
    assert_eq!(program.text.lines().nth(2), Some("for n in [x]:"));
    assert_eq!(program.text.lines().nth(3), Some("    n"));
    assert_eq!(program.text.lines().nth(4), Some(""));
    assert_eq!(program.flags[0], "-c");
    assert_eq!(program.flags[2], "2-2,3-4,6-6!,10-10,14-15");
    assert_eq!(program.map.document(3, Some(1)), (3, Some(5)));
    let expected: Vec<_> = python
        .expectations(text, &pieces, (1, 99))
        .into_iter()
        .map(|it| (it.of, it.written, it.expected))
        .collect();
    assert_eq!(
        expected,
        [
            ((3, 4), (5, 5), "6".to_owned()),
            ((10, 10), (11, 13), "a\n\nb".to_owned())
        ]
    );
    let text = "def one():\n    \"\"\"\n    >>> one()\n    1\n    \"\"\"\n    return 1\n";
    let found = blocks("a.py", text);
    let program = python.behind(text, &found[0].pieces(), (3, 3));
    assert_eq!(program.text, text.replace("    >>> ", ""));
    assert_eq!(program.flags[2], "+3-3");
}

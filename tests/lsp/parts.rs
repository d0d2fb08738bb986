//! Functions, cells and blocks in real sandboxes: each is run as its language would, with the document's lines.

use serde_json::json;

use crate::client::{line_of, message_of};
use crate::ordinary_user::skipped;
use crate::server::{Editor, python_runs};

/// A function that calls another one and uses an import or a constant: language, file, tool, text, a line in it, and what
/// it prints.
const FUNCTIONS: [(&str, &str, &str, &str, u32, &str); 9] = [
    (
        "python",
        "a.py",
        "python3",
        "import math\n\nprint('top')\n\ndef root():\n    return twice(math.sqrt(16))\n\n\ndef twice(n):\n    return 2 * n\n",
        5,
        "8.0",
    ),
    (
        "javascript",
        "a.js",
        "node",
        "const path = require('path');\nconsole.log('top');\nasync function name() {\n  return twice(path.basename('/x/ab'));\n}\nconst twice = (text) => {\n  return text + text;\n};\n",
        3,
        "abab",
    ),
    (
        "shellscript",
        "a.sh",
        "bash",
        "#!/bin/bash\necho top\nNAME=ab\ngreet() {\n  twice \"$NAME\"\n}\nfunction twice {\n  echo \"$1$1\"\n}\n",
        4,
        "abab",
    ),
    (
        "ruby",
        "a.rb",
        "ruby",
        "puts 'top'\nLIMIT = 4\ndef root\n  twice(LIMIT)\nend\n\ndef twice(n)\n  n * 2\nend\n",
        3,
        "8",
    ),
    (
        "perl",
        "a.pl",
        "perl",
        "use strict;\nprint 'top';\nmy $limit = 4;\nsub root {\n    print twice($limit), \"\\n\";\n}\nsub twice {\n    return 2 * shift;\n}\n",
        4,
        "8",
    ),
    (
        "php",
        "a.php",
        "php",
        "<?php\necho 'top';\nconst LIMIT = 4;\nfunction root()\n{\n    echo twice(LIMIT);\n}\nfunction twice($n)\n{\n    return 2 * $n;\n}\n",
        5,
        "8",
    ),
    (
        "lua",
        "a.lua",
        "lua",
        "print('top')\nlocal limit = 4\nlocal function twice(n)\n  return 2 * n\nend\nlocal function root()\n  print(twice(limit))\nend\n",
        6,
        "8",
    ),
    (
        "c",
        "a.c",
        "cc",
        "#include <stdio.h>\n#define LIMIT 4\nstatic int twice(int n);\nvoid root(void)\n{\n    printf(\"%d\\n\", twice(LIMIT));\n}\nint twice(int n)\n{\n    return 2 * n;\n}\nint main(void)\n{\n    puts(\"top\");\n}\n",
        5,
        "8",
    ),
    (
        "go",
        "a.go",
        "go",
        "package main\n\nimport \"fmt\"\n\nconst limit = 4\n\nfunc root() {\n\tfmt.Println(twice(limit))\n}\n\nfunc twice(n int) int {\n\treturn 2 * n\n}\n\nfunc main() {\n\tfmt.Println(\"top\")\n}\n",
        7,
        "8",
    ),
];

#[test]
fn a_function_is_called_with_what_it_uses_and_nothing_else() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("vscode");
    for (language, file, tool, text, line, prints) in FUNCTIONS {
        if editor.user.find(tool).is_none() {
            skipped(&format!("{language}: there is no {tool}"));
            continue;
        }
        let uri = editor.open(file, language, text);
        // Compilers may take their time.
        let arguments = json!({"uri": uri, "what": "function", "policy": "build", "position": {"line": line, "character": 0}});
        editor.client.command("belljar.run", arguments);
        let result = format!("{prints}\nEnded well");
        let shown = editor.client.wait_for_message(&uri, &result);
        assert!(
            message_of(&shown).starts_with(&result),
            "{language}: {shown}"
        );
    }
    let uri = editor.open(
        "b.py",
        "python",
        "def area(width, height):\n    return width * height\n",
    );
    let here = json!({"uri": uri, "what": "function", "position": {"line": 1, "character": 0}});
    editor.client.command("belljar.run", here);
    let refused = editor.client.wait_for_message(&uri, "Not run");
    assert!(
        message_of(&refused).starts_with("Not run: `area` needs arguments: `width`, `height`."),
        "{refused}"
    );
    let told = editor.client.wait_for("window/showMessage", |_| true);
    assert_eq!(told["message"], refused["message"]);
    editor.finish();
}

#[test]
fn a_block_has_the_lines_and_columns_of_the_text_around_it() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("helix-25.07");
    let text = "# Notes\n\n1. one\n\n   ```python\n   import json\n   print(json.dumps('é'))\n   print(missing)\n   ```\n\n```python\nprint(1)\n";
    let uri = editor.open("notes.md", "markdown", text);
    editor
        .client
        .pick(&uri, (6, 0), (6, 1), "Run block in sandbox");
    let error = editor.client.wait_for_message(&uri, "NameError");
    assert_eq!(line_of(&error), 7, "{error}");
    assert_eq!(error["range"]["start"]["character"], 9, "{error}");
    let result = editor.client.wait_for_message(&uri, "00e9");
    assert_eq!(line_of(&result), 6, "{result}");
    editor
        .client
        .pick(&uri, (11, 0), (11, 1), "Run block in sandbox");
    assert_eq!(
        line_of(&editor.client.wait_for_message(&uri, "1\nEnded well")),
        11
    );
    editor.finish();
}

#[test]
fn a_cell_reads_its_input_and_its_arguments() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("neovim-0.12");
    let text = "import sys\n# %% one\nprint(sys.argv[1:], len(sys.stdin.read()))\n# %% two\nprint('never')\n";
    let uri = editor.open("cells.py", "python", text);
    let input = "line\n".repeat(100_000);
    let arguments = json!({"uri": uri, "what": "cell", "position": {"line": 2, "character": 0}, "arguments": ["a b", "-x"], "stdin": input});
    editor.client.command("belljar.run", arguments);
    editor
        .client
        .wait_for_message(&uri, "['a b', '-x'] 500000\nEnded well");
    editor.finish();
}

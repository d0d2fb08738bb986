//! Sessions in which parts of a document are run: the function, the cell or the block around the cursor, a line.

use belljar_runs::Part;

use super::*;

/// What a request is to run: language, first and last line from 1, and what they are.
fn wanted(stage: &Stage, n: usize) -> (String, Option<(u32, u32)>, Part) {
    let Source::Document {
        language,
        lines,
        part,
        ..
    } = stage.request(n).source
    else {
        panic!("not a document");
    };
    let lines = lines.map(|lines| (lines.first, lines.last));
    (language.unwrap_or_default(), lines, part)
}

fn lines_of(stage: &Stage, n: usize) -> Option<(u32, u32)> {
    wanted(stage, n).1
}

fn run(client: &mut Client, arguments: Value) -> String {
    let reply = client.command("belljar.run", arguments);
    reply["run"].as_str().unwrap().to_owned()
}

fn at(line: u32) -> Value {
    json!({"line": line, "character": 0})
}

#[test]
fn a_function_is_found_deep_in_a_long_document_and_at_its_end() {
    play(NEOVIM, Value::Null, |client, stage| {
        let long = "x = 1\n".repeat(20_000);
        let text = format!("{long}{STEPS}{long}def last():\n    pass\n");
        client.open(FILE, "python", &text);
        for (n, (line, lines)) in [
            (20_004, (20_004, 20_005)),
            (40_010, (40_010, 40_011)),
            (50_000, (40_010, 40_011)),
        ]
        .into_iter()
        .enumerate()
        {
            let arguments = json!({"uri": FILE, "what": "function", "position": at(line)});
            let id = run(client, arguments);
            assert_eq!(lines_of(stage, n), Some(lines), "at {line}");
            stage.end(&id, |_| {});
        }
    });
}

const STEPS: &str =
    "import math\n\n# %% one\ndef greet():\n    print(\"hello\")\n\n\n# %% two\nprint(math.pi)\n";
const NOTES: &str = "# Notes\n\n```python\nimport os\nprint(os.sep)\n```\n\n1. list\n\n   ~~~js\n   a()\n   ~~~\n\n```text\nwords\n```\n";
const MARKDOWN: &str = "file:///srv/project/notes.md";

#[test]
fn the_part_around_the_cursor_is_run() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", STEPS);
        for (what, line, lines, part) in [
            ("function", 4, Some((4, 5)), Part::Function),
            ("cell", 4, Some((3, 5)), Part::Lines),
            ("cell", 6, Some((3, 5)), Part::Lines),
            ("cell", 1, Some((1, 1)), Part::Lines),
            ("cell", 8, Some((8, 9)), Part::Lines),
            ("line", 8, Some((9, 9)), Part::Lines),
            ("file", 8, None, Part::Lines),
        ] {
            let n = stage.requests.lock().unwrap().len();
            let id = run(
                client,
                json!({"uri": FILE, "what": what, "position": at(line)}),
            );
            assert_eq!(
                wanted(stage, n),
                ("python".into(), lines, part),
                "{what} at {line}"
            );
            stage.end(&id, |_| {});
        }
        // Where lines are counted from one, and where a selection says where the cursor is.
        run(
            client,
            json!({"path": "a.py", "what": "function", "startLine": 5}),
        );
        assert_eq!(wanted(stage, 7).2, Part::Function);
        let range = client::range((3, 0), (5, 0));
        run(client, json!({"uri": FILE, "what": "line", "range": range}));
        assert_eq!(lines_of(stage, 8), Some((4, 5)));
        for (arguments, told) in [
            (
                json!({"uri": FILE, "what": "function", "position": at(8)}),
                "There is no function around line 9.",
            ),
            (
                json!({"uri": FILE, "what": "block", "position": at(8)}),
                "There is no fenced block in a language that can be run around line 9.",
            ),
            (
                json!({"uri": FILE, "what": "selection", "position": at(8)}),
                "Nothing is selected.",
            ),
            (
                json!({"uri": FILE, "what": "cell"}),
                "Where the cursor is was not said.",
            ),
        ] {
            let refused = client.try_command("belljar.run", arguments).unwrap_err();
            assert_eq!(refused.message, told);
        }
        client.open("file:///srv/project/b.py", "python", "print(1)\n");
        let cell = json!({"uri": "file:///srv/project/b.py", "what": "cell", "position": at(0)});
        assert!(
            client
                .try_command("belljar.run", cell)
                .unwrap_err()
                .message
                .contains("There is no cell")
        );
    });
}

#[test]
fn a_block_is_run_in_its_language_and_moves_with_its_text() {
    play(VSCODE, Value::Null, |client, stage| {
        client.open(MARKDOWN, "markdown", NOTES);
        let first = run(
            client,
            json!({"uri": MARKDOWN, "what": "block", "position": at(2)}),
        );
        assert_eq!(
            wanted(stage, 0),
            ("markdown".into(), Some((4, 5)), Part::Block)
        );
        stage.end(&first, |report| prints(report, "/\n"));
        assert_eq!(line_of(&client.wait_for_message(MARKDOWN, "/")), 4);
        run(
            client,
            json!({"uri": MARKDOWN, "what": "block", "position": at(10)}),
        );
        assert_eq!(
            wanted(stage, 1),
            ("markdown".into(), Some((11, 11)), Part::Block)
        );
        // Lines of a block, with a fence or without, are run in its language too.
        let range = client::range((4, 0), (6, 0));
        run(client, json!({"uri": MARKDOWN, "range": range}));
        assert_eq!(
            wanted(stage, 2),
            ("markdown".into(), Some((5, 5)), Part::Lines)
        );
        client.edit(MARKDOWN, 2, (0, 0), (0, 0), "more\nwords\n");
        client.command("belljar.rerun", json!({"run": "r2"}));
        assert_eq!(
            wanted(stage, 3),
            ("markdown".into(), Some((7, 7)), Part::Lines)
        );
        let text = json!({"uri": MARKDOWN, "what": "block", "position": at(16)});
        assert!(client.try_command("belljar.run", text).is_err());
    });
}

#[test]
fn everything_up_to_a_place_is_run_again_where_it_is_now() {
    let notes =
        "```py\nx = 1\n```\n```sh\nls\n```\n```py\nprint(x)\n```\n```{py, eval=FALSE}\ny\n```\n";
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(MARKDOWN, "markdown", notes);
        client.open(FILE, "python", STEPS);
        let up_to = |uri: &str, line| json!({"uri": uri, "what": "upTo", "position": at(line)});
        run(client, up_to(MARKDOWN, 7));
        let seen = |n| wanted(stage, n);
        assert_eq!(seen(0), ("markdown".into(), Some((2, 8)), Part::UpTo));
        client.edit(MARKDOWN, 2, (6, 0), (6, 0), "words\n");
        client.command("belljar.rerun", json!({"run": "r0"}));
        assert_eq!(seen(1), ("markdown".into(), Some((2, 9)), Part::UpTo));
        run(client, up_to(FILE, 8));
        assert_eq!(seen(2), ("python".into(), Some((1, 9)), Part::UpTo));
        for (uri, line) in [(MARKDOWN, 1), (MARKDOWN, 4), (MARKDOWN, 6), (FILE, 0)] {
            let refused = client.try_command("belljar.run", up_to(uri, line));
            let message = refused.unwrap_err().message;
            assert!(
                message.contains("an earlier one in its language"),
                "{message}"
            );
        }
        // A block that is not to be run can be asked for, and planning says why not.
        run(
            client,
            json!({"uri": MARKDOWN, "what": "block", "position": at(11)}),
        );
        assert_eq!(seen(3), ("markdown".into(), Some((12, 12)), Part::Block));
    });
}

#[test]
fn the_menu_has_the_parts_that_are_at_the_cursor() {
    let titles = |client: &mut Client, uri: &str, from, to| -> Vec<String> {
        let actions = client.actions(uri, from, to);
        let titles = actions
            .iter()
            .map(|action| action["title"].as_str().unwrap().to_owned());
        titles.filter(|title| title.starts_with("Run ")).collect()
    };
    play(HELIX, Value::Null, |client, stage| {
        client.open(FILE, "python", STEPS);
        client.open(MARKDOWN, "markdown", NOTES);
        assert_eq!(
            titles(client, FILE, (4, 4), (4, 5)),
            [
                "Run cell in sandbox",
                "Run up to here in sandbox",
                "Run file in sandbox",
                "Run function in sandbox",
                "Run line in sandbox",
                "Run cell in sandbox (strict)"
            ]
        );
        assert_eq!(
            titles(client, FILE, (8, 0), (8, 5)),
            [
                "Run selection in sandbox",
                "Run cell in sandbox",
                "Run up to here in sandbox",
                "Run file in sandbox",
                "Run selection in sandbox (strict)"
            ]
        );
        assert_eq!(
            titles(client, MARKDOWN, (4, 1), (4, 1)),
            [
                "Run block in sandbox",
                "Run line in sandbox",
                "Run block in sandbox (strict)"
            ]
        );
        assert!(titles(client, MARKDOWN, (0, 1), (0, 1)).is_empty());
        assert!(titles(client, MARKDOWN, (14, 0), (14, 5)).is_empty());
        client.pick(FILE, (4, 4), (4, 5), "Run function in sandbox");
        assert_eq!(
            wanted(stage, 0),
            ("python".into(), Some((4, 5)), Part::Function)
        );
        client.pick(MARKDOWN, (3, 0), (3, 1), "Run block in sandbox (strict)");
        assert_eq!(
            (lines_of(stage, 1), stage.request(1).policy),
            (Some((4, 5)), "strict".into())
        );
        client.pick(FILE, (8, 0), (8, 1), "Run line in sandbox");
        assert_eq!(lines_of(stage, 2), Some((9, 9)));
    });
}

#[test]
fn cells_and_blocks_have_a_lens_that_follows_the_text() {
    play(VSCODE, Value::Null, |client, _| {
        let lens = |line, title: &str| (line, title.to_owned());
        client.open(FILE, "python", STEPS);
        client.open(MARKDOWN, "markdown", NOTES);
        assert_eq!(
            client.lenses(FILE),
            [
                lens(0, "▶ Run in sandbox"),
                lens(2, "▶ Run cell"),
                lens(7, "▶ Run cell"),
                lens(2, "▶ Run up to here"),
                lens(7, "▶ Run up to here")
            ]
        );
        assert_eq!(
            client.lenses(MARKDOWN),
            [lens(2, "▶ Run block"), lens(9, "▶ Run block")]
        );
        client.edit(MARKDOWN, 2, (13, 3), (13, 7), "sh");
        client.edit(FILE, 2, (7, 0), (7, 4), "#");
        assert_eq!(
            client.lenses(FILE),
            [
                lens(0, "▶ Run in sandbox"),
                lens(2, "▶ Run cell"),
                lens(2, "▶ Run up to here")
            ]
        );
        assert_eq!(client.lenses(MARKDOWN).len(), 3);
    });
}

#[test]
fn a_document_with_very_many_parts_has_lenses_for_the_first_ones() {
    play(VSCODE, Value::Null, |client, _| {
        client.open(FILE, "python", &"# %% a\nprint(1)\n".repeat(20_000));
        client.open(MARKDOWN, "markdown", &"```sh\nls\n```\n".repeat(20_000));
        assert_eq!(client.lenses(FILE).len(), 1001);
        assert_eq!(client.lenses(MARKDOWN).len(), 1000);
        // Those behind them can be run all the same.
        let last = json!({"uri": MARKDOWN, "what": "block", "position": at(59_998)});
        client.command("belljar.run", last);
    });
}

#[test]
fn the_name_of_a_file_cannot_choose_a_policy_or_what_is_run() {
    play(HELIX, Value::Null, |client, stage| {
        client.open(FILE, "python", STEPS);
        // What a key of Helix sends.
        let key = |name: &str| {
            let text = format!(r#"{{"path":"{name}","what":"line","startLine":1,"endLine":1}}"#);
            serde_json::from_str::<Value>(&text).unwrap()
        };
        for (name, uri) in [
            (
                r#"a.py","policy":"build","x":""#,
                "file:///srv/project/a.py%22%2C%22policy%22%3A%22build%22%2C%22x%22%3A%22",
            ),
            (r"a\u002epy", "file:///srv/project/a%5Cu002epy"),
        ] {
            // Control: if nobody looked at names, another document would run.
            assert_eq!(key(name)["path"], "a.py");
            client.open(uri, "python", "print()\n");
            for command in ["belljar.run", "belljar.clear"] {
                let refused = client.try_command(command, key(name)).unwrap_err();
                assert!(refused.message.contains("menu"), "{}", refused.message);
                client.wait_for("window/showMessage", |_| true);
            }
            assert!(stage.requests.lock().unwrap().is_empty());
            client.notify(
                "textDocument/didClose",
                json!({"textDocument": {"uri": uri}}),
            );
        }
        run(client, key("a.py"));
    });
}

#[test]
fn arguments_and_input_reach_the_run_and_those_that_repeat_it() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(
            FILE,
            "python",
            "import sys\nprint(sys.argv, sys.stdin.read())\n",
        );
        let long = "x\u{e9}\n".repeat(100_000);
        let first = run(
            client,
            json!({"uri": FILE, "what": "line", "position": at(1), "arguments": ["-n", "a b"], "stdin": long}),
        );
        assert_eq!(stage.request(0).arguments, ["-n", "a b"]);
        assert_eq!(stage.input(&first), long);
        client.command("belljar.rerun", Value::Null);
        assert_eq!(
            (stage.request(1).arguments, lines_of(stage, 1)),
            (vec!["-n".into(), "a b".into()], Some((2, 2)))
        );
        assert_eq!(stage.input("r1"), long);
        // No input is not an empty one, but to the program it is the same.
        run(client, json!({"uri": FILE}));
        assert!(!stage.request(2).has_input && stage.request(2).arguments.is_empty());
        let refused = client.try_command("belljar.run", json!({"uri": FILE, "what": "everything"}));
        assert!(
            refused
                .unwrap_err()
                .message
                .contains("These arguments are not understood")
        );
    });
}

#[test]
fn a_document_without_a_file_is_run_as_it_is_in_the_editor() {
    for profile in [VSCODE, NEOVIM, HELIX] {
        play(profile, Value::Null, |client, stage| {
            let uri = "untitled:Untitled-1";
            client.open(uri, "python", "\tprint(\"😀\")\r\n\r\nprint(2)\r\n");
            client.edit(uri, 2, (2, 6), (2, 7), "3");
            let range = client::range((0, 3), (99, 99));
            run(client, json!({"uri": uri, "range": range}));
            assert_eq!(stage.text(0), "\tprint(\"😀\")\r\n\r\nprint(3)\r\n");
            assert_eq!(lines_of(stage, 0), Some((1, 3)));
            let Source::Document { path, name, .. } = stage.request(0).source else {
                panic!()
            };
            assert_eq!((path, name.as_str()), (None, "Untitled-1"));
            stage.end("r0", |report| prints(report, "3\n"));
            assert_eq!(line_of(&client.wait_for_message(uri, "3")), 2);
            // A cursor behind the end is in the last line.
            run(
                client,
                json!({"uri": uri, "what": "line", "position": at(77)}),
            );
            assert_eq!(lines_of(stage, 1), Some((3, 3)));
        });
    }
}

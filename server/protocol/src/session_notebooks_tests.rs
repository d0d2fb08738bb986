//! Sessions with a notebook: each cell is a document, and what earlier ones made is there if the user asks for it.

use belljar_runs::Part;

use super::*;

const NOTEBOOK: &str = "file:///srv/project/steps.ipynb";
const ONE: &str = "vscode-notebook-cell:/srv/project/steps.ipynb#1";
const TEXT: &str = "vscode-notebook-cell:/srv/project/steps.ipynb#2";
const SHELL: &str = "vscode-notebook-cell:/srv/project/steps.ipynb#3";
const LAST: &str = "vscode-notebook-cell:/srv/project/steps.ipynb#4";

fn cell(uri: &str) -> Value {
    json!({"kind": if uri == TEXT { 1 } else { 2 }, "document": uri})
}

fn item(uri: &str, language: &str, text: &str) -> Value {
    json!({"uri": uri, "languageId": language, "version": 1, "text": text})
}

/// A session of an editor that tells of notebooks, in which one is open.
fn play_notebook(act: impl FnOnce(&mut Client, &Stage)) {
    let mut profile: Value = serde_json::from_str(VSCODE).unwrap();
    profile["capabilities"]["notebookDocument"] = json!({"synchronization": {}});
    play(&profile.to_string(), Value::Null, |client, stage| {
        client.notify(
            "notebookDocument/didOpen",
            json!({
                "notebookDocument": {
                    "uri": NOTEBOOK, "notebookType": "jupyter-notebook", "version": 1,
                    "cells": [cell(ONE), cell(TEXT), cell(SHELL), cell(LAST)],
                },
                "cellTextDocuments": [
                    item(ONE, "python", "x = 6\ny = 7"),
                    item(TEXT, "markdown", "# Words"),
                    item(SHELL, "shellscript", "ls\n"),
                    item(LAST, "python", "print(x * y)\nprint(x)\n"),
                ],
            }),
        );
        act(client, stage);
    });
}

fn up_to(uri: &str) -> Value {
    json!({"uri": uri, "what": "upTo", "position": {"line": 0, "character": 0}})
}

#[test]
fn a_cell_of_a_notebook_runs_by_itself_or_after_the_earlier_ones() {
    play_notebook(|client, stage| {
        let whole = json!({"uri": LAST, "what": "cell", "position": {"line": 1, "character": 0}});
        client.command("belljar.run", whole);
        assert_eq!(stage.text(0), "print(x * y)\nprint(x)\n");
        let Source::Document {
            path,
            name,
            language,
            part,
            ..
        } = stage.request(0).source
        else {
            panic!();
        };
        assert_eq!(path.unwrap().to_str(), Some("/srv/project/steps.ipynb"));
        assert_eq!(
            (name.as_str(), language.as_deref(), part),
            ("steps.ipynb", Some("python"), Part::Lines)
        );
        client.command("belljar.run", up_to(LAST));
        assert_eq!(stage.text(1), "x = 6\ny = 7\nprint(x * y)\nprint(x)\n");
        let lines = |n: usize| match stage.request(n).source {
            Source::Document {
                lines: Some(lines), ..
            } => (lines.first, lines.last),
            _ => panic!(),
        };
        assert_eq!((lines(0), lines(1)), ((1, 2), (1, 4)));
        for uri in [ONE, SHELL] {
            assert!(
                client.try_command("belljar.run", up_to(uri)).is_err(),
                "{uri}"
            );
        }
    });
}

#[test]
fn what_a_cell_did_stands_on_its_own_lines() {
    play_notebook(|client, stage| {
        let reply = client.command("belljar.run", up_to(LAST));
        let run = reply["run"].as_str().unwrap().to_owned();
        stage.end(&run, |report| {
            report.violations = vec![refuses(1, "a"), refuses(4, "b")];
            report.errors = vec![SourceError {
                message: "NameError: z".into(),
                line: 3,
                column: Some(7),
            }];
        });
        let found = client.wait_for_message(LAST, "NameError");
        assert_eq!(line_of(&found), 0);
        let lines: Vec<u64> = client.diagnostics(LAST).iter().map(line_of).collect();
        assert!(lines.contains(&1), "{lines:?}");
        assert!(client.diagnostics(ONE).is_empty());
    });
}

#[test]
fn cells_that_come_go_and_change_are_followed() {
    play_notebook(|client, stage| {
        let titles = |client: &mut Client, uri: &str| -> Vec<String> {
            client
                .lenses(uri)
                .into_iter()
                .map(|(_, title)| title)
                .collect()
        };
        assert_eq!(titles(client, ONE), ["▶ Run cell"]);
        assert_eq!(titles(client, LAST), ["▶ Run cell", "▶ Run up to here"]);
        assert!(titles(client, TEXT).is_empty());
        let change = |cells: Value| json!({"notebookDocument": {"uri": NOTEBOOK, "version": 2}, "change": {"cells": cells}});
        client.notify(
            "notebookDocument/didChange",
            change(json!({"textContent": [{
                "document": {"uri": ONE, "version": 2},
                "changes": [{"range": client::range((0, 4), (0, 5)), "text": "8"}],
            }]})),
        );
        client.command("belljar.run", up_to(LAST));
        assert!(stage.text(0).starts_with("x = 8\n"));
        // The first cell goes, and one comes between.
        let new = "vscode-notebook-cell:/srv/project/steps.ipynb#5";
        client.notify(
            "notebookDocument/didChange",
            change(json!({"structure": {"array": {"start": 0, "deleteCount": 1}, "didClose": [{"uri": ONE}]}})),
        );
        assert_eq!(titles(client, LAST)[..1], ["▶ Run cell"]);
        assert!(client.try_command("belljar.run", up_to(LAST)).is_err());
        client.notify(
            "notebookDocument/didChange",
            change(json!({"structure": {
                "array": {"start": 2, "deleteCount": 0, "cells": [cell(new)]},
                "didOpen": [item(new, "python", "x = 9\n")],
            }})),
        );
        client.command("belljar.run", up_to(LAST));
        assert!(stage.text(1).starts_with("x = 9\n"));
        client.notify(
            "notebookDocument/didClose",
            json!({"notebookDocument": {"uri": NOTEBOOK}, "cellTextDocuments": [{"uri": LAST}, {"uri": new}]}),
        );
        assert!(client.try_command("belljar.run", up_to(LAST)).is_err());
        // A client that tells of changes that cannot be is no trouble.
        client.notify(
            "notebookDocument/didChange",
            change(
                json!({"structure": {"array": {"start": 77, "deleteCount": 4_000_000_000_u32}}}),
            ),
        );
        client.command("belljar.policies", Value::Null);
    });
}

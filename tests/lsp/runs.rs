//! Real runs in real sandboxes, as an editor sees them.

use std::time::Instant;

use serde_json::{Value, json};

use crate::client::{line_of, message_of, range};
use crate::server::{Editor, PROFILES, processes_with, python_runs, wait_until};

const LOOP: &str = "import time\nprint('begun', flush=True)\nwhile True:\n    time.sleep(0.01)\n";

fn run_lines(editor: &mut Editor, uri: &str, first: u32, last: u32) -> String {
    let arguments = json!({"uri": uri, "range": range((first, 0), (last + 1, 0))});
    let reply = editor.client.command("belljar.run", arguments);
    reply["run"].as_str().expect("an id").to_owned()
}

#[test]
fn every_editor_can_read_what_a_program_printed() {
    if !python_runs() {
        return;
    }
    for (name, _) in PROFILES {
        let mut editor = Editor::introduced(name);
        let uri = editor.open("answer.py", "python", "answer = 6 * 7\nprint(answer)\n");
        editor
            .client
            .pick(&uri, (0, 0), (0, 0), "Run file in sandbox");
        let result = editor.client.wait_for_message(&uri, "42");
        assert!(message_of(&result).starts_with("42\n"), "{name}: {result}");
        assert_eq!(line_of(&result), 1, "{name}");
        let severity = result["severity"].as_u64().expect("a severity");
        assert!(severity >= 3, "{name}: a result is no problem");
        let hover = editor.client.hover(&uri, 1, 0).expect("a hover");
        assert!(hover.contains("42"), "{name}: {hover}");
        editor.client.command("belljar.clear", Value::Null);
        editor
            .client
            .wait_for_diagnostics(&uri, "nothing", <[Value]>::is_empty);
        editor.finish();
    }
}

#[test]
fn a_selection_keeps_its_line_numbers_in_errors() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("neovim-0.12");
    let text = "# one\n# two\nif True:\n    print('before')\n    print(missing)\n";
    let uri = editor.open("error.py", "python", text);
    editor
        .client
        .pick(&uri, (3, 0), (5, 0), "Run selection in sandbox");
    let error = editor.client.wait_for_message(&uri, "NameError");
    assert_eq!(line_of(&error), 4, "{error}");
    assert_eq!(error["severity"], 1);
    let innocence = "The sandbox refused nothing in this run.";
    let result = editor.client.wait_for_message(&uri, innocence);
    assert_eq!(line_of(&result), 4, "{result}");
    // At its own line.
    editor.client.wait_for_message(&uri, "before");
    editor.finish();
}

/// The titles of the quick fixes on a line.
fn fixes(editor: &mut Editor, uri: &str, line: u64) -> Vec<String> {
    let line = u32::try_from(line).expect("a short text");
    let actions = editor.client.actions(uri, (line, 0), (line, 0));
    let fixes = actions.iter().filter(|action| action["kind"] == "quickfix");
    fixes
        .map(|fix| fix["title"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn what_was_refused_is_a_warning_and_has_a_fix_if_it_can_be_allowed() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("neovim-0.12");
    let text = "import socket\n\ns = socket.socket()\ns.connect((\"192.0.2.7\", 443))\n";
    let uri = editor.open("call_out.py", "python", text);
    editor.client.command("belljar.run", json!({"uri": uri}));
    let warning = editor.client.wait_for_message(&uri, "192.0.2.7");
    assert_eq!(warning["code"], "network.connect", "{warning}");
    assert_eq!(warning["severity"], 2);
    assert_eq!(line_of(&warning), 3);
    let message = message_of(&warning);
    assert!(
        message.starts_with("Blocked by policy `default`: connect to"),
        "{message}"
    );
    // A run with a network rule would be refused, so there is no fix for this.
    assert!(fixes(&mut editor, &uri, 3).is_empty());

    let text = "while True:\n    print('x' * 1000)\n";
    let uri = editor.open("flood.py", "python", text);
    editor.client.command("belljar.run", json!({"uri": uri}));
    let stopped = editor.client.wait_for_message(&uri, "output limit");
    let titles = fixes(&mut editor, &uri, line_of(&stopped));
    assert_eq!(titles.len(), 1, "{titles:?}");
    assert!(
        titles[0].starts_with("Allow once and run again: limits.output"),
        "{titles:?}"
    );
    editor.finish();
}

#[test]
fn a_hidden_file_is_allowed_once_and_for_good_where_it_was_refused() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("vscode");
    let notes = editor.user.home().join("notes");
    std::fs::create_dir(&notes).expect("a folder");
    std::fs::write(notes.join("list"), "milk").expect("a file");
    let text = "import os\n\ntry:\n    x = open(os.path.expanduser('~/notes/list'))  # here\n    print(x.read())\nexcept OSError:\n    pass\n";
    let uri = editor.open("notes.py", "python", text);
    editor.client.command("belljar.run", json!({"uri": uri}));
    let warning = editor.client.wait_for_message(&uri, "~/notes/list");
    assert_eq!(warning["code"], "files.read", "{warning}");
    assert_eq!(line_of(&warning), 3, "{warning}");
    assert_eq!(warning["range"], range((3, 8), (3, 48)), "{warning}");
    let rule = "files.read = [\"~/notes/list\"]";
    let everywhere = format!("Allow for me everywhere: {rule}");
    wait_until("every fix is offered", || {
        fixes(&mut editor, &uri, 3).contains(&everywhere)
    });
    let once = format!("Allow once and run again: {rule}");
    let project = format!("Allow in this project: {rule}");
    assert_eq!(
        fixes(&mut editor, &uri, 3),
        [once.clone(), project, everywhere.clone()]
    );

    editor.client.pick(&uri, (3, 0), (3, 0), &once);
    editor.client.wait_for_message(&uri, "milk");
    let left = editor.client.diagnostics(&uri);
    assert!(
        left.iter().all(|one| one["code"] != "files.read"),
        "{left:#?}"
    );
    editor.client.command("belljar.rerun", Value::Null);
    editor.client.wait_for_message(&uri, "~/notes/list");

    editor.client.choices.push_back("Write it");
    wait_until("it is offered again", || {
        fixes(&mut editor, &uri, 3).contains(&everywhere)
    });
    editor.client.pick(&uri, (3, 0), (3, 0), &everywhere);
    let written = |said: &Value| {
        said["message"]
            .as_str()
            .is_some_and(|said| said.starts_with("Written to"))
    };
    editor.client.wait_for("window/showMessage", written);
    editor.client.command("belljar.rerun", Value::Null);
    editor.client.wait_for_message(&uri, "milk");
    editor.finish();
}

#[test]
fn a_loop_is_stopped_from_the_menu_and_by_progress() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("vscode");
    let uri = editor.open("loop.py", "python", LOOP);
    editor.client.command("belljar.run", json!({"uri": uri}));
    let begun = |progress: &Value| {
        progress["value"]["message"]
            .as_str()
            .is_some_and(|message| message.ends_with("begun"))
    };
    editor.client.wait_for("$/progress", begun);
    assert!(
        editor
            .client
            .lenses(&uri)
            .contains(&(0, "■ Stop".to_owned()))
    );
    editor.client.pick(&uri, (0, 0), (0, 0), "Stop sandbox run");
    editor.client.wait_for_message(&uri, "Stopped by you");

    editor.client.command("belljar.rerun", Value::Null);
    let progress = editor.client.wait_for("$/progress", begun);
    editor.client.notify(
        "window/workDoneProgress/cancel",
        json!({"token": progress["token"]}),
    );
    editor
        .client
        .wait_for("$/progress", |progress| progress["value"]["kind"] == "end");
    editor.client.wait_for_message(&uri, "Stopped by you");
    editor.finish();
}

#[test]
fn two_runs_of_one_document_do_not_disturb_each_other() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("neovim-0.12");
    let uri = editor.open("two.py", "python", &format!("print('quick')\n\n{LOOP}"));
    let slow = run_lines(&mut editor, &uri, 2, 5);
    run_lines(&mut editor, &uri, 0, 0);
    assert_eq!(line_of(&editor.client.wait_for_message(&uri, "quick")), 0);
    editor
        .client
        .command("belljar.cancel", json!({"run": slow}));
    // Beside the results stands what the lines printed.
    let is_result = |one: &&Value| one["code"] == "result";
    let all = editor
        .client
        .wait_for_diagnostics(&uri, "both results", |all| {
            all.iter().filter(is_result).count() == 2
        });
    let stopped = all
        .iter()
        .find(|one| message_of(one).contains("Stopped by you"));
    assert_eq!(line_of(stopped.expect("the slow one")), 5);
    // An edit above moves both; one inside the first marks that one only.
    editor.client.edit(&uri, 2, (0, 0), (0, 0), "\n");
    editor.client.wait_for_diagnostics(&uri, "moved", |all| {
        let mut lines: Vec<u64> = all.iter().filter(is_result).map(line_of).collect();
        lines.sort_unstable();
        lines == [1, 6]
    });
    editor.client.edit(&uri, 3, (1, 7), (1, 12), "slow!");
    let marked = editor.client.wait_for_message(&uri, "text has changed");
    assert_eq!(line_of(&marked), 1);
    editor.client.command("belljar.clear", json!({"uri": uri}));
    editor
        .client
        .wait_for_diagnostics(&uri, "nothing", <[Value]>::is_empty);
    editor.finish();
}

#[test]
fn running_again_runs_the_text_as_it_is_now() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("helix-25.01");
    let uri = editor.open("again.py", "python", "print('first')\n");
    editor.client.command("belljar.run", Value::Null);
    editor.client.wait_for_message(&uri, "first");
    editor.client.edit(&uri, 2, (0, 7), (0, 12), "second");
    editor.client.command("belljar.rerun", Value::Null);
    editor.client.wait_for_message(&uri, "second");
    assert_eq!(editor.client.diagnostics(&uri).len(), 1);
    let shown = editor.client.command("belljar.showOutput", Value::Null);
    let text = std::fs::read_to_string(shown["path"].as_str().expect("a path"));
    assert!(text.expect("the output").contains("second"));
    editor.client.wait_for_request("window/showDocument");
    let path = shown["path"].as_str().expect("a path").to_owned();
    editor.finish();
    assert!(
        !std::path::Path::new(&path).exists(),
        "it is gone with the server"
    );
}

#[test]
fn closing_a_document_ends_its_run() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("neovim-0.12");
    let marker = format!("belljar-test-close-{}", std::process::id());
    let uri = editor.open("close.py", "python", &child_named(&marker));
    editor.client.command("belljar.run", json!({"uri": uri}));
    wait_until("the program", || !processes_with(&marker).is_empty());
    editor.client.notify(
        "textDocument/didClose",
        json!({"textDocument": {"uri": uri}}),
    );
    wait_until("its end", || processes_with(&marker).is_empty());
    editor.finish();
}

#[test]
fn nothing_outlives_the_server_however_it_ends() {
    if !python_runs() {
        return;
    }
    type End = fn(&mut Editor);
    let ends: [(&str, End); 3] = [
        ("kill", |editor| editor.server.kill().expect("it lives")),
        ("hang-up", |editor| editor.client.hang_up()),
        ("shutdown", |editor| {
            editor.client.ask("shutdown", Value::Null);
            editor.client.notify("exit", Value::Null);
        }),
    ];
    for (name, end) in ends {
        let mut editor = Editor::introduced("neovim-0.12");
        let marker = format!("belljar-test-{name}-{}", std::process::id());
        let uri = editor.open("outlive.py", "python", &child_named(&marker));
        editor.client.command("belljar.run", json!({"uri": uri}));
        wait_until("the program", || !processes_with(&marker).is_empty());
        let start = Instant::now();
        end(&mut editor);
        wait_until("its end", || processes_with(&marker).is_empty());
        editor.ended();
        println!(
            "{name}: everything gone after {} ms",
            start.elapsed().as_millis()
        );
    }
}

/// A program that starts a child whose command line holds `marker`, and waits for it.
fn child_named(marker: &str) -> String {
    format!(
        "import subprocess, sys\n\
         subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])\n"
    )
}

#[test]
fn a_flood_of_output_is_cut_and_the_server_answers_meanwhile() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("neovim-0.12");
    let text = "while True:\n    print('flood ' * 1000)\n";
    let uri = editor.open("flood.py", "python", text);
    editor.client.command("belljar.run", json!({"uri": uri}));
    for _ in 0..50 {
        assert!(!editor.client.actions(&uri, (0, 0), (0, 0)).is_empty());
    }
    // The output limit may end it; if it only cuts, we do.
    editor.client.command("belljar.cancel", Value::Null);
    let ended = editor
        .client
        .wait_for_diagnostics(&uri, "the end", |all| !all.is_empty());
    assert!(ended.iter().all(|one| message_of(one).len() < 20_000));
    editor.finish();
}

#[test]
fn the_menu_comes_quickly_while_runs_go_on() {
    if !python_runs() {
        return;
    }
    let mut editor = Editor::introduced("vscode");
    let text = format!(
        "{LOOP}{}",
        "# a line of some length, again and again\n".repeat(25_000)
    );
    let uri = editor.open("busy.py", "python", &text);
    for _ in 0..8 {
        run_lines(&mut editor, &uri, 0, 3);
    }
    let mut times: Vec<u128> = (0..200)
        .map(|n| {
            let start = Instant::now();
            assert!(!editor.client.actions(&uri, (n, 0), (n + 2, 0)).is_empty());
            start.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    println!(
        "code actions during 8 runs: p50 {} us, p99 {} us",
        times[100], times[198]
    );
    editor.client.command("belljar.cancel", Value::Null);
    editor.finish();
}

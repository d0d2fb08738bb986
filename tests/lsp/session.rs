//! How a session begins and ends, and what it survives. Nothing is run here.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::client::range;
use crate::server::{Editor, PROFILES, profile, wait_until};

fn tell(editor: &mut Editor, method: &str) {
    let body = json!({"jsonrpc": "2.0", "method": method}).to_string();
    let frame = format!("Content-Length: {}\r\n\r\n{body}", body.len());
    editor.client.send_bytes(frame.as_bytes());
}

#[test]
fn a_session_ended_in_order_has_status_0() {
    Editor::introduced("neovim-0.12").finish();
}

#[test]
fn exit_without_shutdown_has_status_1() {
    let mut editor = Editor::introduced("neovim-0.12");
    tell(&mut editor, "exit");
    assert_eq!(editor.ended().code(), Some(1));
    editor.client.expect_end();
}

#[test]
fn the_end_of_the_input_is_the_end() {
    let mut editor = Editor::introduced("neovim-0.12");
    editor.client.hang_up();
    assert_eq!(editor.ended().code(), Some(1));
    let mut editor = Editor::introduced("neovim-0.12");
    editor.client.ask("shutdown", Value::Null);
    editor.client.hang_up();
    assert_eq!(editor.ended().code(), Some(0));
}

#[test]
fn a_signal_is_the_end() {
    let mut editor = Editor::introduced("neovim-0.12");
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -TERM {}", editor.server.id())])
        .status()
        .expect("a shell");
    assert!(sent.success());
    assert_eq!(editor.ended().code(), Some(1));
}

#[test]
fn the_end_of_the_editor_is_the_end_also_while_the_input_is_open() {
    let mut editor = Editor::start();
    let mut parent = Command::new("sleep")
        .arg("600")
        .stdin(Stdio::null())
        .spawn()
        .expect("sleep");
    let hello = json!({"processId": parent.id(), "capabilities": {}});
    editor.client.ask("initialize", hello);
    parent.kill().expect("it lives");
    parent.wait().expect("it is ours");
    let took = wait_until("the end of the server", || {
        editor.server.try_wait().expect("a child").is_some()
    });
    println!("gone {} ms after its editor", took.as_millis());
}

#[test]
fn what_comes_too_early_or_too_late_is_refused() {
    let mut editor = Editor::start();
    let hover =
        json!({"textDocument": {"uri": "file:///a"}, "position": {"line": 0, "character": 0}});
    let early = editor.client.try_ask("textDocument/hover", hover.clone());
    assert_eq!(early.unwrap_err().code, -32002);
    editor
        .client
        .initialize(profile("neovim-0.12"), None, Value::Null);
    let again = editor
        .client
        .try_ask("initialize", json!({"capabilities": {}}));
    assert_eq!(again.unwrap_err().code, -32600);
    editor.client.ask("shutdown", Value::Null);
    let late = editor.client.try_ask("textDocument/hover", hover);
    assert_eq!(late.unwrap_err().code, -32600);
    tell(&mut editor, "exit");
    assert_eq!(editor.ended().code(), Some(0));
    editor.client.expect_end();
}

#[test]
fn a_body_that_is_not_json_is_refused_and_the_session_goes_on() {
    let mut editor = Editor::introduced("neovim-0.12");
    editor
        .client
        .send_bytes(b"Content-Length: 9\r\n\r\n{\"method\"");
    assert_eq!(editor.client.wait_for_complaint(), -32700);
    let unknown = editor.client.try_ask("no/such", Value::Null);
    assert_eq!(unknown.unwrap_err().code, -32601);
    editor.client.notify("$/no/such", Value::Null);
    editor.finish();
}

#[test]
fn every_editor_is_offered_what_it_can_show() {
    for (name, text) in PROFILES {
        let mut editor = Editor::start();
        let offers = editor.client.initialize(text, None, Value::Null);
        let said: Value = serde_json::from_str(text).expect("a profile is JSON");
        let offered = &said["capabilities"]["general"]["positionEncodings"];
        let offered = offered.as_array().expect("encodings");
        let encoding = if offered.contains(&json!("utf-8")) {
            "utf-8"
        } else {
            "utf-16"
        };
        assert_eq!(offers["positionEncoding"], encoding, "{name}");
        let can = &said["capabilities"];
        let hints = can["workspace"]["inlayHint"]["refreshSupport"] == true;
        assert_eq!(offers.get("inlayHintProvider").is_some(), hints, "{name}");
        let lenses = can["textDocument"].get("codeLens").is_some();
        assert_eq!(offers.get("codeLensProvider").is_some(), lenses, "{name}");
        assert_eq!(
            offers["codeActionProvider"]["resolveProvider"], false,
            "{name}"
        );
        assert_eq!(offers["hoverProvider"], true, "{name}");
        let commands = offers["executeCommandProvider"]["commands"].as_array();
        assert!(
            commands.expect("commands").contains(&json!("belljar.run")),
            "{name}"
        );
        let uri = editor.open("a.py", "python", "print(1)\nprint(2)\n");
        let actions = editor.client.actions(&uri, (0, 0), (1, 0));
        let titles: Vec<_> = actions.iter().map(|action| &action["title"]).collect();
        assert_eq!(titles[0], "Run selection in sandbox", "{name}");
        assert_eq!(titles[1], "Run file in sandbox", "{name}");
        assert!(
            actions.iter().all(|action| action["kind"] == "belljar.run"),
            "{name}"
        );
        editor.finish();
    }
}

#[test]
fn commands_without_arguments_and_without_anything_to_do_say_so() {
    let mut editor = Editor::introduced("vscode");
    for command in [
        "belljar.run",
        "belljar.rerun",
        "belljar.showOutput",
        "belljar.allow",
    ] {
        let refused = editor.client.try_command(command, Value::Null).unwrap_err();
        assert_eq!(refused.code, -32602, "{command}");
        assert!(refused.message.ends_with('.'), "{}", refused.message);
    }
    assert_eq!(
        editor.client.command("belljar.cancel", Value::Null)["cancelled"],
        false
    );
    assert_eq!(
        editor.client.command("belljar.clear", Value::Null)["cleared"],
        0
    );
    let unknown = editor.client.try_command("belljar.unknown", Value::Null);
    assert_eq!(unknown.unwrap_err().code, -32602);
    editor.finish();
}

#[test]
fn many_questions_at_once_are_all_answered() {
    let mut editor = Editor::introduced("vscode");
    let text = "print('a line of some length, again and again')\n".repeat(22_000);
    let uri = editor.open("long.py", "python", &text);
    let ask = |line: u32| {
        json!({
            "textDocument": {"uri": uri},
            "range": range((line, 0), (line + 3, 0)),
            "context": {"diagnostics": []},
        })
    };
    let ids: Vec<i64> = (0..200)
        .map(|n| editor.client.begin("textDocument/codeAction", ask(n)))
        .collect();
    for id in ids.into_iter().rev() {
        let actions = editor.client.answer(id).expect("actions");
        assert_eq!(actions[0]["title"], "Run selection in sandbox");
    }
    editor.finish();
}

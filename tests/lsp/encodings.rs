//! The server keeps the text that the user sees, whatever a column counts.

use serde_json::{Value, json};

use crate::client::message_of;
use crate::server::{Editor, profile, python_runs, uri};

#[test]
fn edits_around_emoji_run_what_the_user_sees_in_every_encoding() {
    if !python_runs() {
        return;
    }
    // How wide the emoji is, as each encoding counts.
    for (encoding, width) in [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)] {
        let mut editor = Editor::start();
        let mut said: Value = serde_json::from_str(profile("neovim-0.12")).expect("JSON");
        said["capabilities"]["general"]["positionEncodings"] = json!([encoding]);
        let folder = uri(&editor.user.work());
        let offers = editor
            .client
            .initialize(&said.to_string(), Some(&folder), Value::Null);
        assert_eq!(offers["positionEncoding"], encoding);
        let uri = editor.open("emoji.py", "python", "a = '😀x'\r\nprint(a)\r\n");
        // Behind the emoji: x becomes y. Then, in one line more, a character that is two code points.
        editor
            .client
            .edit(&uri, 2, (0, 5 + width), (0, 6 + width), "y");
        editor.client.edit(&uri, 3, (1, 0), (1, 0), "b = '😀é'\r\n");
        editor.client.edit(&uri, 4, (2, 6), (2, 7), "a + b");
        editor.client.edit(&uri, 5, (9, 9), (9, 9), "print('end')");
        editor.client.command("belljar.run", json!({"uri": uri}));
        let result = editor.client.wait_for_message(&uri, "end");
        assert!(
            message_of(&result).starts_with("😀y😀é\nend\n"),
            "{encoding}: {result}"
        );
        editor.finish();
    }
}

#[test]
fn the_range_of_an_answer_counts_as_the_client_does() {
    if !python_runs() {
        return;
    }
    for (encoding, end) in [("utf-8", 15), ("utf-16", 13), ("utf-32", 12)] {
        let mut editor = Editor::start();
        let mut said: Value = serde_json::from_str(profile("eglot")).expect("JSON");
        said["capabilities"]["general"]["positionEncodings"] = json!([encoding]);
        editor
            .client
            .initialize(&said.to_string(), None, Value::Null);
        let uri = editor.open("wide.py", "python", "print(\"😀ab\")");
        editor.client.command("belljar.run", json!({"uri": uri}));
        let result = editor.client.wait_for_message(&uri, "😀ab");
        assert_eq!(
            result["range"]["end"],
            json!({"line": 0, "character": end}),
            "{encoding}"
        );
        editor.finish();
    }
}

//! Plays a whole session with runs that need no sandbox: they tell what the test tells them to tell.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use belljar_report::{
    Confidence, Ending, Event, Kind, Layer, Output, Report, SourceError, Stream, Violation,
};
use belljar_runs::{Proposal, Refusal, Run, RunId, RunRequest, Scope, Source, Trust, Update};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::runner::Runner;
use crate::serve::session;
use crate::transport::Incoming;

// The integration tests use the same client, and more of it.
#[allow(dead_code)]
#[path = "../../../tests/lsp/client.rs"]
mod client;

use client::{Client, line_of, message_of};

const NEOVIM: &str = include_str!("../../../tests/lsp/capabilities/neovim-0.12.json");
const HELIX: &str = include_str!("../../../tests/lsp/capabilities/helix-25.01.json");
const VSCODE: &str = include_str!("../../../tests/lsp/capabilities/vscode.json");
const EGLOT: &str = include_str!("../../../tests/lsp/capabilities/eglot.json");

const FILE: &str = "file:///srv/project/a.py";

#[path = "session_expectations_tests.rs"]
mod expectations;
#[path = "session_grants_tests.rs"]
mod grants;
#[path = "session_notebooks_tests.rs"]
mod notebooks;
#[path = "session_parts_tests.rs"]
mod parts;
#[path = "session_plugins_tests.rs"]
mod plugins;
#[path = "session_stage_tests.rs"]
mod stage;

use stage::Stage;

fn report(run: &str) -> Report {
    let mut report = Report {
        run: run.into(),
        file: Some("a.py".into()),
        policy: "default".into(),
        ending: Some(Ending::Exited { code: 0 }),
        ..Report::default()
    };
    report.usage.wall_ms = 12.0;
    report.posture.located = true;
    report
}

fn prints(report: &mut Report, text: &str) {
    report.stdout = text.into();
    report.output = vec![Output {
        stream: Stream::Stdout,
        text: text.into(),
        line: None,
    }];
}

fn refuses(line: u32, allow: &str) -> Violation {
    Violation {
        kind: Kind::NetworkConnect,
        target: "192.0.2.7:443".into(),
        access: "connect".into(),
        errno: Some("EACCES".into()),
        file: Some("a.py".into()),
        line: Some(line),
        column: None,
        confidence: Confidence::File,
        count: 1,
        program: "python3".into(),
        rule: None,
        layer: Layer::Network,
        allow: Some(allow.into()),
    }
}

/// A session with the editor `profile`, which `play` plays. Every session ends in order, with nothing left over.
fn play(profile: &str, options: Value, play: impl FnOnce(&mut Client, &Stage)) {
    let (their_input, our_input) = std::io::pipe().unwrap();
    let (our_output, their_output) = std::io::pipe().unwrap();
    let stage = Arc::new(Stage::default());
    let runner = Arc::clone(&stage);
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let was_shut_down = runtime.block_on(async {
            let incoming = Incoming::on(their_input).unwrap();
            session(runner, incoming, their_output).await.unwrap()
        });
        runtime.shutdown_background();
        was_shut_down
    });
    let mut client = Client::new(our_input, our_output);
    client.initialize(profile, Some("file:///srv/project"), options);
    play(&mut client, &stage);
    client.finish();
    assert!(server.join().unwrap());
}

fn run_file(client: &mut Client) -> String {
    let reply = client.command("belljar.run", json!({"uri": FILE}));
    reply["run"].as_str().unwrap().to_owned()
}

fn run_lines(client: &mut Client, first: u32, last: u32) -> String {
    let range = client::range((first, 0), (last + 1, 0));
    let reply = client.command("belljar.run", json!({"uri": FILE, "range": range}));
    reply["run"].as_str().unwrap().to_owned()
}

const TWO_PRINTS: &str = "import os\n\nprint(1)\nprint(2)\n";

/// Runs the last lines of `TWO_PRINTS`: they print, and the first of them is refused something.
fn end_two_prints(client: &mut Client, stage: &Stage) {
    let run = run_lines(client, 2, 3);
    stage.end(&run, |report| {
        prints(report, "1\n2\n");
        let refused = refuses(3, "network.allow = [\"192.0.2.7:443\"]");
        report.violations.push(refused);
    });
}

#[test]
fn a_result_is_shown_as_diagnostic_hover_hint_and_lens() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "a = 6\nprint(a * 7)\n");
        let run = run_file(client);
        stage.end(&run, |report| prints(report, "42\n"));
        let result = client.wait_for_message(FILE, "42");
        assert!(
            message_of(&result).starts_with("42\nEnded well after 12 ms."),
            "{result}"
        );
        assert_eq!(line_of(&result), 1);
        assert_eq!(
            result["severity"], 4,
            "a hint, which is not listed as a problem"
        );
        assert_eq!(result["source"], "belljar");
        let hover = client.hover(FILE, 1, 0).unwrap();
        assert!(hover.contains("```text\n42\n```"), "{hover}");
        assert_eq!(client.hints(FILE), [(1, "⇒ 42".to_owned())]);
        let lenses = client.lenses(FILE);
        assert!(
            lenses.contains(&(0, "✓ 12 ms · 1 line".to_owned())),
            "{lenses:?}"
        );
        client.wait_for_request("workspace/codeLens/refresh");
        client.wait_for_request("workspace/inlayHint/refresh");
    });
}

#[test]
fn helix_and_emacs_get_results_as_information_and_nothing_that_they_cannot_show() {
    for profile in [HELIX, EGLOT] {
        play(profile, Value::Null, |client, stage| {
            client.open(FILE, "python", "print(42)");
            let run = run_file(client);
            stage.end(&run, |report| prints(report, "42\n"));
            let result = client.wait_for_message(FILE, "42");
            assert_eq!(result["severity"], 3);
            assert_eq!(result["range"], client::range((0, 0), (0, 9)));
            let never = ["workspace/codeLens/refresh", "workspace/inlayHint/refresh"];
            assert!(
                !client
                    .asked
                    .iter()
                    .any(|(method, _)| never.contains(&method.as_str()))
            );
        });
    }
}

#[test]
fn settings_decide_how_a_result_is_marked() {
    play(
        HELIX,
        json!({"resultSeverity": "hint", "unknown": 1, "hints": "wrong"}),
        |client, stage| {
            client.open(FILE, "python", "print(42)");
            let run = run_file(client);
            stage.end(&run, |report| prints(report, "42\n"));
            assert_eq!(client.wait_for_message(FILE, "42")["severity"], 4);
            client.notify(
                "workspace/didChangeConfiguration",
                json!({"settings": {"belljar": {"resultSeverity": "information"}}}),
            );
            client.wait_for_diagnostics(FILE, "information", |all| all[0]["severity"] == 3);
        },
    );
}

#[test]
fn a_panic_leaves_the_server_alive() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "print(42)");
        let refused = client
            .try_command("belljar.run", json!({"uri": FILE, "policy": "panic"}))
            .unwrap_err();
        assert_eq!(refused.code, -32603);
        let run = run_file(client);
        stage.end(&run, |report| prints(report, "alive\n"));
        client.wait_for_message(FILE, "alive");
    });
}

#[test]
fn a_run_that_is_lost_says_so() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "print(42)");
        let run = run_file(client);
        stage.runs.lock().unwrap().remove(&run);
        let lost = client.wait_for_message(FILE, "defect");
        assert_eq!(lost["severity"], 1);
    });
}

#[test]
fn the_run_sees_the_text_after_the_last_change() {
    play(VSCODE, Value::Null, |client, stage| {
        client.open(FILE, "python", "x = 0\n");
        for version in 2..1002 {
            let digits = u32::try_from((version - 2).to_string().len()).unwrap();
            client.edit(
                FILE,
                version,
                (0, 4),
                (0, 4 + digits),
                &(version - 1).to_string(),
            );
        }
        let run = run_file(client);
        assert_eq!(stage.text(0), "x = 1000\n");
        client.edit(FILE, 1002, (0, 0), (0, 1), "y");
        stage.end(&run, |_| {});
        let result = client.wait_for_message(FILE, "text has changed");
        assert!(message_of(&result).contains("No output"), "{result}");
        assert_eq!(stage.text(0), "x = 1000\n");
    });
}

#[test]
fn an_edit_above_moves_a_result_and_an_edit_inside_marks_it() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", TWO_PRINTS);
        end_two_prints(client, stage);
        assert_eq!(line_of(&client.wait_for_message(FILE, "1\n2")), 3);
        assert_eq!(line_of(&client.wait_for_message(FILE, "192.0.2.7")), 2);
        client.edit(FILE, 2, (0, 0), (0, 0), "# new\n# lines\n");
        client.wait_for_diagnostics(FILE, "moved", |all| {
            all.len() == 2 && all.iter().map(line_of).collect::<Vec<_>>() == [4, 5]
        });
        client.edit(FILE, 3, (5, 6), (5, 7), "9");
        client.wait_for_message(FILE, "text has changed");
        client.edit(FILE, 4, (5, 6), (5, 7), "2");
        client.wait_for_diagnostics(FILE, "no longer stale", |all| {
            !all.is_empty()
                && all
                    .iter()
                    .all(|one| !message_of(one).contains("text has changed"))
        });
    });
}

#[test]
fn a_text_that_is_put_back_as_a_whole_has_its_results_where_they_were() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", TWO_PRINTS);
        end_two_prints(client, stage);
        client.wait_for_message(FILE, "192.0.2.7");
        client.edit(FILE, 2, (0, 0), (4, 0), "something else\n");
        client.wait_for_message(FILE, "text has changed");
        client.edit(FILE, 3, (0, 0), (1, 0), TWO_PRINTS);
        client.wait_for_diagnostics(FILE, "no longer stale, each on its line", |all| {
            let lines: Vec<_> = all.iter().map(line_of).collect();
            let is_marked = |one: &Value| message_of(one).contains("text has changed");
            lines == [2, 3] && !all.iter().any(is_marked)
        });
    });
}

#[test]
fn two_runs_of_one_document_live_side_by_side() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "print(1)\nprint(2)\n");
        let first = run_lines(client, 0, 0);
        let second = run_lines(client, 1, 1);
        stage.end(&second, |report| prints(report, "two\n"));
        client.wait_for_message(FILE, "two");
        stage.end(&first, |report| prints(report, "one\n"));
        let all = client.wait_for_diagnostics(FILE, "both", |all| all.len() == 2);
        assert!(
            all.iter()
                .any(|one| line_of(one) == 0 && message_of(one).starts_with("one"))
        );
        assert!(
            all.iter()
                .any(|one| line_of(one) == 1 && message_of(one).starts_with("two"))
        );
        // The same lines again: the older result makes room.
        let again = run_lines(client, 0, 0);
        client.wait_for_diagnostics(FILE, "room", |all| all.len() == 1);
        stage.end(&again, |report| prints(report, "once more\n"));
        client.wait_for_message(FILE, "once more");
        client.command("belljar.clear", Value::Null);
        client.wait_for_diagnostics(FILE, "nothing", <[Value]>::is_empty);
    });
}

#[test]
fn a_violation_is_a_warning_with_a_fix_that_allows_exactly_that_once() {
    play(NEOVIM, Value::Null, |client, stage| {
        let rule = "files.read = [\"/srv/data\"]";
        client.open(FILE, "python", "import socket\nconnect()\n");
        let run = run_file(client);
        assert!(!stage.request(0).may_widen);
        stage.end(&run, |report| report.violations.push(refuses(2, rule)));
        let warning = client.wait_for_message(FILE, "Blocked by policy `default`");
        assert_eq!(warning["severity"], 2);
        assert_eq!(warning["code"], "network.connect");
        assert_eq!(line_of(&warning), 1);
        assert!(
            message_of(&warning).ends_with("Which line did it is not known."),
            "{warning}"
        );
        let actions = client.actions(FILE, (1, 0), (1, 0));
        assert_eq!(actions[0]["kind"], "quickfix");
        assert_eq!(actions[0]["diagnostics"][0]["message"], warning["message"]);
        client.pick(
            FILE,
            (1, 0),
            (1, 0),
            &format!("Allow once and run again: {rule}"),
        );
        let request = stage.request(1);
        assert!(request.may_widen);
        assert_eq!(request.allow, [rule]);
        assert!(request.limits.is_empty());
        // Running again is not allowing again.
        stage.end("r1", |_| {});
        client.wait_for_message(FILE, "No output");
        client.command("belljar.rerun", json!({"run": "r1"}));
        assert!(stage.request(2).allow.is_empty());
        assert!(!stage.request(2).may_widen);
    });
}

#[test]
fn a_rule_that_cannot_be_read_whole_or_kept_is_not_offered_and_not_taken() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "connect()\n");
        let run = run_file(client);
        let long = format!("files.read = [\"/{}\"]", "x".repeat(200));
        stage.end(&run, |report| {
            report
                .violations
                .push(refuses(1, "files.read = [\"/a\"]\nnetwork.allow = [\"*\"]"));
            report
                .violations
                .push(refuses(1, "files.read = [\"/\u{202e}a\"]"));
            report.violations.push(refuses(1, &long));
            // This one can be read, but a run with it would be refused.
            report
                .violations
                .push(refuses(1, "network.allow = [\"192.0.2.7:443\"]"));
        });
        client.wait_for_message(FILE, "Blocked");
        let actions = client.actions(FILE, (0, 0), (0, 0));
        let fixes = actions
            .iter()
            .filter(|action| action["kind"] == "quickfix")
            .count();
        assert_eq!(fixes, 0, "{actions:#?}");
        for violation in 0..4 {
            let arguments = json!({"run": run, "violation": violation, "scope": "once"});
            assert!(client.try_command("belljar.allow", arguments).is_err());
        }
        assert_eq!(stage.requests.lock().unwrap().len(), 1);
    });
}

#[test]
fn output_that_pretends_to_be_more_stays_text() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "print(1)\n");
        let run = run_file(client);
        let hostile = "```\n[click](command:evil) \u{1b}[31mred\u{1b}[0m \u{202e}txt\n````\n";
        stage.end(&run, |report| prints(report, hostile));
        let result = client.wait_for_message(FILE, "click");
        assert!(
            !message_of(&result).contains(['\u{1b}', '\u{202e}']),
            "{result}"
        );
        let hover = client.hover(FILE, 0, 0).unwrap();
        let fenced = hover.split("`````").nth(1).unwrap();
        assert!(
            fenced.contains("command:evil") && fenced.contains("````"),
            "{hover}"
        );
        assert_eq!(hover.matches("command:evil").count(), 1);
    });
}

#[test]
fn endings_are_said_where_the_user_looks() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "x\nwhile True: pass\n");
        let run = run_file(client);
        stage.end(&run, |report| {
            prints(report, "a\nb\nc\nd\ne\n");
            report.usage.wall_ms = 10_000.0;
            report.ending = Some(Ending::Limit {
                limit: "wall".into(),
            });
        });
        let stopped = client.wait_for_message(
            FILE,
            "Stopped after 10 s: the time limit of policy `default`.",
        );
        assert_eq!(stopped["severity"], 1);
        assert!(
            message_of(&stopped).ends_with("The last 4 lines it wrote:\nb\nc\nd\ne"),
            "{stopped}"
        );

        let run = run_file(client);
        stage.end(&run, |report| {
            report.ending = Some(Ending::Exited { code: 1 });
            report.errors.push(SourceError {
                message: "NameError: name 'x' is not defined".into(),
                line: 1,
                column: None,
            });
        });
        let error = client.wait_for_message(FILE, "NameError");
        assert_eq!((line_of(&error), &error["severity"]), (0, &json!(1)));
        client.wait_for_message(FILE, "The sandbox refused nothing in this run.");

        let run = run_file(client);
        stage.end(&run, |report| {
            report.ending = Some(Ending::Refused {
                reason: "`python3` was not found.".into(),
                hint: "install python3".into(),
            });
        });
        let message = client.wait_for("window/showMessage", |_| true);
        assert_eq!(
            message["message"],
            "Not run: `python3` was not found.\n  hint: install python3"
        );
        client.wait_for_message(FILE, "Not run");
    });
}

#[test]
fn the_menu_offers_what_can_be_done_and_no_more() {
    play(VSCODE, Value::Null, |client, stage| {
        client.open(FILE, "python", "a = 1\nprint(a)\n");
        let titles = |actions: Vec<Value>| -> Vec<String> {
            actions
                .iter()
                .map(|action| action["title"].as_str().unwrap().to_owned())
                .collect()
        };
        let selected = titles(client.actions(FILE, (0, 0), (1, 0)));
        assert_eq!(
            selected,
            [
                "Run selection in sandbox",
                "Run file in sandbox",
                "Run selection in sandbox (strict)"
            ]
        );
        let cursor = titles(client.actions(FILE, (1, 2), (1, 2)));
        assert_eq!(
            cursor,
            [
                "Run file in sandbox",
                "Run line in sandbox",
                "Run file in sandbox (strict)"
            ]
        );
        client.pick(FILE, (0, 0), (1, 0), "Run selection in sandbox (strict)");
        let request = stage.request(0);
        assert_eq!(request.policy, "strict");
        let Source::Document { name, lines, .. } = request.source else {
            panic!()
        };
        assert_eq!(name, "a.py");
        assert_eq!(lines.map(|lines| (lines.first, lines.last)), Some((1, 1)));
        assert!(
            titles(client.actions(FILE, (1, 2), (1, 2))).contains(&"Stop sandbox run".to_owned())
        );
        stage.end("r0", |_| {});
        client.wait_for_message(FILE, "No output");
        let over = titles(client.actions(FILE, (1, 2), (1, 2)));
        for title in [
            "Run again in sandbox",
            "Show full sandbox output",
            "Clear sandbox results",
        ] {
            assert!(over.contains(&title.to_owned()), "{over:?}");
        }
        // Not asked for, and so not answered.
        let mut ask = |context: Value| {
            client.ask(
                "textDocument/codeAction",
                json!({"textDocument": {"uri": FILE}, "range": client::range((1, 2), (1, 2)), "context": context}),
            )
        };
        assert_eq!(ask(json!({"diagnostics": [], "triggerKind": 2})), json!([]));
        assert_eq!(
            ask(json!({"diagnostics": [], "only": ["source.fixAll"]})),
            json!([])
        );
        assert_ne!(
            ask(json!({"diagnostics": [], "only": ["belljar"]})),
            json!([])
        );
        client.open("file:///srv/project/b.txt", "plaintext", "words");
        assert!(
            client
                .actions("file:///srv/project/b.txt", (0, 0), (0, 5))
                .is_empty()
        );
    });
}

#[test]
fn a_client_without_code_actions_gets_commands() {
    let bare = r#"{"capabilities": {}, "clientInfo": {"name": "bare"}}"#;
    play(bare, Value::Null, |client, stage| {
        client.open(FILE, "python", "print(1)");
        let actions = client.actions(FILE, (0, 0), (0, 8));
        assert_eq!(actions[0]["command"], "belljar.run");
        client.pick(FILE, (0, 0), (0, 8), "Run selection in sandbox");
        stage.end("r0", |report| prints(report, "1\n"));
        client.wait_for_message(FILE, "1\n");
        assert!(client.hover(FILE, 0, 0).unwrap().starts_with("Belljar"));
        assert_eq!(
            client.command("belljar.showOutput", Value::Null)["run"],
            "r0"
        );
        let told = client.wait_for("window/showMessage", |_| true);
        let path = told["message"]
            .as_str()
            .unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\nOutput:\n1\n"), "{text}");
    });
}

#[test]
fn helix_runs_lines_of_a_path_and_is_told_what_went_wrong() {
    play(HELIX, Value::Null, |client, stage| {
        client.open(FILE, "python", "a = 1\nprint(a)\nprint(2)\n");
        client.command(
            "belljar.run",
            json!({"path": "./a.py", "startLine": 2, "endLine": 9}),
        );
        let Source::Document { lines, .. } = stage.request(0).source else {
            panic!()
        };
        assert_eq!(lines.map(|lines| (lines.first, lines.last)), Some((2, 3)));
        client.command("belljar.cancel", Value::Null);
        client.wait_for_message(FILE, "Stopped by you");
        let told = client.wait_for("window/showMessage", |_| true);
        assert_eq!(told["message"], "Stopped 1 run.");
        client.command("belljar.run", Value::Null);
        let Source::Document { lines, .. } = stage.request(1).source else {
            panic!()
        };
        assert!(lines.is_none());
        assert!(
            client
                .try_command("belljar.run", json!({"path": "b.py"}))
                .is_err()
        );
        let told = client.wait_for("window/showMessage", |_| true);
        assert_eq!(told["message"], "`b.py` is not open in the editor.");
    });
}

#[test]
fn progress_is_shown_and_cancels_even_if_the_place_for_it_comes_late() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "while True: pass");
        let run = run_file(client);
        let begin = client.wait_for("$/progress", |progress| {
            progress["value"]["kind"] == "begin"
        });
        assert_eq!(begin["value"]["cancellable"], true);
        assert_eq!(begin["value"]["message"], "a.py under `default`");
        stage.tell(
            &run,
            Update::Event(Event::Started {
                posture: Default::default(),
            }),
        );
        stage.print(&run, "step 1\nstep 2\n");
        client.wait_for("$/progress", |progress| {
            let message = progress["value"]["message"].as_str().unwrap_or_default();
            message.starts_with("a.py under `default`, ") && message.ends_with(" ms: step 2")
        });
        client.notify(
            "window/workDoneProgress/cancel",
            json!({"token": begin["token"]}),
        );
        client.wait_for("$/progress", |progress| progress["value"]["kind"] == "end");
        // Who reads that a run is done sees how it ended, and waits for nothing further.
        let shown = client.diagnostics(FILE);
        let tells = |diagnostic: &Value| message_of(diagnostic).contains("Stopped by you");
        assert!(shown.iter().any(tells), "{shown:#?}");

        client
            .never_answers
            .insert("window/workDoneProgress/create");
        let run = run_file(client);
        stage.end(&run, |report| prints(report, "done\n"));
        client.wait_for_message(FILE, "done");
    });
}

#[test]
fn closing_a_document_ends_its_runs_and_takes_its_results() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "print(1)\nprint(2)\n");
        let first = run_lines(client, 0, 0);
        stage.end(&first, |report| prints(report, "1\n"));
        client.wait_for_message(FILE, "1");
        run_lines(client, 1, 1);
        client.notify(
            "textDocument/didClose",
            json!({"textDocument": {"uri": FILE}}),
        );
        client.wait_for_diagnostics(FILE, "nothing", <[Value]>::is_empty);
        assert!(client.try_command("belljar.rerun", Value::Null).is_err());
        assert!(stage.runs.lock().unwrap().is_empty());
    });
}

#[test]
fn what_is_no_message_is_refused_and_the_session_goes_on() {
    play(NEOVIM, Value::Null, |client, _| {
        client.send_bytes(b"Content-Length: 8\r\n\r\n{\"jsonrp");
        assert_eq!(client.wait_for_complaint(), -32700);
        client.send_bytes(b"rubbish\r\n\r\n");
        assert_eq!(client.wait_for_complaint(), -32700);
        client.send_bytes(b"Content-Length: 2\r\n\r\n[]");
        assert_eq!(client.wait_for_complaint(), -32600);
        client.send_bytes(b"Content-Length: 3\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{ }");
        assert_eq!(client.wait_for_complaint(), -32600);
        assert_eq!(
            client.try_ask("no/such", Value::Null).unwrap_err().code,
            -32601
        );
        assert_eq!(
            client
                .try_ask("textDocument/hover", json!({"x": 1}))
                .unwrap_err()
                .code,
            -32602
        );
        client.notify("$/unknown", json!({}));
        client.notify("unknown", json!({}));
        client.open(FILE, "python", "print(1)");
        assert!(!client.actions(FILE, (0, 0), (0, 0)).is_empty());
    });
}

//! What plugins of ours get beyond the protocol: events with everything that they draw, transcripts, policies.

use belljar_report::Posture;

use super::*;

fn profile() -> String {
    let mut profile: Value = serde_json::from_str(NEOVIM).unwrap();
    profile["capabilities"]["experimental"] = json!({"belljarUi": true});
    profile.to_string()
}

fn event(client: &mut Client, kind: &str) -> Value {
    client.wait_for("belljar/runEvent", |event| event["kind"] == kind)
}

fn complete() -> Posture {
    Posture {
        user_namespace: true,
        mount_namespace: true,
        pid_namespace: true,
        network_namespace: true,
        ipc_namespace: true,
        uts_namespace: true,
        cgroup_namespace: true,
        no_new_privileges: true,
        capabilities_dropped: true,
        seccomp: true,
        landlock_abi: 1,
        cgroup: false,
        project: "overlay".into(),
        located: true,
        notes: Vec::new(),
    }
}

#[test]
fn our_own_plugins_get_events_and_no_second_drawing() {
    play(&profile(), Value::Null, |client, stage| {
        client.open(FILE, "python", "print(1)\nprint(2)\n");
        let run = run_lines(client, 1, 1);
        stage.tell(
            &run,
            Update::Event(Event::Started {
                posture: Default::default(),
            }),
        );
        stage.print(&run, "2\u{1b}[31m\n");
        let output = event(client, "output");
        assert_eq!(
            output["output"][0],
            json!({"stream": "stdout", "text": "2\n"})
        );
        assert_eq!(
            (&output["run"], &output["lines"]),
            (&json!(run), &json!([1, 1]))
        );
        stage.end(&run, |report| {
            prints(report, "2\n");
            report
                .violations
                .push(refuses(2, "network.allow = [\"192.0.2.7:443\"]"));
        });
        let ended = event(client, "ended");
        assert_eq!(ended["ok"], false);
        assert_eq!(ended["violations"][0]["line"], 1);
        client.wait_for_message(FILE, "Blocked");
        assert_eq!(
            client.diagnostics(FILE).len(),
            1,
            "the result is drawn by the plugin"
        );
        assert!(client.hints(FILE).is_empty());
        client.command("belljar.clear", json!({"run": run}));
        event(client, "cleared");
    });
}

#[test]
fn every_event_says_whose_it_is_and_the_first_is_always_that_it_was_taken_on() {
    play(&profile(), Value::Null, |client, stage| {
        client.open(FILE, "python", "a = 1\n# %%\nprint(a)\n");
        let cell = json!({"uri": FILE, "what": "cell", "position": {"line": 2, "character": 0}});
        client.command("belljar.run", cell);
        let first = client.wait_for("belljar/runEvent", |_| true);
        let expected = json!({
            "run": "r0", "uri": FILE, "name": "a.py", "policy": "default", "what": "cell", "version": 1,
            "lines": [1, 2], "kind": "queued", "ahead": 0,
        });
        assert_eq!(first, expected);
        stage.end("r0", |report| {
            prints(report, "1\n");
            report.posture = complete();
            report.posture.notes = vec!["said in vain\u{1b}[0m".into()];
        });
        let ended = event(client, "ended");
        assert_eq!(ended["ending"], json!({"kind": "exited", "code": 0}));
        assert_eq!(
            ended["posture"],
            json!({"full": true, "summary": "every layer on, limits held by a watcher"})
        );
        assert_eq!(
            (&ended["truncated"], &ended["hint"]),
            (&json!(false), &Value::Null)
        );
        let note = ended["notes"][0].as_str().unwrap();
        assert!(
            note.starts_with("said in vain") && !note.contains('\u{1b}'),
            "{note}"
        );
    });
}

#[test]
fn an_end_says_how_and_what_to_do() {
    play(&profile(), Value::Null, |client, stage| {
        client.open(FILE, "python", "print(1)\n");
        let failed = Ending::Failed {
            step: "user namespace".into(),
            errno: "EPERM".into(),
            hint: "run `belljar doctor`".into(),
        };
        let limit = Ending::Limit {
            limit: "wall".into(),
        };
        for (ending, shown, hint) in [
            (
                Ending::Signaled { signal: 9 },
                json!({"kind": "signaled", "signal": 9}),
                Value::Null,
            ),
            (
                limit,
                json!({"kind": "limit", "limit": "wall"}),
                Value::Null,
            ),
            (Ending::Cancelled, json!({"kind": "cancelled"}), Value::Null),
            (
                failed,
                json!({"kind": "failed", "step": "user namespace", "errno": "EPERM", "hint": "run `belljar doctor`"}),
                json!("run `belljar doctor`"),
            ),
        ] {
            let run = run_file(client);
            stage.end(&run, |report| {
                report.ending = Some(ending);
                report.posture = Posture::default();
            });
            let ended = event(client, "ended");
            assert_eq!((&ended["ending"], &ended["hint"]), (&shown, &hint));
            assert_eq!(
                (&ended["ok"], &ended["posture"]),
                (&json!(false), &Value::Null)
            );
        }
        let told = client.wait_for("window/showMessage", |_| true);
        assert!(
            told["message"]
                .as_str()
                .unwrap()
                .starts_with("Could not run it")
        );
        let run = run_file(client);
        stage.end(&run, |report| {
            report.posture = complete();
            report.posture.landlock_abi = 0;
            report.posture.located = false;
            prints(report, &"x".repeat(20_000));
        });
        let ended = event(client, "ended");
        assert_eq!(
            ended["posture"],
            json!({"full": false, "summary": "weaker than it can be: no Landlock in this kernel; what it refuses is not seen"})
        );
        assert_eq!(ended["truncated"], true);
        let run = run_file(client);
        stage.runs.lock().unwrap().remove(&run);
        assert_eq!(event(client, "ended")["ending"], json!({"kind": "lost"}));
    });
}

#[test]
fn a_transcript_holds_what_a_run_has_told_so_far_and_at_the_end_all_of_it() {
    play(&profile(), Value::Null, |client, stage| {
        client.open(FILE, "python", "print(1)\n");
        let run = run_file(client);
        stage.print(&run, "one\u{1b}]0;title\u{7}\n");
        event(client, "output");
        let so_far = client.ask("belljar/output", json!({"run": run}));
        let text = so_far["text"].as_str().unwrap();
        assert_eq!(
            (&so_far["done"], &so_far["title"]),
            (&json!(false), &json!("Output of a.py"))
        );
        assert!(
            text.contains("It is not over.") && text.contains("\nOutput:\none"),
            "{text}"
        );
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
        let shown = client.command("belljar.showOutput", Value::Null);
        let file = std::fs::read_to_string(shown["path"].as_str().unwrap()).unwrap();
        assert_eq!(file, text);
        stage.end(&run, |report| prints(report, &"all of it\n".repeat(10_000)));
        event(client, "ended");
        let all = client.ask("belljar/output", json!({"run": run}));
        assert_eq!(all["done"], true);
        assert_eq!(
            all["text"].as_str().unwrap().matches("all of it\n").count(),
            10_000
        );
        assert!(
            client
                .try_ask("belljar/output", json!({"run": "never"}))
                .is_err()
        );
    });
}

#[test]
fn a_policy_is_chosen_for_the_runs_that_name_none() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "print(1)\n");
        let there_are = client.command("belljar.policies", Value::Null);
        let policies = there_are["policies"].as_array().unwrap();
        assert_eq!(
            (&policies[0]["name"], &policies[0]["active"]),
            (&json!("default"), &json!(true))
        );
        assert!(
            policies
                .iter()
                .all(|policy| !policy["description"].as_str().unwrap().is_empty())
        );
        assert_eq!(
            client.command("belljar.usePolicy", json!("strict")),
            json!({"policy": "strict"})
        );
        let told = client.wait_for("window/showMessage", |_| true);
        assert_eq!(told["message"], "Runs now have policy `strict`.");
        let run = run_file(client);
        assert_eq!(stage.request(0).policy, "strict");
        stage.end(&run, |_| {});
        let unknown = client
            .try_command("belljar.usePolicy", json!({"policy": "none"}))
            .unwrap_err();
        assert_eq!(
            unknown.message,
            "There is no policy `none`. There are `default`, `strict`."
        );
        assert_eq!(
            client.command("belljar.usePolicy", Value::Null),
            json!({"policy": "strict"})
        );
        let told = client.wait_for("window/showMessage", |_| true);
        assert_eq!(
            told["message"],
            "Runs have policy `strict`. There are `default`, `strict`."
        );
        client.command("belljar.run", json!({"uri": FILE, "policy": "default"}));
        assert_eq!(stage.request(1).policy, "default");
    });
}

#[test]
fn results_of_every_document_are_cleared_and_live_runs_go_on() {
    play(&profile(), Value::Null, |client, stage| {
        let other = "file:///srv/project/b.py";
        client.open(FILE, "python", "print(1)\n");
        client.open(other, "python", "print(2)\n");
        for uri in [FILE, other] {
            let run = client.command("belljar.run", json!({"uri": uri}));
            stage.end(run["run"].as_str().unwrap(), |_| {});
            event(client, "ended");
        }
        let live = client.command(
            "belljar.run",
            json!({"uri": other, "what": "line", "position": {"line": 1, "character": 0}}),
        );
        let cleared = client.command("belljar.clear", json!({"all": true}));
        // The run that lives took the place of the older result on its line.
        assert_eq!(cleared["cleared"], 1);
        assert!(
            stage
                .runs
                .lock()
                .unwrap()
                .contains_key(live["run"].as_str().unwrap())
        );
    });
}

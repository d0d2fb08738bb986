//! Allowing things from an editor: what is offered, what the user sees before anything is written, and what is written.

use super::*;

const RULE: &str = "files.read = [\"~/data/in.csv\"]";

fn hides(line: u32, rule: &str) -> Violation {
    Violation {
        kind: Kind::FilesRead,
        target: "~/data/in.csv".into(),
        column: Some(5),
        confidence: Confidence::Exact,
        rule: Some("default.toml:11".into()),
        layer: Layer::Mount,
        ..refuses(line, rule)
    }
}

/// A run of a file whose second line was refused something, and the folder for policy files.
fn refused(client: &mut Client, stage: &Stage, rule: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    *stage.folder.lock().unwrap() = Some(folder.path().to_owned());
    client.open(
        FILE,
        "python",
        "import csv\nx = open('/home/ann/data/in.csv')  # why  \n",
    );
    let run = run_file(client);
    stage.end(&run, |report| report.violations.push(hides(2, rule)));
    client.wait_for_message(FILE, "read `~/data/in.csv`");
    folder
}

fn fixes(client: &mut Client) -> Vec<String> {
    let actions = client.actions(FILE, (1, 0), (1, 0));
    let fixes = actions.iter().filter(|action| action["kind"] == "quickfix");
    fixes
        .map(|fix| fix["title"].as_str().unwrap().to_owned())
        .collect()
}

/// Picks a quick fix as soon as it is offered.
fn pick(client: &mut Client, title: &str) {
    let deadline = std::time::Instant::now() + client::PATIENCE;
    while !fixes(client).iter().any(|offered| offered == title) {
        assert!(
            std::time::Instant::now() < deadline,
            "{title} is not offered"
        );
    }
    client.pick(FILE, (1, 0), (1, 0), title);
}

fn said(client: &mut Client, words: &str) -> String {
    let has = |message: &Value| {
        message["message"]
            .as_str()
            .is_some_and(|said| said.contains(words))
    };
    client.wait_for("window/showMessage", has)["message"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_rule_for_good_is_shown_and_written_when_the_user_agrees() {
    play(NEOVIM, Value::Null, |client, stage| {
        let folder = refused(client, stage, RULE);
        client.choices.extend(["Show the change", "Write it"]);
        pick(client, &format!("Allow for me everywhere: {RULE}"));
        let said = said(client, "Written to");
        assert!(
            said.contains(RULE) && said.contains("policy.toml"),
            "{said}"
        );
        let written = std::fs::read_to_string(folder.path().join("policy.toml")).unwrap();
        assert_eq!(written, format!("{RULE}\n"));
        let asked: Vec<&str> = client
            .asked
            .iter()
            .map(|(method, _)| method.as_str())
            .collect();
        let questions = asked
            .iter()
            .filter(|method| **method == "window/showMessageRequest")
            .count();
        assert_eq!(questions, 2, "{asked:?}");
        let question = client.wait_for_request("window/showMessageRequest");
        let message = question["message"].as_str().unwrap();
        assert!(
            message.contains(RULE) && message.contains("under every policy"),
            "{message}"
        );
        let shown = client.wait_for_request("window/showDocument");
        let path = shown["uri"]
            .as_str()
            .unwrap()
            .strip_prefix("file://")
            .unwrap()
            .to_owned();
        let diff = std::fs::read_to_string(path).unwrap();
        assert!(diff.contains(&format!("+{RULE}")), "{diff}");
        // Nothing was run by it.
        assert_eq!(stage.requests.lock().unwrap().len(), 1);
    });
}

#[test]
fn nothing_is_written_when_the_user_does_not_agree() {
    play(VSCODE, Value::Null, |client, stage| {
        let folder = refused(client, stage, RULE);
        client.choices.push_back("Leave it");
        pick(client, &format!("Allow in this project: {RULE}"));
        client.wait_for_request("window/showMessageRequest");
        // A dismissed question is no agreement either.
        pick(client, &format!("Allow for me everywhere: {RULE}"));
        let second = |client: &Client| {
            let questions = client
                .asked
                .iter()
                .filter(|(method, _)| method == "window/showMessageRequest");
            questions.count() == 2
        };
        let deadline = std::time::Instant::now() + client::PATIENCE;
        while !second(client) {
            assert!(std::time::Instant::now() < deadline, "no second question");
            fixes(client);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    });
}

#[test]
fn a_project_file_that_the_user_does_not_trust_stays_without_effect_and_the_user_is_told() {
    play(VSCODE, Value::Null, |client, stage| {
        let folder = refused(client, stage, RULE);
        client.choices.push_back("Write it");
        pick(client, &format!("Allow in this project: {RULE}"));
        let said = said(client, "without effect until you trust");
        assert!(said.contains("belljar policy trust"), "{said}");
        let question = client.wait_for_request("window/showMessageRequest");
        assert!(
            question["message"]
                .as_str()
                .unwrap()
                .contains("You do not trust that file")
        );
        assert!(folder.path().join(".belljar.toml").exists());
    });
}

#[test]
fn an_editor_that_cannot_ask_shows_the_change_and_offers_to_write_it() {
    play(HELIX, Value::Null, |client, stage| {
        let folder = refused(client, stage, RULE);
        pick(client, &format!("Allow for me everywhere: {RULE}"));
        let said = said(client, "pick \"Write it\"");
        assert!(said.contains(RULE), "{said}");
        client.wait_for_request("window/showDocument");
        let path = folder.path().join("policy.toml");
        assert!(!path.exists());
        pick(client, &format!("Write it: {RULE} to {}", path.display()));
        self::said(client, "Written to");
        assert!(path.exists());
        // What was agreed to once is not written again.
        assert!(
            fixes(client)
                .iter()
                .all(|title| !title.starts_with("Write it"))
        );
    });
}

#[test]
fn a_rule_that_is_good_for_one_run_only_is_offered_for_one_run_only() {
    play(NEOVIM, Value::Null, |client, stage| {
        let rule = "files.read = [\"/once\"]";
        let _folder = refused(client, stage, rule);
        assert_eq!(fixes(client), [format!("Allow once and run again: {rule}")]);
        let arguments = json!({"scope": "user"});
        client.command("belljar.allow", arguments);
        let said = said(client, "Not written");
        assert!(
            said.contains("there is no place for it. Hint: make one."),
            "{said}"
        );
    });
}

#[test]
fn what_no_rule_lifts_has_no_fix_and_says_why() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", "open('.env')\n");
        let run = run_file(client);
        stage.end(&run, |report| {
            report
                .violations
                .push(hides(1, "files.read = [\"/srv/project/.env\"]"));
            report.obstacles.push(belljar_report::Obstacle {
                violation: 0,
                reason: "policy `default` hides it".into(),
            });
        });
        let warning = client.wait_for_message(FILE, "read `~/data/in.csv`");
        let message = message_of(&warning);
        assert!(
            message.ends_with("\n  hint: it cannot be allowed: policy `default` hides it"),
            "{message}"
        );
        assert!(
            client
                .actions(FILE, (0, 0), (0, 0))
                .iter()
                .all(|action| action["kind"] != "quickfix")
        );
        assert!(
            client
                .try_command("belljar.allow", json!({"run": run}))
                .is_err()
        );
        let hover = client.hover(FILE, 0, 0).unwrap();
        assert!(
            hover.contains("it cannot be allowed") && hover.contains("Refused by: default.toml:11"),
            "{hover}"
        );
    });
}

#[test]
fn a_violation_stands_on_its_call_and_leads_to_its_chapter_and_to_the_policy() {
    play(VSCODE, Value::Null, |client, stage| {
        let _folder = refused(client, stage, RULE);
        let led = client.wait_for_diagnostics(FILE, "references", |all| {
            all.iter().any(|one| !one["relatedInformation"].is_null())
        });
        let warning = led.iter().find(|one| one["code"] == "files.read").unwrap();
        assert_eq!(warning["range"], client::range((1, 4), (1, 33)));
        let path = |uri: &Value| {
            uri.as_str()
                .unwrap()
                .strip_prefix("file://")
                .unwrap()
                .to_owned()
        };
        let chapter = std::fs::read_to_string(path(&warning["codeDescription"]["href"])).unwrap();
        assert!(chapter.starts_with("## files.read\n"), "{chapter}");
        let line = &warning["relatedInformation"][0]["location"];
        let policy = std::fs::read_to_string(path(&line["uri"])).unwrap();
        let number = line["range"]["start"]["line"].as_u64().unwrap();
        assert!(
            policy
                .lines()
                .nth(usize::try_from(number).unwrap())
                .unwrap()
                .starts_with("read = ")
        );
    });
    // Where they cannot be shown they are not sent.
    play(EGLOT, Value::Null, |client, stage| {
        let _folder = refused(client, stage, RULE);
        let warning = client.wait_for_message(FILE, "read `~/data/in.csv`");
        assert!(warning["codeDescription"].is_null() && warning["relatedInformation"].is_null());
    });
}

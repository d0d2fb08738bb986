//! What lines were expected to print: marked where it is written, and updated if its user wants that. And what a document says of
//! its run that cannot be.

use belljar_report::Expected;

use super::*;

const TEXT: &str = "# é\nprint(1)  # => 2\nprint(3)\n# => 3\n";

fn expected(
    line: u32,
    column: u32,
    expected: &str,
    actual: &str,
    update: Option<&str>,
) -> Expected {
    Expected {
        line,
        column,
        last: line,
        expected: expected.into(),
        actual: actual.into(),
        met: expected == actual,
        update: update.map(str::to_owned),
    }
}

/// The quick fixes on a line.
fn fixes(client: &mut Client, line: u32) -> Vec<Value> {
    let mut actions = client.actions(FILE, (line, 0), (line, 0));
    actions.retain(|action| action["kind"] == "quickfix");
    actions
}

#[test]
fn what_was_not_met_is_marked_and_can_be_updated() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", TEXT);
        let run = run_file(client);
        stage.end(&run, |report| {
            report.expectations = vec![
                expected(2, 11, "2", "1\u{1b}[0m", Some("print(1)  # => 1")),
                expected(4, 1, "3", "3", None),
            ];
        });
        let warning = client.wait_for_message(FILE, "Expected `2`, got `1`.");
        assert_eq!(warning["range"], client::range((1, 10), (1, 16)));
        assert_eq!(
            (&warning["code"], &warning["severity"]),
            (&json!("expectation"), &json!(2))
        );
        let all = client.diagnostics(FILE);
        let marked = all.iter().filter(|one| one["code"] == "expectation");
        assert_eq!(marked.count(), 1, "{all:?}");
        let hover = client.hover(FILE, 1, 0).unwrap();
        assert!(hover.contains("Expected:\n2\nPrinted:\n1\n"), "{hover}");
        assert!(!hover.contains('\u{1b}'));
        assert!(hover.contains("1 of 2 expectations not met"), "{hover}");

        let offered = fixes(client, 1);
        assert_eq!(offered.len(), 1, "{offered:?}");
        assert_eq!(offered[0]["title"], "Update expectation");
        let edit = &offered[0]["edit"]["changes"][FILE][0];
        assert_eq!(edit["newText"], "print(1)  # => 1");
        assert_eq!(edit["range"], client::range((1, 0), (1, 16)));
        assert!(fixes(client, 3).is_empty());

        // It goes along with its line, and goes when that is another.
        client.edit(FILE, 2, (0, 0), (0, 0), "# a title\n");
        let moved = fixes(client, 2);
        assert_eq!(
            moved[0]["edit"]["changes"][FILE][0]["range"],
            client::range((2, 0), (2, 16))
        );
        client.edit(FILE, 3, (2, 6), (2, 7), "9");
        assert!(fixes(client, 2).is_empty());
    });
}

#[test]
fn a_line_that_printed_nothing_is_no_warning_and_what_is_met_is_said() {
    play(NEOVIM, Value::Null, |client, stage| {
        client.open(FILE, "python", TEXT);
        let run = run_file(client);
        stage.end(&run, |report| {
            report.expectations = vec![expected(2, 11, "2", "", None)];
        });
        let note = client.wait_for_message(FILE, "Expected `2`, got nothing.");
        assert_eq!(note["severity"], 3);
        assert!(fixes(client, 1).is_empty());
        let run = run_file(client);
        stage.end(&run, |report| {
            prints(report, "2\n");
            report.expectations = vec![expected(2, 11, "2", "2", None)];
        });
        client.wait_for_message(FILE, "1 expectation met.");
        assert!(
            client
                .diagnostics(FILE)
                .iter()
                .all(|one| one["code"] != "expectation")
        );
    });
}

#[test]
fn what_a_document_says_in_vain_is_an_error_on_its_line() {
    play(HELIX, Value::Null, |client, stage| {
        client.open(FILE, "python", "print(1)\n# belljar: polcy strict\n");
        let run = run_file(client);
        stage.end(&run, |report| {
            report.ending = Some(Ending::Refused {
                reason: "what `a.py` says of its own run on line 2 cannot be done".into(),
                hint: "mend that comment".into(),
            });
            report.errors = vec![SourceError {
                message: "`polcy` is nothing that a document can say".into(),
                line: 2,
                column: None,
            }];
        });
        let error = client.wait_for_message(FILE, "`polcy` is nothing");
        assert_eq!((line_of(&error), &error["severity"]), (1, &json!(1)));
        let told = client.wait_for("window/showMessage", |_| true);
        assert!(
            told["message"]
                .as_str()
                .unwrap()
                .contains("says of its own run")
        );
    });
}

#[test]
fn a_policy_that_the_user_names_is_known_to_be_named() {
    play(NEOVIM, json!({"policy": "strict"}), |client, stage| {
        client.open(FILE, "python", TEXT);
        let run = run_file(client);
        stage.end(&run, |_| {});
        client.command("belljar.run", json!({"uri": FILE, "policy": "default"}));
        assert!(!stage.request(0).names_policy, "a setting is for every run");
        assert!(stage.request(1).names_policy);
    });
}

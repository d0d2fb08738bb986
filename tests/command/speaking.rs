//! What a document says of its own run, on a real file system: what it may name, and what stays shut.

use super::*;

/// Somebody with a project, a secret beside it, and a program that prints its input.
fn speaker() -> Shell {
    let shell = Shell::new();
    let (work, home) = (shell.user.work(), shell.user.home());
    let files = [
        (work.join("Makefile"), ""),
        (work.join("data.txt"), "seen\n"),
        (work.join(".env"), "TOKEN=1\n"),
        (home.join("secret"), "secret\n"),
    ];
    for (path, text) in files {
        fs::write(path, text).expect("a file");
    }
    for (name, target) in [
        ("in", work.join("data.txt")),
        ("out", home.join("secret")),
        ("env", work.join(".env")),
        ("device", "/dev/zero".into()),
        ("facts", "/proc/self/environ".into()),
    ] {
        std::os::unix::fs::symlink(target, work.join(name)).expect("a link");
    }
    let made = Command::new("mkfifo").arg(work.join("pipe")).status();
    assert!(made.expect("mkfifo").success());
    shell.user.own_everything();
    shell
}

/// A run of a program that prints its input, which is what `directive` says.
fn says(shell: &Shell, directive: &str, options: &[&str]) -> Output {
    let program = format!("# belljar: {directive}\ncat\n");
    fs::write(shell.user.work().join("a.sh"), program).expect("a program");
    shell.belljar(&[&["run"], options, &["a.sh"]].concat())
}

#[test]
fn a_document_names_an_input_of_its_project_and_nothing_else() {
    let shell = speaker();
    for name in ["data.txt", "in", "./data.txt"] {
        let output = says(&shell, &format!("stdin < {name}"), &[]);
        assert_eq!(text(&output.stdout), "seen\n", "{name}: {output:?}");
    }
    let outside = shell.user.home().join("secret");
    let outside = outside.to_str().expect("text");
    for (name, control) in [
        (outside, Some("secret\n")),
        ("out", Some("secret\n")),
        (".env", Some("TOKEN=1\n")),
        ("env", Some("TOKEN=1\n")),
        ("facts", None),
        ("device", None),
        ("pipe", None),
        (".", None),
    ] {
        let output = says(&shell, &format!("stdin < {name}"), &[]);
        assert_eq!(output.status.code(), Some(125), "{name}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{name}");
        let told = text(&output.stderr);
        assert!(told.starts_with("a.sh:1: "), "{name}: {told}");
        // The user, whose files they are, may.
        if let Some(control) = control {
            let path = shell.user.work().join(name);
            let path = path.to_str().expect("text");
            let output = says(&shell, "args x", &["--stdin", path]);
            assert_eq!(text(&output.stdout), control, "{name}: {output:?}");
        }
    }
    let output = says(&shell, "stdin < data.txt", &["--policy", "strict"]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
}

#[test]
fn an_input_arrives_whole_whether_it_is_read_or_not() {
    let shell = speaker();
    let much = "0123456789abcde\n".repeat(40_000);
    fs::write(shell.user.work().join("much"), &much).expect("a file");
    let output = says(&shell, "stdin < much", &[]);
    assert!(
        text(&output.stdout) == much,
        "{} bytes",
        output.stdout.len()
    );
    fs::write(
        shell.user.work().join("b.sh"),
        "# belljar: stdin < much\nhead -c 16\n",
    )
    .expect("a program");
    let output = shell.belljar(&["run", "--json", "b.sh"]);
    let report = json(&output);
    assert_eq!(report["stdout"], "0123456789abcde\n", "{report}");
    // What the user gives counts more.
    let output = says(&shell, "stdin < much", &["--stdin", "/dev/null"]);
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn a_document_holds_itself_and_the_user_has_the_last_word() {
    let shell = speaker();
    let told = |options: &[&str]| {
        let program =
            "# belljar: policy strict\n# belljar: limit output=1KiB\nprintf '%100000d' 0\n";
        fs::write(shell.user.work().join("a.sh"), program).expect("a program");
        json(&shell.belljar(&[&["run", "--json"], options, &["a.sh"]].concat()))
    };
    let held = told(&[]);
    let limit = serde_json::json!({"kind": "limit", "limit": "output"});
    assert_eq!(held["ending"], limit, "{held}");
    let rules = held["violations"].as_array().expect("a list");
    let of_output = rules.iter().find(|one| one["kind"] == "limit.output");
    assert_eq!(of_output.expect("a limit")["rule"], "a.sh:2");
    let free = told(&["--policy", "default", "--limit", "output=1MiB"]);
    assert_eq!(free["ending"]["kind"], "exited", "{free}");
    assert_eq!(free["stdout"].as_str().map(str::len), Some(100_000));
}

#[test]
fn no_variable_of_a_document_has_a_program_load_other_code() {
    let shell = speaker();
    let output = says(&shell, "env LD_PRELOAD=/tmp/x.so", &[]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    let program = "# belljar: env GREETING='$HOME'\necho \"$GREETING\"\n";
    fs::write(shell.user.work().join("a.sh"), program).expect("a program");
    assert_eq!(text(&shell.belljar(&["run", "a.sh"]).stdout), "$HOME\n");
}

#[test]
fn expectations_are_compared_and_fail_a_check() {
    let shell = Shell::with("a.sh", "echo 1 # => 1\necho 2\n# => 3\n");
    let plain = shell.belljar(&["run", "a.sh"]);
    assert_eq!(plain.status.code(), Some(0), "{plain:?}");
    assert_eq!(
        text(&plain.stderr),
        "a.sh:3: expected `3`, got `2`\nbelljar: 1 of 2 expectations not met.\n"
    );
    assert_eq!(
        shell.belljar(&["run", "--check", "a.sh"]).status.code(),
        Some(1)
    );
    let report = json(&shell.belljar(&["run", "--json", "--check", "a.sh"]));
    let expected = serde_json::json!([
        {"line": 1, "column": 8, "last": 1, "expected": "1", "actual": "1", "met": true},
        {"line": 3, "column": 1, "last": 3, "expected": "3", "actual": "2", "met": false, "update": "# => 2"},
    ]);
    assert_eq!(report["expectations"], expected);
    let only = shell.belljar(&["run", "--check", "--lines", "1", "a.sh"]);
    assert_eq!(only.status.code(), Some(0));
    assert_eq!(text(&only.stderr), "belljar: 1 expectation met.\n");
}

//! What a program needs, and who may say that it gets it.

use super::*;

/// Somebody with notes at home and a program in a project that looks for them, and swallows what it is told.
fn curious() -> Shell {
    let shell = Shell::with(
        "look.sh",
        "for name in notes/list .ssh/id_ed25519; do cat ~/$name 2>/dev/null; done\ntrue\n",
    );
    let home = shell.user.home();
    for (name, text) in [("notes/list", "milk\n"), (".ssh/id_ed25519", "key\n")] {
        let path = home.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    fs::write(shell.user.work().join("Makefile"), "").expect("the mark of a project");
    shell.user.own_everything();
    shell
}

/// Whether refusals of this run were seen at all, which takes a kernel that lets them be.
fn is_seen(shell: &Shell) -> bool {
    let run = json(&shell.belljar(&["run", "--json", "look.sh"]));
    if run["posture"]["located"] == true {
        return true;
    }
    skipped("this machine does not let refusals be seen");
    false
}

#[test]
fn trust_that_cannot_be_written_leaves_nothing() {
    let shell = curious();
    fs::write(shell.user.work().join(".belljar.toml"), NOTES).expect("a file");
    shell.user.own_everything();
    // No file may have a content: as on a full disk.
    let script = format!(
        "trap '' XFSZ; ulimit -f 0; exec {} policy trust",
        shell.user.belljar().display()
    );
    let mut command = shell.user.command("sh");
    let output = command.args(["-c", &script]).output().expect("a shell");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = text(&output.stderr);
    assert!(told.contains(": file too large.\n  hint: "), "{told}");
    let state = shell.user.home().join(".local/state/belljar/trust");
    assert_eq!(fs::read_dir(state).expect("a folder").count(), 0);
    let listed = shell.belljar(&["policy", "trust", "--list"]);
    assert_eq!(text(&listed.stdout), "");
}

const NOTES: &str = "files.read = [\"~/notes/list\"]";

#[test]
fn a_program_is_learnt_from_without_being_allowed_anything() {
    let shell = curious();
    if !is_seen(&shell) {
        return;
    }
    let output = shell.belljar(&["learn", "look.sh"]);
    assert!(output.status.success(), "{output:?}");
    let diff = text(&output.stdout);
    assert!(
        diff.contains("\n-files.read = []\n+files.read = [\n"),
        "{diff}"
    );
    let rule = diff.lines().find(|line| line.contains("~/notes/list\","));
    let rule = rule.unwrap_or_else(|| panic!("{diff}"));
    assert!(
        rule.starts_with("+  \"~/notes/list\",  # look.sh:1: "),
        "{rule}"
    );
    let secret = diff.lines().find(|line| line.contains("id_ed25519"));
    let secret = secret.unwrap_or_else(|| panic!("{diff}"));
    assert!(
        secret.starts_with("+  # \"~/.ssh/id_ed25519\",") && secret.contains("looks like a secret"),
        "{secret}"
    );
    assert!(diff.contains("--again"), "{diff}");
    assert!(!diff.contains("milk") && !text(&output.stderr).contains("milk"));
    assert!(
        !shell.user.home().join(".config").exists(),
        "nothing is written"
    );

    // Again with what was learnt, secrets left out.
    let output = shell.belljar(&["learn", "--again", "3", "--json", "look.sh"]);
    let learned = json(&output);
    assert_eq!(
        (&learned["complete"], &learned["runs"]),
        (&Value::Bool(true), &Value::from(2))
    );
    let rules = learned["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), 2, "{learned}");
    assert_eq!(rules[0]["rule"], NOTES);
    assert_eq!(rules[0]["line"], 1);
    assert!(rules[1]["held_back"].is_string(), "{learned}");
    // The program's output is not lost.
    let output = shell.belljar(&["learn", "--again", "3", "look.sh"]);
    assert!(text(&output.stderr).contains("milk"), "{output:?}");
    let output = shell.belljar(&["learn", "nowhere.sh"]);
    assert_eq!(output.status.code(), Some(125));
}

#[test]
fn a_rule_is_written_after_it_was_shown_and_is_in_force() {
    let shell = curious();
    if !is_seen(&shell) {
        return;
    }
    let refused = text(&shell.belljar(&["run", "look.sh"]).stderr);
    assert!(refused.contains(&format!("--allow '{NOTES}'")), "{refused}");
    let once = shell.belljar(&["run", "--allow", NOTES, "look.sh"]);
    assert_eq!(text(&once.stdout), "milk\n");

    // Nobody is there to agree.
    let output = shell.belljar(&["policy", "allow", NOTES, "--user"]);
    assert!(!output.status.success());
    assert!(
        text(&output.stderr).contains("+read = [\"~/notes/list\"]"),
        "{output:?}"
    );
    let own = shell.user.home().join(".config/belljar/policy.toml");
    assert!(!own.exists());

    let output = shell.belljar(&["policy", "allow", NOTES, "--user", "--yes"]);
    assert!(output.status.success(), "{output:?}");
    assert!(
        text(&output.stdout).contains("+read = [\"~/notes/list\"]"),
        "{output:?}"
    );
    let mode = std::os::unix::fs::MetadataExt::mode(&own.metadata().expect("the file"));
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(text(&shell.belljar(&["run", "look.sh"]).stdout), "milk\n");
    fs::remove_file(own).expect("removed");
    assert_eq!(text(&shell.belljar(&["run", "look.sh"]).stdout), "");

    // In the project. The user has seen all of the new file, so it is trusted as it is.
    let output = shell.belljar(&["policy", "allow", NOTES, "--project", "-y"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&shell.belljar(&["run", "look.sh"]).stdout), "milk\n");
}

#[test]
fn agreeing_to_one_rule_is_not_agreeing_to_a_strangers_file() {
    let shell = curious();
    let theirs = shell.user.work().join(".belljar.toml");
    fs::write(&theirs, "[environment]\npass = [\"LANG\", \"MY_TOKEN\"]\n").expect("a file");
    shell.user.own_everything();
    let output = shell.belljar(&["policy", "allow", NOTES, "--project", "--yes"]);
    assert!(
        text(&output.stdout).contains("no effect until"),
        "{output:?}"
    );
    assert!(
        fs::read_to_string(&theirs)
            .expect("the file")
            .contains("~/notes/list")
    );
    let run = |shell: &Shell| {
        let mut command = shell.command(&[
            "exec",
            "--",
            "sh",
            "-c",
            "cat ~/notes/list; echo =$MY_TOKEN",
        ]);
        text(
            &command
                .env("MY_TOKEN", "secret")
                .output()
                .expect("belljar")
                .stdout,
        )
    };
    assert_eq!(run(&shell), "=\n");
    let trust = shell.belljar(&["policy", "trust"]);
    assert!(trust.status.success(), "{trust:?}");
    assert_eq!(
        run(&shell),
        "milk\n=secret\n",
        "the control: trusted, it holds"
    );
}

#[test]
fn a_rule_that_would_not_help_is_not_written() {
    let shell = curious();
    for (rule, why) in [
        (
            "network.allow = [\"192.0.2.1:443\"]",
            "cannot open the network",
        ),
        ("files.read = [\"~/.ssh\"]", "looks like a secret"),
        (
            "limits.wall = \"11s\"",
            "take something away from policy `build`",
        ),
        ("files.hide = [\"x\"]", "hides"),
        ("nonsense", "in the rule"),
    ] {
        let output = shell.belljar(&["policy", "allow", rule, "--user", "--yes"]);
        assert_eq!(output.status.code(), Some(1), "{rule}: {output:?}");
        assert!(text(&output.stderr).contains(why), "{rule}: {output:?}");
    }
    assert!(!shell.user.home().join(".config").exists());
    let output = shell.belljar(&["policy", "allow", NOTES]);
    assert_eq!(output.status.code(), Some(2), "whose file is not said");
}

#[test]
fn a_name_that_would_say_more_than_one_thing_in_a_rule_makes_none() {
    let shell = curious();
    if !is_seen(&shell) {
        return;
    }
    // Each is a file of the user's, and read as part of a rule it would be more than that file.
    let names = [
        "a\", \"~/.ssh",
        "b\\",
        "c\"] #",
        "d\u{202e}",
        "e\nfiles.project = \"overlay\"",
    ];
    for (n, name) in names.iter().enumerate() {
        let path = shell.user.home().join("notes").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "x\n").expect("a file");
        fs::write(shell.user.work().join(n.to_string()), name).expect("a file");
    }
    let script = "for n in 0 1 2 3 4; do cat ~/notes/\"$(cat $n)\"; done 2>/dev/null; true\n";
    fs::write(shell.user.work().join("names.sh"), script).expect("a file");
    shell.user.own_everything();
    let output = shell.belljar(&["learn", "--json", "names.sh"]);
    let learned = json(&output);
    let all = [&learned["rules"], &learned["denied"]];
    let told: usize = all
        .iter()
        .map(|list| list.as_array().expect("a list").len())
        .sum();
    assert_eq!(told, names.len(), "{learned}");
    for need in learned["rules"].as_array().expect("a list") {
        let rule = need["rule"].as_str().expect("a rule");
        let parsed: toml::Table = rule.parse().expect("TOML");
        assert_eq!(parsed.len(), 1, "{rule}");
        let items = parsed["files"]["read"].as_array().expect("a list");
        assert_eq!(items.len(), 1, "{rule}");
        assert_eq!(items[0].as_str(), need["target"].as_str(), "{rule}");
    }
    let diff = text(&shell.belljar(&["learn", "names.sh"]).stdout);
    assert!(
        !diff.contains('\u{202e}') && !diff.contains("+files.project"),
        "{diff}"
    );
}

#[test]
fn a_bad_end_without_a_refusal_says_so() {
    let shell = Shell::new();
    let output = shell.sh(&[], "exit 3");
    let said = text(&output.stderr);
    let seen = "belljar: Ended with exit status 3. The sandbox refused nothing in this run.\n";
    let unseen = "belljar: Ended with exit status 3. Whether the sandbox refused something in this run could not be seen.\n";
    assert!(said == seen || said.starts_with(unseen), "{said}");
    assert_eq!(text(&shell.sh(&[], "true").stderr), "");
    let refused = text(&shell.sh(&[], "mount -t tmpfs none /mnt; exit 3").stderr);
    assert!(!refused.contains("refused nothing"), "{refused}");
}

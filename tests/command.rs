//! The command line as its users and their scripts meet it.

#[allow(dead_code)] // Each test program uses a part of it.
mod ordinary_user;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use ordinary_user::{OrdinaryUser, skipped};
use serde_json::Value;

#[path = "command/allowing.rs"]
mod allowing;
#[path = "command/blocks.rs"]
mod blocks;
#[path = "command/editor.rs"]
mod editor;
#[path = "command/projects.rs"]
mod projects;
#[path = "command/speaking.rs"]
mod speaking;

const DEADLINE: Duration = Duration::from_secs(30);

/// A user in front of a command line.
struct Shell {
    user: OrdinaryUser,
}

impl Shell {
    fn new() -> Shell {
        Shell {
            user: OrdinaryUser::new(),
        }
    }

    fn with(name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) -> Shell {
        let shell = Shell::new();
        fs::write(shell.user.work().join(name.as_ref()), content).expect("a file");
        shell.user.own_everything();
        shell
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.user.command(self.user.belljar());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    fn belljar(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("belljar")
    }

    fn sh(&self, options: &[&str], script: &str) -> Output {
        self.belljar(&[&["exec"], options, &["--", "sh", "-c", script]].concat())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no JSON ({error}): {output:?}"))
}

/// The end of a process, which must come.
fn end(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        if start.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("it does not end");
        }
        std::thread::yield_now();
    }
}

fn signal(child: &Child, name: &str) {
    send(name, &child.id().to_string());
}

fn send(name: &str, whom: &str) {
    let status = Command::new("kill")
        .args(["-s", name, "--", whom])
        .status()
        .expect("kill");
    assert!(status.success());
}

#[test]
fn the_exit_status_tells_how_it_ended() {
    let shell = Shell::new();
    for (options, script, status) in [
        (&[][..], "exit 0", 0),
        (&[], "exit 7", 7),
        (&[], "exit 255", 255),
        (&[], "kill -TERM $$", 143),
        (&[], "kill -KILL $$", 137),
        (&["--limit", "wall=300ms"], "sleep 60", 124),
        (&["--limit", "cpu=1s"], "while :; do :; done", 124),
        (&["--policy", "none-such"], "exit 0", 125),
        (&["--limit", "none-such=1"], "exit 0", 125),
        (&["--allow", "none.such = 1"], "exit 0", 125),
        (&["--none-such"], "exit 0", 125),
    ] {
        let output = shell.sh(options, script);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{options:?} {script}: {output:?}"
        );
        assert_eq!(
            output.stderr.is_empty(),
            status == 0,
            "{options:?} {script}: {output:?}"
        );
        assert!(output.stdout.is_empty());
    }
    assert_eq!(
        shell
            .belljar(&["exec", "--", "none-such-program"])
            .status
            .code(),
        Some(125)
    );
    assert_eq!(shell.belljar(&["none-such-command"]).status.code(), Some(2));
}

#[test]
fn output_passes_through_byte_for_byte() {
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let shell = Shell::with("bytes", &bytes);
    let output = shell.belljar(&["exec", "--stdin", "bytes", "--", "cat"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        output.stdout == bytes,
        "{} bytes came out",
        output.stdout.len()
    );
    let output = shell.sh(&["--stdin", "bytes"], "cat >&2; exit 0");
    assert!(
        output.stderr == bytes,
        "{} bytes came out",
        output.stderr.len()
    );
}

#[test]
fn output_comes_while_the_program_lives_and_input_goes_in() {
    let shell = Shell::new();
    let mut command = shell.command(&[
        "exec",
        "--stdin",
        "-",
        "--",
        "sh",
        "-c",
        "echo ask; read x; echo \"got $x\"",
    ]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("belljar");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert_eq!(lines.next().expect("a line").expect("text"), "ask");
    // The program can only go on if its question arrived while it was waiting.
    writeln!(child.stdin.as_mut().expect("a pipe"), "answer").expect("written");
    assert_eq!(lines.next().expect("a line").expect("text"), "got answer");
    assert!(end(&mut child).success());
}

#[test]
fn without_stdin_the_program_has_no_input() {
    let shell = Shell::new();
    let mut command = shell.command(&["exec", "--", "cat"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("belljar");
    // Our own standard input stays open, and that must not matter.
    assert!(end(&mut child).success());
    let output = shell.belljar(&["exec", "--stdin", "none-such-file", "--", "cat"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(
        text(&output.stderr).contains("none-such-file"),
        "{output:?}"
    );
}

#[test]
fn signals_cancel_the_run() {
    let shell = Shell::new();
    // A terminal sends Ctrl-C to everybody on it, and `kill` to one.
    for to_all in [false, true] {
        for (name, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
            let script = "trap '' INT TERM HUP; echo started; sleep 60";
            let mut command = shell.command(&["exec", "--", "sh", "-c", script]);
            let streams = command
                .process_group(0)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = streams.spawn().expect("belljar");
            let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
            let mut line = String::new();
            stdout.read_line(&mut line).expect("text");
            assert_eq!(line, "started\n");
            send(
                name,
                &format!("{}{}", if to_all { "-" } else { "" }, child.id()),
            );
            assert_eq!(
                end(&mut child).code(),
                Some(status),
                "{name}, to all: {to_all}"
            );
            let mut stderr = String::new();
            child
                .stderr
                .take()
                .expect("a pipe")
                .read_to_string(&mut stderr)
                .expect("text");
            assert_eq!(stderr, "belljar: Cancelled.\n", "{name}, to all: {to_all}");
        }
    }
}

#[test]
fn a_run_is_cancelled_although_nobody_reads_its_output() {
    let shell = Shell::new();
    let mut command = shell.command(&[
        "exec",
        "--limit",
        "output=1GiB",
        "--",
        "sh",
        "-c",
        "while :; do echo yyyyyyy; done",
    ]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("belljar");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut first = [0; 8];
    stdout.read_exact(&mut first).expect("output");
    signal(&child, "INT");
    assert_eq!(end(&mut child).code(), Some(130));
}

#[test]
fn a_reader_who_has_seen_enough_ends_the_run_quietly() {
    let shell = Shell::new();
    let mut command = shell.command(&[
        "exec",
        "--limit",
        "output=1GiB",
        "--",
        "sh",
        "-c",
        "while :; do echo y; done",
    ]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("belljar");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("text");
    drop(stdout);
    assert_eq!(end(&mut child).code(), Some(141));
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut stderr)
        .expect("text");
    assert_eq!(stderr, "");
}

#[test]
fn a_full_disk_ends_the_run_and_is_said() {
    let shell = Shell::with("a.py", "while True: print('x' * 100)\n");
    let full = || fs::OpenOptions::new().write(true).open("/dev/full");
    let printing = [
        ["run", "a.py"].as_slice(),
        &["run", "--json", "--limit", "output=1MiB", "a.py"],
        &["policy", "show", "default"],
    ];
    for arguments in printing {
        let mut command = shell.command(arguments);
        let output = command.stdout(full().expect("a full device")).output();
        let output = output.expect("belljar");
        assert_eq!(
            text(&output.stderr),
            "belljar: The output cannot be written: no space left on device.\n  \
             hint: make room where it goes, or send it elsewhere\n"
        );
        assert_eq!(output.status.code(), Some(141));
    }
}

#[test]
fn nobody_needs_a_home_an_account_or_a_path() {
    let shell = Shell::with("a.py", "print(6 * 7)\n");
    let output_with = |arguments: &[&str], name: &str, value: Option<&str>| {
        let mut command = shell.command(arguments);
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
        command.output().expect("belljar")
    };
    for command in [["run", "a.py"].as_slice(), &["policy", "list"]] {
        for home in [None, Some(""), Some("/nowhere/at/all")] {
            let output = output_with(command, "HOME", home);
            assert!(output.status.success(), "{home:?}: {output:?}");
            assert_eq!(text(&output.stderr), "", "{home:?}");
        }
    }
    for command in [["run", "a.py"].as_slice(), &["exec", "--", "true"]] {
        for path in [None, Some("")] {
            let output = output_with(command, "PATH", path);
            assert!(output.status.success(), "{path:?}: {output:?}");
        }
    }
}

/// What a terminal is given when `command` runs on it.
fn on_a_terminal(shell: &Shell, environment: &[(&str, &str)], command: &str) -> Option<String> {
    let Some(script) = shell.user.find("script") else {
        skipped("there is no `script` to make a terminal with");
        return None;
    };
    let command = format!("{} {command}", shell.user.belljar().display());
    let output = shell
        .user
        .command(script)
        .env("TERM", "xterm")
        .envs(environment.iter().copied())
        .args(["-qefc", &command, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .expect("script");
    Some(text(&output.stdout).replace("\r\n", "\n"))
}

#[test]
fn a_terminal_is_given_colour_unless_it_is_unwanted_and_no_escape_sequence_of_the_program() {
    let shell = Shell::with("a.sh", "printf 'a\\033[2Jb\\033]0;title\\007c'\nexit 3\n");
    let Some(coloured) = on_a_terminal(&shell, &[], "run a.sh") else {
        return;
    };
    assert!(
        coloured.contains("abc\n\x1b[1mbelljar:\x1b[0m Ended with exit status 3. "),
        "{coloured:?}"
    );
    let plain = on_a_terminal(&shell, &[("NO_COLOR", "1")], "run a.sh").expect("a terminal");
    assert!(
        plain.contains("abc\nbelljar: Ended with exit status 3. "),
        "{plain:?}"
    );
    assert!(!plain.contains('\x1b'), "{plain:?}");
    // The control: what is no terminal gets it all.
    let output = shell.belljar(&["run", "a.sh"]);
    assert_eq!(text(&output.stdout), "a\x1b[2Jb\x1b]0;title\x07c");
}

#[test]
fn sources_that_are_none_are_refused_and_strange_ones_are_run() {
    let shell = Shell::with("empty.sh", "");
    let work = shell.user.work();
    fs::write(work.join("latin.sh"), b"echo 'gr\xfc\xdfe'\n").expect("a file");
    fs::create_dir(work.join("folder.sh")).expect("a folder");
    let huge = fs::File::create(work.join("huge.sh")).expect("a file");
    huge.set_len(65 * 1024 * 1024).expect("a size");
    shell.user.own_everything();
    assert_eq!(shell.belljar(&["run", "empty.sh"]).status.code(), Some(0));
    let latin = shell.belljar(&["run", "latin.sh"]);
    assert_eq!(latin.stdout, b"gr\xfc\xdfe\n", "{latin:?}");
    let report = json(&shell.belljar(&["run", "--json", "latin.sh"]));
    assert_eq!(
        (&report["stdout"], &report["replaced"]),
        (&"gr\u{fffd}\u{fffd}e\n".into(), &true.into())
    );
    for (file, words) in [
        ("huge.sh", "larger than 64 MiB"),
        ("folder.sh", "is a directory"),
        ("none-such.sh", "no such file"),
        ("/proc/self/mem", "cannot be read"),
        ("-", "--language"),
    ] {
        let output = shell.belljar(&["run", file]);
        assert_eq!(output.status.code(), Some(125), "{file}: {output:?}");
        assert!(
            text(&output.stderr).starts_with("belljar: Not run: "),
            "{file}: {output:?}"
        );
        assert!(text(&output.stderr).contains(words), "{file}: {output:?}");
        let report = json(&shell.belljar(&["run", "--json", file]));
        assert_eq!(report["ending"]["kind"], "refused", "{file}: {report}");
    }
}

#[test]
fn a_source_comes_from_standard_input_too() {
    let shell = Shell::new();
    let mut command = shell.command(&["run", "--language", "sh", "-", "--", "x"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("belljar");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(b"echo \"given $1\"\n")
        .expect("written");
    let mut stdout = String::new();
    child
        .stdout
        .take()
        .expect("a pipe")
        .read_to_string(&mut stdout)
        .expect("text");
    assert!(end(&mut child).success());
    assert_eq!(stdout, "given x\n");
}

#[test]
fn hostile_names_do_no_harm() {
    let name = "a\n\x1b[2J\u{202e}; rm -rf .sh";
    let shell = Shell::with(name, "echo ran\nexit 1\n");
    let output = shell.belljar(&["run", name]);
    assert_eq!(text(&output.stdout), "ran\n", "{output:?}");
    assert!(
        !output.stderr.contains(&0x1b) && !text(&output.stderr).contains('\u{202e}'),
        "{output:?}"
    );
    let output = shell.belljar(&["run", "\x1b[2Jnone"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(!output.stderr.contains(&0x1b), "{output:?}");
    let mut command = shell.command(&["exec", "--", "echo"]);
    let output = command
        .arg(OsStr::from_bytes(b"\xff"))
        .output()
        .expect("belljar");
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    for arguments in [
        &["run"][..],
        &["exec"],
        &["run", "--lines", "9-1", "a"],
        &["run", "--limit", "wall", "a"],
    ] {
        let output = shell.belljar(arguments);
        assert_eq!(output.status.code(), Some(125), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn only_lines_outside_the_document_are_refused() {
    let shell = Shell::with("a.sh", "echo one\necho two\n");
    assert_eq!(
        text(&shell.belljar(&["run", "--lines", "2", "a.sh"]).stdout),
        "two\n"
    );
    let output = shell.belljar(&["run", "--lines", "3-4", "a.sh"]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
}

#[test]
fn help_version_completions_and_manual_are_printed() {
    let shell = Shell::new();
    for (arguments, words) in [
        (&["--help"][..], "Usage: belljar"),
        (&["run", "--help"], "Exit status"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["completions", "bash"], "complete -F"),
        (&["completions", "fish"], "complete -c belljar"),
        (&["man"], ".TH belljar 1"),
    ] {
        let output = shell.belljar(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert!(
            text(&output.stdout).contains(words),
            "{arguments:?}: {output:?}"
        );
    }
    assert!(shell.belljar(&["man", "--dir", "pages"]).status.success());
    for page in ["belljar.1", "belljar-run.1", "belljar-policy-explain.1"] {
        assert!(
            shell.user.work().join("pages").join(page).is_file(),
            "{page}"
        );
    }
}

#[test]
fn the_doctor_names_every_layer_and_tries_a_run() {
    let shell = Shell::new();
    let diagnosis = json(&shell.belljar(&["doctor", "--json"]));
    assert_eq!(diagnosis["works"], true, "{diagnosis}");
    assert_eq!(diagnosis["posture"]["seccomp"], true, "{diagnosis}");
    let layers = diagnosis["layers"].as_array().expect("a list");
    assert!(layers.len() >= 5, "{diagnosis}");
    for layer in layers {
        assert!(
            layer["layer"].is_string() && layer["on"].is_boolean() && layer["detail"].is_string(),
            "{layer}"
        );
    }
    assert!(shell.belljar(&["doctor"]).status.success());
    let profile = shell.belljar(&["doctor", "--apparmor-profile"]);
    assert!(text(&profile.stdout).contains("userns,"), "{profile:?}");
}

#[test]
fn runtimes_are_found_or_it_is_said_how_to_install_them() {
    let shell = Shell::new();
    let languages = json(&shell.belljar(&["runtimes", "--json"]));
    let languages = languages.as_array().expect("a list");
    assert!(languages.len() >= 57);
    for language in languages {
        let is_found = language["tools"]
            .as_array()
            .is_some_and(|tools| !tools.is_empty());
        let is_missing = language["missing"]["install"]
            .as_str()
            .is_some_and(|hint| !hint.is_empty());
        assert!(is_found != is_missing, "{language}");
    }
    let sh = languages
        .iter()
        .find(|language| language["id"] == "sh")
        .expect("sh");
    assert!(
        sh["tools"][0]["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("sh")),
        "{sh}"
    );
}

#[test]
fn a_runtime_file_with_a_mistake_is_named_where_it_may_matter() {
    let shell = Shell::with("a.pike", "1\n");
    fs::write(shell.user.work().join("a.py"), "print(6 * 7)\n").expect("a file");
    let folder = shell.user.home().join(".config/belljar/runtimes");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("pike.toml"), "id = \"pike\"\n").expect("a file");
    shell.user.own_everything();
    let refused = shell.belljar(&["run", "a.pike"]);
    assert_eq!(refused.status.code(), Some(125));
    let told = text(&refused.stderr);
    let hint = "lists them; or mend ";
    assert!(
        told.contains(hint) && told.contains("pike.toml:1: missing field"),
        "{told}"
    );
    let run = json(&shell.belljar(&["run", "--json", "a.py"]));
    assert_eq!(run["stdout"], "42\n");
    let notes = run["posture"]["notes"].to_string();
    assert!(notes.contains("so this file has no effect"), "{notes}");
    // A command is in no language.
    let run = json(&shell.belljar(&["exec", "--json", "--", "true"]));
    assert_eq!(run["posture"]["notes"], Value::Null, "{run}");
}

#[test]
fn policies_are_listed_shown_explained_and_checked() {
    let shell = Shell::with("right.toml", "[limits]\nwall = \"1s\"\n");
    let work = shell.user.work();
    fs::write(
        work.join("wrong.toml"),
        "[limits]\nwall = \"1s\"\nwol = 1\n",
    )
    .expect("a file");
    shell.user.own_everything();
    let list = text(&shell.belljar(&["policy", "list"]).stdout);
    for name in ["strict", "default"] {
        assert!(
            list.lines()
                .any(|line| line.split_whitespace().next() == Some(name)),
            "{list}"
        );
    }
    let explained = text(&shell.belljar(&["policy", "explain", "default"]).stdout);
    assert!(explained.contains("default.toml:"), "{explained}");
    assert!(
        shell
            .belljar(&["policy", "show", "strict"])
            .status
            .success()
    );
    assert_eq!(
        shell
            .belljar(&["policy", "show", "none-such"])
            .status
            .code(),
        Some(1)
    );
    assert!(
        shell
            .belljar(&["policy", "check", "right.toml"])
            .status
            .success()
    );
    let wrong = shell.belljar(&["policy", "check", "wrong.toml"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stdout).contains("wrong.toml:3"), "{wrong:?}");
}

#[test]
fn a_project_is_given_more_only_while_its_file_is_trusted_as_it_is() {
    let shell = Shell::with(".belljar.toml", "[limits]\nwall = \"77s\"\n");
    let wall = |shell: &Shell| {
        let text = text(&shell.belljar(&["policy", "explain", "default"]).stdout);
        text.lines()
            .find(|line| line.starts_with("limits.wall"))
            .map(str::to_owned)
            .expect("a limit")
    };
    assert!(!wall(&shell).contains("77"), "{}", wall(&shell));
    let trusted = shell.belljar(&["policy", "trust"]);
    assert!(trusted.status.success(), "{trusted:?}");
    assert!(wall(&shell).contains("77"), "{}", wall(&shell));
    fs::write(
        shell.user.work().join(".belljar.toml"),
        "[limits]\nwall = \"78s\"\n",
    )
    .expect("a file");
    assert!(!wall(&shell).contains("78"), "{}", wall(&shell));
    assert!(shell.belljar(&["policy", "trust"]).status.success());
    assert!(shell.belljar(&["policy", "untrust"]).status.success());
    assert!(!wall(&shell).contains("78"), "{}", wall(&shell));
}

#[test]
fn the_server_ends_with_its_input() {
    let shell = Shell::new();
    let mut child = shell
        .command(&["lsp", "--stdio"])
        .stdout(Stdio::null())
        .spawn()
        .expect("belljar");
    assert_eq!(
        end(&mut child).code(),
        Some(1),
        "nobody asked it to shut down"
    );
}

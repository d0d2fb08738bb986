//! Each folder of tests/runs is a run: `input.*`, perhaps `request.toml`, and `expected.txt`.
//!
//! `expected.txt` holds what a user sees: exit status, both streams, and the lasting part of the JSON report.
//! `BLESS=1 cargo test --test runs` rewrites it; read the difference before you keep it.

#[allow(dead_code)] // Each test program uses a part of it.
mod ordinary_user;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use ordinary_user::{OrdinaryUser, copy_folder, skipped};
use serde::Deserialize;
use serde_json::{Value, json};

/// What `request.toml` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Request {
    /// Options of `belljar run`.
    options: Vec<String>,
    /// Arguments of the program.
    arguments: Vec<String>,
    /// Its standard input.
    stdin: Option<String>,
    /// Programs without which this cannot be tried.
    needs: Vec<String>,
    /// Which parts of what is seen are the same everywhere; all, if it is empty.
    only: Vec<String>,
}

#[test]
fn every_run_is_seen_as_its_folder_says() {
    let user = OrdinaryUser::new();
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs"))
            .expect("the runs")
            .map(|entry| entry.expect("a folder").path())
            .collect();
    folders.sort();
    assert!(folders.len() >= 20, "the runs are gone: {folders:?}");
    let wrong: Vec<String> = folders
        .iter()
        .filter_map(|folder| check_run(&user, folder).err())
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} runs:\n\n{}",
        wrong.len(),
        folders.len(),
        wrong.join("\n")
    );
}

fn check_run(user: &OrdinaryUser, folder: &Path) -> Result<(), String> {
    let name = folder
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let request = match std::fs::read_to_string(folder.join("request.toml")) {
        Ok(text) => {
            toml::from_str(&text).map_err(|error| format!("{name}/request.toml: {error}"))?
        }
        Err(_) => Request::default(),
    };
    if let Some(missing) = request
        .needs
        .iter()
        .find(|program| user.find(program).is_none())
    {
        skipped(&format!("{name} needs {missing}"));
        return Ok(());
    }
    let place = user.work().join(&name);
    copy_folder(folder, &place);
    let _ = std::fs::remove_file(place.join("expected.txt"));
    user.own_everything();
    let before = content(&place);

    let human = start(user, &place, &request, &[]);
    let machine = start(user, &place, &request, &["--json"]);
    let report: Value = serde_json::from_slice(&machine.stdout)
        .map_err(|error| format!("{name}: --json printed no JSON ({error}): {machine:?}"))?;
    if content(&place) != before {
        return Err(format!("{name}: the run changed its folder"));
    }
    if machine.status.code() != human.status.code() {
        return Err(format!("{name}: --json changes the exit status"));
    }

    let seen = seen(&human, &report, &request.only).replace(&*place.to_string_lossy(), "{folder}");
    let path = folder.join("expected.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &seen).map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok(());
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if seen == expected {
        return Ok(());
    }
    Err(format!(
        "--- {name}: expected\n{expected}--- {name}: seen\n{seen}"
    ))
}

fn start(user: &OrdinaryUser, place: &Path, request: &Request, more: &[&str]) -> Output {
    let mut inputs = std::fs::read_dir(place)
        .expect("the run")
        .map(|entry| entry.expect("a name").file_name());
    let input = inputs
        .find(|name| name.to_string_lossy().starts_with("input."))
        .expect("an input");
    let mut command = user.command(user.belljar());
    command
        .current_dir(place)
        .env("BELLJAR_TEST_SECRET", "seen")
        .arg("run")
        .args(more)
        .args(&request.options);
    if let Some(text) = &request.stdin {
        let path = user.home().join("given");
        std::fs::write(&path, text).expect("the input");
        command.arg("--stdin").arg(path);
    }
    command.arg(input).arg("--").args(&request.arguments);
    command.stdin(Stdio::null()).output().expect("belljar")
}

/// What a user sees, without what differs from one time to the next.
fn seen(human: &Output, report: &Value, only: &[String]) -> String {
    let mut text = String::new();
    let mut part = |name: &str, what: String| {
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            let end = if what.is_empty() || what.ends_with('\n') {
                ""
            } else {
                "\n"
            };
            writeln!(text, "[{name}]\n{what}{end}").expect("text");
        }
    };
    part(
        "status",
        human
            .status
            .code()
            .map_or("none".into(), |code| code.to_string()),
    );
    part(
        "stdout",
        without_times(&String::from_utf8_lossy(&human.stdout)),
    );
    part(
        "stderr",
        without_times(&String::from_utf8_lossy(&human.stderr)),
    );
    part("ending", lines(&report["ending"]));
    part(
        "violations",
        lines(&without(&report["violations"], &["program", "errno"])),
    );
    part("errors", lines(&report["errors"]));
    let errors = report["errors"].as_array().cloned().unwrap_or_default();
    let error_lines = errors.iter().map(|error| error["line"].clone()).collect();
    if only.iter().any(|wanted| wanted == "lines of errors") {
        part("lines of errors", lines(&Value::Array(error_lines)));
    }
    if let Some(list) = report.get("expectations") {
        part("expectations", lines(list));
    }
    let facts = ["file", "language", "policy", "truncated", "replaced"];
    let facts = facts
        .map(|key| (key.to_owned(), report[key].clone()))
        .into_iter()
        .collect();
    part("facts", lines(&Value::Object(facts)));
    text
}

fn without(list: &Value, keys: &[&str]) -> Value {
    let mut list = list.clone();
    for entry in list.as_array_mut().into_iter().flatten() {
        for key in keys {
            entry.as_object_mut().map(|entry| entry.remove(*key));
        }
    }
    list
}

fn lines(value: &Value) -> String {
    match value {
        Value::Array(list) => list.iter().map(|entry| format!("{entry}\n")).collect(),
        other => format!("{other}\n"),
    }
}

/// `after 0.5 s`, `held 127 MiB`, `process 123` are never the same twice.
fn without_times(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        let mut words: Vec<&str> = line.split(' ').collect();
        for at in 1..words.len() {
            let is_number = words[at].parse::<f64>().is_ok();
            if is_number && matches!(words[at - 1], "after" | "held" | "process") {
                words[at] = "N";
            }
        }
        writeln!(shown, "{}", words.join(" ")).expect("text");
    }
    if !text.ends_with('\n') {
        shown.pop();
    }
    shown
}

/// Every file of a folder, with what it holds.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("a name").path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap_or_default()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_report_names_every_documented_field() {
    let user = OrdinaryUser::new();
    std::fs::write(user.work().join("a.sh"), "echo 42\n").expect("a program");
    user.own_everything();
    let output = user
        .command(user.belljar())
        .args(["run", "--json", "a.sh"])
        .output()
        .expect("belljar");
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(
        report["ending"],
        json!({"kind": "exited", "code": 0}),
        "{report}"
    );
    assert_eq!(report["stdout"], "42\n");
    assert_eq!(
        report["output"],
        json!([{"stream": "stdout", "text": "42\n", "line": 1}])
    );
    for key in ["run", "file", "language", "policy"] {
        assert!(report[key].is_string(), "{key}: {report}");
    }
    for key in ["wall_ms", "cpu_ms", "peak_memory_bytes", "processes"] {
        assert!(report["usage"][key].is_number(), "usage.{key}: {report}");
    }
    for key in [
        "user_namespace",
        "network_namespace",
        "seccomp",
        "cgroup",
        "located",
    ] {
        assert!(
            report["posture"][key].is_boolean(),
            "posture.{key}: {report}"
        );
    }
    assert!(report["posture"]["landlock_abi"].is_number(), "{report}");
    assert!(
        report["violations"].is_array()
            && report["errors"].is_array()
            && report["truncated"].is_boolean()
    );
}

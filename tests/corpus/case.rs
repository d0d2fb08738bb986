//! One program, task or block of the corpus: how it is run, and what is wrong with what came out.

use std::path::Path;
use std::process::Output;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::ordinary_user::OrdinaryUser;

/// A program of `tests/fixtures/programs`.
#[derive(Deserialize)]
pub struct Program {
    pub path: String,
    pub language: String,
    /// Its name says another language, so the user says which.
    #[serde(default)]
    pub stated: bool,
    /// What it reads.
    pub stdin: Option<String>,
    pub cases: Vec<Case>,
}

/// One way to call a program, and what it does then.
#[derive(Deserialize)]
pub struct Case {
    pub args: Vec<String>,
    pub exit: i32,
    pub stdout: String,
}

/// A task of `tests/fixtures/humaneval`: a solution with its tests, and one with a fault that the tests find.
#[derive(Deserialize)]
pub struct Task {
    pub id: String,
    pub file: String,
    pub program: String,
    pub buggy_program: String,
    pub expected_stdout: String,
    pub expected_stderr_empty: bool,
    pub requires: Option<String>,
    /// The one with the fault goes on until a limit ends it.
    #[serde(default)]
    pub endless: bool,
}

/// A block of code in a document of `tests/fixtures/documents`.
#[derive(Deserialize)]
pub struct Block {
    pub path: String,
    pub language: String,
    pub first: u32,
    pub last: u32,
    /// It needs what is before it: everything of its language up to it is run.
    #[serde(default)]
    pub up_to: bool,
    pub exit: i32,
    pub stdout: String,
    /// What it says is missing, somewhere on standard error.
    pub says: Option<String>,
}

/// A document of `tests/fixtures/errors`: several snippets, and one of them is wrong.
#[derive(Deserialize)]
pub struct Mistake {
    pub file: String,
    pub language: String,
    /// What is selected.
    pub first: u32,
    pub last: u32,
    /// Where the error is.
    pub line: u32,
    /// Further lines that its message may name.
    pub also: Vec<u32>,
}

/// A case that does not come out as it does without Belljar, and why that is right.
#[derive(Deserialize)]
pub struct Known {
    pub section: String,
    pub case: String,
    pub why: String,
}

/// A document of `tests/fixtures/languages`: it prints, and comes to an error.
#[derive(Deserialize)]
pub struct Fault {
    pub language: String,
    pub file: String,
    /// It is a program as a whole too, not only by what a selection gets around it.
    pub whole: bool,
    pub first: u32,
    pub last: u32,
    /// What the selected lines print.
    pub stdout: String,
    pub line: u32,
}

/// What came of it.
pub struct Outcome {
    /// What differed; `None` if nothing did.
    pub wrong: Option<String>,
    /// The default policy's time was not enough; what counts is a second run with more.
    pub needed_more_time: bool,
}

/// What every refusal's line on standard error says. These programs do nothing that a policy forbids.
const REFUSED: &str = "Blocked by policy `";

/// The rows of a file of JSON lines.
pub fn rows<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// Runs a program the way a person does.
pub fn run_program(user: &OrdinaryUser, program: &Program, case: &Case) -> Outcome {
    let mut arguments = Vec::new();
    if program.stated {
        arguments.extend(["--language".to_owned(), program.language.clone()]);
    }
    if let Some(input) = &program.stdin {
        std::fs::write(user.work().join("input"), input).expect("its input");
        arguments.extend(["--stdin", "input"].map(str::to_owned));
    }
    arguments.push(program.path.clone());
    if !case.args.is_empty() {
        arguments.push("--".to_owned());
        arguments.extend(case.args.iter().cloned());
    }
    let (output, needed_more_time) = belljar_run(user, &arguments, true);
    let wrong = difference(&output, case.exit, &case.stdout);
    Outcome {
        wrong,
        needed_more_time,
    }
}

/// Runs a block where it stands in its document; or all of its language up to it.
pub fn run_block(user: &OrdinaryUser, block: &Block) -> Outcome {
    let part = match block.up_to {
        true => ["--up-to".to_owned(), block.first.to_string()],
        false => [
            "--lines".to_owned(),
            format!("{}-{}", block.first, block.last),
        ],
    };
    let arguments = [&part[..], std::slice::from_ref(&block.path)].concat();
    let (output, needed_more_time) = belljar_run(user, &arguments, true);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let unsaid = block.says.as_ref().filter(|says| !stderr.contains(*says));
    let unsaid = unsaid.map(|says| format!("does not say {says:?}; stderr: {}", tail(&stderr)));
    Outcome {
        wrong: difference(&output, block.exit, &block.stdout).or(unsaid),
        needed_more_time,
    }
}

/// Runs the snippet with the mistake, and looks at which lines of the document the error names.
pub fn run_mistake(user: &OrdinaryUser, mistake: &Mistake) -> Outcome {
    let lines = format!("{}-{}", mistake.first, mistake.last);
    let arguments = ["--json", "--lines", &lines, &mistake.file].map(str::to_owned);
    let (output, needed_more_time) = belljar_run(user, &arguments, true);
    let report = report_of(&output);
    let named: Vec<_> = places(&report).map(|place| &place["line"]).collect();
    let is_right = report["language"] == mistake.language.as_str()
        && named.first().is_some_and(|first| **first == mistake.line)
        && named
            .iter()
            .all(|line| **line == mistake.line || mistake.also.iter().any(|also| **line == *also))
        && false_alarm(&report).is_none();
    let wrong = format!(
        "line {} gave {}",
        mistake.line,
        shortened(&report.to_string().into())
    );
    Outcome {
        wrong: (!is_right).then_some(wrong),
        needed_more_time,
    }
}

/// Runs a document with an error in it, and those of its lines that the error is among.
pub fn run_fault(user: &OrdinaryUser, fault: &Fault) -> Outcome {
    let lines = format!("{}-{}", fault.first, fault.last);
    let mut wrong = None;
    for selection in [None, Some(&lines)] {
        if selection.is_none() && !fault.whole {
            continue;
        }
        let time = ["--limit", "wall=120s", "--limit", "cpu=120s"];
        let mut arguments: Vec<String> = time.map(str::to_owned).into();
        if let Some(lines) = selection {
            arguments.extend(["--lines".to_owned(), lines.clone()]);
        }
        arguments.extend(["--json".to_owned(), fault.file.clone()]);
        let (output, _) = belljar_run(user, &arguments, true);
        let report = report_of(&output);
        let is_right = report["language"] == fault.language.as_str()
            && places(&report).next().is_some()
            && places(&report).all(|place| place["line"] == fault.line)
            && (selection.is_none() || report["stdout"] == fault.stdout.as_str())
            && false_alarm(&report).is_none();
        if !is_right {
            wrong = Some(format!(
                "{selection:?} gave {}",
                shortened(&report.to_string().into())
            ));
        }
    }
    Outcome {
        wrong,
        needed_more_time: false,
    }
}

/// Runs a task's solution, which must pass its tests, or the one with the fault, which must not.
pub fn run_task(user: &OrdinaryUser, task: &Task, sound: bool) -> Outcome {
    let text = if sound {
        &task.program
    } else {
        &task.buggy_program
    };
    std::fs::write(user.work().join(&task.file), text).expect("the task's file");
    user.own_everything();
    let endless = task.endless && !sound;
    let arguments = ["--json".to_owned(), task.file.clone()];
    let (output, needed_more_time) = belljar_run(user, &arguments, !endless);
    let report = report_of(&output);
    let quiet = !task.expected_stderr_empty || report["stderr"] == "";
    let passes = report["ending"]["kind"] == "exited"
        && report["ending"]["code"] == 0
        && report["stdout"] == task.expected_stdout.as_str()
        && quiet;
    let ending = &report["ending"];
    let ran = ["exited", "signaled"]
        .iter()
        .any(|kind| ending["kind"] == *kind);
    let wrong = false_alarm(&report).or_else(|| match (sound, passes) {
        (true, false) => Some(format!(
            "does not pass: {ending}, stderr {}",
            shortened(&report["stderr"])
        )),
        (false, true) => Some("passes, though it has a fault".to_owned()),
        _ if endless && ending["kind"] != "limit" => Some(format!("has an end: {ending}")),
        _ if !endless && !ran => Some(format!("has no end of its own: {ending}")),
        _ => None,
    });
    Outcome {
        wrong,
        needed_more_time,
    }
}

/// `belljar run`, and once more with more time where the default policy's was not enough, and that is no answer.
fn belljar_run(user: &OrdinaryUser, arguments: &[String], has_an_end: bool) -> (Output, bool) {
    let run = |limits: &[&str]| {
        // The outer clock only ends a Belljar that hangs; its own limits come first.
        let mut command = user.command("timeout");
        command
            .args(["--signal=KILL", "300"])
            .arg(user.belljar())
            .arg("run")
            .args(limits)
            .args(arguments);
        command
            .stdin(std::process::Stdio::null())
            .output()
            .expect("belljar starts")
    };
    let output = run(&[]);
    if output.status.code() != Some(124) || !has_an_end {
        return (output, false);
    }
    (run(&["--limit", "wall=120s", "--limit", "cpu=120s"]), true)
}

/// The report that was printed, or nothing.
fn report_of(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// The places of its errors.
fn places(report: &serde_json::Value) -> impl Iterator<Item = &serde_json::Value> {
    report["errors"].as_array().into_iter().flatten()
}

/// A refusal told of a program that does nothing that a policy forbids. A limit is none: a program with a fault may run on.
fn false_alarm(report: &serde_json::Value) -> Option<String> {
    let told = report["violations"].as_array()?;
    let refused = |one: &&serde_json::Value| {
        one["kind"]
            .as_str()
            .is_none_or(|kind| !kind.starts_with("limit."))
    };
    let first = told.iter().find(refused)?;
    Some(format!("a false alarm: {first}"))
}

fn difference(output: &Output, exit: i32, stdout: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    if let Some(alarm) = stderr.lines().find(|line| line.contains(REFUSED)) {
        return Some(format!("a false alarm: {alarm}"));
    }
    if output.status.code() != Some(exit) {
        return Some(format!(
            "ended with {} instead of {exit}; stderr: {}",
            output.status,
            tail(&stderr)
        ));
    }
    (text != stdout).then(|| format!("printed {:?} instead of {:?}", tail(&text), tail(stdout)))
}

/// The end of a text, where the reason mostly stands.
fn tail(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(600);
    text.chars().skip(skip).collect()
}

fn shortened(value: &serde_json::Value) -> String {
    tail(value.as_str().unwrap_or_default())
}

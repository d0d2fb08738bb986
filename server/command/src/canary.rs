//! `belljar runtimes check`: reads runtime files, and runs the program that each brings along.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use belljar_report::{Ending, Report, displayable_line, ending_words, violation_words};
use belljar_runs::{
    Catalogue, Conductor, Host, LocalHost, LocalPlanner, Part, RunRequest, Runtime, Source,
};
use belljar_runtime::Places;
use belljar_sandbox::Launcher;

use crate::own_runs;
use crate::pages::print;
use crate::policy::LARGEST;

/// A compiler may be slow to start on a machine that has other things to do.
const TIME: &str = "120s";

/// What is said of one file, and whether it is right.
struct Verdict {
    file: String,
    lines: Vec<String>,
    is_right: bool,
}

impl Verdict {
    fn wrong(file: &str, lines: Vec<String>) -> Verdict {
        Verdict {
            file: file.to_owned(),
            lines,
            is_right: false,
        }
    }

    fn right(file: &str, line: String) -> Verdict {
        Verdict {
            file: file.to_owned(),
            lines: vec![format!("{file}: {line}")],
            is_right: true,
        }
    }
}

/// Checks these files, or else the user's own.
pub fn check(launcher: Launcher, files: &[PathBuf]) -> ExitCode {
    let files: Vec<String> = match files {
        [] => own_files(),
        files => files
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
    };
    if files.is_empty() {
        return print(b"There are no runtime files of yours.\n");
    }
    let (catalogue, texts, mut verdicts) = read(&files);
    match canaries(launcher, &catalogue, &texts) {
        Ok(tried) => verdicts.extend(tried),
        Err(error) => {
            eprintln!("belljar: could not start: {error}");
            return ExitCode::FAILURE;
        }
    }
    let position = |verdict: &Verdict| files.iter().position(|file| *file == verdict.file);
    verdicts.sort_by_key(position);
    let lines = verdicts.iter().flat_map(|verdict| &verdict.lines);
    let text: String = lines
        .map(|line| displayable_line(line, 2000) + "\n")
        .collect();
    let printed = print(text.as_bytes());
    if verdicts.iter().all(|verdict| verdict.is_right) {
        printed
    } else {
        ExitCode::FAILURE
    }
}

/// The files that add to what comes with Belljar, right or wrong.
fn own_files() -> Vec<String> {
    let planner = LocalPlanner::default();
    let (catalogue, errors) = planner.catalogue();
    let right = catalogue.iter().map(|runtime| runtime.file().to_owned());
    let right = right.filter(|file| Path::new(file).is_absolute());
    right
        .chain(errors.iter().map(|error| error.file.clone()))
        .collect()
}

/// The runtimes of those files that are right, with the files' texts, and what is wrong with the others.
fn read(files: &[String]) -> (Catalogue, Vec<(String, String)>, Vec<Verdict>) {
    let mut verdicts = Vec::new();
    let mut contents = Vec::new();
    for file in files {
        match LocalHost.read(Path::new(file), LARGEST) {
            Some(content) => contents.push((file.clone(), content)),
            None => {
                let line = format!("{file}: cannot be read, or is larger than 1 MiB");
                verdicts.push(Verdict::wrong(file, vec![line]));
            }
        }
    }
    let (catalogue, errors) = Catalogue::shipped().with_user_files(contents.clone());
    let wrong =
        |error: &belljar_runs::RuntimeError| Verdict::wrong(&error.file, vec![error.to_string()]);
    verdicts.extend(errors.iter().map(wrong));
    let mut texts = Vec::new();
    for (file, content) in contents {
        if catalogue.iter().any(|runtime| runtime.file() == file) {
            texts.push((file, String::from_utf8_lossy(&content).into_owned()));
        } else if errors.iter().all(|error| error.file != file) {
            let line = format!("{file}: another of these files has the same id");
            verdicts.push(Verdict::wrong(&file, vec![line]));
        }
    }
    (catalogue, texts, verdicts)
}

/// Looks at the runtimes of these files more closely, and runs the program of each.
fn canaries(
    launcher: Launcher,
    catalogue: &Catalogue,
    texts: &[(String, String)],
) -> std::io::Result<Vec<Verdict>> {
    own_runs::block_on(async {
        let planner = LocalPlanner::knowing(catalogue.clone()).keeping_nothing();
        let conductor = Conductor::over(Box::new(launcher), Box::new(planner), 0, texts.len());
        let mut verdicts = Vec::new();
        let mut started = Vec::new();
        for (file, text) in texts {
            let mut all = catalogue.iter();
            let Some(runtime) = all.find(|runtime| runtime.file() == file) else {
                continue;
            };
            let slow = runtime.slow_patterns(text);
            if !slow.is_empty() {
                let lines = slow.iter().map(ToString::to_string).collect();
                verdicts.push(Verdict::wrong(file, lines));
                continue;
            }
            match obstacle(runtime) {
                Some(line) => verdicts.push(Verdict::right(file, line)),
                None => started.push((file, runtime, conductor.submit(request(runtime)))),
            }
        }
        for (file, runtime, run) in started {
            let report = own_runs::report(run).await;
            verdicts.push(verdict(file, runtime, report.as_ref()));
        }
        verdicts
    })
}

/// Why the program of a right file is not run.
fn obstacle(runtime: &Runtime) -> Option<String> {
    if runtime.canary().is_none() {
        return Some("right, but has no [canary] to try".to_owned());
    }
    let missing = runtime.find(&LocalHost, &Places::default()).err()?;
    let (tool, install) = (missing.tool, missing.install);
    Some(format!(
        "right, but not tried: `{tool}` was not found; {install}"
    ))
}

fn request(runtime: &Runtime) -> RunRequest {
    let (program, _) = runtime.canary().unwrap_or_default();
    let ending = runtime.extensions().first().map_or("txt", String::as_str);
    let source = Source::Document {
        path: None,
        name: format!("canary.{ending}"),
        language: Some(runtime.id().to_owned()),
        text: Arc::from(program.as_bytes()),
        lines: None,
        part: Part::default(),
    };
    RunRequest {
        limits: ["wall", "cpu"]
            .map(|limit| (limit.to_owned(), TIME.to_owned()))
            .to_vec(),
        ..own_runs::request(source)
    }
}

fn verdict(file: &str, runtime: &Runtime, report: Option<&Report>) -> Verdict {
    let Some(report) = report else {
        return Verdict::wrong(file, vec![format!("{file}: its canary did not end")]);
    };
    let (_, output) = runtime.canary().unwrap_or_default();
    let mut lines = Vec::new();
    if report.ending != Some(Ending::Exited { code: 0 }) {
        let (words, _) = ending_words(report).unwrap_or_default();
        lines.push(format!("{file}: its canary failed: {words}"));
    } else if report.stdout != output {
        let (printed, wanted) = (&report.stdout, output);
        lines.push(format!(
            "{file}: its canary printed {printed:?} instead of {wanted:?}"
        ));
    }
    let refused = report.violations.iter();
    lines.extend(refused.map(|one| {
        format!(
            "{file}: its canary: {}",
            violation_words(one, &report.policy)
        )
    }));
    if lines.is_empty() {
        return Verdict::right(file, "right, and its canary ran".to_owned());
    }
    let said = report.stderr.lines().rev().take(5).collect::<Vec<_>>();
    lines.extend(said.iter().rev().map(|line| format!("  {line}")));
    Verdict::wrong(file, lines)
}

//! `belljar learn`: runs a source file, and prints the smallest policy under which it could do what it tried.

use std::fmt::Write as _;
use std::process::ExitCode;

use belljar_report::{Report, Violation, displayable_line};
use belljar_runs::{
    Conductor, Learnt, LocalHost, LocalPlanner, Rule, RunRequest, lesson, secret_in,
};
use belljar_sandbox::Launcher;
use serde::Serialize;

use crate::allow::shown;
use crate::closing::{advice, is_the_end, quoted};
use crate::exit::NOT_RUN;
use crate::live::Live;
use crate::options::LearnOptions;
use crate::pages::print;
use crate::run::{self, Wanted};
use crate::style::Style;
use crate::{exit, stdin};

/// Something that a program needs and a rule can give.
#[derive(Clone, Debug, Serialize)]
struct Need {
    rule: String,
    kind: &'static str,
    target: String,
    file: Option<String>,
    line: Option<u32>,
    /// Why it is named and not allowed.
    held_back: Option<String>,
}

/// Something that a program tried and no rule can give.
#[derive(Clone, Debug, Serialize)]
struct Denied {
    kind: &'static str,
    target: String,
    file: Option<String>,
    line: Option<u32>,
    reason: String,
}

/// What a program was refused in one or several runs.
#[derive(Clone, Debug, Default, Serialize)]
struct Learned {
    policy: String,
    runs: u32,
    /// The last run was refused nothing that a rule could give.
    complete: bool,
    rules: Vec<Need>,
    denied: Vec<Denied>,
    diff: String,
}

/// Learns from a source file.
pub fn learn(launcher: Launcher, options: LearnOptions) -> ExitCode {
    let (again, json) = (options.again, options.run.cell.json);
    let wanted = match run::wanted(options.run) {
        Ok(wanted) => wanted,
        Err(status) => return status,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("belljar: Belljar could not start: {error}.");
            return ExitCode::from(NOT_RUN);
        }
    };
    let status = runtime.block_on(async {
        let conductor =
            Conductor::over(Box::new(launcher), Box::new(LocalPlanner::default()), 1, 0);
        let status = lessons(&conductor, wanted, again, json).await;
        conductor.shut_down().await;
        status
    });
    // Not waited for: a thread that still reads our standard input.
    runtime.shutdown_background();
    status
}

async fn lessons(conductor: &Conductor, wanted: Wanted, again: u32, json: bool) -> ExitCode {
    let not_run = |what: &str, hint: &str| {
        eprint!(
            "{}",
            crate::closing::not_run(what, hint, Style::of_stderr())
        );
        ExitCode::from(NOT_RUN)
    };
    let mut learned = Learned {
        policy: wanted.request.policy.clone(),
        ..Learned::default()
    };
    let mut origin = wanted.origin;
    loop {
        let mut request = wanted.request.clone();
        let allowed = learned.rules.iter().filter(|need| need.held_back.is_none());
        request.allow.extend(allowed.map(|need| need.rule.clone()));
        let mut run = conductor.submit(request);
        // An input that nobody feeds ends at once: it is dropped here.
        let input = run.input.take();
        if let (Some(origin), Some(input)) = (origin.take(), input) {
            stdin::feed(origin, input);
        }
        // The policy goes to standard output, so the program's goes to standard error, all of it.
        let Ok(mut live) = Live::aside(json) else {
            return not_run("signals cannot be heard.", "");
        };
        let Ok(report) = live.follow(conductor, &mut run).await else {
            return not_run("signals cannot be heard.", "");
        };
        let signal = live.signal;
        let ending = report.ending.clone();
        let has_run = ending
            .as_ref()
            .is_some_and(|ending| exit::status(ending, signal) != NOT_RUN && signal.is_none());
        if !has_run {
            let text = crate::closing::closing(&report, Style::of_stderr());
            let _ = live.close(&text);
            return ExitCode::from(ending.map_or(NOT_RUN, |ending| exit::status(&ending, signal)));
        }
        let _ = live.close("");
        learned.runs += 1;
        learned.complete = !take_in(&mut learned, &report);
        if learned.complete || learned.runs > again {
            break;
        }
        if let Some(name) = &wanted.stdin {
            origin = stdin::open(name).ok();
        }
    }
    match told(conductor, &mut learned, &wanted.request, json) {
        Ok(text) => print(text.as_bytes()),
        Err((what, hint)) => not_run(&what, &hint),
    }
}

/// Adds what a run was refused. Whether there was a rule that was not known yet and is allowed from now on.
fn take_in(learned: &mut Learned, report: &Report) -> bool {
    let mut any = false;
    for (index, violation) in report.violations.iter().enumerate() {
        let Violation { file, line, .. } = violation.clone();
        let (kind, target) = (violation.kind.as_str(), violation.target.clone());
        let rule = report
            .rule_for(index)
            .filter(|rule| belljar_runs::can_be_allowed(rule));
        match rule.map(|text| (text, Rule::read(text))) {
            Some((text, Ok(rule))) => {
                if learned.rules.iter().any(|need| need.rule == text) {
                    continue;
                }
                let secret = secret_in(&LocalHost, &rule);
                let held_back = secret.map(|_| {
                    "looks like a secret: allow it only if you would show it to whoever wrote this program"
                        .to_owned()
                });
                any |= held_back.is_none();
                learned.rules.push(Need {
                    rule: text.to_owned(),
                    kind,
                    target,
                    file,
                    line,
                    held_back,
                });
            }
            _ => {
                let is_known = |known: &Denied| {
                    known.kind == kind && known.target == target && known.line == line
                };
                if !learned.denied.iter().any(is_known) {
                    let reason = if is_the_end(violation, report) && violation.allow.is_none() {
                        "the run was ended by it".to_owned()
                    } else {
                        advice(report, index, violation)
                    };
                    learned.denied.push(Denied {
                        kind,
                        target,
                        file,
                        line,
                        reason,
                    });
                }
            }
        }
    }
    any
}

/// What is printed.
fn told(
    conductor: &Conductor,
    learned: &mut Learned,
    request: &RunRequest,
    json: bool,
) -> Result<String, (String, String)> {
    let rules: Vec<Learnt> = learned
        .rules
        .iter()
        .filter_map(|need| {
            Some(Learnt {
                rule: Rule::read(&need.rule).ok()?,
                why: why(need),
                held_back: need.held_back.is_some(),
            })
        })
        .collect();
    let lesson = lesson(request, &rules, conductor.languages(), &LocalHost)
        .map_err(|refusal| (refusal.reason, refusal.hint))?;
    let policy = displayable_line(&request.policy, 100);
    let old = format!("policy {policy}, as it is in force");
    let new = format!("policy {policy}, with what the program tried");
    learned.diff = shown(&lesson.diff(&old, &new));
    if json {
        let text = serde_json::to_string(learned).unwrap_or_default();
        return Ok(text + "\n");
    }
    let mut text = learned.diff.clone();
    if learned.rules.is_empty() {
        let _ = writeln!(text, "# Nothing was refused that a rule could allow.");
    }
    if !learned.denied.is_empty() {
        let _ = writeln!(text, "# No rule allows:");
    }
    for denied in &learned.denied {
        let place = place_of(denied.file.as_deref(), denied.line);
        let target = displayable_line(&denied.target, 200);
        let reason = displayable_line(&denied.reason, 500);
        let _ = writeln!(text, "#   {place}{} `{target}`: {reason}", denied.kind);
    }
    let mut allowed = learned.rules.iter().filter(|need| need.held_back.is_none());
    if let Some(need) = allowed.next() {
        let rule = quoted(&displayable_line(&need.rule, 500));
        let _ = writeln!(
            text,
            "# To allow one of them for good: belljar policy allow {rule} --project, or --user"
        );
    }
    if !learned.complete {
        let _ = writeln!(
            text,
            "# One run shows what it reached. To run again with these rules, and see what lies behind: --again 5"
        );
    }
    Ok(text)
}

/// Which line needs it, and for what.
fn why(need: &Need) -> String {
    let place = place_of(need.file.as_deref(), need.line);
    let target = displayable_line(&need.target, 100);
    let held_back = need.held_back.as_deref();
    let held_back = held_back.map_or(String::new(), |reason| format!(", {reason}"));
    format!("{place}{} {target}{held_back}", need.kind)
}

fn place_of(file: Option<&str>, line: Option<u32>) -> String {
    match (file, line) {
        (Some(file), Some(line)) => format!("{}:{line}: ", displayable_line(file, 200)),
        (Some(file), None) => format!("{}: ", displayable_line(file, 200)),
        (None, _) => String::new(),
    }
}

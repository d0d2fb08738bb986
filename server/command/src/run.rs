//! `belljar run` and `belljar exec`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use belljar_report::{Ending, Report, system_words};
use belljar_runs::{LineRange, LocalPlanner, Part, RunRequest, Source, conduct_here};
use belljar_sandbox::Site;

use crate::closing::{closing, not_run};
use crate::exit::{self, NOT_RUN};
use crate::live::Live;
use crate::options::{CellOptions, ExecOptions, RunOptions};
use crate::pages;
use crate::signals::Signals;
use crate::source;
use crate::stdin::{self, Feed};
use crate::style::Style;

/// What is to be run, and where its input comes from.
pub struct Wanted {
    pub request: RunRequest,
    pub origin: Option<stdin::Origin>,
    /// What `--stdin` named.
    pub stdin: Option<PathBuf>,
}

/// Runs a source file.
pub fn run(site: Site, options: RunOptions) -> ExitCode {
    let (json, check) = (options.cell.json, options.check);
    let planner = match options.no_cache {
        true => LocalPlanner::default().keeping_nothing(),
        false => LocalPlanner::default(),
    };
    match wanted(options) {
        Ok(wanted) => conduct(site, &planner, wanted, json, check),
        Err(status) => status,
    }
}

/// Reads the source file, or says why it will not be run.
pub fn wanted(options: RunOptions) -> Result<Wanted, ExitCode> {
    let is_stdin = options.file == Path::new("-");
    if is_stdin && options.language.is_none() {
        return Err(refuse(
            "the source on standard input does not say which language it is in.",
            "name it with `--language ID`; `belljar runtimes` lists them",
            &options.cell,
        ));
    }
    if is_stdin && options.cell.stdin.as_deref() == Some(Path::new("-")) {
        return Err(refuse(
            "standard input cannot be both the source and the program's input.",
            "put one of them into a file",
            &options.cell,
        ));
    }
    let text = match source::read(&options.file) {
        Ok(text) => text,
        Err((what, hint)) => return Err(refuse(&what, &hint, &options.cell)),
    };
    let name = if is_stdin {
        "<stdin>".to_owned()
    } else {
        options.file.to_string_lossy().into_owned()
    };
    let up_to = options.up_to.map(|line| (1, line));
    let lines = options.lines.or(up_to);
    let source = Source::Document {
        path: if is_stdin {
            None
        } else {
            std::path::absolute(&options.file).ok()
        },
        name,
        language: options.language,
        text: Arc::from(text),
        lines: lines.map(|(first, last)| LineRange { first, last }),
        part: match options.up_to {
            Some(_) => Part::UpTo,
            None => Part::Lines,
        },
    };
    request(source, options.arguments, options.cell)
}

/// Runs a command.
pub fn exec(site: Site, options: ExecOptions) -> ExitCode {
    let json = options.cell.json;
    let source = Source::Command {
        argv: options.command,
    };
    match request(source, Vec::new(), options.cell) {
        Ok(wanted) => conduct(site, &LocalPlanner::default(), wanted, json, false),
        Err(status) => status,
    }
}

fn request(source: Source, arguments: Vec<String>, cell: CellOptions) -> Result<Wanted, ExitCode> {
    let origin = match cell.stdin.as_deref().map(stdin::open).transpose() {
        Ok(origin) => origin,
        Err((what, hint)) => return Err(refuse(&what, &hint, &cell)),
    };
    let request = RunRequest {
        source,
        arguments,
        policy: cell.policy().to_owned(),
        names_policy: cell.policy.is_some(),
        project: cell.project,
        allow: cell.allow,
        limits: cell.limit,
        has_input: origin.is_some(),
        output_lines: cell.json,
        may_widen: true,
    };
    Ok(Wanted {
        request,
        origin,
        stdin: cell.stdin,
    })
}

fn conduct(
    site: Site,
    planner: &LocalPlanner,
    wanted: Wanted,
    json: bool,
    check: bool,
) -> ExitCode {
    let Wanted {
        request, origin, ..
    } = wanted;
    let failed = |error: io::Error| {
        let what = format!("Belljar could not start: {}.", system_words(&error));
        refuse_under(&request.policy, &what, "", json)
    };
    let (feed, input) = match origin.map(Feed::from).transpose() {
        Ok(feed) => feed.unzip(),
        Err(error) => return failed(error),
    };
    let mut live = match Live::new(json, feed) {
        Ok(live) => live,
        Err(error) => return failed(error),
    };
    let (report, remains) = conduct_here(site, planner, &request, input, &mut live);
    let told = if let Some(error) = live.unwritten.take() {
        Err(error)
    } else if json {
        live.print(&to_json(&report))
    } else {
        live.close(&closing(&report, Style::of_stderr()))
    };
    let signal = live.signal;
    let is_over = told.is_ok() && signal.is_none();
    drop(live);
    if let Some(remains) = remains {
        match is_over {
            // Whoever does not want to wait for that may end it like anything else.
            true if Signals::let_be().is_ok() => remains.prepare_the_next(),
            _ => remains.leave(),
        }
    }
    let is_unmet = check && report.unmet().next().is_some();
    ExitCode::from(match told {
        Ok(()) => match report
            .ending
            .as_ref()
            .map(|ending| exit::status(ending, signal))
        {
            Some(0) if is_unmet => exit::UNMET,
            Some(status) => status,
            None => NOT_RUN,
        },
        Err(error) => {
            pages::say_what_is_lost(&error);
            exit::UNWRITTEN
        }
    })
}

/// Says why there will be no run at all, in the form that was asked for.
fn refuse(what: &str, hint: &str, cell: &CellOptions) -> ExitCode {
    refuse_under(cell.policy(), what, hint, cell.json)
}

fn refuse_under(policy: &str, what: &str, hint: &str, json: bool) -> ExitCode {
    if json {
        let report = Report {
            policy: policy.to_owned(),
            ending: Some(Ending::Refused {
                reason: what.to_owned(),
                hint: hint.to_owned(),
            }),
            ..Report::default()
        };
        pages::print(&to_json(&report));
    } else {
        eprint!("{}", not_run(what, hint, Style::of_stderr()));
    }
    ExitCode::from(NOT_RUN)
}

fn to_json(report: &Report) -> Vec<u8> {
    // Nothing in a report can fail to become JSON: all keys are texts.
    let mut bytes = serde_json::to_vec(report).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

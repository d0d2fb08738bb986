//! `belljar run` and `belljar exec`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use belljar_report::{Ending, Report};
use belljar_runs::{Conductor, LineRange, LocalPlanner, RunRequest, Source};
use belljar_sandbox::Launcher;

use crate::closing::{closing, not_run};
use crate::exit::{self, BROKEN_PIPE, NOT_RUN};
use crate::live::{Outlets, Shown, follow, or_interrupted};
use crate::options::{CellOptions, ExecOptions, RunOptions};
use crate::signals::Signals;
use crate::style::Style;
use crate::{source, stdin};

/// What is to be run, and where its input comes from.
pub struct Wanted {
    pub request: RunRequest,
    pub origin: Option<stdin::Origin>,
    /// What `--stdin` named.
    pub stdin: Option<PathBuf>,
}

/// Runs a source file.
pub fn run(launcher: Launcher, options: RunOptions) -> ExitCode {
    let json = options.cell.json;
    match wanted(options) {
        Ok(wanted) => conduct(launcher, wanted, json),
        Err(status) => status,
    }
}

/// Reads the source file, or says why it will not be run.
pub fn wanted(options: RunOptions) -> Result<Wanted, ExitCode> {
    let is_stdin = options.file == Path::new("-");
    if is_stdin && options.language.is_none() {
        return Err(refuse(
            "The language of a source on standard input is unknown.",
            "name it: --language ID",
            &options.cell,
        ));
    }
    if is_stdin && options.cell.stdin.as_deref() == Some(Path::new("-")) {
        return Err(refuse(
            "Standard input cannot be both the source and the program's input.",
            "",
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
    let source = Source::Document {
        path: if is_stdin {
            None
        } else {
            std::path::absolute(&options.file).ok()
        },
        name,
        language: options.language,
        text: Arc::from(text),
        lines: options.lines.map(|(first, last)| LineRange { first, last }),
    };
    request(source, options.arguments, options.cell)
}

/// Runs a command.
pub fn exec(launcher: Launcher, options: ExecOptions) -> ExitCode {
    let json = options.cell.json;
    let source = Source::Command {
        argv: options.command,
    };
    match request(source, Vec::new(), options.cell) {
        Ok(wanted) => conduct(launcher, wanted, json),
        Err(status) => status,
    }
}

fn request(source: Source, arguments: Vec<String>, cell: CellOptions) -> Result<Wanted, ExitCode> {
    let origin = match cell.stdin.as_deref().map(stdin::open).transpose() {
        Ok(origin) => origin,
        Err(what) => return Err(refuse(&what, "", &cell)),
    };
    let request = RunRequest {
        source,
        arguments,
        policy: cell.policy,
        project: cell.project,
        allow: cell.allow,
        limits: cell.limit,
        has_input: origin.is_some(),
        may_widen: true,
    };
    Ok(Wanted {
        request,
        origin,
        stdin: cell.stdin,
    })
}

fn conduct(launcher: Launcher, wanted: Wanted, json: bool) -> ExitCode {
    let Wanted {
        request, origin, ..
    } = wanted;
    // One thread: a second one costs more than it could ever give here.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let what = format!("Belljar could not start: {}.", source::words(&error));
            return refuse_under(&request.policy, &what, "", json);
        }
    };
    let status = runtime.block_on(async {
        let conductor =
            Conductor::over(Box::new(launcher), Box::new(LocalPlanner::default()), 1, 0);
        match carry_out(&conductor, request, origin, json).await {
            Ok(status) => status,
            Err(error) => {
                conductor.shut_down().await;
                if error.kind() == io::ErrorKind::BrokenPipe {
                    BROKEN_PIPE
                } else {
                    NOT_RUN
                }
            }
        }
    });
    // Not waited for: a thread that still reads our standard input.
    runtime.shutdown_background();
    ExitCode::from(status)
}

async fn carry_out(
    conductor: &Conductor,
    request: RunRequest,
    origin: Option<stdin::Origin>,
    json: bool,
) -> io::Result<u8> {
    let mut signals = Signals::new()?;
    let mut run = conductor.submit(request);
    if let (Some(origin), Some(input)) = (origin, run.input.take()) {
        stdin::feed(origin, input);
    }
    let mut outlets = Outlets::new();
    let live = if json { None } else { Some(&mut outlets) };
    let Shown {
        report,
        signal,
        is_pipe_broken,
    } = follow(conductor, &mut run, &mut signals, live).await;
    if is_pipe_broken {
        return Ok(BROKEN_PIPE);
    }
    if json {
        or_interrupted(&mut signals, outlets.stdout.write(&to_json(&report))).await?;
    } else {
        let text = closing(&report, Style::of_stderr());
        or_interrupted(&mut signals, outlets.close(&text)).await?;
    }
    Ok(report
        .ending
        .as_ref()
        .map_or(NOT_RUN, |ending| exit::status(ending, signal)))
}

/// Says why there will be no run at all, in the form that was asked for.
fn refuse(what: &str, hint: &str, cell: &CellOptions) -> ExitCode {
    refuse_under(&cell.policy, what, hint, cell.json)
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
        crate::pages::print(&to_json(&report));
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

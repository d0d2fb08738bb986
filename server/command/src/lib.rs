//! The command line: options, live output, JSON, policies, runtimes, doctor.

mod allow;
mod closing;
mod doctor;
mod exit;
mod learn;
mod live;
mod options;
mod outlet;
mod pages;
mod policy;
mod run;
mod runtimes;
mod signals;
mod source;
mod stdin;
mod style;
mod trust;

use std::process::ExitCode;

use belljar_runs::Conductor;
use belljar_sandbox::Launcher;
use clap::Parser;
use clap::error::ErrorKind;

use crate::exit::NOT_RUN;
use crate::options::{Command, Options};

/// How much of each end of a run's output the language server keeps, so that a flood costs it little.
const KEPT_FOR_EDITORS: usize = 192 << 10;

/// How many cells a command makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// None, so it needs no launcher.
    None,
    /// One, and then it ends.
    One,
    /// Nobody knows.
    Many,
}

/// How many cells the command makes that begins with this argument: asked before anything is parsed, because the
/// launcher must be forked first.
pub fn cells(first_argument: &str) -> Cells {
    match first_argument {
        "run" | "exec" | "doctor" => Cells::One,
        // Learning may take several runs.
        "learn" | "lsp" | "runtimes" => Cells::Many,
        _ => Cells::None,
    }
}

/// Carries out what was typed. `serve` is the language server, which is no part of this room.
pub fn main(
    launcher: Option<Launcher>,
    serve: impl FnOnce(Box<dyn FnOnce() -> Conductor>) -> ExitCode,
) -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => return usage(&error),
    };
    start_log();
    // An option before the command would hide the command from `cells`; there are none but --help and --version.
    let launcher = || launcher.expect("commands that make cells are known by their first argument");
    match options.command {
        Command::Run(options) => run::run(launcher(), options),
        Command::Exec(options) => run::exec(launcher(), options),
        Command::Learn(options) => learn::learn(launcher(), options),
        Command::Doctor(options) => doctor::doctor(launcher(), &options),
        Command::Runtimes(options) => runtimes::runtimes(launcher(), &options),
        Command::Policy(command) => policy::policy(command),
        Command::Lsp(options) => {
            let launcher = launcher();
            serve(Box::new(move || {
                Conductor::new(launcher, options.parallel).keeping(KEPT_FOR_EDITORS)
            }))
        }
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { dir } => pages::manual(dir.as_deref()),
    }
}

/// Says what is wrong with what was typed, or prints the help that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    // Nothing can be done about a closed standard output or error.
    let _ = error.print();
    let first = std::env::args_os().nth(1);
    match first.as_deref().and_then(|first| first.to_str()) {
        _ if is_help => ExitCode::SUCCESS,
        // Every other status of these two may be the program's own.
        Some("run" | "exec" | "learn") => ExitCode::from(NOT_RUN),
        _ => ExitCode::from(2),
    }
}

/// Belljar is silent about itself, unless the variable asks for what `tracing` calls an env filter.
fn start_log() {
    let Some(filter) = std::env::var_os("BELLJAR_LOG") else {
        return;
    };
    let filter = filter.to_string_lossy();
    let Ok(filter) = tracing_subscriber::EnvFilter::try_new(&filter) else {
        eprintln!(
            "belljar: BELLJAR_LOG={filter:?} is no filter; for instance `debug` or `belljar_sandbox=trace`"
        );
        return;
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}

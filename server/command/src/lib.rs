//! The command line: options, live output, JSON, policies, runtimes, doctor.

mod allow;
mod canary;
mod closing;
mod doctor;
mod editor;
mod exit;
mod learn;
mod live;
mod options;
mod outlet;
mod own_runs;
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
use belljar_sandbox::{Launcher, Site};
use clap::Parser;
use clap::error::ErrorKind;

use crate::exit::NOT_RUN;
use crate::options::{Command, Options};

/// How much of each end of a run's output the language server keeps, so that a flood costs it little.
const KEPT_FOR_EDITORS: usize = 192 << 10;

/// What makes cells for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// Nothing: it makes none.
    None,
    /// This process, for one run. The cell can be begun before more is known.
    Here,
    /// Likewise, but not before the run's standard input is there.
    HereLater,
    /// A launcher, for one run.
    One,
    /// A launcher, for as many runs as come.
    Many,
}

/// What makes cells for the command with these arguments, the first of which is its name: asked before anything is parsed,
/// because it must be there first. A mistake costs a little time, and nothing else.
pub fn cells(mut arguments: impl Iterator<Item = std::ffi::OsString>) -> Cells {
    let first = arguments.next();
    match first.as_deref().and_then(|first| first.to_str()) {
        Some("run" | "exec") => {
            let mut options = arguments.take_while(|word| word != "--");
            let has_input = options.any(|word| word.as_encoded_bytes().starts_with(b"--stdin"));
            if has_input {
                Cells::HereLater
            } else {
                Cells::Here
            }
        }
        Some("doctor") => Cells::One,
        // Learning may take several runs.
        Some("learn" | "lsp" | "runtimes") => Cells::Many,
        _ => Cells::None,
    }
}

/// What was made ready for a command.
pub enum Ready {
    /// Nothing.
    Nothing,
    /// A place for a cell in this process.
    Site(Site),
    /// A process that makes cells.
    Launcher(Launcher),
}

/// Carries out what was typed. `serve` is the language server, which is no part of this room.
pub fn main(
    ready: Ready,
    serve: impl FnOnce(Box<dyn FnOnce() -> Conductor>) -> ExitCode,
) -> ExitCode {
    let plain = Options::plain(std::env::args_os().skip(1));
    let options = match plain.map_or_else(Options::try_parse, Ok) {
        Ok(options) => options,
        Err(error) => return usage(&error),
    };
    start_log();
    // An option before the command would hide the command from `cells`; there are none but --help and --version.
    match (options.command, ready) {
        (Command::Run(options), Ready::Site(site)) => run::run(site, options),
        (Command::Exec(options), Ready::Site(site)) => run::exec(site, options),
        (Command::Learn(options), Ready::Launcher(launcher)) => learn::learn(launcher, options),
        (Command::Doctor(options), Ready::Launcher(launcher)) => doctor::doctor(launcher, &options),
        (Command::Runtimes(options), Ready::Launcher(launcher)) => {
            runtimes::runtimes(launcher, &options)
        }
        (Command::Lsp(options), Ready::Launcher(launcher)) => serve(Box::new(move || {
            Conductor::new(launcher, options.parallel).keeping(KEPT_FOR_EDITORS)
        })),
        (Command::Policy(command), _) => policy::policy(command),
        (Command::Editor { editor }, _) => editor::editor(editor.as_ref()),
        (Command::Completions { shell }, _) => pages::completions(shell),
        (Command::Man { dir }, _) => pages::manual(dir.as_deref()),
        (
            Command::Run(_)
            | Command::Exec(_)
            | Command::Learn(_)
            | Command::Doctor(_)
            | Command::Runtimes(_)
            | Command::Lsp(_),
            _,
        ) => {
            unreachable!("commands that make cells are known by their first argument")
        }
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

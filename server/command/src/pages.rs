//! Shell completions and manual pages, made from the options themselves.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use belljar_report::system_words;
use clap::CommandFactory;

use crate::exit::UNWRITTEN;
use crate::options::Options;

/// Prints a completion script.
pub fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Options::command(), "belljar", &mut script);
    print(&script)
}

/// Prints the manual page, or writes all of them into `dir`.
pub fn manual(dir: Option<&Path>) -> ExitCode {
    if let Some(dir) = dir {
        let written = std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(Options::command(), dir));
        return match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!(
                    "belljar: Cannot write manual pages to `{}`: {}.",
                    dir.display(),
                    system_words(&error)
                );
                ExitCode::FAILURE
            }
        };
    }
    let mut page = Vec::new();
    match clap_mangen::Man::new(Options::command()).render(&mut page) {
        Ok(()) => print(&page),
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints what is finished. A reader who has seen enough and goes away is no error.
pub fn print(bytes: &[u8]) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_what_is_lost(&error);
            ExitCode::from(UNWRITTEN)
        }
    }
}

/// Says why what was to be read is not written. Of a reader who went away there is nothing to say.
pub fn say_what_is_lost(error: &io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe {
        let why = system_words(error);
        // Standard error may be what cannot be written.
        let _ = writeln!(
            io::stderr(),
            "belljar: The output cannot be written: {why}.\n  hint: make room where it goes, or send it elsewhere"
        );
    }
}

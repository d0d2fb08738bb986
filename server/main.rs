//! Arguments -> protocol, command, and before both whatever makes cells.
#![cfg_attr(target_env = "gnu", no_main)]

use std::process::ExitCode;

use belljar_command::{Cells, Ready};
use belljar_sandbox::{Launcher, Site};

#[cfg(target_env = "gnu")]
belljar_sandbox::begin_with!(begin);

/// Only glibc tells the standard library the arguments if that does not begin by itself.
#[cfg(not(target_env = "gnu"))]
fn main() -> ExitCode {
    begin()
}

fn begin() -> ExitCode {
    // Before anything else: a launcher must be forked, and a cell begun, while there is one thread, and while this process is
    // small.
    let ready = match belljar_command::cells(std::env::args_os().skip(1)) {
        Cells::None => Ok(Ready::Nothing),
        Cells::Here => Ok(Ready::Site(Site::begin())),
        Cells::HereLater => Ok(Ready::Site(Site::bare())),
        Cells::One => Launcher::fork_for_one_run().map(Ready::Launcher),
        Cells::Many => Launcher::fork().map(Ready::Launcher),
    };
    match ready {
        Ok(ready) => belljar_command::main(ready, belljar_protocol::serve),
        Err(error) => {
            eprintln!("belljar: Could not start the process that makes sandboxes: {error}.");
            ExitCode::from(125)
        }
    }
}

//! Arguments -> protocol, command, or the launcher of cells.

use std::process::ExitCode;

use belljar_command::Cells;
use belljar_sandbox::Launcher;

fn main() -> ExitCode {
    // Before anything else: the launcher must be forked while there is one thread, and while this process is small.
    let first = std::env::args_os().nth(1);
    let cells = first
        .as_deref()
        .and_then(|first| first.to_str())
        .map_or(Cells::None, belljar_command::cells);
    let launcher = match cells {
        Cells::None => Ok(None),
        Cells::One => Launcher::fork_for_one_run().map(Some),
        Cells::Many => Launcher::fork().map(Some),
    };
    match launcher {
        Ok(launcher) => belljar_command::main(launcher, belljar_protocol::serve),
        Err(error) => {
            eprintln!("belljar: Could not start the process that makes sandboxes: {error}.");
            ExitCode::from(125)
        }
    }
}

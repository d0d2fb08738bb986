//! Runs that a command makes for itself, to see whether something works: under the usual policy, and nobody watches them.

use std::io;

use belljar_report::Report;
use belljar_runs::{Run, RunRequest, Source, Update};

/// Does work that waits for such runs.
pub fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(work))
}

/// Asks for one.
pub fn request(source: Source) -> RunRequest {
    RunRequest {
        source,
        arguments: Vec::new(),
        policy: "default".to_owned(),
        names_policy: false,
        project: None,
        allow: Vec::new(),
        limits: Vec::new(),
        has_input: false,
        output_lines: false,
        may_widen: true,
    }
}

/// What became of it, as soon as it is over.
pub async fn report(mut run: Run) -> Option<Report> {
    while let Some(update) = run.updates.recv().await {
        if let Update::Finished(report) = update {
            return Some(*report);
        }
    }
    None
}

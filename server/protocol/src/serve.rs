//! One session: from the first byte that the editor sends to the last process that must be gone.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use belljar_runs::Conductor;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tower_lsp::LspService;
use tower_lsp::ls_types::request::Request;

use crate::actor;
use crate::outbox::Outbox;
use crate::output_files::OutputFiles;
use crate::parent;
use crate::runner::Runner;
use crate::server::Server;
use crate::transport::{Dispatch, Incoming, Outcome};
use crate::wire::OutputRequest;

// Together these stay below the second within which an editor expects us to be gone.
const LAST_ANSWERS: Duration = Duration::from_millis(150);
const RUNS_END: Duration = Duration::from_millis(600);
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Serves one editor on standard input and output until it is done. `start` is called inside the runtime that a
/// conductor needs. The status is 0 only if the editor asked us to shut down first, as the protocol wants it.
pub fn serve(start: impl FnOnce() -> Conductor) -> ExitCode {
    match serve_by(start) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("belljar: the server could not start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve_by(start: impl FnOnce() -> Conductor) -> io::Result<bool> {
    // Runs are in threads of their own. Messages, the actor and its answers are in this one, which waits for the client itself: from
    // one thread to the next takes longer than an answer, and on a busy machine much longer.
    let workers = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("belljar:work")
        .enable_all()
        .build()?;
    let own = Builder::new_current_thread().enable_all().build()?;
    let was_shut_down = own.block_on(async {
        let incoming = Incoming::on(io::stdin().as_fd().try_clone_to_owned()?)?;
        let output = io::stdout().as_fd().try_clone_to_owned()?;
        // Whatever is spawned from here on is the workers'.
        let _entered = workers.enter();
        let conductor = start();
        session(Arc::new(conductor), incoming, output).await
    });
    // What still waits for something, nothing waits for.
    workers.shutdown_background();
    own.shutdown_background();
    was_shut_down
}

/// Serves one editor. Returns whether it was shut down in order.
pub(crate) async fn session(
    runner: Arc<dyn Runner>,
    incoming: Incoming,
    output: impl Into<OwnedFd>,
) -> io::Result<bool> {
    let (outbox, output_ended) = Outbox::open(output)?;
    let conversation = converse(runner, incoming, outbox, output_ended);
    Ok(LocalSet::new().run_until(conversation).await)
}

async fn converse(
    runner: Arc<dyn Runner>,
    mut incoming: Incoming,
    outbox: Outbox,
    mut output_ended: oneshot::Receiver<()>,
) -> bool {
    let files = OutputFiles::default();
    let inbox = actor::start(Arc::clone(&runner), outbox.clone(), files.clone());
    let was_shut_down = Arc::new(AtomicBool::new(false));
    let server = Server::new(inbox, Arc::clone(&was_shut_down));
    // What the framework would send to the client by itself is nothing we use.
    let (service, _socket) = LspService::build(|_client| server)
        .custom_method("window/workDoneProgress/cancel", Server::cancel_progress)
        .custom_method(OutputRequest::METHOD, Server::output)
        .finish();
    let mut dispatch = Dispatch::new(service, outbox.clone());
    let mut signals = [
        signal(SignalKind::terminate()).ok(),
        signal(SignalKind::interrupt()).ok(),
        signal(SignalKind::hangup()).ok(),
    ];
    let mut parent_gone = Box::pin(parent::gone(None));
    loop {
        tokio::select! {
            frame = incoming.next() => {
                let Some(frame) = frame else { break };
                match dispatch.handle(frame).await {
                    Outcome::GoOn => {}
                    Outcome::Parent(parent) => parent_gone = Box::pin(parent::gone(parent)),
                    Outcome::Exit => break,
                }
            }
            () = any(&mut signals) => break,
            () = &mut parent_gone => break,
            _ = &mut output_ended => break,
        }
    }
    let was_shut_down = was_shut_down.load(Ordering::SeqCst);
    runner.cancel_all();
    // The answer to `shutdown` may still be on its way when `exit` is here.
    let _ = tokio::time::timeout(LAST_ANSWERS, dispatch.settle()).await;
    let _ = tokio::time::timeout(RUNS_END, runner.shut_down()).await;
    files.remove();
    outbox.close();
    let _ = tokio::time::timeout(LAST_WORDS, output_ended).await;
    was_shut_down
}

async fn any(signals: &mut [Option<Signal>; 3]) {
    let [terminate, interrupt, hangup] = signals;
    tokio::select! {
        () = one(terminate) => {}
        () = one(interrupt) => {}
        () = one(hangup) => {}
    }
}

async fn one(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

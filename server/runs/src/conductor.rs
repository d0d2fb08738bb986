//! The table of live runs, and everything that is asked of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use belljar_plan::{Catalogue, Proposal, Refusal, RunRequest, Scope};
use belljar_report::Report;
use belljar_sandbox::Launcher;
use tokio::sync::{mpsc, watch};

use crate::history::History;
use crate::life::{self, Life};
use crate::queue::Queue;
use crate::{Cells, LocalPlanner, Planner, Run, RunId};

/// How many updates wait for a slow reader before the program does. An output event may hold 64 KiB.
const UPDATES: usize = 8;
/// How many pieces of standard input wait for a slow program before whoever writes them does.
const INPUTS: usize = 8;
/// How many reports are kept.
const REPORTS: usize = 32;

/// Conducts runs. Cheap to clone; all clones share one table.
#[derive(Clone)]
pub struct Conductor {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub cells: Box<dyn Cells>,
    pub planner: Box<dyn Planner>,
    pub queue: Arc<Queue>,
    /// Plans are made in few threads, however many are asked for at once.
    pub planning: tokio::sync::Semaphore,
    live: Mutex<HashMap<RunId, watch::Sender<bool>>>,
    history: Mutex<History>,
    /// How much of each end of a run's output its report keeps, if not as much as usual.
    pub each_end: Option<usize>,
    /// How many runs are not over yet.
    n_live: watch::Sender<usize>,
    shutting_down: watch::Sender<bool>,
}

impl Conductor {
    /// Conducts runs on this machine, `parallel` at once (0: as many as there are cores).
    pub fn new(launcher: Launcher, parallel: usize) -> Conductor {
        let planner = LocalPlanner::default();
        Conductor::over(Box::new(launcher), Box::new(planner), parallel, REPORTS)
    }

    /// Conducts runs in `cells` as `planner` decides, and keeps `history` reports.
    pub fn over(
        cells: Box<dyn Cells>,
        planner: Box<dyn Planner>,
        parallel: usize,
        history: usize,
    ) -> Conductor {
        let parallel = match parallel {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let shared = Shared {
            cells,
            planner,
            queue: Queue::of(parallel),
            planning: tokio::sync::Semaphore::new(parallel),
            live: Mutex::default(),
            history: Mutex::new(History::of(history)),
            each_end: None,
            n_live: watch::Sender::new(0),
            shutting_down: watch::Sender::new(false),
        };
        Conductor {
            shared: Arc::new(shared),
        }
    }

    /// Keeps only `each_end` bytes of the beginning of a run's output, and as many of its end: for a server that lives
    /// long beside others. To be said before the first run.
    pub fn keeping(mut self, each_end: usize) -> Conductor {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.each_end = Some(each_end);
        }
        self
    }

    /// Starts a run, or lines it up. Answers at once; needs a tokio runtime.
    pub fn submit(&self, request: RunRequest) -> Run {
        let id = RunId::next();
        let (updates, receiver) = mpsc::channel(UPDATES);
        let (input, inputs) = if request.has_input {
            let (sender, receiver) = mpsc::channel(INPUTS);
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        let stop = watch::Sender::new(*self.shared.shutting_down.borrow());
        let cancelled = stop.subscribe();
        lock(&self.shared.live).insert(id.clone(), stop);
        self.shared.n_live.send_modify(|n| *n += 1);
        let life = Life {
            shared: self.shared.clone(),
            id: id.clone(),
            updates,
            inputs,
            cancelled,
        };
        tokio::spawn(life::supervise(life, request));
        Run {
            id,
            updates: receiver,
            input,
        }
    }

    /// Ends a run as cancelled, whether it waits, is planned or runs. Whether there was such a run.
    pub fn cancel(&self, run: &RunId) -> bool {
        match lock(&self.shared.live).get(run) {
            Some(stop) => {
                stop.send_replace(true);
                true
            }
            None => false,
        }
    }

    /// Ends every run as cancelled.
    pub fn cancel_all(&self) {
        for stop in lock(&self.shared.live).values() {
            stop.send_replace(true);
        }
    }

    /// Ends every run, also those that are submitted from now on, and waits until nothing runs.
    pub async fn shut_down(&self) {
        self.shared.shutting_down.send_replace(true);
        self.cancel_all();
        let mut n_live = self.shared.n_live.subscribe();
        // The sender is in `self`, so this cannot fail.
        let _ = n_live.wait_for(|n| *n == 0).await;
    }

    /// How many runs wait or run.
    pub fn n_live(&self) -> usize {
        *self.shared.n_live.borrow()
    }

    /// The report of a run that is over, if it is still kept; without its output, if that was large.
    pub fn report(&self, run: &RunId) -> Option<Arc<Report>> {
        lock(&self.shared.history).find(run)
    }

    /// The reports of the last runs, oldest first.
    pub fn history(&self) -> Vec<Arc<Report>> {
        lock(&self.shared.history).all().collect()
    }

    /// The policies that a user can choose from, the default first. Reads files.
    pub fn policy_names(&self) -> Vec<String> {
        self.shared.planner.policy_names()
    }

    /// What a policy file would say with `rule`, for runs like `request`. Reads files; writes nothing.
    ///
    /// # Errors
    /// Why it is not offered.
    pub fn propose(
        &self,
        request: &RunRequest,
        rule: &str,
        scope: Scope,
    ) -> Result<Proposal, Refusal> {
        self.shared.planner.propose(request, rule, scope)
    }

    /// The languages that can be run. Quick after the first time, which may read files.
    pub fn languages(&self) -> &Catalogue {
        self.shared.planner.languages()
    }
}

impl Shared {
    /// Takes the run out of the table and its report into the history.
    pub fn close(&self, id: &RunId, report: &Report) {
        lock(&self.live).remove(id);
        lock(&self.history).add(report);
        self.n_live.send_modify(|n| *n -= 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these locks guard is never half changed, so a panic elsewhere has not harmed it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Runs that tell what a test tells them to tell.

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

use belljar_runs::Catalogue;

use super::*;

/// Runs that do nothing by themselves.
#[derive(Default)]
pub(super) struct Stage {
    pub(super) runs: Mutex<HashMap<String, mpsc::UnboundedSender<Update>>>,
    pub(super) requests: Mutex<Vec<RunRequest>>,
    /// The standard input of runs that have one.
    pub(super) inputs: Mutex<HashMap<String, mpsc::Receiver<Vec<u8>>>>,
    /// Where policy files are, if anywhere.
    pub(super) folder: Mutex<Option<std::path::PathBuf>>,
}

impl Stage {
    pub(super) fn tell(&self, run: &str, update: Update) {
        let runs = self.runs.lock().unwrap();
        runs[run].send(update).unwrap();
    }

    pub(super) fn print(&self, run: &str, text: &str) {
        let bytes = text.as_bytes().to_vec();
        let stream = Stream::Stdout;
        let line = None;
        self.tell(
            run,
            Update::Event(Event::Output {
                stream,
                bytes,
                line,
            }),
        );
    }

    /// Ends a run with what `change` makes of a report of a good end.
    pub(super) fn end(&self, run: &str, change: impl FnOnce(&mut Report)) {
        let mut report = report(run);
        change(&mut report);
        self.tell(run, Update::Finished(Box::new(report)));
        self.runs.lock().unwrap().remove(run);
    }

    pub(super) fn request(&self, n: usize) -> RunRequest {
        self.requests.lock().unwrap()[n].clone()
    }

    /// Everything that the run `run` could read.
    pub(super) fn input(&self, run: &str) -> String {
        let mut to_read = self.inputs.lock().unwrap().remove(run).unwrap();
        let pieces = std::iter::from_fn(|| to_read.blocking_recv());
        String::from_utf8(pieces.flatten().collect()).unwrap()
    }

    pub(super) fn text(&self, n: usize) -> String {
        let Source::Document { text, .. } = self.request(n).source else {
            panic!("not a document");
        };
        String::from_utf8(text.to_vec()).unwrap()
    }
}

impl Runner for Stage {
    fn propose(&self, _: &RunRequest, rule: &str, scope: Scope) -> Result<Proposal, Refusal> {
        let folder = self.folder.lock().unwrap();
        let Some(folder) = folder.as_ref().filter(|_| !rule.contains("once")) else {
            return Err(Refusal {
                reason: "there is no place for it".into(),
                hint: "make one".into(),
            });
        };
        let path = folder.join(match scope {
            Scope::User => "policy.toml",
            Scope::Project => ".belljar.toml",
        });
        Ok(Proposal {
            before: std::fs::read(&path).ok(),
            path,
            after: format!("{rule}\n"),
            rule: rule.into(),
            scope,
            trust: match scope {
                Scope::User => Trust::NotNeeded,
                Scope::Project => Trust::Needed,
            },
        })
    }

    fn submit(&self, request: RunRequest) -> Run {
        assert_ne!(request.policy, "panic", "the test wants a panic here");
        let mut requests = self.requests.lock().unwrap();
        let id = format!("r{}", requests.len());
        let input = request.has_input.then(|| {
            let (input, to_read) = mpsc::channel(1);
            self.inputs.lock().unwrap().insert(id.clone(), to_read);
            input
        });
        requests.push(request);
        let (told, mut tell) = mpsc::unbounded_channel();
        self.runs.lock().unwrap().insert(id.clone(), told);
        let (updates, receiver) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Some(update) = tell.recv().await {
                if updates.send(update).await.is_err() {
                    return;
                }
            }
        });
        Run {
            id: RunId(id),
            updates: receiver,
            input,
        }
    }

    fn cancel(&self, run: &RunId) -> bool {
        let live = self.runs.lock().unwrap().contains_key(&run.0);
        if live {
            self.end(&run.0, |report| report.ending = Some(Ending::Cancelled));
        }
        live
    }

    fn cancel_all(&self) {
        let live: Vec<String> = self.runs.lock().unwrap().keys().cloned().collect();
        for run in live {
            self.cancel(&RunId(run));
        }
    }

    fn policy_names(&self) -> Vec<String> {
        vec!["default".into(), "strict".into()]
    }

    fn languages(&self) -> &Catalogue {
        static SHIPPED: LazyLock<Catalogue> = LazyLock::new(Catalogue::shipped);
        &SHIPPED
    }

    fn shut_down(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.cancel_all();
        Box::pin(std::future::ready(()))
    }
}

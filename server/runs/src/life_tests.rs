//! Tests of a run's life, in cells that do what the test says.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use belljar_plan::{Catalogue, Executables, Limits, Rules, RunPlan, Step};
use belljar_report::{Kind, Layer, SourceError, Stream, Violation};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::*;
use crate::{Boxed, Cells, Conductor, Living, Planner, Run};

const SOON: Duration = Duration::from_secs(20);

/// The test's end of a cell: what it sends is what the run tells.
struct Stage {
    events: mpsc::Sender<Event>,
    stopped: watch::Receiver<bool>,
    input: Option<tokio::io::DuplexStream>,
}

/// Hands a stage to the test for each cell that is started.
struct Stages {
    made: mpsc::UnboundedSender<Stage>,
    taken: Arc<AtomicUsize>,
}

struct FakeCell {
    events: mpsc::Receiver<Event>,
    stop: Arc<watch::Sender<bool>>,
    input: Option<tokio::io::DuplexStream>,
    taken: Arc<AtomicUsize>,
}

impl Cells for Stages {
    fn start(&self, _plan: &RunPlan, has_input: bool) -> Box<dyn Living> {
        let (sender, events) = mpsc::channel(1);
        let stop = watch::Sender::new(false);
        let (ours, theirs) = tokio::io::duplex(64);
        let (ours, theirs) = if has_input {
            (Some(ours), Some(theirs))
        } else {
            (None, None)
        };
        let stage = Stage {
            events: sender,
            stopped: stop.subscribe(),
            input: theirs,
        };
        self.made.send(stage).expect("the test listens");
        Box::new(FakeCell {
            events,
            stop: Arc::new(stop),
            input: ours,
            taken: self.taken.clone(),
        })
    }
}

impl Living for FakeCell {
    fn stop(&self) -> Stop {
        let stop = self.stop.clone();
        Arc::new(move || {
            stop.send_replace(true);
        })
    }
    fn input(&mut self) -> Option<Box<dyn AsyncWrite + Send + Unpin>> {
        Some(Box::new(self.input.take()?))
    }
    fn next(&mut self) -> Boxed<'_, Option<Event>> {
        Box::pin(async {
            let event = self.events.recv().await;
            self.taken.fetch_add(1, Ordering::SeqCst);
            if matches!(&event, Some(Event::Omitted { bytes: 666 })) {
                panic!("the test wants a panic");
            }
            event
        })
    }
}

/// Plans what the policy's name says.
struct FakePlanner {
    /// Planning under policy `slow` is over when the other end is gone.
    gate: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Planner for FakePlanner {
    fn prepare(&self, request: &RunRequest) -> Result<Prepared, Refusal> {
        match request.policy.as_str() {
            "refused" => {
                return Err(Refusal {
                    reason: "No.".into(),
                    hint: "ask nicely".into(),
                });
            }
            "panics" => panic!("the test wants a panic"),
            "slow" => drop(self.gate.lock().expect("not poisoned").recv()),
            _ => {}
        }
        let read_errors = |stderr: &str| {
            let error = |line| SourceError {
                message: "error".into(),
                line,
                column: None,
            };
            stderr
                .lines()
                .filter_map(|line| line.strip_prefix("line ")?.parse().ok().map(error))
                .collect()
        };
        Ok(Prepared {
            plan: plan(),
            read_errors: Box::new(read_errors),
            place: Box::new(|line, column| (line, column)),
            language: Some("python".into()),
            file: Some("a.py".into()),
            first_line: 7,
            notices: vec!["notice".into()],
            input: None,
            expectations: Vec::new(),
        })
    }
    fn policy_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn languages(&self) -> &Catalogue {
        static SHIPPED: LazyLock<Catalogue> = LazyLock::new(Catalogue::shipped);
        &SHIPPED
    }
}

fn plan() -> RunPlan {
    let step = Step {
        program: "/bin/true".into(),
        arguments: vec![],
        reads_input: true,
        is_program: true,
    };
    let limits = Limits {
        wall: SOON,
        cpu: SOON,
        memory: 1,
        processes: 1,
        open_files: 1,
        file_size: 1,
        output: 1,
        scratch: 1,
    };
    RunPlan {
        policy: "default".into(),
        product: None,
        steps: vec![step],
        files: vec![],
        views: vec![],
        project: None,
        work_dir: PathBuf::from("/tmp"),
        environment: vec![],
        executables: Executables::Everything,
        limits,
        document: None,
        home: None,
        home_links: vec![],
        rules: Rules::default(),
        output_lines: false,
        many_files: false,
    }
}

struct House {
    conductor: Conductor,
    stages: mpsc::UnboundedReceiver<Stage>,
    taken: Arc<AtomicUsize>,
    gate: std::sync::mpsc::Sender<()>,
}

fn house(parallel: usize) -> House {
    let (made, stages) = mpsc::unbounded_channel();
    let (gate, closed) = std::sync::mpsc::channel();
    let taken = Arc::new(AtomicUsize::new(0));
    let cells = Stages {
        made,
        taken: Arc::clone(&taken),
    };
    let planner = FakePlanner {
        gate: Mutex::new(closed),
    };
    House {
        conductor: Conductor::over(Box::new(cells), Box::new(planner), parallel, 10),
        stages,
        taken,
        gate,
    }
}

impl House {
    fn submit(&self, policy: &str) -> Run {
        let source = Source::Document {
            path: None,
            name: "a.py".into(),
            language: None,
            text: Arc::from(&b"print(42)\n"[..]),
            lines: None,
            part: belljar_plan::Part::default(),
        };
        self.conductor.submit(RunRequest {
            source,
            arguments: vec![],
            policy: policy.into(),
            names_policy: false,
            project: None,
            allow: vec![],
            limits: vec![],
            has_input: policy == "input",
            output_lines: false,
            may_widen: true,
        })
    }
    async fn stage(&mut self) -> Stage {
        soon(self.stages.recv()).await.expect("a cell")
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.expect("in time")
}

async fn exits(stage: &Stage, code: i32) {
    soon(stage.events.send(end(Ending::Exited { code })))
        .await
        .expect("the run listens");
}

fn end(ending: Ending) -> Event {
    Event::Ended {
        ending,
        usage: Usage::default(),
    }
}

fn output(text: &str) -> Event {
    Event::Output {
        stream: Stream::Stderr,
        bytes: text.as_bytes().to_vec(),
        line: None,
    }
}

fn violation(line: Option<u32>) -> Event {
    Event::Violation(Violation {
        kind: Kind::FilesRead,
        target: "/etc/shadow".into(),
        access: "open".into(),
        errno: None,
        file: None,
        line,
        column: None,
        confidence: Confidence::Exact,
        count: 1,
        program: "x".into(),
        rule: None,
        layer: Layer::Mount,
        allow: None,
    })
}

/// All updates up to the end, and the report. Fails if anything comes behind it.
async fn all(run: &mut Run) -> (Vec<Update>, Report) {
    let mut updates = Vec::new();
    loop {
        match soon(run.updates.recv())
            .await
            .expect("an end before the channel closes")
        {
            Update::Finished(report) => {
                assert!(
                    soon(run.updates.recv()).await.is_none(),
                    "nothing comes behind the end"
                );
                return (updates, *report);
            }
            update => updates.push(update),
        }
    }
}

#[tokio::test]
async fn what_the_cell_tells_arrives_and_is_reported_once() {
    let mut house = house(1);
    let mut run = house.submit("default");
    let stage = house.stage().await;
    let posture = Default::default();
    for event in [
        Event::Started { posture },
        output("hello\nline 3\n"),
        violation(None),
        violation(Some(5)),
    ] {
        soon(stage.events.send(event))
            .await
            .expect("the run listens");
    }
    exits(&stage, 3).await;
    let (updates, report) = all(&mut run).await;
    assert_eq!(updates.len(), 4);
    assert!(
        matches!(&updates[2], Update::Event(Event::Violation(v)) if v.line == Some(7)),
        "the selection's line"
    );
    assert_eq!(report.ending, Some(Ending::Exited { code: 3 }));
    assert_eq!(
        (report.run.as_str(), report.language.as_deref()),
        (run.id.0.as_str(), Some("python"))
    );
    assert_eq!(report.stderr, "hello\nline 3\n");
    assert_eq!(report.errors[0].line, 3);
    assert_eq!(report.violations[0].line, Some(3), "the first error's line");
    assert_eq!(report.violations[0].confidence, Confidence::File);
    assert_eq!(
        (report.violations[1].line, report.violations[1].confidence),
        (Some(5), Confidence::Exact)
    );
    assert_eq!(report.posture.notes, ["notice"]);
    assert_eq!(house.conductor.report(&run.id).as_deref(), Some(&report));
    assert!(!house.conductor.cancel(&run.id), "it is over");
}

#[tokio::test]
async fn a_refusal_is_an_ending() {
    let house = house(1);
    let (updates, report) = all(&mut house.submit("refused")).await;
    assert!(updates.is_empty());
    assert_eq!(
        report.ending,
        Some(Ending::Refused {
            reason: "No.".into(),
            hint: "ask nicely".into()
        })
    );
    assert_eq!(report.file.as_deref(), Some("a.py"));
}

#[tokio::test]
async fn a_panic_fails_its_own_run_and_no_other() {
    let mut house = house(2);
    let mut other = house.submit("default");
    let stage = house.stage().await;
    let mut run = house.submit("default");
    let broken = house.stage().await;
    soon(broken.events.send(Event::Omitted { bytes: 666 }))
        .await
        .expect("the run listens");
    let mut planned = house.submit("panics");
    for report in [all(&mut run).await.1, all(&mut planned).await.1] {
        assert!(matches!(report.ending, Some(Ending::Failed { step, .. }) if step == "belljar"));
    }
    exits(&stage, 0).await;
    assert_eq!(
        all(&mut other).await.1.ending,
        Some(Ending::Exited { code: 0 })
    );
    assert_eq!(house.conductor.n_live(), 0);
}

#[tokio::test]
async fn a_lost_launcher_is_a_failure() {
    let mut house = house(1);
    let mut run = house.submit("default");
    drop(house.stage().await);
    assert!(
        matches!(all(&mut run).await.1.ending, Some(Ending::Failed { step, .. }) if step == "launcher")
    );
}

#[tokio::test]
async fn a_running_run_is_cancelled() {
    let mut house = house(1);
    let mut run = house.submit("default");
    let mut stage = house.stage().await;
    assert!(house.conductor.cancel(&run.id));
    soon(stage.stopped.wait_for(|stopped| *stopped))
        .await
        .expect("the cell is stopped");
    soon(stage.events.send(end(Ending::Cancelled)))
        .await
        .expect("the run listens");
    assert_eq!(all(&mut run).await.1.ending, Some(Ending::Cancelled));
}

#[tokio::test]
async fn a_queued_run_says_so_and_is_cancelled_without_ever_starting() {
    let mut house = house(1);
    let mut first = house.submit("default");
    let stage = house.stage().await;
    let mut second = house.submit("default");
    assert!(matches!(
        soon(second.updates.recv()).await,
        Some(Update::Queued { ahead: 1 })
    ));
    let mut third = house.submit("default");
    assert!(matches!(
        soon(third.updates.recv()).await,
        Some(Update::Queued { ahead: 2 })
    ));
    assert!(house.conductor.cancel(&second.id));
    assert_eq!(all(&mut second).await.1.ending, Some(Ending::Cancelled));
    assert!(matches!(
        soon(third.updates.recv()).await,
        Some(Update::Queued { ahead: 1 })
    ));
    exits(&stage, 0).await;
    all(&mut first).await;
    let stage = house.stage().await;
    exits(&stage, 4).await;
    assert_eq!(
        all(&mut third).await.1.ending,
        Some(Ending::Exited { code: 4 })
    );
    assert!(
        house.stages.try_recv().is_err(),
        "the second was never started"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_is_cancelled_while_it_is_planned() {
    let mut house = house(1);
    let mut run = house.submit("slow");
    house.conductor.cancel(&run.id);
    assert_eq!(all(&mut run).await.1.ending, Some(Ending::Cancelled));
    drop(house.gate);
    assert!(house.stages.try_recv().is_err());
}

#[tokio::test]
async fn a_slow_reader_slows_the_program_and_not_the_memory() {
    let mut house = house(1);
    let mut run = house.submit("default");
    let stage = house.stage().await;
    let events = stage.events.clone();
    let writer = tokio::spawn(async move {
        for _ in 0..1000 {
            events.send(output("x")).await.expect("the run listens");
        }
        events
            .send(end(Ending::Exited { code: 0 }))
            .await
            .expect("the run listens");
    });
    // On one thread everybody has had a turn after so many; whoever can go on has gone on.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    assert!(!writer.is_finished());
    let taken = house.taken.load(Ordering::SeqCst);
    assert!((1..=20).contains(&taken), "{taken}");
    let (updates, report) = all(&mut run).await;
    assert_eq!((updates.len(), report.stderr.len()), (1000, 1000));
}

#[tokio::test]
async fn a_run_that_nobody_reads_can_still_be_cancelled_and_leaves_the_table() {
    let mut house = house(1);
    let run = house.submit("default");
    let mut stage = house.stage().await;
    let events = stage.events.clone();
    tokio::spawn(async move { while events.send(output("x")).await.is_ok() {} });
    house.conductor.cancel(&run.id);
    soon(stage.stopped.wait_for(|stopped| *stopped))
        .await
        .expect("the cell is stopped");
    soon(stage.events.send(end(Ending::Cancelled)))
        .await
        .expect("the run listens");
    soon(house.conductor.shut_down()).await;
    assert_eq!(house.conductor.n_live(), 0);
}

#[tokio::test]
async fn a_run_that_nobody_listens_to_is_stopped() {
    let mut house = house(1);
    let run = house.submit("default");
    let mut stage = house.stage().await;
    drop(run.updates);
    soon(stage.stopped.wait_for(|stopped| *stopped))
        .await
        .expect("the cell is stopped");
}

#[tokio::test]
async fn input_reaches_the_program_and_its_end_too() {
    let mut house = house(1);
    let mut run = house.submit("input");
    let mut stage = house.stage().await;
    let input = run.input.take().expect("an input");
    let mut pipe = stage.input.take().expect("a pipe");
    let text = "0123456789".repeat(1000);
    let writer = {
        let text = text.clone().into_bytes();
        tokio::spawn(async move {
            for chunk in text.chunks(100) {
                input.send(chunk.to_vec()).await.expect("the run listens");
            }
        })
    };
    let mut read = String::new();
    soon(pipe.read_to_string(&mut read)).await.expect("an end");
    assert_eq!(read, text);
    soon(writer).await.expect("written");
    exits(&stage, 0).await;
    all(&mut run).await;
}

#[tokio::test]
async fn shutting_down_ends_all_runs_and_those_to_come() {
    let mut house = house(1);
    let mut first = house.submit("default");
    let mut stage = house.stage().await;
    let mut queued = house.submit("default");
    let closing = {
        let conductor = house.conductor.clone();
        tokio::spawn(async move { conductor.shut_down().await })
    };
    soon(stage.stopped.wait_for(|stopped| *stopped))
        .await
        .expect("the cell is stopped");
    assert!(!closing.is_finished(), "the first still runs");
    soon(stage.events.send(end(Ending::Cancelled)))
        .await
        .expect("the run listens");
    soon(closing).await.expect("shut down");
    let mut late = house.submit("default");
    for run in [&mut first, &mut queued, &mut late] {
        assert_eq!(all(run).await.1.ending, Some(Ending::Cancelled));
    }
}

#[test]
fn a_limit_stands_where_the_program_says_that_it_was_interrupted() {
    let Event::Violation(mut limit) = violation(None) else {
        unreachable!("a violation is one");
    };
    limit.kind = Kind::LimitWall;
    limit.confidence = Confidence::File;
    let said = |message: &str, line| SourceError {
        message: message.into(),
        line,
        column: Some(6),
    };
    let mut report = Report {
        violations: vec![limit],
        // The first is the program's own, which may print what it likes.
        errors: vec![
            said(INTERRUPTED, 1),
            said("TypeError: x", 3),
            said(INTERRUPTED, 12),
        ],
        ..Report::default()
    };
    put_where_it_was_interrupted(&mut report, Some("a.js"));
    let limit = &report.violations[0];
    assert_eq!(
        (limit.file.as_deref(), limit.line),
        (Some("a.js"), Some(12))
    );
    assert_eq!(
        (limit.column, limit.confidence),
        (Some(6), Confidence::Caller)
    );
    assert_eq!(report.errors.len(), 2, "it is no error of its own");

    // Only a limit is put there.
    report.violations[0].kind = Kind::FilesRead;
    report.violations[0].line = None;
    put_where_it_was_interrupted(&mut report, Some("a.js"));
    assert_eq!(report.violations[0].line, None);
}

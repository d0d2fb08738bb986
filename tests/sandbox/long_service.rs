//! A server that serves for long: run after run leaves nothing in it or around it, and what dies below it is told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lifetime::{child, children, nothing_is_left};
use crate::ordinary_user::OrdinaryUser;
use crate::person::{Person, for_everybody, send_signal};
use crate::server::{Editor, processes_with, uri, wait_until};

/// As many as a user makes in a long day.
const RUNS: usize = 200;
/// An editor whose plugin is told of every event.
const PROFILE: &str =
    r#"{"clientInfo": {"name": "test"}, "capabilities": {"experimental": {"belljarUi": true}}}"#;

fn editor_of(person: &Person) -> Editor {
    let user = if person.is_root {
        OrdinaryUser::whoever_we_are()
    } else {
        OrdinaryUser::new()
    };
    let mut editor = Editor::start_as(user);
    let folder = uri(&editor.user.work());
    editor
        .client
        .initialize(PROFILE, Some(&folder), Value::Null);
    editor
}

fn run(editor: &mut Editor, uri: &str) -> String {
    let reply = editor.client.command("belljar.run", json!({"uri": uri}));
    reply["run"].as_str().expect("an id").to_owned()
}

fn end(editor: &mut Editor, run: &str) -> Value {
    let is_end = |event: &Value| event["run"] == *run && event["kind"] == "ended";
    editor.client.wait_for("belljar/runEvent", is_end)
}

/// What a process holds open.
fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("it lives, and is ours")
        .count()
}

#[test]
fn two_hundred_runs_leave_nothing_in_the_server_or_its_launcher() {
    for_everybody(|person| {
        let mut editor = editor_of(person);
        let marker = format!("belljar-often-{}", editor.server.id());
        let script = format!("echo {marker}; sh -c 'sleep 60; :' {marker} &\n");
        let document = editor.open("often.sh", "shellscript", &script);
        let server = editor.server.id();
        let launcher = child(server, "belljar:launcher").expect("a launcher");
        let mounts = || std::fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
        let mut early = None;
        for number in 0..RUNS {
            let run = run(&mut editor, &document);
            let ended = end(&mut editor, &run);
            assert_eq!(
                ended["output"][0]["text"],
                format!("{marker}\n"),
                "run {number}: {ended}"
            );
            if number == 10 {
                wait_until("the end of the runs", || children(launcher).is_empty());
                early = Some((descriptors(launcher), descriptors(server), mounts()));
            }
        }
        wait_until("the end of the runs", || children(launcher).is_empty());
        assert_eq!(children(server), [(launcher, "belljar:launche".to_owned())]);
        let alive = processes_with(&marker);
        assert!(alive.is_empty(), "{alive:?}");
        assert_eq!(
            early,
            Some((descriptors(launcher), descriptors(server), mounts()))
        );
        let left = std::fs::read_dir(editor.user.work())
            .expect("the folder")
            .count();
        assert_eq!(left, 1, "the document");
        editor.finish();
    });
}

/// Waits for the end of a run that could not go on, and for the message that says so.
fn fails(editor: &mut Editor, run: &str) {
    assert_eq!(end(editor, run)["ok"], false);
    let message = editor.client.wait_for("window/showMessage", |_| true);
    let text = message["message"].as_str().expect("a text");
    assert!(text.starts_with("Could not run it"), "{text}");
}

/// Opens a document that starts two processes which want to stay. Its name, and what their command lines hold.
fn that_stays(editor: &mut Editor, name: &str) -> (String, String) {
    let marker = format!("belljar-{name}-{}", editor.server.id());
    let stays = format!("setsid sh -c 'sleep 60; :' {marker}");
    let script = format!("echo begun; {stays} & {stays}\n");
    let document = editor.open("stays.sh", "shellscript", &script);
    (document, marker)
}

#[test]
fn when_the_process_that_watches_a_run_dies_the_run_dies_and_the_server_says_so() {
    for_everybody(|person| {
        let mut editor = editor_of(person);
        let (document, marker) = that_stays(&mut editor, "unwatched");
        let run_id = run(&mut editor, &document);
        wait_until("both processes", || processes_with(&marker).len() >= 2);
        let launcher = child(editor.server.id(), "belljar:launcher").expect("a launcher");
        let inner = child(launcher, "belljar:inner").expect("a process that watches");
        assert!(child(inner, "belljar:init").is_some());
        send_signal("KILL", inner);
        nothing_is_left(&marker, Instant::now());
        fails(&mut editor, &run_id);
        editor.finish();
    });
}

#[test]
fn when_the_launcher_dies_its_runs_die_and_the_server_says_so() {
    for_everybody(|person| {
        let mut editor = editor_of(person);
        let (document, marker) = that_stays(&mut editor, "orphan");
        let run_id = run(&mut editor, &document);
        editor
            .client
            .wait_for("belljar/runEvent", |event| event["kind"] == "output");
        wait_until("both processes", || processes_with(&marker).len() >= 2);
        let launcher = child(editor.server.id(), "belljar:launcher").expect("a launcher");
        send_signal("KILL", launcher);
        nothing_is_left(&marker, Instant::now());
        fails(&mut editor, &run_id);
        // Nobody is there to make the next one; the server lives, and says that too.
        let next = run(&mut editor, &document);
        fails(&mut editor, &next);
        editor.finish();
    });
}

#[test]
fn when_the_server_is_killed_its_runs_die() {
    for_everybody(|person| {
        let mut editor = editor_of(person);
        let (document, marker) = that_stays(&mut editor, "served");
        run(&mut editor, &document);
        wait_until("both processes", || processes_with(&marker).len() >= 2);
        let launcher = child(editor.server.id(), "belljar:launcher").expect("a launcher");
        editor.server.kill().expect("it lives");
        let killed = Instant::now();
        wait_until("the end of all", || {
            let launcher_is_gone =
                !std::path::Path::new(&format!("/proc/{launcher}/root")).exists();
            processes_with(&marker).is_empty() && launcher_is_gone
        });
        assert!(
            killed.elapsed() < Duration::from_secs(2),
            "it took {:?}",
            killed.elapsed()
        );
    });
}

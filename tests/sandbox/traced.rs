//! Where another program holds the listener, as in containers and in some virtual machines: Belljar traces the cell instead, what
//! is refused is told on its line all the same, and programs notice nothing of it.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use belljar_child::Step;
use serde_json::{Value, json};

use crate::lifetime::{BROOD, child, nothing_is_left};
use crate::noticing::{NOTICED, expected, furnish_home, run, told};
use crate::other_ways::DENIED;
use crate::person::{Person, Ran, for_everybody, output_of, send_signal};

const PROCESSES: &str = include_str!("payloads/processes.py");
/// Of the calls that cells refuse, those that the other program is asked about: mount, unshare, ptrace, keyctl, personality,
/// socket; and two that Belljar looks at: connect, mkdir.
#[cfg(target_arch = "x86_64")]
const ASKED: &str = "165,272,101,250,135,41,42,83";
#[cfg(target_arch = "aarch64")]
const ASKED: &str = "40,97,117,219,92,198,203,34";

/// Does what `body` does while another program holds the listener.
fn listened<T>(person: &Person, asked: &str, body: impl FnOnce() -> T) -> T {
    let replace = |with| std::mem::replace(&mut *person.listened.lock().expect("a test"), with);
    let before = replace(Some(asked.to_owned()));
    let result = body();
    replace(before);
    result
}

/// How the posture says that refusals are located, if it says so.
#[track_caller]
fn way(ran: &Ran) -> &'static str {
    let posture = &ran.report["posture"];
    let notes = posture["notes"].to_string();
    match (
        posture["located"] == true,
        notes.contains("located by tracing"),
        notes.contains("enforced but not located"),
    ) {
        (true, true, false) => "traced",
        (true, false, false) => "listened to",
        (false, false, true) => "not at all",
        _ => panic!("{posture}"),
    }
}

#[test]
fn what_is_refused_is_told_on_its_line_while_another_program_holds_the_listener() {
    for_everybody(|person| {
        furnish_home(person);
        person.put("noticed.py", NOTICED);
        let here = run(person, &[], "noticed.py").succeeded();
        let traced = listened(person, "none", || {
            run(person, &[], "noticed.py").succeeded()
        });
        assert_eq!((way(&here), way(&traced)), ("listened to", "traced"));
        assert_eq!(told(&traced), expected(), "{}", traced.report);
        for part in [
            "stdout",
            "stderr",
            "output",
            "violations",
            "errors",
            "ending",
        ] {
            assert_eq!(traced.report[part], here.report[part], "{part}");
        }
    });
}

#[test]
fn what_the_other_program_lets_pass_is_refused_all_the_same() {
    for_everybody(|person| {
        // The control: outside the other program is asked, and lets it be made.
        let mut outside = person.user.listened(ASKED);
        outside.args([
            "python3",
            "-c",
            DENIED,
            "127.0.0.1:9",
            "as root of a namespace",
        ]);
        let outside = crate::person::output(&mut outside);
        let outside: Value = serde_json::from_slice(&outside.stdout).expect("JSON");
        let words = ["python3", "-c", DENIED, "127.0.0.1:9"];
        let run = || person.exec(&[], &words).succeeded();
        let (here, unasked) = (run(), listened(person, "none", run));
        let asked = listened(person, ASKED, run);
        assert_eq!((way(&asked), way(&unasked)), ("traced", "traced"));
        assert_eq!(unasked.told(), here.told());
        let (asked_told, here_told) = (asked.told(), here.told());
        for name in [
            "mount",
            "user namespace",
            "trace",
            "virtual machine socket",
            "keys",
            "personality",
        ] {
            assert_eq!(outside[name], "ok", "outside: {outside}");
            assert_eq!(asked_told[name], here_told[name], "{name}: {asked_told}");
            assert!(
                here_told[name]
                    .as_str()
                    .is_some_and(|told| told.starts_with('E'))
            );
        }
        // Here the network refuses what the other program let pass.
        assert_eq!(asked_told["connect out"], "ENETUNREACH", "{asked_told}");
        let refused = |ran: &Ran| {
            let mut calls: Vec<String> = ran
                .violations("syscall")
                .into_iter()
                .map(str::to_owned)
                .collect();
            calls.extend(
                ran.violations("process.trace")
                    .into_iter()
                    .map(str::to_owned),
            );
            calls.sort_unstable();
            calls
        };
        assert_eq!(refused(&asked), refused(&here), "{}", asked.report);
        assert_eq!(refused(&here).len(), 6, "{}", here.report);
    });
}

#[test]
fn processes_threads_and_signals_are_what_they_are_without_a_tracer() {
    for_everybody(|person| {
        person.put("processes.py", PROCESSES);
        let run = || {
            let words = ["run", "--json", "--limit", "wall=100s", "processes.py"];
            Ran::of(crate::person::output(&mut person.belljar(&words))).succeeded()
        };
        let (here, traced) = (run(), listened(person, "none", run));
        assert_eq!((way(&here), way(&traced)), ("listened to", "traced"));
        let (told, wanted) = (traced.told(), here.told());
        for (part, came_of_it) in wanted.as_object().expect("parts") {
            assert_eq!(&told[part], came_of_it, "{part}");
        }
        assert_eq!(told["many children end as they will"], true);
        assert_eq!(told["nobody seems to trace"], json!(["TracerPid:\t0"]));
        assert_eq!(traced.report["violations"], here.report["violations"]);
    });
}

#[test]
fn a_limit_is_told_where_the_program_was_although_it_is_traced() {
    for_everybody(|person| {
        let loops = "import threading\ndef turn():\n    n = 0\n    while True:\n        n += 1\n\n\
                     threading.Thread(target=turn, daemon=True).start()\nturn()\n";
        person.put("loops.py", loops);
        let mut ran = listened(person, "none", || {
            let mut command = person.belljar(&["run", "--json", "--limit", "wall=4s", "loops.py"]);
            Ran::of(crate::person::output(&mut command))
        });
        assert_eq!(
            (way(&ran), ran.ending()),
            ("traced", "limit"),
            "{}",
            ran.report
        );
        let violation = ran.report["violations"][0].take();
        let line = violation["line"].as_u64().unwrap_or(0);
        assert!(
            violation["kind"] == "limit.wall" && (4..=5).contains(&line),
            "{violation}"
        );
    });
}

#[test]
fn nothing_outlives_the_tracer() {
    for_everybody(|person| {
        for victim in ["belljar", "belljar:init"] {
            let marker = format!(
                "belljar-traced-{}-{victim}-{}",
                std::process::id(),
                person.is_root
            );
            let words = [
                "exec", "--limit", "wall=60s", "--", "python3", "-c", BROOD, &marker,
            ];
            let mut command = listened(person, "none", || person.belljar(&words));
            let mut outer = command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("belljar");
            let mut reader = BufReader::new(outer.stdout.take().expect("its output"));
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            assert_eq!(line, "ready\n");
            let belljar = child(outer.id(), "belljar").expect("belljar");
            let init = child(belljar, "belljar:init").expect("pid 1");
            let started = Instant::now();
            send_signal("KILL", if victim == "belljar" { belljar } else { init });
            while reader.read_line(&mut line).expect("a line") > 0 {}
            assert!(!output_of(outer).status.success());
            nothing_is_left(&marker, started);
        }
    });
}

#[test]
fn whoever_may_not_trace_refuses_the_same_and_says_that_nothing_is_located() {
    for_everybody(|person| {
        let words = ["python3", "-c", DENIED, "127.0.0.1:9"];
        let run = |fault: &str| {
            person
                .exec_with(&[("BELLJAR_FAIL_AT", fault)], &[], &words)
                .succeeded()
        };
        let (traced, untraced) = listened(person, "none", || (run("nothing"), run("tracer")));
        assert_eq!((way(&traced), way(&untraced)), ("traced", "not at all"));
        assert_eq!(untraced.report["violations"], json!([]));
        let (mut traced, mut untraced) = (traced.told(), untraced.told());
        for told in [&mut traced, &mut untraced] {
            // By the filter that asks, or by the network in which there is nobody.
            let connect = told["connect out"].take();
            assert!(connect == "EACCES" || connect == "ENETUNREACH", "{connect}");
        }
        assert_eq!(traced, untraced);
    });
}

#[test]
fn a_step_that_fails_ends_a_run_that_would_be_traced() {
    for_everybody(|person| {
        let marker = format!(
            "belljar-traced-fault-{}-{}",
            std::process::id(),
            person.is_root
        );
        let words = ["sh", "-c", "echo executed", &marker];
        let run = |step: &str| {
            listened(person, "none", || {
                person.exec_with(&[("BELLJAR_FAIL_AT", step)], &[], &words)
            })
        };
        assert_eq!(
            run("a step that there is not").succeeded().stdout(),
            "executed\n"
        );
        for step in Step::ALL {
            let ran = run(step.name());
            assert_eq!(
                ran.report["ending"]["kind"], "failed",
                "{step:?}: {}",
                ran.report
            );
            assert_eq!(
                (ran.code, ran.stdout()),
                (Some(125), ""),
                "{step:?}: {}",
                ran.report
            );
            nothing_is_left(&marker, Instant::now());
        }
    });
}

#[test]
fn a_program_that_changes_without_end_does_not_keep_the_tracer_from_its_limits() {
    for_everybody(|person| {
        // Signals that nobody handles, to itself, as fast as it can: each of them stops it for the tracer.
        let storm = "import os, signal\nfor _ in range(7):\n    os.fork()\nwhile True:\n    os.kill(os.getpid(), signal.SIGWINCH)\n";
        let started = Instant::now();
        let ran = listened(person, "none", || {
            person.python(&["--limit", "wall=2s"], storm, &[])
        });
        assert_eq!(
            (way(&ran), ran.ending()),
            ("traced", "limit"),
            "{}",
            ran.report
        );
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{}",
            ran.report
        );
    });
}

#[test]
fn who_keeps_away_from_the_tracer_is_refused_more_and_not_less() {
    // CLONE_UNTRACED: nobody traces the new process. Then calls that would stop do not exist, and a refusal ends it.
    const UNTRACED: &str = "import ctypes, os, sys\nlibc = ctypes.CDLL(None, use_errno=True)\n\
        CLONE = {'x86_64': 56, 'aarch64': 220}[os.uname().machine]\n\
        def child(work):\n    pid = libc.syscall(CLONE, 0x00800000 | 17, 0, 0, 0, 0)\n    if pid == 0:\n        work()\n        os._exit(0)\n    return os.waitpid(pid, 0)[1]\n\
        def look():\n    os._exit(libc.open(b'/etc/passwd', 0) == -1 and ctypes.get_errno())\n\
        print(os.WEXITSTATUS(child(look)), os.WTERMSIG(child(lambda: libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))))\n\
        libc.syscall(CLONE, 0x00800000 | 17, 0, 0, 0, 0) or __import__('time').sleep(60)\n";
    const ENOSYS: i32 = 38;
    const SIGSYS: i32 = 31;
    for_everybody(|person| {
        let marker = format!("belljar-untraced-{}-{}", std::process::id(), person.is_root);
        let ran = listened(person, "none", || person.python(&[], UNTRACED, &[&marker]));
        assert_eq!(way(&ran), "traced");
        assert_eq!(
            ran.stdout(),
            format!("{ENOSYS} {SIGSYS}\n"),
            "{}",
            ran.report
        );
        nothing_is_left(&marker, Instant::now());
    });
}

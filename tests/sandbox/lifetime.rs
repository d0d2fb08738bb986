//! Nothing of a run outlives it, whoever ends it and however.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use crate::person::{PATIENCE, Person, for_everybody, output, output_of, send_signal};
use crate::server::processes_with;

pub const BROOD: &str = include_str!("payloads/brood.py");
/// Processes of the brood: seven of its own, and two of Belljar's that show the same arguments.
const AT_LEAST: usize = 9;
/// How long anything may live after the run.
const AT_MOST: Duration = Duration::from_secs(2);

/// A run full of processes that want to stay.
struct Brood {
    marker: String,
    belljar: Child,
    reader: BufReader<ChildStdout>,
}

impl Brood {
    fn start(person: &Person, name: &str) -> Brood {
        let marker = format!(
            "belljar-brood-{}-{name}-{}",
            std::process::id(),
            person.is_root
        );
        let words = [
            "exec", "--limit", "wall=60s", "--", "python3", "-c", BROOD, &marker,
        ];
        let mut command = person.belljar(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut belljar = command.spawn().expect("belljar");
        let mut reader = BufReader::new(belljar.stdout.take().expect("its output"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        let brood = Brood {
            marker,
            belljar,
            reader,
        };
        let alive = processes_with(&brood.marker);
        assert!(
            line == "ready\n" && alive.len() >= AT_LEAST,
            "{line:?}, {alive:?}"
        );
        brood
    }

    /// The process of this run with that name, which is a child of `parent`.
    fn named(&self, name: &str, parent: u32) -> u32 {
        child(parent, name).unwrap_or_else(|| panic!("no {name} below {parent}"))
    }

    /// Reads to the end of its output, so that the end comes from what was done, and not because nobody listens.
    fn read_on(&mut self) {
        while self.reader.read_line(&mut String::new()).expect("a line") > 0 {}
    }

    /// Checks that nothing of it is left very soon, and gives the exit status of `belljar`.
    fn end(self) -> std::process::ExitStatus {
        let started = Instant::now();
        drop(self.reader);
        let status = output_of(self.belljar).status;
        nothing_is_left(&self.marker, started);
        status
    }
}

/// Waits until no process has this marker, which must be soon after that moment.
pub fn nothing_is_left(marker: &str, since: Instant) {
    loop {
        let alive = processes_with(marker);
        if alive.is_empty() {
            return;
        }
        assert!(since.elapsed() < AT_MOST, "still alive: {alive:?}");
        std::thread::yield_now();
    }
}

/// The children of `parent` and their names, those that ended and were not waited for included.
pub fn children(parent: u32) -> Vec<(u32, String)> {
    let processes = std::fs::read_dir("/proc").expect("/proc");
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let child = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses and may hold anything; state and parent follow.
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let is_child = rest.split_whitespace().nth(1)? == parent.to_string();
        is_child.then(|| (pid, name.to_owned()))
    };
    pids.filter_map(child).collect()
}

/// The child of `parent` with that name.
pub fn child(parent: u32, name: &str) -> Option<u32> {
    // The kernel keeps fifteen characters.
    let kept = &name[..name.len().min(15)];
    let found = children(parent).into_iter().find(|(_, name)| name == kept);
    found.map(|(pid, _)| pid)
}

#[test]
fn a_brood_does_not_outlive_belljar() {
    for_everybody(|person| {
        let brood = Brood::start(person, "killed");
        send_signal("KILL", brood.belljar.id());
        assert!(!brood.end().success());
    });
}

#[test]
fn a_brood_does_not_outlive_pid_1_of_its_cell() {
    for_everybody(|person| {
        let mut brood = Brood::start(person, "headless");
        send_signal("KILL", brood.named("belljar:init", brood.belljar.id()));
        brood.read_on();
        let status = brood.end();
        // It did run, and somebody killed it.
        assert_eq!(status.code(), Some(137), "{status}");
    });
}

#[test]
fn a_brood_does_not_outlive_a_signal_to_stop() {
    for_everybody(|person| {
        for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
            let mut brood = Brood::start(person, signal);
            send_signal(signal, brood.belljar.id());
            brood.read_on();
            assert_eq!(brood.end().code(), Some(code), "{signal}");
        }
    });
}

#[test]
fn a_brood_does_not_outlive_its_reader() {
    for_everybody(|person| {
        // Its output is closed, and it writes on.
        let brood = Brood::start(person, "unread");
        assert!(!brood.end().success());
    });
}

#[test]
fn a_brood_does_not_outlive_the_wall_clock_nor_its_own_first_process() {
    for_everybody(|person| {
        let marker = format!(
            "belljar-brood-{}-late-{}",
            std::process::id(),
            person.is_root
        );
        let ran = person.exec(&["--limit", "wall=1s"], &["python3", "-c", BROOD, &marker]);
        nothing_is_left(&marker, Instant::now());
        assert!(ran.stdout().starts_with("ready\n"), "{}", ran.report);
        assert_eq!(
            (ran.ending(), ran.code),
            ("limit", Some(124)),
            "{}",
            ran.report
        );

        let script =
            "python3 -c \"$0\" \"$1\" > told & until grep -q ready told; do :; done; echo left";
        let ran = person
            .exec(&[], &["sh", "-c", script, BROOD, &marker])
            .succeeded();
        nothing_is_left(&marker, Instant::now());
        assert_eq!(ran.stdout(), "left\n");
        let processes = ran.report["usage"]["processes"].as_u64().expect("a number");
        assert!(
            processes >= 7,
            "it told how many it left behind: {}",
            ran.report
        );
    });
}

#[test]
fn a_cell_does_not_outlive_its_time_when_whoever_watches_it_hangs() {
    for_everybody(|person| {
        let marker = format!("belljar-hung-{}-{}", std::process::id(), person.is_root);
        let script = "echo ready; sleep 60; :";
        let words = [
            "exec", "--limit", "wall=2s", "--", "sh", "-c", script, &marker,
        ];
        let mut command = person.belljar(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut belljar = command.spawn().expect("belljar");
        let mut reader = BufReader::new(belljar.stdout.take().expect("its output"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        send_signal("STOP", belljar.id());
        let alive = processes_with(&marker);
        assert!(line == "ready\n" && alive.len() >= 3, "{line:?}, {alive:?}");
        let begin = Instant::now();
        while processes_with(&marker).len() > 1 {
            assert!(begin.elapsed() < PATIENCE, "still alive");
            std::thread::sleep(Duration::from_millis(20));
        }
        send_signal("CONT", belljar.id());
        let output = output_of(belljar);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(124), "{said}");
        assert!(said.contains("the time limit of 2s"), "{said}");
        nothing_is_left(&marker, Instant::now());
    });
}

#[test]
fn nothing_is_left_wherever_in_its_set_up_belljar_is_killed() {
    for_everybody(|person| {
        let marker = format!("belljar-early-{}-{}", std::process::id(), person.is_root);
        // A whole run takes some ten milliseconds: these moments lie before, in and after the set-up.
        for quarter in 0..60 {
            let mut command = person.belljar(&["exec", "--", "sh", "-c", "sleep 30; :", &marker]);
            let mut belljar = command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("belljar");
            std::thread::sleep(Duration::from_micros(250 * quarter));
            belljar.kill().expect("a signal");
            belljar.wait().expect("an end");
            nothing_is_left(&marker, Instant::now());
        }
        let control = person.exec(&[], &["sleep", "0", "0"]);
        control.succeeded();
    });
}

#[test]
fn a_run_leaves_no_file_mount_or_memory_on_the_host() {
    for_everybody(|person| {
        let name = format!("belljar-left-{}-{}", std::process::id(), person.is_root);
        let script = format!(
            "for folder in /tmp /dev/shm ~ .; do echo left > $folder/{name} && cat $folder/{name}; done; \
             python3 -c 'import ctypes; print(ctypes.CDLL(None).shmget(4711, 4096, 0o1600) >= 0)'"
        );
        let tables = || {
            let read =
                |kind| std::fs::read_to_string(format!("/proc/sysvipc/{kind}")).expect("a table");
            read("shm")
                .lines()
                .filter(|line| line.split_whitespace().next() == Some("4711"))
                .count()
        };
        let mounts = || std::fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
        let before = (tables(), mounts());
        let ran = person.exec(&[], &["sh", "-c", &script]).succeeded();
        assert_eq!(ran.stdout(), "left\nleft\nleft\nleft\nTrue\n");
        assert_eq!((tables(), mounts()), before);
        let (work, home) = (person.user.work(), person.user.home());
        for folder in [
            "/tmp".as_ref(),
            "/dev/shm".as_ref(),
            work.as_path(),
            home.as_path(),
        ] {
            assert!(!folder.join(&name).exists(), "{}", folder.display());
        }
        let users_own = output(
            person
                .outside("ls")
                .arg("-A")
                .arg(home.with_file_name("tmp")),
        );
        assert_eq!(users_own.stdout, b"", "its temporary files");
    });
}

//! What the report says was on, held against what the program itself can see and what can be seen of it from outside.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::lifetime::nothing_is_left;
use crate::person::{Person, Ran, for_everybody, output, output_of};
use crate::server::processes_with;

const LOOK_AROUND: &str = include_str!("payloads/look_around.py");

/// Namespaces of a cell, and what the posture calls them. It shares the clocks' one with the host.
const NAMESPACES: [(&str, &str); 7] = [
    ("user", "user_namespace"),
    ("mnt", "mount_namespace"),
    ("pid", "pid_namespace"),
    ("net", "network_namespace"),
    ("ipc", "ipc_namespace"),
    ("uts", "uts_namespace"),
    ("cgroup", "cgroup_namespace"),
];
const CAPABILITIES: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
const NONE: &str = "0000000000000000";

#[test]
fn every_layer_that_the_posture_names_is_seen_from_inside() {
    for_everybody(|person| {
        let outside = person.python_outside(LOOK_AROUND, &[]);
        let ran = person.python(&[], LOOK_AROUND, &[]).succeeded();
        let (posture, told) = (&ran.report["posture"], ran.told());
        for (namespace, layer) in NAMESPACES {
            assert_eq!(posture[layer], true, "{posture}");
            let ours = std::fs::read_link(format!("/proc/self/ns/{namespace}")).expect("a link");
            let theirs = told["namespaces"][namespace].as_str().expect("a name");
            assert_ne!(theirs, ours.to_string_lossy());
            assert_eq!(
                outside["namespaces"][namespace],
                *ours.to_string_lossy(),
                "without a sandbox"
            );
        }
        for (layer, line, value) in [
            ("no_new_privileges", "NoNewPrivs", "1"),
            ("seccomp", "Seccomp", "2"),
        ] {
            assert_eq!(posture[layer], true, "{posture}");
            assert_eq!(told["status"][line], value);
        }
        assert_eq!(posture["capabilities_dropped"], true, "{posture}");
        for set in CAPABILITIES {
            assert_eq!(told["status"][set], NONE, "{set}");
        }
        assert_ne!(outside["status"]["CapBnd"], NONE, "without a sandbox");
        assert_eq!(posture["located"], true, "{posture}");
        assert_eq!(posture["project"], "overlay", "{posture}");
        assert!(posture.get("notes").is_none(), "{posture}");
        assert_eq!(told["ids"], json!([1000, 1000, 1000, 1000, 1000, 1000]));
        assert_eq!(
            told["groups"].as_array().map_or(0, Vec::len),
            usize::from(told["groups"] == json!([1000]))
        );
        assert_eq!(
            posture["landlock_abi"],
            landlock_outside(person),
            "{posture}"
        );
    });
}

/// The version of the interface, asked of the kernel without Belljar; 0 if it has none.
fn landlock_outside(person: &Person) -> Value {
    let ask = "import ctypes\nabi = ctypes.CDLL(None).syscall(444, None, 0, 1)\nprint(max(abi, 0))";
    person.python_outside(ask, &[])
}

#[test]
fn a_running_program_is_nobody_in_particular_seen_from_outside() {
    for_everybody(|person| {
        let marker = format!("belljar-seen-{}-{}", std::process::id(), person.is_root);
        let first = Held::start(person, &marker);
        let second = Held::start(person, &marker);
        let (one, other) = (first.uid(), second.uid());
        let owner = person.user.work().metadata().expect("an owner").uid();
        if person.is_root {
            assert!(one != 0 && other != 0, "an id without privilege");
            assert_ne!(one, other, "runs of root share no id");
            let accounts = std::fs::read_to_string("/etc/passwd").expect("the accounts");
            let is_account = |uid: u32| {
                accounts
                    .lines()
                    .any(|line| line.split(':').nth(2) == Some(&uid.to_string()))
            };
            assert!(!is_account(one) && !is_account(other), "{one} {other}");
        } else {
            assert_eq!((one, other), (owner, owner));
        }
        for held in [first, second] {
            let status = held.status();
            let line = |name: &str| -> Vec<String> {
                let found = status.lines().find_map(|line| line.strip_prefix(name));
                found
                    .expect("a line")
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect()
            };
            for set in CAPABILITIES {
                assert_eq!(line(&format!("{set}:")), [NONE]);
            }
            assert_eq!(
                line("Uid:"),
                vec![held.uid().to_string(); 4],
                "in every one of its ids"
            );
            assert!(
                line("Groups:")
                    .iter()
                    .all(|group| *group == line("Gid:")[0]),
                "{status}"
            );
            if person.is_root {
                assert_ne!(line("Gid:")[0], "0");
            }
            held.end();
        }
        nothing_is_left(&marker, Instant::now());
    });
}

#[test]
fn a_project_that_only_its_owner_may_read_is_seen_by_the_owners_run() {
    for_everybody(|person| {
        let file = person.put("closed/below/note.txt", "for me alone\n");
        let below = file.parent().expect("a folder");
        let closed = below.parent().expect("a folder");
        for (path, mode) in [(closed, 0o700), (below, 0o700), (&file, 0o600)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        }
        let script = "cat below/note.txt && echo changed > below/note.txt && cat below/note.txt && echo new > new && cat new";
        let options = ["--project", closed.to_str().expect("text")];
        let mut belljar = person.belljar(
            &[
                &["exec", "--json"],
                &options[..],
                &["--", "sh", "-c", script],
            ]
            .concat(),
        );
        let ran = Ran::of(output(belljar.current_dir(closed))).succeeded();
        assert_eq!(ran.stdout(), "for me alone\nchanged\nnew\n");
        assert_eq!(
            std::fs::read_to_string(&file).expect("the file"),
            "for me alone\n"
        );
        assert!(!closed.join("new").exists());

        let mut belljar = person.belljar(&["exec", "--json", "--", "cat", "below/note.txt"]);
        belljar
            .env("BELLJAR_FAIL_AT", "overlay")
            .current_dir(closed);
        let ran = Ran::of(output(&mut belljar)).succeeded();
        assert_eq!(ran.stdout(), "for me alone\n", "without an overlay");
    });
}

/// A program that has looked around and stands still until it is let go.
struct Held {
    belljar: Child,
    pid: u32,
    /// Kept open: a reader who goes away ends the run.
    _reader: BufReader<ChildStdout>,
}

impl Held {
    fn start(person: &Person, marker: &str) -> Held {
        let known = programs(marker);
        let words = [
            "exec",
            "--stdin",
            "-",
            "--",
            "python3",
            "-c",
            LOOK_AROUND,
            "wait",
            marker,
        ];
        let mut command = person.belljar(&words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut belljar = command.spawn().expect("belljar");
        let mut line = String::new();
        let mut reader = BufReader::new(belljar.stdout.take().expect("its output"));
        reader.read_line(&mut line).expect("a line");
        let new = programs(marker)
            .into_iter()
            .find(|pid| !known.contains(pid));
        let pid = new.unwrap_or_else(|| panic!("the program does not run: {line:?}"));
        Held {
            belljar,
            pid,
            _reader: reader,
        }
    }

    fn status(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("it runs")
    }

    fn uid(&self) -> u32 {
        let status = self.status();
        let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let first = ids.and_then(|ids| ids.split_whitespace().next());
        first.and_then(|id| id.parse().ok()).expect("an id")
    }

    fn end(self) {
        let status = output_of(self.belljar).status;
        assert!(status.success(), "{status}");
    }
}

/// The programs, and not the processes of Belljar around them, that were started with this marker.
fn programs(marker: &str) -> Vec<u32> {
    let is_program = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with("python"))
    };
    let all = processes_with(marker).into_iter().filter(is_program);
    all.filter_map(|path| path.file_name()?.to_str()?.parse().ok())
        .collect()
}

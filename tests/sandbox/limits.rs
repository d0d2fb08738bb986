//! Each limit ends a run with its own ending, or is told to the program with its own error; just below it nothing happens.

use crate::person::{Ran, for_everybody, output};

const HOLD: &str = include_str!("payloads/hold.py");
const EXHAUST: &str = include_str!("payloads/exhaust.py");

/// Checks that a limit ended the run, and that this is told as a violation with what it was.
#[track_caller]
fn ended_by(ran: &Ran, limit: &str, kind: &str, value: &str) {
    let report = &ran.report;
    assert_eq!(report["ending"]["kind"], "limit", "{report}");
    assert_eq!(report["ending"]["limit"], limit, "{report}");
    assert_eq!(ran.code, Some(124), "{report}");
    assert_eq!(ran.violations(kind), [value], "{report}");
    assert_eq!(
        report["violations"].as_array().map(Vec::len),
        Some(1),
        "{report}"
    );
}

#[test]
fn time_ends_a_run_that_waits() {
    for_everybody(|person| {
        let words = ["sh", "-c", "echo begun; sleep 60 & wait; echo not ended"];
        let ran = person.exec(&["--limit", "wall=500ms"], &words);
        ended_by(&ran, "wall", "limit.wall", "500ms");
        assert_eq!(ran.stdout(), "begun\n");
        let wall = ran.report["usage"]["wall_ms"].as_f64().expect("a time");
        assert!((500.0..5000.0).contains(&wall), "{wall} ms");
        let control = person.exec(
            &["--limit", "wall=20s"],
            &["sh", "-c", "echo begun; sleep 0.6; echo ended"],
        );
        assert_eq!(control.succeeded().stdout(), "begun\nended\n");
    });
}

#[test]
fn computing_ends_a_run_of_which_no_process_alone_has_computed_too_much() {
    for_everybody(|person| {
        let busy = "for i in 1 2 3; do while :; do :; done & done; wait; echo not ended";
        let ran = person.exec(
            &["--limit", "cpu=1s", "--limit", "wall=60s"],
            &["sh", "-c", busy],
        );
        ended_by(&ran, "cpu", "limit.cpu", "1s");
        assert_eq!(ran.stdout(), "");
        let cpu = ran.report["usage"]["cpu_ms"].as_f64().expect("a time");
        assert!((1000.0..2500.0).contains(&cpu), "{cpu} ms");
        // Time that others use, and time spent waiting, is not its own.
        let idle = person.exec(&["--limit", "cpu=1s"], &["sleep", "1.2"]);
        idle.succeeded();
    });
}

#[test]
fn memory_of_every_kind_ends_a_run() {
    for_everybody(|person| {
        let kinds = [
            "private",
            "nameless",
            "shared",
            "/tmp",
            "/dev/shm",
            "home",
            "project",
            "memory file",
            "system v",
            "attached",
            "mapped /dev/shm",
            "mapped memory file",
            "children",
        ];
        let options = [
            "--limit",
            "memory=80MiB",
            "--limit",
            "scratch=1GiB",
            "--limit",
            "file_size=1GiB",
        ];
        for kind in kinds {
            let ran = person.python(&options, HOLD, &[kind, "160"]);
            ended_by(&ran, "memory", "limit.memory", "80MiB");
            assert!(
                !ran.stdout().contains("not ended"),
                "{kind}: {}",
                ran.report
            );
        }
        // Half of the limit, and no more than half of it, however many ways lead to the same page.
        let is_ended = |kind: &&str| {
            let ran = person.python(&options, HOLD, &[*kind, "40", "briefly"]);
            ran.stdout() != "held\nnot ended\n" || !ran.violations("limit.memory").is_empty()
        };
        let wrong: Vec<&str> = kinds
            .into_iter()
            .chain(["shared by children"])
            .filter(is_ended)
            .collect();
        assert!(
            wrong.is_empty(),
            "ended although they held half of the limit: {wrong:?}"
        );
    });
}

#[test]
fn output_ends_a_run_and_what_came_before_is_kept() {
    for_everybody(|person| {
        for stream in ["", ">&2"] {
            let script = format!("yes {stream}");
            let ran = person.exec(&["--limit", "output=100KiB"], &["sh", "-c", &script]);
            ended_by(&ran, "output", "limit.output", "100KiB");
            let text = ran.report[if stream.is_empty() {
                "stdout"
            } else {
                "stderr"
            }]
            .as_str()
            .expect("an output");
            assert!(
                text.starts_with("y\ny\n") && text.len() <= 102_400,
                "{} bytes",
                text.len()
            );
        }
        let exactly = ["sh", "-c", "head -c 102400 /dev/zero | tr '\\0' x"];
        let control = person
            .exec(&["--limit", "output=100KiB"], &exactly)
            .succeeded();
        assert_eq!(control.violations("limit.output"), [""; 0]);
    });
}

#[test]
fn a_file_that_is_too_large_ends_a_run() {
    for_everybody(|person| {
        let write = |bytes: &str| {
            let words = ["sh", "-c", "exec head -c \"$0\" /dev/zero > file", bytes];
            person.exec(&["--limit", "file_size=1MiB"], &words)
        };
        // The kernel's limit is a byte beyond the policy's: by that byte a file is known that was cut off.
        let ran = write("1048578");
        ended_by(&ran, "file_size", "limit.disk", "1MiB");
        let control = write("1048576").succeeded();
        assert_eq!(control.violations("limit.disk"), [""; 0]);
    });
}

/// Makes a file as large as it says, most of it a hole: so nobody who looks at what is used could see it grow. Then it
/// cannot be written further, and is tidied up in the way that it says.
const TIDY_UP: &str = r#"
import os, sys
size, way = int(sys.argv[1]), sys.argv[2]
file = os.open("file", os.O_CREAT | os.O_WRONLY)
os.lseek(file, size - 1, os.SEEK_SET)
os.write(file, b"x")
try:
    print(os.write(file, b"x"))
except OSError as error:
    print(error.errno)
os.close(file)
{
    "remove": lambda: os.remove("file"),
    "rename": lambda: (os.rename("file", "other"), os.truncate("other", 0)),
    "truncate": lambda: os.truncate("file", 0),
    "overwrite": lambda: (open("other", "w").close(), os.rename("other", "file")),
}[way]()
"#;

#[test]
fn a_file_that_became_too_large_is_told_also_if_it_is_tidied_up_at_once() {
    for_everybody(|person| {
        let tidy_up = |size: &str, way: &str| {
            let options = ["--limit", "file_size=1MiB"];
            person.python(&options, TIDY_UP, &[size, way]).succeeded()
        };
        for way in ["remove", "rename", "truncate", "overwrite"] {
            let ran = tidy_up("1048577", way);
            assert_eq!(ran.stdout(), "27\n", "EFBIG");
            assert_eq!(ran.violations("limit.disk"), ["1MiB"], "{way}");
            let control = tidy_up("1048575", way);
            assert_eq!(control.violations("limit.disk"), [""; 0], "{way}");
        }
    });
}

#[test]
fn a_file_that_became_too_large_while_nobody_looked_is_put_where_it_was_opened() {
    for_everybody(|person| {
        person.put("tidies.py", TIDY_UP);
        for way in ["remove", "rename", "truncate", "overwrite"] {
            let options = ["run", "--json", "--limit", "file_size=1MiB"];
            let mut command = person.belljar(&options);
            let ran =
                Ran::of(output(command.args(["tidies.py", "--", "1048577", way]))).succeeded();
            let [told] = ran.report["violations"]
                .as_array()
                .expect("a list")
                .as_slice()
            else {
                panic!("{way}: {}", ran.report);
            };
            let told = ["kind", "line", "confidence", "program"].map(|name| told[name].to_string());
            let expected = ["\"limit.disk\"", "4", "\"caller\"", "\"python3\""];
            assert_eq!(told, expected, "{way}: {}", ran.report);
        }
    });
}

#[test]
fn what_runs_out_is_told_to_the_program_with_its_own_error() {
    for_everybody(|person| {
        // What is taken, the limit, what the program is told, after how many at most, and what the report says.
        let cases = [
            (
                "processes",
                "processes=12",
                "EAGAIN",
                11,
                ("limit.processes", "12"),
            ),
            (
                "threads",
                "processes=12",
                "EAGAIN",
                11,
                ("limit.processes", "12"),
            ),
            (
                "files",
                "open_files=40",
                "EMFILE",
                37,
                ("limit.files", "40"),
            ),
            ("/tmp", "scratch=1MiB", "ENOSPC", 16, ("limit.disk", "1MiB")),
            (
                "/dev/shm",
                "scratch=1MiB",
                "ENOSPC",
                16,
                ("limit.disk", "1MiB"),
            ),
            (
                "/home/sandbox",
                "scratch=1MiB",
                "ENOSPC",
                16,
                ("limit.disk", "1MiB"),
            ),
            (".", "scratch=1MiB", "ENOSPC", 16, ("limit.disk", "1MiB")),
        ];
        for (what, limit, errno, most, violation) in cases {
            let ran = person
                .python(&["--limit", limit], EXHAUST, &[what])
                .succeeded();
            let (said, taken) = ran.stdout().trim().split_once(' ').expect("two words");
            let taken: u64 = taken.parse().expect("a number");
            assert_eq!(said, errno, "{what}: {}", ran.report);
            assert!(taken > 0 && taken <= most, "{what}: {taken}");
            let (kind, value) = violation;
            assert_eq!(ran.violations(kind), [value], "{what}: {}", ran.report);
            let wide = [
                "--limit",
                "processes=1000",
                "--limit",
                "open_files=1000",
                "--limit",
                "scratch=64MiB",
            ];
            let control = person.python(&wide, EXHAUST, &[what]).succeeded();
            assert_eq!(control.stdout(), "nothing 400\n", "{what}");
            assert_eq!(
                control.report["violations"],
                serde_json::json!([]),
                "{what}"
            );
        }
    });
}

#[test]
fn what_starts_one_too_many_is_told_on_its_line() {
    let programs = [
        (
            "threads.py",
            5,
            "import threading\nheld = threading.Event()\ntry:\n    for _ in range(40):\n        threading.Thread(target=held.wait).start()\nexcept RuntimeError:\n    pass\nheld.set()\n",
        ),
        (
            "forks.py",
            6,
            "import os\nout, end = os.pipe()\nchildren = 0\ntry:\n    for _ in range(40):\n        if os.fork() == 0:\n            os.close(end)\n            os.read(out, 1)\n            os._exit(0)\n        children += 1\nexcept BlockingIOError:\n    pass\nos.close(end)\nfor _ in range(children):\n    os.wait()\n",
        ),
        (
            "forks.bash",
            4,
            "#!/bin/bash\ni=0\nwhile [ $i -lt 40 ]; do\n  sleep 0.5 &\n  i=$((i+1))\ndone\nwait\n",
        ),
    ];
    for_everybody(|person| {
        for (name, line, text) in programs {
            person.put(name, text);
            let ran = |limit: &str| {
                let mut command = person.belljar(&["run", "--json", "--limit", limit, name]);
                Ran::of(output(&mut command))
            };
            let few = ran("processes=20");
            assert_eq!(few.violations("limit.processes"), ["20"], "{}", few.report);
            let told = &few.report["violations"][0];
            assert_eq!(told["line"], line, "{name}: {told}");
            assert_ne!(told["confidence"], "file", "{name}: {told}");
            let control = ran("processes=60");
            assert_eq!(control.violations("limit.processes"), [""; 0], "{name}");
        }
    });
}

#[test]
fn a_child_that_ends_while_a_shell_forks_does_not_stop_the_shell() {
    let script =
        "i=0; while [ $i -lt 100 ]; do x=$(echo a | cat); i=$((i+1)); done; echo \"$x $i\"";
    for_everybody(|person| {
        let ran = person.exec(&["--limit", "processes=20"], &["sh", "-c", script]);
        assert_eq!(ran.succeeded().stdout(), "a 100\n");
    });
}

#[test]
fn a_shell_that_ends_because_it_cannot_fork_is_told_of_although_its_children_never_ran() {
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done";
    for_everybody(|person| {
        let few = person.exec(&["--limit", "processes=9"], &["dash", "-c", script]);
        assert_eq!(few.code, Some(2), "{}", few.report);
        assert_eq!(few.violations("limit.processes"), ["9"], "{}", few.report);
        let control = person.exec(&["--limit", "processes=20"], &["dash", "-c", script]);
        assert_eq!(control.succeeded().violations("limit.processes"), [""; 0]);
    });
}

//! What a program finds around itself: descriptors, environment, signals, session, and nothing of the caller's.

use serde_json::{Value, json};

use crate::person::{Ran, for_everybody, output};

const LOOK_AROUND: &str = include_str!("payloads/look_around.py");
const CARELESS_CALLER: &str = include_str!("payloads/careless_caller.py");

#[test]
fn a_program_gets_nothing_of_a_careless_caller() {
    for_everybody(|person| {
        let work = person.user.work();
        let work = work.to_str().expect("text");
        let careless = |words: &[&str]| {
            let mut command = person.outside("python3");
            let arguments = [&["-c", CARELESS_CALLER], words].concat();
            output(command.args(arguments)).stdout
        };
        let outside: Value =
            serde_json::from_slice(&careless(&["python3", "-c", LOOK_AROUND])).expect("JSON");
        for number in [3, 9, 10, 11, 77, 200] {
            let open = outside["descriptors"].as_array().expect("numbers");
            assert!(open.contains(&json!(number)), "outside, {number}: {open:?}");
        }
        assert_eq!(outside["umask"], 0o077, "outside");
        assert_eq!(outside["nice"], 5, "outside");
        assert_ne!(outside["terminal"], 0, "outside");
        assert_ne!(
            outside["environment"]["SECRET_TOKEN"],
            Value::Null,
            "outside"
        );
        for set in ["SigBlk", "SigIgn"] {
            assert_ne!(outside["status"][set], "0000000000000000", "outside, {set}");
        }

        let belljar = person.user.belljar();
        let belljar = belljar.to_str().expect("text");
        let exec = [belljar, "exec", "--json", "--"];
        let words = |command: &[&'static str]| careless(&[&exec[..], command].concat());
        let ran = Ran {
            code: None, // That of `careless_caller.py`.
            report: serde_json::from_slice(&words(&["python3", "-c", LOOK_AROUND])).expect("JSON"),
        };
        assert_eq!(ran.ending(), "exited", "{}", ran.report);
        let told = ran.told();
        assert_eq!(told["descriptors"], json!([0, 1, 2]));
        assert_eq!(told["what they are"], json!(["null", "pipe", "pipe"]));
        assert_eq!(
            told["environment"],
            json!({
                "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/home/sandbox", "TMPDIR": "/tmp", "USER": "sandbox",
                "LOGNAME": "sandbox", "TERM": "dumb", "LANG": "C.UTF-8", "TZ": "UTC",
            })
        );
        assert_eq!(told["directory"], work);
        assert_eq!(told["umask"], 0o022);
        assert_eq!(told["terminal"], 0, "{told}");
        for own in ["group", "session"] {
            assert_eq!(told[own], told["pid"], "a session of its own: {told}");
        }
        assert_eq!(told["host"], "sandbox");
        // Python itself ignores two signals and catches one; `cat` does neither.
        let seen: Value =
            serde_json::from_slice(&words(&["cat", "/proc/self/status"])).expect("JSON");
        let status = seen["stdout"].as_str().expect("an output");
        for set in ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"] {
            assert!(
                status.contains(&format!("{set}:\t0000000000000000\n")),
                "{set}: {status}"
            );
        }
    });
}

#[test]
fn a_program_sees_only_itself_and_the_system() {
    for_everybody(|person| {
        let ran = person.python(&[], LOOK_AROUND, &[]).succeeded();
        let told = ran.told();
        assert_eq!(
            told["processes"],
            json!([told["pid"]]),
            "pid 1 cannot be seen: {told}"
        );
        let root = told["root"].as_array().expect("names");
        for name in [
            "root", "var", "run", "sys", "boot", "mnt", "media", "srv", "opt",
        ] {
            if name == "var" {
                // For the link to /tmp, and an empty folder.
                continue;
            }
            assert!(!root.contains(&json!(name)), "/{name}: {root:?}");
        }
        let var = person.exec(&[], &["ls", "/var"]).succeeded();
        assert_eq!(var.stdout(), "empty\ntmp\n");
        // Of folders that hold more than the run may see: what leads to its own place, and nothing beside it.
        let work = person.user.work().canonicalize().expect("the folder");
        for (folder, own) in [
            ("/tmp", None),
            ("/dev/shm", None),
            ("/home/sandbox", None),
            ("/home", Some("sandbox")),
        ] {
            let below = work.strip_prefix(folder).ok();
            let on_the_way = below.and_then(|below| below.iter().next());
            let on_the_way = on_the_way.map(|name| name.to_string_lossy().into_owned());
            let mut wanted: Vec<String> = own.map(str::to_owned).into_iter().collect();
            wanted.extend(on_the_way);
            wanted.sort_unstable();
            let seen = person.exec(&[], &["ls", "-A", folder]).succeeded();
            assert_eq!(
                seen.stdout().lines().collect::<Vec<_>>(),
                wanted,
                "{folder}"
            );
        }
    });
}

#[test]
fn a_program_reads_its_input_and_its_end_and_nobody_elses() {
    for_everybody(|person| {
        let given = person.put("given.txt", "asked\n");
        let with = person
            .exec(&["--stdin", given.to_str().expect("text")], &["cat"])
            .succeeded();
        assert_eq!(with.stdout(), "asked\n");
        let mut belljar = person.belljar(&["exec", "--json", "--", "cat"]);
        let file = std::fs::File::open(&given).expect("the file");
        let without = Ran::of(output(belljar.stdin(file))).succeeded();
        assert_eq!(without.stdout(), "");
    });
}

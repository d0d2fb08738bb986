//! What a run is told of, and that it makes no difference to the program whether anybody listens.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ordinary_user::skipped;
use crate::person::{Person, Ran, for_everybody, output};

/// Does what a cell refuses, and much that it does not.
pub const NOTICED: &str = include_str!("payloads/noticed.py");
const CONFUSE: &str = include_str!("payloads/confuse.py");
const SECRET: &str = "only the host may know";

/// Puts files and a folder into this person's home, which a cell hides, and says where that is.
pub fn furnish_home(person: &Person) -> std::path::PathBuf {
    let home = person.user.home();
    std::fs::create_dir_all(home.join("kept")).expect("a folder");
    for name in ["secret.txt", "second.txt"] {
        std::fs::write(home.join(name), SECRET).expect("a file");
    }
    person.user.own_everything();
    home
}

pub fn run(person: &Person, variables: &[(&str, &str)], file: &str) -> Ran {
    let mut command = person.belljar(&["run", "--json", file]);
    Ran::of(output(command.envs(variables.iter().copied())))
}

/// What the comments of the program say that is to be told: line, kind, target.
pub fn expected() -> BTreeSet<(u64, String, String)> {
    let marks = NOTICED.lines().zip(1..).filter_map(|(line, number)| {
        let (_, mark) = line.split_once("  # ")?;
        let (kind, target) = mark.split_once(' ')?;
        Some((number, kind.to_owned(), target.to_owned()))
    });
    marks.collect()
}

pub fn told(ran: &Ran) -> BTreeSet<(u64, String, String)> {
    let all = ran.report["violations"].as_array().expect("violations");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    all.iter()
        .map(|violation| {
            let line = violation["line"].as_u64().unwrap_or(0);
            (line, text(&violation["kind"]), text(&violation["target"]))
        })
        .collect()
}

#[test]
fn each_refusal_is_told_on_its_line_and_nothing_else_is() {
    for_everybody(|person| {
        furnish_home(person);
        person.put("noticed.py", NOTICED);
        let ran = run(person, &[], "noticed.py").succeeded();
        assert_eq!(ran.report["posture"]["located"], true, "{}", ran.report);
        assert_eq!(told(&ran), expected(), "{}", ran.report);
        let seen = ran.told();
        for own in [
            "own",
            "own again",
            "scratch",
            "project",
            "own address",
            "own name",
        ] {
            assert_eq!(seen[own], "ok", "{own}: {seen}");
        }
        for (name, errno) in [
            ("read in home", "ENOENT"),
            ("read of the system", "ENOENT"),
            ("mkdir", "EROFS"),
        ] {
            assert_eq!(seen[name], errno, "{name}: {seen}");
        }
    });
}

#[test]
fn outside_the_files_that_a_cell_hides_can_be_read() {
    for_everybody(|person| {
        let home = furnish_home(person);
        let read = "import os, json; print(json.dumps([open(os.path.expanduser('~/secret.txt')).read(), \
                    os.listdir(os.path.expanduser('~/kept'))]))";
        let outside = person.python_outside(read, &[]);
        assert_eq!(outside[0], SECRET, "{}", home.display());
    });
}

#[test]
fn nobody_who_listens_changes_what_a_program_is_refused() {
    for_everybody(|person| {
        furnish_home(person);
        person.put("noticed.py", NOTICED);
        let heard = run(person, &[], "noticed.py").succeeded();
        let unheard = run(person, &[("BELLJAR_FAIL_AT", "listener")], "noticed.py").succeeded();
        let posture = &unheard.report["posture"];
        assert_eq!(posture["located"], false, "{posture}");
        assert!(
            posture["notes"].to_string().contains("not located"),
            "{posture}"
        );
        let (mut heard, mut unheard) = (heard.told(), unheard.told());
        // Refused both times: by the filter that asks, and by the network in which there is nobody.
        for told in [&mut heard, &mut unheard] {
            let connect = told["connect"].take();
            assert!(connect == "EACCES" || connect == "ENETUNREACH", "{connect}");
        }
        assert_eq!(heard, unheard);
    });
}

/// Programs that only ask for what the user has at home, in lines 2 and 3, and for what nobody has, and the tool of each.
const ASKING: &[(&str, &str, &str)] = &[
    (
        "bash",
        "asks.sh",
        "echo asks\n[ -f ~/secret.txt ] && echo there\ntest -d \"$HOME/kept\" && echo there\n[ -e ~/nothing ] || echo none\n",
    ),
    (
        "perl",
        "asks.pl",
        "print qq(asks\\n);\nprint qq(there\\n) if -e qq($ENV{HOME}/secret.txt);\n\
         print qq(there\\n) if lstat qq($ENV{HOME}/kept);\nprint qq(none\\n) unless -e qq($ENV{HOME}/nothing);\n",
    ),
    (
        "node",
        "asks.js",
        "const { existsSync } = require('fs'), home = require('os').homedir(); console.log('asks');\n\
         if (existsSync(home + '/secret.txt')) console.log('there');\n\
         if (existsSync(home + '/kept')) console.log('there');\n\
         if (!existsSync(home + '/nothing')) console.log('none');\n",
    ),
];

#[test]
fn who_only_asks_for_what_the_user_has_at_home_is_told_of() {
    for_everybody(|person| {
        let home = furnish_home(person);
        for (tool, name, program) in ASKING {
            let Some(tool) = person.user.find(tool) else {
                skipped(&format!("there is no {tool}"));
                continue;
            };
            let file = person.put(name, program);
            let outside = output(person.user.command(tool).arg(&file).env("HOME", &home));
            let outside = String::from_utf8_lossy(&outside.stdout).into_owned();
            assert_eq!(outside, "asks\nthere\nthere\nnone\n", "{name}, outside");
            let ran = run(person, &[], name).succeeded();
            assert_eq!(ran.stdout(), "asks\nnone\n", "{name}");
            let told: Vec<_> = told(&ran).into_iter().collect();
            let read = |line, target: &str| (line, "files.read".to_owned(), target.to_owned());
            let expected = [read(2, "~/secret.txt"), read(3, "~/kept")];
            assert_eq!(told, expected, "{name}: {}", ran.report);
        }
    });
}

/// Runs one way to confuse the watcher; it must neither let anything out nor keep the run from its end.
fn confuse(person: &Person, way: &str) -> Ran {
    let home = furnish_home(person);
    let secret = home.join("secret.txt");
    let secret = secret.to_str().expect("text");
    let started = Instant::now();
    let ran = person.python(&["--limit", "wall=60s"], CONFUSE, &[way, secret]);
    let ran = ran.succeeded();
    assert!(!ran.stdout().contains(SECRET), "{way}: {}", ran.report);
    assert!(
        started.elapsed() < Duration::from_secs(50),
        "{way} held the watcher up"
    );
    ran
}

#[test]
fn a_path_that_changes_while_it_is_looked_at_leads_to_nothing_hidden() {
    for_everybody(|person| {
        let ran = confuse(person, "flipped path");
        assert!(ran.stdout().contains("mine"), "the control: {}", ran.report);
        confuse(person, "swapped directory");
    });
}

#[test]
fn a_program_that_dies_while_it_is_looked_at_does_not_stop_the_watcher() {
    for_everybody(|person| {
        let ran = confuse(person, "killed while asked");
        assert_eq!(
            ran.violations("network.connect"),
            ["192.0.2.7:443"],
            "{}",
            ran.report
        );
    });
}

#[test]
fn pipes_and_links_without_end_do_not_hold_the_watcher_up() {
    for_everybody(|person| {
        confuse(person, "pipes");
        confuse(person, "loops");
        confuse(person, "bad pointers");
    });
}

#[test]
fn ever_new_names_fill_no_report() {
    for_everybody(|person| {
        let ran = confuse(person, "names");
        let told = ran.violations("files.read").len();
        assert!((1..=1000).contains(&told), "{told}");
        let ran = confuse(person, "names asked");
        let told = ran.violations("network.resolve").len();
        assert!((1..=1000).contains(&told), "{told}");
    });
}

#[test]
fn messages_that_no_preload_sent_change_no_verdict() {
    for_everybody(|person| {
        let ran = confuse(person, "forged messages");
        assert_eq!(
            ran.violations("network.connect"),
            ["192.0.2.7:443"],
            "{}",
            ran.report
        );
        assert!(ran.violations("files.write").is_empty(), "{}", ran.report);
    });
}

#[test]
fn a_program_by_the_name_of_pid_1_is_told_of() {
    for_everybody(|person| {
        let ran = confuse(person, "borrowed name");
        let told = ran.violations("files.exec");
        assert!(
            told.iter().any(|target| target.ends_with("secret.txt")),
            "{}",
            ran.report
        );
    });
}

#[test]
fn a_program_that_starts_itself_by_way_of_proc_is_not_refused() {
    for_everybody(|person| {
        let script = "/proc/self/exe -c 'echo one'; /proc/thread-self/exe -c 'echo two'; exec 5</usr/bin/env; /proc/self/fd/5 echo three";
        let ran = person.exec(&[], &["bash", "-c", script]).succeeded();
        assert_eq!(ran.stdout(), "one\ntwo\nthree\n", "{}", ran.report);
        assert_eq!(ran.report["violations"], serde_json::json!([]));
        // The same of a program that is hidden.
        furnish_home(person);
        let hidden = "\"$HOME\"/secret.txt; exec 5<\"$HOME\"/secret.txt";
        let ran = person.exec(&[], &["bash", "-c", hidden]);
        assert!(!ran.violations("files.exec").is_empty(), "{}", ran.report);
    });
}

#[test]
fn a_program_without_a_stack_is_told_of_and_ends_by_itself() {
    for_everybody(|person| {
        if person.user.find("gcc").is_none() || !cfg!(target_arch = "x86_64") {
            return crate::ordinary_user::skipped("there is no gcc, or another processor");
        }
        person.put("smash.c", include_str!("payloads/smash.c"));
        let ran = run(person, &[], "smash.c").succeeded();
        assert_eq!(ran.stdout(), "-2\n".repeat(9), "{}", ran.report);
        let told = ran.violations("files.read");
        let is_told = told.contains(&"/etc/shadow") && told.len() <= 9;
        assert!(is_told, "{}", ran.report);
    });
}

#[test]
fn an_interpreter_that_overwrites_its_own_state_misleads_nobody_but_itself() {
    for_everybody(|person| {
        let program = "import ctypes, os, sys\n\
             libc = ctypes.CDLL(None)\n\
             name = b'/etc/shadow'\n\
             pid = os.fork()\n\
             if pid == 0:\n    \
                 ctypes.memset(id(sys._getframe()) + 16, 0xff, 32)\n    \
                 libc.open(name, 0)\n    \
                 libc._exit(0)\n\
             os.waitpid(pid, 0)\n\
             print('over')\n";
        person.put("overwritten.py", program);
        let ran = run(person, &[], "overwritten.py").succeeded();
        assert_eq!(ran.stdout(), "over\n", "{}", ran.report);
        let lines = program.lines().count() as u64;
        for violation in ran.report["violations"].as_array().expect("violations") {
            let line = violation["line"].as_u64().unwrap_or(1);
            assert!((1..=lines).contains(&line), "{violation}");
        }
    });
}

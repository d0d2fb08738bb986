//! Hidden files where `/dev/fuse` may be opened: a stub of ours sees each look at them, and everything else stays as it is.
//! Root gets such a device in a mount namespace of its own; an ordinary user needs a machine that has one.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::compiled::woken;
use crate::lifetime::child;
use crate::noticing::{NOTICED, furnish_home};
use crate::ordinary_user::{OrdinaryUser, skipped};
use crate::person::{Person, Ran, listened_from_the_start, output, send_signal};
use crate::server::wait_until;

/// Somebody for whom the stub can be had, or why nobody is.
fn somebody() -> Option<Person> {
    let person = Person {
        user: OrdinaryUser::new(),
        is_root: false,
        listened: listened_from_the_start(),
    };
    if !OrdinaryUser::is_made_by_root() {
        skipped("only root can make a device that everybody may open, and show a folder elsewhere");
        return None;
    }
    let mut tried = belljar(&person, &[], &["exec", "--json", "--", "true"]);
    let tried = tried.output().expect("unshare");
    if !tried.status.success() {
        skipped(&format!(
            "no cell in a mount namespace of our own: {}",
            String::from_utf8_lossy(&tried.stderr)
        ));
        return None;
    }
    Some(person)
}

/// `belljar` with these arguments, where there is a device.
fn belljar(person: &Person, variables: &[(&str, &str)], arguments: &[&str]) -> Command {
    let inner = person.belljar(&[]);
    let mut command = person.user.with_device(inner.get_program());
    let path = inner.get_envs().find(|(name, _)| *name == "PATH");
    command
        .args(arguments)
        .envs(path.and_then(|(name, value)| Some((name, value?))))
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    command
}

fn run(person: &Person, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let arguments = [&["run", "--json"], arguments].concat();
    Ran::of(output(&mut belljar(person, variables, &arguments)))
}

fn exec(person: &Person, variables: &[(&str, &str)], words: &[&str]) -> Ran {
    let arguments = [&["exec", "--json", "--"], words].concat();
    Ran::of(output(&mut belljar(person, variables, &arguments)))
}

/// FUSE_SUPER_MAGIC of include/uapi/linux/magic.h.
const FUSE: &str = "1702057286";
/// Programs that open few files have a stub only if they are told that there is no other way.
const WITH: &[(&str, &str)] = &[("BELLJAR_FAIL_AT", "opens")];
const WITHOUT: &[(&str, &str)] = &[("BELLJAR_FAIL_AT", "stub")];

/// Line, kind, target, errno and count of all that was told.
fn told(ran: &Ran) -> BTreeSet<String> {
    let all = ran.report["violations"].as_array().expect("violations");
    let one = |violation: &Value| {
        let fields = ["line", "kind", "target", "access", "errno", "count"];
        fields.map(|name| violation[name].to_string()).join(" ")
    };
    all.iter().map(one).collect()
}

#[test]
fn the_stub_is_there_where_it_can_be_and_not_where_it_is_shut() {
    let Some(person) = somebody() else { return };
    let root = |variables: &[(&str, &str)]| {
        let ran = exec(&person, variables, &["grep", " / ", "/proc/mounts"]);
        ran.stdout().to_owned()
    };
    assert!(root(WITH).contains(" fuse "), "{}", root(WITH));
    assert!(root(WITHOUT).contains(" tmpfs "), "{}", root(WITHOUT));
    // What is hidden in the project is not seen by a stub, so there is none.
    person.put(".env", "PASSWORD=x");
    assert!(root(WITH).contains(" tmpfs "), "{}", root(WITH));
}

#[test]
fn what_opens_many_files_has_a_stub_and_so_has_what_nobody_knows() {
    let Some(person) = somebody() else { return };
    let root = |words: &[&str]| exec(&person, &[], words).succeeded().stdout().to_owned();
    if person.user.find("ruby").is_none() {
        return skipped("there is no ruby");
    }
    let program = "puts File.foreach('/proc/mounts').select { |line| line.include? ' / ' }";
    for words in [["ruby", "-e", program], ["grep", " / ", "/proc/mounts"]] {
        let expected = if words[0] == "grep" {
            " tmpfs "
        } else {
            " fuse "
        };
        let seen = root(&words);
        assert!(seen.contains(expected), "{words:?}: {seen}");
    }
    let own = person.put("own", "");
    std::fs::copy("/bin/grep", &own).expect("a program of the project's own");
    let seen = root(&["./own", " / ", "/proc/mounts"]);
    assert!(seen.contains(" fuse "), "{seen}");
    person.put("mounts.rb", program);
    let ran = run(&person, &[], &["mounts.rb"]).succeeded();
    assert!(ran.stdout().contains(" fuse "), "{}", ran.report);
}

#[test]
fn what_is_compiled_has_a_stub_and_its_looks_are_seen_on_their_lines() {
    let Some(person) = somebody() else { return };
    if person.user.find("gcc").is_none() {
        skipped("there is no gcc");
        return;
    }
    furnish_home(&person);
    let program = "#include <fcntl.h>\n#include <stdio.h>\n#include <sys/vfs.h>\nint main(void) {\n    \
        struct statfs root;\n    printf(\"%d\", statfs(\"/\", &root) ? 0 : (int) root.f_type);\n    \
        int hidden = open(\"/home/sandbox/secret.txt\", O_RDONLY);\n    \
        for (int count = 0; count < 3; count++)\n        hidden += open(\"/root\", O_RDONLY);\n    \
        return hidden == -4 ? 0 : 1;\n}\n";
    person.put("looks.c", program);
    let ran = run(&person, &[], &["looks.c"]).succeeded();
    let told: Vec<String> = told(&ran).into_iter().collect();
    let expected = [
        "7 \"files.read\" \"~/secret.txt\" \"open\" \"ENOENT\" 1",
        "9 \"files.read\" \"/root\" \"open\" \"ENOENT\" 3",
    ];
    assert_eq!(told, expected, "{}", ran.report);
    assert_eq!(ran.stdout(), FUSE);
    let none = run(&person, WITHOUT, &["looks.c"]).succeeded();
    assert_ne!(none.stdout(), FUSE);
    assert_eq!(self::told(&none).into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn what_the_stub_sees_stands_on_its_line_also_if_signals_wake_the_program_all_the_time() {
    let Some(person) = somebody() else { return };
    if person.user.find("gcc").is_none() {
        skipped("there is no gcc");
        return;
    }
    furnish_home(&person);
    let (text, lines) = woken();
    person.put("woken.c", text);
    let ran = run(&person, &[], &["woken.c"]).succeeded();
    let read = |line| format!("{line} \"files.read\" \"~/secret.txt\" \"open\" \"ENOENT\" 1");
    let expected = lines.map(read).collect();
    assert_eq!(told(&ran), expected);
}

#[test]
fn with_a_stub_the_same_is_told_and_the_program_sees_the_same() {
    let Some(person) = somebody() else { return };
    furnish_home(&person);
    person.put("noticed.py", NOTICED);
    let with = run(&person, WITH, &["noticed.py"]).succeeded();
    let without = run(&person, WITHOUT, &["noticed.py"]).succeeded();
    assert!(told(&with).len() > 10, "{}", with.report);
    assert_eq!(told(&with), told(&without));
    assert_eq!(with.told(), without.told());
}

#[test]
fn every_way_to_look_at_something_hidden_is_seen() {
    let Some(person) = somebody() else { return };
    furnish_home(&person);
    let program = "import os, subprocess\n\
        def tries(look, *words):\n    try:\n        look(*words)\n    except OSError as error:\n        assert error.errno == 2, error\n\
        home = os.path.expanduser('~')\n\
        tries(os.listdir, '/root')\n\
        tries(open, '/srv/../root/below/it')\n\
        tries(open, home + '/kept/file')\n\
        tries(open, '/etc/shadow')\n\
        os.chdir('/etc')\n\
        open('passwd').read()\n\
        tries(open, 'shadow')\n\
        os.symlink(home, '/tmp/link')\n\
        tries(open, '/tmp/link/secret.txt')\n\
        subprocess.run(['cp', home + '/secret.txt', '/tmp/copy'], stderr=subprocess.DEVNULL)\n\
        tries(open, '/nowhere')\n\
        tries(open, home + '/nothing')\n";
    person.put("looks.py", program);
    let ran = run(&person, WITH, &["looks.py"]).succeeded();
    let all = ran.report["violations"].as_array().expect("violations");
    let seen: Vec<(u64, &str)> = all
        .iter()
        .map(|one| {
            let line = one["line"].as_u64().unwrap_or(0);
            (line, one["target"].as_str().expect("text"))
        })
        .collect();
    for expected in [
        (4, "/root"),
        (4, "/root/below/it"),
        (4, "/etc/shadow"),
        (4, "~/secret.txt"),
        (17, "~/secret.txt"),
    ] {
        assert!(seen.contains(&expected), "{expected:?}: {seen:?}");
    }
    assert!(!seen.iter().any(|(line, _)| *line > 17), "{seen:?}");
}

#[test]
fn many_threads_that_look_at_the_same_at_once_all_get_their_answer_and_end_when_the_run_does() {
    let Some(person) = somebody() else { return };
    let program = "import os, threading, sys\n\
        def look(number):\n    while True:\n        for path in ('/root/a', '/root', '/root/%d' % number, '/home/sandbox/.ssh/x'):\n            try:\n                os.stat(path)\n            except FileNotFoundError:\n                pass\n            try:\n                os.open(path, os.O_WRONLY)\n            except FileNotFoundError:\n                pass\n\
        for number in range(8):\n    threading.Thread(target=look, args=(number,)).start()\n";
    person.put("storm.py", program);
    let started = Instant::now();
    let ran = run(&person, WITH, &["--limit", "wall=2s", "storm.py"]);
    assert_eq!(ran.report["ending"]["limit"], "wall", "{}", ran.report);
    assert!(started.elapsed() < Duration::from_secs(40));
}

#[test]
fn when_belljar_hangs_or_dies_nobody_else_hangs_and_the_cell_dies() {
    let Some(person) = somebody() else { return };
    let begun = person.user.work().join("begun");
    let program = "import os\nprint('begun', flush=True)\nwhile True:\n    try:\n        os.stat('/root/x')\n    except OSError:\n        pass\n";
    person.put("looks.py", program);
    let said = std::fs::File::create(&begun).expect("a file");
    let mut command = belljar(&person, WITH, &["run", "--limit", "wall=60s", "looks.py"]);
    let mut belljar = command.stdout(said).spawn().expect("unshare");
    wait_until("its begin", || {
        !std::fs::read(&begun).expect("a file").is_empty()
    });
    let init = child(belljar.id(), "belljar:init").expect("pid 1 of the cell");
    send_signal("STOP", belljar.id());
    // What looks at every file system, or at every process.
    for words in [["sync", "-f"], ["df", "-a"]] {
        println!("{words:?} must end");
        output(Command::new(words[0]).args(&words[1..]));
    }
    belljar.kill().expect("killed");
    belljar.wait().expect("ended");
    let of_init = std::path::PathBuf::from(format!("/proc/{init}"));
    wait_until("the end of the cell", || !of_init.exists());
}

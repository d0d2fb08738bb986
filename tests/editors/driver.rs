//! Starts the driver of one editor as an ordinary user, and holds what it says against the table of scenarios.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::ordinary_user::{OrdinaryUser, copy_folder, skipped};
use crate::table::{Cell, scenarios};

const TREE: &str = env!("CARGO_MANIFEST_DIR");

/// Other people's documents and programs that the editors open, below `tests/fixtures`.
const REAL: &[&str] = &[
    "demo/fetch_token.py",
    "documents/jupytext--text_outputs_and_images.py",
    "documents/rust-by-example--and_then.md",
    "programs/python/sample-programs/even_odd.py",
    "programs/python/sample-programs/fibonacci.py",
];

/// A name that shells, editors and renderers of markup would rather obey than read.
const HOSTILE_NAME: &str = "named $(bell) [c](command:d) <img src=x> $(touch owned) `touch owned` \
    %sh{touch owned} %{touch} 'a' \"b\" \u{202e}\n.py";

/// Editors take turns: a person looks at one, and two cores do not drive five.
static TURN: Mutex<()> = Mutex::new(());

/// Where that editor is installed, or nothing, said as a skipped test.
pub fn installed(name: &str) -> Option<PathBuf> {
    let home = tools().join("editors").join(name);
    if home.join("bin").is_dir() {
        return Some(home);
    }
    skipped(&format!("{name} is not installed; tests/run does that"));
    None
}

/// Plays every scenario in the editor that is installed as `name`.
pub fn play(editor: &str, name: &str, limit: Duration) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(home) = installed(name) else {
        return;
    };
    let user = somebody_with_files();
    let started = Instant::now();
    let (status, said) = drive(&user, editor, &home, limit);
    let took = started.elapsed().as_secs();
    let left = left_behind(&user, Duration::from_secs(30));
    keep_artefacts(&user, name);
    let obeyed = files_named("owned", user.home().parent().expect("the user's folder"));
    println!("{}", said.checks);
    let mut wrong = held_against_the_table(editor, &said.checks);
    match status {
        Some(status) if status.success() => {}
        Some(status) => wrong.push(format!("the driver ended with {status}")),
        None => wrong.push(format!("was not done after {limit:?}")),
    }
    wrong.extend(
        obeyed
            .iter()
            .map(|file| format!("the name of a file was obeyed: {}", file.display())),
    );
    if status.is_some() {
        wrong.extend(left.iter().map(|left| format!("left behind: {left}")));
    }
    assert!(
        wrong.is_empty(),
        "{name}:\n  {}\n{}",
        wrong.join("\n  "),
        said.complaints
    );
    let checks = said.checks.lines().last().unwrap_or_default();
    println!("editors: {name}: {checks}, {took} s");
}

/// Where tests/tools installs editors.
fn tools() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from);
    from("BELLJAR_TEST_CACHE").unwrap_or_else(|| {
        let cache = match OrdinaryUser::is_made_by_root() {
            true => Some(PathBuf::from("/var/cache")),
            false => from("XDG_CACHE_HOME").or_else(|| Some(from("HOME")?.join(".cache"))),
        };
        cache.expect("a home").join("belljar-tests")
    })
}

/// Somebody who has the files that the editors open, a home with notes that no program may see, and `belljar` on the
/// search path.
fn somebody_with_files() -> OrdinaryUser {
    let user = OrdinaryUser::new();
    let tests = Path::new(TREE).join("tests");
    copy_folder(&tests.join("fixtures/editors/work"), &user.work());
    copy_folder(&tests.join("fixtures/editors/home"), &user.home());
    for file in REAL {
        let from = tests.join("fixtures").join(file);
        std::fs::copy(&from, user.work().join(from.file_name().expect("a name"))).expect("a copy");
    }
    let named =
        "import os\nprint('by', 'any', 'name')\nopen(os.path.expanduser('~/notes/diary.txt'))\n";
    std::fs::write(user.work().join(HOSTILE_NAME), named).expect("a file");
    for folder in ["bin", "artefacts", "state", "data", "cache", "runtime"] {
        std::fs::create_dir(user.home().join(folder)).expect("a folder");
    }
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(user.home().join("runtime"), private).expect("its mode");
    symlink(user.belljar(), user.home().join("bin/belljar")).expect("a link");
    user
}

/// What a driver printed: its checks, and whatever else was said on the way.
struct Said {
    checks: String,
    complaints: String,
}

/// Starts the driver and waits for its end: how it ended, if it did in time, and all that it said.
fn drive(
    user: &OrdinaryUser,
    editor: &str,
    installed: &Path,
    limit: Duration,
) -> (Option<ExitStatus>, Said) {
    let home = user.home();
    let driver = home.join("driver");
    copy_folder(&Path::new(TREE).join("tests/editors").join(editor), &driver);
    copy_folder(&Path::new(TREE).join("editors"), &home.join("editors"));
    user.own_everything();
    let kept = ["checks", "complaints"].map(|name| home.join(name));
    let [checks, complaints] = kept
        .each_ref()
        .map(|path| File::create(path).expect("a file"));
    let mut path = home.join("bin").into_os_string();
    path.push(":");
    path.push(user.search_path());
    let mut command = user.command(driver.join("drive"));
    command
        .env("PATH", path)
        .env("BELLJAR_BIN", user.belljar())
        .env("BELLJAR_EDITORS", home.join("editors"))
        .env("BELLJAR_EDITOR", installed)
        .env("BELLJAR_WORK", user.work())
        .env("BELLJAR_HOSTILE_NAME", HOSTILE_NAME)
        .env("BELLJAR_ARTEFACTS", home.join("artefacts"))
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_STATE_HOME", home.join("state"))
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("XDG_RUNTIME_DIR", home.join("runtime"))
        .stdin(Stdio::null())
        .stdout(checks)
        .stderr(complaints);
    if let Some(patience) = std::env::var_os("BELLJAR_PATIENCE_MS") {
        command.env("BELLJAR_PATIENCE_MS", patience);
    }
    let child = command.spawn().expect("the driver starts");
    let status = ended_within(child, limit);
    let [checks, complaints] = kept.map(|path| {
        let bytes = std::fs::read(path).expect("what it said");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    (status, Said { checks, complaints })
}

/// How the process ended, or nothing if it did not; then it is killed.
fn ended_within(mut child: Child, limit: Duration) -> Option<ExitStatus> {
    let pid = child.id().to_string();
    let (send, ended) = mpsc::channel();
    let waiting =
        std::thread::spawn(move || send.send(child.wait().expect("it can be waited for")));
    let status = ended.recv_timeout(limit).ok();
    if status.is_none() {
        kill(&pid);
    }
    waiting.join().expect("the end of the driver").ok();
    status
}

fn kill(pid: &str) {
    let status = Command::new("kill").args(["-KILL", pid]).status();
    status.expect("kill starts");
}

/// What the driver started and is still there after `patience`, as pid and command line. None of it lives afterwards.
fn left_behind(user: &OrdinaryUser, patience: Duration) -> Vec<String> {
    let deadline = Instant::now() + patience;
    let mut left = started_by(user);
    while !left.is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
        left = started_by(user);
    }
    for pid in left.keys() {
        kill(pid);
    }
    left.into_iter()
        .map(|(pid, command)| format!("{pid} {command}"))
        .collect()
}

/// The processes that have this user's folder in their environment, as all have that the driver starts.
fn started_by(user: &OrdinaryUser) -> BTreeMap<String, String> {
    let home = user.home();
    let folder = home
        .parent()
        .expect("the user's folder")
        .as_os_str()
        .as_bytes();
    let mut found = BTreeMap::new();
    for process in std::fs::read_dir("/proc").expect("/proc") {
        let process = process.expect("a name").path();
        // Another user's, or gone by now.
        let Ok(environment) = std::fs::read(process.join("environ")) else {
            continue;
        };
        if environment.windows(folder.len()).any(|part| part == folder) {
            let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let pid = process.file_name().expect("a pid").to_string_lossy();
            found.insert(pid.into_owned(), command);
        }
    }
    found
}

/// The files of that name below `folder`.
fn files_named(name: &str, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder's names") {
        let entry = entry.expect("a name");
        if entry.file_type().expect("its type").is_dir() {
            found.extend(files_named(name, &entry.path()));
        } else if entry.file_name() == name {
            found.push(entry.path());
        }
    }
    found
}

/// Pictures and logs go to the folder `BELLJAR_ARTEFACTS` of whoever runs the tests, if there is one.
fn keep_artefacts(user: &OrdinaryUser, installed: &str) {
    if let Some(folder) = std::env::var_os("BELLJAR_ARTEFACTS") {
        let folder = Path::new(&folder).join(installed);
        copy_folder(&user.home().join("artefacts"), &folder);
    }
}

/// What does not agree between a driver's lines and the table.
fn held_against_the_table(editor: &str, checks: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut passed, mut failed) = (BTreeSet::new(), 0);
    let mut count = 0;
    for line in checks.lines() {
        let verdict = [("ok - ", true), ("not ok - ", false)];
        let Some((rest, good)) = verdict
            .iter()
            .find_map(|(start, good)| Some((line.strip_prefix(start)?, *good)))
        else {
            continue;
        };
        let id = rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "));
        match id {
            None => wrong.push(format!("a check without a scenario: {line}")),
            Some((id, _)) if good => drop(passed.insert(id)),
            Some(_) => wrong.push(line.to_owned()),
        }
        count += usize::from(good);
        failed += usize::from(!good);
    }
    let last = checks.lines().last().unwrap_or_default();
    if last != format!("{count} passed, {failed} failed") {
        wrong.push(format!(
            "{count} checks passed and {failed} failed, but its last line is `{last}`"
        ));
    }
    for row in scenarios() {
        let claimed = passed.remove(row.id.as_str());
        match row.cell(editor) {
            Cell::Impossible { .. } if claimed => {
                wrong.push(format!(
                    "{}: the table says that it is not possible",
                    row.id
                ));
            }
            Cell::Passed(_) | Cell::Differs { .. } if !claimed => {
                wrong.push(format!("{}: no check has passed", row.id));
            }
            _ => {}
        }
    }
    wrong.extend(passed.iter().map(|id| format!("{id}: is not in the table")));
    wrong
}

#[test]
fn a_check_that_fails_or_lacks_or_is_not_in_the_table_is_told() {
    let good: Vec<String> = scenarios()
        .iter()
        .filter(|row| !matches!(row.cell("helix"), Cell::Impossible { .. }))
        .map(|row| format!("ok - [{}] it works", row.id))
        .collect();
    let told = |lines: &[String], figures: &str| {
        held_against_the_table("helix", &format!("{}\n{figures}\n", lines.join("\n")))
    };
    let figures = |count| format!("{count} passed, 0 failed");
    assert_eq!(told(&good, &figures(good.len())), Vec::<String>::new());
    let lacking = told(&good[1..], &figures(good.len() - 1));
    assert_eq!(lacking, ["run-selection: no check has passed"]);
    assert_eq!(told(&good, "12 passed, 0 failed").len(), 1);
    for line in [
        "not ok - [run-line] it works",
        "ok - it works",
        "ok - [run-lion] it works",
    ] {
        let more = [good.clone(), vec![line.to_owned()]].concat();
        let told = told(&more, &figures(more.len()));
        assert!(!told.is_empty(), "{line}");
    }
}

#[test]
fn what_hangs_is_ended_and_what_is_left_behind_is_told() {
    let user = OrdinaryUser::new();
    let mut sleep = user.command("sleep");
    sleep.arg("600");
    let short = Duration::from_millis(100);
    let hanging = sleep.spawn().expect("sleep starts");
    assert_eq!(ended_within(hanging, short), None);
    assert!(started_by(&user).is_empty());

    let mut forgotten = sleep.spawn().expect("sleep starts");
    let left = left_behind(&user, short);
    assert_eq!(left, [format!("{} sleep 600 ", forgotten.id())]);
    let ended = forgotten.wait().expect("it can be waited for");
    assert!(!ended.success());
}

#[test]
fn a_name_that_was_obeyed_is_found() {
    let user = OrdinaryUser::new();
    assert_eq!(files_named("owned", &user.work()), Vec::<PathBuf>::new());
    let text = format!(": \"{HOSTILE_NAME}\"");
    let mut shell = user.command("sh");
    let status = shell.args(["-c", &text]).status().expect("sh starts");
    assert!(status.success());
    assert_eq!(files_named("owned", &user.home().join("..")).len(), 1);
}

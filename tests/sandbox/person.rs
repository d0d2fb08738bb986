//! Who runs Belljar in these tests, how, and what came of it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use serde_json::Value;

use crate::ordinary_user::{OrdinaryUser, skipped};

/// Longer than anything here takes on a busy machine; only a failing test waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who runs Belljar.
pub struct Person {
    /// Their home, their folder, and how their programs start.
    pub user: OrdinaryUser,
    /// Whether this is root.
    pub is_root: bool,
    /// Belljar runs below a filter whose listener, held by another program, is asked about these calls: see
    /// [`OrdinaryUser::listened`]. `BELLJAR_TEST_LISTENED=none` runs all of these tests so.
    pub listened: Mutex<Option<String>>,
}

/// Does the test as whoever runs the tests, and if that is root, as an ordinary user too.
pub fn for_everybody(test: impl Fn(&Person)) {
    let ordinary = Person {
        user: OrdinaryUser::new(),
        is_root: false,
        listened: listened_from_the_start(),
    };
    let root = OrdinaryUser::is_made_by_root().then(|| Person {
        user: OrdinaryUser::whoever_we_are(),
        is_root: true,
        listened: listened_from_the_start(),
    });
    for person in std::iter::once(ordinary).chain(root) {
        let name = if person.is_root {
            "root"
        } else {
            "an ordinary user"
        };
        // Shown only if the test fails: then it says for whom.
        println!("as {name}");
        if let Some(why) = person.cannot_run() {
            skipped(why);
            continue;
        }
        test(&person);
    }
}

/// What [`Person::listened`] begins with.
pub fn listened_from_the_start() -> Mutex<Option<String>> {
    Mutex::new(std::env::var("BELLJAR_TEST_LISTENED").ok())
}

impl Person {
    /// Why this person can have no sandbox here: the kernel, or a container around us, makes no namespaces for them.
    fn cannot_run(&self) -> Option<&'static str> {
        static ORDINARY: OnceLock<Option<String>> = OnceLock::new();
        static ROOT: OnceLock<Option<String>> = OnceLock::new();
        let known = if self.is_root { &ROOT } else { &ORDINARY };
        let find_out = || {
            if self.user.find("python3").is_none() {
                return Some("there is no python3".to_owned());
            }
            let ran = self.exec(&[], &["true"]);
            // Anything else that fails is for the tests to find.
            (ran.report["ending"]["step"] == "make namespaces")
                .then(|| ran.report["ending"].to_string())
        };
        known.get_or_init(find_out).as_deref()
    }

    /// `belljar` with these arguments.
    pub fn belljar(&self, arguments: &[&str]) -> Command {
        let mut command = match &*self.listened.lock().expect("a test") {
            None => self.outside(self.user.belljar()),
            Some(asked) => {
                let mut command = self.user.listened(asked);
                command.env("PATH", self.search_path());
                command.arg(self.user.belljar());
                command
            }
        };
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// A program outside of any sandbox.
    pub fn outside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.user.command(program);
        command.env("PATH", self.search_path());
        command
    }

    /// The system's own Python before any other: those that are scripts around it take ten times as long.
    fn search_path(&self) -> String {
        format!("/usr/local/bin:/usr/bin:/bin:{}", self.user.search_path())
    }

    /// Runs a command in a sandbox, and reads the report.
    pub fn exec(&self, options: &[&str], words: &[&str]) -> Ran {
        self.exec_with(&[], options, words)
    }

    /// The same, with more variables around Belljar.
    pub fn exec_with(&self, variables: &[(&str, &str)], options: &[&str], words: &[&str]) -> Ran {
        let mut command = self.belljar(&[&["exec", "--json"], options, &["--"], words].concat());
        Ran::of(output(command.envs(variables.iter().copied())))
    }

    /// Runs a Python program in a sandbox.
    pub fn python(&self, options: &[&str], program: &str, arguments: &[&str]) -> Ran {
        self.exec(options, &[&["python3", "-c", program], arguments].concat())
    }

    /// Runs a Python program outside of any sandbox, and reads the JSON that it prints.
    pub fn python_outside(&self, program: &str, arguments: &[&str]) -> Value {
        let mut command = self.outside("python3");
        let output = output(command.args(["-c", program]).args(arguments));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {output:?}"))
    }

    /// Writes a file in this person's folder.
    pub fn put(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.user.work().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        self.user.own_everything();
        path
    }
}

/// A run with `--json` that is over.
pub struct Ran {
    /// The exit status of `belljar`.
    pub code: Option<i32>,
    /// What it printed.
    pub report: Value,
}

impl Ran {
    /// Reads what `belljar --json` printed.
    pub fn of(output: Output) -> Ran {
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {output:?}"));
        Ran {
            code: output.status.code(),
            report,
        }
    }

    /// What the program printed.
    pub fn stdout(&self) -> &str {
        self.report["stdout"].as_str().expect("an output")
    }

    /// The JSON that the program printed.
    pub fn told(&self) -> Value {
        serde_json::from_str(self.stdout())
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.report))
    }

    /// The kind of the ending.
    pub fn ending(&self) -> &str {
        self.report["ending"]["kind"].as_str().expect("an ending")
    }

    /// Checks that the program ended by itself and well.
    #[track_caller]
    pub fn succeeded(self) -> Ran {
        assert_eq!(self.code, Some(0), "{}", self.report);
        assert_eq!(self.ending(), "exited", "{}", self.report);
        self
    }

    /// The targets of the violations of one kind.
    pub fn violations(&self, kind: &str) -> Vec<&str> {
        let all = self.report["violations"].as_array().expect("violations");
        all.iter()
            .filter(|violation| violation["kind"] == kind)
            .map(|violation| violation["target"].as_str().expect("a target"))
            .collect()
    }
}

/// Runs a command to its end, which must come.
pub fn output(command: &mut Command) -> Output {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program that starts");
    output_of(child)
}

/// Waits for the end of a child, which must come, and for what it printed.
pub fn output_of(child: Child) -> Output {
    let pid = child.id();
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    match told.recv_timeout(PATIENCE) {
        Ok(output) => output.expect("its output"),
        Err(_) => {
            send_signal("KILL", pid);
            panic!("process {pid} does not end");
        }
    }
}

/// Sends a signal to one process.
pub fn send_signal(name: &str, pid: u32) {
    let sent = Command::new("kill")
        .args(["-s", name, "--", &pid.to_string()])
        .status();
    assert!(sent.expect("kill").success(), "{name} to {pid}");
}

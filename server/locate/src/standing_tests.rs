//! For tests of the readers: a program that stands still at known lines, because it opens a pipe that nobody writes to.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;

use crate::frame::{Certainty, Place};
use crate::locator::Locator;
use crate::memory::{Memory, Remote};
use crate::process::{parent_of, process_of, program_of, stand_of};

/// A test waits no longer for a program to come to its next stop.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running program whose files lie in a directory of its own. `PIPE` in their text stands for the pipe's path, and
/// `HERE` for the directory.
pub(crate) struct Standing {
    directory: tempfile::TempDir,
    child: Child,
    pipe: PathBuf,
}

impl Standing {
    /// Writes `files` and starts `program` with the first of them.
    pub fn start(program: &str, files: &[(&str, &str)]) -> Standing {
        Standing::start_with(program, &[], files)
    }

    /// The same, with arguments before the file's name.
    pub fn start_with(program: &str, arguments: &[&str], files: &[(&str, &str)]) -> Standing {
        let directory = tempfile::tempdir().expect("a directory");
        let here = directory.path().canonicalize().expect("it is there");
        let pipe = here.join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
        for (name, text) in files {
            let text = text
                .replace("PIPE", &pipe.to_string_lossy())
                .replace("HERE", &here.to_string_lossy());
            fs::write(here.join(name), text).expect("written");
        }
        let document = here.join(files[0].0);
        std::os::unix::fs::symlink(document, here.join("document")).expect("linked");
        let log = fs::File::create(here.join("log")).expect("created");
        #[allow(clippy::disallowed_methods)]
        let child = Command::new(program)
            .args(arguments)
            .arg(here.join(files[0].0))
            .current_dir(&here)
            // What it leaves because it is killed goes with the rest.
            .env("TMPDIR", &here)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("duplicated"))
            .stderr(log)
            .spawn()
            .expect("started");
        Standing {
            directory,
            child,
            pipe,
        }
    }

    /// A file of the program, by its path.
    pub fn file(&self, name: &str) -> PathBuf {
        let here = self.directory.path().canonicalize();
        here.expect("it is there").join(name)
    }

    /// The program's process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// Waits until a thread of the program or of a child stands in an `open` of the pipe.
    pub fn stop(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(thread) = self.threads().into_iter().find(|id| self.opens(*id)) {
                return thread;
            }
            let ended = self.child.try_wait().expect("our child");
            let log = || fs::read_to_string(self.file("log")).unwrap_or_default();
            assert!(ended.is_none(), "it ended ({ended:?}): {}", log());
            assert!(Instant::now() < deadline, "it does not stop: {}", log());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The place of a thread that stands; for a child which runs another program, the place of its parent.
    pub fn place(&self, thread: i32) -> Place {
        let document = self.file("document");
        let mut locator = Locator::new(Some(&fs::read_link(document).expect("linked")));
        let is_own = |pid: i32| program_of(pid) == program_of(self.pid());
        let mut thread = thread;
        while let Some(pid) = process_of(thread).filter(|pid| !is_own(*pid)) {
            thread = parent_of(pid).expect("a child has a parent");
            wait_until_it_stands(thread);
        }
        locator.place(thread)
    }

    /// Lets it work for a while, and gives the place at which a signal stops it then.
    pub fn stopped_place(&self) -> Place {
        let worked = || crate::process::stat_number(self.pid(), 11).unwrap_or(0);
        let deadline = Instant::now() + PATIENCE;
        // Its start is no part of it.
        let before = worked();
        while worked() < before + 5 {
            assert!(Instant::now() < deadline, "it does not work");
            std::thread::sleep(Duration::from_millis(2));
        }
        let pid = nix::unistd::Pid::from_raw(self.pid());
        nix::sys::signal::kill(pid, nix::sys::signal::SIGSTOP).expect("stopped");
        wait_until_it_stands(self.pid());
        self.place(self.pid())
    }

    /// Lets it go on from its stop, with an end of file. The next stop is at a pipe of its own, so that it is not
    /// missed while this one is open.
    pub fn go_on(&self) {
        let old = self.file("old");
        fs::rename(&self.pipe, &old).expect("renamed");
        nix::unistd::mkfifo(&self.pipe, Mode::S_IRWXU).expect("a pipe");
        let mut options = fs::OpenOptions::new();
        options.write(true).custom_flags(nix::libc::O_NONBLOCK);
        options.open(old).expect("somebody reads");
    }

    fn threads(&self) -> Vec<i32> {
        let mut processes = vec![self.pid()];
        let mut threads = Vec::new();
        while let Some(pid) = processes.pop() {
            let tasks = fs::read_dir(format!("/proc/{pid}/task"));
            for task in tasks.into_iter().flatten().flatten() {
                let children = fs::read_to_string(task.path().join("children"));
                let children = children.unwrap_or_default();
                processes.extend(children.split_whitespace().flat_map(str::parse::<i32>));
                threads.extend(task.file_name().to_string_lossy().parse::<i32>());
            }
        }
        threads
    }

    fn opens(&self, thread: i32) -> bool {
        // Who was just let go may not have had a turn since: the kernel then still shows the call that it is woken in, which
        // looks like a stop at the same pipe. Its state changes at once, so that is asked first.
        if !sleeps(thread) {
            return false;
        }
        let call = fs::read_to_string(format!("/proc/{thread}/syscall")).unwrap_or_default();
        let words: Vec<&str> = call.split_whitespace().collect();
        let argument = match words.first() {
            Some(&"257") if cfg!(target_arch = "x86_64") => words.get(2),
            Some(&"2") if cfg!(target_arch = "x86_64") => words.get(1),
            Some(&"56") if cfg!(target_arch = "aarch64") => words.get(2),
            _ => None,
        };
        let address = argument.and_then(|word| word.strip_prefix("0x"));
        let address = address.and_then(|word| u64::from_str_radix(word, 16).ok());
        let path = address.and_then(|address| Remote(thread).text(address));
        path.is_some_and(|path| Path::new(&*String::from_utf8_lossy(&path)) == self.pipe)
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        // Its group has also what has lost its parent.
        let group = nix::unistd::Pid::from_raw(self.pid());
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::SIGKILL);
        drop(self.child.wait());
    }
}

/// Whether a thread waits for something, and nobody has woken it yet.
fn sleeps(thread: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{thread}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, state)| state.starts_with('S'))
}

/// A parent waits for its child or reads from it: sooner or later it stays where it is.
fn wait_until_it_stands(thread: i32) {
    let deadline = Instant::now() + PATIENCE;
    let mut before = None;
    loop {
        let now = stand_of(thread);
        if now.is_some() && now == before {
            return;
        }
        assert!(Instant::now() < deadline, "{thread} does not stand still");
        before = now;
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a program is installed; a test that needs it says so and does nothing if not.
pub(crate) fn is_there(program: &str) -> bool {
    let found = is_installed(program);
    if !found {
        assert!(
            std::env::var_os("BELLJAR_MUST").is_none_or(|must| must != "1"),
            "{program} is not installed"
        );
        println!("skipped: {program} is not installed");
    }
    found
}

/// Whether a program is on PATH.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Runs the first of `files`, and looks at each stop at the place that is found for it.
pub(crate) fn check(program: &str, files: &[(&str, &str)], expected: &[(u32, Certainty)]) {
    check_with(program, &[], files, expected);
}

/// The same, with arguments before the file's name.
pub(crate) fn check_with(
    program: &str,
    arguments: &[&str],
    files: &[(&str, &str)],
    expected: &[(u32, Certainty)],
) {
    if !is_there(program) {
        return;
    }
    let mut script = Standing::start_with(program, arguments, files);
    let mut found = Vec::new();
    for _ in expected {
        let thread = script.stop();
        let place = script.place(thread);
        found.push((place.line.unwrap_or(0), place.certainty));
        script.go_on();
    }
    assert_eq!(found, expected, "{}", files[0].1);
}

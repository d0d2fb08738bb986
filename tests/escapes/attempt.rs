//! Makes one attempt, outside or inside, and tells what was seen.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::table::Attempt;
use crate::world::World;

/// What could be seen of an attempt.
#[derive(Debug, Default)]
pub struct Seen {
    /// What the program printed.
    pub stdout: String,
    /// What was printed beside it: by the program, by belljar and by the caller.
    pub stderr: String,
    /// The exit status of the command.
    pub code: i32,
    /// How long it took.
    pub seconds: f64,
    /// Belljar's report.
    pub report: Option<Value>,
    /// Everything that came out, word for word.
    pub raw: String,
}

/// Where an attempt is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the host.
    Outside,
    /// On the host, as root of a user namespace of its own.
    OutsideAsRootOfANamespace,
    /// In a cell.
    Inside,
}

/// Makes the attempt in `world` at `place`.
pub fn make(attempt: &Attempt, world: &World, place: Place) -> Seen {
    let inside = place == Place::Inside;
    if let Some(before) = &attempt.before {
        let first = run(
            world,
            &[],
            &command_line(attempt, world, place, before, true),
        );
        if !inside && !first.stdout.contains("ok") {
            return first;
        }
    }
    let mut beside = None;
    if let Some(probe) = &attempt.beside {
        match Beside::start(world, &command_line(attempt, world, place, probe, true)) {
            Ok(started) => beside = Some(started),
            Err(told) => {
                return Seen {
                    raw: format!("what stands beside did not start: {told}"),
                    ..Seen::default()
                };
            }
        }
    }
    let mut options = Vec::new();
    if attempt.terminal {
        options.push("--terminal".to_owned());
    }
    // Some controls go on until they are ended. A cell ends by itself, on a busy machine later.
    options.extend(match inside {
        true => ["--deadline".to_owned(), "120".to_owned()],
        false => ["--grace".to_owned(), "0.3".to_owned()],
    });
    if let Some(signal) = attempt.signal.filter(|_| inside) {
        options.extend(["--signal-when-it-speaks".to_owned(), signal.to_string()]);
    }
    let words = words_of(attempt);
    let where_it_runs = if attempt.from_outside {
        Place::Outside
    } else {
        place
    };
    let mut seen = run(
        world,
        &options,
        &command_line(attempt, world, where_it_runs, &words, attempt.live),
    );
    drop(beside);
    if let (Some(tidy), false) = (&attempt.tidy, inside) {
        run(
            world,
            &[],
            &command_line(attempt, world, Place::Outside, tidy, true),
        );
    }
    if where_it_runs == Place::Inside && !attempt.live {
        read_report(&mut seen);
    }
    seen
}

/// The attempt's own words: the probe's, or a shell's.
fn words_of(attempt: &Attempt) -> Vec<String> {
    match (&attempt.probe, &attempt.script) {
        (Some(probe), None) => probe.clone(),
        (None, Some(script)) => vec!["/bin/sh".into(), "-c".into(), script.clone()],
        _ => panic!("{}: a row has either a probe or a script", attempt.name),
    }
}

fn command_line(
    attempt: &Attempt,
    world: &World,
    place: Place,
    words: &[String],
    live: bool,
) -> Vec<String> {
    let mut line = Vec::new();
    if place == Place::Inside {
        line.extend(
            [
                "{belljar}",
                "exec",
                "--policy",
                attempt.policy.as_deref().unwrap_or("default"),
            ]
            .map(str::to_owned),
        );
        for (option, value, already) in [
            ("--project", "{project}", "--project"),
            ("--limit", "wall=10s", "wall="),
        ] {
            if !attempt.options.iter().any(|word| word.starts_with(already)) {
                line.extend([option.to_owned(), value.to_owned()]);
            }
        }
        line.extend(attempt.options.iter().cloned());
        if !live {
            line.push("--json".into());
        }
        line.push("--".into());
    }
    if words[0] != "/bin/sh" {
        line.push("{probe}".into());
    }
    if place == Place::OutsideAsRootOfANamespace {
        if words[0] == "/bin/sh" {
            line.push("{probe}".into());
        }
        line.push("in_userns".into());
        if words[0] == "/bin/sh" {
            line.push("execute".into());
        }
    }
    line.extend(words.iter().cloned());
    line.iter().map(|word| world.fill(word)).collect()
}

fn run(world: &World, options: &[String], line: &[String]) -> Seen {
    let start = Instant::now();
    let mut command = world.caller(options);
    command
        .args(line)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the careless caller");
    // Whoever is left behind would hold the pipes open, but the caller ends them first; so reading ends.
    let stderr = child.stderr.take().expect("its stderr");
    let other = std::thread::spawn(move || read_some(stderr));
    let stdout = read_some(child.stdout.take().expect("its stdout"));
    let stderr = other.join().expect("the reader of stderr");
    let status = child.wait().expect("the careless caller");
    let raw = format!("{stdout}{stderr}");
    Seen {
        stdout,
        stderr,
        code: status.code().unwrap_or(-1),
        seconds: start.elapsed().as_secs_f64(),
        report: None,
        raw,
    }
}

/// All of it, but no more than a test should hold; the rest is read and dropped.
fn read_some(mut from: impl Read) -> String {
    let mut text = Vec::new();
    let mut block = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut block) {
        if text.len() < 48 << 20 {
            text.extend_from_slice(&block[..n]);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn read_report(seen: &mut Seen) {
    let Ok(report) = serde_json::from_str::<Value>(&seen.stdout) else {
        return;
    };
    let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
    seen.stdout = text("stdout");
    seen.stderr = format!("{}{}", text("stderr"), seen.stderr);
    seen.report = Some(report);
}

/// A probe that lives during an attempt.
struct Beside {
    child: Child,
}

impl Beside {
    fn start(world: &World, line: &[String]) -> Result<Beside, String> {
        let mut command: Command = world.caller(&["--deadline".into(), "60".into()]);
        command
            .args(line)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let (tell, told) = mpsc::channel();
        let stdout = child.stdout.take().expect("its stdout");
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        let beside = Beside { child };
        let mut all = String::new();
        loop {
            match told.recv_timeout(Duration::from_secs(60)) {
                Ok(line) if line.starts_with("ok ready") => return Ok(beside),
                Ok(line) => all += &line,
                Err(_) => return Err(all),
            }
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // What the caller started dies with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

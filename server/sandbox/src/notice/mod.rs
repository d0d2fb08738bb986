//! Answers the calls that the filter stops, and says which of them were refusals. Nothing is decided here that the
//! filter, the mounts or the empty network would not decide without us: a call is refused with the table's own error, or
//! it goes on and meets those walls.

mod argument;
mod files;
mod inside;
mod names;
mod network;
mod outside;
mod pace;
mod processes;
mod programs;
mod quiet;
mod unix;

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use belljar_locate::{Certainty, Locator, Operation, Place};
use belljar_plan::RunPlan;
use belljar_report::{Confidence, Kind, Layer, Violation};
use belljar_sys::Notification;
use nix::errno::Errno;

use crate::filter::{Arch, What, find, table};

pub use inside::Inside;
pub use names::Names;
pub use outside::names_of;

use files::Files;
use network::Network;
use outside::Outside;
use pace::Pace;
use processes::Processes;
use programs::Programs;

/// Of the processes that may have reached a limit, so many are looked into.
const MOST_SUSPECTS: usize = 16;

/// The listener of one cell.
pub struct Listener {
    descriptor: Option<OwnedFd>,
    locator: Locator,
    pace: Pace,
    files: Files,
    programs: Programs,
    network: Network,
    processes: Processes,
    names: Option<Names>,
}

/// What is to be said about one stopped call.
enum Judgement {
    /// Let it go on, and say nothing.
    GoOn,
    /// Let it go on: a wall behind us refuses it.
    Tell(Finding),
    /// Refuse it.
    Refuse(Finding, Errno),
    /// It is a message of a preload, of which the locator may make something. There is no such file.
    Message(Vec<u8>),
}

/// Something that was refused, and not yet where.
pub struct Finding {
    kind: Kind,
    target: String,
    access: &'static str,
    errno: Option<Errno>,
    layer: Layer,
    rule: Option<String>,
    allow: Option<String>,
    /// What was to be done with what, as the program names it.
    asked: Option<(Operation, Vec<u8>)>,
}

impl Listener {
    /// Answers on `descriptor`, if there is one; refusals name the rules of the plan's policy. `home` are the names in the user's home
    /// directory, if this process may no longer look there.
    pub fn new(
        descriptor: Option<OwnedFd>,
        plan: &RunPlan,
        inside: Option<Inside>,
        home: Option<std::collections::HashSet<PathBuf>>,
        names: Option<Names>,
    ) -> Listener {
        let outside = Outside::new(plan.home.as_deref(), home);
        let inside = inside.map(std::rc::Rc::new);
        Listener {
            descriptor,
            locator: Locator::new(plan.document.as_deref()),
            pace: Pace::default(),
            files: Files::new(plan, inside.clone(), outside),
            programs: Programs::new(plan),
            network: Network::new(plan),
            processes: Processes::new(plan, inside),
            names,
        }
    }

    /// To wait on.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }

    /// Where the programs of the cell ask for names, to wait on.
    pub fn names(&self) -> Option<BorrowedFd<'_>> {
        self.names.as_ref().map(Names::descriptor)
    }

    /// Answers the next stopped call; gives a violation if it was one. Call when the descriptor is readable.
    pub fn answer_next(&mut self) -> Option<Violation> {
        // Fails when the thread was killed in the meantime: then there is nothing to answer.
        let call = belljar_sys::next_notification(self.descriptor()?).ok()?;
        let (judgement, place) = self.judge(&call);
        let (finding, refusal) = match judgement {
            Judgement::GoOn => (None, None),
            Judgement::Tell(finding) => (Some(finding), None),
            Judgement::Refuse(finding, errno) => (Some(finding), Some(errno)),
            Judgement::Message(message) => {
                self.locator.tell(call.thread, &message);
                (None, None)
            }
        };
        let Some(finding) = finding else {
            let _ = belljar_sys::answer(self.descriptor()?, call.id, None);
            return None;
        };
        let violation = self.located(&call, finding, place);
        let still_there = belljar_sys::is_alive(self.descriptor()?, call.id);
        let refusal = refusal.map(|errno| errno as i32);
        let _ = belljar_sys::answer(self.descriptor()?, call.id, refusal);
        // What was read of a thread that is gone by now may have been another's.
        Some(violation).filter(|_| still_there)
    }

    /// Answers what was asked about names; gives the look-ups that were refused.
    pub fn answer_names(&mut self) -> Vec<Violation> {
        let Some(names) = &mut self.names else {
            return Vec::new();
        };
        let rule = self.network.rule();
        names
            .answer()
            .into_iter()
            .map(|(finding, asker)| {
                let place = match &finding.asked {
                    // Whoever asks through a thread of its own has said before what for.
                    Some((operation, what)) if asker.place.line.is_none() => {
                        self.locator.place_for(asker.thread, *operation, what)
                    }
                    _ => asker.place,
                };
                let finding = Finding {
                    rule: rule.clone(),
                    ..finding
                };
                violation_of(finding, place, asker.program)
            })
            .collect()
    }

    /// Puts a limit that was reached on the line of the first of these processes, all of them stopped, that has one.
    pub fn put_on_line(&mut self, violation: &mut Violation, suspects: &[i32]) {
        let locator = &mut self.locator;
        let place = suspects.iter().take(MOST_SUSPECTS).find_map(|pid| {
            let place = locator.place_of_process(*pid);
            place.line.map(|_| (*pid, place))
        });
        if let Some((pid, place)) = place {
            violation.line = place.line;
            violation.column = place.column;
            violation.confidence = confidence_of(place);
            violation.program = program_of(pid);
        }
    }

    /// What is to be said, and where the thread is if that is known already.
    fn judge(&mut self, call: &Notification) -> (Judgement, Option<Place>) {
        let number = call.number.cast_unsigned();
        if let Some(row) = table::verdict(Arch::NATIVE, number, &call.arguments) {
            let finding = Finding {
                kind: row.kind,
                target: row.call.name.to_owned(),
                access: "call",
                errno: Some(row.errno),
                layer: Layer::Seccomp,
                rule: None,
                allow: None,
                asked: None,
            };
            return (Judgement::Refuse(finding, row.errno), None);
        }
        let Some(seen) = find(Arch::NATIVE, number, &call.arguments) else {
            return (Judgement::GoOn, None);
        };
        let judgement = match seen.what {
            What::Touch(touches) => self.files.judge(call, touches, seen.call.name),
            What::Connect => match self.asks_for_names(call, 1) {
                true => Judgement::GoOn,
                false => self.network.connect(call),
            },
            What::SendTo => match self.asks_for_names(call, 4) {
                true => Judgement::GoOn,
                false => self.network.send(call),
            },
            What::SendMessage => self.network.send_message(call),
            What::SendMessages => self.network.send_messages(call),
            What::Bind => self.network.bind(call),
            What::Execute(at) => {
                // The first program of a step: nobody but us started it.
                if program_of(call.thread) == "belljar:init" {
                    return (Judgement::GoOn, None);
                }
                let judgement = self.programs.judge(call, at, &mut self.files);
                return (judgement, Some(self.locator.executes(call.thread)));
            }
            What::Start => self.processes.start(),
            What::Signal => self.processes.signal(call),
        };
        (judgement, None)
    }

    /// Whether a call, whose address is this argument, speaks to the cell's own name server. Then we wait for the question.
    fn asks_for_names(&mut self, call: &Notification, number: u8) -> bool {
        let Some(names) = &mut self.names else {
            return false;
        };
        let Some(socket) = self.network.asks_for_names(call, number) else {
            return false;
        };
        let place = self.locator.place(call.thread);
        names.expect(socket, place, program_of(call.thread), call.thread);
        true
    }

    fn located(
        &mut self,
        call: &Notification,
        finding: Finding,
        place: Option<Place>,
    ) -> Violation {
        let locator = &mut self.locator;
        let place =
            place.unwrap_or_else(|| self.pace.place(finding.kind, || locator.place(call.thread)));
        violation_of(finding, place, program_of(call.thread))
    }
}

fn violation_of(finding: Finding, place: Place, program: String) -> Violation {
    Violation {
        kind: finding.kind,
        target: finding.target,
        access: finding.access.to_owned(),
        errno: finding.errno.map(|errno| format!("{errno:?}")),
        file: None,
        line: place.line,
        column: place.column,
        confidence: confidence_of(place),
        count: 1,
        program,
        rule: finding.rule,
        layer: finding.layer,
        allow: finding.allow,
    }
}

fn confidence_of(place: Place) -> Confidence {
    match place.certainty {
        Certainty::Exact => Confidence::Exact,
        Certainty::Caller => Confidence::Caller,
        Certainty::Document => Confidence::File,
    }
}

/// The short name of a thread's program. The program may have chosen it.
fn program_of(thread: i32) -> String {
    fs::read(format!("/proc/{thread}/comm"))
        .map(|name| String::from_utf8_lossy(&name).trim_end().to_owned())
        .unwrap_or_default()
}

/// A path as the user knows it.
fn told(path: &Path, home: Option<&Path>) -> String {
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(below) if below == Path::new("") => "~".to_owned(),
        Some(below) => format!("~/{}", below.to_string_lossy()),
        None => path.to_string_lossy().into_owned(),
    }
}

/// A rule that adds `text` to the list `key` of a policy; none if the text cannot be written down as it is.
fn rule_for(key: &str, text: &str) -> Option<String> {
    let is_plain = |one: char| {
        !one.is_control()
            && !matches!(one, '"' | '\\' | '\u{fffd}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .all(is_plain)
        .then(|| format!("{key} = [\"{text}\"]"))
}

//! Answers the calls that the filter stops, and says which of them were refusals. Nothing is decided here that the
//! filter, the mounts or the empty network would not decide without us: a call is refused with the table's own error, or
//! it goes on and meets those walls.

mod argument;
mod files;
mod held;
mod inside;
mod names;
mod network;
mod outside;
mod pace;
mod prints;
mod processes;
mod programs;
mod quiet;
mod source;
mod storm;
mod tracer;
mod unix;
mod written;

use std::ffi::OsString;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use belljar_locate::{Certainty, Crash, Locator, Operation, Place};
use belljar_plan::{RunPlan, Step};
use belljar_report::{Confidence, Kind, Layer, SourceError, Violation};
use belljar_sys::{Notification, Waited};
use nix::errno::Errno;

use crate::filter::{Arch, Observed, PRINTS, Touch, Want, What, find, table};
use crate::prepare::observed_by;
use crate::procfs::{directory_of, number_after, text_of};
use crate::stub::Stub;

pub use inside::Inside;
pub use names::Names;
pub use outside::names_of;
pub use prints::{Print, Prints};
pub use quiet::is_quiet;
pub use source::Source;
pub use tracer::Tracer;

use files::Files;
use held::{Found, Held};
use network::Network;
use outside::Outside;
use pace::Pace;
use processes::Processes;
use programs::Programs;
use written::Written;

/// Of the processes that may have reached a limit, so many are looked into.
const MOST_SUSPECTS: usize = 16;

/// The listener of one cell.
pub struct Listener {
    source: Option<Source>,
    locator: Locator,
    /// Pid 1 of the cell.
    first: i32,
    /// A program of the cell started another one.
    has_started: bool,
    /// So many programs pid 1 has still to start.
    ours_to_start: usize,
    /// A compiler is at work, and not yet the program.
    is_preparing: bool,
    pace: Pace,
    held: Held,
    files: Files,
    written: Written,
    programs: Programs,
    network: Network,
    processes: Processes,
    names: Option<Names>,
    /// In runs that tell the line of output.
    prints: Option<Prints>,
    /// Sees what is looked up and hidden.
    stub: Option<Stub>,
    /// What stops here before it comes to the stub.
    stops: Vec<Observed>,
}

/// What is to be said about one stopped call.
enum Judgement {
    /// Let it go on, and say nothing.
    GoOn,
    /// Let it go on: a wall behind us refuses it.
    Tell(Finding),
    /// Refuse it.
    Refuse(Finding, Errno),
    /// It is output, which whoever watches the run takes.
    Print(Print),
    /// It is a message of a preload, of which the locator may make something. There is no such file.
    Message(Vec<u8>),
}

/// What came of a stopped call besides violations.
pub enum Besides {
    /// The program crashed here.
    Crash(SourceError),
    /// A thread prints, and waits until it is taken.
    Print(Print),
}

/// Something that was refused, and not yet where.
#[derive(Clone)]
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
    /// It was only asked whether something is there.
    is_question: bool,
}

impl Listener {
    /// Answers the calls of `source`, if there is one, for the cell whose pid 1 is `first`; refusals name the rules of the
    /// plan's policy. `home` are the names in the user's home directory, if this process may no longer look there.
    pub fn new(
        source: Option<Source>,
        first: i32,
        plan: &RunPlan,
        inside: Option<Rc<Inside>>,
        home: Option<std::collections::HashSet<PathBuf>>,
        names: Option<Names>,
        stub: Option<Stub>,
    ) -> Listener {
        let outside = Outside::new(plan.home.as_deref(), home);
        if let Some(Source::Listener(descriptor)) = &source {
            belljar_sys::take_turns(descriptor.as_fd());
        }
        Listener {
            source,
            locator: Locator::new(plan.document.as_deref()),
            first,
            has_started: false,
            ours_to_start: plan.steps.len(),
            is_preparing: plan.steps.first().is_some_and(|step| !step.is_program),
            pace: Pace::default(),
            held: Held::default(),
            files: Files::new(plan, inside.clone(), outside),
            written: Written::default(),
            programs: Programs::new(plan),
            network: Network::new(plan),
            processes: Processes::new(plan, inside),
            names,
            prints: None,
            stops: observed_by(plan, stub.is_some()),
            stub,
        }
    }

    /// The same listener, which also takes what is printed.
    pub fn taking(self, prints: Option<Prints>) -> Listener {
        Listener { prints, ..self }
    }

    /// To wait on.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.source.as_ref().map(Source::descriptor)
    }

    /// Whether there is more to see to than calls, which cannot wait.
    pub fn must_keep_up(&self) -> bool {
        self.source.as_ref().is_some_and(Source::must_keep_up)
    }

    /// Whether there is something to see to although the descriptor may not be readable.
    pub fn is_behind(&self) -> bool {
        self.source.as_ref().is_some_and(Source::is_behind)
    }

    /// Whether a call waits although the descriptor may not be readable.
    pub fn has_call(&self) -> bool {
        self.source.as_ref().is_some_and(Source::has_call)
    }

    /// Whether a call waits, or may wait.
    pub fn is_asked(&mut self) -> bool {
        self.keep_up();
        self.has_call()
            || !self.must_keep_up() && self.descriptor().is_some_and(crate::output::is_readable)
    }

    /// Sees to what happened in the cell besides calls.
    pub fn keep_up(&mut self) {
        if let Some(source) = &mut self.source {
            source.keep_up();
        }
    }

    /// Waits until pid 1 of the cell is gone, which is dead already, and says how it ended.
    pub fn bury(&mut self) -> Option<Waited> {
        match &mut self.source {
            Some(Source::Tracer(tracer)) => tracer.bury(None),
            _ => belljar_sys::wait_for(self.first).ok(),
        }
    }

    /// What the calls come from, which outlives the cell.
    pub fn into_source(self) -> Option<Source> {
        self.source
    }

    /// Where the programs of the cell ask for names, to wait on.
    pub fn names(&self) -> Option<BorrowedFd<'_>> {
        self.names.as_ref().map(Names::descriptor)
    }

    /// What the stub has for us, to wait on.
    pub fn looks(&self) -> Option<BorrowedFd<'_>> {
        self.stub.as_ref().map(Stub::descriptor)
    }

    /// Lets the next one who looks at something hidden have its answer, and adds to `told` what is to be said. Gives where
    /// the program crashed, if it was that.
    pub fn answer_look(&mut self, told: &mut Vec<Violation>) -> Option<SourceError> {
        let waiting = self.stub.as_mut()?.next()?;
        let crash = waiting.call.and_then(|call| self.see(&call, told));
        self.stub.as_ref()?.give(waiting);
        crash
    }

    fn see(&mut self, call: &Notification, told: &mut Vec<Violation>) -> Option<SourceError> {
        let number = call.number.cast_unsigned();
        let stops = |seen: &Observed| seen.stops(Arch::NATIVE, number, &call.arguments);
        if self.source.is_some() && self.stops.iter().any(stops) {
            // It stopped before, and was judged then.
            return None;
        }
        let seen = find(Arch::NATIVE, number, &call.arguments)?;
        let What::Touch(touches) = seen.what else {
            return None;
        };
        match self.judge_files(call, touches, seen.call.name) {
            Judgement::Tell(finding) => {
                if let Some(found) = self.located(call, finding, None) {
                    self.held.add(call.thread, found, told);
                }
                None
            }
            Judgement::Message(message) => {
                self.locator.tell(call.thread, &message);
                self.locator.crashed().and_then(error_of)
            }
            Judgement::GoOn | Judgement::Refuse(..) | Judgement::Print(_) => None,
        }
    }

    /// Answers the next stopped call, and adds to `told` what is to be said. Call when the descriptor is readable.
    pub fn answer_next(&mut self, told: &mut Vec<Violation>) -> Option<Besides> {
        // Fails when the thread was killed in the meantime: then there is nothing to answer.
        let call = self.source.as_mut()?.next()?;
        let mut crash = None;
        let (judgement, place) = self.judge(&call);
        let (finding, refusal) = match judgement {
            Judgement::GoOn => (None, None),
            Judgement::Tell(finding) => (Some(finding), None),
            Judgement::Refuse(finding, errno) => (Some(finding), Some(errno)),
            Judgement::Print(print) => return Some(Besides::Print(print)),
            Judgement::Message(message) => {
                self.locator.tell(call.thread, &message);
                crash = self.locator.crashed().and_then(error_of);
                (None, None)
            }
        };
        let found = finding.and_then(|finding| self.located(&call, finding, place));
        // What was read of a thread that is gone by now may have been another's.
        if let Some(found) = found
            && self.source.as_ref()?.is_alive(&call)
        {
            self.held.add(call.thread, found, told);
        }
        let refusal = refusal.map(|errno| errno as i32);
        self.source.as_mut()?.answer(&call, refusal);
        crash.map(Besides::Crash)
    }

    /// On which line the thread stands that prints `bytes`; `begins` if they begin a line of output.
    pub fn line_of(&mut self, print: &Print, bytes: &[u8], begins: bool) -> Option<u32> {
        // What a compiler says is about lines, and comes from none.
        if self.is_preparing {
            return None;
        }
        let locator = &mut self.locator;
        let thread = print.call.thread;
        // What a preload told is about this one print, whether or not it is needed.
        let told = locator.place_of_print(thread, [b"1", b"2"][print.stream]);
        let prints = self.prints.as_mut()?;
        let find = || told.unwrap_or_else(|| locator.place(thread)).line;
        prints.line(print, bytes, begins, find)
    }

    /// Whether the run prints so much that not all of it is put on lines.
    pub fn prints_too_much(&self) -> bool {
        self.prints.as_ref().is_some_and(Prints::are_too_many)
    }

    /// Whether the thread that prints this still waits.
    pub fn waits(&self, print: &Print) -> bool {
        let source = self.source.as_ref();
        source.is_some_and(|source| source.is_alive(&print.call))
    }

    /// Lets a thread go on that printed: as if it had written `length` bytes, or to write itself. Whether it heard.
    pub fn has_printed(&mut self, print: &Print, length: Option<usize>) -> bool {
        let Some(source) = &mut self.source else {
            return false;
        };
        match length {
            Some(length) => source.answer_done(&print.call, length as i64),
            None => source.answer(&print.call, None),
        }
    }

    /// Whether a file was opened for writing in the cell's scratch space since this was last asked.
    pub fn has_written(&mut self) -> bool {
        self.files.has_written()
    }

    /// Whether a file was about to be removed or changed in scratch space that the kernel had cut off.
    pub fn has_cut_off_file(&self) -> bool {
        self.files.cut_off().is_some()
    }

    /// Puts a file that became too large on the line that opened it, where that is known: for want of a look at who wrote it.
    pub fn put_on_opening(&self, violation: &mut Violation) {
        if let Some((place, program)) = self.written.opening(self.files.cut_off()) {
            violation.line = place.line;
            violation.column = place.column;
            violation.confidence = Confidence::Caller;
            violation.program.clone_from(program);
        }
    }

    /// This step is the next.
    pub fn begins(&mut self, step: Option<&Step>) {
        self.is_preparing = step.is_some_and(|step| !step.is_program);
    }

    /// What was held back and is to be said now; at the `end` of the run that is all of it.
    pub fn overdue(&mut self, end: bool) -> Vec<Violation> {
        self.held.overdue(end)
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
                        self.locator.place_told(asker.thread, *operation, what)
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
        // First, because there can be so many of them.
        let mut prints = PRINTS.iter();
        if let Some(seen) = prints.find(|seen| seen.stops(Arch::NATIVE, number, &call.arguments)) {
            let prints = self.prints.as_mut();
            let print = prints.and_then(|prints| prints.of_call(call, seen.what));
            return (print.map_or(Judgement::GoOn, Judgement::Print), None);
        }
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
                is_question: false,
            };
            return (Judgement::Refuse(finding, row.errno), None);
        }
        let Some(seen) = find(Arch::NATIVE, number, &call.arguments) else {
            return (Judgement::GoOn, None);
        };
        // What pid 1 of the cell does is our own doing.
        if call.thread == self.first {
            return (Judgement::GoOn, None);
        }
        let judgement = match seen.what {
            What::Touch(touches) => {
                let opens = |touch: &Touch| matches!(touch.want, Want::Open(_) | Want::OpenHow(_));
                let full = touches
                    .iter()
                    .any(opens)
                    .then(|| self.processes.open(call.thread));
                match full {
                    Some(full @ Judgement::Tell(_)) => full,
                    _ => self.judge_files(call, touches, seen.call.name),
                }
            }
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
                // The first program of a step: nobody but us started it. Any program may take this name, so it counts
                // only as often as there are steps.
                if self.ours_to_start > 0 && program_of(call.thread) == "belljar:init" {
                    self.ours_to_start -= 1;
                    return (Judgement::GoOn, None);
                }
                self.has_started = true;
                self.processes.execute(call.thread);
                let judgement = self.programs.judge(call, at, &mut self.files);
                return (judgement, Some(self.locator.executes(call.thread)));
            }
            What::Start => self.processes.start(0),
            What::Started => self.processes.started(call.thread),
            What::Signal => self.processes.signal(call),
            What::Write | What::WritePieces => Judgement::GoOn,
        };
        (judgement, None)
    }

    fn judge_files(
        &mut self,
        call: &Notification,
        touches: &[Touch],
        name: &'static str,
    ) -> Judgement {
        let judgement = self.files.judge(call, touches, name, self.has_started);
        // What compilers write is not the program's.
        if let Some(path) = self.files.opened().filter(|_| !self.is_preparing) {
            self.written.opens(path, call.thread, &mut self.locator);
        }
        judgement
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
    ) -> Option<Found> {
        // Compilers look for their parts in many places.
        if self.is_preparing && matches!(finding.kind, Kind::FilesRead | Kind::FilesExec) {
            return None;
        }
        let locator = &mut self.locator;
        let place = place.unwrap_or_else(|| {
            self.pace.place(finding.kind, || match &finding.asked {
                Some((operation, what)) => locator.place_for(call.thread, *operation, what),
                None => locator.place(call.thread),
            })
        });
        let program = program_of(call.thread);
        if finding.is_question {
            // A program that was started to copy or to pack something asks, and gives up. In the document's own code a
            // question is a probe, and what is done with the answer will be seen; but who hears that the user has no such
            // thing at home does nothing with it.
            let is_started =
                place.certainty == Certainty::Caller && self.locator.frames(call.thread).is_empty();
            let is_of_home = place.line.is_some() && finding.target.starts_with("~/");
            if !is_started && !is_of_home {
                return None;
            }
        }
        Some(Found {
            is_question: finding.is_question,
            path: match &finding.asked {
                Some((Operation::File, path)) => {
                    Some(PathBuf::from(OsString::from_vec(path.clone())))
                }
                _ => None,
            },
            violation: violation_of(finding, place, program),
        })
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

/// What is told of a crash; nothing if its line is not known.
fn error_of(crash: Crash) -> Option<SourceError> {
    Some(SourceError {
        message: crash.message(),
        line: crash.place.line?,
        column: crash.place.column,
    })
}

fn confidence_of(place: Place) -> Confidence {
    match place.certainty {
        Certainty::Exact => Confidence::Exact,
        Certainty::Caller => Confidence::Caller,
        Certainty::Document => Confidence::File,
    }
}

/// The short name of the program that a thread belongs to; threads may have names of their own (`libuv-worker`). The program
/// may have chosen it.
fn program_of(thread: i32) -> String {
    let process = match belljar_sys::is_first_of_process(thread) {
        true => Some(thread),
        false => process_of(thread),
    };
    fs::read(directory_of(process.unwrap_or(thread)).join("comm"))
        .map(|name| String::from_utf8_lossy(&name).trim_end().to_owned())
        .unwrap_or_default()
}

/// The process that a thread belongs to; none if it is gone.
fn process_of(thread: i32) -> Option<i32> {
    let status = text_of(&directory_of(thread).join("status"))?;
    number_after(&status, "Tgid:")?.try_into().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_with_a_name_of_its_own_belongs_to_its_program() {
        let named = std::thread::Builder::new().name("worker".to_owned());
        let told = named.spawn(|| program_of(nix::unistd::gettid().as_raw()));
        let told = told.map(|thread| thread.join().expect("a thread"));
        let own = fs::read_to_string("/proc/self/comm").expect("a name");
        assert_eq!(told.expect("a thread"), own.trim_end());
    }
}

//! Watches a cell from the start of its first program to its end: passes output on, answers its listener, holds its
//! limits, and makes the one end that is told.

mod hold;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use belljar_child::{Message, Step};
use belljar_plan::RunPlan;
use belljar_report::{Ending, Event, Kind, Layer, Usage, Violation};
use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::cgroup::Group;
use crate::construct::{Standing, let_go, read_message};
use crate::disk::Filling;
use crate::failure::Failure;
use crate::kept::{Printed, Room};
use crate::limits::LimitWords;
use crate::notice::{Besides, Inside, Listener, Names, Print, Prints, Source};
use crate::output::{Output, TooMuch};
use crate::procfs::waited_for_us;
use crate::stub::Stub;
use crate::talk::{Talk, Word};
use crate::tally::Tally;
use crate::watcher::{INTERVAL, Look, Watcher};

/// A program that prints very much, and waits for us each time, may last so many times its limit on a busy machine.
pub const MOST_LONGER: u32 = 3;
/// A cell that we ended and that is still not gone hangs in the kernel (a dead network file system): its end is told
/// anyway.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells the end, and nothing after it.
pub fn end(mut talk: Talk<'_>, ending: Ending, usage: Usage) {
    talk.tell(&Event::Ended { ending, usage });
    talk.finish();
}

/// Why we ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    Limit(&'static str),
    Cancelled,
}

struct Watch<'a, 't> {
    plan: &'a RunPlan,
    /// Where the program is kept once it is made, and the cell in which it is.
    room: Option<(Room, Rc<Inside>)>,
    standing: Standing,
    talk: Talk<'t>,
    listener: Listener,
    watcher: Watcher,
    tally: Tally,
    filling: Filling,
    words: LimitWords<'a>,
    output: Output,
    /// How long a program that prints very much had made us busy when it began to.
    busy: Option<Duration>,
    /// How long the run may last, as far as that is known. It only grows.
    wall: Duration,
    started: Option<Instant>,
    /// When pid 1 started the first program, by its own clock.
    first_moment_ns: Option<u64>,
    stopped: Option<(Stopped, Instant)>,
    /// Since when there were as many processes as there may be.
    crowded: Option<Instant>,
    /// Pid 1 is dead, or at its end.
    is_dead: bool,
    /// What will never say anything again, and would wake us all the time: the server, pid 1, the listener.
    silent: Silent,
    /// How the last step ended.
    last: Option<Message>,
    /// How many steps ended.
    steps: usize,
    failure: Option<Failure>,
    peak: Look,
    next_look: Instant,
}

/// Lets the programs of a standing cell start, watches them to their end, and tells it.
/// A program that its steps make goes to `room`. `printed` is what was printed when it was made, if that was before.
pub fn watch(
    plan: &RunPlan,
    mut standing: Standing,
    mut talk: Talk<'_>,
    room: Option<Room>,
    printed: &Printed,
) -> Option<Remains> {
    let [proc_directory, scratch, tables @ ..] = std::mem::take(&mut standing.looks);
    let Some(proc_directory) = proc_directory else {
        let failure = Failure {
            step: "watch the cell".to_owned(),
            errno: "EACCES".to_owned(),
            hint: "this process may not look into its own child (is kernel.yama.ptrace_scope 3?)"
                .to_owned(),
        };
        drop(Remains(standing));
        end(talk, failure.into_ending(), Usage::default());
        return None;
    };
    let watcher = Watcher::new(proc_directory, scratch, tables);
    let inside = match &standing.server {
        Some(server) => {
            if let Ok(root) = server.root().try_clone_to_owned() {
                belljar_locate::look_in(root);
            }
            server.root().try_clone_to_owned().ok().map(Inside::at)
        }
        None => Inside::of(standing.pid).ok(),
    };
    let inside = inside.map(Rc::new);
    let room = room.and_then(|room| Some((room, inside.clone()?)));
    let names = standing.names.take().and_then(Names::new);
    let home = standing.home_names.take();
    let server = standing.server.take();
    let stub = server.map(|server| Stub::start(server, standing.pid));
    let stub = match stub.transpose() {
        Ok(stub) => stub,
        Err(error) => {
            drop(Remains(standing));
            let failure = Failure::before("watch the cell", &error);
            end(talk, failure.into_ending(), Usage::default());
            return None;
        }
    };
    let prints = plan
        .output_lines
        .then(|| Prints::of(standing.output.each_ref().map(Option::as_ref)));
    let listener = Listener::new(
        standing.source.take(),
        standing.pid,
        plan,
        inside,
        home,
        names,
        stub,
    )
    .taking(prints.flatten());
    talk.tell(&Event::Started {
        posture: standing.posture.clone(),
    });
    if talk.stop_blocking().is_err() || let_go(&standing).is_err() {
        let _ = belljar_sys::kill_by_descriptor(standing.pidfd.as_fd());
    }
    let mut output = Output::new(std::mem::take(&mut standing.output), plan);
    if room.is_some() {
        output.remember();
    }
    let mut watch = Watch {
        plan,
        room,
        standing,
        talk,
        listener,
        watcher,
        tally: Tally::default(),
        filling: Filling::default(),
        words: LimitWords {
            policy: &plan.rules.limits,
            limits: &plan.limits,
        },
        output,
        busy: None,
        wall: plan.limits.wall,
        started: None,
        first_moment_ns: None,
        stopped: None,
        crowded: None,
        is_dead: false,
        silent: Silent::default(),
        last: None,
        steps: 0,
        failure: None,
        peak: Look::default(),
        next_look: Instant::now() + INTERVAL,
    };
    for (stream, bytes) in printed {
        watch.take_output(*stream, bytes, None);
    }
    watch.until_the_cell_is_empty();
    Some(watch.finish())
}

/// What is left when the end of a run has been told: pid 1 on its way out, for as long as the kernel takes to take its mounts
/// apart. Dropping this waits for it. It is not left to anybody else, and if it hangs it is ended.
pub struct Remains(Standing);

impl Remains {
    /// For a process that ends now itself: the kernel ends pid 1 with it, so there is nothing to wait for, unless a control
    /// group has to be removed then.
    pub fn leave(self) {
        if self.0.group.is_none() {
            std::mem::forget(self);
        }
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        let _ = belljar_sys::kill_by_descriptor(self.0.pidfd.as_fd());
        if let Some(Source::Tracer(tracer)) = &mut self.0.source {
            // Whoever is traced is not gone before the tracer has seen it.
            tracer.bury(self.0.group.is_some().then_some(PATIENCE));
            return;
        }
        if self.0.group.is_some() && !is_gone(self.0.pidfd.as_fd()) {
            return;
        }
        let _ = belljar_sys::wait_for(self.0.pid);
    }
}

impl Watch<'_, '_> {
    fn until_the_cell_is_empty(&mut self) {
        loop {
            let ready = match self.wait() {
                Ok(ready) => ready,
                Err(_) => {
                    self.kill();
                    return;
                }
            };
            if ready.server {
                match self.talk.listen() {
                    Word::Nothing => {}
                    Word::Cancel => self.stop(Stopped::Cancelled),
                    Word::Gone => {
                        self.silent.server = true;
                        self.stop(Stopped::Cancelled);
                    }
                }
            }
            self.silent.status |= ready.status_closed;
            self.silent.listener |= ready.listener_closed;
            self.talk.send();
            if ready.listener {
                self.listener.keep_up();
            }
            if ready.status {
                self.read_status();
            }
            // Before any print is taken: that comes later.
            for (index, is_ready) in ready.output.into_iter().enumerate() {
                if is_ready {
                    self.read_output(index);
                }
            }
            if ready.call {
                self.answer();
            }
            if ready.names {
                self.answer_names();
            }
            if ready.looks {
                self.answer_looks();
            }
            self.output.give_if_due(&mut self.talk);
            self.look_at_filling();
            self.hold_limits();
            if ready.ended {
                self.read_status();
            }
            self.is_dead |= ready.ended;
            let is_stuck = self
                .stopped
                .is_some_and(|(_, since)| since.elapsed() > PATIENCE);
            if self.is_dead || self.is_over() || is_stuck {
                self.drain();
                return;
            }
        }
    }

    fn wait(&self) -> io::Result<Ready> {
        // What is not taken from us is not taken from the program either: it waits, the clock does not.
        let behind = self.talk.is_behind();
        let server = if behind {
            PollFlags::POLLIN | PollFlags::POLLOUT
        } else {
            PollFlags::POLLIN
        };
        let mut waiting = vec![PollFd::new(self.standing.pidfd.as_fd(), PollFlags::POLLIN)];
        let mut add = |descriptor, flags, is_wanted: bool| {
            is_wanted.then(|| {
                waiting.push(PollFd::new(descriptor, flags));
                waiting.len() - 1
            })
        };
        let server = add(self.talk.descriptor(), server, !self.silent.server);
        let status = add(
            self.standing.status.as_fd(),
            PollFlags::POLLIN,
            !self.silent.status,
        );
        // Where prints come this way, they wait too.
        let prints_wait = behind && self.plan.output_lines;
        let hears = !self.silent.listener && !prints_wait;
        let keeps_up = hears || self.listener.must_keep_up();
        let listener = self
            .listener
            .descriptor()
            .and_then(|listener| add(listener, PollFlags::POLLIN, keeps_up));
        let names = self
            .listener
            .names()
            .and_then(|names| add(names, PollFlags::POLLIN, true));
        let looks = self
            .listener
            .looks()
            .and_then(|looks| add(looks, PollFlags::POLLIN, true));
        let rest = match self.listener.prints_too_much() {
            true => self.output.rest(),
            false => Duration::ZERO,
        };
        let output = [0, 1].map(|stream| {
            let is_wanted = !behind && rest.is_zero();
            add(self.output.pipe(stream)?, PollFlags::POLLIN, is_wanted)
        });
        let patience = self.next_look.saturating_duration_since(Instant::now());
        let patience = self.output.patience().unwrap_or(patience).min(patience);
        let patience = if rest.is_zero() {
            patience
        } else {
            rest.min(patience)
        };
        // Whole milliseconds, rounded up: less would be none, and we would not wait at all.
        let patience = patience + Duration::from_millis(1);
        let patience = self.filling.patience().unwrap_or(patience).min(patience);
        let is_behind = self.listener.is_behind();
        let has_call = hears && self.listener.has_call();
        let patience = match is_behind || has_call {
            true => Duration::ZERO,
            false => patience,
        };
        let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        match nix::poll::poll(&mut waiting, patience) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = |index: Option<usize>| {
            let entry = index.and_then(|index| waiting.get(index));
            entry
                .and_then(PollFd::revents)
                .unwrap_or(PollFlags::empty())
        };
        let closed = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
        let is_closed =
            |index| flags(index).intersects(closed) && !flags(index).contains(PollFlags::POLLIN);
        Ok(Ready {
            ended: !flags(Some(0)).is_empty(),
            server: flags(server).intersects(PollFlags::POLLIN | closed),
            status: flags(status).contains(PollFlags::POLLIN),
            status_closed: is_closed(status),
            listener: flags(listener).contains(PollFlags::POLLIN) || is_behind,
            call: hears && (flags(listener).contains(PollFlags::POLLIN) || has_call),
            listener_closed: is_closed(listener),
            names: flags(names).contains(PollFlags::POLLIN),
            looks: flags(looks).contains(PollFlags::POLLIN),
            output: output.map(|index| !flags(index).is_empty()),
        })
    }

    fn read_status(&mut self) {
        while let Ok(Some(message)) = read_message(&self.standing.status, None) {
            let index = message.index as usize;
            match message.kind {
                // The clock starts when the first program has started, so a slow mount is never blamed on it.
                b'S' => {
                    self.started.get_or_insert_with(Instant::now);
                    self.first_moment_ns.get_or_insert(message.moment_ns);
                }
                b'X' => {
                    self.steps += 1;
                    self.listener.begins(self.plan.steps.get(self.steps));
                    self.last = Some(message);
                    if message.value == 0 && self.steps < self.plan.steps.len() {
                        let (used, size) = self.watcher.scratch();
                        let largest_file = self.plan.limits.file_size;
                        self.filling.starts_again(used, size, largest_file);
                    }
                    // Who ends because it can start nobody may be faster than those that it has started.
                    if u64::from(message.index) + 1 >= self.plan.limits.processes {
                        self.crowd();
                    }
                    let is_made = message.value == 0 && self.steps + 1 == self.plan.steps.len();
                    if is_made && self.plan.product.is_some() {
                        self.keep_product();
                        let _ = let_go(&self.standing);
                    }
                }
                b'T' => self.run_out_of_time(),
                b'F' => {
                    let what = self
                        .plan
                        .steps
                        .get(index)
                        .map(|step| step.program.display().to_string());
                    let step = Step::ALL
                        .get(usize::from(message.step))
                        .copied()
                        .unwrap_or(Step::Exec);
                    self.failure = Some(Failure::inside(step, message.value, what));
                }
                _ => {}
            }
        }
    }

    /// Keeps the program that was made. It did not begin yet, and nobody is left who made it.
    fn keep_product(&mut self) {
        let Some((room, inside)) = self.room.take() else {
            return;
        };
        self.drain();
        let printed = self.output.remembered();
        // Where something was refused the next run must tell it, too.
        let is_plain = self.stopped.is_none() && self.tally.is_empty();
        if let (true, Some(printed), Some(scratch)) =
            (is_plain, printed, self.watcher.scratch_directory())
        {
            let _ = room.keep(self.plan, &inside, scratch, printed);
        }
    }

    fn answer(&mut self) {
        let mut told = Vec::new();
        // One, and back to waiting: most often it is one thread that makes one call after the other, and to look whether
        // there are more would cost as much as to wait for them.
        match self.listener.answer_next(&mut told) {
            Some(Besides::Crash(crash)) => self.talk.tell(&Event::Error(crash)),
            Some(Besides::Print(print)) => self.print(&print),
            None => {}
        }
        if self.busy.is_none() && self.listener.prints_too_much() {
            self.busy = waited_for_us();
        }
        self.note_all(told);
    }

    /// Takes what a stopped thread prints.
    fn print(&mut self, print: &Print) {
        let stream = print.stream;
        // What came through the pipe came before.
        let drained = self.output.drain(stream, &mut self.talk);
        self.hold_output(drained);
        let bytes = print.read();
        let content = bytes.as_deref().unwrap_or_default();
        let begins = self.output.begins(stream);
        let line = self.listener.line_of(print, content, begins);
        let claim = line.zip(print.length()).filter(|_| bytes.is_none());
        self.output.claim(stream, claim);
        let Some(bytes) = bytes else {
            self.listener.has_printed(print, None);
            return;
        };
        // Who goes past the limit stands still, so that it can be told where.
        let is_too_much = bytes.len() as u64 > self.output.room() && self.listener.waits(print);
        if is_too_much || self.listener.has_printed(print, Some(bytes.len())) {
            self.take_output(stream, &bytes, line);
        }
    }

    fn take_output(&mut self, stream: usize, bytes: &[u8], line: Option<u32>) {
        let taken = self.output.take(stream, bytes, line, &mut self.talk);
        self.hold_output(taken);
    }

    fn note_all(&mut self, told: Vec<Violation>) {
        for mut violation in told {
            if violation.kind == Kind::LimitProcesses {
                violation.layer = self.layer_of_processes();
            }
            if let Some(first) = self.tally.note(violation) {
                self.talk.tell(&Event::Violation(first));
            }
        }
    }

    fn answer_looks(&mut self) {
        let mut told = Vec::new();
        if let Some(crash) = self.listener.answer_look(&mut told) {
            self.talk.tell(&Event::Error(crash));
        }
        self.note_all(told);
    }

    fn answer_names(&mut self) {
        let told = self.listener.answer_names();
        self.note_all(told);
    }

    /// Reads from one stream once.
    fn read_output(&mut self, stream: usize) {
        let read = self.output.read(stream, &mut self.talk);
        self.hold_output(read);
    }

    fn hold_output(&mut self, taken: Result<(), TooMuch>) {
        if taken == Err(TooMuch) {
            self.hit("output", Kind::LimitOutput, Layer::Watcher);
            self.stop(Stopped::Limit("output"));
            self.output.close();
        }
    }

    fn stop(&mut self, why: Stopped) {
        self.stopped.get_or_insert_with(|| (why, Instant::now()));
        self.kill();
    }

    /// Ends pid 1 of the cell; the kernel ends everything else in it.
    fn kill(&self) {
        if let Some(group) = &self.standing.group {
            group.kill();
        }
        let _ = belljar_sys::kill_by_descriptor(self.standing.pidfd.as_fd());
    }

    /// Whether the last program ended, and with it everything else in the cell but pid 1.
    fn is_over(&self) -> bool {
        self.last.is_some_and(|last| last.value != 0) || self.steps == self.plan.steps.len()
    }

    /// Reads what the pipes still hold. Everybody who could write is dead, so that is all that there will ever be. Pid 1,
    /// which may live a moment longer, holds the other ends too: so not to the end, but until nothing is there.
    fn drain(&mut self) {
        for stream in [0, 1] {
            let drained = self.output.drain(stream, &mut self.talk);
            self.hold_output(drained);
        }
    }

    fn finish(mut self) -> Remains {
        let ended = Instant::now();
        self.output.give(&mut self.talk);
        let told = self.listener.overdue(true);
        self.note_all(told);
        if self.watcher.is_scratch_full() {
            // Filled between the last look and the end.
            self.hit("scratch", Kind::LimitDisk, Layer::Mount);
        }
        self.ask_the_group();
        if self.crowded.is_some() {
            self.tell_of_crowd();
        }
        let ending = self.ending();
        // If the program died of it, that is known by now.
        if self.listener.has_cut_off_file()
            || self.filling.has_cut_off_file(self.plan.limits.file_size)
        {
            self.hit("file_size", Kind::LimitDisk, Layer::Rlimit);
        }
        // The program's end is known before the kernel has taken its mounts apart, which can take long. If we ended it,
        // only that tells what it used.
        let (cpu_us, peak) = match self.last.filter(|_| self.is_over()) {
            Some(last) => (last.cpu_us, last.peak_resident),
            None if !self.is_dead => (0, 0),
            None => self
                .listener
                .bury()
                .map_or((0, 0), |end| (end.cpu_us, end.peak_resident)),
        };
        // Pid 1's own clock, if it lived to tell: what we hear, we may hear late.
        let told = self
            .last
            .filter(|_| self.is_over())
            .zip(self.first_moment_ns);
        let wall = match (told, self.started) {
            (Some((last, first)), _) => Duration::from_nanos(last.moment_ns.saturating_sub(first)),
            (None, Some(started)) => ended.duration_since(started),
            (None, None) => Duration::ZERO,
        };
        let group = self.standing.group.as_ref();
        let cpu = group.map_or(self.peak.cpu, |group| self.peak.cpu.max(group.cpu()));
        let usage = Usage {
            wall_ms: wall.as_secs_f64() * 1e3,
            cpu_ms: Duration::from_micros(cpu_us).max(cpu).as_secs_f64() * 1e3,
            peak_memory_bytes: group
                .and_then(Group::peak_memory)
                .unwrap_or_else(|| self.peak.memory.max(peak)),
            processes: self
                .last
                .map_or(self.peak.processes.max(1), |last| u64::from(last.index) + 1),
        };
        for repeated in self.tally.repeats() {
            self.talk.tell(&Event::Violation(repeated));
        }
        if group.is_some() {
            // On the command line the server ends when it has heard the end, and the group must still be removed.
            let _ = belljar_sys::clear_parent_death_signal();
        }
        end(self.talk, ending, usage);
        // A listener goes now: who still waited for an answer would be told that there is none.
        self.standing.source = self.listener.into_source().filter(Source::must_keep_up);
        Remains(self.standing)
    }

    fn ending(&mut self) -> Ending {
        const SIGKILL: i32 = 9;
        const SIGXCPU: i32 = 24;
        const SIGXFSZ: i32 = 25;
        const SIGSYS: i32 = 31;
        match self.stopped {
            Some((Stopped::Limit(limit), _)) => {
                return Ending::Limit {
                    limit: limit.to_owned(),
                };
            }
            Some((Stopped::Cancelled, _)) => return Ending::Cancelled,
            None => {}
        }
        if let Some(failure) = self.failure.take() {
            return failure.into_ending();
        }
        // wait(2): the low seven bits are the signal, the second byte is the exit status.
        match self
            .last
            .map(|last| (last.value & 0x7f, (last.value >> 8) & 0xff))
        {
            // Somebody outside ended pid 1, or the kernel for want of memory. It did run.
            None if self.started.is_some() => Ending::Signaled { signal: SIGKILL },
            None => Failure::died_in_setup().into_ending(),
            Some((0, code)) => Ending::Exited { code },
            Some((SIGXCPU, _)) => {
                self.hit("cpu", Kind::LimitCpu, Layer::Rlimit);
                Ending::Limit {
                    limit: "cpu".to_owned(),
                }
            }
            Some((SIGXFSZ, _)) => {
                self.hit("file_size", Kind::LimitDisk, Layer::Rlimit);
                Ending::Limit {
                    limit: "file_size".to_owned(),
                }
            }
            Some((signal, _)) => {
                if signal == SIGSYS {
                    let violation = self.words.foreign_call(self.plan);
                    if let Some(first) = self.tally.note(violation) {
                        self.talk.tell(&Event::Violation(first));
                    }
                }
                Ending::Signaled { signal }
            }
        }
    }
}

/// Waits a while for a process that was killed; one that hangs in the kernel is not gone then.
fn is_gone(pidfd: BorrowedFd<'_>) -> bool {
    let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    let mut waiting = [PollFd::new(pidfd, PollFlags::POLLIN)];
    matches!(nix::poll::poll(&mut waiting, patience), Ok(1))
}

/// See [`Watch::silent`].
#[derive(Default)]
struct Silent {
    server: bool,
    status: bool,
    listener: bool,
}

struct Ready {
    ended: bool,
    server: bool,
    status: bool,
    status_closed: bool,
    listener: bool,
    call: bool,
    listener_closed: bool,
    names: bool,
    looks: bool,
    output: [bool; 2],
}

//! Holds a run's limits while it is watched, and finds out where the program was when it reached one.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use belljar_plan::Limits;
use belljar_report::{Event, Kind, Layer};
use nix::poll::{PollFd, PollFlags, PollTimeout};

use super::{MOST_LONGER, Stopped, Watch};
use crate::culprit::Stilled;
use crate::disk::open_files;
use crate::output::is_readable;
use crate::procfs::waited_for_us;
use crate::watcher::{INTERVAL, Look};

/// A program that stands, at a limit, where no line of the document can be told (in its runtime's own work between two
/// turns of a loop) is looked at so many times more, each after a moment.
const MORE_LOOKS: usize = 3;
const A_MOMENT: Duration = Duration::from_millis(5);
/// So long a program that can say where it is may take for that.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// So long it is waited for the line of a process too many.
const CROWDED: Duration = Duration::from_secs(1);

impl Watch<'_, '_> {
    /// Whether the run has lasted as long as it may. What a program that prints very much waits for us is not its own time.
    fn has_had_its_time(&mut self, lasted: Duration) -> bool {
        if lasted < self.wall {
            return false;
        }
        if let (Some(before), Some(now)) = (self.busy, waited_for_us()) {
            let limit = self.plan.limits.wall;
            let longer = now.saturating_sub(before);
            let longest = limit.saturating_mul(MOST_LONGER);
            self.wall = limit.saturating_add(longer).min(longest).max(self.wall);
        }
        lasted >= self.wall
    }

    pub(super) fn hold_limits(&mut self) {
        let now = Instant::now();
        if self.stopped.is_some() {
            self.next_look = now + INTERVAL;
            return;
        }
        if let Some(started) = self.started
            && self.has_had_its_time(now.duration_since(started))
        {
            return self.run_out_of_time();
        }
        if now < self.next_look {
            return;
        }
        let told = self.listener.overdue(false);
        self.note_all(told);
        let limits = &self.plan.limits;
        let mut look = self.watcher.look(limits);
        if let Some(group) = &self.standing.group {
            look.cpu = look.cpu.max(group.cpu());
        }
        // A look is never more than a tenth of our time, however many processes the program makes.
        self.next_look = now + INTERVAL.max(now.elapsed() * 9);
        if let Some(started) = self.started {
            self.next_look = self.next_look.min(started + self.wall);
        }
        self.see(look, limits);
        self.ask_the_group();
    }

    pub(super) fn run_out_of_time(&mut self) {
        self.hit("wall", Kind::LimitWall, Layer::Watcher);
        self.stop(Stopped::Limit("wall"));
    }

    /// What the kernel noted of limits that it holds for the whole cell.
    pub(super) fn ask_the_group(&mut self) {
        let Some(group) = &self.standing.group else {
            return;
        };
        let (memory, processes) = (group.memory_ran_out(), group.processes_ran_out());
        if processes {
            self.crowd();
        }
        if memory && self.stopped.is_none() {
            self.hit("memory", Kind::LimitMemory, Layer::Cgroup);
            self.stop(Stopped::Limit("memory"));
        }
    }

    fn see(&mut self, look: Look, limits: &Limits) {
        self.peak.memory = self.peak.memory.max(look.memory);
        self.peak.processes = self.peak.processes.max(look.processes);
        self.peak.cpu = self.peak.cpu.max(look.cpu);
        // A group counts what was refused; without one we guess it from how many there are.
        if self.standing.group.is_none() && look.tasks >= limits.processes {
            self.crowd();
        }
        if look.is_scratch_full {
            self.hit("scratch", Kind::LimitDisk, Layer::Mount);
        }
        // A group holds it exactly, where we would only now and then be the first to see it.
        let is_too_much = self.standing.group.is_none() && look.memory > limits.memory;
        if is_too_much || look.is_machine_full {
            self.hit("memory", Kind::LimitMemory, Layer::Watcher);
            self.stop(Stopped::Limit("memory"));
        } else if look.cpu > limits.cpu {
            self.hit("cpu", Kind::LimitCpu, Layer::Watcher);
            self.stop(Stopped::Limit("cpu"));
        }
    }

    /// Notes that there are as many processes as there may be. Most often one of them is about to stop at its first call, and
    /// tells the line; that is waited for.
    pub(super) fn crowd(&mut self) {
        let since = *self.crowded.get_or_insert_with(Instant::now);
        if since.elapsed() >= CROWDED {
            self.tell_of_crowd();
        }
    }

    pub(super) fn tell_of_crowd(&mut self) {
        self.hit("processes", Kind::LimitProcesses, self.layer_of_processes());
    }

    /// Who refuses a process too many.
    pub(super) fn layer_of_processes(&self) -> Layer {
        match self.standing.group {
            Some(_) => Layer::Cgroup,
            None => Layer::Rlimit,
        }
    }

    /// Finds out who fills scratch space, while it can still be found out.
    pub(super) fn look_at_filling(&mut self) {
        if self.listener.has_written() {
            self.filling.begins();
        }
        if self.filling.patience().is_none() || self.stopped.is_some() || self.is_over() {
            return;
        }
        let (used, size) = self.watcher.scratch();
        let largest_file = self.plan.limits.file_size;
        if self.filling.is_nearly_full(used, size, largest_file) {
            let mut nearly =
                self.words
                    .violation("scratch", Kind::LimitDisk, Layer::Mount, self.plan);
            let stilled = Stilled::below(self.standing.pid, || self.listener.keep_up());
            let suspects = stilled.suspects(Kind::LimitDisk);
            self.listener.put_on_line(&mut nearly, &suspects);
            let files = open_files(&suspects);
            // It went on until it stood still, which takes a while on a busy machine; and may have removed what it wrote.
            let used = used.max(self.watcher.scratch().0);
            stilled.go_on();
            self.filling.note(nearly, files, used, largest_file);
        }
        // A program that hears of it may have tidied up before the next ordinary look.
        if self.watcher.is_scratch_full() {
            self.hit("scratch", Kind::LimitDisk, Layer::Mount);
        }
    }

    /// Notes a limit as a violation, once.
    pub(super) fn hit(&mut self, limit: &'static str, kind: Kind, layer: Layer) {
        let mut violation = self.words.violation(limit, kind, layer, self.plan);
        if self.tally.has(&violation) {
            return;
        }
        // Where processes are started is known from the calls that do it, or not at all.
        if kind != Kind::LimitProcesses && !self.is_dead && !self.is_over() {
            let mut stilled = Stilled::below(self.standing.pid, || self.listener.keep_up());
            self.listener
                .put_on_line(&mut violation, &stilled.suspects(kind));
            for _ in 0..MORE_LOOKS {
                let is_loop = matches!(kind, Kind::LimitWall | Kind::LimitCpu);
                if !is_loop || violation.line.is_some() {
                    break;
                }
                stilled.go_on();
                self.let_it_move();
                stilled = Stilled::below(self.standing.pid, || self.listener.keep_up());
                self.listener
                    .put_on_line(&mut violation, &stilled.suspects(kind));
            }
            if matches!(kind, Kind::LimitWall | Kind::LimitCpu | Kind::LimitMemory)
                && violation.line.is_none()
                && let Some(process) = stilled.ask(&stilled.suspects(kind))
            {
                self.let_it_say(process, kind);
            }
            // Of all limits only this one does not end the run.
            if kind == Kind::LimitDisk {
                stilled.go_on();
            }
        }
        if kind == Kind::LimitDisk {
            self.filling.put_on_line(limit, &mut violation);
            if limit == "file_size" && violation.line.is_none() {
                self.listener.put_on_opening(&mut violation);
            }
        }
        if let Some(first) = self.tally.note(violation) {
            self.talk.tell(&Event::Violation(first));
        }
    }

    /// Gives the programs a moment in which to get on, unless the cell ends in it.
    fn let_it_move(&mut self) {
        let until = Instant::now() + A_MOMENT;
        let mut rest = A_MOMENT;
        while !rest.is_zero() {
            self.listener.keep_up();
            let mut waiting = vec![PollFd::new(self.standing.pidfd.as_fd(), PollFlags::POLLIN)];
            if self.listener.must_keep_up()
                && let Some(news) = self.listener.descriptor()
            {
                waiting.push(PollFd::new(news, PollFlags::POLLIN));
            }
            let patience = PollTimeout::try_from(rest).unwrap_or(PollTimeout::ZERO);
            let _ = nix::poll::poll(&mut waiting, patience);
            if waiting.first().is_some_and(|end| end.any().unwrap_or(true)) {
                return;
            }
            rest = until.saturating_duration_since(Instant::now());
        }
    }

    /// Reads what a program that was asked where it is has to say. It ends with that; nobody waits long for it.
    fn let_it_say(&mut self, process: BorrowedFd<'_>, kind: Kind) {
        let deadline = Instant::now() + LAST_WORDS;
        let limits = &self.plan.limits;
        // What runs on because of us may not take much more meanwhile.
        let most = self
            .peak
            .memory
            .max(limits.memory)
            .saturating_add(limits.memory / 8);
        while !is_readable(process) && Instant::now() < deadline {
            if kind == Kind::LimitMemory && self.watcher.look(limits).memory > most {
                break;
            }
            if self.listener.is_asked() {
                self.answer();
            }
            for stream in [0, 1] {
                if self.output.pipe(stream).is_some_and(is_readable) {
                    self.read_output(stream);
                }
            }
            let mut waiting = [PollFd::new(process, PollFlags::POLLIN)];
            let _ = nix::poll::poll(&mut waiting, 1u8);
        }
    }
}

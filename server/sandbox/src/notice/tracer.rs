//! The tracer of a cell: is told of the calls that stop where another program holds the listener, and passes everything else on
//! that a thread stops at only because it is traced.
//!
//! It traces pid 1 and whoever descends from it, and buries them: the kernel shows the end of somebody who is traced to their
//! parent only when the tracer has seen it. It never waits for any of them, but for the last of all.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use belljar_sys::{Change, Notification, StoppedCall, Waited};
use nix::errno::Errno;
use nix::libc::{
    SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSTOP, SIGSYS, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU,
};
use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::filter::{Arch, MARK, find, table};

/// So many changes are seen to, and then somebody else has a turn: a program can make them without end.
const MOST_CHANGES: usize = 256;
/// So often it is looked whether somebody ended, in case that it was not told.
const NOW_AND_THEN: Duration = Duration::from_millis(100);

/// Traces one cell.
pub struct Tracer {
    /// Can be read when something happened.
    news: OwnedFd,
    /// Pid 1 of the cell.
    first: i32,
    /// How it ended.
    end: Option<Waited>,
    /// Threads that wait for an answer.
    stopped: HashMap<i32, Stop>,
    /// Those of them that nobody has asked for yet, and their calls, in the order in which they stopped.
    unasked: VecDeque<(i32, u64)>,
    /// So many calls have stopped.
    stops: u64,
    /// More may have happened than was seen to.
    is_behind: bool,
}

struct Stop {
    call: Notification,
    how: How,
}

/// How the filter stopped a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// It is made when the thread goes on, unless it is taken back.
    Held,
    /// It was refused, and only its error is still to be said.
    Refused,
}

impl Tracer {
    /// Traces the cell whose pid 1 this is, which must have started nobody yet.
    ///
    /// # Errors
    /// This machine lets nobody be traced, or not by us.
    pub fn of(first: i32) -> io::Result<Tracer> {
        let news = belljar_sys::news_of_children()?;
        belljar_sys::seize(first)?;
        Ok(Tracer {
            news,
            first,
            end: None,
            stopped: HashMap::new(),
            unasked: VecDeque::new(),
            stops: 0,
            is_behind: false,
        })
    }

    /// To wait on.
    pub fn news(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }

    /// Whether there is something to see to although there may be no news.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Whether a call waits.
    pub fn has_call(&self) -> bool {
        !self.unasked.is_empty()
    }

    /// Sees to what happened: whoever need not be asked about goes on.
    pub fn keep_up(&mut self) {
        // First, so that what comes later is news again.
        belljar_sys::hear(self.news.as_fd());
        for _ in 0..MOST_CHANGES {
            let Ok(Some((thread, change))) = belljar_sys::next_change() else {
                self.is_behind = false;
                return;
            };
            self.see(thread, change);
        }
        self.is_behind = true;
    }

    /// The next call that waits.
    pub fn next(&mut self) -> Option<Notification> {
        while let Some((thread, id)) = self.unasked.pop_front() {
            let stop = self.stopped.get(&thread);
            if let Some(stop) = stop.filter(|stop| stop.call.id == id) {
                return Some(stop.call);
            }
        }
        None
    }

    fn see(&mut self, thread: i32, change: Change) {
        match change {
            Change::Call => match belljar_sys::stopped_call(thread) {
                Ok(Some((call, word))) if word == u32::from(MARK) && is_observed(&call) => {
                    self.hold(thread, call, How::Held);
                }
                // A filter of the program's own wants a tracer, and the program has none.
                Ok(_) => {
                    let _ = belljar_sys::skip_call(thread, refusal(Errno::ENOSYS as i32));
                    go_on(thread, 0);
                }
                Err(_) => {}
            },
            Change::Signal(SIGSYS) => match belljar_sys::refused_call(thread, MARK) {
                Ok(Some(call)) if is_row(&call) => self.hold(thread, call, How::Refused),
                Ok(_) => self.pass_on(thread, SIGSYS),
                Err(_) => {}
            },
            Change::Signal(signal) => self.pass_on(thread, signal),
            Change::Halted => {
                let _ = belljar_sys::stay_halted(thread);
            }
            Change::Executed => {
                // Whoever had this number before is gone.
                self.stopped.remove(&thread);
                go_on(thread, 0);
            }
            Change::Other => go_on(thread, 0),
            Change::Gone(end) => {
                self.stopped.remove(&thread);
                if thread == self.first {
                    self.end = Some(end);
                }
            }
        }
    }

    fn hold(&mut self, thread: i32, call: StoppedCall, how: How) {
        self.stops += 1;
        let call = Notification {
            id: self.stops,
            thread,
            number: call.number,
            arguments: call.arguments,
        };
        self.stopped.insert(thread, Stop { call, how });
        self.unasked.push_back((thread, call.id));
    }

    /// A thread gets a signal that was meant for it. The kernel keeps from pid 1 what the cell sends it, but not from one that is
    /// traced: so we do, and what it would die of by its own fault ends it.
    fn pass_on(&self, thread: i32, signal: i32) {
        let signal = match signal {
            SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU if thread == self.first => 0,
            SIGSEGV | SIGBUS | SIGILL | SIGFPE | SIGTRAP | SIGSYS
                if thread == self.first
                    && belljar_sys::is_signal_of_kernel(thread).unwrap_or(true) =>
            {
                let first = nix::unistd::Pid::from_raw(self.first);
                let _ = nix::sys::signal::kill(first, nix::sys::signal::Signal::SIGKILL);
                SIGKILL
            }
            signal => signal,
        };
        go_on(thread, signal);
    }

    /// Whether the thread still stands at that very call.
    pub fn is_alive(&self, call: &Notification) -> bool {
        self.how(call).is_some()
    }

    fn how(&self, call: &Notification) -> Option<How> {
        let stop = self.stopped.get(&call.thread)?;
        // Since we were told of it, another thread may have executed a program, and have this number now.
        let stands = match stop.how {
            How::Held => belljar_sys::stopped_call(call.thread).map(|told| told.is_some()),
            How::Refused => belljar_sys::refused_call(call.thread, MARK).map(|told| told.is_some()),
        };
        (stop.call.id == call.id && stands.unwrap_or(false)).then_some(stop.how)
    }

    /// Answers: as if the call had given `value`, or `None` to let it be made.
    ///
    /// # Errors
    /// The thread does not wait any more.
    pub fn answer(&mut self, call: &Notification, value: Option<i64>) -> io::Result<()> {
        let how = self.how(call).ok_or(io::ErrorKind::NotFound)?;
        self.stopped.remove(&call.thread);
        match (how, value) {
            (How::Held, None) => {}
            (How::Held, Some(value)) => belljar_sys::skip_call(call.thread, value)?,
            // What was refused is refused.
            (How::Refused, value) => {
                let value = value.unwrap_or(refusal(Errno::ENOSYS as i32));
                belljar_sys::set_result(call.thread, value)?;
            }
        }
        belljar_sys::go_on(call.thread, 0)
    }

    /// Waits until pid 1, which was killed, is gone, and says how it ended. Everybody else in the cell goes before it.
    pub fn bury(&mut self, patience: Option<Duration>) -> Option<Waited> {
        let started = Instant::now();
        loop {
            self.keep_up();
            let is_late = patience.is_some_and(|patience| started.elapsed() > patience);
            if self.end.is_some() || is_late {
                return self.end;
            }
            let mut waiting = [PollFd::new(self.news.as_fd(), PollFlags::POLLIN)];
            let most = PollTimeout::try_from(NOW_AND_THEN).unwrap_or(PollTimeout::ZERO);
            if !self.is_behind {
                let _ = nix::poll::poll(&mut waiting, most);
            }
        }
    }
}

fn is_observed(call: &StoppedCall) -> bool {
    let number = call.number.cast_unsigned();
    find(Arch::NATIVE, number, &call.arguments).is_some()
}

fn is_row(call: &StoppedCall) -> bool {
    let number = call.number.cast_unsigned();
    table::verdict(Arch::NATIVE, number, &call.arguments).is_some()
}

/// What a call gives that is refused with this error.
pub fn refusal(errno: i32) -> i64 {
    -i64::from(errno)
}

/// If the thread does not stand still any more, it was killed.
fn go_on(thread: i32, signal: i32) {
    let _ = belljar_sys::go_on(thread, signal);
}

//! Where the calls come from that the filter stops: the seccomp listener, or where another program holds it, a tracer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use belljar_sys::Notification;

use super::tracer::{Tracer, refusal};

/// Who is told of stopped calls.
pub enum Source {
    /// Whoever has this descriptor.
    Listener(OwnedFd),
    /// Whoever traces the cell.
    Tracer(Tracer),
}

impl Source {
    /// To wait on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Source::Listener(listener) => listener.as_fd(),
            Source::Tracer(tracer) => tracer.news(),
        }
    }

    /// Whether somebody must see to what happened also while no call is to be answered.
    pub fn must_keep_up(&self) -> bool {
        matches!(self, Source::Tracer(_))
    }

    /// Whether there is something to see to although the descriptor may not be readable.
    pub fn is_behind(&self) -> bool {
        match self {
            Source::Listener(_) => false,
            Source::Tracer(tracer) => tracer.is_behind(),
        }
    }

    /// Whether a call waits although the descriptor may not be readable.
    pub fn has_call(&self) -> bool {
        match self {
            Source::Listener(_) => false,
            Source::Tracer(tracer) => tracer.has_call(),
        }
    }

    /// Sees to what happened besides calls.
    pub fn keep_up(&mut self) {
        if let Source::Tracer(tracer) = self {
            tracer.keep_up();
        }
    }

    /// The next call that waits; none if its thread was killed in the meantime. Call when the descriptor is readable.
    pub fn next(&mut self) -> Option<Notification> {
        match self {
            Source::Listener(listener) => belljar_sys::next_notification(listener.as_fd()).ok(),
            Source::Tracer(tracer) => tracer.next(),
        }
    }

    /// Whether the thread still waits in that very call; what was read of its memory before is only worth something if so.
    pub fn is_alive(&self, call: &Notification) -> bool {
        match self {
            Source::Listener(listener) => belljar_sys::is_alive(listener.as_fd(), call.id),
            Source::Tracer(tracer) => tracer.is_alive(call),
        }
    }

    /// Refuses the call, or lets the kernel go on with it, which its other walls still judge.
    pub fn answer(&mut self, call: &Notification, errno: Option<i32>) -> bool {
        match self {
            Source::Listener(listener) => {
                belljar_sys::answer(listener.as_fd(), call.id, errno).is_ok()
            }
            Source::Tracer(tracer) => tracer.answer(call, errno.map(refusal)).is_ok(),
        }
    }

    /// Answers that the call has been made and gave `value`. Whether the thread heard.
    pub fn answer_done(&mut self, call: &Notification, value: i64) -> bool {
        match self {
            Source::Listener(listener) => {
                belljar_sys::answer_done(listener.as_fd(), call.id, value).is_ok()
            }
            Source::Tracer(tracer) => tracer.answer(call, Some(value)).is_ok(),
        }
    }
}

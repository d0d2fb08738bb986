//! Signals that ask Belljar to stop.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// SIGINT, SIGTERM and SIGHUP, as something that can be read.
pub struct Signals(SignalFd);

impl Signals {
    /// From now on these signals no longer end the process by themselves. Threads that are started later do not take them.
    pub fn new() -> io::Result<Signals> {
        let stops = stops();
        stops.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Signals(SignalFd::with_flags(&stops, flags)?))
    }

    /// From now on these signals end the process again.
    pub fn let_be() -> io::Result<()> {
        Ok(stops().thread_unblock()?)
    }

    /// To wait on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The number of the next one, if there is one.
    pub fn next(&self) -> Option<i32> {
        let read = self.0.read_signal().ok().flatten()?;
        i32::try_from(read.ssi_signo).ok()
    }
}

fn stops() -> SigSet {
    let stops = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    stops.into_iter().collect()
}

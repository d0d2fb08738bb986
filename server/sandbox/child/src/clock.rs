//! The second clock of a cell. The watcher ends a run on time; if it hangs, pid 1 ends it a little later.

use core::ffi::c_int;

use crate::kernel::{self, Errno, check};

/// Until when the programs may run.
pub struct Clock {
    end_ns: u64,
}

impl Clock {
    /// Starts it. When it is over, whoever waits in a call is interrupted, and again each second: the first time may be just
    /// before the call.
    pub fn start(lifetime_ns: u64) -> Result<Clock, Errno> {
        let end_ns = kernel::moment_ns().saturating_add(lifetime_ns);
        // SAFETY: all zeros is a valid `sigaction`: no flags, so that calls are interrupted, and nothing blocked.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        // The kernel passes over a signal for pid 1 that nobody handles.
        action.sa_sigaction = interrupt as extern "C" fn(c_int) as libc::sighandler_t;
        // SAFETY: a complete action, whose function does nothing; the old one is not asked for.
        check(unsafe { libc::sigaction(libc::SIGALRM, &raw const action, core::ptr::null_mut()) })?;
        let timer = libc::itimerval {
            it_interval: libc::timeval {
                tv_sec: 1,
                tv_usec: 0,
            },
            it_value: libc::timeval {
                tv_sec: (lifetime_ns / 1_000_000_000) as libc::time_t,
                tv_usec: (lifetime_ns % 1_000_000_000 / 1000) as libc::suseconds_t,
            },
        };
        // SAFETY: a complete timer; the old one is not asked for.
        check(unsafe {
            libc::setitimer(libc::ITIMER_REAL, &raw const timer, core::ptr::null_mut())
        })?;
        Ok(Clock { end_ns })
    }

    /// Whether it is over. Any program of the cell can send the signal, so that alone says nothing.
    pub fn is_over(&self) -> bool {
        kernel::moment_ns() >= self.end_ns
    }
}

extern "C" fn interrupt(_: c_int) {}

//! The cell's network, made by a second process beside pid 1. The kernel takes longer for it than for anything else in a start.
//! It is begun when nothing else is left to do without the plan: before, on two processors, it would hold up pid 1 or its parent.

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicI32, Ordering};

use crate::enter::Failed;
use crate::kernel::{self, Errno, check};
use crate::prepared::{Ground, Step};

/// The second process, and what it says, in memory that both share.
pub struct Network {
    /// Its number.
    process: AtomicI32,
    /// The network namespace, as a descriptor that both have.
    namespace: AtomicI32,
    /// The error of [`Step::Network`], if it failed.
    network: AtomicI32,
    /// The error of [`Step::Loopback`] likewise.
    loopback: AtomicI32,
}

impl Network {
    /// Nothing was said yet.
    pub const fn new() -> Network {
        Network {
            process: AtomicI32::new(-1),
            namespace: AtomicI32::new(-1),
            network: AtomicI32::new(0),
            loopback: AtomicI32::new(0),
        }
    }

    /// Starts the second process. It shares our memory, so that no page table is copied, and our
    /// descriptors.
    ///
    /// The C library's place for errors is shared too. So while it runs an error of ours may be read as one of its. It makes
    /// none unless it fails, and then there will be no cell.
    pub fn begin(&self, ground: &Ground<'_>) -> Result<(), Errno> {
        let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::SIGCHLD;
        let stack_top = ground.stack.as_ptr_range().end.cast_mut().cast::<c_void>();
        // SAFETY: nobody else uses the stack before `join`, and `self` outlives that; if we end before, the kernel ends the
        // other process too, because we are pid 1.
        let process = check(unsafe {
            libc::clone(
                make,
                stack_top,
                flags,
                core::ptr::from_ref(self).cast_mut().cast(),
            )
        })?;
        self.process.store(process, Ordering::Relaxed);
        Ok(())
    }

    /// Waits for the second process, and makes its network ours.
    pub fn join(&self) -> Result<(), Failed> {
        let process = self.process.load(Ordering::Relaxed);
        let failed = |error| (Step::Network, error, 0);
        loop {
            // SAFETY: the status is not asked for: what there is to say stands in `self`.
            match check(unsafe { libc::waitpid(process, core::ptr::null_mut(), 0) }) {
                Err(libc::EINTR) => {}
                waited => break waited.map(drop).map_err(failed)?,
            }
        }
        for (step, place) in [
            (Step::Network, &self.network),
            (Step::Loopback, &self.loopback),
        ] {
            let error = place.load(Ordering::Acquire);
            if error != 0 {
                return Err((step, error, 0));
            }
        }
        let namespace = self.namespace.load(Ordering::Acquire);
        // SAFETY: no pointers. If the other process ended before it could say anything, this is no descriptor.
        let joined = check(unsafe { libc::setns(namespace, libc::CLONE_NEWNET) });
        joined.map(drop).map_err(failed)
    }
}

extern "C" fn make(network: *mut c_void) -> c_int {
    // SAFETY: our parent passed a `Network` that it keeps until we have ended.
    let told = unsafe { &*network.cast::<Network>() };
    let failed = |result: Result<c_int, Errno>, place: &AtomicI32| {
        let error = result.err().unwrap_or_default();
        place.store(error, Ordering::Release);
        error != 0
    };
    // SAFETY: no pointers.
    let own = check(unsafe { libc::unshare(libc::CLONE_NEWNET) });
    if !failed(own, &told.network) && !failed(bring_up_loopback(), &told.loopback) {
        let namespace = kernel::open(c"/proc/self/ns/net", libc::O_RDONLY, 0);
        told.namespace
            .store(namespace.unwrap_or(-1), Ordering::Release);
        failed(namespace, &told.network);
    }
    // SAFETY: ends this process only, without a look at memory that is not its own.
    unsafe { libc::_exit(0) }
}

fn bring_up_loopback() -> Result<c_int, Errno> {
    // SAFETY: no pointers.
    let socket =
        check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: all zeros is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = *from as _;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: a complete `ifreq` that outlives the call.
    let up = check(unsafe { libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request) });
    kernel::close(socket);
    up
}

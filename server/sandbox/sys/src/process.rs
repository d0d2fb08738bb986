//! Making, naming, killing and waiting for processes.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, c_long, pid_t};

/// What `clone` and `fork` return: one call, two processes.
pub enum Cloned {
    /// This is the new process.
    Child,
    /// This is the old one.
    Parent {
        /// The new process's id as we see it.
        pid: pid_t,
        /// A descriptor that names the new process and no later one of the same id.
        pidfd: OwnedFd,
    },
}

/// `struct clone_args`, see clone(2).
#[repr(C, align(8))]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

fn result(value: c_long) -> io::Result<c_long> {
    if value < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(value)
    }
}

fn check(value: c_int) -> io::Result<()> {
    if value < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A plain fork. The caller must have a single thread.
pub fn fork() -> io::Result<Cloned> {
    clone(0)
}

/// Forks into a user namespace of its own. The caller must have a single thread.
pub fn fork_into_user_namespace() -> io::Result<Cloned> {
    clone(libc::CLONE_NEWUSER)
}

fn clone(namespaces: c_int) -> io::Result<Cloned> {
    let mut pidfd: RawFd = -1;
    let arguments = CloneArguments {
        flags: (namespaces | libc::CLONE_PIDFD) as u64,
        pidfd: &raw mut pidfd as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArguments::default()
    };
    // SAFETY: `arguments` is a complete `clone_args` of the size given and outlives the call; without CLONE_VM and
    // without a stack the child goes on in its own copy of this one, as after fork.
    let pid = result(unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            size_of::<CloneArguments>(),
        )
    })?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    // SAFETY: the kernel has just put a new descriptor there, which nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Cloned::Parent {
        pid: pid as pid_t,
        pidfd,
    })
}

/// Lets the kernel kill this process when the thread that forked it ends. Reset by a change of user id.
pub fn set_parent_death_signal() -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })
}

/// Whether processes of the same user may look into this one.
pub fn set_dumpable(dumpable: bool) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe {
        libc::prctl(
            libc::PR_SET_DUMPABLE,
            libc::c_ulong::from(dumpable),
            0,
            0,
            0,
        )
    })
}

/// Names this process for `ps`. The kernel keeps 15 bytes.
pub fn set_name(name: &CStr) {
    // SAFETY: a `CStr` ends in null. Cannot fail.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) };
}

/// Closes every descriptor from `first` on.
pub fn close_descriptors_from(first: RawFd) -> io::Result<()> {
    // SAFETY: no pointers; the caller gives up whatever it had there.
    result(unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) }).map(drop)
}

/// Kills the process that `pidfd` names, and no other.
pub fn kill_by_descriptor(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open; a null `siginfo` means the usual one.
    result(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            libc::SIGKILL,
            std::ptr::null::<u8>(),
            0,
        )
    })
    .map(drop)
}

/// A descriptor that names process `pid`, or whoever has that number now.
pub fn descriptor_of_process(pid: pid_t) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the kernel made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Sends a signal to the process that `pidfd` names, and to no other.
pub fn signal_by_descriptor(pidfd: BorrowedFd<'_>, signal: c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open; a null `siginfo` means the usual one.
    result(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<u8>(),
            0,
        )
    })
    .map(drop)
}

/// A copy of descriptor `number` of the process that `pidfd` names. Needs the right to trace it.
pub fn descriptor_of(pidfd: BorrowedFd<'_>, number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; the descriptor is open.
    let fd = result(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) })?;
    // SAFETY: the kernel made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// What is left of a process after its end.
#[derive(Clone, Copy, Debug)]
pub struct Waited {
    /// As in wait(2).
    pub status: c_int,
    /// User and system time, those of its waited-for children included, in microseconds.
    pub cpu_us: u64,
    /// The largest resident set of any of them, in bytes.
    pub peak_resident: u64,
}

/// Waits for the child `pid` to end.
pub fn wait_for(pid: pid_t) -> io::Result<Waited> {
    let mut status = 0;
    // SAFETY: all zeros is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both places are ours and outlive the call.
        let got = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if got == pid && libc::WIFSTOPPED(status) {
            // We traced it, and it stopped before it was killed.
            continue;
        }
        if got == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(used(status, &usage))
}

/// What a process used, by what the kernel says at its end.
pub(crate) fn used(status: c_int, usage: &libc::rusage) -> Waited {
    let time = |t: libc::timeval| t.tv_sec as u64 * 1_000_000 + t.tv_usec as u64;
    Waited {
        status,
        cpu_us: time(usage.ru_utime) + time(usage.ru_stime),
        peak_resident: usage.ru_maxrss as u64 * 1024,
    }
}

/// The version of Landlock that the kernel has on; 0 for none.
pub fn landlock_abi() -> u32 {
    const VERSION: c_int = 1;
    // SAFETY: with the version flag the kernel reads no memory.
    let abi = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0,
            VERSION,
        )
    };
    u32::try_from(abi).unwrap_or(0)
}

/// Makes `number` a copy of `fd`, whatever it was before.
pub fn duplicate_to(fd: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    // SAFETY: no pointers; the caller gives up whatever it had at `number`.
    check(unsafe { libc::dup2(fd.as_raw_fd(), number) })
}

/// Closes the descriptors from `first` to `last`.
pub fn close_descriptors_between(first: RawFd, last: RawFd) -> io::Result<()> {
    // SAFETY: no pointers; the caller gives up whatever it had there.
    result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

/// Takes ownership of descriptor `number`, which must be open, and lets no exec pass it on. For a process that has just
/// closed everything else, so that nobody else can own it.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: open (fcntl has just said so), and unowned by the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Undoes [`set_parent_death_signal`]: this process may outlive its parent, for as long as it takes to tidy up.
pub fn clear_parent_death_signal() -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, 0, 0, 0, 0) })
}

/// Our number for the thread that has `number` in another process namespace, below ours. Linux 6.11 and later.
///
/// # Errors
/// ENOTTY from older kernels; ESRCH if there is no such thread.
pub fn thread_of(namespace: BorrowedFd<'_>, number: u32) -> io::Result<i32> {
    // NS_GET_PID_FROM_PIDNS of include/uapi/linux/nsfs.h: _IOR(0xb7, 6, int).
    const GET: libc::c_ulong = 0x8004_b706;
    // SAFETY: the argument is a number, and nothing is written.
    let found =
        unsafe { libc::ioctl(namespace.as_raw_fd(), GET as _, libc::c_ulong::from(number)) };
    check(found)?;
    Ok(found)
}

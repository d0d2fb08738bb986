//! The seccomp listener: which system calls are waiting for our word, and giving it. See seccomp_unotify(2).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::process::Cloned;

/// A system call that a thread of the cell is waiting in.
#[derive(Clone, Copy, Debug)]
pub struct Notification {
    /// Names this one stop.
    pub id: u64,
    /// The thread, as we see it.
    pub thread: i32,
    /// The call's number.
    pub number: i32,
    /// Its arguments, as the thread gave them. Memory that they point at may change at any time.
    pub arguments: [u64; 6],
}

#[repr(C)]
#[derive(Default)]
struct Data {
    number: i32,
    arch: u32,
    instruction_pointer: u64,
    arguments: [u64; 6],
}

#[repr(C)]
#[derive(Default)]
struct Request {
    id: u64,
    pid: u32,
    flags: u32,
    data: Data,
}

#[repr(C)]
struct Response {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

// From include/uapi/linux/seccomp.h: _IOWR('!', 0, 80 bytes), _IOWR('!', 1, 24 bytes), _IOW('!', 2, u64).
const RECEIVE: libc::c_ulong = 0xC050_2100;
const SEND: libc::c_ulong = 0xC018_2101;
const ID_VALID: libc::c_ulong = 0x4008_2102;
const CONTINUE: u32 = 1;
// _IOW('!', 4, u64), and its only flag.
const SET_FLAGS: libc::c_ulong = 0x4008_2104;
const SYNC_WAKE_UP: libc::c_ulong = 1;

/// Lets the kernel wake us and the waiting thread in turn on one processor, where it can. Older kernels cannot, and it
/// is only faster.
pub fn take_turns(listener: BorrowedFd<'_>) {
    // SAFETY: the argument is a number, no pointer.
    unsafe { libc::ioctl(listener.as_raw_fd(), SET_FLAGS as _, SYNC_WAKE_UP) };
}

/// Takes the next waiting call. Fails with ENOENT when its thread died in the meantime.
pub fn next_notification(listener: BorrowedFd<'_>) -> io::Result<Notification> {
    let mut request = Request::default();
    // SAFETY: `request` is a zeroed `seccomp_notif`, as the kernel demands, and the kernel writes no further.
    if unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE as _, &raw mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Notification {
        id: request.id,
        thread: request.pid as i32,
        number: request.data.number,
        arguments: request.data.arguments,
    })
}

/// Whether the thread still waits in that very call; what was read of its memory before is only worth something if so.
pub fn is_alive(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the kernel reads one `u64`.
    unsafe { libc::ioctl(listener.as_raw_fd(), ID_VALID as _, &raw const id) == 0 }
}

/// Answers: `Some(errno)` refuses, `None` lets the kernel go on with the call, which its other walls still judge.
pub fn answer(listener: BorrowedFd<'_>, id: u64, refusal: Option<i32>) -> io::Result<()> {
    respond(
        listener,
        &Response {
            id,
            value: 0,
            error: refusal.map_or(0, |errno| -errno),
            flags: if refusal.is_some() { 0 } else { CONTINUE },
        },
    )
}

/// Answers that the call has been made and gave `value`. The kernel does nothing more for it. Fails if the thread does not
/// wait any more: then it does not see this answer, and may make the call again.
pub fn answer_done(listener: BorrowedFd<'_>, id: u64, value: i64) -> io::Result<()> {
    respond(
        listener,
        &Response {
            id,
            value,
            error: 0,
            flags: 0,
        },
    )
}

/// Tries to have a listener, in a child that ends with it.
///
/// # Errors
/// Why there is none. EBUSY: a filter that we live under has one, and another program holds it.
pub fn try_listener() -> io::Result<()> {
    const SET_MODE_FILTER: libc::c_ulong = 1;
    const NEW_LISTENER: libc::c_ulong = 1 << 3;
    const ALLOW: u32 = 0x7fff_0000;
    let mut instruction = libc::sock_filter {
        code: 0x06,
        jt: 0,
        jf: 0,
        k: ALLOW,
    };
    let program = libc::sock_fprog {
        len: 1,
        filter: &raw mut instruction,
    };
    let pid = match crate::process::fork()? {
        Cloned::Parent { pid, .. } => pid,
        Cloned::Child => {
            // SAFETY: a complete program of one instruction that outlives the call; then this process ends, and nothing of
            // what it shares with its parent was touched.
            unsafe {
                libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                let listener = libc::syscall(
                    libc::SYS_seccomp,
                    SET_MODE_FILTER,
                    NEW_LISTENER,
                    &raw const program,
                );
                let error = match listener {
                    0.. => 0,
                    _ => *libc::__errno_location(),
                };
                libc::_exit(error & 0xff)
            }
        }
    };
    let status = crate::process::wait_for(pid)?.status;
    match libc::WEXITSTATUS(status) {
        _ if !libc::WIFEXITED(status) => Err(io::ErrorKind::Other.into()),
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn respond(listener: BorrowedFd<'_>, response: &Response) -> io::Result<()> {
    // SAFETY: `response` is a complete `seccomp_notif_resp` and outlives the call.
    if unsafe { libc::ioctl(listener.as_raw_fd(), SEND as _, &raw const *response) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

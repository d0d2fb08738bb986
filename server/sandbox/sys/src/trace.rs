//! Tracing: the other way to be told of the calls that a filter stops, and everything that a tracer owes those whom it
//! traces. See ptrace(2).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libc::{c_int, c_long};

use crate::process::{Cloned, Waited, fork, used, wait_for};

/// What happened to a thread that is traced. But for the last one, it stands still until it is told to go on.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// The filter stopped it at a call.
    Call,
    /// It is about to get this signal.
    Signal(c_int),
    /// It stands still with all of its process, because somebody told that to stop.
    Halted,
    /// It goes on with another program, perhaps as the successor of the first thread, whose number it has from now on.
    Executed,
    /// It has just started, or started somebody, or goes on after a halt.
    Other,
    /// It is no more.
    Gone(Waited),
}

/// A call that a thread is stopped at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoppedCall {
    /// Its number.
    pub number: i32,
    /// Its arguments, as the thread gave them.
    pub arguments: [u64; 6],
}

// From include/uapi/linux/ptrace.h.
const CONTINUE: c_long = 7;
const GET_SIGNAL: c_long = 0x4202;
const GET_REGISTERS: c_long = 0x4204;
const SEIZE: c_long = 0x4206;
const LISTEN: c_long = 0x4208;
const GET_CALL: c_long = 0x420e;
const FOLLOW_FORKS: c_long = 1 << 1;
const FOLLOW_VFORKS: c_long = 1 << 2;
const FOLLOW_CLONES: c_long = 1 << 3;
const TELL_EXECUTIONS: c_long = 1 << 4;
const TELL_FILTERED_CALLS: c_long = 1 << 7;
const DIE_WITH_TRACER: c_long = 1 << 20;
const EVENT_EXECUTED: c_int = 4;
const EVENT_FILTERED_CALL: c_int = 7;
const EVENT_STOP: c_int = 128;
const CALL_OF_FILTER: u8 = 3;
/// NT_PRSTATUS of include/uapi/linux/elf.h.
const GENERAL: c_long = 1;
/// SYS_SECCOMP of include/uapi/asm-generic/siginfo.h.
const BY_FILTER: c_int = 1;

fn ptrace(request: c_long, thread: i32, address: c_long, data: c_long) -> io::Result<c_long> {
    // SAFETY: only this file calls this. Whatever is passed as a pointer is as large as the request writes or reads, and
    // outlives the call; of the traced thread only the kernel's checked copy is touched.
    let result = unsafe {
        libc::syscall(
            libc::SYS_ptrace,
            request,
            c_long::from(thread),
            address,
            data,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// Traces a process, and from then on whoever it starts, to the end of each of them. It goes on meanwhile. If this thread ends
/// they are killed.
///
/// # Errors
/// This machine lets nobody be traced, or not by us.
pub fn seize(process: i32) -> io::Result<()> {
    let options = FOLLOW_FORKS
        | FOLLOW_VFORKS
        | FOLLOW_CLONES
        | TELL_EXECUTIONS
        | TELL_FILTERED_CALLS
        | DIE_WITH_TRACER;
    ptrace(SEIZE, process, 0, options).map(drop)
}

/// Tries to trace somebody, a child that does nothing.
///
/// # Errors
/// This machine lets nobody be traced, or not by us.
pub fn try_tracing() -> io::Result<()> {
    let pid = match fork()? {
        Cloned::Parent { pid, .. } => pid,
        // SAFETY: no pointers. It waits for the signal that ends it, also if that is its parent's end.
        Cloned::Child => unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
            loop {
                libc::pause();
            }
        },
    };
    let traced = seize(pid);
    // SAFETY: no pointers; nobody has waited for it, so the number is its own.
    unsafe { libc::kill(pid, libc::SIGKILL) };
    wait_for(pid)?;
    traced
}

/// Lets a thread go on that stands still, with this signal if it is not 0.
///
/// # Errors
/// It does not stand still any more: somebody killed it.
pub fn go_on(thread: i32, signal: c_int) -> io::Result<()> {
    ptrace(CONTINUE, thread, 0, c_long::from(signal)).map(drop)
}

/// Leaves a halted thread as it is, until its process is told to continue.
///
/// # Errors
/// It is not halted any more.
pub fn stay_halted(thread: i32) -> io::Result<()> {
    ptrace(LISTEN, thread, 0, 0).map(drop)
}

/// The next thread to which something happened; none if nothing did. Of a child that is not traced only the end is a change.
///
/// # Errors
/// There is no child and nobody who is traced.
pub fn next_change() -> io::Result<Option<(i32, Change)>> {
    let mut status = 0;
    // SAFETY: all zeros is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let flags = libc::WNOHANG | libc::__WALL;
    // SAFETY: both places are ours and outlive the call.
    let thread = unsafe { libc::wait4(-1, &raw mut status, flags, &raw mut usage) };
    match thread {
        0 => Ok(None),
        1.. => Ok(Some((thread, change(status, &usage)))),
        _ => Err(io::Error::last_os_error()),
    }
}

fn change(status: c_int, usage: &libc::rusage) -> Change {
    if !libc::WIFSTOPPED(status) {
        return Change::Gone(used(status, usage));
    }
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        0 => Change::Signal(signal),
        EVENT_FILTERED_CALL => Change::Call,
        EVENT_EXECUTED => Change::Executed,
        EVENT_STOP if signal != libc::SIGTRAP => Change::Halted,
        _ => Change::Other,
    }
}

/// `struct ptrace_syscall_info`, as it is at a call that a filter stopped.
#[repr(C)]
#[derive(Default)]
struct CallInformation {
    kind: u8,
    unused: [u8; 3],
    architecture: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    number: u64,
    arguments: [u64; 6],
    data: u32,
    reserved: u32,
}

/// The call at which a filter stopped this thread, and that filter's word; none if it does not stand there.
///
/// # Errors
/// It does not stand still.
pub fn stopped_call(thread: i32) -> io::Result<Option<(StoppedCall, u32)>> {
    let mut told = CallInformation::default();
    ptrace(
        GET_CALL,
        thread,
        size_of::<CallInformation>() as c_long,
        &raw mut told as c_long,
    )?;
    let call = StoppedCall {
        number: told.number as i32,
        arguments: told.arguments,
    };
    Ok((told.kind == CALL_OF_FILTER).then_some((call, told.data)))
}

/// `siginfo_t`, as it is for SIGSYS on both machines.
#[repr(C)]
#[derive(Default)]
struct SignalInformation {
    signal: c_int,
    data: c_int,
    code: c_int,
    unused: c_int,
    address: u64,
    number: c_int,
    architecture: u32,
    rest: [u64; 12],
}

/// Whether the signal that this thread is about to get is the kernel's own, and not one that somebody sent.
///
/// # Errors
/// It is about to get none.
pub fn is_signal_of_kernel(thread: i32) -> io::Result<bool> {
    Ok(signal_of(thread)?.code > 0)
}

fn signal_of(thread: i32) -> io::Result<SignalInformation> {
    let mut told = SignalInformation::default();
    ptrace(GET_SIGNAL, thread, 0, &raw mut told as c_long)?;
    Ok(told)
}

/// The call that the filter refused with SIGSYS and the word `mark`, if that is the signal which this thread is about to get.
/// The call was not made, and will not be.
///
/// # Errors
/// It is about to get no signal.
pub fn refused_call(thread: i32, mark: u16) -> io::Result<Option<StoppedCall>> {
    let told = signal_of(thread)?;
    if told.signal != libc::SIGSYS || told.code != BY_FILTER || told.data != c_int::from(mark) {
        return Ok(None);
    }
    let call = machine::call_in(&registers_of(thread)?);
    // A thread can send itself such a signal. Then it has just made another call.
    Ok((call.number == told.number).then_some(call))
}

fn registers_of(thread: i32) -> io::Result<libc::user_regs_struct> {
    // SAFETY: all zeros are valid registers.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    let place = libc::iovec {
        iov_base: (&raw mut registers).cast(),
        iov_len: size_of::<libc::user_regs_struct>(),
    };
    ptrace(GET_REGISTERS, thread, GENERAL, &raw const place as c_long)?;
    Ok(registers)
}

/// Has a call that the filter stopped not be made: to the thread it gives `value`. The thread still has to be told to go on.
///
/// # Errors
/// It does not stand still.
pub fn skip_call(thread: i32, value: i64) -> io::Result<()> {
    machine::unmake_call(thread)?;
    machine::set_result(thread, value)
}

/// What a call gives that the filter refused with SIGSYS. The thread still has to be told to go on, without the signal.
///
/// # Errors
/// It does not stand still.
pub fn set_result(thread: i32, value: i64) -> io::Result<()> {
    machine::set_result(thread, value)
}

#[cfg(target_arch = "x86_64")]
mod machine {
    use std::mem::offset_of;

    use super::*;

    const SET_WORD: c_long = 6;

    pub fn call_in(registers: &libc::user_regs_struct) -> StoppedCall {
        StoppedCall {
            number: registers.orig_rax as i32,
            arguments: [
                registers.rdi,
                registers.rsi,
                registers.rdx,
                registers.r10,
                registers.r8,
                registers.r9,
            ],
        }
    }

    pub fn unmake_call(thread: i32) -> io::Result<()> {
        set(thread, offset_of!(libc::user_regs_struct, orig_rax), -1)
    }

    pub fn set_result(thread: i32, value: i64) -> io::Result<()> {
        set(thread, offset_of!(libc::user_regs_struct, rax), value)
    }

    /// `struct user` begins with the registers.
    fn set(thread: i32, offset: usize, value: i64) -> io::Result<()> {
        ptrace(SET_WORD, thread, offset as c_long, value as c_long).map(drop)
    }
}

#[cfg(target_arch = "aarch64")]
mod machine {
    use super::*;

    const SET_REGISTERS: c_long = 0x4205;
    /// NT_ARM_SYSTEM_CALL of include/uapi/linux/elf.h.
    const CALL: c_long = 0x404;

    pub fn call_in(registers: &libc::user_regs_struct) -> StoppedCall {
        let [a, b, c, d, e, f, _, _, number, ..] = registers.regs;
        StoppedCall {
            number: number as i32,
            arguments: [a, b, c, d, e, f],
        }
    }

    pub fn unmake_call(thread: i32) -> io::Result<()> {
        let mut none: c_int = -1;
        set(thread, CALL, &mut none)
    }

    pub fn set_result(thread: i32, value: i64) -> io::Result<()> {
        let mut registers = registers_of(thread)?;
        let [first, ..] = &mut registers.regs;
        *first = value as u64;
        set(thread, GENERAL, &mut registers)
    }

    fn set<T>(thread: i32, kind: c_long, value: &mut T) -> io::Result<()> {
        let place = libc::iovec {
            iov_base: std::ptr::from_mut(value).cast(),
            iov_len: size_of::<T>(),
        };
        ptrace(SET_REGISTERS, thread, kind, &raw const place as c_long).map(drop)
    }
}

/// Can be read when something happened to a child, or to somebody who is traced. Every thread that this one starts from now on
/// leaves it to whoever reads.
///
/// # Errors
/// What the kernel said.
pub fn news_of_children() -> io::Result<OwnedFd> {
    // SAFETY: all zeros is a valid set and a valid action, the default one: whoever ignores this signal is told of nobody.
    let (mut set, action): (libc::sigset_t, libc::sigaction) = unsafe { std::mem::zeroed() };
    let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
    // SAFETY: set and action are ours and outlive the calls; what they replace is not asked for.
    let news = unsafe {
        libc::sigaction(libc::SIGCHLD, &raw const action, std::ptr::null_mut());
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        let blocked = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        if blocked != 0 {
            return Err(io::Error::from_raw_os_error(blocked));
        }
        libc::signalfd(-1, &raw const set, flags)
    };
    if news < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(news) })
}

/// Takes the news in: until there are others, the descriptor cannot be read.
pub fn hear(news: BorrowedFd<'_>) {
    let mut told = [0u8; size_of::<libc::signalfd_siginfo>()];
    // SAFETY: `told` is ours and as long as said. What is in it does not matter: one signal stands for many.
    unsafe { libc::read(news.as_raw_fd(), told.as_mut_ptr().cast(), told.len()) };
}

//! Pid 1 of the cell: enters, waits for the word, starts the programs one after the other, reaps, and says how they ended.

use core::cell::Cell;
use core::ffi::{c_char, c_int, c_void};

use crate::clock::Clock;
use crate::enter::{Failed, break_ground, enter};
use crate::kernel::{self, Errno, check, check_long};
use crate::network::Network;
use crate::prepared::{Answer, Ground, Instruction, Message, Prepared, Program, Step};

/// Clones into a user and a process namespace of its own; the clone becomes pid 1 of a cell and never returns. It builds
/// what it can, and waits to be told by [`hand_over`] what else is wanted. Gives its process id and a descriptor that names
/// it.
///
/// The caller must have one thread: the clone is alone, and a lock that another thread held would never open again.
///
/// # Errors
/// What the kernel said to clone3.
pub fn clone_into_cell(ground: &Ground<'_>) -> Result<(c_int, c_int), Errno> {
    const NAMESPACES: c_int = libc::CLONE_NEWUSER | libc::CLONE_NEWPID;
    /// Places for what the kernel is told: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
    /// set_tid, set_tid_size, cgroup.
    const ARGUMENTS: usize = 11;
    /// The first version of them, which has no group.
    const WITHOUT_GROUP: usize = 8;
    const INTO_GROUP: u64 = 0x2_0000_0000;
    let mut pidfd: c_int = -1;
    let mut flags = (NAMESPACES | libc::CLONE_PIDFD) as u64;
    let mut count = WITHOUT_GROUP;
    if ground.group >= 0 {
        // The namespace of groups is made later, when the child is in it: made now its root would be our own group.
        flags |= INTO_GROUP;
        count = ARGUMENTS;
    }
    let arguments: [u64; ARGUMENTS] = [
        flags,
        &raw mut pidfd as u64,
        0,
        0,
        libc::SIGCHLD as u64,
        0,
        0,
        0,
        0,
        0,
        ground.group.max(0) as u64,
    ];
    // SAFETY: `arguments` is a complete `clone_args` of either size and outlives the call; without CLONE_VM and
    // without a stack the child goes on in its own copy of this one, as after fork.
    let pid = check_long(unsafe {
        libc::syscall(
            libc::SYS_clone3,
            arguments.as_ptr(),
            count * size_of::<u64>(),
        )
    })?;
    if pid == 0 {
        run(ground)
    } else {
        Ok((pid, pidfd))
    }
}

/// Tells pid 1, over our end `socket` of its status socket, what the cell is to be. If it is gone, what it said before says
/// why.
///
/// `prepared`, and everything that it refers to, lies in memory that was mapped shared before the clone; otherwise pid 1 dies
/// of it, and nothing is executed.
pub fn hand_over(socket: c_int, prepared: &Prepared<'_>) {
    let address = core::ptr::from_ref(prepared)
        .expose_provenance()
        .to_ne_bytes();
    // SAFETY: `address` is valid for its length. Without a signal if pid 1 is gone.
    unsafe {
        libc::send(
            socket,
            address.as_ptr().cast::<c_void>(),
            address.len(),
            libc::MSG_NOSIGNAL,
        )
    };
}

/// Answers pid 1, which has no listener: it is traced from now on, and is to load this filter; or it is not, and knows one itself.
///
/// `filter` lies in memory that was mapped shared before the clone; otherwise pid 1 dies of it, and nothing is executed.
pub fn hand_over_filter(socket: c_int, filter: Option<&[Instruction]>) {
    let filter = filter.unwrap_or_default();
    let place = [filter.as_ptr().expose_provenance(), filter.len()];
    // SAFETY: `place` is valid for its size. Without a signal if pid 1 is gone.
    unsafe {
        libc::send(
            socket,
            place.as_ptr().cast::<c_void>(),
            size_of_val(&place),
            libc::MSG_NOSIGNAL,
        )
    };
}

/// Becomes pid 1 of the cell. Never returns.
fn run(ground: &Ground<'_>) -> ! {
    // Whoever cloned us may end before we have asked to die with it. Then nobody holds the other end.
    kernel::close(ground.watchers_end);
    kernel_name();
    forget_environment();
    let status = match conduct(ground) {
        Ok(()) => 0,
        Err((step, error, index)) => {
            let failure = Message {
                kind: b'F',
                step: step as u8,
                value: error,
                index: index as u32,
                ..Message::default()
            };
            say(ground.status, &failure);
            1
        }
    };
    // SAFETY: ends this process, and with it everything in the cell.
    unsafe { libc::_exit(status) }
}

fn kernel_name() {
    // SAFETY: a `CStr` ends in null. Only a name for `ps`.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"belljar:init".as_ptr(), 0, 0, 0) };
}

/// Overwrites our copy of the environment of whoever started Belljar: programs get another one, and nothing of this one is
/// to be found in the cell.
fn forget_environment() {
    unsafe extern "C" {
        static environ: *mut *mut c_char;
    }
    // SAFETY: we are alone in our memory. Each entry is a string that ends in null, in memory that the kernel gave this process
    // to write; the list itself ends in a null pointer.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let mut at = *entry;
            while *at != 0 {
                *at = 0;
                at = at.add(1);
            }
            entry = entry.add(1);
        }
    }
}

fn conduct(ground: &Ground<'_>) -> Result<(), Failed> {
    let network = Network::new();
    let site = break_ground(ground, &network)?;
    let Some(p) = await_plan(ground.status) else {
        return Ok(());
    };
    let ready = enter(ground, &site, p)?;
    say(ground.status, &ready);
    if !is_told_to_go(ground.status) {
        return Ok(());
    }
    for fd in ready.descriptors {
        if fd >= 0 {
            kernel::close(fd);
        }
    }
    // Only now: until here the watcher had to be able to take descriptors over. From here on the programs, which have
    // our user id, can neither look into this process nor see it.
    let _ = kernel::prctl(libc::PR_SET_DUMPABLE, 0, 0);
    let clock = Clock::start(p.lifetime_ns).map_err(|error| (Step::Limits, error, 0))?;
    for (index, program) in p.programs.iter().enumerate() {
        let is_last = index + 1 == p.programs.len();
        if p.waits && is_last && index > 0 && !is_told_to_go(ground.status) {
            break;
        }
        // Before the program runs: we stand still until it executes, and on another processor it may be over by then.
        let started_ns = kernel::moment_ns();
        let pid = start(ground, p, program).map_err(|(step, error)| (step, error, index))?;
        say(
            ground.status,
            &Message {
                kind: b'S',
                moment_ns: started_ns,
                index: index as u32,
                ..Message::default()
            },
        );
        let Some(status) = reap_until(pid, &clock) else {
            say(
                ground.status,
                &Message {
                    kind: b'T',
                    ..Message::default()
                },
            );
            break;
        };
        let moment_ns = kernel::moment_ns();
        let left = end_the_rest();
        say(ground.status, &ended(status, moment_ns, left));
        if status != 0 {
            break;
        }
    }
    Ok(())
}

/// Sends one datagram. If nobody hears it any more, the watcher is dead and so are we, in a moment.
pub fn say(status: c_int, message: &Message) {
    // SAFETY: `message` is plain data and valid for its size.
    unsafe {
        libc::write(
            status,
            core::ptr::from_ref(message).cast::<c_void>(),
            size_of::<Message>(),
        )
    };
}

/// Waits for the address of what the cell is to be. `None` if nobody is there any more who could tell.
fn await_plan<'a>(status: c_int) -> Option<&'a Prepared<'a>> {
    let mut address = [0u8; size_of::<usize>()];
    loop {
        // SAFETY: `address` is ours and as long as said.
        let n = unsafe { libc::read(status, address.as_mut_ptr().cast::<c_void>(), address.len()) };
        if n < 0 && kernel::errno() == libc::EINTR {
            continue;
        }
        if usize::try_from(n) != Ok(address.len()) {
            return None;
        }
        let prepared =
            core::ptr::with_exposed_provenance::<Prepared<'a>>(usize::from_ne_bytes(address));
        // SAFETY: our parent alone holds the other end of this socket, and tells the address of a complete `Prepared` in
        // memory that was mapped shared before we were cloned (see `hand_over`). We keep that mapping to our end.
        return unsafe { prepared.as_ref() };
    }
}

/// Tells the watcher that there is no listener, because of this error, and waits for its answer: the filter for somebody who is
/// traced, if it traces us. `None` if it does not, or is gone.
pub fn ask_for_a_tracer<'a>(status: c_int, error: Errno) -> Option<&'a [Instruction]> {
    let question = Message {
        kind: b'N',
        value: error,
        ..Message::default()
    };
    say(status, &question);
    let mut place = [0usize; 2];
    loop {
        // SAFETY: `place` is ours and as large as said.
        let n = unsafe {
            libc::read(
                status,
                place.as_mut_ptr().cast::<c_void>(),
                size_of_val(&place),
            )
        };
        if n < 0 && kernel::errno() == libc::EINTR {
            continue;
        }
        let [first, length] = place;
        if usize::try_from(n) != Ok(size_of_val(&place)) || length == 0 {
            return None;
        }
        let first = core::ptr::with_exposed_provenance::<Instruction>(first);
        // SAFETY: our parent alone holds the other end of this socket, and tells where as many instructions lie in memory that
        // was mapped shared before we were cloned (see `hand_over_filter`). We keep that mapping to our end.
        return Some(unsafe { core::slice::from_raw_parts(first, length) });
    }
}

fn is_told_to_go(status: c_int) -> bool {
    let mut answer = 0u8;
    loop {
        // SAFETY: one byte, ours.
        let n = unsafe { libc::read(status, (&raw mut answer).cast::<c_void>(), 1) };
        if n < 0 && kernel::errno() == libc::EINTR {
            continue;
        }
        return n == 1 && answer == Answer::Go as u8;
    }
}

/// Waits for `pid`, and for every orphan that ends meanwhile. `None` if their time is over.
fn reap_until(pid: c_int, clock: &Clock) -> Option<c_int> {
    loop {
        let mut status = 0;
        // SAFETY: `status` is ours.
        let ended = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        if ended == pid {
            return Some(status);
        }
        if ended < 0 && kernel::errno() != libc::EINTR {
            // No child at all, which cannot be: report it as killed rather than as a success.
            return Some(libc::SIGKILL);
        }
        if clock.is_over() {
            return None;
        }
    }
}

/// Ends what the program left behind, and says how many that were. When this returns there is nobody in the cell but us,
/// so what is in the pipes is all that ever will be.
fn end_the_rest() -> u32 {
    let mut left = 0;
    loop {
        // Whoever lost its parent is our child. Without a child there is nobody, and nobody to look for among all processes
        // of the machine, which is what a signal to everyone costs.
        // SAFETY: the status is not asked for.
        let ended = unsafe { libc::waitpid(-1, core::ptr::null_mut(), libc::WNOHANG) };
        if ended > 0 {
            left += 1;
            continue;
        }
        if ended < 0 {
            if kernel::errno() == libc::EINTR {
                continue;
            }
            return left;
        }
        // SAFETY: no pointers. -1 is everybody in our process namespace, except us.
        unsafe { libc::kill(-1, libc::SIGKILL) };
        // SAFETY: as above.
        if unsafe { libc::waitpid(-1, core::ptr::null_mut(), 0) } > 0 {
            left += 1;
        }
    }
}

/// The message that a program ended, with what it and all before it used.
fn ended(status: c_int, moment_ns: u64, left: u32) -> Message {
    // SAFETY: all zeros is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { core::mem::zeroed() };
    // SAFETY: `usage` is ours.
    unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    let time = |t: libc::timeval| t.tv_sec as u64 * 1_000_000 + t.tv_usec as u64;
    Message {
        kind: b'X',
        moment_ns,
        value: status,
        index: left,
        cpu_us: time(usage.ru_utime) + time(usage.ru_stime),
        peak_resident: usage.ru_maxrss as u64 * 1024,
        ..Message::default()
    }
}

/// What the moment between clone and exec needs, shared with us until then.
struct Start<'a> {
    fail_at: Option<Step>,
    prepared: &'a Prepared<'a>,
    program: &'a Program<'a>,
    failure: Cell<Option<(Step, Errno)>>,
}

fn start(
    ground: &Ground<'_>,
    p: &Prepared<'_>,
    program: &Program<'_>,
) -> Result<c_int, (Step, Errno)> {
    if ground.fail_at == Some(Step::Exec) {
        return Err((Step::Exec, libc::EIO));
    }
    let start = Start {
        fail_at: ground.fail_at,
        prepared: p,
        program,
        failure: Cell::new(None),
    };
    // The child borrows our memory until it executes, and we stand still until then (CLONE_VFORK): no copy of our page
    // tables, and its failure arrives in `start` by itself.
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let stack_top = ground.stack.as_ptr_range().end.cast_mut().cast::<c_void>();
    // SAFETY: the stack is borrowed for this alone, and large enough; `start` outlives the child's use of it, because
    // we stand still.
    let cloned = unsafe {
        libc::clone(
            become_program,
            stack_top,
            flags,
            (&raw const start).cast_mut().cast(),
        )
    };
    let pid = check(cloned).map_err(|error| (Step::Exec, error))?;
    match start.failure.get() {
        Some(failure) => Err(failure),
        None => Ok(pid),
    }
}

extern "C" fn become_program(start: *mut c_void) -> c_int {
    // SAFETY: our parent passed a `Start` that lives until we execute or end.
    let start = unsafe { &*start.cast::<Start<'_>>() };
    let failure = match prepare_program(start) {
        Err(error) => (Step::Limits, error),
        Ok(()) => {
            let (program, environment) = (start.program, start.prepared.environment);
            // SAFETY: the path ends in null, and so do both lists, which `prepare_program` has checked.
            unsafe {
                libc::execve(
                    program.path.as_ptr(),
                    program.arguments.0.as_ptr().cast(),
                    environment.0.as_ptr().cast(),
                );
            }
            (Step::Exec, kernel::errno())
        }
    };
    start.failure.set(Some(failure));
    // SAFETY: ends this child only.
    unsafe { libc::_exit(127) }
}

fn prepare_program(start: &Start<'_>) -> Result<(), Errno> {
    let p = start.prepared;
    if start.fail_at == Some(Step::Limits) {
        return Err(libc::EIO);
    }
    if !start.program.arguments.is_terminated() || !p.environment.is_terminated() {
        return Err(libc::EFAULT);
    }
    // SAFETY: no pointers. A session of its own, so that a signal to its group reaches only what it started.
    check(unsafe { libc::setsid() })?;
    if start.program.input >= 0 {
        // SAFETY: no pointers. The copy has no close-on-exec.
        check(unsafe { libc::dup2(start.program.input, 0) })?;
    }
    for limit in p.limits {
        let value = libc::rlimit {
            rlim_cur: limit.soft,
            rlim_max: limit.hard,
        };
        // SAFETY: `value` outlives the call.
        check(unsafe { libc::setrlimit(limit.resource as _, &raw const value) })?;
    }
    Ok(())
}

//! From a fresh clone to a closed cell. Each line is one step, and the order is the design: "Order" in ARCHITECTURE.md.

use core::cell::Cell;
use core::ffi::{CStr, c_int};

use crate::furnish::{furnish, open_devices, open_views};
use crate::init::say;
use crate::kernel::{self, Errno, check, check_long, prctl};
use crate::network::Network;
use crate::posture::{own_status, privileges, read_back};
use crate::posture_bit;
use crate::prepared::{Ground, Message, Prepared, Step, Stub};
use crate::privilege::{drop_capabilities, load_filters, restrict_by_landlock};

/// A step that failed: which, with what error, and at which operation of several.
pub type Failed = (Step, Errno, usize);

/// What was opened before the scratch space and the new root were there.
pub struct Site<'a> {
    /// The root that we came with.
    old_root: c_int,
    /// What the scratch space is mounted on.
    hidden: c_int,
    /// The scratch space.
    staging: c_int,
    /// Is being made.
    network: &'a Network,
}

/// What can be done before anyone knows what the cell is to be. Each line is one step; the order is the design.
pub fn break_ground<'a>(ground: &Ground<'_>, network: &'a Network) -> Result<Site<'a>, Failed> {
    let try_step = |step, result| try_step(ground, step, result);
    try_step(
        Step::ParentDeath,
        prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0).map(drop),
    )?;
    try_step(Step::IdMap, map_ids(ground))?;
    try_step(Step::Namespaces, make_namespaces())?;
    try_step(Step::Keyring, leave_keyring())?;
    try_step(Step::HostName, set_host_name())?;
    try_step(
        Step::Propagation,
        kernel::mount(c"", c"/", c"", libc::MS_REC | libc::MS_PRIVATE, c""),
    )?;
    try_step(Step::Session, start_session())?;
    let directory = |path| {
        kernel::open(path, libc::O_PATH | libc::O_DIRECTORY, 0)
            .map_err(|error| (Step::Staging, error, 0))
    };
    let old_root = directory(c"/")?;
    let hidden = directory(ground.staging)?;
    try_step(Step::Staging, stage(ground.staging))?;
    let staging = directory(c".")?;
    let site = Site {
        old_root,
        hidden,
        staging,
        network,
    };
    try_indexed(ground, Step::Foundation, lay_foundation(ground, &site))?;
    // Through our own /proc, while it can still be written and we still have the capability.
    try_step(
        Step::UserNamespaces,
        kernel::write_file(c"root/proc/sys/user/max_user_namespaces", b"0"),
    )?;
    try_step(Step::Network, network.begin(ground))?;
    Ok(site)
}

fn try_step(ground: &Ground<'_>, step: Step, result: Result<(), Errno>) -> Result<(), Failed> {
    match (ground.fail_at, result) {
        (Some(at), _) if at == step => Err((step, libc::EIO, 0)),
        (_, Err(error)) => Err((step, error, 0)),
        _ => Ok(()),
    }
}

fn try_indexed(
    ground: &Ground<'_>,
    step: Step,
    result: Result<(), (Errno, usize)>,
) -> Result<(), Failed> {
    match result {
        Err((error, index)) => Err((step, error, index)),
        Ok(()) => try_step(ground, step, Ok(())),
    }
}

/// Builds the cell around this process. What is on at the end comes back as the message that says so.
pub fn enter(ground: &Ground<'_>, site: &Site<'_>, p: &Prepared<'_>) -> Result<Message, Failed> {
    let try_step = |step, result| try_step(ground, step, result);
    try_indexed(
        ground,
        Step::Views,
        open_views(p, ground.staging, site.hidden),
    )?;
    let device = match p.stub {
        Some(_) => {
            kernel::open(c"/dev/fuse", libc::O_RDWR, 0).map_err(|error| (Step::Views, error, 0))?
        }
        None => -1,
    };
    try_step(
        Step::ScratchSize,
        kernel::mount(
            c"",
            c".",
            c"",
            libc::MS_REMOUNT | SCRATCH_FLAGS,
            p.staging_options,
        ),
    )?;
    try_step(Step::Furnish, change_root(c"root"))?;
    try_indexed(ground, Step::Furnish, furnish(p.operations, p.trees))?;
    if let Some(stub) = &p.stub {
        try_step(Step::PivotRoot, front(ground, p, device, stub))?;
    }
    try_step(Step::PivotRoot, go_back(site))?;
    // What is made from here on has the permissions that programs expect.
    // SAFETY: no pointers.
    unsafe { libc::umask(0o022) };
    let root = if p.stub.is_some() { c"front" } else { c"root" };
    try_step(Step::PivotRoot, pivot(root))?;
    try_step(Step::OldRoot, let_go())?;
    let protect = libc::MS_REMOUNT | libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV;
    let protected = match p.stub {
        // It was never anything else.
        Some(_) => Ok(()),
        None => kernel::mount(c"", c"/", c"", protect, p.root_options),
    };
    try_step(Step::ReadOnlyRoot, protected)?;
    try_step(Step::WorkDir, change_directory(p.work_dir))?;
    site.network.join()?;
    try_step(Step::Loopback, Ok(()))?;
    try_step(Step::Descriptors, keep_descriptors(ground, p))?;
    let names = name_socket();
    let proc_directory = look(c"/proc", libc::O_RDONLY | libc::O_DIRECTORY);
    let scratch = look(c"/tmp", libc::O_RDONLY | libc::O_DIRECTORY);
    let shared_memory = look(c"/proc/sysvipc/shm", libc::O_RDONLY);
    let messages = look(c"/proc/sysvipc/msg", libc::O_RDONLY);
    let semaphores = look(c"/proc/sysvipc/sem", libc::O_RDONLY);
    try_step(
        Step::NoNewPrivileges,
        prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).map(drop),
    )?;
    // After no_new_privs, or Landlock and seccomp would need the capabilities that go now.
    try_step(Step::Capabilities, drop_capabilities())?;
    try_step(Step::Landlock, restrict_by_landlock(p))?;
    let layers = read_back(p);
    let status = own_status();
    // Last, so that nothing above has to be allowed by the filter.
    let listener =
        load_filters(&p.filters, ground.status).map_err(|error| (Step::Seccomp, error, 0))?;
    try_step(Step::Seccomp, Ok(()))?;
    let posture = layers | privileges(status);
    let complete = posture & posture_bit::ALWAYS == posture_bit::ALWAYS;
    try_step(
        Step::Posture,
        if complete { Ok(()) } else { Err(libc::EPROTO) },
    )
    .map_err(|(step, error, _)| (step, error, posture as usize))?;
    Ok(Message {
        kind: b'R',
        value: posture as i32,
        descriptors: [
            listener,
            names,
            proc_directory,
            scratch,
            shared_memory,
            messages,
            semaphores,
        ],
        ..Message::default()
    })
}

fn map_ids(ground: &Ground<'_>) -> Result<(), Errno> {
    // Without this the kernel does not let an ordinary user map a group.
    kernel::write_file(c"/proc/self/setgroups", b"deny")?;
    kernel::write_file(c"/proc/self/uid_map", ground.uid_map)?;
    kernel::write_file(c"/proc/self/gid_map", ground.gid_map)
}

/// By ourselves, and not already with the clone: whoever makes namespaces waits for them, and our parent has other things to do
/// meanwhile.
fn make_namespaces() -> Result<(), Errno> {
    const OTHERS: c_int =
        libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;
    // SAFETY: no pointers.
    check(unsafe { libc::unshare(OTHERS) }).map(drop)
}

fn leave_keyring() -> Result<(), Errno> {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name asks for a new anonymous keyring.
    let joined = check_long(unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            JOIN_SESSION_KEYRING,
            core::ptr::null::<u8>(),
        )
    });
    match joined {
        // A kernel, or a container around us, without keyrings has none to leave.
        Ok(_) | Err(libc::ENOSYS | libc::EPERM) => Ok(()),
        Err(error) => Err(error),
    }
}

fn set_host_name() -> Result<(), Errno> {
    let name = c"sandbox";
    // SAFETY: the name is valid for its length.
    check(unsafe { libc::sethostname(name.as_ptr(), name.count_bytes()) })?;
    // SAFETY: as above.
    check(unsafe { libc::setdomainname(c"".as_ptr(), 0) }).map(drop)
}

/// Where the cell's name server is asked, for the watcher to take over; -1 if there cannot be one. Made while we still
/// have the capability that such a port takes.
fn name_socket() -> i32 {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers.
    let Ok(socket) = check(unsafe { libc::socket(libc::AF_INET, kind, 0) }) else {
        return -1;
    };
    // SAFETY: all zeros is a valid `sockaddr_in`.
    let mut address: libc::sockaddr_in = unsafe { core::mem::zeroed() };
    address.sin_family = libc::AF_INET as libc::sa_family_t;
    address.sin_port = 53u16.to_be();
    address.sin_addr.s_addr = libc::INADDR_LOOPBACK.to_be();
    let size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: a complete address of the size given, which outlives the call.
    match check(unsafe { libc::bind(socket, (&raw const address).cast(), size) }) {
        Ok(_) => socket,
        Err(_) => {
            kernel::close(socket);
            -1
        }
    }
}

const SCRATCH_FLAGS: u64 = libc::MS_NOSUID | libc::MS_NODEV;

/// Everything is built in scratch space that hides what was below it, so no mount point is made in the user's tree. How large
/// it may grow is said when it is known; it must have a limit from the beginning, or the kernel lets it have none later.
fn stage(place: &CStr) -> Result<(), Errno> {
    let begin = c"size=1m,nr_inodes=64,mode=0755";
    kernel::mount(c"scratch", place, c"tmpfs", SCRATCH_FLAGS, begin)?;
    change_directory(place)?;
    // What is made from here on has exactly the permissions that it is made with.
    // SAFETY: no pointers.
    unsafe { libc::umask(0) };
    // SAFETY: a `CStr` ends in null.
    check(unsafe { libc::mkdir(c"root".as_ptr(), 0o755) })?;
    kernel::mount(c"root", c"root", c"tmpfs", SCRATCH_FLAGS, c"mode=0755")
}

/// While the cell is furnished the new root is the root: what is written to an absolute path, or through a link that says one,
/// stays in the cell, whatever the link says. The staging directory is reached as the place we stand in.
fn lay_foundation(ground: &Ground<'_>, site: &Site<'_>) -> Result<(), (Errno, usize)> {
    const MOST_DEVICES: usize = 8;
    let devices = [const { Cell::new(-1) }; MOST_DEVICES];
    let at_first = |error| (error, 0);
    // The devices are looked for before the new root is the root.
    open_devices(ground.devices, &devices).map_err(at_first)?;
    change_root(c"root").map_err(at_first)?;
    furnish(ground.foundation, &devices)?;
    go_back(site).map_err(at_first)
}

/// Puts a file system that the watcher serves in front of the furnished root, and moves all mounts there. The watcher gets a
/// copy of the furnished root, to look into without asking itself. The kernel wants the device opened in our user
/// namespace, so it is ours until the watcher has taken it over; then it is closed with all others.
fn front(
    ground: &Ground<'_>,
    p: &Prepared<'_>,
    device: c_int,
    stub: &Stub<'_>,
) -> Result<(), Errno> {
    let protect = libc::MS_REMOUNT | libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV;
    kernel::mount(c"", c"/", c"", protect, p.root_options)?;
    let copy = kernel::open_tree(libc::AT_FDCWD, c"/")?;
    // SAFETY: a `CStr` ends in null.
    check(unsafe { libc::mkdir(c"front".as_ptr(), 0o755) })?;
    let mut text = [0u8; 128];
    let mut digits = [0u8; 10];
    let number = decimal(device, &mut digits);
    let parts: [&[u8]; 4] = [b"fd=", number, b",", stub.options.to_bytes()];
    // The last byte stays null.
    for (to, from) in text.iter_mut().take(127).zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    let text = CStr::from_bytes_until_nul(&text).map_err(|_| libc::EINVAL)?;
    let flags = libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    kernel::mount(c"root", c"front", c"fuse", flags, text)?;
    let mut served = Message {
        kind: b'U',
        ..Message::default()
    };
    let [first, second, ..] = &mut served.descriptors;
    (*first, *second) = (device, copy);
    say(ground.status, &served);
    let mut room = [0u8; libc::PATH_MAX as usize];
    for path in stub.listed {
        list(in_front(path, &mut room)?);
    }
    for (path, is_mount) in stub.moved {
        let to = in_front(path, &mut room)?;
        let how = if *is_mount {
            libc::MS_MOVE
        } else {
            libc::MS_BIND
        };
        kernel::mount(path, to, c"", how, c"")?;
    }
    Ok(())
}

/// Where `path` is in front of the furnished root.
fn in_front<'r>(
    path: &CStr,
    room: &'r mut [u8; libc::PATH_MAX as usize],
) -> Result<&'r CStr, Errno> {
    let parts = [c"front".to_bytes(), path.to_bytes_with_nul()];
    for (to, from) in room.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    CStr::from_bytes_until_nul(room).map_err(|_| libc::ENAMETOOLONG)
}

/// Has the kernel list a directory, so that it need not ask for each of its names. If that fails, it asks.
fn list(path: &CStr) {
    let Ok(directory) = kernel::open(path, libc::O_RDONLY | libc::O_DIRECTORY, 0) else {
        return;
    };
    let mut names = [0u8; 4096];
    // SAFETY: `names` is ours and as long as said; what is written there is not looked at.
    unsafe {
        libc::syscall(
            libc::SYS_getdents64,
            directory,
            names.as_mut_ptr(),
            names.len(),
        );
    }
    kernel::close(directory);
}

/// A number that is not negative, in digits.
fn decimal(number: c_int, digits: &mut [u8; 10]) -> &[u8] {
    let mut rest = number.unsigned_abs();
    let mut first = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        first = index;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    digits.get(first..).unwrap_or_default()
}

fn change_root(path: &CStr) -> Result<(), Errno> {
    // SAFETY: a `CStr` ends in null.
    check(unsafe { libc::chroot(path.as_ptr()) }).map(drop)
}

/// The old root is the root again, and we stand in the staging directory.
fn go_back(site: &Site<'_>) -> Result<(), Errno> {
    // SAFETY: no pointers; both were opened by us.
    check(unsafe { libc::fchdir(site.old_root) })?;
    change_root(c".")?;
    // SAFETY: as above.
    check(unsafe { libc::fchdir(site.staging) }).map(drop)
}

fn pivot(root: &CStr) -> Result<(), Errno> {
    change_directory(root)?;
    // The old root ends up on top of the new one, so no directory for it is needed.
    // SAFETY: two strings that end in null.
    check_long(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) })
        .map(drop)
}

fn let_go() -> Result<(), Errno> {
    // SAFETY: a `CStr` ends in null.
    check(unsafe { libc::umount2(c".".as_ptr(), libc::MNT_DETACH) })?;
    change_directory(c"/")
}

fn change_directory(path: &CStr) -> Result<(), Errno> {
    // SAFETY: a `CStr` ends in null.
    check(unsafe { libc::chdir(path.as_ptr()) }).map(drop)
}

/// Descriptors 0 to 3 are null, output, error and the watcher; inputs of the programs and nothing else stay.
fn keep_descriptors(ground: &Ground<'_>, p: &Prepared<'_>) -> Result<(), Errno> {
    for (from, to) in ground.output.iter().zip([1, 2]) {
        // SAFETY: no pointers. The parent has made sure that our own descriptors lie above 3.
        check(unsafe { libc::dup2(*from, to) })?;
    }
    let null = kernel::open(c"/dev/null", libc::O_RDONLY, 0)?;
    // SAFETY: no pointers.
    check(unsafe { libc::dup2(null, 0) })?;
    kernel::close(null);
    let mut first = 3;
    for keep in in_order([
        ground.status,
        p.programs
            .iter()
            .map(|program| program.input)
            .max()
            .unwrap_or(-1),
    ]) {
        if keep < first {
            continue;
        }
        if keep > first {
            close_range(first as u32, keep as u32 - 1)?;
        }
        first = keep + 1;
    }
    close_range(first as u32, u32::MAX)
}

fn in_order([a, b]: [i32; 2]) -> [i32; 2] {
    if a <= b { [a, b] } else { [b, a] }
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: no pointers; nothing of ours lies there.
    check_long(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

fn start_session() -> Result<(), Errno> {
    // SAFETY: no pointers. Fails only for a group leader, which pid 1 of a fresh clone is not.
    check(unsafe { libc::setsid() })?;
    // If memory runs out, the kernel ends the cell first. Best effort: this protects the user's own programs.
    let _ = kernel::write_file(c"/proc/self/oom_score_adj", b"1000");
    // Whatever the caller had switched off, address randomisation above all, is on again.
    // SAFETY: no pointers.
    check(unsafe { libc::personality(0) })?;
    // By the raw call: the C library says no to two signals that it keeps for itself. An all-zero action is the default
    // one; KILL and STOP have no other, and refuse.
    let default = [0u64; 4];
    for signal in 1..=64 {
        // SAFETY: `default` is as large as the kernel's `sigaction` on both machines; the old action is not asked for.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                core::ptr::null::<u8>(),
                8,
            );
        }
    }
    // SAFETY: all zeros is the empty set.
    let none: libc::sigset_t = unsafe { core::mem::zeroed() };
    // SAFETY: `none` outlives the call; the old set is not asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, core::ptr::null_mut()) })
        .map(drop)
}

/// A descriptor for the watcher to take over; -1 where there is nothing to look at.
fn look(path: &CStr, flags: i32) -> i32 {
    kernel::open(path, flags, 0).unwrap_or(-1)
}

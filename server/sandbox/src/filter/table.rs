//! The calls that no program in a cell may make: one row per call, with what it is answered and why.
//!
//! How an answer is chosen: `ENOSYS` where runtimes fall back to something older or the call is new, `EPERM` where a program
//! would tell its user, and for sockets the errors that mean "this machine has no such network".
//! A row is quiet where ordinary runtimes try the call by themselves and do without: telling would be noise.
//!
//! Looked at and left alone: the `setuid` family, `mknod`, `ioprio_set` and `sched_*` (need a capability that no process of a cell
//! has), `shmget` and `mq_*` (the cell has its own), `pidfd_*` signals and `kill` (see only the cell), `landlock_*`, `seccomp` without
//! a listener and `mseal` (programs may lock themselves up further), `memfd_create` (language runtimes need it), `io_submit`
//! (works on descriptors that were already opened), `map_shadow_stack`, `uretprobe` and `uprobe` (made by the C library and the
//! kernel on the program's behalf).

use belljar_report::Kind;
use nix::errno::Errno;

use super::arch::{Arch, Call};
use super::condition::Condition;

/// A call that is refused, always or with certain arguments.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which call.
    pub call: Call,
    /// When: all of these hold. Empty means always.
    pub when: &'static [Condition],
    /// What the program is told.
    pub errno: Errno,
    /// Whether the user hears of it.
    pub reported: bool,
    /// As which kind of violation.
    pub kind: Kind,
    /// Why, in a sentence for the user.
    pub reason: &'static str,
}

impl Row {
    /// Whether this row refuses a call with these arguments.
    pub fn refuses(&self, arch: Arch, number: u32, arguments: &[u64; 6]) -> bool {
        self.call.number(arch) == Some(number)
            && self.when.iter().all(|condition| condition.holds(arguments))
    }

    const fn when(mut self, when: &'static [Condition]) -> Row {
        self.when = when;
        self
    }

    const fn quiet(mut self) -> Row {
        self.reported = false;
        self
    }

    const fn trace(mut self) -> Row {
        self.kind = Kind::ProcessTrace;
        self
    }
}

/// Whether a program in the cell may reach UNIX sockets by their path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnixSockets {
    /// Yes: the cell sees none of the host's.
    Open,
    /// No: the project is shown as it lies on the host, and a read-only view does not stop a program from connecting to a socket in it.
    Closed,
}

/// All rows for a cell.
pub fn rows(unix: UnixSockets) -> impl Iterator<Item = &'static Row> {
    let closing: &[Row] = match unix {
        UnixSockets::Open => &[],
        UnixSockets::Closed => NO_UNIX_SOCKETS,
    };
    TABLE.iter().chain(closing)
}

/// The row that refused a call which the filter stopped, if it was one: the first that fits. The supervisor answers exactly this.
pub fn verdict(arch: Arch, number: u32, arguments: &[u64; 6]) -> Option<&'static Row> {
    // A call that only a stricter cell's rows refuse was not stopped, so there is no need to know which cell it was.
    let mut all = rows(UnixSockets::Closed);
    all.find(|row| row.refuses(arch, number, arguments))
}

/// A call whose number is the same on both machines, as all since 424 are.
const fn same(name: &'static str, number: u32, errno: Errno, reason: &'static str) -> Row {
    both(name, number, number, errno, reason)
}

const fn both(
    name: &'static str,
    x86_64: u32,
    aarch64: u32,
    errno: Errno,
    reason: &'static str,
) -> Row {
    let call = Call {
        name,
        x86_64: Some(x86_64),
        aarch64: Some(aarch64),
    };
    Row {
        call,
        when: &[],
        errno,
        reported: true,
        kind: Kind::Syscall,
        reason,
    }
}

const fn x86_64(name: &'static str, number: u32, errno: Errno, reason: &'static str) -> Row {
    let call = Call {
        name,
        x86_64: Some(number),
        aarch64: None,
    };
    Row {
        call,
        when: &[],
        errno,
        reported: true,
        kind: Kind::Syscall,
        reason,
    }
}

use Errno::{EAFNOSUPPORT, ENOSYS, EOPNOTSUPP, EPERM, EPROTONOSUPPORT};

const ALL: u32 = u32::MAX;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;

/// The flags of `clone` that make a namespace. The time namespace's bit is part of the signal number here.
const NEW_NAMESPACE: u32 = 0x7e02_0000;
/// What `unshare` may be asked for: memory, directory, descriptors, signal handlers, threads and semaphore undo lists.
const NO_NAMESPACE: u32 = 0x0005_0f00;

/// Address families other than UNIX, INET, INET6 and NETLINK.
const OTHER_FAMILY: &[Condition] = &[Condition::NoneOf {
    argument: 0,
    mask: ALL,
    values: &[1, AF_INET, AF_INET6, AF_NETLINK],
}];
/// Netlink other than the routing table, which language runtimes read to list the interfaces.
const OTHER_NETLINK: &[Condition] = &[
    Condition::OneOf {
        argument: 0,
        mask: ALL,
        values: &[AF_NETLINK],
    },
    Condition::NoneOf {
        argument: 2,
        mask: ALL,
        values: &[0],
    },
];
/// Internet sockets other than stream and datagram. The kernel keeps the type in four bits; the rest are flags.
const OTHER_TYPE: &[Condition] = &[
    Condition::OneOf {
        argument: 0,
        mask: ALL,
        values: &[AF_INET, AF_INET6],
    },
    Condition::NoneOf {
        argument: 1,
        mask: 0xf,
        values: &[1, 2],
    },
];
/// MPTCP, which Go tries for every listener before it takes TCP.
const MULTIPATH: &[Condition] = &[
    Condition::OneOf {
        argument: 0,
        mask: ALL,
        values: &[AF_INET, AF_INET6],
    },
    Condition::OneOf {
        argument: 2,
        mask: ALL,
        values: &[262],
    },
];
/// Internet protocols other than the usual one, ICMP, TCP, UDP and ICMPv6.
const OTHER_PROTOCOL: &[Condition] = &[
    Condition::OneOf {
        argument: 0,
        mask: ALL,
        values: &[AF_INET, AF_INET6],
    },
    Condition::NoneOf {
        argument: 2,
        mask: ALL,
        values: &[0, 1, 6, 17, 58],
    },
];

const RING: &str =
    "What it does goes round the system call filter, so programs use ordinary calls instead.";
const KEYS: &str = "The kernel's keyrings are shared with the rest of the machine.";
const INSPECT: &str =
    "It reaches into another process, and would let a program change what the sandbox has checked.";
const KERNEL: &str =
    "It opens a large part of the kernel that a program under glass has no use for.";
const NAMESPACE: &str =
    "A namespace of its own would hand the program the kernel's administration calls.";
const MOUNT: &str = "It changes which files the program sees.";
const LAYOUT: &str = "It tells how the machine outside the sandbox is laid out.";
const HANDLE: &str = "A file handle reaches files that the sandbox does not show.";
const MACHINE: &str = "It changes the whole machine, not just this program.";
const CLOCK: &str = "The clock belongs to the whole machine.";
const OLD: &str =
    "No program has needed it for years, and old code in the kernel is where the holes are.";
const HARDWARE: &str = "It gives direct access to the processor or its ports.";
const NUMA: &str = "Where memory lies is the kernel's business; programs do without.";
const WATCH: &str = "It watches what other programs do with their files.";
const TERMINAL: &str =
    "It types into a terminal on the user's behalf, or changes the terminal's driver.";
const FAMILY: &str = "Only UNIX, IPv4 and IPv6 sockets work in a sandbox; this kind leads out of it or deep into the kernel.";
const UNIX: &str = "The project is shown as it lies on this machine, and its UNIX sockets lead out of the sandbox.";
const NETLINK: &str =
    "Of the kernel's netlink services only the list of network interfaces is open.";
const RAW: &str =
    "Only stream and datagram sockets work in a sandbox; raw ones write packets by hand.";
const PROTOCOL: &str =
    "Only TCP, UDP and ICMP work in a sandbox; network rules do not hold for this protocol.";

/// The table for every cell. Of two rows for one call the first that fits counts.
#[rustfmt::skip] // One row, one line.
static TABLE: &[Row] = &[
    // Ways round the filter.
    same("io_uring_setup", 425, ENOSYS, RING).quiet(),
    same("io_uring_enter", 426, ENOSYS, RING).quiet(),
    same("io_uring_register", 427, ENOSYS, RING).quiet(),
    both("seccomp", 317, 277, EPERM, "A second listener would be asked in place of the sandbox's own.").when(&[
        // SECCOMP_SET_MODE_FILTER with SECCOMP_FILTER_FLAG_NEW_LISTENER.
        Condition::OneOf { argument: 0, mask: ALL, values: &[1] },
        Condition::AnyBit { argument: 1, mask: 1 << 3 },
    ]),
    both("personality", 135, 92, EPERM, "It would switch off protections of the program's memory.").when(&[
        // PER_LINUX, PER_LINUX32, each with UNAME26, and the question which one is set.
        Condition::NoneOf { argument: 0, mask: ALL, values: &[0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff] },
    ]),
    both("prctl", 157, 167, EPERM, "It would change what the machine shows as this program's name, arguments and code.")
        // PR_SET_MM.
        .when(&[Condition::OneOf { argument: 0, mask: ALL, values: &[35] }]),
    same("lsm_set_self_attr", 460, ENOSYS, "It moves the program into another of the machine's security profiles."),
    // Other processes.
    both("ptrace", 101, 117, EPERM, INSPECT).trace(),
    both("process_vm_readv", 310, 270, EPERM, INSPECT).trace(),
    both("process_vm_writev", 311, 271, EPERM, INSPECT).trace(),
    both("kcmp", 312, 272, EPERM, INSPECT).trace(),
    same("pidfd_getfd", 438, EPERM, INSPECT).trace(),
    same("process_madvise", 440, EPERM, INSPECT).trace(),
    same("process_mrelease", 448, EPERM, INSPECT).trace(),
    both("prlimit64", 302, 261, EPERM, "It would change what another process of the sandbox may use, its first one above all.")
        .when(&[Condition::Given { argument: 0 }, Condition::Given { argument: 2 }]),
    // Namespaces. The flags of clone3 lie behind a pointer, which a filter cannot follow; C libraries fall back to clone.
    both("unshare", 272, 97, EPERM, NAMESPACE).when(&[Condition::AnyBit { argument: 0, mask: !NO_NAMESPACE }]),
    both("setns", 308, 268, EPERM, NAMESPACE),
    both("clone", 56, 220, EPERM, NAMESPACE).when(&[Condition::AnyBit { argument: 0, mask: NEW_NAMESPACE }]),
    same("clone3", 435, ENOSYS, NAMESPACE).quiet(),
    // The view of files.
    both("mount", 165, 40, EPERM, MOUNT),
    both("umount2", 166, 39, EPERM, MOUNT),
    both("pivot_root", 155, 41, EPERM, MOUNT),
    both("chroot", 161, 51, EPERM, MOUNT),
    same("open_tree", 428, ENOSYS, MOUNT),
    same("move_mount", 429, ENOSYS, MOUNT),
    same("fsopen", 430, ENOSYS, MOUNT),
    same("fsconfig", 431, ENOSYS, MOUNT),
    same("fsmount", 432, ENOSYS, MOUNT),
    same("fspick", 433, ENOSYS, MOUNT),
    same("mount_setattr", 442, ENOSYS, MOUNT),
    same("open_tree_attr", 467, ENOSYS, MOUNT),
    same("statmount", 457, ENOSYS, LAYOUT).quiet(),
    same("listmount", 458, ENOSYS, LAYOUT).quiet(),
    same("listns", 470, ENOSYS, LAYOUT).quiet(),
    both("open_by_handle_at", 304, 265, EPERM, HANDLE),
    both("name_to_handle_at", 303, 264, EOPNOTSUPP, HANDLE).quiet(),
    both("fanotify_init", 300, 262, EPERM, WATCH),
    both("fanotify_mark", 301, 263, EPERM, WATCH),
    // The kernel's own parts.
    both("add_key", 248, 217, ENOSYS, KEYS),
    both("request_key", 249, 218, ENOSYS, KEYS),
    both("keyctl", 250, 219, ENOSYS, KEYS),
    both("bpf", 321, 280, EPERM, KERNEL),
    both("perf_event_open", 298, 241, EPERM, KERNEL),
    both("userfaultfd", 323, 282, EPERM, "It can hold the kernel still at a moment of the program's choosing."),
    both("vmsplice", 278, 75, EPERM, "It shares the program's memory with pipes, where the kernel was broken more than once."),
    same("memfd_secret", 447, ENOSYS, "Nobody could look into such memory any more, the sandbox included."),
    both("move_pages", 279, 239, EPERM, NUMA).quiet(),
    both("migrate_pages", 256, 238, EPERM, NUMA).quiet(),
    both("mbind", 237, 235, EPERM, NUMA).quiet(),
    both("set_mempolicy", 238, 237, EPERM, NUMA).quiet(),
    same("set_mempolicy_home_node", 450, EPERM, NUMA).quiet(),
    // The machine.
    both("kexec_load", 246, 104, EPERM, MACHINE),
    both("kexec_file_load", 320, 294, EPERM, MACHINE),
    both("init_module", 175, 105, EPERM, MACHINE),
    both("finit_module", 313, 273, EPERM, MACHINE),
    both("delete_module", 176, 106, EPERM, MACHINE),
    both("reboot", 169, 142, EPERM, MACHINE),
    both("swapon", 167, 224, EPERM, MACHINE),
    both("swapoff", 168, 225, EPERM, MACHINE),
    both("acct", 163, 89, EPERM, MACHINE),
    both("quotactl", 179, 60, EPERM, MACHINE),
    same("quotactl_fd", 443, EPERM, MACHINE),
    both("syslog", 103, 116, EPERM, "The kernel's messages tell about the whole machine."),
    both("sethostname", 170, 161, EPERM, MACHINE),
    both("setdomainname", 171, 162, EPERM, MACHINE),
    both("vhangup", 153, 58, EPERM, TERMINAL),
    both("settimeofday", 164, 170, EPERM, CLOCK),
    both("clock_settime", 227, 112, EPERM, CLOCK),
    // These two can also just read the clock's state; whether they do lies behind a pointer.
    both("adjtimex", 159, 171, EPERM, CLOCK),
    both("clock_adjtime", 305, 266, EPERM, CLOCK),
    x86_64("ioperm", 173, EPERM, HARDWARE),
    x86_64("iopl", 172, EPERM, HARDWARE),
    x86_64("modify_ldt", 154, EPERM, HARDWARE),
    x86_64("uselib", 134, ENOSYS, OLD).quiet(),
    x86_64("ustat", 136, ENOSYS, OLD).quiet(),
    x86_64("sysfs", 139, ENOSYS, OLD).quiet(),
    x86_64("_sysctl", 156, ENOSYS, OLD).quiet(),
    both("nfsservctl", 180, 42, ENOSYS, OLD).quiet(),
    both("lookup_dcookie", 212, 18, ENOSYS, OLD).quiet(),
    // Terminals: TIOCSTI, TIOCLINUX, TIOCSETD.
    both("ioctl", 16, 29, EPERM, TERMINAL)
        .when(&[Condition::OneOf { argument: 1, mask: ALL, values: &[0x5412, 0x541c, 0x5423] }]),
    // Sockets. The netlink and type rows look at families that the first one lets through.
    both("socket", 41, 198, EAFNOSUPPORT, FAMILY).when(OTHER_FAMILY),
    both("socket", 41, 198, EPROTONOSUPPORT, NETLINK).when(OTHER_NETLINK),
    both("socket", 41, 198, EPROTONOSUPPORT, RAW).when(OTHER_TYPE),
    both("socket", 41, 198, EPROTONOSUPPORT, PROTOCOL).when(MULTIPATH).quiet(),
    both("socket", 41, 198, EPROTONOSUPPORT, PROTOCOL).when(OTHER_PROTOCOL),
    both("socketpair", 53, 199, EAFNOSUPPORT, FAMILY).when(OTHER_FAMILY),
    both("socketpair", 53, 199, EPROTONOSUPPORT, NETLINK).when(OTHER_NETLINK),
    both("socketpair", 53, 199, EPROTONOSUPPORT, RAW).when(OTHER_TYPE),
    both("socketpair", 53, 199, EPROTONOSUPPORT, PROTOCOL).when(MULTIPATH).quiet(),
    both("socketpair", 53, 199, EPROTONOSUPPORT, PROTOCOL).when(OTHER_PROTOCOL),
];

/// What is refused besides when UNIX sockets are closed. Quiet: the C library asks for one at every look-up of a user name.
/// Of pairs only those that stay with their other end are left: a datagram socket of a pair can be connected anew.
#[rustfmt::skip]
static NO_UNIX_SOCKETS: &[Row] = &[
    both("socket", 41, 198, EAFNOSUPPORT, UNIX).when(&[Condition::OneOf { argument: 0, mask: ALL, values: &[1] }]).quiet(),
    both("socketpair", 53, 199, EPROTONOSUPPORT, UNIX)
        .when(&[
            Condition::OneOf { argument: 0, mask: ALL, values: &[1] },
            Condition::NoneOf { argument: 1, mask: 0xf, values: &[1, 5] },
        ])
        .quiet(),
];

//! What the parent hands over, and what the child says back. Data only; the parent builds it in memory that both share.

use core::ffi::{CStr, c_int};

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One step of the set-up, in the order in which they are made.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Step { $($(#[$doc])* $name,)* }

        impl Step {
            /// Every step, in order.
            pub const ALL: &'static [Step] = &[$(Step::$name,)*];

            /// The step's name in failures.
            pub fn name(self) -> &'static str {
                match self { $(Step::$name => $text,)* }
            }
        }
    };
}

steps! {
    /// Die when the process that watches the cell dies.
    ParentDeath = "die with the parent",
    /// Map one unprivileged id, and shut setgroups.
    IdMap = "map the user",
    /// Mounts, IPC, host name and control groups of its own.
    Namespaces = "make the other namespaces",
    /// A session keyring of its own.
    Keyring = "leave the session keyring",
    /// A host name that tells nothing.
    HostName = "set the host name",
    /// No mount made here is seen outside.
    Propagation = "make mounts private",
    /// A session without a terminal; signals as after boot.
    Session = "start a session",
    /// The scratch space that everything else is built in.
    Staging = "mount the scratch space",
    /// What every cell has: directories, devices, /proc.
    Foundation = "lay the foundation",
    /// No further user namespace.
    UserNamespaces = "shut user namespaces",
    /// A network of its own.
    Network = "make the network",
    /// Open what the cell will see.
    Views = "open a view",
    /// How much can be written.
    ScratchSize = "limit the scratch space",
    /// Directories, links, files, views, overlay.
    Furnish = "furnish the cell",
    /// The new root becomes the root.
    PivotRoot = "enter the new root",
    /// The old root is let go.
    OldRoot = "let go of the old root",
    /// The new root becomes read-only.
    ReadOnlyRoot = "protect the root",
    /// Where the program starts.
    WorkDir = "enter the working directory",
    /// In its network, its own loopback.
    Loopback = "bring up the loopback",
    /// Standard streams, and no other descriptor.
    Descriptors = "close descriptors",
    /// Nothing executed may gain a privilege.
    NoNewPrivileges = "set no_new_privs",
    /// All five capability sets empty, securebits locked.
    Capabilities = "drop capabilities",
    /// The second wall.
    Landlock = "restrict by Landlock",
    /// The system call filters.
    Seccomp = "load the system call filter",
    /// What was read back is not what was asked for.
    Posture = "check the layers",
    /// Limits of the program itself.
    Limits = "set the limits",
    /// Start the program.
    Exec = "start the program",
}

/// What the child does while it stands in the staging directory and the new root is the root: `/usr` is the cell's, `tmp`
/// is the staging directory's.
#[derive(Clone, Copy)]
pub enum Operation<'a> {
    /// Makes a directory, unless it is there.
    Directory {
        /// Where.
        path: &'a CStr,
        /// Permissions.
        mode: u32,
    },
    /// Makes a symbolic link, unless something is there.
    Link {
        /// What it says.
        target: &'a CStr,
        /// Where.
        path: &'a CStr,
    },
    /// Makes a file. One that is there is replaced in content, never followed.
    File {
        /// Where.
        path: &'a CStr,
        /// What it holds.
        content: &'a [u8],
        /// Permissions.
        mode: u32,
    },
    /// Attaches view number `view` onto what is there.
    View {
        /// Which of [`Prepared::views`], or in a foundation which of [`Ground::devices`].
        view: usize,
        /// Where.
        path: &'a CStr,
    },
    /// Shows `from` also at `to`. With `optional`, a `to` that is not there is passed over.
    Bind {
        /// What.
        from: &'a CStr,
        /// Where.
        to: &'a CStr,
        /// Also where only some kernels have it.
        optional: bool,
        /// Nothing can be written through this mount.
        read_only: bool,
    },
    /// Mounts a file system.
    Mount {
        /// Its kind.
        kind: &'a CStr,
        /// Where.
        path: &'a CStr,
        /// Its own options.
        options: &'a CStr,
        /// `MS_*`.
        flags: u64,
    },
    /// Makes a whiteout: in the merged view the name does not exist.
    Whiteout {
        /// Where, in the overlay's upper directory.
        path: &'a CStr,
    },
}

/// A file or directory of the host that the cell sees.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// Its path on the host.
    pub path: &'a CStr,
    /// A detached tree that was made before (when we are root), else -1.
    pub tree: c_int,
}

/// A list of strings for `execve`: each the first byte of a string that ends in null, the last one nothing.
/// An `Option` of a reference is a pointer that may be null, so the list is what the kernel wants.
#[derive(Clone, Copy)]
pub struct Arguments<'a>(pub &'a [Option<&'a u8>]);

impl Arguments<'_> {
    /// Whether the list ends in nothing, which `execve` relies on.
    pub fn is_terminated(&self) -> bool {
        self.0.last().is_some_and(Option::is_none)
    }
}

/// One instruction of a system call filter: `struct sock_filter`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many to pass over if so.
    pub jt: u8,
    /// How many to pass over if not.
    pub jf: u8,
    /// The constant.
    pub k: u32,
}

/// One program of the run.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    /// Absolute path in the cell.
    pub path: &'a CStr,
    /// Its arguments.
    pub arguments: Arguments<'a>,
    /// Descriptor that becomes its standard input, or -1 for an empty one.
    pub input: c_int,
}

/// The kernel's numbers for limits of a process.
pub mod resource {
    /// Seconds of CPU time.
    pub const CPU: u32 = libc::RLIMIT_CPU;
    /// Bytes of any one file.
    pub const FSIZE: u32 = libc::RLIMIT_FSIZE;
    /// Open descriptors.
    pub const NOFILE: u32 = libc::RLIMIT_NOFILE;
    /// Processes and threads of the user, in this user namespace.
    pub const NPROC: u32 = libc::RLIMIT_NPROC;
}

/// A limit of the program itself, both soft and hard.
#[derive(Clone, Copy)]
pub struct Rlimit {
    /// `RLIMIT_*`.
    pub resource: u32,
    /// Soft limit.
    pub soft: u64,
    /// Hard limit.
    pub hard: u64,
}

/// System call filters, as the kernel wants them.
#[derive(Clone, Copy)]
pub struct Filters<'a> {
    /// Refuses by itself; used when no listener can be had.
    pub silent: &'a [Instruction],
    /// Refuses likewise, but asks a listener where the user should hear of it.
    pub asking: &'a [Instruction],
    /// Whether to ask for a listener at all. If there is none the watcher may trace us instead, and say so.
    pub listen: bool,
}

/// A namespace file below `/proc/self/ns`, and what it is outside the cell.
#[derive(Clone, Copy)]
pub struct Namespace<'a> {
    /// For instance `net`.
    pub name: &'a CStr,
    /// What its link says there, for instance `net:[4026531840]`.
    pub outside: &'a [u8],
    /// Which bit of the posture it is.
    pub bit: u32,
}

/// What the child must know when it is cloned. It starts before the plan is made: making namespaces takes the kernel long,
/// and on another processor the parent can plan meanwhile.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Socket to the watcher, datagrams in both directions.
    pub status: c_int,
    /// The watcher's end of it, which only the watcher may have: then it is closed when the watcher ends.
    pub watchers_end: c_int,
    /// Standard output and error of every step.
    pub output: [c_int; 2],
    /// For `/proc/self/uid_map`.
    pub uid_map: &'a [u8],
    /// For `/proc/self/gid_map`.
    pub gid_map: &'a [u8],
    /// The control group to be in from the first moment on, or -1.
    pub group: c_int,
    /// Stack for a process that shares our memory, one after the other: who makes the network, and each program between clone
    /// and exec. 64 KiB are plenty.
    pub stack: &'a [core::cell::Cell<u8>],
    /// An existing directory that the scratch space is mounted on, until the old root is let go.
    pub staging: &'a CStr,
    /// Devices of the host that every cell has; eight at most.
    pub devices: &'a [&'a CStr],
    /// How every cell begins.
    pub foundation: &'a [Operation<'a>],
    /// Make this step fail, to see that nothing is executed then. Only the tests set it.
    pub fail_at: Option<Step>,
}

/// A root that the watcher serves.
#[derive(Clone, Copy)]
pub struct Stub<'a> {
    /// Options of its file system, besides the descriptor that it is served over.
    pub options: &'a CStr,
    /// Directories of it in which much is mounted, what lies above first.
    pub listed: &'a [&'a CStr],
    /// What is mounted onto it: where in the furnished root, and whether it is a mount there already.
    pub moved: &'a [(&'a CStr, bool)],
}

/// Everything else that the child needs. Lies, with all that it refers to, in memory that the child shares with its
/// parent, who tells its address when it is complete.
#[derive(Clone, Copy)]
pub struct Prepared<'a> {
    /// Options of the scratch space.
    pub staging_options: &'a CStr,
    /// Options of the root.
    pub root_options: &'a CStr,
    /// The root is a file system that the watcher serves.
    pub stub: Option<Stub<'a>>,
    /// What the cell sees of the host.
    pub views: &'a [Access<'a>],
    /// Room for the views' descriptors.
    pub trees: &'a [core::cell::Cell<c_int>],
    /// How to furnish it.
    pub operations: &'a [Operation<'a>],
    /// Where the steps start.
    pub work_dir: &'a CStr,
    /// Landlock: rights that are handled, and scopes; no rights means that the kernel has none.
    pub landlock_handled: u64,
    /// Landlock: IPC scopes.
    pub landlock_scoped: u64,
    /// Landlock: path and rights.
    pub landlock_rules: &'a [(&'a CStr, u64)],
    /// System call filters.
    pub filters: Filters<'a>,
    /// The namespaces to compare.
    pub namespaces: &'a [Namespace<'a>],
    /// So many nanoseconds after the first program's start pid 1 ends the cell itself, if nobody else did.
    pub lifetime_ns: u64,
    /// Limits of the programs.
    pub limits: &'a [Rlimit],
    /// The environment of the programs.
    pub environment: Arguments<'a>,
    /// The programs.
    pub programs: &'a [Program<'a>],
    /// Before the last of them, when nobody else is left in the cell, the word to go is waited for once more.
    pub waits: bool,
}

/// Bits of the posture that the child reads back.
pub mod posture_bit {
    /// Its own user namespace.
    pub const USER: u32 = 1 << 0;
    /// Its own mount namespace.
    pub const MOUNT: u32 = 1 << 1;
    /// Its own process namespace.
    pub const PID: u32 = 1 << 2;
    /// Its own network namespace.
    pub const NET: u32 = 1 << 3;
    /// Its own IPC namespace.
    pub const IPC: u32 = 1 << 4;
    /// Its own host name.
    pub const UTS: u32 = 1 << 5;
    /// Its own control group namespace.
    pub const CGROUP: u32 = 1 << 6;
    /// `no_new_privs` is set.
    pub const NO_NEW_PRIVILEGES: u32 = 1 << 7;
    /// All five capability sets are empty.
    pub const CAPABILITIES: u32 = 1 << 8;
    /// A filter is on.
    pub const SECCOMP: u32 = 1 << 9;
    /// Landlock refused what nothing else refuses.
    pub const LANDLOCK: u32 = 1 << 10;
    /// The old root cannot be reached.
    pub const ROOT: u32 = 1 << 11;
    /// A further user namespace cannot be made.
    pub const NESTED: u32 = 1 << 12;
    /// Everything that must always be there.
    pub const ALWAYS: u32 = USER
        | MOUNT
        | PID
        | NET
        | IPC
        | UTS
        | CGROUP
        | NO_NEW_PRIVILEGES
        | CAPABILITIES
        | SECCOMP
        | ROOT
        | NESTED;
}

/// What the child says, one datagram each.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Message {
    /// For `X`: user and system time of all that ended so far, in microseconds.
    pub cpu_us: u64,
    /// For `X`: the largest resident set of any of them, in bytes.
    pub peak_resident: u64,
    /// For `S` and `X`: when, in nanoseconds of a clock that never goes back.
    pub moment_ns: u64,
    /// For `U`: what the root is served over, and the furnished root. For `R`: the listener (or minus the error), the name server's socket, /proc, scratch space, System V shm, msg and
    /// sem tables.
    pub descriptors: [c_int; 7],
    /// For `F` and `N` the error, for `X` the wait status, for `R` the posture.
    pub value: i32,
    /// For `F` which operation, view or program; for `S` which program; for `X` how many processes the program left
    /// behind, which were ended.
    pub index: u32,
    /// `F` failed, `U` the root is there and has to be served, `N` there is no listener and a tracer would do, `R` ready, `S` a
    /// program started, `X` it ended, and nothing but pid 1 is left in the cell; `T` its time is over, and with it the cell.
    pub kind: u8,
    /// For `F` which set-up step.
    pub step: u8,
    /// Keeps the size a whole number of words.
    pub unused: [u8; 2],
}

/// What the watcher answers to `R`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Answer {
    /// Start the programs.
    Go = b'G',
}

impl Message {
    /// Reads a message back from its bytes. Every pattern of bytes is one.
    pub fn from_bytes(bytes: &[u8; size_of::<Message>()]) -> Message {
        // SAFETY: plain numbers without padding, for which every pattern is valid; the array is as large, and the read
        // needs no alignment.
        unsafe { bytes.as_ptr().cast::<Message>().read_unaligned() }
    }
}

//! Calls that are not refused by the table, but that the supervisor wants to see: those that the mounts, the empty network
//! or a limit may refuse. What of their arguments says what they touch stands beside them.

use super::arch::{Arch, Call};
use super::condition::Condition;

/// A call that stops and asks the supervisor when all of `when` holds.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// Which call.
    pub call: Call,
    /// When; empty means always.
    pub when: &'static [Condition],
    /// What it does.
    pub what: What,
}

/// What an observed call does.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// Connects to an address: argument 1, its length argument 2.
    Connect,
    /// Takes an address: likewise.
    Bind,
    /// Sends to an address: argument 4, its length argument 5.
    SendTo,
    /// Sends a message, whose head is argument 1.
    SendMessage,
    /// Sends as many messages as argument 2 says, whose heads begin at argument 1.
    SendMessages,
    /// Touches files.
    Touch(&'static [Touch]),
    /// Executes the program at this path.
    Execute(Place),
    /// Starts a process or a thread.
    Start,
    /// Is the first call of a process or a thread.
    Started,
    /// Sends a signal to the process that argument 0 names.
    Signal,
    /// Writes to what argument 0 names: the bytes at argument 1, as many as argument 2 says.
    Write,
    /// Writes likewise; argument 1 points to as many pieces as argument 2 says.
    WritePieces,
}

/// A file that a call touches.
#[derive(Clone, Copy, Debug)]
pub struct Touch {
    /// Where its path is.
    pub at: Place,
    /// What the call does with it.
    pub want: Want,
    /// Whether a link at the end of the path is followed.
    pub follow: Follow,
}

/// Where a path is among the arguments of a call.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// The path is this argument, and relative to the working directory.
    Path(u8),
    /// The path is the second, relative to the directory that the first one is a descriptor of.
    At(u8, u8),
    /// No path: this argument is a descriptor of the file.
    Open(u8),
}

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Its properties are read.
    Look,
    /// It is opened, as the flags in this argument say.
    Open(u8),
    /// It is opened, as the `struct open_how` that this argument points to says.
    OpenHow(u8),
    /// It is made, or emptied if it is there.
    Create,
    /// It, or its properties, are changed.
    Change,
    /// It is made, and must not be there.
    Make,
    /// It is removed.
    Remove,
    /// Another one is put in its place.
    Put,
}

/// Whether a link at the end of a path is followed.
#[derive(Clone, Copy, Debug)]
pub enum Follow {
    /// Always.
    Yes,
    /// Never.
    No,
    /// Unless this argument has the flag `AT_SYMLINK_NOFOLLOW`.
    Unless(u8),
}

impl Observed {
    /// Whether a call with these arguments stops here.
    pub fn stops(&self, arch: Arch, number: u32, arguments: &[u64; 6]) -> bool {
        self.call.number(arch) == Some(number)
            && self.when.iter().all(|condition| condition.holds(arguments))
    }
}

const fn call(
    name: &'static str,
    x86_64: Option<u32>,
    aarch64: Option<u32>,
    what: What,
) -> Observed {
    Observed {
        call: Call {
            name,
            x86_64,
            aarch64,
        },
        when: &[],
        what,
    }
}

const fn both(name: &'static str, x86_64: u32, aarch64: u32, what: What) -> Observed {
    call(name, Some(x86_64), Some(aarch64), what)
}

/// A call whose number is the same on both machines, as all since 424 are.
const fn same(name: &'static str, number: u32, what: What) -> Observed {
    both(name, number, number, what)
}

/// One of the old calls, which only x86_64 has.
const fn old(name: &'static str, x86_64: u32, what: What) -> Observed {
    call(name, Some(x86_64), None, what)
}

/// The same call has another name and number on aarch64.
const fn new(name: &'static str, aarch64: u32, what: What) -> Observed {
    call(name, None, Some(aarch64), what)
}

impl Observed {
    const fn when(mut self, when: &'static [Condition]) -> Observed {
        self.when = when;
        self
    }
}

const fn path(argument: u8, want: Want, follow: Follow) -> Touch {
    let at = Place::Path(argument);
    Touch { at, want, follow }
}

const fn at(directory: u8, argument: u8, want: Want, follow: Follow) -> Touch {
    let at = Place::At(directory, argument);
    Touch { at, want, follow }
}

const fn open(argument: u8) -> Touch {
    Touch {
        at: Place::Open(argument),
        want: Want::Change,
        follow: Follow::Yes,
    }
}

/// The flag by which a call says that it means a link itself.
pub const NO_FOLLOW: u32 = 0x100;
/// The flag by which a call says that it means an open descriptor.
const EMPTY_PATH: u32 = 0x1000;

/// Of a file by its path, not of an open one.
const OF_A_PATH: &[Condition] = &[Condition::NoneOf {
    argument: 3,
    mask: EMPTY_PATH,
    values: &[EMPTY_PATH],
}];
/// Likewise, and of a link itself.
const OF_A_LINK: &[Condition] = &[
    Condition::AnyBit {
        argument: 3,
        mask: NO_FOLLOW,
    },
    Condition::NoneOf {
        argument: 3,
        mask: EMPTY_PATH,
        values: &[EMPTY_PATH],
    },
];

use Follow::{No, Unless, Yes};
use Want::{Change, Create, Look, Make, Open, OpenHow, Put, Remove};

/// Every call that can carry an address out. `sendto` without one is `send` on a connected socket, and goes through unseen;
/// the address of the other two lies behind a pointer, so they always stop.
pub const NETWORK: &[Observed] = &[
    both("connect", 42, 203, What::Connect),
    both("bind", 49, 200, What::Bind),
    both("sendto", 44, 206, What::SendTo).when(&[Condition::Given { argument: 4 }]),
    both("sendmsg", 46, 211, What::SendMessage),
    both("sendmmsg", 307, 269, What::SendMessages),
];

/// Every call that opens or changes a file by its name.
#[rustfmt::skip] // One call, one line.
pub const FILES: &[Observed] = &[
    both("openat", 257, 56, What::Touch(&[at(0, 1, Open(2), Yes)])),
    old("open", 2, What::Touch(&[path(0, Open(1), Yes)])),
    same("openat2", 437, What::Touch(&[at(0, 1, OpenHow(2), Yes)])),
    old("creat", 85, What::Touch(&[path(0, Create, Yes)])),
    both("chdir", 80, 49, What::Touch(&[path(0, Look, Yes)])),
    old("mkdir", 83, What::Touch(&[path(0, Make, No)])),
    both("mkdirat", 258, 34, What::Touch(&[at(0, 1, Make, No)])),
    old("mknod", 133, What::Touch(&[path(0, Make, No)])),
    both("mknodat", 259, 33, What::Touch(&[at(0, 1, Make, No)])),
    old("rmdir", 84, What::Touch(&[path(0, Remove, No)])),
    old("unlink", 87, What::Touch(&[path(0, Remove, No)])),
    both("unlinkat", 263, 35, What::Touch(&[at(0, 1, Remove, No)])),
    old("rename", 82, What::Touch(&[path(0, Remove, No), path(1, Put, No)])),
    both("renameat", 264, 38, What::Touch(&[at(0, 1, Remove, No), at(2, 3, Put, No)])),
    both("renameat2", 316, 276, What::Touch(&[at(0, 1, Remove, No), at(2, 3, Put, No)])),
    old("link", 86, What::Touch(&[path(0, Look, No), path(1, Make, No)])),
    both("linkat", 265, 37, What::Touch(&[at(0, 1, Look, No), at(2, 3, Make, No)])),
    old("symlink", 88, What::Touch(&[path(1, Make, No)])),
    both("symlinkat", 266, 36, What::Touch(&[at(1, 2, Make, No)])),
    old("chmod", 90, What::Touch(&[path(0, Change, Yes)])),
    both("fchmod", 91, 52, What::Touch(&[open(0)])),
    both("fchmodat", 268, 53, What::Touch(&[at(0, 1, Change, Yes)])),
    same("fchmodat2", 452, What::Touch(&[at(0, 1, Change, Unless(3))])),
    old("chown", 92, What::Touch(&[path(0, Change, Yes)])),
    both("fchown", 93, 55, What::Touch(&[open(0)])),
    old("lchown", 94, What::Touch(&[path(0, Change, No)])),
    both("fchownat", 260, 54, What::Touch(&[at(0, 1, Change, Unless(4))])),
    both("truncate", 76, 45, What::Touch(&[path(0, Change, Yes)])),
    old("utime", 132, What::Touch(&[path(0, Change, Yes)])),
    old("utimes", 235, What::Touch(&[path(0, Change, Yes)])),
    old("futimesat", 261, What::Touch(&[at(0, 1, Change, Yes)])),
    both("utimensat", 280, 88, What::Touch(&[at(0, 1, Change, Unless(3))])),
    both("setxattr", 188, 5, What::Touch(&[path(0, Change, Yes)])),
    both("lsetxattr", 189, 6, What::Touch(&[path(0, Change, No)])),
    both("fsetxattr", 190, 7, What::Touch(&[open(0)])),
    both("removexattr", 197, 14, What::Touch(&[path(0, Change, Yes)])),
    both("lremovexattr", 198, 15, What::Touch(&[path(0, Change, No)])),
    both("fremovexattr", 199, 16, What::Touch(&[open(0)])),
];

/// Calls that ask whether a file is there, and that ordinary programs make rarely enough.
#[rustfmt::skip]
pub const LOOKS: &[Observed] = &[
    old("access", 21, What::Touch(&[path(0, Look, Yes)])),
    both("faccessat", 269, 48, What::Touch(&[at(0, 1, Look, Yes)])),
    same("faccessat2", 439, What::Touch(&[at(0, 1, Look, Unless(3))])),
    old("readlink", 89, What::Touch(&[path(0, Look, No)])),
    both("readlinkat", 267, 78, What::Touch(&[at(0, 1, Look, No)])),
    old("lstat", 6, What::Touch(&[path(0, Look, No)])),
    old("newfstatat", 262, What::Touch(&[at(0, 1, Look, Unless(3))])).when(OF_A_LINK),
    new("fstatat", 79, What::Touch(&[at(0, 1, Look, Unless(3))])).when(OF_A_LINK),
    // What the standard libraries of Rust and libuv ask for is asked by compilers thousands of times.
    both("statx", 332, 291, What::Touch(&[at(0, 1, Look, Unless(2))])).when(&[
        Condition::NoneOf { argument: 3, mask: u32::MAX, values: &[0xfff] },
        Condition::NoneOf { argument: 2, mask: EMPTY_PATH, values: &[EMPTY_PATH] },
    ]),
];

/// The rest of them, which importers and compilers make by the thousand.
#[rustfmt::skip]
pub const FREQUENT_LOOKS: &[Observed] = &[
    old("stat", 4, What::Touch(&[path(0, Look, Yes)])),
    old("newfstatat", 262, What::Touch(&[at(0, 1, Look, Unless(3))])).when(OF_A_PATH),
    new("fstatat", 79, What::Touch(&[at(0, 1, Look, Unless(3))])).when(OF_A_PATH),
    both("statx", 332, 291, What::Touch(&[at(0, 1, Look, Unless(2))])).when(&[
        Condition::NoneOf { argument: 2, mask: EMPTY_PATH, values: &[EMPTY_PATH] },
    ]),
];

/// `CLONE_VM`: what is started shares the memory.
const SHARED_MEMORY: u32 = 0x100;

/// Starting processes, threads and programs, and signals to processes. Signal 0 asks only whether a process is there.
///
/// A call that stops can be interrupted by a signal (`EINTR`), which starts never are otherwise, and a shell whose child ends
/// just then gives up. Whoever shares its memory with what it starts blocks signals meanwhile, as C libraries and Go do, and
/// can stop. Who forks cannot; there the new process stops at the first call that glibc makes in it, whose result nobody
/// looks at. Its stack is still that of the fork. Other libraries make no such call there; threads and new programs do too.
pub const PROCESSES: &[Observed] = &[
    both("clone", 56, 220, What::Start).when(&[Condition::AnyBit {
        argument: 0,
        mask: SHARED_MEMORY,
    }]),
    old("vfork", 58, What::Start),
    both("set_robust_list", 273, 99, What::Started),
    both("execve", 59, 221, What::Execute(Place::Path(0))),
    both("execveat", 322, 281, What::Execute(Place::At(0, 1))),
    both("kill", 62, 129, What::Signal).when(&[Condition::NoneOf {
        argument: 1,
        mask: u32::MAX,
        values: &[0],
    }]),
];

/// The descriptors of a program's output.
const OUTPUT: &[Condition] = &[Condition::OneOf {
    argument: 0,
    mask: u32::MAX,
    values: &[1, 2],
}];

/// Printing. Stops only in runs that tell the line of what is printed.
pub const PRINTS: &[Observed] = &[
    both("write", 1, 64, What::Write).when(OUTPUT),
    both("writev", 20, 66, What::WritePieces).when(OUTPUT),
];

/// Everything that a cell's listener is told of besides the table's rows; with `every_look`, also the calls that some
/// programs make by the thousand.
pub fn observed(every_look: bool) -> Vec<Observed> {
    let frequent: &[Observed] = if every_look { FREQUENT_LOOKS } else { &[] };
    [NETWORK, PROCESSES, FILES, LOOKS, frequent].concat()
}

/// Flags with which an open may change something: to write, to make, to empty.
const WRITES: u32 = 0o1 | 0o2 | 0o100 | 0o1000;

/// Everything that a cell's listener is told of besides the table's rows where a file system of our own sees which names
/// are looked up: of the calls on files, those that may change something.
pub fn changes() -> Vec<Observed> {
    let opens = |argument: u8| -> &'static [Condition] {
        match argument {
            1 => &[Condition::AnyBit {
                argument: 1,
                mask: WRITES,
            }],
            _ => &[Condition::AnyBit {
                argument: 2,
                mask: WRITES,
            }],
        }
    };
    let files = FILES.iter().filter_map(|seen| match seen.what {
        What::Touch([Touch { want: Look, .. }]) => None,
        What::Touch(
            [
                Touch {
                    want: Open(flags), ..
                },
            ],
        ) => Some(seen.when(opens(*flags))),
        _ => Some(*seen),
    });
    files.chain([NETWORK, PROCESSES].concat()).collect()
}

/// The observed call with this number and these arguments.
pub fn find(arch: Arch, number: u32, arguments: &[u64; 6]) -> Option<&'static Observed> {
    [FILES, LOOKS, FREQUENT_LOOKS, NETWORK, PROCESSES, PRINTS]
        .into_iter()
        .flatten()
        .find(|seen| seen.stops(arch, number, arguments))
}

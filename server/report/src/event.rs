//! The things a run tells while it lives, and the one that ends it.

use serde::{Deserialize, Serialize};

use crate::{SourceError, Violation};

/// Which of the two streams the program wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// Which protecting layers were really on in a run, read back from inside the cell just before the program started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posture {
    /// The cell has a user namespace of its own, and no further one can be made in it.
    pub user_namespace: bool,
    /// The cell has a mount namespace of its own and the host's root is gone from it.
    pub mount_namespace: bool,
    /// The cell has a process namespace of its own.
    pub pid_namespace: bool,
    /// The cell has an empty network namespace of its own.
    pub network_namespace: bool,
    /// The cell has System V IPC and POSIX queues of its own.
    pub ipc_namespace: bool,
    /// The cell has a host name of its own.
    pub uts_namespace: bool,
    /// The cell sees its own cgroup as the root.
    pub cgroup_namespace: bool,
    /// The program can gain no privilege by executing a file.
    pub no_new_privileges: bool,
    /// All five capability sets are empty.
    pub capabilities_dropped: bool,
    /// The system call filter is on.
    pub seccomp: bool,
    /// Version of the Landlock interface that holds the second wall; 0 means the kernel has none.
    pub landlock_abi: u32,
    /// Limits are held by a control group (else by a watcher, and by per-process limits).
    pub cgroup: bool,
    /// How the project is seen: "hidden", "overlay", "read" or "none".
    pub project: String,
    /// Refusals are put on the line that caused them.
    pub located: bool,
    /// What a reader must know about this run: layers that are weaker than usual and what was done instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a run used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// From the start of the program to its end, in milliseconds.
    pub wall_ms: f64,
    /// User and system time of every process of the cell, in milliseconds.
    pub cpu_ms: f64,
    /// The most memory that the cell held at once, in bytes.
    pub peak_memory_bytes: u64,
    /// How many processes the program had when it ended, itself included.
    pub processes: u64,
}

/// How a run stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Ending {
    /// The program ended by itself.
    Exited {
        /// Its exit status.
        code: i32,
    },
    /// A signal ended the program, and none of ours.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// A limit of the policy ended it.
    Limit {
        /// Which: `wall`, `cpu`, `memory` or `output`.
        limit: String,
    },
    /// The user ended it.
    Cancelled,
    /// We will not run this.
    Refused {
        /// What and why.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// We could not run this.
    Failed {
        /// The set-up step that failed.
        step: String,
        /// The kernel's name for the error, for instance `EPERM`.
        errno: String,
        /// What to do about it.
        hint: String,
    },
}

/// One thing that a run tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The program was started, with these layers on.
    Started {
        /// What was read back from inside the cell.
        posture: Posture,
    },
    /// The program wrote something.
    Output {
        /// Where to.
        stream: Stream,
        /// What, as it came.
        bytes: Vec<u8>,
        /// The line that printed it, from 1, where that is known: of the program, and once `runs` has it of the document.
        line: Option<u32>,
    },
    /// Output was left out here, because it was more than a report keeps.
    Omitted {
        /// How many bytes.
        bytes: u64,
    },
    /// Something was refused.
    Violation(Violation),
    /// The program failed at a line, and did not say so itself: it crashed.
    Error(SourceError),
    /// The end. Exactly one, and nothing after it.
    Ended {
        /// How.
        ending: Ending,
        /// At what cost.
        usage: Usage,
    },
}

//! One thing that the program tried and the sandbox refused, or a limit that it hit.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What sort of thing was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $text)] $name,)* }

        impl Kind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The kind's name in policies, reports and diagnostics.
            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// A file was to be read that the policy hides.
    FilesRead = "files.read",
    /// A file was to be written, made, removed or changed that the policy protects.
    FilesWrite = "files.write",
    /// A program was to be executed that the policy does not let run.
    FilesExec = "files.exec",
    /// A host name was to be looked up.
    NetworkResolve = "network.resolve",
    /// A connection was to be made, or a datagram sent.
    NetworkConnect = "network.connect",
    /// A port was to be listened on.
    NetworkBind = "network.bind",
    /// A UNIX socket outside the cell was to be reached.
    SocketUnix = "socket.unix",
    /// A process outside the cell was to be signalled.
    ProcessSignal = "process.signal",
    /// A process was to be traced, or its memory read.
    ProcessTrace = "process.trace",
    /// A system call that no program in a cell may make.
    Syscall = "syscall",
    /// The run took longer than the policy allows.
    LimitWall = "limit.wall",
    /// The run computed longer than the policy allows.
    LimitCpu = "limit.cpu",
    /// The run held more memory than the policy allows.
    LimitMemory = "limit.memory",
    /// The run had more processes and threads than the policy allows.
    LimitProcesses = "limit.processes",
    /// The run had more open files than the policy allows.
    LimitFiles = "limit.files",
    /// The run wrote more to its scratch space than the policy allows.
    LimitDisk = "limit.disk",
    /// The run printed more than the policy allows.
    LimitOutput = "limit.output",
}

/// How sure we are of a violation's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The user's own frame made the call.
    Exact,
    /// A library made the call; this is the user's line that called it.
    Caller,
    /// Only the document is known. The line is that of the error it led to, or the first one selected.
    File,
}

/// What enforced a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The cell's own view of files.
    Mount,
    /// The cell's empty network.
    Network,
    /// The system call filter.
    Seccomp,
    /// Landlock.
    Landlock,
    /// A per-process limit of the kernel.
    Rlimit,
    /// A control group.
    Cgroup,
    /// Belljar's own watcher.
    Watcher,
}

/// A refusal or a limit, as DESIGN calls it: a violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// What sort of thing was refused.
    pub kind: Kind,
    /// The path, host and port, call or limit. Text of the program's: show it by [`crate::displayable_line`] only.
    pub target: String,
    /// What was to be done with the target, in a word: `connect`, `open`, `mount`.
    pub access: String,
    /// The error that the program saw, if it saw one.
    pub errno: Option<String>,
    /// The document, as the user named it.
    pub file: Option<String>,
    /// Line in the document, from 1.
    pub line: Option<u32>,
    /// Column in the document, from 1.
    pub column: Option<u32>,
    /// How sure the line is.
    pub confidence: Confidence,
    /// How often it happened; equal ones are folded into one.
    pub count: u64,
    /// The program that tried, by its short name.
    pub program: String,
    /// The policy rule that refused it: `file:line`.
    pub rule: Option<String>,
    /// What enforced it.
    pub layer: Layer,
    /// The narrowest rule that would allow it, as a line of a policy file; none where nothing can.
    pub allow: Option<String>,
}

impl Violation {
    /// Whether `other` is the same thing tried again.
    pub fn repeats(&self, other: &Violation) -> bool {
        self.kind == other.kind
            && self.target == other.target
            && self.access == other.access
            && self.file == other.file
            && self.line == other.line
            && self.program == other.program
    }
}

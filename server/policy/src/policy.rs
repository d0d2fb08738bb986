//! A policy: what a run may do, with nothing left open. And the order on policies: which allows no more than which.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::limit::Limit;
use crate::network_rule::NetworkRule;
use crate::places::{covers_path, covers_program};

/// What a run may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What it is for, in one line. May be empty.
    pub description: String,
    /// Which files it may see.
    pub files: Files,
    /// Whom it may connect to.
    pub network: Network,
    /// What it may execute.
    pub programs: Programs,
    /// Which variables it gets.
    pub environment: Environment,
    /// What it may use.
    pub limits: Limits,
    /// Where all that was said.
    pub origins: Origins,
}

/// How a run sees the user's project. In this order each allows more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProjectAccess {
    /// Not at all.
    Hidden,
    /// Readable; writes are refused.
    Read,
    /// Readable; writes go to scratch space and are discarded.
    Overlay,
}

impl ProjectAccess {
    pub(crate) const ALL: [ProjectAccess; 3] = [
        ProjectAccess::Hidden,
        ProjectAccess::Read,
        ProjectAccess::Overlay,
    ];

    /// The word for it in policy files.
    pub fn as_str(self) -> &'static str {
        match self {
            ProjectAccess::Hidden => "hidden",
            ProjectAccess::Read => "read",
            ProjectAccess::Overlay => "overlay",
        }
    }
}

/// Which files a run may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// How it sees the project.
    pub project: ProjectAccess,
    /// Further files and directories of the host that it may read: absolute, or beginning with `~/`. Without `.`, `..`,
    /// doubled or final slashes.
    pub read: Vec<String>,
    /// What stays hidden in the project, also from `read`: globs from the project's root, in which `*` stops at `/`
    /// and `**/` is any depth (fast-glob). A directory that matches is hidden whole.
    pub hide: Vec<String>,
    /// How many bytes it may write to files altogether.
    pub scratch: u64,
}

/// Whom a run may connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Whatever one of these covers. Empty: nobody.
    pub allow: Vec<NetworkRule>,
}

/// What a run may execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// Beside the tools of its runtime, which it may always execute: `*` for every file that the cell sees; a path
    /// (absolute, or beginning with `~/`) for that file or what lies below that directory; a name for the program
    /// that the user's PATH finds by that name. None of these shows a file to the cell that it does not see anyway.
    /// Empty: the runtime's tools only.
    pub allow: Vec<String>,
}

/// Which variables a run gets, beside those that every cell has (HOME, PATH and the like).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Names of those that it gets with the user's own value, if the user has them. None of them is in `set`.
    pub pass: Vec<String>,
    /// Those that it gets with a value from the policy.
    pub set: BTreeMap<String, String>,
}

/// What a run may use. Sizes are bytes. No limit is ever 0, and none is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From its start to its end.
    pub wall: Duration,
    /// User and system time of all its processes together.
    pub cpu: Duration,
    /// Memory of all its processes, with what it wrote to scratch space.
    pub memory: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Open files of each process.
    pub open_files: u64,
    /// Size of any one file that it writes.
    pub file_size: u64,
    /// Bytes on standard output and error together.
    pub output: u64,
}

/// Where each key's value comes from: `default.toml:12`, or `request`. Where several layers add to one value, the one
/// that laid its ground is first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(pub(crate) BTreeMap<&'static str, Vec<String>>);

impl Origins {
    /// All places that had a part in the key's value.
    pub fn of(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }
}

impl Policy {
    /// The file and line that set a key such as `limits.wall` (`scratch` is `files.scratch`).
    pub fn origin(&self, key: &str) -> Option<&str> {
        self.origins.of(key).first().map(String::as_str)
    }

    /// Whether everything that this policy allows is allowed by `other` too. A partial order: of two policies, it may be
    /// that neither does. Names and descriptions do not count.
    pub fn allows_no_more_than(&self, other: &Policy) -> bool {
        fn each<T>(mine: &[T], theirs: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
            mine.iter()
                .all(|mine| theirs.iter().any(|theirs| covers(theirs, mine)))
        }
        let (files, environment) = (&self.files, &self.environment);
        files.project <= other.files.project
            && each(&files.read, &other.files.read, |wide, narrow| covers_path(wide, narrow))
            // What is hidden is turned round: to hide less is to allow more.
            && each(&other.files.hide, &files.hide, |mine, theirs| mine == theirs)
            && each(&self.network.allow, &other.network.allow, NetworkRule::covers)
            && each(&self.programs.allow, &other.programs.allow, |wide, narrow| covers_program(wide, narrow))
            && each(&environment.pass, &other.environment.pass, |theirs, mine| theirs == mine)
            && environment.set.iter().all(|(name, value)| other.environment.set.get(name) == Some(value))
            && Limit::ALL.into_iter().all(|limit| self.limit(limit) <= other.limit(limit))
    }

    pub(crate) fn limit(&self, limit: Limit) -> u64 {
        // Durations are at most a year, so they fit.
        let nanoseconds =
            |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        match limit {
            Limit::Wall => nanoseconds(self.limits.wall),
            Limit::Cpu => nanoseconds(self.limits.cpu),
            Limit::Memory => self.limits.memory,
            Limit::Processes => self.limits.processes,
            Limit::OpenFiles => self.limits.open_files,
            Limit::FileSize => self.limits.file_size,
            Limit::Output => self.limits.output,
            Limit::Scratch => self.files.scratch,
        }
    }

    pub(crate) fn set_limit(&mut self, limit: Limit, value: u64) {
        match limit {
            Limit::Wall => self.limits.wall = Duration::from_nanos(value),
            Limit::Cpu => self.limits.cpu = Duration::from_nanos(value),
            Limit::Memory => self.limits.memory = value,
            Limit::Processes => self.limits.processes = value,
            Limit::OpenFiles => self.limits.open_files = value,
            Limit::FileSize => self.limits.file_size = value,
            Limit::Output => self.limits.output = value,
            Limit::Scratch => self.files.scratch = value,
        }
    }

    /// The policy under which nothing can run: what layers are put on.
    pub(crate) fn nothing(name: &str) -> Policy {
        Policy {
            name: name.to_string(),
            description: String::new(),
            files: Files {
                project: ProjectAccess::Hidden,
                read: Vec::new(),
                hide: Vec::new(),
                scratch: 0,
            },
            network: Network { allow: Vec::new() },
            programs: Programs { allow: Vec::new() },
            environment: Environment {
                pass: Vec::new(),
                set: BTreeMap::new(),
            },
            limits: Limits {
                wall: Duration::ZERO,
                cpu: Duration::ZERO,
                memory: 0,
                processes: 0,
                open_files: 0,
                file_size: 0,
                output: 0,
            },
            origins: Origins::default(),
        }
    }
}

//! A run with nothing left to decide. The sandbox carries it out to the letter, and it is what crosses to the inner process.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The home directory inside every cell: private, empty, writable, gone with the run.
pub const CELL_HOME: &str = "/home/sandbox";

/// A file that is put into the cell before anything runs there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellFile {
    /// Absolute path in the cell. Inside the project it covers the project's own file of that name.
    pub path: PathBuf,
    /// What it holds.
    pub content: Vec<u8>,
    /// Whether it may be executed.
    pub executable: bool,
}

/// A file or directory of the host that the cell sees, read-only, at the same path.
/// The path is taken as it is named: a symbolic link in it leads where it leads now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Absolute path on the host, which is where the cell sees it too.
    pub path: PathBuf,
    /// The run cannot do without it; otherwise a missing one is left out.
    pub required: bool,
}

/// How the cell sees the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectAccess {
    /// Not at all.
    Hidden,
    /// Readable; writes are refused.
    Read,
    /// Readable, and writes go to scratch space and are discarded.
    Overlay,
}

/// The user's project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its directory, absolute, with no symbolic links.
    pub root: PathBuf,
    /// How it is seen. A project that is `Hidden` is a part of the plan only if a view would show it: the cell then has
    /// an empty directory in its place, in which the plan's own files lie.
    pub access: ProjectAccess,
    /// Globs, relative to the root, of what stays hidden in it.
    pub hide: Vec<String>,
}

/// One program of the run. Steps run one after the other in the same cell; the first that fails ends the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Absolute path in the cell.
    pub program: PathBuf,
    /// Its arguments, its own name first.
    pub arguments: Vec<String>,
    /// Whether it reads the run's standard input (else it is empty).
    pub reads_input: bool,
    /// Whether this is the program itself, and not a step that prepares it (a compiler).
    pub is_program: bool,
}

/// What the steps before the program make, where it can serve a later run of the same text too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The program that they make: its path in the cell, which is below `/tmp`.
    pub binary: PathBuf,
    /// Files likewise, in which they say what they read besides `files`, as rules for `make`.
    pub inputs: Vec<PathBuf>,
    /// What they are made of on the host: if that changes, they may make something else.
    pub tools: Vec<PathBuf>,
    /// The directory of the host in which such programs are kept. It need not be there.
    pub kept_in: PathBuf,
    /// What the program begins with, if that can be compiled ahead.
    #[serde(default)]
    pub precompiled: Option<Precompiled>,
}

/// The beginning of a program. What it becomes may be put into the cell of any program that begins so: its compiler takes it
/// then, and does without if it is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Precompiled {
    /// What compiles it.
    pub step: Step,
    /// Its text, which lies below `/tmp`.
    pub source: CellFile,
    /// What it becomes, likewise.
    pub makes: PathBuf,
    /// Where the compiler lists what it read for that, likewise, as rules for `make`.
    pub inputs: PathBuf,
}

/// Which files the cell may execute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Executables {
    /// Whatever the cell sees.
    Everything,
    /// Only these files, and what lies below these directories.
    Only(Vec<PathBuf>),
}

/// What a run may use. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// From the start of the first step to the end of the last.
    pub wall: Duration,
    /// User and system time of all processes together.
    pub cpu: Duration,
    /// Memory of all processes and scratch space together.
    pub memory: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Open descriptors per process.
    pub open_files: u64,
    /// Size of any one file.
    pub file_size: u64,
    /// Standard output and error together.
    pub output: u64,
    /// Everything written to the cell's files together.
    pub scratch: u64,
}

/// Where the policy says what it says, as `file:line`, for the `rule` of violations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// What hides files.
    pub files: Option<String>,
    /// What hides single files of the project.
    #[serde(default)]
    pub hide: Option<String>,
    /// What protects files from writing.
    pub project: Option<String>,
    /// What refuses the network.
    pub network: Option<String>,
    /// What refuses programs.
    pub programs: Option<String>,
    /// What sets each limit, by its name in policy files (`wall`, `memory`, `scratch`, ...).
    pub limits: std::collections::BTreeMap<String, String>,
}

/// A run, decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPlan {
    /// Name of the policy.
    pub policy: String,
    /// The document that is run, by its path in the cell: the lines of violations are lines of this file.
    pub document: Option<PathBuf>,
    /// What to execute, in order. Never empty; exactly the last `is_program`.
    pub steps: Vec<Step>,
    /// What the steps before the program make, if it may be kept.
    #[serde(default)]
    pub product: Option<Product>,
    /// Files to put into the cell. Written in order, after the project is in place.
    pub files: Vec<CellFile>,
    /// Files and directories of the host that the cell sees.
    pub views: Vec<View>,
    /// The project, if the cell sees one, or would see it in a view although it is hidden.
    pub project: Option<Project>,
    /// Where the steps start. If it is neither seen nor in the project, it is made, empty and writable.
    pub work_dir: PathBuf,
    /// The whole environment.
    pub environment: Vec<(String, String)>,
    /// What may be executed.
    pub executables: Executables,
    /// The user's home directory. A cell has another one; what a program looks for there is looked for in this one too,
    /// to say what it did not find.
    #[serde(default)]
    pub home: Option<PathBuf>,
    /// What the policy shows of that directory, relative to it: the cell's home has links of these names.
    #[serde(default)]
    pub home_links: Vec<PathBuf>,
    /// What may be used.
    pub limits: Limits,
    /// Where the policy says so.
    pub rules: Rules,
    /// Output is told with the line that printed it.
    #[serde(default)]
    pub output_lines: bool,
    /// Its programs open or ask for many files, or may do so.
    #[serde(default)]
    pub many_files: bool,
}

//! The table of attempts: what each row may say, and how it is read from the files beside this one.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// One attempt to get out, or to take too much.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// A sentence, unique in the table.
    pub name: String,
    /// Why it matters.
    pub why: String,
    /// Where something like it has worked before.
    pub cve: Option<String>,
    /// The attempt: arguments of the probe,
    pub probe: Option<Vec<String>>,
    /// or a line for `/bin/sh`.
    pub script: Option<String>,
    /// A probe that runs to its end first, in a cell of its own.
    pub before: Option<Vec<String>>,
    /// A probe that says `ok ready` and lives on in a cell of its own during the attempt.
    pub beside: Option<Vec<String>>,
    /// The attempt is made from the host in both cases; only `beside` is in a cell.
    #[serde(default)]
    pub from_outside: bool,
    /// A probe that takes away what the control left on the host.
    pub tidy: Option<Vec<String>>,
    /// What happens outside the sandbox: the proof that the attempt is a real one.
    pub outside: Outside,
    /// The control needs the powers of root, and gets them in a user namespace of its own.
    #[serde(default)]
    pub outside_as_root_of_a_namespace: bool,
    /// What happens inside.
    pub inside: Inside,
    /// What happens inside when root runs the table, where that differs.
    pub inside_for_root: Option<Inside>,
    /// Only for `root` or only for an ordinary `user`, because for the other it means nothing.
    pub only: Option<Caller>,
    /// The caller sits at a terminal.
    #[serde(default)]
    pub terminal: bool,
    /// Options of belljar.
    #[serde(default)]
    pub options: Vec<String>,
    /// The policy, `default` if none is named.
    pub policy: Option<String>,
    /// Watch the live output and the exit status instead of the JSON report.
    #[serde(default)]
    pub live: bool,
    /// A limit of the machine or of a weaker layer that is known and left: where the demand is not met, the report's
    /// posture must have told the user that this layer is off.
    pub noted: Option<String>,
    /// Belljar gets this signal as soon as the program has written something. Means `live`.
    pub signal: Option<i32>,
}

/// Who runs the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Caller {
    /// Somebody without privilege.
    User,
    /// Root.
    Root,
}

/// What the control has to show.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Outside {
    /// `ok`: the attempt gets through. Or `not provable here: why`, and it is not made outside.
    Word(String),
    /// The attempt gets as far as this.
    Shows(Control),
}

/// How far a control must get.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// It ends with this error, which only the kernel's own code gives.
    pub errno: Option<OneOrMany>,
    /// It does not end with this error (it may succeed); if it does, nothing is proven here.
    pub errno_is_not: Option<OneOrMany>,
    /// It prints this.
    pub shows: Option<OneOrMany>,
    /// It does not print this.
    pub hides: Option<OneOrMany>,
    /// It leaves a process behind.
    pub left_behind: bool,
    /// It dies of this signal.
    pub signal: Option<i32>,
}

/// What must be seen inside. Whatever it says, no secret may be seen and nothing may be left.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Inside {
    /// The probe says ok.
    pub ok: bool,
    /// The probe ends with one of these errors.
    pub errno: Option<OneOrMany>,
    /// All of these are printed.
    pub shows: Option<OneOrMany>,
    /// None of these is printed.
    pub hides: Option<OneOrMany>,
    /// `exited`, `signaled:N`, `limit:NAME`, `cancelled`, `refused`, `failed`; `exited` if nothing is said.
    pub ending: Option<OneOrMany>,
    /// The program's exit status.
    pub code: Option<i32>,
    /// A violation of this kind is reported, wherever refusals can be reported at all.
    pub report: Option<String>,
    /// It is over after at most this many seconds.
    pub within: Option<f64>,
}

/// A word or a list of words.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The words.
    pub fn words(&self) -> &[String] {
        match self {
            OneOrMany::One(word) => std::slice::from_ref(word),
            OneOrMany::Many(words) => words,
        }
    }

    /// Whether `word` is among them.
    pub fn has(&self, word: &str) -> bool {
        self.words().iter().any(|one| one == word)
    }
}

/// The harmless arguments with which a refused system call is made, by its name.
pub type Arguments = BTreeMap<String, Vec<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    attempt: Vec<Attempt>,
}

/// Every row of every file, in the order of the file names.
pub fn read(folder: &Path) -> Vec<Attempt> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of the table")
        .map(|entry| entry.expect("a file of the table").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name != "arguments.toml")
        })
        .collect();
    files.sort();
    let mut attempts = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a file of the table");
        let file: File =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        attempts.extend(file.attempt);
    }
    attempts
}

/// The arguments for the generated rows.
pub fn read_arguments(folder: &Path) -> Arguments {
    let text = std::fs::read_to_string(folder.join("arguments.toml")).expect("arguments.toml");
    toml::from_str(&text).unwrap_or_else(|error| panic!("arguments.toml: {error}"))
}

//! What a runtime file says, as it is written there. Keys that are not listed here are refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::project::Project;

/// A whole runtime file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub language_ids: Vec<String>,
    #[serde(default)]
    pub extensions: Vec<String>,
    #[serde(default)]
    pub file_names: Vec<String>,
    #[serde(default)]
    pub fence_tags: Vec<String>,
    /// Regular expressions over the first line, behind its `#!`.
    #[serde(default)]
    pub shebangs: Vec<String>,
    /// Where a file's name leaves a choice, it is this one only if the first line is like this.
    pub begins: Option<String>,
    /// The id of the runtime that runs its documents, but for those whose first line asks for this one: a second tool for
    /// one language.
    pub instead_of: Option<String>,
    /// It was written from documentation, and nobody has seen it run anything.
    #[serde(default)]
    pub untested: bool,
    /// A program that shows whether all this is right.
    pub canary: Option<Canary>,
    /// What to say of programs before they run.
    #[serde(default)]
    pub note: Vec<Note>,
    /// Tools by the name that templates call them.
    pub tool: BTreeMap<String, Tool>,
    /// Ways to run a program, best first. The first whose tools are all there is taken.
    pub way: Vec<Way>,
    /// What the tools need in the environment. Values are templates.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Values for templates that are read from the project.
    #[serde(default)]
    pub define: BTreeMap<String, Define>,
    /// Further arguments for `{flags}`, where the program's text asks for them.
    #[serde(default)]
    pub flags: Vec<Flags>,
    /// Arguments for `{faster}`: those of the first of these whose file is on this machine.
    #[serde(default)]
    pub faster: Vec<Faster>,
    /// Files of ours that a way needs in the cell.
    #[serde(default)]
    pub file: BTreeMap<String, SupportFile>,
    /// Read-only directories of the user's that help where the project has a certain file.
    #[serde(default)]
    pub library: Vec<Library>,
    #[serde(default)]
    pub selection: Selection,
    #[serde(default)]
    pub unbuffered: Unbuffered,
    pub kept: Option<Kept>,
    /// What programs begin with, where that can be compiled ahead.
    pub precompiled: Option<crate::precompiled::Definition>,
    /// Projects whose documents run as the project's own tools run them.
    #[serde(default)]
    pub project: Vec<Project>,
    /// What columns in error messages count.
    #[serde(default)]
    pub columns: Columns,
    #[serde(default)]
    pub outline: Outline,
    /// How texts show what somebody typed, and how that runs.
    pub session: Option<Session>,
    /// How error messages name lines. For each line of output the first that fits is taken.
    #[serde(default)]
    pub error: Vec<ErrorRule>,
}

/// A small program, and what it must print.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Canary {
    pub program: String,
    pub output: String,
}

/// Something to say of a program before it runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// Programs that fit.
    pub when: String,
    /// Of those, not these.
    pub unless: Option<String>,
    pub say: String,
}

/// A program that a runtime needs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tool {
    /// What it may be called, best first.
    pub names: Vec<String>,
    /// Where to look, in order.
    pub find: Vec<Finder>,
    /// How to ask its version; nothing if it has no way to say.
    #[serde(default)]
    pub version: Vec<String>,
    /// How to get it, by the id of the system as os-release names it; `other` for the rest.
    pub install: BTreeMap<String, String>,
    /// Programs and directories that it executes besides itself.
    #[serde(default)]
    pub executes: Vec<String>,
    /// It opens or asks for files by the dozen, whatever the program: its own library, or what it starts.
    #[serde(default)]
    pub many_files: bool,
    /// Its settings on this machine, as absolute paths: it sees those that are there.
    #[serde(default)]
    pub settings: Vec<String>,
    /// A directory with one of these is an installation of it, wherever it lies. A part `*` is any one name.
    #[serde(default)]
    pub marks: Vec<String>,
}

/// One place to look for a tool. Exactly one of `project`, `directory` and `path` is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finder {
    /// A path below the document's directory or any directory above it, up to the project's.
    pub project: Option<String>,
    /// Installations: the first of these that exists. `~` and a leading `$NAME` are replaced.
    #[serde(default)]
    pub directory: Vec<String>,
    /// Below the directory: a path whose last part has one `*`, the version.
    pub each: Option<String>,
    /// Below the installation: where the program is.
    #[serde(default = "default_program")]
    pub program: String,
    /// Who says which version, in order. Empty: the newest.
    #[serde(default)]
    pub choose: Vec<Choice>,
    /// Below the directory: files that say what a version's other name stands for.
    pub aliases: Option<String>,
    /// Words that stand for the newest version.
    #[serde(default)]
    pub newest: Vec<String>,
    /// The directories of `PATH`.
    #[serde(default)]
    pub path: bool,
    /// Directories on `PATH` that hold stand-ins, which would start a version manager instead of the tool.
    #[serde(default)]
    pub skip: Vec<String>,
}

fn default_program() -> String {
    "bin/{name}".to_owned()
}

/// Something that says which version is wanted. Exactly one of the first three is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    /// A variable of the environment.
    pub variable: Option<String>,
    /// A file in the document's directory or any above it.
    pub project_file: Option<String>,
    /// A file below the finder's directory, or anywhere if it begins with `~`.
    pub file: Option<String>,
    /// Where in the file; its first group is the version.
    #[serde(default = "default_choice")]
    pub pattern: String,
}

fn default_choice() -> String {
    r"^\s*([^\s#]+)".to_owned()
}

/// One way to run a program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Way {
    /// The tools it takes.
    pub needs: Vec<String>,
    /// Commands that prepare, in order.
    #[serde(default)]
    pub compile: Vec<Vec<String>>,
    /// The command that is the program.
    pub run: Vec<String>,
    /// The support files it takes.
    #[serde(default)]
    pub files: Vec<String>,
}

/// A value that is read from a file of the project.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Define {
    pub project_file: String,
    pub pattern: String,
    pub default: String,
}

/// Arguments for programs whose text says that they need them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flags {
    pub when: String,
    pub add: Vec<String>,
}

/// Arguments that have a tool do the same in less time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Faster {
    /// The program that it takes: an absolute path.
    pub file: PathBuf,
    pub add: Vec<String>,
}

/// A file that is put into the cell.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SupportFile {
    pub path: String,
    /// What it holds.
    #[serde(default)]
    pub content: String,
    /// Instead: the name of a file that comes with Belljar, beside the runtime files.
    pub shipped: Option<String>,
}

/// A directory that is shown if the project has a certain file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Library {
    pub project_file: String,
    pub directory: Vec<String>,
    /// Only these in it are shown.
    #[serde(default)]
    pub below: Vec<String>,
    /// A variable that is set to it.
    pub variable: Option<String>,
}

/// What makes a program write at once what it prints, in runs that tell the line of output.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unbuffered {
    /// Takes the place of what the environment has elsewhere.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Further support files.
    #[serde(default)]
    pub files: Vec<String>,
    /// Arguments for `{unbuffered}`.
    #[serde(default)]
    pub add: Vec<String>,
}

/// That what the compile steps put at `{binary}` may be kept for the next run of the same text, and when it may not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// Files in which the steps say what they read besides the text, as rules for `make`: templates of `{scratch}`.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// A text that fits may read what they do not name, or what is never the same.
    pub unless: Option<String>,
    /// Another file with a name that fits, in the document's directory or above it in the project, may be read too.
    pub unless_file: Option<String>,
}

/// How some lines of a document become a program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Selection {
    /// Lines outside the selection become empty, so that numbers hold. `false` where empty lines mean something: then
    /// the program begins with the selection, and numbers are put right afterwards.
    #[serde(default = "default_pad")]
    pub pad: bool,
    /// A selection that fits is a program of its own: nothing is kept from the rest of the document.
    pub complete: Option<String>,
    /// Lines outside the selection that stay, each on its own line.
    #[serde(default)]
    pub keep: Vec<Keep>,
    /// Lines to add where the selection uses something and nothing provides it.
    #[serde(default)]
    pub imply: Vec<Imply>,
    /// A line without which there is no program.
    pub header: Option<Header>,
    /// How statements become a program.
    #[serde(default)]
    pub wrap: Vec<Wrap>,
    /// What makes lines that are all indented legal, on the line before them.
    pub indented: Option<String>,
    /// For languages inside other text.
    pub embedded: Option<Embedded>,
    /// Arguments for `{flags}`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Names a file and a line to the compiler: a template of `{line}` and `{source}`. Needed where lines are added.
    pub line_directive: Option<String>,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection {
            pad: default_pad(),
            complete: None,
            keep: Vec::new(),
            imply: Vec::new(),
            header: None,
            wrap: Vec::new(),
            indented: None,
            embedded: None,
            flags: Vec::new(),
            line_directive: None,
        }
    }
}

fn default_pad() -> bool {
    true
}

/// Lines outside the selection that stay.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keep {
    /// How such a line begins. The group `names` holds the names that it provides, as do all further lines; or the
    /// group `name` holds the only one.
    pub line: String,
    /// It goes on until a line that fits this; if it does not fit itself.
    pub until: Option<String>,
    /// Instead: it goes on as long as lines fit this.
    pub goes_on: Option<String>,
    /// Lines between `line` and `until` are judged one by one by this.
    pub each: Option<String>,
    /// Stays only if the selection, or what else stays because of its names, uses one of its names like this; `{name}` is
    /// the name.
    pub used_as: Option<String>,
    /// Stays only if none of its names is provided already: by the selection, or by another line that stays if the group is
    /// `names`.
    #[serde(default)]
    pub once: bool,
    /// Stays also if it comes after the selection.
    #[serde(default)]
    pub anywhere: bool,
}

/// A line to add.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Imply {
    /// The selection uses it if it fits this.
    pub uses: String,
    /// Somebody provides it already if the selection or what is kept fits this.
    pub unless: String,
    pub line: String,
}

/// A line without which there is no program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub line: String,
    /// Not needed if a line of the selection or a kept one fits.
    pub unless: String,
    /// Stands between it and other text on the same line.
    pub separator: String,
}

/// How statements become a program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wrap {
    /// Used only for selections that fit.
    pub when: Option<String>,
    /// Not needed if the selection fits.
    pub unless: String,
    pub open: String,
    pub close: String,
    /// What is legal outside every function begins like this.
    pub item: String,
    /// What looks so and is a statement.
    pub statement: Option<String>,
    pub line_comment: String,
    /// Quotes of strings over several lines in which nothing is escaped.
    #[serde(default)]
    pub raw_quotes: String,
}

/// A language inside other text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Embedded {
    /// What begins it.
    pub open: String,
    /// What ends it.
    pub close: String,
    /// What we write to begin it.
    pub enter: String,
    /// What we write to end it.
    pub leave: String,
}

/// A session with an interpreter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    /// What the interpreter writes where a statement can be typed. A blank or nothing stands behind it.
    pub prompt: String,
    /// And on further lines of a statement.
    pub goes_on: String,
    /// Arguments for `{flags}`, with which the tool runs statement by statement, shows values, and goes on after an error.
    /// `{lines}` says which: `12-13,15-15!`, the last one being expected to fail; a `+` before it if the program is to
    /// run first, in whose comments they stand.
    pub flags: Vec<String>,
}

/// What can be found around a cursor: cells and functions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outline {
    /// What a comment to the end of the line begins with. With `%%` behind it, it begins a cell.
    pub comment: Option<String>,
    /// What such a comment begins with where people write less of it: what it says of a run, or of what is printed, is read.
    pub remark: Option<String>,
    /// Lines like this, directly above a function, belong to it.
    pub above: Option<String>,
    /// Of those and the function's own, lines that must not be there if it is called by us.
    pub without: Option<String>,
    /// The first line like this that begins where the function does is its last one. Without it, a function goes on as
    /// long as its lines begin further to the right.
    pub closes: Option<String>,
    /// Lines like this may begin where the function does and do not end it.
    pub goes_on: Option<String>,
    /// A first line like this is the last one too.
    pub whole: Option<String>,
    /// A parameter like this may be left out in a call.
    pub optional: Option<String>,
    /// Quotes of strings over several lines, whose lines may begin anywhere.
    #[serde(default)]
    pub strings: Vec<String>,
    /// Forms of functions, the first that fits counts.
    #[serde(default)]
    pub function: Vec<Form>,
    /// What else at the top of a document a function may use. Like its functions, it is there if its name is used.
    #[serde(default)]
    pub definition: Vec<Form>,
}

/// How a function or another definition is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Form {
    /// Its first line, with its name in the group `name`, and in the group `open` the bracket that opens the list of its
    /// parameters, if it has one. What has no name here counts as used.
    pub starts: String,
    /// How it is called without arguments: `{name}` is its name, `{outer}` that of what it lies in. Empty for what does
    /// something by itself.
    #[serde(default)]
    pub call: String,
    /// It has this form only in something whose first line is like this, and is called together with it.
    pub within: Option<String>,
    /// Instead of the outline's own.
    pub whole: Option<String>,
    /// Instead of the outline's own.
    pub optional: Option<String>,
}

/// What a column counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Columns {
    /// Characters.
    #[default]
    Characters,
    /// Bytes.
    Bytes,
    /// UTF-16 units.
    Utf16,
}

/// How one form of error message names lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorRule {
    /// Its first line. Groups: `message`, `file`, `line`, `column`; all but one of them may be missing. Where a pattern has
    /// no group `file`, the document is meant.
    pub starts: String,
    /// Further lines that name places.
    pub frame: Option<String>,
    /// The line that holds the message, if the first does not. Without the group `message` it is the whole line.
    pub message: Option<String>,
    /// A line after the message's end.
    pub ends: Option<String>,
    /// The message, where it names no line: it stands on the first line that has the group `name` in it, or that runs. A
    /// template of the pattern's groups.
    pub says: Option<String>,
    /// A first line that fits is no error.
    pub ignore: Option<String>,
    /// Which of the places in the document counts.
    #[serde(default)]
    pub take: Take,
    /// The line after a place repeats the document's, and `^` below it shows the column.
    #[serde(default)]
    pub caret: bool,
    /// Its columns count from 0.
    #[serde(default)]
    pub from_zero: bool,
}

/// Which place counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Take {
    /// The first.
    #[default]
    First,
    /// The last; the message comes behind it and is the end.
    Last,
}

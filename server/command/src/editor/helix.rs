//! `belljar editor helix`: the lines to add to the two files of Helix's configuration, beside what the user has in them.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use belljar_report::displayable_line;
use belljar_runs::LocalPlanner;
use belljar_runtime::Catalogue;
use toml::{Table, Value};

use super::defaults::{Defaults, Language};
use crate::options::{HelixFile, HelixOptions};
use crate::pages::print;

/// The shipped file is what is printed for somebody who has nothing yet. Up to its first language it holds for everybody.
const LANGUAGES: &str = include_str!("../../../../editors/helix/languages.toml");
const CONFIG: &str = include_str!("../../../../editors/helix/config.toml");
/// The versions with other keys. This one gives commands no arguments.
const OLDER: [(&str, &str); 1] = [(
    "25.01",
    include_str!("../../../../editors/helix/config-25.01.toml"),
)];
const SERVER: &str = "belljar";

/// Prints them.
pub fn helix(options: &HelixOptions) -> ExitCode {
    let defaults = Defaults::shipped();
    let newest = defaults.versions.last().map_or("", String::as_str);
    let version = options.helix.as_deref().unwrap_or(newest);
    if !defaults.versions.iter().any(|known| known == version) {
        return wrong(&format!(
            "Helix {version} is not in the table, which has {}. Take the last one that is not newer than yours.",
            defaults.versions.join(", ")
        ));
    }
    let planner = LocalPlanner::default();
    let languages = match chosen(options, &defaults, version, planner.catalogue().0) {
        Ok(languages) => languages,
        Err(message) => return wrong(&message),
    };
    let mut text = String::new();
    if options.only != Some(HelixFile::Config) {
        let own = OwnFile::read("languages.toml");
        text.push_str(&own.with(&languages_toml(&languages, &own)));
    }
    if options.only.is_none() {
        text.push('\n');
    }
    if options.only != Some(HelixFile::Languages) {
        let older = OLDER.iter().find(|(older, _)| *older == version);
        let config = older.map_or(CONFIG, |(_, config)| config);
        text.push_str(&OwnFile::read("config.toml").with(config));
    }
    print(text.as_bytes())
}

fn wrong(message: &str) -> ExitCode {
    eprintln!("belljar: {}", displayable_line(message, 1000));
    ExitCode::from(2)
}

/// Helix's languages that can be run here: the named ones, or all.
fn chosen<'a>(
    options: &HelixOptions,
    defaults: &'a Defaults,
    version: &str,
    catalogue: &Catalogue,
) -> Result<Vec<Language<'a>>, String> {
    // What Helix calls a language, and what Belljar calls it, are both good names.
    let runtimes = |language: &Language| -> Vec<String> {
        let is_its = |id: &String| id == language.id;
        let runtimes = catalogue.iter();
        runtimes
            .filter(|runtime| runtime.language_ids().iter().any(is_its))
            .map(|runtime| runtime.id().to_owned())
            .collect()
    };
    let mut all: Vec<(Language, Vec<String>)> = defaults
        .languages(version)
        .map(|language| {
            let runtimes = runtimes(&language);
            (language, runtimes)
        })
        .filter(|(language, runtimes)| language.is_fenced || !runtimes.is_empty())
        .collect();
    if !options.languages.is_empty() {
        let is_named = |(language, runtimes): &(Language, Vec<String>), name: &str| {
            language.name == name || language.id == name || runtimes.iter().any(|id| id == name)
        };
        for name in &options.languages {
            if !all.iter().any(|one| is_named(one, name)) {
                let known: Vec<&str> = all.iter().map(|(language, _)| language.name).collect();
                return Err(format!(
                    "Helix {version} has no language `{name}` that Belljar can run. There are: {}.",
                    known.join(", ")
                ));
            }
        }
        all.retain(|one| options.languages.iter().any(|name| is_named(one, name)));
    }
    Ok(all.into_iter().map(|(language, _)| language).collect())
}

/// The head of the shipped file, and each language with its servers.
fn languages_toml(languages: &[Language<'_>], own: &OwnFile) -> String {
    let head = LANGUAGES.split("\n[[language]]").next().unwrap_or_default();
    let mut text = head.trim_end().to_owned() + "\n";
    if let Some(path) = path_if_not_found() {
        text = text.replace(
            "command = \"belljar\"",
            &format!("command = {}", Value::String(path)),
        );
    }
    for language in languages {
        let own_list = own.language_servers(language.name);
        let mut servers: Vec<Value> = own_list.clone().unwrap_or_else(|| {
            language
                .servers
                .iter()
                .cloned()
                .map(Value::String)
                .collect()
        });
        if servers.iter().any(|server| name_of(server) == Some(SERVER)) {
            continue;
        }
        servers.push(Value::String(SERVER.to_owned()));
        text.push('\n');
        if own_list.is_some() {
            text.push_str("# The servers that you have chosen, and Belljar.\n");
        }
        let _ = writeln!(
            text,
            "[[language]]\nname = {}\nlanguage-servers = {}",
            Value::String(language.name.to_owned()),
            Value::Array(servers)
        );
    }
    text
}

/// A server in a list stands there by its name, or as a table with a name.
fn name_of(server: &Value) -> Option<&str> {
    server.as_str().or_else(|| server.get("name")?.as_str())
}

/// Where this program is, if an editor would not find it by its name.
fn path_if_not_found() -> Option<String> {
    let this = std::env::current_exe().ok()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&path).any(|folder| folder.join(SERVER).is_file());
    (!is_found).then(|| this.to_string_lossy().into_owned())
}

/// One of the user's own files.
struct OwnFile {
    name: &'static str,
    text: String,
    table: Table,
}

impl OwnFile {
    /// The file as it is; nothing, if it is not there. If it cannot be read or is no TOML, that is said.
    fn read(name: &'static str) -> OwnFile {
        let text = folder().map_or_else(|| Ok(String::new()), |folder| text_of(&folder.join(name)));
        OwnFile::new(
            name,
            text.unwrap_or_else(|error| {
                does_not_count(name, &error.to_string());
                String::new()
            }),
        )
    }

    fn new(name: &'static str, text: String) -> OwnFile {
        match text.parse::<Table>() {
            Ok(table) => OwnFile { name, text, table },
            Err(error) => {
                does_not_count(name, &error.to_string());
                OwnFile {
                    name,
                    text: String::new(),
                    table: Table::new(),
                }
            }
        }
    }

    /// The servers that the user has chosen for a language. Of several entries the last one counts, as in Helix.
    fn language_servers(&self, language: &str) -> Option<Vec<Value>> {
        let entries = self.table.get("language")?.as_array()?;
        let list = |entry: &Value| entry.get("language-servers")?.as_array().cloned();
        entries
            .iter()
            .filter(|entry| entry.get("name").and_then(Value::as_str) == Some(language))
            .filter_map(list)
            .next_back()
    }

    /// What of `addition` is to be written behind this file: what it has already is left out, and what it says otherwise, or
    /// would be said twice, becomes a comment.
    fn with(&self, addition: &str) -> String {
        let mut file = self.text.clone() + "\n";
        let mut text = String::new();
        let mut n_added = 0;
        for section in sections(addition) {
            let alone = section.parse::<Table>().unwrap_or_default();
            let together = file.clone() + section;
            if !alone.is_empty() && has(&self.table, &alone) {
                continue;
            }
            if together.parse::<Table>().is_ok() {
                file = together;
                text.push_str(section);
                n_added += usize::from(!alone.is_empty());
            } else {
                let _ = writeln!(
                    text,
                    "# Your {} has a part of this already. Take over from the following what you want:",
                    self.name
                );
                text.push_str(&commented(section));
            }
        }
        if n_added == 0 && !self.table.is_empty() {
            let _ = writeln!(text, "# Nothing is to be added to your {}.", self.name);
        }
        text
    }
}

/// Says that a file of the user's is not understood, and why.
fn does_not_count(name: &str, why: &str) {
    let first = why.lines().next().unwrap_or_default();
    eprintln!(
        "belljar: your {name} is not understood, so what is in it does not count here: {}",
        displayable_line(first, 200)
    );
}

/// The text of a file, which is empty if there is none.
fn text_of(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text,
    }
}

/// The parts of a file: what stands before the first header, then each header with the comment above it and what belongs to
/// it.
fn sections(text: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let mut start = 0;
    // Where the comment begins that would belong to a header that comes next.
    let mut comment = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            let begin = comment.unwrap_or(at);
            // The comment at the head of a file is about all of it.
            if begin > start && text[start..begin].lines().any(|line| !line.is_empty()) {
                sections.push(&text[start..begin]);
                start = begin;
            }
        }
        comment = line.starts_with('#').then(|| comment.unwrap_or(at));
        at += line.len();
    }
    sections.push(&text[start..]);
    sections
}

/// Whether `table` says all that `part` says.
fn has(table: &Table, part: &Table) -> bool {
    part.iter()
        .all(|(key, wanted)| match (table.get(key), wanted) {
            (Some(Value::Table(table)), Value::Table(wanted)) => has(table, wanted),
            (Some(value), wanted) => value == wanted,
            (None, _) => false,
        })
}

fn commented(section: &str) -> String {
    let mut text = String::new();
    for line in section.lines() {
        let mark = if line.is_empty() || line.starts_with('#') {
            ""
        } else {
            "# "
        };
        let _ = writeln!(text, "{mark}{line}");
    }
    text
}

/// Where Helix keeps its configuration.
fn folder() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    base.map(|base| base.join("helix"))
}

#[cfg(test)]
#[path = "helix_tests.rs"]
mod tests;

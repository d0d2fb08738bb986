//! The first of two steps: the bytes of a policy file -> its keys, with the place of each value. Nothing is missing
//! here that a file may leave out, and nothing is checked beyond spelling and type.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{PolicyError, printable};

/// More than any policy needs, and little enough that a stranger's file cannot keep us busy.
const LARGEST_FILE: usize = 256 * 1024;

pub(crate) type Text = Option<Spanned<String>>;
pub(crate) type List = Option<Spanned<Vec<Spanned<String>>>>;
pub(crate) type Count = Option<Spanned<i64>>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct RawPolicy {
    pub description: Text,
    pub files: RawFiles,
    pub network: RawNetwork,
    pub programs: RawPrograms,
    pub environment: RawEnvironment,
    pub limits: RawLimits,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct RawFiles {
    pub project: Text,
    pub read: List,
    pub hide: List,
    pub scratch: Text,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct RawNetwork {
    pub allow: List,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct RawPrograms {
    pub allow: List,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct RawEnvironment {
    pub pass: List,
    pub set: Option<Spanned<BTreeMap<String, Spanned<String>>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct RawLimits {
    pub wall: Text,
    pub cpu: Text,
    pub memory: Text,
    pub processes: Count,
    pub open_files: Count,
    pub file_size: Text,
    pub output: Text,
}

/// Reads a file that calls itself `name`.
pub(crate) fn read<'a>(name: &str, bytes: &'a [u8]) -> Result<(RawPolicy, &'a str), PolicyError> {
    let error = |line, message: &str, hint: &str| PolicyError {
        file: name.to_string(),
        line,
        key: String::new(),
        message: message.to_string(),
        hint: hint.to_string(),
    };
    if bytes.len() > LARGEST_FILE {
        return Err(error(
            0,
            "the file is larger than 256 KiB",
            "a policy is a page of text; is this one?",
        ));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(wrong) => {
            let line = line_of(&bytes[..wrong.valid_up_to()], wrong.valid_up_to());
            return Err(error(line, "the file is not UTF-8", "save it as UTF-8"));
        }
    };
    if let Some(place) = text.find('\0') {
        let line = line_of(bytes, place);
        return Err(error(line, "the file has a NUL byte in it", "remove it"));
    }
    match toml::from_str(text) {
        Ok(raw) => Ok((raw, text)),
        Err(wrong) => Err(explained(name, text, &wrong)),
    }
}

/// The line of the byte at `offset`, from 1.
pub(crate) fn line_of(bytes: &[u8], offset: usize) -> u32 {
    let before = &bytes[..offset.min(bytes.len())];
    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX - 1) + 1
}

/// The TOML reader's error in our words. It knows the place but not the key, so the key is looked up by its place.
fn explained(name: &str, text: &str, wrong: &toml::de::Error) -> PolicyError {
    let span = wrong.span().unwrap_or_default();
    let mut key = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        find_key(table.get_ref(), &span, &mut key);
    }
    let about_trust = key.iter().any(|part| part.starts_with("trust"));
    let key = printable(&key.join("."));
    let (message, hint) = match wrong.message() {
        unknown if unknown.starts_with("unknown field") && about_trust => (
            "a policy file cannot say what is to be trusted".to_string(),
            "remove this key; trust is given by the user, to a file whose content they have seen"
                .to_string(),
        ),
        unknown if unknown.starts_with("unknown field") => {
            let known = unknown.split_once("expected ").map(|(_, known)| known);
            let hint = known.map_or("no key is known here".into(), |known| {
                format!("expected {known}")
            });
            ("this key is not known".to_string(), hint)
        }
        other => {
            let plain = other
                .replace("expected i64", "expected a whole number")
                .replace("a sequence", "a list");
            (
                printable(&plain.replace("a map", "a table")),
                type_hint(&key).to_string(),
            )
        }
    };
    PolicyError {
        file: name.to_string(),
        // What is missing at the end of the file is missing on its last line, not on the one after it.
        line: line_of(text.as_bytes(), span.start.min(text.trim_end().len())),
        key,
        message,
        hint,
    }
}

fn type_hint(key: &str) -> &'static str {
    match key {
        "files.project" => "write \"hidden\", \"read\" or \"overlay\"",
        "limits.wall" | "limits.cpu" => "write a duration such as \"10s\"",
        "limits.processes" | "limits.open_files" => {
            "write a whole number such as 64, without quotes"
        }
        "files.scratch" | "limits.memory" | "limits.file_size" | "limits.output" => {
            "write a size such as \"512MiB\""
        }
        "files.read" | "files.hide" | "network.allow" | "programs.allow" | "environment.pass" => {
            "write a list of strings such as [\"…\", \"…\"]"
        }
        key if key.starts_with("environment.set") => "write { NAME = \"value\" }",
        _ => "",
    }
}

/// Collects the names that lead to the innermost key or value around `span`.
fn find_key(table: &DeTable<'_>, span: &Range<usize>, path: &mut Vec<String>) {
    let within = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    for (key, value) in table {
        let inner = value.get_ref();
        // A table that was made by dotted keys or by its children's headers has a place of its own only in part:
        // look into every table, and take back the name where nothing is found.
        path.push(key.get_ref().to_string());
        if let DeValue::Table(table) = inner {
            let depth = path.len();
            find_key(table, span, path);
            if path.len() > depth {
                return;
            }
        }
        if within(key.span()) || within(value.span()) {
            return;
        }
        path.pop();
    }
}

//! A policy in its own words: one line per key, with the file and line that set it. The text is a policy file again.

use std::fmt::Write as _;

use crate::limit::{Limit, Unit};
use crate::policy::Policy;

impl Policy {
    /// The whole policy, one line per key: `limits.wall = "10s"  # default.toml:41`.
    pub fn explain(&self) -> String {
        let mut text = format!("# policy {}\n", self.name);
        let _ = writeln!(text, "description = {}", string(&self.description));
        for (key, value) in self.entries() {
            let line = format!("{key} = {value}");
            // Aligned where lines are short; a long list simply pushes its own comment out.
            let _ = writeln!(text, "{line:<36}  # {}", origins(self.origins.of(key)));
        }
        text
    }

    /// Every key with its value as TOML.
    pub(crate) fn entries(&self) -> Vec<(&'static str, String)> {
        let (files, environment) = (&self.files, &self.environment);
        let set: Vec<String> = environment
            .set
            .iter()
            .map(|(name, value)| format!("{name} = {}", string(value)))
            .collect();
        let mut entries = vec![
            ("files.project", string(files.project.as_str())),
            ("files.read", list(&files.read)),
            (
                "files.hide",
                list(files.hide.iter().map(|glob| as_written(glob))),
            ),
            (Limit::Scratch.key(), self.limit_text(Limit::Scratch)),
            ("network.allow", list(&self.network.allow)),
            ("programs.allow", list(&self.programs.allow)),
            ("environment.pass", list(&environment.pass)),
            (
                "environment.set",
                if set.is_empty() {
                    "{}".to_string()
                } else {
                    format!("{{ {} }}", set.join(", "))
                },
            ),
        ];
        let limits = Limit::ALL
            .into_iter()
            .filter(|limit| *limit != Limit::Scratch);
        entries.extend(limits.map(|limit| (limit.key(), self.limit_text(limit))));
        entries
    }

    fn limit_text(&self, limit: Limit) -> String {
        let text = limit.show(self.limit(limit));
        if limit.unit() == Unit::Count {
            text
        } else {
            string(&text)
        }
    }
}

/// A checked glob, shortened to what a person would write: without a slash it is looked for at any depth anyway.
fn as_written(glob: &str) -> String {
    match glob.strip_prefix("**/") {
        Some(name) if !name.contains('/') => name.to_string(),
        _ if glob.contains('/') => glob.to_string(),
        _ => format!("/{glob}"),
    }
}

fn origins(places: &[String]) -> String {
    // A file's name is a stranger's text and must not end the comment.
    places
        .iter()
        .map(|place| crate::error::printable(place))
        .collect::<Vec<_>>()
        .join(", ")
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items
        .into_iter()
        .map(|item| string(&item.to_string()))
        .collect();
    format!("[{}]", items.join(", "))
}

/// A TOML string on one line.
pub(crate) fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Control characters, and those that turn the direction of text: this is shown on terminals.
            c if c.is_control()
                || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

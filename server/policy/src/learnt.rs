//! A policy as a file, and the same with rules that a program turned out to need, each with its reason behind it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::error::printable;
use crate::explain::string;
use crate::policy::Policy;
use crate::rule::Rule;

/// A rule that a program needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// The rule.
    pub rule: Rule,
    /// Which line needs it, and what for. Any text: it becomes one line.
    pub why: String,
    /// It is named, but commented out, so that it is only allowed by whoever decides so.
    pub held_back: bool,
}

impl Policy {
    /// The policy as a file with one key on each line, which says all that it says and nothing of where it comes from.
    pub fn as_file(&self) -> String {
        self.with_learnt(&[])
    }

    /// The same with `learnt`: a policy file, too.
    pub fn with_learnt(&self, learnt: &[Learnt]) -> String {
        let mut by_key: BTreeMap<String, Vec<&Learnt>> = BTreeMap::new();
        for one in learnt {
            by_key.entry(one.rule.key()).or_default().push(one);
        }
        let mut text = format!("description = {}\n", string(&self.description));
        for (key, value) in self.entries() {
            match by_key.get(key) {
                None => {
                    let _ = writeln!(text, "{key} = {value}");
                }
                Some(new) if new.iter().all(|one| one.rule.items().is_none()) => {
                    single(&mut text, key, &value, new);
                }
                Some(new) => list(&mut text, key, &value, new),
            }
        }
        text
    }
}

/// A key with one value: the last rule has it.
fn single(text: &mut String, key: &str, value: &str, new: &[&Learnt]) {
    let chosen = new.iter().rev().find(|one| !one.held_back);
    for one in new.iter().filter(|one| one.held_back) {
        let _ = writeln!(
            text,
            "# {key} = {}  # {}",
            one.rule.value(),
            comment(&one.why)
        );
    }
    let _ = match chosen {
        Some(one) => writeln!(
            text,
            "{key} = {}  # {}",
            one.rule.value(),
            comment(&one.why)
        ),
        None => writeln!(text, "{key} = {value}"),
    };
}

/// A list, one entry on each line, what was there before first.
fn list(text: &mut String, key: &str, value: &str, new: &[&Learnt]) {
    let _ = writeln!(text, "{key} = [");
    let mut seen: Vec<String> = Vec::new();
    if let Ok(rule) = Rule::read(&format!("{key} = {value}")) {
        for item in rule.items().unwrap_or_default() {
            seen.push(item.clone());
            let _ = writeln!(text, "  {},", string(item));
        }
    }
    for one in new {
        for item in one.rule.items().unwrap_or_default() {
            if seen.contains(item) {
                continue;
            }
            seen.push(item.clone());
            let mark = if one.held_back { "# " } else { "" };
            let _ = writeln!(text, "  {mark}{},  # {}", string(item), comment(&one.why));
        }
    }
    text.push_str("]\n");
}

/// What cannot end its line.
fn comment(why: &str) -> String {
    printable(why)
}

#[cfg(test)]
#[path = "learnt_tests.rs"]
mod tests;

//! One rule: one key of a policy file with one value, as a violation names it and as a quick fix writes it.

use toml_edit::{DocumentMut, Value};

use crate::adjustment::Adjustment;
use crate::error::{PolicyError, quoted};
use crate::explain::string;

/// A rule that has been checked: `files.read = ["/srv/data"]`, or `limits.output = "16MiB"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    text: String,
    section: String,
    key: String,
    items: Option<Vec<String>>,
    value: String,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// It is more than one key, or a key or a value that no policy can have.
    pub fn read(text: &str) -> Result<Rule, PolicyError> {
        Adjustment::of_rule(text)?;
        let wrong = |message: &str| {
            PolicyError {
            file: "request".to_string(),
            line: 0,
            key: String::new(),
            message: format!("{} {message}", quoted(text)),
            hint: "a rule is one key and its value, such as `files.read = [\"/srv/data\"]` or `limits.wall = \"30s\"`"
                .to_string(),
        }
        };
        let document: DocumentMut = text.parse().map_err(|_| wrong("is no TOML"))?;
        let mut sections = document.iter();
        let (Some((section, inner)), None) = (sections.next(), sections.next()) else {
            return Err(wrong("is not one key"));
        };
        let Some(table) = inner.as_table_like() else {
            return Err(wrong("changes nothing that a run may do"));
        };
        let mut keys = table.iter();
        let (Some((key, item)), None) = (keys.next(), keys.next()) else {
            return Err(wrong("is not one key"));
        };
        let Some(value) = item.as_value() else {
            return Err(wrong("is no value but a table"));
        };
        if value.is_inline_table() {
            return Err(wrong("is no value but a table"));
        }
        let items = match value.as_array() {
            Some(list) => {
                let items: Option<Vec<String>> = list
                    .iter()
                    .map(|item| item.as_str().map(str::to_string))
                    .collect();
                Some(items.ok_or_else(|| wrong("is not a list of texts"))?)
            }
            None => None,
        };
        if items.as_ref().is_some_and(Vec::is_empty) {
            return Err(wrong("is an empty list, which allows nothing"));
        }
        let key_name = format!("{section}.{key}");
        if key_name == "files.hide" {
            return Err(wrong("hides, and does not allow"));
        }
        Ok(Rule {
            text: text.to_string(),
            section: section.to_string(),
            key: key.to_string(),
            value: value.clone().decorated("", "").to_string(),
            items,
        })
    }

    /// The rule of a list with one entry, in its one form; `None` if no policy can have such an entry. The entry may be
    /// a stranger's text: it cannot end its string.
    pub fn of_item(key: &str, item: &str) -> Option<Rule> {
        Rule::read(&format!("{key} = [{}]", string(item))).ok()
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The key with its table: `files.read`.
    pub fn key(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// The entries, if it is a list.
    pub fn items(&self) -> Option<&[String]> {
        self.items.as_deref()
    }

    /// The value as TOML.
    pub fn value(&self) -> &str {
        &self.value
    }

    pub(crate) fn section(&self) -> &str {
        &self.section
    }

    pub(crate) fn short_key(&self) -> &str {
        &self.key
    }

    pub(crate) fn to_value(&self) -> Option<Value> {
        self.value.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_one_key_and_its_value() {
        let rule = Rule::read("files.read = [\"/srv/data\"]").unwrap();
        assert_eq!(rule.key(), "files.read");
        assert_eq!(rule.items().unwrap(), ["/srv/data"]);
        let rule = Rule::read("limits.processes = 12").unwrap();
        assert_eq!((rule.items(), rule.value()), (None, "12"));
        let rule = Rule::read("files.project = \"overlay\"  # why").unwrap();
        assert_eq!(rule.value(), "\"overlay\"");
        for wrong in [
            "",
            "description = \"x\"",
            "files.read = []",
            "files.hide = [\"x\"]",
            "files = { read = [\"/x\"], project = \"overlay\" }",
            "environment.set = { A = \"b\" }",
            "files.read = [\"/x\"]\nfiles.project = \"overlay\"",
            "files.read = [1]",
            "nonsense",
        ] {
            assert!(Rule::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_entry_of_a_rule_cannot_end_its_string() {
        for item in ["/a\"]", "/a\", \"/b", "/a\\", "/a'", "/a#b", "/ä\u{202e}b"] {
            let rule = Rule::of_item("files.read", item).unwrap_or_else(|| panic!("{item}"));
            assert_eq!(rule.items().unwrap(), [item]);
            assert!(!rule.text().contains('\u{202e}'));
        }
        assert_eq!(Rule::of_item("files.read", "/a\nb"), None);
        assert_eq!(Rule::of_item("files.read", "relative"), None);
    }
}

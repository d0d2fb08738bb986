//! Writes a rule into a policy file, as a quick fix does, and leaves the rest of the file as its owner wrote it.

use toml_edit::{Array, DocumentMut, Item, RawString, Table, Value};

use crate::adjustment::Adjustment;
use crate::error::{PolicyError, quoted};
use crate::layers::PolicyFile;
use crate::policy::Policy;
use crate::rule::Rule;

/// The text of `file` with `rule` in it.
///
/// A list gets the entries that it does not have. For a project's file, in which a list says all that may be used,
/// `instead_of` is the policy that held so far: a list that the file does not have yet begins with what that policy
/// allows, so that adding a rule takes nothing away. For a file of the user's it is `None`. Any other value takes the
/// place of the one that was there.
///
/// # Errors
/// The file is wrong, or holds something at the rule's place that the rule does not fit.
pub fn with_rule(
    file: &PolicyFile<'_>,
    rule: &Rule,
    instead_of: Option<&Policy>,
) -> Result<String, PolicyError> {
    Adjustment::read(file).map_err(|mut errors| errors.remove(0))?;
    let wrong = |message: String| PolicyError {
        file: file.name.clone(),
        line: 0,
        key: rule.key(),
        message,
        hint: "mend the file by hand".to_string(),
    };
    let text = String::from_utf8_lossy(file.text);
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| wrong(error.message().to_string()))?;
    let is_new = !document.contains_key(rule.section());
    if is_new {
        // What stands at the end of the file stays before what comes to stand behind it.
        let end = document.trailing().as_str().unwrap_or("").to_string();
        let gap = if text.trim().is_empty() { "" } else { "\n" };
        let mut table = Table::new();
        table.decor_mut().set_prefix(end + gap);
        document.set_trailing("");
        document.insert(rule.section(), Item::Table(table));
    }
    let table = document
        .entry(rule.section())
        .or_insert_with(|| Item::Table(Table::new()));
    let Some(table) = table.as_table_like_mut() else {
        return Err(wrong(format!(
            "{} is no table in the file",
            quoted(rule.section())
        )));
    };
    match rule.items() {
        Some(items) => {
            let ground = || {
                instead_of
                    .map(|policy| allowed(policy, &rule.key()))
                    .unwrap_or_default()
            };
            let list = table
                .entry(rule.short_key())
                .or_insert_with(|| Item::Value(Value::Array(Array::from_iter(ground()))));
            let Some(list) = list.as_array_mut() else {
                return Err(wrong("is no list in the file".to_string()));
            };
            for item in items {
                if !list.iter().any(|mine| mine.as_str() == Some(item)) {
                    add(list, item);
                }
            }
        }
        None => {
            let Some(mut value) = rule.to_value() else {
                return Err(wrong("is no value".to_string()));
            };
            match table.get_mut(rule.short_key()) {
                // What stands behind the old value, a comment for instance, stands behind the new one.
                Some(Item::Value(old)) => {
                    *value.decor_mut() = old.decor().clone();
                    *old = value;
                }
                _ => {
                    table.insert(rule.short_key(), Item::Value(value));
                }
            }
        }
    }
    Ok(document.to_string())
}

/// Adds an entry to a list, on a line of its own if the others have theirs. A comment behind the last entry stays there.
fn add(list: &mut Array, item: &str) {
    // toml_edit escapes what would end the string or the line, but not what turns the direction of text round.
    let value: Option<Value> = crate::explain::string(item).parse().ok();
    let value = value.unwrap_or_else(|| Value::from(item));
    let text_of =
        |raw: Option<&RawString>| raw.and_then(RawString::as_str).unwrap_or("").to_string();
    let last = list
        .len()
        .checked_sub(1)
        .and_then(|last| list.get_mut(last));
    let Some(last) = last else {
        return list.push(value);
    };
    let indentation = text_of(last.decor().prefix());
    let Some((_, indentation)) = indentation.rsplit_once('\n') else {
        return list.push(value);
    };
    let behind = text_of(last.decor().suffix());
    last.decor_mut().set_suffix("");
    let end = behind + &text_of(Some(list.trailing()));
    let (comments, bracket) = end.rsplit_once('\n').unwrap_or(("", ""));
    let (prefix, trailing) = (format!("{comments}\n{indentation}"), format!("\n{bracket}"));
    list.push_formatted(value.decorated(prefix, ""));
    list.set_trailing_comma(true);
    list.set_trailing(trailing);
}

fn allowed(policy: &Policy, key: &str) -> Vec<String> {
    match key {
        "files.read" => policy.files.read.clone(),
        "network.allow" => policy
            .network
            .allow
            .iter()
            .map(ToString::to_string)
            .collect(),
        "programs.allow" => policy.programs.allow.clone(),
        "environment.pass" => policy.environment.pass.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Layers, resolve};

    fn granted(text: &str, rule: &str, instead_of: Option<&Policy>) -> Result<String, PolicyError> {
        let file = PolicyFile {
            name: "policy.toml".to_string(),
            text: text.as_bytes(),
        };
        with_rule(&file, &Rule::read(rule)?, instead_of)
    }

    #[test]
    fn a_rule_is_added_and_comments_stay() {
        let text = "# mine\n[network]\nallow = [\"a:1\"] # why\n\n[limits]\nwall = \"3s\"\n";
        let expected =
            "# mine\n[network]\nallow = [\"a:1\", \"b:2\"] # why\n\n[limits]\nwall = \"3s\"\n";
        let rule = "network.allow = [\"b:2\"]";
        assert_eq!(granted(text, rule, None).unwrap(), expected);
        assert_eq!(
            granted(expected, rule, None).unwrap(),
            expected,
            "adding it again changes nothing"
        );
        assert_eq!(
            granted("", rule, None).unwrap(),
            "[network]\nallow = [\"b:2\"]\n"
        );
        assert!(
            granted("network.allow = [\"a:1\"]\n", rule, None)
                .unwrap()
                .contains("[\"a:1\", \"b:2\"]")
        );
    }

    #[test]
    fn a_rule_for_a_project_takes_nothing_away() {
        let user = PolicyFile {
            name: "policy.toml".to_string(),
            text: b"network.allow = [\"a:1\"]",
        };
        let mut layers = Layers {
            name: "default",
            user: Some(user),
            ..Layers::default()
        };
        let before = resolve(&layers).unwrap().policy;
        let text = granted("", "network.allow = [\"b:2\"]", Some(&before)).unwrap();
        layers.project = Some(PolicyFile {
            name: ".belljar.toml".to_string(),
            text: text.as_bytes(),
        });
        layers.project_trusted = true;
        let after = resolve(&layers).unwrap().policy;
        assert!(before.allows_no_more_than(&after));
        assert_eq!(after.network.allow.len(), 2);
    }

    #[test]
    fn a_single_value_takes_the_place_of_the_one_that_was_there() {
        let text = "[limits]\n# patience\nwall = \"3s\" # why\ncpu = \"1s\"\n";
        assert_eq!(
            granted(text, "limits.wall = \"30s\"", None).unwrap(),
            "[limits]\n# patience\nwall = \"30s\" # why\ncpu = \"1s\"\n"
        );
        assert_eq!(
            granted("# mine\n", "limits.processes = 9", None).unwrap(),
            "# mine\n\n[limits]\nprocesses = 9\n"
        );
    }

    #[test]
    fn an_entry_goes_on_a_line_of_its_own_if_the_others_do() {
        let text = "[files]\nread = [\n  \"/a\", # one\n  \"/b\", # two\n]\n";
        let granted = granted(text, "files.read = [\"/c\"]", None).unwrap();
        assert_eq!(
            granted,
            "[files]\nread = [\n  \"/a\", # one\n  \"/b\", # two\n  \"/c\",\n]\n"
        );
        let text = "files.read = [\n  \"/a\",\n  \"/b\" # two\n]\n";
        let granted = self::granted(text, "files.read = [\"/c\"]", None).unwrap();
        assert_eq!(
            granted,
            "files.read = [\n  \"/a\",\n  \"/b\", # two\n  \"/c\",\n]\n"
        );
    }

    #[test]
    fn what_is_not_one_good_rule_is_not_written() {
        let rules = [
            "network.allow = [\"a\"]",
            "network.allow = [\"a:1\"]\nfiles.read = [\"/x\"]",
            "network = { allow = [\"a:1\"] }\n",
            "",
            "nonsense",
        ];
        for rule in rules {
            assert!(granted("", rule, None).is_err(), "{rule}");
        }
        assert!(granted("netwrok = 1", "network.allow = [\"a:1\"]", None).is_err());
    }
}

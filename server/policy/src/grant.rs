//! Writes a rule into a policy file, as a quick fix does, and leaves the rest of the file as its owner wrote it.

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use crate::adjustment::Adjustment;
use crate::error::{PolicyError, quoted};
use crate::layers::PolicyFile;
use crate::policy::Policy;

/// The text of `file` with `rule` added: a line of a policy file with one list, `network.allow = ["192.0.2.1:443"]`.
///
/// For a project's file, in which a list says all that may be used, `instead_of` is the policy that held so far: a list
/// that the file does not have yet begins with what that policy allows, so that adding a rule takes nothing away. For a
/// file of the user's it is `None`.
///
/// # Errors
/// The file or the rule is wrong, or the rule is not one list.
pub fn with_rule(
    file: &PolicyFile<'_>,
    rule: &str,
    instead_of: Option<&Policy>,
) -> Result<String, PolicyError> {
    Adjustment::read(file).map_err(|mut errors| errors.remove(0))?;
    Adjustment::of_rule(rule)?;
    let wrong = |message: String| PolicyError {
        file: "request".to_string(),
        line: 0,
        key: String::new(),
        message,
        hint: "a rule that can be written to a file is one list: `files.read = [\"/srv/data\"]`"
            .to_string(),
    };
    let text = String::from_utf8_lossy(file.text);
    let parse = |text: &str| {
        text.parse::<DocumentMut>()
            .map_err(|error| wrong(error.message().to_string()))
    };
    let (mut document, rule_document) = (parse(&text)?, parse(rule)?);
    let Some((section, key, items)) = only_list(&rule_document) else {
        return Err(wrong(format!("{} is not one list", quoted(rule))));
    };
    let table = document
        .entry(section)
        .or_insert_with(|| Item::Table(Table::new()));
    let Some(table) = table.as_table_like_mut() else {
        return Err(wrong(format!(
            "{} is no table in the file",
            quoted(section)
        )));
    };
    let full_key = format!("{section}.{key}");
    let ground = || {
        instead_of
            .map(|policy| allowed(policy, &full_key))
            .unwrap_or_default()
    };
    let list = table
        .entry(key)
        .or_insert_with(|| Item::Value(Value::Array(Array::from_iter(ground()))));
    let Some(list) = list.as_array_mut() else {
        return Err(wrong(format!(
            "{} is no list in the file",
            quoted(&full_key)
        )));
    };
    for item in items {
        if !list.iter().any(|mine| mine.as_str() == Some(item)) {
            list.push(item);
        }
    }
    Ok(document.to_string())
}

/// The table, the key and the strings of a document that is one list and nothing else.
fn only_list(document: &DocumentMut) -> Option<(&str, &str, Vec<&str>)> {
    let mut sections = document.iter();
    let (section, item) = sections.next()?;
    let mut keys = item.as_table_like()?.iter();
    let (key, list) = keys.next()?;
    if sections.next().is_some() || keys.next().is_some() {
        return None;
    }
    let items = list
        .as_array()?
        .iter()
        .map(Value::as_str)
        .collect::<Option<_>>()?;
    Some((section, key, items))
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
        with_rule(&file, rule, instead_of)
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
    fn what_is_not_one_good_list_is_not_written() {
        let rules = [
            "limits.wall = \"1h\"",
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

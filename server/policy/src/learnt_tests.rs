//! What is learnt is a policy file with exactly the rules more.

use proptest::prelude::*;

use super::*;
use crate::layers::{Layers, PolicyFile, Request, resolve};

fn policy(allow: &[String]) -> Policy {
    let request = Request {
        allow,
        limits: &[],
        may_widen: true,
    };
    let layers = Layers {
        name: "default",
        request,
        ..Layers::default()
    };
    resolve(&layers).unwrap().policy
}

/// The policy that `text` defines.
fn defined(text: &str) -> Policy {
    let layers = Layers {
        name: "default",
        user_named: Some(PolicyFile {
            name: "learnt.toml".into(),
            text: text.as_bytes(),
        }),
        ..Layers::default()
    };
    resolve(&layers)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
        .policy
}

fn is_same(one: &Policy, other: &Policy) -> bool {
    one.allows_no_more_than(other) && other.allows_no_more_than(one)
}

fn learnt(rule: &str, held_back: bool) -> Learnt {
    Learnt {
        rule: Rule::read(rule).unwrap(),
        why: "a.py:3: read it".into(),
        held_back,
    }
}

#[test]
fn a_policy_as_a_file_is_that_policy() {
    let before = policy(&[]);
    assert!(is_same(&before, &defined(&before.as_file())));
}

#[test]
fn what_was_learnt_stands_with_its_reason() {
    let rules = [
        learnt("files.read = [\"/srv/data\"]", false),
        learnt("files.read = [\"~/.ssh/id_rsa\"]", true),
        learnt("limits.output = \"16MiB\"", false),
    ];
    let text = policy(&[]).with_learnt(&rules);
    let lists = "files.read = [\n  \"/srv/data\",  # a.py:3: read it\n  # \"~/.ssh/id_rsa\",  # a.py:3: read it\n]\n";
    assert!(text.contains(lists), "{text}");
    assert!(
        text.contains("limits.output = \"16MiB\"  # a.py:3: read it\n"),
        "{text}"
    );
    let wanted = policy(&[rules[0].rule.text().into(), rules[2].rule.text().into()]);
    assert!(is_same(&defined(&text), &wanted));
}

#[test]
fn what_is_held_back_allows_nothing() {
    let rules = [
        learnt("files.read = [\"~/.ssh\"]", true),
        learnt("limits.wall = \"1h\"", true),
    ];
    let before = policy(&[]);
    assert!(is_same(&defined(&before.with_learnt(&rules)), &before));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Neither a name nor a reason can say more in the file than it is.
    #[test]
    fn whatever_the_program_named_the_file_allows_the_rules_and_no_more(
        names in proptest::collection::vec("\\PC{1,12}", 1..4),
        why in "(\\PC|[\n\r\t\"#\\\\\u{2028}\u{85}]){0,30}",
        held in proptest::collection::vec(any::<bool>(), 3),
    ) {
        let rules: Vec<Learnt> = names
            .iter()
            .zip(&held)
            .filter_map(|(name, held_back)| {
                let rule = Rule::of_item("files.read", &format!("/srv/{name}"))?;
                Some(Learnt { rule, why: why.clone(), held_back: *held_back })
            })
            .collect();
        let text = policy(&[]).with_learnt(&rules);
        let allowed: Vec<String> = rules
            .iter()
            .filter(|one| !one.held_back)
            .map(|one| one.rule.text().to_owned())
            .collect();
        let held: Vec<&str> = rules
            .iter()
            .filter(|one| one.held_back)
            .filter_map(|one| Some(one.rule.items()?.first()?.as_str()))
            .collect();
        // The same entry may be both: then the first one of them stands.
        let is_both = allowed.iter().any(|rule| Rule::read(rule).unwrap().items().unwrap().iter().any(|item| held.contains(&item.as_str())));
        prop_assume!(!is_both);
        prop_assert!(is_same(&defined(&text), &policy(&allowed)), "{}", text);
    }
}

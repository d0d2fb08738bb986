//! A document narrows, and whatever it says beyond that has no effect.

use crate::*;

fn resolved(name: &str, document: DocumentWord<'_>) -> Result<Resolved, PolicyError> {
    let layers = Layers {
        name,
        document,
        ..Layers::default()
    };
    resolve(&layers)
}

fn named<'a>(policy: &'a str, own: Option<&'a str>) -> DocumentWord<'a> {
    let user_named = own.map(|text| PolicyFile {
        name: "own.toml".to_owned(),
        text: text.as_bytes(),
    });
    DocumentWord {
        name: "a.py",
        policies: vec![DocumentPolicy {
            line: 3,
            name: policy,
            user_named,
        }],
        limits: Vec::new(),
    }
}

fn limited<'a>(limits: &[(u32, &'a str, &'a str)]) -> DocumentWord<'a> {
    DocumentWord {
        name: "a.py",
        policies: Vec::new(),
        limits: limits.to_vec(),
    }
}

fn plain(name: &str) -> Policy {
    let word = DocumentWord::default();
    resolved(name, word).expect("it is shipped").policy
}

#[test]
fn a_narrower_policy_holds_and_a_wider_one_has_no_effect() {
    let held = resolved("default", named("strict", None)).expect("right");
    let strict = plain("strict");
    assert!(held.policy.allows_no_more_than(&strict));
    assert!(strict.allows_no_more_than(&held.policy));
    assert_eq!(held.policy.name, "default");
    assert_eq!(held.notices, []);
    let origin = held.policy.origin("limits.wall").unwrap_or_default();
    assert!(origin.starts_with("strict.toml:"), "{origin}");

    let held = resolved("strict", named("build", None)).expect("right");
    assert_eq!(held.policy, strict);
    let told: Vec<String> = held.notices.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("a.py:3: `policy`: `build` allows more than `strict`"),
        "{told:?}"
    );
}

#[test]
fn a_policy_of_the_users_is_strict_where_silent_here_too() {
    let own = "[limits]\nwall = \"7s\"\n";
    let held = resolved("default", named("own", Some(own))).expect("right");
    let strict = plain("strict");
    assert_eq!(held.policy.limits.wall.as_secs(), 7);
    assert_eq!(held.policy.origin("limits.wall"), Some("own.toml:2"));
    assert_eq!(held.policy.limits.memory, strict.limits.memory);
    assert_eq!(held.policy.files.project, ProjectAccess::Hidden);
    assert_eq!(held.notices, []);
}

#[test]
fn limits_go_down_and_never_up() {
    let word = limited(&[(2, "wall", "2s"), (4, "memory", "1TiB"), (5, "wall", "3s")]);
    let held = resolved("default", word).expect("right");
    assert_eq!(held.policy.limits.wall.as_secs(), 2);
    assert_eq!(held.policy.origin("limits.wall"), Some("a.py:2"));
    assert_eq!(held.policy.limits.memory, plain("default").limits.memory);
    let lines: Vec<u32> = held.notices.iter().map(|notice| notice.line).collect();
    assert_eq!(lines, [4, 5]);
    let told = held.notices[0].to_string();
    assert!(
        told.starts_with(
            "a.py:4: `memory`: `1TiB` is more than the policy allows, which is `512MiB`"
        ),
        "{told}"
    );
}

#[test]
fn what_is_wrong_is_an_error_on_its_line() {
    for word in [
        named("none", None),
        named("../strict", None),
        named("own", Some("[limits]\nwal = 1\n")),
        limited(&[(3, "wal", "1s")]),
        limited(&[(3, "wall", "soon")]),
        limited(&[(3, "processes", "0")]),
    ] {
        let error = resolved("default", word.clone()).expect_err("wrong");
        assert_eq!((error.file.as_str(), error.line), ("a.py", 3), "{word:?}");
    }
}

#[test]
fn the_user_has_the_last_word() {
    let limits = [("wall".to_owned(), "1min".to_owned())];
    let layers = Layers {
        name: "default",
        document: limited(&[(2, "wall", "2s")]),
        request: Request {
            limits: &limits,
            may_widen: true,
            ..Request::default()
        },
        ..Layers::default()
    };
    let policy = resolve(&layers).expect("right").policy;
    assert_eq!(policy.limits.wall.as_secs(), 60);
}

#[test]
fn a_document_gives_no_variable_that_leads_elsewhere() {
    assert_eq!(check_variable("GREETING", "hello"), Ok(()));
    for name in [
        "LD_PRELOAD",
        "GCONV_PATH",
        "PATH",
        "HOME",
        "BASH_ENV",
        "DBUS_X",
        "A-B",
        "",
        "1A",
    ] {
        let why = check_variable(name, "x").expect_err(name);
        assert!(!why.contains("passed on"), "{why}");
    }
    assert!(check_variable("A", "a\0b").is_err());
    assert!(check_variable("A", &"x".repeat(40_000)).is_err());
}

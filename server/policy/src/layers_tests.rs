//! What each layer may do.

use crate::*;

fn file<'a>(name: &str, text: &'a str) -> Option<PolicyFile<'a>> {
    Some(PolicyFile {
        name: name.to_string(),
        text: text.as_bytes(),
    })
}

fn project(text: &str) -> Layers<'_> {
    Layers {
        name: "default",
        project: file(".belljar.toml", text),
        ..Layers::default()
    }
}

fn policy(layers: &Layers<'_>) -> Policy {
    resolve(layers)
        .unwrap_or_else(|error| panic!("{error}"))
        .policy
}

fn shipped_policy(name: &str) -> Policy {
    policy(&Layers {
        name,
        ..Layers::default()
    })
}

#[test]
fn a_policy_of_the_users_stands_instead_of_the_shipped_one_and_is_strict_where_silent() {
    let text = "description = \"mine\"\n[files]\nproject = \"read\"\n[limits]\nwall = \"1min\"\n";
    let layers = Layers {
        name: "default",
        user_named: file("policies/default.toml", text),
        ..Layers::default()
    };
    let policy = policy(&layers);
    let strict = shipped_policy("strict");
    assert_eq!(
        (policy.name.as_str(), policy.description.as_str()),
        ("default", "mine")
    );
    assert_eq!(policy.files.project, ProjectAccess::Read);
    assert_eq!(
        policy.origin("files.project"),
        Some("policies/default.toml:3")
    );
    assert_eq!(policy.limits.wall.as_secs(), 60);
    assert_eq!(policy.programs, strict.programs);
    assert_eq!(policy.files.hide, strict.files.hide);
    assert_eq!(
        policy.origin("limits.memory"),
        strict.origin("limits.memory")
    );

    let open = Layers {
        name: "mine",
        user_named: file("mine.toml", "files.hide = []"),
        ..Layers::default()
    };
    assert!(
        self::policy(&open).files.hide.is_empty(),
        "what the user defines anew may hide nothing"
    );
}

#[test]
fn the_users_adjustments_add_to_lists_and_set_values() {
    let text =
        "environment.pass = [\"EDITOR\"]\nfiles.hide = [\"private\"]\nlimits.wall = \"20s\"\n";
    let layers = Layers {
        name: "default",
        user: file("policy.toml", text),
        ..Layers::default()
    };
    let (policy, before) = (policy(&layers), shipped_policy("default"));
    assert_eq!(
        policy.environment.pass.len(),
        before.environment.pass.len() + 1
    );
    assert_eq!(policy.files.hide.len(), before.files.hide.len() + 1);
    assert_eq!(policy.origin("limits.wall"), Some("policy.toml:3"));
    assert_eq!(
        policy.origins.of("environment.pass"),
        [before.origin("environment.pass").unwrap(), "policy.toml:1"]
    );
}

#[test]
fn an_empty_list_allows_nothing_in_every_layer() {
    let text = "programs.allow = []\nenvironment.pass = []\nnetwork.allow = []\nfiles.read = []\n";
    let user = Layers {
        name: "default",
        user: file("policy.toml", text),
        ..Layers::default()
    };
    let trusted = Layers {
        project_trusted: true,
        ..project(text)
    };
    let rules: Vec<String> = text.lines().map(str::to_string).collect();
    let by_request = |may_widen| Layers {
        name: "default",
        request: Request {
            allow: &rules,
            limits: &[],
            may_widen,
        },
        ..Layers::default()
    };
    for layers in [
        user,
        project(text),
        trusted,
        by_request(true),
        by_request(false),
    ] {
        let policy = policy(&layers);
        assert!(policy.programs.allow.is_empty() && policy.environment.pass.is_empty());
        assert!(policy.network.allow.is_empty() && policy.files.read.is_empty());
    }
}

#[test]
fn a_project_narrows_and_what_it_widens_has_no_effect_until_trusted() {
    let text = "\
[files]
read = [\"/srv/data\"]
hide = [\"fixtures\"]
[network]
allow = [\"pypi.org:443\"]
[programs]
allow = [\"git\"]
[limits]
wall = \"1h\"
memory = \"100MiB\"
";
    let resolved = resolve(&project(text)).unwrap();
    let (policy, before) = (&resolved.policy, shipped_policy("default"));
    assert!(policy.allows_no_more_than(&before));
    assert_eq!(policy.limits.memory, 100 << 20);
    assert_eq!(policy.origin("limits.memory"), Some(".belljar.toml:10"));
    assert_eq!(policy.origin("limits.wall"), before.origin("limits.wall"));
    assert_eq!(policy.programs.allow, ["git"]);
    assert!(policy.files.hide.contains(&"**/fixtures".to_string()));
    let told: Vec<_> = resolved
        .notices
        .iter()
        .map(|notice| (notice.line, notice.key.as_str()))
        .collect();
    assert_eq!(
        told,
        [(2, "files.read"), (5, "network.allow"), (9, "limits.wall")]
    );
    let message = ".belljar.toml:9: `limits.wall`: `1h` is more than your policy allows, which is `10s`; \
                   it has no effect until you trust this file";
    assert_eq!(resolved.notices[2].to_string(), message);

    let trusted = resolve(&Layers {
        project_trusted: true,
        ..project(text)
    })
    .unwrap();
    assert_eq!(trusted.notices, []);
    assert_eq!(trusted.policy.limits.wall.as_secs(), 3600);
    assert_eq!(trusted.policy.network.allow.len(), 1);
    assert!(
        policy.allows_no_more_than(&trusted.policy),
        "trusting a file never takes anything away"
    );
}

#[test]
fn a_project_gets_the_narrower_of_two_overlapping_rules() {
    let user = "network.allow = [\"*.example.com:443\", \"10.1.2.3:80\"]\nfiles.read = [\"/srv\"]";
    let text = "network.allow = [\"api.example.com:443\", \"10.0.0.0/8:80\"]\nfiles.read = [\"/srv/data\", \"/opt\"]";
    let resolved = resolve(&Layers {
        user: file("policy.toml", user),
        ..project(text)
    })
    .unwrap();
    let network: Vec<String> = resolved
        .policy
        .network
        .allow
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(network, ["api.example.com:443", "10.1.2.3:80"]);
    assert_eq!(resolved.policy.files.read, ["/srv/data"]);
    assert_eq!(resolved.notices.len(), 2);
}

#[test]
fn taking_away_a_value_of_the_policys_own_never_reveals_the_users() {
    let user = "environment.pass = [\"API\"]\nenvironment.set = { API = \"dummy\" }";
    let layers = Layers {
        user: file("policy.toml", user),
        ..project("environment.set = {}")
    };
    let environment = policy(&layers).environment;
    assert!(environment.set.is_empty() && !environment.pass.contains(&"API".to_string()));
}

#[test]
fn a_request_by_the_users_own_hand_may_widen() {
    let allow = [
        "network.allow = [\"192.0.2.1:443\"]".to_string(),
        "files.read = [\"/srv/data\"]".to_string(),
    ];
    let limits = [
        ("wall".to_string(), "3s".to_string()),
        ("scratch".to_string(), "1GiB".to_string()),
    ];
    let request = Request {
        allow: &allow,
        limits: &limits,
        may_widen: true,
    };
    let policy = policy(&Layers {
        name: "default",
        request,
        ..Layers::default()
    });
    assert_eq!(policy.network.allow[0].to_string(), "192.0.2.1:443");
    assert_eq!(policy.files.read, ["/srv/data"]);
    assert_eq!(
        (policy.limits.wall.as_secs(), policy.files.scratch),
        (3, 1 << 30)
    );
    assert_eq!(policy.origin("limits.wall"), Some("request"));
    assert_eq!(policy.programs, shipped_policy("default").programs);
}

#[test]
fn a_request_from_a_document_may_only_narrow() {
    let resolve_with = |allow: &str, limit: (&str, &str)| {
        let allow: Vec<String> = allow.lines().map(str::to_string).collect();
        let limits = [(limit.0.to_string(), limit.1.to_string())];
        let request = Request {
            allow: &allow,
            limits: &limits,
            may_widen: false,
        };
        resolve(&Layers {
            name: "default",
            request,
            ..Layers::default()
        })
    };
    let narrower = resolve_with(
        "files.project = \"read\"\nprograms.allow = [\"git\"]",
        ("wall", "3s"),
    )
    .unwrap();
    assert_eq!(narrower.policy.files.project, ProjectAccess::Read);
    assert_eq!(narrower.policy.limits.wall.as_secs(), 3);
    let error = resolve_with("", ("wall", "60s")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "request: `limits.wall`: `1min` is more than policy `default` allows here"
    );
    let error = resolve_with("network.allow = [\"a:1\"]", ("wall", "3s")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "request: `network.allow`: `a:1` is more than policy `default` allows here"
    );
    assert!(resolve_with("environment.set = { A = \"1\" }", ("wall", "3s")).is_err());
}

#[test]
fn what_is_wrong_in_a_request_names_the_rule() {
    let error = |allow: &str, limit: (&str, &str)| {
        let allow = [allow.to_string()];
        let limits = [(limit.0.to_string(), limit.1.to_string())];
        let request = Request {
            allow: &allow,
            limits: &limits,
            may_widen: true,
        };
        resolve(&Layers {
            name: "default",
            request,
            ..Layers::default()
        })
        .unwrap_err()
        .to_string()
    };
    let wall = ("wall", "1s");
    assert!(
        error("files.raed = []", wall)
            .contains("`files.raed`: this key is not known, in the rule `files.raed = []`")
    );
    assert!(error("files.read = []\nfiles.project = \"read\"", wall).contains("one line"));
    assert_eq!(
        error("files.hide = []", ("time", "1s")),
        "request: there is no limit `time`"
    );
    assert_eq!(
        error("files.hide = []", ("cpu", "1")),
        "request: `limits.cpu`: `1` is no duration"
    );
}

#[test]
fn a_wrong_project_file_stops_the_run() {
    let error = resolve(&project("nonsense = 1")).unwrap_err();
    assert_eq!((error.file.as_str(), error.line), (".belljar.toml", 1));
}

#[test]
fn a_policy_that_is_not_there_is_an_error_and_so_is_a_path() {
    for name in [
        "nowhere",
        "",
        "../default",
        "a/b",
        "Default",
        ".",
        "-x",
        "a\0",
    ] {
        assert!(
            resolve(&Layers {
                name,
                ..Layers::default()
            })
            .is_err(),
            "{name:?}"
        );
        assert!(name == "nowhere" || !is_policy_name(name), "{name:?}");
    }
}

#[test]
fn a_policy_explains_itself_line_by_line() {
    let allow = ["files.read = [\"/srv/\\\"data\\\"\"]".to_string()];
    let request = Request {
        allow: &allow,
        limits: &[],
        may_widen: true,
    };
    let text = "[limits]\nwall = \"1500ms\"\n[environment.set]\nA = \"x\\ny\"\n";
    let layers = Layers {
        name: "strict",
        user: file("policy.toml", text),
        request,
        ..Layers::default()
    };
    let policy = policy(&layers);
    let explained = policy.explain();
    assert_eq!(explained.lines().count(), policy.entries().len() + 2);
    let words: Vec<&str> = explained.split_whitespace().collect();
    let single_spaced = words.join(" ");
    for line in [
        "# policy strict",
        "limits.wall = \"1500ms\" # policy.toml:2",
        "environment.set = { A = \"x\\ny\" } # strict.toml:",
    ] {
        assert!(
            single_spaced.contains(line),
            "{line:?} is not in\n{explained}"
        );
    }
    assert!(explained.contains("files.read = [\"/srv/\\\"data\\\"\"]"));
    let again = Layers {
        name: "strict",
        user_named: file("strict.toml", &explained),
        ..Layers::default()
    };
    let again = self::policy(&again);
    assert_eq!(
        again,
        Policy {
            origins: again.origins.clone(),
            ..policy
        },
        "what it says is the policy again"
    );
}

#[test]
fn to_be_allowed_one_thing_more_is_to_be_allowed_more() {
    let narrow = "\
files.project = \"read\"
files.read = [\"/srv/data\"]
files.hide = [\".env\", \"secrets\"]
files.scratch = \"1MiB\"
network.allow = [\"a.example.com:443\"]
programs.allow = [\"git\"]
environment.pass = [\"LANG\"]
environment.set = { A = \"1\" }
limits.wall = \"2s\"
limits.cpu = \"2s\"
limits.memory = \"1MiB\"
limits.processes = 2
limits.open_files = 2
limits.file_size = \"1MiB\"
limits.output = \"1MiB\"
";
    let named = |text: &str| {
        policy(&Layers {
            name: "mine",
            user_named: file("mine.toml", text),
            ..Layers::default()
        })
    };
    let before = named(narrow);
    for wide in [
        "files.project = \"overlay\"",
        "files.read = [\"/srv\"]",
        "files.read = [\"/srv/data\", \"/opt\"]",
        "files.hide = [\".env\"]",
        "files.scratch = \"2MiB\"",
        "network.allow = [\"*.example.com:443\"]",
        "network.allow = [\"a.example.com:443\", \"b:1\"]",
        "programs.allow = [\"*\"]",
        "programs.allow = [\"git\", \"/opt\"]",
        "environment.pass = [\"LANG\", \"TZ\"]",
        "environment.set = { A = \"1\", B = \"1\" }",
        "limits.wall = \"3s\"",
        "limits.cpu = \"3s\"",
        "limits.memory = \"2MiB\"",
        "limits.processes = 3",
        "limits.open_files = 3",
        "limits.file_size = \"2MiB\"",
        "limits.output = \"2MiB\"",
    ] {
        let key = wide.split(' ').next().unwrap();
        let lines = narrow
            .lines()
            .map(|line| if line.starts_with(key) { wide } else { line });
        let after = named(&lines.collect::<Vec<_>>().join("\n"));
        assert!(before.allows_no_more_than(&after), "{wide}");
        assert!(!after.allows_no_more_than(&before), "{wide}");
    }
    let other = named(&narrow.replace("A = \"1\"", "A = \"2\""));
    assert!(!other.allows_no_more_than(&before) && !before.allows_no_more_than(&other));
}

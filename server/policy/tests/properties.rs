//! What holds for every policy: nobody below the user widens, fewer rules never allow more, and no bytes make it panic.

use belljar_policy::*;
use proptest::prelude::*;

/// A list of allowed things, from few enough that layers meet each other often.
fn some(of: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<&'static str>>> {
    proptest::option::of(proptest::sample::subsequence(of, 0..=of.len()))
}

fn one(of: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(proptest::sample::select(of))
}

const READ: &[&str] = &[
    "/srv",
    "/srv/data",
    "/srv/data/x",
    "/srv2",
    "~/data",
    "~/data/y",
];
const HIDE: &[&str] = &[".env*", "secrets", "/a/b", "*.pem"];
const NETWORK: &[&str] = &[
    "a.example.com:443",
    "*.example.com:443",
    "*.a.example.com:443",
    "example.com:443",
    "10.0.0.0/8:80",
    "10.1.2.3:80",
    "10.1.0.0/16:80",
    "[2001:db8::/32]:80",
    "[2001:db8::1]:80",
    "a.example.com:80",
];
const PROGRAMS: &[&str] = &["*", "git", "/opt", "/opt/bin", "/opt/bin/x", "~/bin"];
const PASS: &[&str] = &["LANG", "TZ", "A", "B"];
const SET: &[&str] = &["A = \"1\"", "B = \"1\"", "C = \"2\""];

/// One policy file as its lines, each a whole key.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let lists = (
        some(READ),
        some(HIDE),
        some(NETWORK),
        some(PROGRAMS),
        some(PASS),
        some(SET),
    );
    let values = (
        one(&["hidden", "read", "overlay"]),
        one(&["1s", "7s", "10s", "90s"]),
        one(&["1MiB", "256MiB", "512MiB", "2GiB"]),
        one(&["1", "64", "256", "1000"]),
        one(&["4KiB", "1GiB"]),
    );
    (lists, values).prop_map(
        |(
            (read, hide, network, programs, pass, set),
            (project, wall, memory, processes, scratch),
        )| {
            let list = |key: &str, items: Vec<&str>| format!("{key} = {items:?}");
            let value = |key: &str, value: &str| format!("{key} = {value:?}");
            let mut lines = Vec::new();
            lines.extend(read.map(|items| list("files.read", items)));
            lines.extend(hide.map(|items| list("files.hide", items)));
            lines.extend(network.map(|items| list("network.allow", items)));
            lines.extend(programs.map(|items| list("programs.allow", items)));
            lines.extend(pass.map(|items| list("environment.pass", items)));
            lines.extend(set.map(|items| format!("environment.set = {{ {} }}", items.join(", "))));
            lines.extend(project.map(|text| value("files.project", text)));
            lines.extend(wall.map(|text| value("limits.wall", text)));
            lines.extend(memory.map(|text| value("limits.memory", text)));
            lines.extend(processes.map(|text| format!("limits.processes = {text}")));
            lines.extend(scratch.map(|text| value("files.scratch", text)));
            lines
        },
    )
}

fn text() -> impl Strategy<Value = String> {
    lines().prop_map(|lines| lines.join("\n"))
}

fn file<'a>(name: &str, text: &'a str) -> Option<PolicyFile<'a>> {
    Some(PolicyFile {
        name: name.to_string(),
        text: text.as_bytes(),
    })
}

/// The user's layers: a policy defined anew, and adjusted.
fn of_user<'a>(named: &'a str, user: &'a str) -> Layers<'a> {
    Layers {
        name: "mine",
        user_named: file("mine.toml", named),
        user: file("policy.toml", user),
        ..Layers::default()
    }
}

fn policy(layers: &Layers<'_>) -> Policy {
    resolve(layers)
        .expect("these layers are well formed")
        .policy
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_project_that_is_not_trusted_never_widens(named in text(), user in text(), project in text()) {
        let before = policy(&of_user(&named, &user));
        let with_project = Layers { project: file(".belljar.toml", &project), ..of_user(&named, &user) };
        let resolved = resolve(&with_project).unwrap();
        prop_assert!(resolved.policy.allows_no_more_than(&before));
        // Trust takes nothing away, but for a variable whose value the file now sets in place of the user's.
        let trusted = policy(&Layers { project_trusted: true, ..with_project });
        prop_assert!(resolved.policy.allows_no_more_than(&trusted) || project.contains("environment.set"));
        // Whatever trust would add was told.
        prop_assert!(trusted.allows_no_more_than(&resolved.policy) || !resolved.notices.is_empty());
    }

    #[test]
    fn a_request_that_may_only_narrow_never_widens(named in text(), user in text(), rules in lines(), wall in 1..100_u32) {
        let before = policy(&of_user(&named, &user));
        let limits = [("wall".to_string(), format!("{wall}s"))];
        // Each by itself, so that one which is refused does not keep the others from being tried.
        let one_rule = rules.iter().map(|rule| (std::slice::from_ref(rule), &limits[..0]));
        for (allow, limits) in one_rule.chain([(&rules[..0], &limits[..])]) {
            let request = Request { allow, limits, may_widen: false };
            if let Ok(resolved) = resolve(&Layers { request, ..of_user(&named, &user) }) {
                prop_assert!(resolved.policy.allows_no_more_than(&before));
            } else {
                let request = Request { may_widen: true, ..request };
                let wider = policy(&Layers { request, ..of_user(&named, &user) });
                prop_assert!(!wider.allows_no_more_than(&before), "a request was refused that widens nothing");
            }
        }
        // Together they may be refused; where they are not, they narrow.
        let request = Request { allow: &rules, limits: &limits, may_widen: false };
        if let Ok(resolved) = resolve(&Layers { request, ..of_user(&named, &user) }) {
            prop_assert!(resolved.policy.allows_no_more_than(&before));
        }
    }

    #[test]
    fn a_document_never_widens(
        named in text(), user in text(), own in text(), which in 0..4_usize, wall in 1..200_u32, memory in 1..5000_u32,
    ) {
        let before = policy(&of_user(&named, &user));
        let (wall, memory) = (format!("{wall}s"), format!("{memory}MiB"));
        let names = ["strict", "default", "build", "own"];
        let document = DocumentWord {
            name: "a.py",
            policies: vec![DocumentPolicy {
                line: 1,
                name: names[which],
                user_named: file("own.toml", &own).filter(|_| which == 3),
            }],
            limits: vec![(2, "wall", &wall), (3, "memory", &memory)],
        };
        let held = policy(&Layers { document, ..of_user(&named, &user) });
        prop_assert!(held.allows_no_more_than(&before));
        // It is held by what it names, too; but a variable that this sets may be passed on with the user's value.
        let other = policy(&Layers {
            name: names[which],
            user_named: file("own.toml", &own).filter(|_| which == 3),
            ..Layers::default()
        });
        prop_assert!(held.allows_no_more_than(&other) || own.contains("environment.set"));
    }

    #[test]
    fn fewer_rules_never_allow_more(
        files in [text(), text(), text()], which in 0..3_usize, key in 0..6_usize, n in any::<prop::sample::Index>(),
        trusted: bool,
    ) {
        let key = ["files.read", "network.allow", "programs.allow", "environment.pass", "environment.set",
            "files.hide"][key];
        let mut fewer = files.clone();
        fewer[which] = without_one(&files[which], key, n);
        let resolve_all = |files: &[String; 3]| policy(&Layers {
            project: file(".belljar.toml", &files[2]),
            project_trusted: trusted,
            ..of_user(&files[0], &files[1])
        });
        // A variable's own value shields the user's: to take it away is no rule less but another rule.
        prop_assume!(key != "environment.set" || !files.iter().any(|text| text.contains("environment.pass")));
        let (fewer, all) = (resolve_all(&fewer), resolve_all(&files));
        // To hide less is to allow more.
        let (narrow, wide) = if key == "files.hide" { (all, fewer) } else { (fewer, all) };
        prop_assert!(narrow.allows_no_more_than(&wide));
    }

    #[test]
    fn the_order_on_policies_is_an_order(a in text(), b in text(), c in text()) {
        let [a, b, c] = [a, b, c].map(|text| policy(&of_user(&text, "")));
        prop_assert!(a.allows_no_more_than(&a));
        if a.allows_no_more_than(&b) && b.allows_no_more_than(&c) {
            prop_assert!(a.allows_no_more_than(&c));
        }
    }

    #[test]
    fn what_a_policy_explains_is_that_policy(named in text(), user in text()) {
        let policy = policy(&of_user(&named, &user));
        let explained = policy.explain();
        let again = self::policy(&Layers { user: None, ..of_user(&explained, "") });
        prop_assert!(again.allows_no_more_than(&policy) && policy.allows_no_more_than(&again));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = check(&PolicyFile { name: "x".to_string(), text: &bytes });
    }

    #[test]
    fn no_damaged_policy_makes_it_panic(
        text in text(), at in any::<prop::sample::Index>(), with in "[\\[\\]{}\"'=.\n#\\\\a0\u{202e}]{0,4}",
    ) {
        let mut characters: Vec<char> = text.chars().chain(['\n']).collect();
        let at = at.index(characters.len());
        characters.splice(at..=at, with.chars());
        let damaged: String = characters.into_iter().collect();
        if let Err(errors) = check(&PolicyFile { name: "x".to_string(), text: damaged.as_bytes() }) {
            prop_assert!(!errors.is_empty());
            let lines = u32::try_from(damaged.lines().count()).unwrap();
            prop_assert!(errors.iter().all(|error| (1..=lines.max(1)).contains(&error.line)), "{errors:?}");
        }
    }

    #[test]
    fn a_network_rule_has_one_form(text in "[a-zA-Z0-9.*:/\\[\\]%_\u{e9}x-]{0,24}:[0-9]{1,5}") {
        if let Ok(rule) = text.parse::<NetworkRule>() {
            let canonical = rule.to_string();
            prop_assert_eq!(canonical.parse::<NetworkRule>(), Ok(rule.clone()), "{}", canonical);
            prop_assert!(canonical.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && b != b'%'));
            prop_assert_eq!(text.to_ascii_uppercase().parse::<NetworkRule>(), Ok(rule));
        }
    }

    #[test]
    fn addresses_have_one_form(v4 in any::<u32>(), v6 in any::<u128>(), bits in 0..=32_u8, port in 1..=u16::MAX) {
        let address = std::net::Ipv4Addr::from_bits(v4);
        let rule: NetworkRule = format!("{address}:{port}").parse().unwrap();
        let mapped: NetworkRule = format!("[::ffff:{address}]:{port}").parse().unwrap();
        prop_assert_eq!(&rule, &mapped);
        let network = std::net::Ipv4Addr::from_bits(v4 & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0));
        let range: NetworkRule = format!("{network}/{bits}:{port}").parse().unwrap();
        prop_assert!(range.covers(&rule));
        let other = std::net::Ipv6Addr::from_bits(v6);
        let v6: NetworkRule = format!("[{other}]:{port}").parse().unwrap();
        prop_assert_eq!(v6.to_string().parse::<NetworkRule>(), Ok(v6));
    }
}

/// `text` with one item less in the list `key`, if it has one.
fn without_one(text: &str, key: &str, n: prop::sample::Index) -> String {
    let mut document: toml_edit::DocumentMut = text.parse().unwrap();
    let (section, name) = key.split_once('.').unwrap();
    let item = document
        .get_mut(section)
        .and_then(|table| table.get_mut(name));
    if let Some(list) = item {
        if let Some(list) = list.as_array_mut().filter(|list| !list.is_empty()) {
            list.remove(n.index(list.len()));
        } else if let Some(table) = list.as_inline_table_mut().filter(|table| !table.is_empty()) {
            let name = table
                .iter()
                .nth(n.index(table.len()))
                .unwrap()
                .0
                .to_string();
            table.remove(&name);
        }
    }
    document.to_string()
}

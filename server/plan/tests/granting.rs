//! Which rules are offered for what was refused, and what the files say with them, on a machine that is only a table.

mod asked;
#[path = "../../runtime/tests/fake_host/mod.rs"]
mod fake_host;

use std::path::Path;
use std::sync::OnceLock;

use asked::document;
use belljar_plan::{
    Catalogue, Host, Proposal, Refusal, Rule, RunRequest, Scope, Trust, build, lifts, propose,
    trust_record,
};
use fake_host::FakeHost;
use proptest::prelude::*;

const PROJECT: &str = "/home/ann/x";
const USER_FILE: &str = "/home/ann/.config/belljar/policy.toml";
const PROJECT_FILE: &str = "/home/ann/x/.belljar.toml";
const RULE: &str = "files.read = [\"~/data/in.csv\"]";

fn machine() -> FakeHost {
    FakeHost::new()
        .program("/usr/bin/python3")
        .program("/usr/lib64/ld-linux-x86-64.so.2")
        .link_to("/lib64", "usr/lib64")
        .file("/home/ann/x/.git/HEAD", "")
        .file("/home/ann/x/a.py", "print(1)\n")
        .file("/home/ann/x/.env", "KEY=1\n")
        .file("/home/ann/data/in.csv", "1\n")
        .file("/home/ann/.ssh/id_rsa", "key\n")
}

fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(Catalogue::shipped)
}

fn request() -> RunRequest {
    RunRequest {
        may_widen: false,
        ..document("/home/ann/x/a.py", "print(1)\n")
    }
}

fn lifted(host: &FakeHost, target: &str, rule: &str) -> Result<(), String> {
    let plan = build(&request(), catalogue(), host).unwrap().plan;
    lifts(&request(), &plan, &[target], rule, catalogue(), host).remove(0)
}

fn proposed(host: &FakeHost, rule: &str, scope: Scope) -> Result<Proposal, Refusal> {
    propose(host, "default", Some(Path::new(PROJECT)), rule, scope)
}

fn trusted(host: FakeHost, text: &str) -> FakeHost {
    let record = trust_record(&host, Path::new(PROJECT_FILE), text.as_bytes()).unwrap();
    let path = record.path.to_str().unwrap().to_owned();
    host.file(PROJECT_FILE, text).file(&path, record.content)
}

#[test]
fn a_rule_that_shows_the_file_lifts_the_refusal() {
    let host = machine();
    assert_eq!(lifted(&host, "~/data/in.csv", RULE), Ok(()));
    assert_eq!(lifted(&host, "/home/ann/data/in.csv", RULE), Ok(()));
    let whole = "files.read = [\"~/data\"]";
    assert_eq!(lifted(&host, "~/data/in.csv", whole), Ok(()));
    assert_eq!(lifted(&host, "print", "limits.output = \"16MiB\""), Ok(()));
}

#[test]
fn a_rule_that_cannot_lift_the_refusal_says_why() {
    let host = machine();
    let why = |target: &str, rule: &str| lifted(&host, target, rule).expect_err(rule);
    let hidden = why("/home/ann/x/.env", "files.read = [\"/home/ann/x/.env\"]");
    assert!(hidden.contains("stays hidden"), "{hidden}");
    let network = why("192.0.2.1:443", "network.allow = [\"192.0.2.1:443\"]");
    assert!(network.contains("cannot open the network"), "{network}");
    let other = why("~/data/in.csv", "files.read = [\"~/.ssh/id_rsa\"]");
    assert!(other.contains("another file"), "{other}");
    let two = why(
        "~/data/in.csv",
        "files.read = [\"~/data/in.csv\", \"~/.ssh\"]",
    );
    assert!(two.contains("more than this one"), "{two}");
    let seen = why("/usr/bin/python3", "files.read = [\"/usr/bin/python3\"]");
    assert!(seen.contains("machine itself"), "{seen}");
    let same = why("print", "limits.output = \"8MiB\"");
    assert!(same.contains("changes nothing"), "{same}");
    assert!(why("x", "files.read = [\"x\"").contains("request"));
}

#[test]
fn a_rule_for_the_user_makes_or_adds_to_the_users_file() {
    let new = proposed(&machine(), RULE, Scope::User).unwrap();
    assert_eq!(new.path, Path::new(USER_FILE));
    assert_eq!((new.before, new.trust), (None, Trust::NotNeeded));
    assert_eq!(new.after, "[files]\nread = [\"~/data/in.csv\"]\n");
    let host = machine().file(USER_FILE, "# mine\n[files]\nread = [\"/srv\"] # why\n");
    let added = proposed(&host, RULE, Scope::User).unwrap();
    assert_eq!(
        added.diff(),
        "--- /home/ann/.config/belljar/policy.toml\n+++ /home/ann/.config/belljar/policy.toml\n@@ -1,3 +1,3 @@\n \
         # mine\n [files]\n-read = [\"/srv\"] # why\n+read = [\"/srv\", \"~/data/in.csv\"] # why\n"
    );
}

#[test]
fn trust_in_a_projects_file_goes_on_only_if_there_was_nothing_in_it_that_the_user_had_not_agreed_to()
 {
    let host = machine();
    let record =
        |text: &str| trust_record(&host, Path::new(PROJECT_FILE), text.as_bytes()).unwrap();
    let new = proposed(&host, RULE, Scope::Project).unwrap();
    assert_eq!(new.trust, Trust::Carried(record(&new.after)));

    let theirs = "[environment]\npass = [\"AWS_SECRET_ACCESS_KEY\"]\n";
    let strangers = machine().file(PROJECT_FILE, theirs);
    let inert = proposed(&strangers, RULE, Scope::Project).unwrap();
    assert_eq!(inert.trust, Trust::Needed);
    assert!(inert.after.starts_with(theirs));
    // Even one that widens nothing today: what it says may widen another policy.
    let harmless = machine().file(PROJECT_FILE, "# nothing\n");
    assert_eq!(
        proposed(&harmless, RULE, Scope::Project).unwrap().trust,
        Trust::Needed
    );

    let known = trusted(machine(), "files.read = [\"/srv\"]\n");
    let carried = proposed(&known, RULE, Scope::Project).unwrap();
    assert_eq!(carried.trust, Trust::Carried(record(&carried.after)));
    assert_eq!(
        carried.after,
        "files.read = [\"/srv\", \"~/data/in.csv\"]\n"
    );
}

#[test]
fn what_would_not_be_in_force_is_not_offered() {
    let why =
        |host: &FakeHost, rule: &str, scope| proposed(host, rule, scope).expect_err(rule).reason;
    // The project, not trusted, lets nothing be read; what denies stands above what allows.
    let narrow = machine().file(PROJECT_FILE, "files.read = []\n");
    let denied = why(&narrow, RULE, Scope::User);
    assert!(
        denied.contains("would not be in force") && denied.contains(".belljar.toml:1"),
        "{denied}"
    );
    let already = machine().file(USER_FILE, "files.read = [\"~/data\"]\n");
    assert!(why(&already, RULE, Scope::User).contains("allows this already"));
    let network = "network.allow = [\"192.0.2.1:443\"]";
    assert!(why(&machine(), network, Scope::User).contains("cannot open the network"));
    // `build` has more time than this, and would lose it.
    let less = why(&machine(), "limits.wall = \"20s\"", Scope::User);
    assert!(
        less.contains("take something away from policy `build`"),
        "{less}"
    );
    let linked = machine().link_to(PROJECT_FILE, "/home/ann/.profile");
    assert!(why(&linked, RULE, Scope::Project).contains("is a link"));
    let broken = machine().file(USER_FILE, "netwrok = 1\n");
    assert!(why(&broken, RULE, Scope::User).contains("policy.toml:1"));
    let nowhere =
        propose(&machine(), "default", None, RULE, Scope::Project).expect_err("no project");
    assert!(nowhere.reason.contains("no part of a project"));
}

#[test]
fn a_rule_that_shows_a_secret_is_never_written_for_good() {
    let host = machine().link_to("/home/ann/data/innocent", "/home/ann/.ssh/id_rsa");
    for secret in [
        "~/.ssh",
        "~/.ssh/id_rsa",
        "~/.aws/credentials",
        "/etc/shadow",
        "/srv/x/.env",
        "~/data/innocent",
    ] {
        let rule = format!("files.read = [\"{secret}\"]");
        for scope in [Scope::User, Scope::Project] {
            let reason = proposed(&host, &rule, scope).expect_err(secret).reason;
            assert!(reason.contains("looks like a secret"), "{reason}");
        }
        assert!(
            !secret.starts_with("~/.ssh") || lifted(&host, secret, &rule).is_ok(),
            "{secret}"
        );
    }
}

#[test]
fn a_rule_that_shows_secrets_with_everything_around_them_is_never_written_for_good() {
    let host = machine()
        .file("/home/ann/.config/gh/hosts.yml", "token")
        .link_to("/srv/people", "/home");
    for around in ["/home", "/home/ann", "~/.config", "/srv/people"] {
        let rule = format!("files.read = [\"{around}\"]");
        for scope in [Scope::User, Scope::Project] {
            let reason = proposed(&host, &rule, scope).expect_err(around).reason;
            assert!(reason.contains("looks like a secret"), "{around}: {reason}");
        }
    }
    let bare = "files.read = [\"~/.config/tool\"]";
    assert!(proposed(&host, bare, Scope::User).is_ok());
    let without = "files.read = [\"~/.local/share\"]";
    assert!(proposed(&host, without, Scope::User).is_ok());
}

/// Policy files as people write them.
fn written() -> impl Strategy<Value = String> {
    let read = proptest::sample::select(vec![
        "",
        "[files]\nread = []\n",
        "[files] # mine\nread = [\"/srv/a\"] # why\n",
        "files.read = [\n  \"/srv/a\", # one\n  \"/opt/b\" # two\n]\n",
        "# only a comment\n",
        "files = { read = [\"/srv/a\"], project = \"read\" }\n",
    ]);
    let more =
        proptest::sample::select(vec!["", "\n# patience\n[limits]\nwall = \"3s\" # short\n"]);
    (read, more).prop_map(|(read, more)| format!("{read}{more}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The rule is in the file, everything else is as it was, and the user's other lines are where they were.
    #[test]
    fn a_file_with_a_rule_means_what_it_meant_and_the_rule(text in written(), name in "[ -~äé\u{202e}\u{200b}]{1,20}") {
        let item = format!("/home/ann/data/{name}");
        let Some(rule) = Rule::of_item("files.read", &item) else { return Ok(()) };
        let host = if text.is_empty() { machine() } else { machine().file(USER_FILE, &text) };
        let Ok(proposal) = proposed(&host, rule.text(), Scope::User) else { return Ok(()) };
        let after = machine().file(USER_FILE, &proposal.after);
        let mut with = request();
        with.allow = vec![rule.text().to_owned()];
        with.may_widen = true;
        let once = build(&with, catalogue(), &host).unwrap().plan;
        let always = build(&request(), catalogue(), &after).unwrap().plan;
        prop_assert_eq!(&once.views, &always.views);
        prop_assert_eq!(&once.limits, &always.limits);
        prop_assert_eq!(&once.project, &always.project);
        prop_assert_eq!(&once.environment, &always.environment);
        prop_assert_eq!(&once.executables, &always.executables);
        let comments = text.lines().filter_map(|line| line.split_once('#')).map(|(_, comment)| comment);
        let mut rest = proposal.after.as_str();
        for comment in comments {
            let at = rest.find(comment);
            prop_assert!(at.is_some(), "{} in {}", comment, proposal.after);
            rest = &rest[at.unwrap()..];
        }
        let turned = proposal.after.chars().any(|one| u32::from(one) == 0x202e);
        prop_assert!(!turned);
    }

    /// A rule shows the one thing that it names: no name of the program's makes it show another.
    #[test]
    fn what_is_offered_shows_nothing_but_what_was_refused(name in "[ -~]{1,12}", rule in "files\\.read = \\[\"[ -~]{1,30}\"\\]") {
        let target = format!("/home/ann/data/{name}");
        let host = machine();
        let own = Rule::of_item("files.read", &target).map(|rule| rule.text().to_owned());
        for rule in own.into_iter().chain([rule]) {
            if lifted(&host, &target, &rule).is_ok() {
                let rule = Rule::read(&rule).unwrap();
                let [item] = rule.items().unwrap() else { panic!("one entry") };
                prop_assert!(Path::new(&target).starts_with(item), "{} {}", target, item);
            }
        }
    }
}

#[test]
fn the_machine_of_these_tests_has_what_they_ask_for() {
    assert!(machine().kind(Path::new("/home/ann/data/in.csv")).is_some());
}

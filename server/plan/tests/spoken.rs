//! What a document says of its own run: taken over where it only chooses among what its program could have anyway, or narrows;
//! refused, or without effect, where it does not.

mod asked;
#[path = "../../runtime/tests/fake_host/mod.rs"]
mod fake_host;

use std::time::Duration;

use belljar_plan::{
    Catalogue, Fault, LineRange, Planned, ProjectAccess, RunRequest, Source, build, check_lasting,
    faults, lesson,
};
use fake_host::FakeHost;

/// A machine with a project in which there is something to read, and something beside it.
fn machine() -> FakeHost {
    FakeHost::new()
        .program("/usr/bin/python3")
        .file("/home/ann/x/.git/HEAD", "")
        .file("/home/ann/x/data.csv", "1,2\n")
        .file("/home/ann/x/.env", "TOKEN=1\n")
        .file("/home/ann/x/sub/secrets.json", "{}")
        .link_to("/home/ann/x/alias.csv", "data.csv")
        .link_to("/home/ann/x/.npmrc", "data.csv")
        .link_to("/home/ann/x/innocent", ".env")
        .link_to("/home/ann/x/out", "/home/ann/secret")
        .link_to("/home/ann/x/up", "..")
        .file("/home/ann/x/large", vec![b'x'; 8 * 1024 * 1024 + 1])
        .file("/home/ann/secret", "s")
        .file(
            "/home/ann/.config/belljar/policies/mine.toml",
            "[limits]\nwall = \"3s\"\n",
        )
        .variable("USER_TOKEN", "secret")
}

fn document(text: &str) -> RunRequest {
    asked::document("/home/ann/x/a.py", text)
}

fn plan(request: &RunRequest) -> Planned {
    build(request, &Catalogue::shipped(), &machine()).unwrap_or_else(|no| panic!("{no:?}"))
}

/// Why it is refused, and which lines are to blame.
fn refused(request: &RunRequest) -> (String, Vec<Fault>) {
    let (catalogue, host) = (Catalogue::shipped(), machine());
    let no = build(request, &catalogue, &host).expect_err("a refusal");
    (no.reason, faults(request, &catalogue, &host))
}

fn says(directive: &str) -> RunRequest {
    document(&format!("# belljar: {directive}\nprint(1)\n"))
}

fn variable<'a>(planned: &'a Planned, name: &str) -> Option<&'a str> {
    let mut all = planned.plan.environment.iter();
    all.find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

#[test]
fn a_document_chooses_what_its_program_is_given() {
    let text = "# belljar: args --total \"a b\"\n# belljar: stdin \"1\\n2\\n\"\n# belljar: env GREETING=hello\nprint(1)\n";
    let planned = plan(&document(text));
    let step = planned.plan.steps.last().expect("the program");
    assert_eq!(step.arguments[2..], ["--total", "a b"]);
    assert!(step.reads_input);
    assert_eq!(planned.input.as_deref(), Some(&b"1\n2\n"[..]));
    assert_eq!(variable(&planned, "GREETING"), Some("hello"));
    assert!(planned.notices.is_empty(), "{:?}", planned.notices);

    let plain = plan(&document("print(1)\n"));
    assert!(!plain.plan.steps[0].reads_input && plain.input.is_none());
}

#[test]
fn what_the_user_says_counts_more() {
    let mut request = document(
        "# belljar: args theirs\n# belljar: stdin \"theirs\"\n# belljar: policy strict\n# belljar: limit wall=2s\n",
    );
    request.arguments = vec!["mine".to_owned()];
    request.has_input = true;
    request.limits = vec![("wall".to_owned(), "1min".to_owned())];
    request.names_policy = true;
    let planned = plan(&request);
    let step = planned.plan.steps.last().expect("the program");
    assert_eq!(step.arguments[2..], ["mine"]);
    assert!(step.reads_input && planned.input.is_none());
    assert_eq!(planned.plan.limits.wall, Duration::from_secs(60));
    assert_eq!(
        planned.plan.project.map(|project| project.access),
        Some(ProjectAccess::Overlay)
    );
}

#[test]
fn a_document_narrows_its_policy_and_never_widens_it() {
    let plain = plan(&document("print(1)\n")).plan;
    let strict = plan(&says("policy strict")).plan;
    assert!(strict.project.is_none(), "strict hides the project");
    assert!(strict.limits.memory < plain.limits.memory);
    assert_eq!(strict.policy, "default");
    assert_eq!(
        plan(&says("policy mine")).plan.limits.wall,
        Duration::from_secs(3)
    );
    assert_eq!(
        plan(&says("limit wall=2s")).plan.limits.wall,
        Duration::from_secs(2)
    );
    let rules = plan(&says("limit wall=2s")).plan.rules;
    assert_eq!(rules.limits["wall"], "a.py:1");

    for wider in [
        "policy build",
        "limit wall=1h",
        "limit memory=1TiB processes=9999",
    ] {
        let planned = plan(&says(wider));
        assert_eq!(planned.plan, plan_of(&plain, &planned), "{wider}");
        assert!(
            planned.notices[0].starts_with("a.py:1: "),
            "{:?}",
            planned.notices
        );
        assert!(
            planned.notices[0].ends_with("has no effect"),
            "{:?}",
            planned.notices
        );
    }
}

/// `plain` with the document of `planned`.
fn plan_of(plain: &belljar_plan::RunPlan, planned: &Planned) -> belljar_plan::RunPlan {
    let mut plain = plain.clone();
    plain.files[0]
        .content
        .clone_from(&planned.plan.files[0].content);
    plain
}

#[test]
fn no_variable_of_the_users_gets_in() {
    for name in ["LD_PRELOAD", "PATH", "HOME", "BASH_ENV", "A-B"] {
        let (_, faults) = refused(&says(&format!("env {name}=x")));
        assert_eq!(faults.len(), 1, "{name}");
        assert_eq!(faults[0].line, 1);
    }
    let planned = plan(&says("env COPY=$USER_TOKEN"));
    assert_eq!(variable(&planned, "COPY"), Some("$USER_TOKEN"));
    assert!(
        !planned
            .plan
            .environment
            .iter()
            .any(|(_, value)| value == "secret")
    );
    // What a policy says of a variable counts more than what a document does.
    let mut request = says("env GREETING=theirs");
    request.allow = vec!["environment.set = { GREETING = \"mine\" }".to_owned()];
    assert_eq!(variable(&plan(&request), "GREETING"), Some("mine"));
}

#[test]
fn an_input_is_a_file_of_the_project_that_its_programs_see() {
    for name in [
        "data.csv",
        "./sub/../data.csv",
        "alias.csv",
        "/home/ann/x/data.csv",
    ] {
        let planned = plan(&says(&format!("stdin < {name}")));
        assert_eq!(planned.input.as_deref(), Some(&b"1,2\n"[..]), "{name}");
    }
    for (name, why) in [
        ("/home/ann/secret", "is not in the project"),
        ("../secret", "is not in the project"),
        ("../no such file", "is not in the project"),
        ("out", "is not in the project"),
        ("up/secret", "is not in the project"),
        ("/dev/zero", "is not in the project"),
        ("~/secret", "there is no file"),
        (".env", "the policy hides"),
        ("innocent", "the policy hides"),
        (".npmrc", "the policy hides"),
        ("sub/secrets.json", "the policy hides"),
        ("up/x/.env", "the policy hides"),
        ("sub", "is no file"),
        ("none", "there is no file"),
        ("large", "larger than 8 MiB"),
    ] {
        let (reason, faults) = refused(&says(&format!("stdin < {name}")));
        assert!(reason.contains("on line 1"), "{reason}");
        let [Fault { line: 1, message }] = faults.as_slice() else {
            panic!("{name}: {faults:?}");
        };
        assert!(message.contains(why), "{name}: {message}");
    }
    // Where the project is hidden, or there is none, there is nothing to name.
    let mut hidden = says("stdin < data.csv");
    hidden.policy = "strict".into();
    assert!(refused(&hidden).1[0].message.contains("sees no project"));
    let both = document("# belljar: policy strict\n# belljar: stdin < data.csv\n");
    assert_eq!(refused(&both).1[0].line, 2);
    let mut unsaved = says("stdin < /home/ann/secret");
    if let Source::Document { path, .. } = &mut unsaved.source {
        *path = None;
    }
    assert!(refused(&unsaved).1[0].message.contains("sees no project"));
}

#[test]
fn a_document_can_say_that_it_is_not_to_be_run() {
    let (reason, faults) = refused(&document("print(1)\n# belljar: skip needs a database\n"));
    assert_eq!(
        reason,
        "line 2 of `a.py` says that this is not to be run: needs a database"
    );
    assert_eq!(faults, []);
    let mut part = document("print(1)\n# belljar: skip\nprint(2)\n");
    if let Source::Document { lines, .. } = &mut part.source {
        *lines = Some(LineRange { first: 1, last: 1 });
    }
    plan(&part);
}

#[test]
fn what_is_not_understood_is_refused_with_all_its_lines() {
    let (reason, faults) = refused(&document(
        "# belljar: polcy strict\n# belljar: env PATH=x\nprint(1)\n# belljar: limit x\n",
    ));
    assert_eq!(
        reason,
        "what `a.py` says of its own run on line 1 cannot be done"
    );
    let lines: Vec<u32> = faults.iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [1, 2, 4]);
    for wrong in [
        "policy none",
        "policy ../x",
        "limit wal=2s",
        "limit wall=soon",
        "args a\0b",
    ] {
        let request = says(wrong);
        assert!(
            build(&request, &Catalogue::shipped(), &machine()).is_err(),
            "{wrong}"
        );
    }
    assert_eq!(refused(&says("policy none")).1[0].line, 1);
    assert_eq!(refused(&says("limit wall=soon")).1[0].line, 1);
}

#[test]
fn a_block_speaks_for_itself() {
    let text = "# belljar: skip\n\n```python\n# belljar: args one\n1\n2\n```\n\n```python\n# belljar: args two\n3\n```\n";
    let arguments = |lines: (u32, u32)| {
        let mut request = document(text);
        if let Source::Document {
            path,
            name,
            lines: of,
            ..
        } = &mut request.source
        {
            *path = Some("/home/ann/x/a.md".into());
            *name = "a.md".to_owned();
            let (first, last) = lines;
            *of = Some(LineRange { first, last });
        }
        plan(&request).plan.steps[0].arguments[2..].to_vec()
    };
    assert_eq!(arguments((6, 6)), ["one"]);
    assert_eq!(arguments((11, 11)), ["two"]);
}

#[test]
fn lines_are_told_where_something_is_expected_of_them() {
    let planned = plan(&document("print(1)  # => 1\n"));
    assert!(planned.plan.output_lines);
    assert_eq!(planned.expectations.len(), 1);
    let planned = plan(&document("print(1)\n"));
    assert!(!planned.plan.output_lines && planned.expectations.is_empty());
}

#[test]
fn what_a_document_narrows_is_learnt_and_not_written_away() {
    let catalogue = Catalogue::shipped();
    let request = says("limit wall=2s");
    let learnt = lesson(&request, &[], &catalogue, &machine()).expect("right");
    assert!(
        learnt.before.contains("limits.wall = \"2s\""),
        "{}",
        learnt.before
    );
    let no = check_lasting(&request, &catalogue).expect_err("narrowed");
    assert!(
        no.reason.starts_with("line 1 of `a.py` narrows"),
        "{}",
        no.reason
    );
    assert_eq!(check_lasting(&document("print(1)\n"), &catalogue), Ok(()));
}

#[test]
fn what_is_mounted_in_the_project_is_no_part_of_it() {
    let machine = || machine().file("/home/ann/x/proc/self/environ", "USER_TOKEN=secret");
    let host = machine().mounted("/home/ann/x/proc");
    let catalogue = Catalogue::shipped();
    let request = says("stdin < proc/self/environ");
    assert!(build(&request, &catalogue, &host).is_err());
    let faults = faults(&request, &catalogue, &host);
    assert!(
        faults[0].message.contains("is not in the project"),
        "{faults:?}"
    );
    let control = build(&request, &catalogue, &machine()).expect("a directory like others");
    assert_eq!(control.input.as_deref(), Some(&b"USER_TOKEN=secret"[..]));
}

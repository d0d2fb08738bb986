//! What is decided about a run, and what is refused, on a machine that is only a table.

mod asked;
#[path = "../../runtime/tests/fake_host/mod.rs"]
mod fake_host;

use std::path::{Path, PathBuf};

use asked::{document, request};
use belljar_plan::{
    Catalogue, Executables, FileKind, Host, LineRange, Part, Planned, ProjectAccess, Refusal,
    RunRequest, Source, build, can_be_allowed, policy_names, trust_record,
};
use fake_host::FakeHost;

fn machine() -> FakeHost {
    FakeHost::new()
        .program("/usr/bin/python3")
        .program("/usr/bin/bash")
        .program("/usr/bin/sh")
        .program("/usr/bin/gcc")
        .program("/usr/bin/as")
        .program("/usr/lib64/ld-linux-x86-64.so.2")
        .link_to("/lib64", "usr/lib64")
        .link_to("/bin", "usr/bin")
        .file("/home/ann/x/.git/HEAD", "")
        .file("/home/ann/x/sub/a.py", "print(1)\n")
}

fn selection(path: &str, text: &[u8], first: u32, last: u32) -> RunRequest {
    let source = Source::Document {
        path: Some(path.into()),
        name: "a".into(),
        language: None,
        text: text.into(),
        lines: Some(LineRange { first, last }),
        part: Part::default(),
    };
    request(source)
}

fn command(argv: &[&str]) -> RunRequest {
    request(Source::Command {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
    })
}

fn plan(host: &FakeHost, request: &RunRequest) -> Planned {
    build(request, &Catalogue::shipped(), host).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn refusal(host: &FakeHost, request: &RunRequest) -> Refusal {
    build(request, &Catalogue::shipped(), host).expect_err("a refusal")
}

fn shown(planned: &Planned) -> Vec<&Path> {
    planned
        .plan
        .views
        .iter()
        .map(|view| view.path.as_path())
        .collect()
}

fn variable<'a>(planned: &'a Planned, name: &str) -> Option<&'a str> {
    let found = planned
        .plan
        .environment
        .iter()
        .find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn a_document_runs_at_its_own_path_in_its_project() {
    let planned = plan(&machine(), &document("/home/ann/x/sub/a.py", "print(1)\n"));
    let plan = &planned.plan;
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(plan.steps[0].program, Path::new("/usr/bin/python3"));
    assert_eq!(
        plan.steps[0].arguments,
        ["/usr/bin/python3", "/home/ann/x/sub/a.py"]
    );
    assert!(plan.steps[0].is_program);
    assert_eq!(plan.files[0].path, Path::new("/home/ann/x/sub/a.py"));
    assert_eq!(plan.files[0].content, b"print(1)\n");
    let project = plan.project.as_ref().expect("a project");
    assert_eq!(
        (project.root.as_path(), project.access),
        (Path::new("/home/ann/x"), ProjectAccess::Overlay)
    );
    assert!(!project.hide.is_empty());
    assert_eq!(plan.work_dir, Path::new("/home/ann/x/sub"));
    assert_eq!(planned.language.as_deref(), Some("python"));
    assert_eq!(planned.file.as_deref(), Some("a.py"));
    assert_eq!(
        plan.rules.limits["wall"].split(':').next(),
        Some("default.toml")
    );
}

#[test]
fn nothing_of_the_users_is_shown_besides_the_project() {
    let planned = plan(&machine(), &document("/home/ann/x/sub/a.py", ""));
    for view in shown(&planned) {
        assert!(
            !view.starts_with("/home")
                && !view.starts_with("/var")
                && !view.starts_with("/run/user"),
            "{view:?}"
        );
        assert!(
            view != Path::new("/") && view != Path::new("/etc") && view != Path::new("/root"),
            "{view:?}"
        );
    }
}

#[test]
fn a_compiler_comes_before_the_program_and_only_the_program_reads_the_input() {
    let mut asked = document("/home/ann/x/a.c", "int main(void) { return 0; }\n");
    asked.has_input = true;
    asked.arguments = vec!["one".into(), "two words".into()];
    let plan = plan(&machine(), &asked).plan;
    assert_eq!(plan.steps.len(), 2);
    assert_eq!(plan.steps[0].program, Path::new("/usr/bin/gcc"));
    assert!(!plan.steps[0].reads_input && !plan.steps[0].is_program);
    assert!(!plan.steps[0].arguments.contains(&"one".to_owned()));
    assert_eq!(plan.steps[1].program, Path::new("/tmp/a"));
    assert_eq!(plan.steps[1].arguments, ["/tmp/a", "one", "two words"]);
    assert!(plan.steps[1].reads_input && plan.steps[1].is_program);
}

#[test]
fn a_selection_keeps_its_lines_and_its_errors_are_read() {
    let planned = plan(
        &machine(),
        &selection("/home/ann/x/a.py", b"import os\nx\ndef f():\n    y\n", 4, 4),
    );
    assert_eq!(planned.plan.files[0].content, b"\n\nif True:\n    y\n");
    assert_eq!(planned.first_line, 4);
    let stderr = "Traceback (most recent call last):\n  File \"/home/ann/x/a.py\", line 4, in <module>\n    y\nNameError: y\n";
    let found = planned.messages.read(stderr);
    assert_eq!(
        (found[0].line, found[0].message.as_str()),
        (4, "NameError: y")
    );
}

#[test]
fn selections_that_cannot_run_are_refused_in_words() {
    let host = machine();
    let cases: &[(&[u8], u32, u32, &str)] = &[
        (b"a\n\n\nb\n", 2, 3, "nothing in the selection"),
        (b"a\n", 5, 6, "has 2 lines"),
        (b"a\n", 0, 1, "no range"),
        (b"a\n", 2, 1, "no range"),
        (b"a\n\xff\n", 1, 1, "line 2, byte 1"),
        (b"", 1, 1, "nothing in the selection"),
    ];
    for (text, first, last, words) in cases {
        let said = refusal(&host, &selection("/home/ann/x/a.py", text, *first, *last));
        assert!(said.reason.contains(words), "{said:?}");
        assert!(!said.hint.is_empty());
    }
    // The same bytes run as a whole.
    assert_eq!(
        plan(&host, &document("/home/ann/x/a.py", "")).plan.files[0].content,
        b""
    );
}

#[test]
fn a_session_that_is_too_long_for_a_command_line_is_refused_in_words() {
    let host = machine();
    let asked = |n_blocks: usize| {
        let block = format!("```py\n{}```\n", ">>> x\n".repeat(1000));
        let text = block.repeat(n_blocks);
        let last = u32::try_from(text.lines().count()).unwrap() - 1;
        let mut request = selection("/home/ann/x/a.md", text.as_bytes(), 1, last);
        let Source::Document { part, .. } = &mut request.source else {
            panic!()
        };
        *part = Part::UpTo;
        request
    };
    plan(&host, &asked(2));
    let said = refusal(&host, &asked(15));
    assert!(said.reason.contains("typed behind prompts"), "{said:?}");
}

#[test]
fn a_document_without_a_project_runs_alone_in_the_cells_home() {
    let host = machine()
        .file("/home/ann/a.py", "")
        .file("/tmp/b.py", "")
        .file("/home/ann/Downloads/c.py", "");
    for path in ["/home/ann/a.py", "/tmp/b.py", "/home/ann/Downloads/c.py"] {
        let plan = plan(&host, &document(path, "1\n")).plan;
        assert_eq!(plan.project, None, "{path}");
        assert_eq!(plan.work_dir, Path::new("/home/sandbox"));
        assert_eq!(plan.files[0].path, Path::new(path));
    }
}

#[test]
fn a_directory_without_a_mark_is_a_project_by_itself() {
    let host = machine()
        .file("/home/ann/notes/a.py", "")
        .file("/home/ann/.config/nvim/a.py", "");
    let root = |path| {
        plan(&host, &document(path, ""))
            .plan
            .project
            .map(|project| project.root)
    };
    assert_eq!(root("/home/ann/notes/a.py"), Some("/home/ann/notes".into()));
    assert_eq!(root("/home/ann/.config/nvim/a.py"), None);
    // A mark in the home makes no project of the home.
    let host = host
        .file("/home/ann/.git/HEAD", "")
        .file("/home/ann/package.json", "");
    let root = |path| {
        plan(&host, &document(path, ""))
            .plan
            .project
            .map(|project| project.root)
    };
    assert_eq!(root("/home/ann/notes/a.py"), Some("/home/ann/notes".into()));
}

#[test]
fn a_document_that_was_never_saved_lies_in_the_cells_home() {
    let source = Source::Document {
        path: None,
        name: "Untitled-1".into(),
        language: Some("python".into()),
        text: b"1\n".as_slice().into(),
        lines: None,
        part: Part::default(),
    };
    let plan = plan(&machine(), &request(source)).plan;
    assert_eq!(plan.files[0].path, Path::new("/home/sandbox/untitled.py"));
    assert_eq!(
        (plan.project, plan.work_dir),
        (None, PathBuf::from("/home/sandbox"))
    );
}

#[test]
fn a_document_of_the_system_runs_from_the_cells_home() {
    for path in ["/usr/share/x/a.py", "/etc/a.py", "/proc/self/fd/a.py"] {
        let plan = plan(&machine().file(path, ""), &document(path, "1\n")).plan;
        assert_eq!(
            plan.files[0].path,
            Path::new("/home/sandbox/a.py"),
            "{path}"
        );
        assert_eq!(plan.project, None);
    }
}

#[test]
fn a_project_that_holds_too_much_is_refused_and_one_that_does_not_is_taken() {
    let host = machine().file("/srv/y/b", "");
    let mut asked = document("/home/ann/x/sub/a.py", "");
    for path in [
        "/",
        "/home",
        "/home/ann",
        "/tmp",
        "/etc",
        "/usr",
        "/nowhere",
        "/home/ann/x/sub/a.py",
    ] {
        asked.project = Some(path.into());
        assert!(refusal(&host, &asked).reason.contains("project"), "{path}");
    }
    asked.project = Some("/srv/y".into());
    let planned = plan(&host, &asked);
    assert_eq!(planned.plan.project.unwrap().root, Path::new("/srv/y"));
    // Its directory is not seen, so it does not start there.
    assert_eq!(planned.plan.work_dir, Path::new("/home/sandbox"));
}

#[test]
fn a_hidden_project_is_no_part_of_the_plan_and_brings_no_tools() {
    let host = machine().link_to("/home/ann/x/.venv/bin/python3", "/usr/bin/python3");
    let mut asked = document("/home/ann/x/sub/a.py", "");
    assert_eq!(
        plan(&host, &asked).plan.steps[0].program,
        Path::new("/home/ann/x/.venv/bin/python3")
    );
    asked.policy = "strict".into();
    let strict = plan(&host, &asked).plan;
    assert_eq!(strict.project, None);
    assert_eq!(strict.steps[0].program, Path::new("/usr/bin/python3"));
    let Executables::Only(only) = strict.executables else {
        panic!("everything can be executed")
    };
    assert!(
        only.contains(&"/usr/bin/python3".into())
            && only.contains(&"/usr/lib64/ld-linux-x86-64.so.2".into())
    );
    assert!(!only.iter().any(|path| path == Path::new("/usr/bin/bash")
        || path == Path::new("/usr")
        || path == Path::new("/tmp")));
}

#[test]
fn a_compiled_program_may_be_executed_under_a_policy_that_lets_no_programs_run() {
    let mut asked = document("/home/ann/x/a.c", "int main(void) { return 0; }\n");
    asked.policy = "strict".into();
    let Executables::Only(only) = plan(&machine(), &asked).plan.executables else {
        panic!("everything")
    };
    for path in ["/tmp", "/usr/bin/gcc", "/usr/bin/as"] {
        assert!(only.contains(&path.into()), "{path} in {only:?}");
    }
}

#[test]
fn a_hidden_project_that_a_view_would_show_stays_in_the_plan_as_hidden() {
    let host = || machine().link_to("/srv/ann", "/home/ann");
    let hidden = |planned: &Planned| {
        let project = planned.plan.project.as_ref();
        project.map(|project| (project.root.clone(), project.access))
    };
    let expected = Some((PathBuf::from("/home/ann/x"), ProjectAccess::Hidden));
    let mut asked = document("/home/ann/x/sub/a.py", "");
    asked.policy = "strict".into();
    assert_eq!(hidden(&plan(&host(), &asked)), None);
    for (read, expected) in [
        ("/home/ann", expected.clone()),
        ("/srv/ann", expected.clone()),
        ("/home/ann/y", None),
        ("/home/ann/x/sub", None),
        ("/home/ann/x", None),
    ] {
        asked.allow = vec![format!("files.read = [\"{read}\"]")];
        assert_eq!(hidden(&plan(&host(), &asked)), expected, "{read}");
    }
    // A project cannot make itself visible by hiding itself.
    let host = host().file("/home/ann/x/.belljar.toml", "files.project = \"hidden\"\n");
    let mut asked = document("/home/ann/x/sub/a.py", "");
    asked.allow = vec!["files.read = [\"/home/ann\"]".into()];
    assert_eq!(hidden(&plan(&host, &asked)), expected);
}

#[test]
fn a_folder_outside_the_project_that_its_tool_leads_to_is_told() {
    let host = machine()
        .link_to("/home/ann/x/.venv/bin/python3", "/srv/app/bin/python3")
        .program("/srv/app/bin/python3");
    let asked = document("/home/ann/x/sub/a.py", "");
    let alone = plan(&host, &asked);
    assert!(shown(&alone).contains(&Path::new("/srv/app/bin/python3")));
    assert!(alone.notices.is_empty(), "{:?}", alone.notices);
    let whole = plan(&host.file("/srv/app/pyvenv.cfg", ""), &asked);
    assert!(shown(&whole).contains(&Path::new("/srv/app")));
    assert!(
        whole.notices.len() == 1 && whole.notices[0].contains("`/srv/app`"),
        "{:?}",
        whole.notices
    );
}

#[test]
fn the_environment_is_made_and_not_inherited() {
    let host = machine()
        .variable("AWS_SECRET_ACCESS_KEY", "s3cret")
        .variable("LANG", "de_DE.UTF-8");
    let host = host
        .variable("LD_PRELOAD", "/x.so")
        .variable("XDG_RUNTIME_DIR", "/run/user/1000");
    let mut asked = document("/home/ann/x/sub/a.py", "");
    let planned = plan(&host, &asked);
    let expected = [
        ("HOME", Some("/home/sandbox")),
        ("TMPDIR", Some("/tmp")),
        ("USER", Some("sandbox")),
        ("TERM", Some("dumb")),
        ("PATH", Some("/usr/local/bin:/usr/bin:/bin")),
        ("LANG", Some("de_DE.UTF-8")),
        ("PYTHONDONTWRITEBYTECODE", Some("1")),
        ("AWS_SECRET_ACCESS_KEY", None),
        ("LD_PRELOAD", None),
        ("XDG_RUNTIME_DIR", None),
    ];
    for (name, value) in expected {
        assert_eq!(variable(&planned, name), value, "{name}");
    }
    asked.allow = vec!["environment.pass = [\"AWS_SECRET_ACCESS_KEY\"]".into()];
    assert_eq!(
        variable(&plan(&host, &asked), "AWS_SECRET_ACCESS_KEY"),
        Some("s3cret")
    );
}

#[test]
fn a_command_is_found_shown_and_started_where_the_user_stands() {
    let host = machine()
        .program("/home/ann/bin/tool")
        .standing_in("/home/ann/x/sub");
    let planned = plan(&host, &command(&["/home/ann/bin/tool", "-x"]));
    assert_eq!(
        planned.plan.steps[0].program,
        Path::new("/home/ann/bin/tool")
    );
    assert_eq!(
        planned.plan.steps[0].arguments,
        ["/home/ann/bin/tool", "-x"]
    );
    assert!(
        planned
            .plan
            .views
            .iter()
            .any(|view| view.path == Path::new("/home/ann/bin/tool") && view.required)
    );
    assert!(!shown(&planned).contains(&Path::new("/home/ann/bin")));
    assert_eq!(planned.plan.work_dir, Path::new("/home/ann/x/sub"));
    assert_eq!((planned.language, planned.file), (None, None));
    let elsewhere = plan(&host.standing_in("/home/ann"), &command(&["bash"])).plan;
    assert_eq!(
        (elsewhere.work_dir, elsewhere.project),
        ("/home/sandbox".into(), None)
    );
}

#[test]
fn a_script_brings_what_its_first_line_names() {
    let host = machine()
        .program("/usr/bin/env")
        .program("/opt/lang/bin/lang")
        .script("/home/ann/bin/s", "#!/usr/bin/env -S lang -x\n")
        .variable("PATH", "/opt/lang/bin:/home/ann/bin:/usr/bin");
    let planned = plan(&host, &command(&["s"]));
    assert_eq!(planned.plan.steps[0].program, Path::new("/home/ann/bin/s"));
    assert!(
        shown(&planned).contains(&Path::new("/opt/lang/bin/lang")),
        "{:?}",
        shown(&planned)
    );
    assert!(
        variable(&planned, "PATH")
            .unwrap()
            .starts_with("/home/ann/bin:")
    );
}

#[test]
fn a_version_managers_stand_in_is_replaced_by_the_tool_in_commands_too() {
    let host = machine()
        .script("/home/ann/.pyenv/shims/python3", "#!/bin/sh\n")
        .program("/home/ann/.pyenv/versions/3.11.7/bin/python3")
        .file("/home/ann/.pyenv/version", "3.11.7")
        .variable("PATH", "/home/ann/.pyenv/shims:/usr/bin");
    let planned = plan(&host, &command(&["python3", "-V"]));
    assert_eq!(
        planned.plan.steps[0].program,
        Path::new("/home/ann/.pyenv/versions/3.11.7/bin/python3")
    );
    assert!(shown(&planned).contains(&Path::new("/home/ann/.pyenv/versions/3.11.7")));
}

#[test]
fn commands_that_cannot_run_are_refused_in_words() {
    let host = machine().file("/home/ann/x/data", "");
    for (argv, words) in [
        (&["nothing-like-this"][..], "no program `nothing-like-this`"),
        (&["/home/ann/x/data"], "not executable"),
        (&["/home/ann/x"], "not a file"),
        (&["/none"], "no file"),
        (&[""], "no name"),
        (&[], "no name"),
        (&["bash", "a\0b"], "zero byte"),
    ] {
        let said = refusal(&host, &command(argv));
        assert!(said.reason.contains(words), "{said:?}");
        assert!(!said.hint.is_empty());
    }
}

#[test]
fn an_unknown_language_a_missing_tool_and_an_unknown_policy_say_what_there_is() {
    let host = machine().file("/home/ann/.config/belljar/policies/mine.toml", "");
    let unknown = refusal(&host, &document("/home/ann/x/a.xyz", "hello\n"));
    assert!(
        unknown.reason.contains("a.xyz") && unknown.hint.contains("belljar runtimes"),
        "{unknown:?}"
    );
    let mut asked = document("/home/ann/x/a.py", "");
    if let Source::Document { language, .. } = &mut asked.source {
        *language = Some("klingon".into());
    }
    assert!(refusal(&host, &asked).reason.contains("klingon"));
    let missing = refusal(&host, &document("/home/ann/x/a.rb", "1\n"));
    assert!(
        missing.reason.contains("`ruby`") && !missing.hint.is_empty(),
        "{missing:?}"
    );
    let mut asked = document("/home/ann/x/a.py", "");
    asked.policy = "lax".into();
    let policy = refusal(&host, &asked);
    assert!(
        policy.reason.contains("`lax`")
            && policy.hint.contains("`default`")
            && policy.hint.contains("`mine`"),
        "{policy:?}"
    );
    assert_eq!(policy_names(&host)[0], "default");
}

#[test]
fn a_network_rule_is_refused_and_says_where_it_stands() {
    let mut asked = document("/home/ann/x/a.py", "");
    asked.allow = vec!["network.allow = [\"example.org:443\"]".into()];
    let said = refusal(&machine(), &asked);
    // So it is not offered either, and others are.
    assert!(!can_be_allowed(&asked.allow[0]));
    assert!(can_be_allowed("files.read = [\"/network\"]"));
    assert!(
        said.reason.contains("network") && said.hint.contains("network.allow"),
        "{said:?}"
    );
}

#[test]
fn a_document_that_is_too_large_is_refused() {
    let large = "x".repeat(16 * 1024 * 1024 + 1);
    assert!(
        refusal(&machine(), &document("/home/ann/x/a.py", &large))
            .reason
            .contains("16 MiB")
    );
    assert!(
        build(
            &document("/home/ann/x/a.py", &large[1..]),
            &Catalogue::shipped(),
            &machine()
        )
        .is_ok()
    );
}

#[test]
fn a_projects_file_narrows_at_once_and_widens_only_when_it_is_trusted() {
    let text = "[files]\nread = [\"/srv/data\"]\n[limits]\nwall = \"3s\"\n";
    let host = || {
        machine()
            .file("/home/ann/x/.belljar.toml", text)
            .file("/srv/data/a", "")
    };
    let asked = document("/home/ann/x/sub/a.py", "");
    let planned = plan(&host(), &asked);
    assert_eq!(planned.plan.limits.wall.as_secs(), 3);
    assert_eq!(planned.plan.rules.limits["wall"], ".belljar.toml:4");
    assert!(!shown(&planned).contains(&Path::new("/srv/data")));
    assert!(
        planned
            .notices
            .iter()
            .any(|notice| notice.contains(".belljar.toml:2")),
        "{:?}",
        planned.notices
    );

    let path = Path::new("/home/ann/x/.belljar.toml");
    let record = trust_record(&host(), path, text.as_bytes()).unwrap();
    assert!(
        record
            .path
            .starts_with("/home/ann/.local/state/belljar/trust")
    );
    let trusted = plan(
        &host().file(record.path.to_str().unwrap(), &record.content),
        &asked,
    );
    assert!(shown(&trusted).contains(&Path::new("/srv/data")));
    assert!(trusted.notices.is_empty(), "{:?}", trusted.notices);
    // The same text in another project is another project's.
    let other = plan(
        &host().file(record.path.to_str().unwrap(), "/home/ann/y/.belljar.toml"),
        &asked,
    );
    assert!(!shown(&other).contains(&Path::new("/srv/data")));
    // And another text is another text.
    let changed = host()
        .file("/home/ann/x/.belljar.toml", format!("{text}\n"))
        .file(record.path.to_str().unwrap(), &record.content);
    assert!(!shown(&plan(&changed, &asked)).contains(&Path::new("/srv/data")));
}

#[test]
fn a_policy_file_that_is_there_and_cannot_be_read_stops_the_run() {
    let host = machine().link_to("/home/ann/.config/belljar/policy.toml", "/nowhere");
    let said = refusal(&host, &document("/home/ann/x/a.py", ""));
    assert!(said.reason.contains("policy.toml"), "{said:?}");
    let host = machine().file("/home/ann/.config/belljar/policy.toml", "colour = 1\n");
    assert!(
        refusal(&host, &document("/home/ann/x/a.py", ""))
            .reason
            .contains("policy.toml:1")
    );
}

#[test]
fn what_is_hidden_in_a_project_is_not_shown_by_reading() {
    let host = machine()
        .file("/home/ann/x/.env", "secret")
        .file("/home/ann/x/data/b", "")
        .file("/home/ann/x/deep/.env", "");
    let mut asked = document("/home/ann/x/sub/a.py", "");
    asked.policy = "strict".into();
    asked.allow = vec!["files.read = [\"/home/ann/x/.env\"]".into()];
    assert!(!shown(&plan(&host, &asked)).contains(&Path::new("/home/ann/x/.env")));
    asked.allow = vec!["files.read = [\"/home/ann/x/data\"]".into()];
    assert!(shown(&plan(&host, &asked)).contains(&Path::new("/home/ann/x/data")));
    asked.allow = vec!["files.read = [\"/home/ann/x/deep\"]".into()];
    assert!(refusal(&host, &asked).reason.contains("hides"));
    asked.allow = vec!["files.read = [\"/home/ann/x/loud\"]".into()];
    let host = host.file("/home/ann/x/loud/.ENV", "secret");
    assert!(refusal(&host, &asked).reason.contains("hides"));
    // The project is shown without them already; no view may lie over it.
    asked.policy = "default".into();
    asked.allow = vec!["files.read = [\"/home/ann/x/.env\", \"~/y\"]".into()];
    let planned = plan(&host.file("/home/ann/y", ""), &asked);
    assert!(!shown(&planned).contains(&Path::new("/home/ann/x/.env")));
    assert!(shown(&planned).contains(&Path::new("/home/ann/y")));
}

#[test]
fn a_path_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let path = PathBuf::from(std::ffi::OsString::from_vec(
        b"/home/ann/x/\xff.py".to_vec(),
    ));
    let source = Source::Document {
        path: Some(path),
        name: "?".into(),
        language: None,
        text: b"1".as_slice().into(),
        lines: None,
        part: Part::default(),
    };
    assert!(
        refusal(&machine(), &request(source))
            .reason
            .contains("not UTF-8")
    );
}

#[test]
fn sockets_pipes_and_devices_are_not_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    std::fs::write(directory.path().join("file"), "").expect("a file");
    std::os::unix::fs::symlink("socket", directory.path().join("link")).expect("a link");
    let asked = |name: &str| {
        let mut asked = command(&["sh"]);
        asked.allow = vec![format!(
            "files.read = [\"{}\"]",
            directory.path().join(name).display()
        )];
        build(&asked, &Catalogue::shipped(), &ThisMachine)
    };
    for name in ["socket", "link"] {
        let said = asked(name).expect_err("a refusal");
        assert!(said.reason.contains("a socket, a pipe"), "{said:?}");
    }
    let planned = asked("file").expect("a plan");
    assert!(shown(&planned).contains(&directory.path().join("file").as_path()));
}

/// This machine, as far as the tests below ask.
struct ThisMachine;

impl Host for ThisMachine {
    fn kind(&self, path: &Path) -> Option<FileKind> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(if metadata.is_file() {
            FileKind::File
        } else if metadata.is_dir() {
            FileKind::Directory
        } else {
            FileKind::Other
        })
    }
    fn is_executable(&self, path: &Path) -> bool {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }
    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        std::fs::canonicalize(path).ok()
    }
    fn link(&self, path: &Path) -> Option<PathBuf> {
        std::fs::read_link(path).ok()
    }
    fn list(&self, path: &Path) -> Vec<std::ffi::OsString> {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    }
    fn read(&self, path: &Path, limit: u64) -> Option<Vec<u8>> {
        let metadata = std::fs::metadata(path)
            .ok()
            .filter(|metadata| metadata.is_file() && metadata.len() <= limit);
        metadata.and_then(|_| std::fs::read(path).ok())
    }
    fn variable(&self, name: &str) -> Option<std::ffi::OsString> {
        std::env::var_os(name)
    }
    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir()
    }
    fn working_directory(&self) -> Option<PathBuf> {
        std::env::current_dir().ok()
    }
}

#[test]
fn every_language_can_be_planned_or_says_what_it_needs() {
    let catalogue = Catalogue::shipped();
    let mut planned = 0;
    for runtime in catalogue.iter() {
        let path = format!("/tmp/belljar-none/a.{}", runtime.extensions()[0]);
        let mut asked = document(&path, "x\n");
        if let Source::Document { language, .. } = &mut asked.source {
            *language = Some(runtime.id().to_owned());
        }
        match build(&asked, &catalogue, &ThisMachine) {
            Ok(found) => {
                let program = &found.plan.steps[0].program;
                assert!(
                    ThisMachine.is_executable(program),
                    "{}: {}",
                    runtime.id(),
                    program.display()
                );
                let home = std::env::home_dir().unwrap_or_default();
                let shim = |path: &Path| path.components().any(|part| part.as_os_str() == "shims");
                assert!(
                    !shim(program) && *program != home.join(".cargo/bin/rustc"),
                    "{}",
                    program.display()
                );
                planned += 1;
            }
            Err(refusal) => {
                assert!(refusal.reason.ends_with("was not found"), "{refusal:?}");
                assert!(!refusal.hint.is_empty(), "{refusal:?}");
            }
        }
    }
    // Nobody has them all; where everything must be tested, the tools of these many are installed.
    let must = std::env::var("BELLJAR_MUST").is_ok_and(|must| must == "1");
    let least = if must { 30 } else { 1 };
    assert!(planned >= least, "tools of {planned} languages were found");
}

#[test]
fn a_test_of_a_package_runs_by_its_name_in_the_document_as_it_stands() {
    let host = ["cargo", "rustc"].iter().fold(machine(), |host, tool| {
        host.program(&format!("/usr/bin/{tool}"))
    });
    let host = host
        .file("/home/ann/x/Cargo.toml", "[package]\nname = \"x\"\n")
        .file("/home/ann/x/src/lib.rs", "");
    let text = b"fn one() -> i32 { 1 }\n\n#[test]\nfn right() {\n    assert_eq!(one(), 1);\n}\n";
    let mut asked = selection("/home/ann/x/src/a.rs", text, 3, 6);
    if let Source::Document { part, .. } = &mut asked.source {
        *part = Part::Function;
    }
    let planned = plan(&host, &asked);
    let [build, run] = planned.plan.steps.as_slice() else {
        panic!("{:?}", planned.plan.steps);
    };
    assert_eq!(build.program, Path::new("/usr/bin/cargo"));
    assert_eq!(run.arguments[1..], ["a::right", "--exact", "--nocapture"]);
    assert_eq!(planned.plan.files[0].content, text);
    assert_eq!(planned.plan.work_dir, Path::new("/home/ann/x"));
    assert_eq!(planned.first_line, 3);
    // Nothing that Cargo makes is kept.
    assert!(planned.plan.product.is_none());
    // Where the project is hidden it is a file like any other.
    asked.policy = "strict".into();
    let hidden = plan(&host, &asked).plan.steps;
    assert_eq!(hidden[0].program, Path::new("/usr/bin/rustc"));
}

//! What a document is to the project that it lies in, and how that runs: by what runtime files say, on a machine that is
//! only a table.

#[allow(dead_code)] // Each test program uses a part of it.
mod fake_host;

use std::path::Path;

use belljar_runtime::{Asked, Catalogue, Commands, Invocation, NoTarget, Places};
use fake_host::FakeHost;

const ROOT: &str = "/home/ann/x";

/// A machine with the tools, and a package in a workspace.
fn machine() -> FakeHost {
    ["cargo", "rustc", "cc", "sh", "go", "python3", "ruby"]
        .iter()
        .fold(FakeHost::new(), |host, tool| host.program(&format!("/usr/bin/{tool}")))
        .file("/home/ann/x/Cargo.toml", "[workspace]\nmembers = [\"app\"]\n")
        .file(
            "/home/ann/x/app/Cargo.toml",
            "[package]\nauthors = [\n  \"Ann\",\n]\nname = \"my-app\"\n\n[[bin]]\npath = \"tools/t.rs\"\nname = \"tool\"\n\n\
             [[example]]\nname = \"shown\"\npath = \"./tools/e.rs\"\n",
        )
        .file("/home/ann/x/app/src/main.rs", "")
        .file("/home/ann/.cargo/registry/index/x", "")
        .file("/home/ann/.cargo/credentials.toml", "secret")
}

/// What runs, where it starts, and from where it names files.
#[derive(Debug)]
struct Built {
    commands: Commands,
    work_dir: String,
    base: String,
    is_whole: bool,
}

fn built(
    host: &FakeHost,
    runtime: &str,
    below: &str,
    text: &str,
    part: Part,
) -> Result<Option<Built>, NoTarget> {
    let catalogue = Catalogue::shipped();
    let runtime = catalogue.by_id(runtime).expect("a shipped runtime");
    let path = format!("{ROOT}/{below}");
    let path = Path::new(&path);
    let places = Places {
        project: Some(Path::new(ROOT)),
        directory: path.parent(),
        root: Some(Path::new(ROOT)),
    };
    let (lines, is_function) = match part {
        Part::File => (None, false),
        Part::Lines(first, last) => (Some((first, last)), false),
        Part::Function(first, last) => (Some((first, last)), true),
    };
    let asked = Asked {
        path,
        text,
        lines,
        is_function,
    };
    let Some(target) = runtime.target(host, &places, &asked)? else {
        return Ok(None);
    };
    let (work_dir, base, is_whole) = (
        target.work_dir.clone(),
        target.base.clone(),
        target.is_whole,
    );
    let found = runtime
        .find_target(host, &places, target)
        .expect("its tools");
    let invocation = Invocation {
        source: path.to_str().expect("text"),
        binary: "/tmp/main",
        scratch: "/tmp",
        directory: "/home/ann/x",
        arguments: &["1".to_owned()],
        flags: &[],
        unbuffered: false,
    };
    let shown = |path: std::path::PathBuf| path.display().to_string();
    Ok(Some(Built {
        commands: runtime.commands(host, &places, &found, &invocation),
        work_dir: shown(work_dir),
        base: shown(base),
        is_whole,
    }))
}

#[derive(Clone, Copy)]
enum Part {
    File,
    Lines(u32, u32),
    Function(u32, u32),
}

/// How Cargo is asked, and the program with its arguments.
fn cargo(host: &FakeHost, below: &str, text: &str, part: Part) -> String {
    let built = built(host, "rust", below, text, part)
        .expect("no refusal")
        .expect("a target");
    assert_eq!(built.work_dir, "/home/ann/x/app");
    assert_eq!(built.base, "/home/ann/x");
    let [compile] = built.commands.compile.as_slice() else {
        panic!("{built:?}");
    };
    let asked = compile[1..].iter().take_while(|word| *word != "--config");
    let asked: Vec<_> = asked
        .chain(&built.commands.run)
        .map(String::as_str)
        .collect();
    let whole = if built.is_whole { "whole" } else { "part" };
    format!("{} {whole}", asked.join(" "))
}

const TESTS: &str = "fn six() {}\n\nmod tests {\n    mod deep {\n        #[test]\n        fn one() {\n        }\n    }\n}\n";

#[test]
fn a_document_of_a_package_is_what_it_is_to_its_builder() {
    let host = machine();
    for (below, expected) in [
        ("app/src/main.rs", "run --bin my-app /tmp/main 1 part"),
        ("app/src/bin/b.rs", "run --bin b /tmp/main 1 part"),
        ("app/src/bin/c/main.rs", "run --bin c /tmp/main 1 part"),
        ("app/src/bin/c/deep.rs", "run --bin c /tmp/main 1 whole"),
        ("app/examples/e.rs", "run --example e /tmp/main 1 part"),
        ("app/tools/t.rs", "run --bin tool /tmp/main 1 part"),
        ("app/tools/e.rs", "run --example shown /tmp/main 1 part"),
        (
            "app/tests/t.rs",
            "test --test t /tmp/main --nocapture 1 whole",
        ),
        (
            "app/benches/b.rs",
            "test --profile bench --bench b /tmp/main --bench 1 whole",
        ),
        // A module without tests runs with the program that it is a part of.
        ("app/src/a.rs", "run --bin my-app /tmp/main 1 whole"),
    ] {
        assert_eq!(
            cargo(&host, below, "fn main() {}\n", Part::File),
            expected,
            "{below}"
        );
    }
    assert_eq!(
        cargo(&host, "app/src/a/b.rs", TESTS, Part::File),
        "test --bin my-app /tmp/main a::b:: --nocapture 1 whole"
    );
    assert_eq!(
        cargo(&host, "app/src/main.rs", TESTS, Part::Lines(1, 1)),
        "run --bin my-app /tmp/main 1 part"
    );
    let library = host.file("/home/ann/x/app/src/lib.rs", "");
    assert_eq!(
        cargo(&library, "app/src/a/mod.rs", TESTS, Part::File),
        "test --lib /tmp/main a:: --nocapture 1 whole"
    );
}

#[test]
fn a_test_runs_by_its_name_and_no_other() {
    let host = machine();
    let function = Part::Function(5, 7);
    for (below, expected) in [
        (
            "app/src/main.rs",
            "test --bin my-app /tmp/main tests::deep::one",
        ),
        (
            "app/src/a/mod.rs",
            "test --bin my-app /tmp/main a::tests::deep::one",
        ),
        (
            "app/src/bin/b.rs",
            "test --bin b /tmp/main tests::deep::one",
        ),
        ("app/tests/t.rs", "test --test t /tmp/main tests::deep::one"),
    ] {
        let expected = format!("{expected} --exact --nocapture 1 whole");
        assert_eq!(cargo(&host, below, TESTS, function), expected, "{below}");
    }
    // Any other function of a module is called as ever, one of a program in its place.
    let asked =
        |below| built(&host, "rust", below, TESTS, Part::Function(1, 1)).expect("no refusal");
    assert!(asked("app/src/a.rs").is_none());
    assert!(!asked("app/src/main.rs").expect("a target").is_whole);
}

#[test]
fn a_library_without_tests_is_refused_and_what_is_in_no_package_is_none() {
    let host = FakeHost::new()
        .program("/usr/bin/cargo")
        .file("/home/ann/x/Cargo.toml", "[package]\nname = \"a\"\n");
    let refused = built(&host, "rust", "src/lib.rs", "", Part::File).expect_err("a refusal");
    assert!(refused.reason.contains("`src/lib.rs`"), "{refused:?}");
    // A name is no option.
    let hostile = FakeHost::new()
        .file(
            "/home/ann/x/Cargo.toml",
            "[package]\nname = \"--config=x\"\n",
        )
        .file("/home/ann/x/src/main.rs", "");
    assert!(built(&hostile, "rust", "src/main.rs", "fn main() {}", Part::File).is_err());
    for host in [
        FakeHost::new().file("/home/ann/x/main.rs", ""),
        FakeHost::new().file("/home/ann/x/Cargo.toml", "[workspace]\n"),
    ] {
        assert!(
            built(&host, "rust", "src/main.rs", "fn main() {}", Part::File)
                .expect("no refusal")
                .is_none()
        );
    }
}

#[test]
fn what_is_downloaded_is_seen_and_log_ins_are_not() {
    let found = built(&machine(), "rust", "app/src/main.rs", "", Part::File);
    let commands = found.expect("no refusal").expect("a target").commands;
    let seen: Vec<_> = commands
        .libraries
        .iter()
        .map(|path| path.to_str().expect("text"))
        .collect();
    assert_eq!(seen, ["/home/ann/.cargo/registry", "/home/ann/.cargo/git"]);
    let home = commands
        .environment
        .iter()
        .find(|(name, _)| name == "CARGO_HOME");
    assert_eq!(
        home.map(|(_, value)| value.as_str()),
        Some("/home/ann/.cargo")
    );
}

#[test]
fn a_program_of_several_files_is_built_of_all_and_one_of_many_alone() {
    let module = || machine().file("/home/ann/x/go.mod", "module x\n");
    let main = "package main\n\nfunc main() {\n}\n";
    let compile = |host: &FakeHost, below: &str, text: &str, part| {
        let found = built(host, "go", below, text, part).expect("no refusal");
        found.map(|built| {
            (
                built.commands.compile[0][1..].join(" "),
                built.commands.run.join(" "),
            )
        })
    };
    let whole = Some((
        "build -buildvcs=false -o /tmp/main .".to_owned(),
        "/tmp/main 1".to_owned(),
    ));
    let two = module().file("/home/ann/x/b.go", "package main\n");
    assert_eq!(compile(&two, "a.go", main, Part::File), whole);
    assert_eq!(compile(&two, "a.go", main, Part::Lines(3, 4)), whole);
    assert_eq!(
        compile(
            &module().file("/home/ann/x/b.go", main),
            "a.go",
            main,
            Part::File
        ),
        None
    );
    let test = "package main\n\nfunc TestOne(t *testing.T) {\n}\n";
    let (asked, run) = compile(&two, "a_test.go", test, Part::Function(3, 4)).expect("a target");
    assert_eq!(asked, "test -c -o /tmp/main .");
    assert_eq!(run, "/tmp/main -test.v -test.run ^TestOne$ 1");
    assert!(built(&two, "go", "lib/l.go", "package lib\n", Part::File).is_err());
}

#[test]
fn a_module_that_imports_its_neighbours_runs_as_a_part_of_its_package() {
    let host = machine()
        .file("/home/ann/x/src/p/__init__.py", "")
        .file("/home/ann/x/src/p/q/__init__.py", "");
    let run = |below, text| {
        let found = built(&host, "python", below, text, Part::File).expect("no refusal")?;
        Some((found.commands.run[1..].join(" "), found.work_dir))
    };
    let expected = |module: &str| Some((format!("-m {module} 1"), "/home/ann/x/src".to_owned()));
    assert_eq!(run("src/p/q/m.py", "from . import n\n"), expected("p.q.m"));
    assert_eq!(run("src/p/__main__.py", ""), expected("p"));
    assert_eq!(run("src/p/q/m.py", "import n\n"), None);
    assert_eq!(run("scripts/m.py", "from . import n\n"), None);
}

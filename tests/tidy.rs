//! The house rules that a compiler does not check: who may lean on whom, where unsafe code and processes may be, and that every
//! file that is shipped can be read.

#[path = "tidy/tree.rs"]
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use belljar_policy::PolicyFile;
use belljar_runtime::Catalogue;
use serde_json::Value;

use tree::{ROOT, code_of, complain, files, read, rooms_of, sources};

/// Who may lean on whom; `server/ARCHITECTURE.md` says why. What is not listed leans on nothing of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("belljar", &["protocol", "command", "sandbox"]),
    ("protocol", &["runs", "report", "policy", "runtime"]),
    (
        "command",
        &["runs", "report", "policy", "runtime", "sandbox"],
    ),
    ("runs", &["plan", "sandbox", "report"]),
    ("plan", &["policy", "runtime"]),
    ("sandbox", &["plan", "report", "locate", "child", "sys"]),
    ("locate", &["sys"]),
];

/// Crates of the Language Server Protocol.
const PROTOCOL_CRATES: &[&str] = &[
    "tower-lsp",
    "tower-lsp-server",
    "lsp-types",
    "lsp-server",
    "async-lsp",
];

/// The two rooms that may hold unsafe code.
const UNSAFE_ROOMS: &[&str] = &["server/sandbox/child/", "server/sandbox/sys/"];

/// Ways to start a process.
const STARTERS: &[&str] = &[
    "process::Command",
    "CommandExt",
    "unistd::fork",
    "unistd::exec",
    "libc::fork",
    "libc::vfork",
    "libc::clone",
    "libc::exec",
    "SYS_clone",
    "SYS_fork",
    "SYS_vfork",
    "SYS_exec",
    "posix_spawn",
    "belljar_sys::fork",
];

/// What one package needs when it is built, by the name that the registry or the workspace knows.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
            "--manifest-path",
        ])
        .arg(format!("{ROOT}/Cargo.toml"))
        .output()
        .expect("cargo can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().expect("a name").to_owned();
    let needs = |package: &Value| -> BTreeSet<String> {
        let all = package["dependencies"]
            .as_array()
            .expect("a list of dependencies");
        // Tests may lean on whom they like.
        all.iter()
            .filter(|one| one["kind"] != "dev")
            .map(|one| text(&one["name"]))
            .collect()
    };
    let packages = metadata["packages"].as_array().expect("a list of packages");
    packages
        .iter()
        .map(|package| (text(&package["name"]), needs(package)))
        .collect()
}

#[test]
fn every_room_leans_only_on_those_it_may() {
    let dependencies = dependencies();
    let allowed = |package: &str| {
        let room = package.strip_prefix("belljar-").unwrap_or(package);
        ARROWS
            .iter()
            .find(|(from, _)| *from == room)
            .map_or(&[][..], |(_, to)| to)
    };
    let mut arrows = 0;
    let mut wrong = Vec::new();
    for (package, needed) in &dependencies {
        for room in needed
            .iter()
            .filter_map(|name| name.strip_prefix("belljar-"))
        {
            arrows += 1;
            if !allowed(package).contains(&room) {
                wrong.push(format!("{package} leans on {room}"));
            }
        }
    }
    assert!(
        dependencies.len() >= 12 && arrows >= 15,
        "cargo named {} packages and {arrows} arrows",
        dependencies.len()
    );
    complain("an arrow that the design does not have", wrong);
}

#[test]
fn every_arrow_of_the_design_names_a_room() {
    let rooms: BTreeSet<String> = dependencies().into_keys().collect();
    let named = ARROWS.iter().flat_map(|(from, to)| to.iter().chain([from]));
    let unknown =
        named.filter(|room| !rooms.contains(**room) && !rooms.contains(&format!("belljar-{room}")));
    complain(
        "no such room",
        unknown.map(|room| (*room).to_owned()).collect(),
    );
}

#[test]
fn only_protocol_knows_the_language_server_protocol() {
    let dependencies = dependencies();
    let speaks =
        |needed: &BTreeSet<String>| PROTOCOL_CRATES.iter().any(|name| needed.contains(*name));
    let speakers: Vec<&str> = dependencies
        .iter()
        .filter(|(_, needed)| speaks(needed))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(speakers, ["belljar-protocol"]);
}

#[test]
fn every_dependency_comes_from_the_public_registry() {
    let lock: toml::Table = read("Cargo.lock").parse().expect("Cargo.lock is TOML");
    let packages = lock["package"].as_array().expect("a list of packages");
    assert!(packages.len() > 50);
    let source = |package: &toml::Value| Some(package.get("source")?.as_str()?.to_owned());
    let elsewhere = packages
        .iter()
        .filter_map(source)
        .filter(|source| source != "registry+https://github.com/rust-lang/crates.io-index");
    complain("not from crates.io", elsewhere.collect());
}

#[test]
fn every_source_file_opens_with_a_sentence_about_its_duty() {
    let silent = sources().filter(|path| {
        let first = read(path).lines().next().unwrap_or_default().to_owned();
        !first.starts_with("//! ") || first.len() < 12
    });
    complain("does not open with `//! ` and a sentence", silent.collect());
}

#[test]
fn no_source_file_is_longer_than_800_lines() {
    let long = sources().filter(|path| read(path).lines().count() > 800);
    complain("is longer than 800 lines", long.collect());
}

#[test]
fn unsafe_code_stays_in_its_two_rooms() {
    let is_unsafe = |line: &str| {
        [
            "unsafe {",
            "unsafe fn",
            "unsafe impl",
            "unsafe trait",
            "unsafe extern",
            "allow(unsafe_code",
            "#[unsafe(",
        ]
        .iter()
        .any(|form| line.contains(form))
    };
    let (mut inside, mut outside) = (0, Vec::new());
    for path in sources().filter(|path| path.starts_with("server/")) {
        let text = read(&path);
        let found = code_of(&text)
            .filter(|(_, line)| is_unsafe(line))
            .map(|(number, _)| format!("{path}:{number}"));
        match UNSAFE_ROOMS.iter().any(|room| path.starts_with(room)) {
            true => inside += found.count(),
            false => outside.extend(found),
        }
    }
    assert!(inside > 0, "unsafe code is not even found where it is");
    complain("unsafe code", outside);
}

#[test]
fn only_the_sandbox_starts_processes() {
    let (mut inside, mut outside) = (0, Vec::new());
    // A unit test may start what it looks at.
    let shipped = |path: &String| path.starts_with("server/") && !path.ends_with("_tests.rs");
    for path in sources().filter(shipped) {
        let text = read(&path);
        let found = rooms_of(&path, &text)
            .filter(|(_, line)| STARTERS.iter().any(|starter| line.contains(starter)))
            .map(|(number, _)| format!("{path}:{number}"));
        match path.starts_with("server/sandbox/") {
            true => inside += found.count(),
            false => outside.extend(found),
        }
    }
    assert!(
        inside > 0,
        "starting a process is not even found where it is done"
    );
    complain("starts a process", outside);
}

#[test]
fn nothing_that_is_shipped_names_a_developers_machine() {
    let shipped =
        files("").filter(|path| !path.starts_with("tests/") && !path.starts_with("target/"));
    let texts: Vec<(String, String)> = shipped
        .filter_map(|path| {
            Some((
                std::fs::read_to_string(format!("{ROOT}/{path}")).ok()?,
                path,
            ))
        })
        .map(|(text, path)| (path, text))
        .collect();
    assert!(texts.len() > 50, "only {} files were read", texts.len());
    let mut named = Vec::new();
    for (path, text) in &texts {
        for (number, line) in text.lines().enumerate() {
            if ["/work/", "/root/"]
                .iter()
                .any(|place| line.contains(place))
            {
                named.push(format!("{path}:{}", number + 1));
            }
        }
    }
    complain("names a place on a developer's machine", named);
}

#[test]
fn every_shipped_policy_parses_and_says_what_it_is_for() {
    let shipped: BTreeMap<&str, &str> = belljar_policy::shipped().iter().copied().collect();
    let mut seen = 0;
    for path in files("policies")
        .filter(|path| path.ends_with(".toml") && !path.starts_with("policies/runtimes/"))
    {
        let text = read(&path);
        assert!(
            text.starts_with("# "),
            "{path} does not open with a comment"
        );
        let checked = belljar_policy::check(&PolicyFile {
            name: path.clone(),
            text: text.as_bytes(),
        });
        assert_eq!(checked.expect("no error in a shipped policy"), [], "{path}");
        let name = path
            .trim_start_matches("policies/")
            .trim_end_matches(".toml");
        assert_eq!(
            shipped.get(name),
            Some(&text.as_str()),
            "{path} is not the policy that the binary carries"
        );
        seen += 1;
    }
    assert_eq!(seen, shipped.len());
}

#[test]
fn every_shipped_runtime_parses_and_says_what_it_is_for() {
    let paths: Vec<String> = files("policies/runtimes")
        .filter(|path| path.ends_with(".toml"))
        .collect();
    assert!(paths.len() >= 13, "{paths:?}");
    for path in &paths {
        assert!(
            read(path).starts_with("# "),
            "{path} does not open with a comment"
        );
    }
    let texts = paths
        .iter()
        .map(|path| (path.clone(), read(path).into_bytes()))
        .collect();
    let (catalogue, errors) = Catalogue::shipped().with_user_files(texts);
    complain(
        "is no runtime",
        errors.iter().map(ToString::to_string).collect(),
    );
    for path in &paths {
        let id = path
            .trim_start_matches("policies/runtimes/")
            .trim_end_matches(".toml");
        assert_eq!(
            catalogue.by_id(id).map(|runtime| runtime.file()),
            Some(path.as_str()),
            "{path} describes another language"
        );
    }
}

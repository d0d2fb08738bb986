//! Every shipped runtime whose tools are here runs the program that its file brings along, by `belljar runtimes check`.

#[allow(dead_code)] // Each test program uses a part of it.
mod ordinary_user;

use std::fs;
use std::path::Path;

use ordinary_user::{OrdinaryUser, copy_folder, skipped};

/// Those whose tools are large or slow: only `tests/run --long` has them installed, and tries them.
const SLOW: &[&str] = &[
    "ada",
    "clojure",
    "crystal",
    "csharp",
    "d",
    "elixir",
    "emacs-lisp",
    "groovy",
    "haskell",
    "java",
    "kotlin",
    "mojo",
    "nim",
    "ocaml",
    "octave",
    "pascal",
    "racket",
    "raku",
    "scala",
    "vala",
    "zig",
];

/// Said where there can be no sandbox.
const NO_CELL: &str = "Could not run it: step ";

/// Checks the files that fit, and says how many canaries ran.
fn sing(fits: impl Fn(&str) -> bool) -> Option<usize> {
    let user = OrdinaryUser::new();
    let shipped = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/runtimes"));
    copy_folder(shipped, &user.work());
    user.own_everything();
    let mut files: Vec<String> = fs::read_dir(shipped)
        .expect("the runtime files")
        .map(|entry| {
            entry
                .expect("a name")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.strip_suffix(".toml").is_some_and(&fits))
        .collect();
    files.sort();
    let output = user
        .command(user.belljar())
        .args(["runtimes", "check"])
        .args(&files)
        .output()
        .expect("belljar starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let ran = text
        .lines()
        .filter(|line| line.ends_with(": right, and its canary ran"));
    let ran = ran.count();
    let not_tried = text
        .lines()
        .filter(|line| line.contains("right, but not tried"));
    println!(
        "canaries: {ran} ran, {} have no tool here",
        not_tried.count()
    );
    let errors = String::from_utf8_lossy(&output.stderr);
    if ran == 0 && (text.contains(NO_CELL) || errors.contains("could not start")) {
        skipped(&format!("{text}{errors}"));
        return None;
    }
    assert!(output.status.success(), "{text}{errors}");
    Some(ran)
}

#[test]
fn every_canary_of_a_quick_language_sings() {
    if let Some(ran) = sing(|language| !SLOW.contains(&language)) {
        // What every machine has that these tests run on.
        assert!(ran >= 10, "only {ran} canaries ran");
    }
}

#[test]
#[ignore = "takes long"]
fn every_canary_of_a_slow_language_sings() {
    if let Some(ran) = sing(|language| SLOW.contains(&language)) {
        assert!(ran > 0, "no canary ran");
    }
}

#[test]
fn what_is_wrong_with_a_runtime_file_is_said_with_its_line() {
    let user = OrdinaryUser::new();
    let start = "id = \"x\"\nname = \"X\"\nextensions = [\"x\"]\n[tool.sh]\nnames = [\"sh\"]\nfind = [{ path = true }]\n\
                 install = { other = \"-\" }\n[[way]]\nneeds = [\"sh\"]\nrun = [\"{sh}\", \"{source}\"]\n";
    let canary =
        |program: &str| format!("{start}[canary]\nprogram = '{program}'\noutput = \"1\\n\"\n");
    let cases = [
        (
            "unknown.toml",
            format!("colour = 1\n{start}"),
            false,
            "unknown.toml:1: ",
        ),
        (
            "pattern.toml",
            format!("{start}[[error]]\nstarts = '('\n"),
            false,
            "pattern.toml:12: ",
        ),
        (
            "slow.toml",
            format!("{start}[[error]]\nstarts = '(?:a{{1,60}} ?){{1,60}}b'\n"),
            false,
            "slow.toml:12: ",
        ),
        ("silent.toml", start.to_owned(), true, "has no [canary]"),
        (
            "wrong.toml",
            canary("echo 2"),
            false,
            "wrong.toml: its canary printed \"2\\n\" instead of \"1\\n\"",
        ),
        (
            "failing.toml",
            canary("echo 1; exit 3"),
            false,
            "failing.toml: its canary failed: Ended with exit status 3",
        ),
        (
            "right.toml",
            canary("echo 1"),
            true,
            "right.toml: right, and its canary ran",
        ),
        (
            "missing.toml",
            canary("echo 1").replace("[\"sh\"]\nfind", "[\"no-such-tool\"]\nfind"),
            true,
            "`no-such-tool` was not found",
        ),
    ];
    for (file, text, is_right, says) in cases {
        fs::write(user.work().join(file), text).expect("a file");
        user.own_everything();
        let output = user
            .command(user.belljar())
            .args(["runtimes", "check", file])
            .output()
            .expect("belljar starts");
        let said = String::from_utf8_lossy(&output.stdout);
        if said.contains(NO_CELL) {
            return skipped(&said);
        }
        assert_eq!(output.status.success(), is_right, "{file}: {said}");
        assert!(said.contains(says), "{file}: {said}");
    }
}

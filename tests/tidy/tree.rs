//! The files of the project, for the tests that read them.

use std::path::Path;

/// The project's directory.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Built or fetched, and none of ours.
const NOT_OURS: &[&str] = &["target", ".git", "node_modules", "fixtures"];

/// Every file below `folder`, as a path from the project's directory.
pub fn files(folder: &str) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    collect(&Path::new(ROOT).join(folder), &mut found);
    found.sort();
    found.into_iter()
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a directory can be listed").path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if path.is_symlink() || NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else {
            let inside = path.strip_prefix(ROOT).expect("below the project");
            found.push(inside.to_string_lossy().into_owned());
        }
    }
}

/// Every Rust file of the rooms and of the tests; programs that tests run are not among them.
pub fn sources() -> impl Iterator<Item = String> {
    let all: Vec<String> = files("server")
        .chain(files("tests"))
        .filter(|path| path.ends_with(".rs"))
        .collect();
    assert!(all.len() > 50, "only {} source files were found", all.len());
    all.into_iter()
}

/// What a file holds.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{ROOT}/{path}"))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Lines of code with their numbers, comments left out.
pub fn code_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The code of a file that is shipped: without its tests, which stand at its end or in a file of their own.
pub fn rooms_of<'t>(path: &str, text: &'t str) -> impl Iterator<Item = (usize, &'t str)> {
    let is_test =
        path.contains("/tests/") || path.ends_with("tests.rs") || path.ends_with("/build.rs");
    let shipped = match text.find("#[cfg(test)]\nmod ") {
        _ if is_test => "",
        // A module in another file leaves shipped code behind it.
        Some(at)
            if text[at..]
                .lines()
                .nth(1)
                .is_some_and(|line| line.ends_with('{')) =>
        {
            &text[..at]
        }
        _ => text,
    };
    code_of(shipped)
}

/// Fails if there is anything to complain about.
pub fn complain(what: &str, about: Vec<String>) {
    assert!(about.is_empty(), "{what}:\n  {}", about.join("\n  "));
}

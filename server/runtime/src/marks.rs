//! What a directory is, by what lies in it: somebody's project, or the installation of a tool.

use std::path::{Path, PathBuf};

use crate::Host;

/// A directory with one of these is a project.
const OF_PROJECT: &[&str] = &[
    ".git",
    ".hg",
    ".jj",
    ".svn",
    ".belljar.toml",
    "CMakeLists.txt",
    "Cargo.toml",
    "Gemfile",
    "Makefile",
    "Pipfile",
    "Rakefile",
    "build.gradle",
    "build.gradle.kts",
    "composer.json",
    "cpanfile",
    "deno.json",
    "deno.jsonc",
    "dune-project",
    "go.mod",
    "go.work",
    "justfile",
    "meson.build",
    "mix.exs",
    "package.json",
    "pom.xml",
    "pyproject.toml",
    "requirements.txt",
    "setup.cfg",
    "setup.py",
    "stack.yaml",
    "tsconfig.json",
];

/// Files that say of a directory that projects below it belong together, and what they say then. They name those projects.
const OF_WORKSPACE: &[(&str, &str)] = &[
    ("Cargo.toml", "[workspace"),
    ("go.work", "use"),
    ("package.json", "\"workspaces\""),
    ("pnpm-workspace.yaml", "packages"),
    ("pyproject.toml", "[tool.uv.workspace]"),
];

/// A directory with one of these has a history, or rules, of its own, and belongs to no project above it.
const OF_ITSELF: &[&str] = &[".git", ".hg", ".jj", ".svn", ".belljar.toml"];

/// No such file is larger.
const MOST_OF_WORKSPACE: u64 = 256 * 1024;

/// Whether nothing above the project `directory` has a say in it.
pub fn stands_alone(host: &dyn Host, directory: &Path) -> bool {
    OF_ITSELF
        .iter()
        .any(|mark| host.kind(&directory.join(mark)).is_some())
}

/// Whether `directory` says that the project `below` it is a part of it.
pub fn holds_project(host: &dyn Host, directory: &Path, below: &Path) -> bool {
    let Some(below) = below.to_str() else {
        return false;
    };
    OF_WORKSPACE.iter().any(|(mark, says)| {
        let text = host.read(&directory.join(mark), MOST_OF_WORKSPACE);
        let text = text.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut words = text
            .split(|one: char| one.is_whitespace() || "\"'`,[](){}".contains(one))
            .map(|word| word.trim_start_matches("./").trim_end_matches('/'));
        text.contains(says) && words.any(|word| !word.is_empty() && names(word, below))
    })
}

/// Whether `pattern` names the path `path`. A part `*` is any one name, `**` any number of them, and in others `*` is a part
/// of a name.
fn names(pattern: &str, path: &str) -> bool {
    let (first, patterns) = pattern.split_once('/').unwrap_or((pattern, ""));
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    let goes_on = match (patterns, rest) {
        ("", "") => true,
        ("", _) | (_, "") => false,
        (patterns, rest) => names(patterns, rest),
    };
    match first.split_once('*') {
        _ if first == "**" => goes_on || !rest.is_empty() && names(pattern, rest),
        Some((begin, end)) => {
            let fits = name
                .strip_prefix(begin)
                .is_some_and(|name| name.ends_with(end));
            fits && goes_on
        }
        None => first == name && goes_on,
    }
}

/// Whether `directory` has the mark of a project.
pub fn has_project_mark(host: &dyn Host, directory: &Path) -> bool {
    OF_PROJECT
        .iter()
        .any(|mark| host.kind(&directory.join(mark)).is_some())
}

/// Whether something in `directory` says that it is somebody's own: the mark of a project, or settings with secrets.
pub(crate) fn is_somebodys(host: &dyn Host, directory: &Path) -> bool {
    let is_environment = |name: std::ffi::OsString| {
        let name = name.to_string_lossy().to_lowercase();
        name.starts_with(".env")
    };
    has_project_mark(host, directory) || host.list(directory).into_iter().any(is_environment)
}

/// Whether there is something at `pattern` below `directory`. A part `*` is any one name.
pub(crate) fn is_there(host: &dyn Host, directory: &Path, pattern: &str) -> bool {
    let mut reached: Vec<PathBuf> = vec![directory.to_path_buf()];
    for part in pattern.split('/') {
        reached = reached
            .iter()
            .flat_map(|above| match part {
                "*" => host
                    .list(above)
                    .iter()
                    .map(|name| above.join(name))
                    .collect(),
                part => vec![above.join(part)],
            })
            .collect();
    }
    reached.iter().any(|path| host.kind(path).is_some())
}

/// The directory of packages that `path` lies in: what a package of Node needs stands next to it, and what is there is
/// often a link to elsewhere in the outermost one.
pub(crate) fn packages(path: &Path) -> Option<&Path> {
    path.ancestors()
        .skip(1)
        .filter(|above| above.file_name().is_some_and(|name| name == "node_modules"))
        .last()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn members_are_named_by_paths_and_patterns() {
        for (pattern, path) in [
            ("a", "a"),
            ("crates/*", "crates/a"),
            ("*", "a"),
            ("lib-*", "lib-x"),
            ("**", "a/b/c"),
            ("a/**", "a/b/c"),
            ("**/x", "a/b/x"),
        ] {
            assert!(names(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("a", "b"),
            ("crates/*", "crates/a/b"),
            ("crates/*", "crates"),
            ("*", "a/b"),
            ("lib-*", "a"),
            ("a/**", "b/c"),
            ("..", "a"),
        ] {
            assert!(!names(pattern, path), "{pattern} {path}");
        }
    }
}

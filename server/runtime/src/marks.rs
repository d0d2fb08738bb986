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

//! Which directory is the user's project. What is shown to a program by mistake cannot be taken back, so a directory
//! that holds more than one project is none.

use std::path::{Path, PathBuf};

use belljar_runtime::{FileKind, Host, has_project_mark, holds_project, is_broad, stands_alone};

use crate::{Refusal, paths};

/// The system's own directories, which every cell sees as far as it may.
const SYSTEM: &[&str] = &[
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix",
    "/gnu/store",
    "/sbin",
    "/snap",
    "/usr",
];

/// The project that `directory` belongs to: the one the user `named`, else the nearest directory from `directory`
/// upward that has the mark of a project, else `directory` itself; `None` if that holds too much. A project that a directory
/// above it names as a part of itself is that whole, without which its tools could not read it.
///
/// # Errors
/// The user named a directory that is not there, or that holds too much.
pub fn find_project(
    host: &dyn Host,
    named: Option<&Path>,
    directory: Option<&Path>,
) -> Result<Option<PathBuf>, Refusal> {
    let home = host.home().map(|home| host.resolve(&home).unwrap_or(home));
    let too_much = |path: &Path| {
        is_broad(path, home.as_deref()) || SYSTEM.iter().any(|system| path.starts_with(system))
    };
    if let Some(named) = named {
        let path = host.resolve(&paths::absolute(host, named));
        let path = path
            .filter(|path| host.kind(path) == Some(FileKind::Directory))
            .ok_or_else(|| Refusal {
                reason: format!("the project `{}` is no directory", named.display()),
                hint: "name the directory of the project with `--project DIR`".to_owned(),
            })?;
        if too_much(&path) {
            return Err(Refusal {
                reason: format!(
                    "`{}` cannot be a project: it holds more than one project",
                    path.display()
                ),
                hint: "name a directory below it, or show single directories with `files.read`"
                    .to_owned(),
            });
        }
        return Ok(Some(path));
    }
    let Some(directory) =
        directory.filter(|directory| host.kind(directory) == Some(FileKind::Directory))
    else {
        return Ok(None);
    };
    let marked = directory
        .ancestors()
        .take_while(|path| !too_much(path))
        .find(|path| has_project_mark(host, path))
        .map(|project| whole(host, project, too_much));
    let own = || {
        Some(directory)
            .filter(|directory| !too_much(directory) && !in_hidden_home(directory, home.as_deref()))
    };
    Ok(marked.or_else(own).map(Path::to_path_buf))
}

/// The outermost directory that names `project` as a part of itself, up to where a history of its own begins.
fn whole<'a>(host: &dyn Host, project: &'a Path, too_much: impl Fn(&Path) -> bool) -> &'a Path {
    if stands_alone(host, project) {
        return project;
    }
    let mut whole = project;
    let above = project.ancestors().skip(1);
    for directory in above.take_while(|path| !too_much(path)) {
        let below = project.strip_prefix(directory);
        if below.is_ok_and(|below| holds_project(host, directory, below)) {
            whole = directory;
        }
        if stands_alone(host, directory) {
            break;
        }
    }
    whole
}

/// Whether a directory lies in one of the home's hidden directories: those are programs' data and not projects,
/// unless they have a project's mark.
fn in_hidden_home(directory: &Path, home: Option<&Path>) -> bool {
    let below = home.and_then(|home| directory.strip_prefix(home).ok());
    below
        .and_then(|below| below.components().next())
        .is_some_and(|first| first.as_os_str().to_string_lossy().starts_with('.'))
}

/// Whether the base system or something that only the cell itself makes is at `path`, so that no file can be put there.
pub(crate) fn is_system(path: &Path) -> bool {
    let made = ["/boot", "/dev", "/etc", "/proc", "/run", "/sys"];
    SYSTEM
        .iter()
        .chain(&made)
        .any(|system| path.starts_with(system))
}

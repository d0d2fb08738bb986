//! A command that the user types: which program that is, and what it must see besides itself.

use std::path::{Path, PathBuf};

use belljar_runtime::{Catalogue, FileKind, FoundTool, Host, Places};

use crate::{Refusal, paths};

/// The kernel reads no more of a script's first line.
const MAX_SHEBANG: usize = 256;

/// The programs of a command, the one that is executed first.
pub(crate) fn programs(
    host: &dyn Host,
    catalogue: &Catalogue,
    name: &str,
    places: &Places<'_>,
) -> Result<Vec<FoundTool>, Refusal> {
    let first = program(host, catalogue, name, places)?;
    let mut programs = vec![first];
    // A script needs what its first line names; that may be a script again, but not for ever.
    for _ in 0..4 {
        let last = &programs[programs.len() - 1];
        let Some(words) = shebang(host, &last.real) else {
            break;
        };
        let Some(interpreter) = words.first() else {
            break;
        };
        let found = program(host, catalogue, interpreter, places);
        let Ok(found) = found else { break };
        let is_env = Path::new(interpreter)
            .file_name()
            .is_some_and(|name| name == "env");
        programs.push(found);
        let named = words[1..]
            .iter()
            .find(|word| !word.starts_with('-') && !word.contains('='));
        if let Some(named) = named.filter(|_| is_env)
            && let Ok(found) = program(host, catalogue, named, places)
        {
            programs.push(found);
        }
    }
    Ok(programs)
}

/// The program that the user's `PATH` finds by this name.
pub(crate) fn on_path(host: &dyn Host, name: &str) -> Option<PathBuf> {
    let path = host.variable("PATH")?;
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|path| host.kind(path) == Some(FileKind::File) && host.is_executable(path))
}

fn program(
    host: &dyn Host,
    catalogue: &Catalogue,
    name: &str,
    places: &Places<'_>,
) -> Result<FoundTool, Refusal> {
    let refuse = |reason: String, hint: &str| {
        Err(Refusal {
            reason,
            hint: hint.to_owned(),
        })
    };
    if name.is_empty() {
        return refuse(
            "the command has no name".to_owned(),
            "name a program to run",
        );
    }
    let path = if name.contains('/') {
        Some(paths::absolute(host, Path::new(name)))
    } else {
        on_path(host, name)
    };
    let Some(path) = path else {
        return refuse(
            format!("there is no program `{name}` in the directories of PATH"),
            "check its spelling, install it, or name it with its path",
        );
    };
    match host.kind(&path) {
        Some(FileKind::File) => {}
        Some(_) => {
            return refuse(
                format!("`{name}` is no program: it is not a file"),
                "name a program to run",
            );
        }
        None => {
            return refuse(
                format!("there is no file `{}`", path.display()),
                "check its spelling",
            );
        }
    }
    if !host.is_executable(&path) {
        return refuse(
            format!("`{}` is not executable", path.display()),
            "use `belljar run FILE` for a source file, or make it executable with `chmod +x`",
        );
    }
    let real = host.resolve(&path).unwrap_or_else(|| path.clone());
    paths::text(&path)?;
    paths::text(&real)?;
    let own = FoundTool {
        id: String::new(),
        sees: seen(&path, &real),
        real,
        lent: Vec::new(),
        executes: Vec::new(),
        // What a project's own programs do nobody knows. Those of the system are mostly small.
        many_files: places
            .project
            .is_some_and(|project| path.starts_with(project)),
        version: Vec::new(),
        path,
    };
    // A known tool is run from its installation, which it then sees.
    let tool = catalogue.find_command(host, name, places);
    Ok(tool
        .filter(|tool| tool.path.to_str().is_some())
        .unwrap_or(own))
}

/// The program itself, wherever it lies; links to it too.
fn seen(path: &Path, real: &Path) -> Vec<PathBuf> {
    let mut seen = vec![path.to_path_buf()];
    if real != path {
        seen.push(real.to_path_buf());
    }
    seen
}

/// The words of the first line of a script; `None` for another program.
fn shebang(host: &dyn Host, path: &Path) -> Option<Vec<String>> {
    let content = host.beginning(path, MAX_SHEBANG)?;
    let rest = content.strip_prefix(b"#!")?;
    let line = rest.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    Some(line.split_whitespace().map(str::to_owned).collect())
}

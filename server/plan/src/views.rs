//! What of the host every cell sees.

use std::path::{Path, PathBuf};

use belljar_policy::Policy;
use belljar_runtime::{FileKind, Host};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{CELL_HOME, Project, Refusal, View, paths};

/// The base system: programs and libraries, which everybody who can log in can read.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/sbin",
    "/nix/store",
    "/gnu/store",
    "/run/current-system/sw",
];

/// Settings of programs that do not start without, and nothing that describes the host or its users.
const SETTINGS: &[&str] = &[
    "/etc/alternatives",
    "/etc/crypto-policies",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.alias",
    "/etc/magic",
    "/etc/magic.mime",
    "/etc/mime.types",
    "/etc/mono",
    "/etc/octave.conf",
    "/etc/perl",
    "/etc/php",
    "/etc/php.d",
    "/etc/php.ini",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/protocols",
    "/etc/python3",
    "/etc/python3.11",
    "/etc/R",
    "/etc/sbclrc",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/swi-prolog",
];

/// Directories of settings with a version in their name begin like this.
const SETTINGS_BEGIN: &[&str] = &["java", "php", "python", "ruby", "scala", "erlang", "ghc"];

/// The host's part of every cell.
pub(crate) fn base(host: &dyn Host) -> Vec<View> {
    let mut views: Vec<View> = SYSTEM
        .iter()
        .chain(SETTINGS)
        .map(|path| view(path, false))
        .collect();
    for name in host.list(Path::new("/etc")) {
        let Some(name) = name.to_str() else { continue };
        let versioned = SETTINGS_BEGIN.iter().any(|begin| {
            name.strip_prefix(begin).is_some_and(|rest| {
                rest.starts_with(['-', '.']) || rest.starts_with(|one: char| one.is_ascii_digit())
            })
        });
        if !versioned {
            continue;
        }
        let path = format!("/etc/{name}");
        if !views.iter().any(|view| same(&view.path, Path::new(&path))) {
            views.push(view(path, false));
        }
    }
    views
}

fn view(path: impl Into<PathBuf>, required: bool) -> View {
    View {
        path: path.into(),
        required,
    }
}

/// What the policy's `files.read` shows. What `files.hide` hides stays hidden, also from there.
///
/// # Errors
/// A path would show a project as a whole that has hidden files in it, or is no file and no directory.
pub(crate) fn of_policy(
    host: &dyn Host,
    policy: &Policy,
    project: Option<&Path>,
    shown: Option<&Project>,
) -> Result<Vec<View>, Refusal> {
    if policy.files.read.is_empty() {
        return Ok(Vec::new());
    }
    let hidden = hidden(&policy.files.hide);
    let mut views = Vec::new();
    for text in &policy.files.read {
        let Some(path) = paths::of_policy(host, text) else {
            continue;
        };
        let path = host.resolve(&path).unwrap_or(path);
        if host.kind(&path) == Some(FileKind::Other) {
            return Err(Refusal {
                reason: format!(
                    "`files.read` of policy `{}` names `{}`, which is a socket, a pipe or a device",
                    policy.name,
                    path.display()
                ),
                hint: "name files and directories; a socket or pipe would lead out of the sandbox, which has devices of \
                       its own"
                    .to_owned(),
            });
        }
        let below = project.and_then(|project| path.strip_prefix(project).ok());
        if let Some(below) = below {
            // The project is shown already, without what is hidden.
            let is_hidden = below.ancestors().any(|part| hidden.is_match(part));
            if shown.is_some() || is_hidden {
                continue;
            }
            if host.kind(&path) == Some(FileKind::Directory) && !hidden.is_empty() {
                let nothing_hidden = holds_nothing_hidden(host, &path, below, &hidden, &mut 0);
                if !nothing_hidden {
                    return Err(Refusal {
                        reason: format!(
                            "`files.read` shows `{}`, in which policy `{}` hides files while it hides the project",
                            path.display(),
                            policy.name
                        ),
                        hint: "set `files.project = \"read\"` instead, which shows the project without them, or name \
                               single files"
                            .to_owned(),
                    });
                }
            }
        }
        views.push(view(path, false));
    }
    Ok(views)
}

/// What `files.read` names below the user's home and is there, relative to it. Nothing below another such name.
pub(crate) fn home_links(host: &dyn Host, policy: &Policy) -> Vec<PathBuf> {
    let Some(home) = host.home().filter(|home| home != Path::new(CELL_HOME)) else {
        return Vec::new();
    };
    let in_home = |text: &String| {
        let path = paths::normal(&paths::of_policy(host, text)?);
        let below = path.strip_prefix(&home).ok()?;
        let is_there = host.kind(&path).is_some() && below.components().next().is_some();
        is_there.then(|| below.to_path_buf())
    };
    let mut links: Vec<PathBuf> = policy.files.read.iter().filter_map(in_home).collect();
    // A name comes before those below it.
    links.sort();
    links.dedup_by(|below, above| below.starts_with(above));
    links
}

/// How many entries are looked at before we say that there may be something hidden.
const MAX_ENTRIES: usize = 2000;

fn holds_nothing_hidden(
    host: &dyn Host,
    path: &Path,
    below: &Path,
    hidden: &GlobSet,
    seen: &mut usize,
) -> bool {
    host.list(path).into_iter().all(|name| {
        *seen += 1;
        let (path, below) = (path.join(&name), below.join(&name));
        // Links are not followed: they would lead round in circles, and the cell does not follow them out either.
        let is_directory =
            host.link(&path).is_none() && host.kind(&path) == Some(FileKind::Directory);
        *seen <= MAX_ENTRIES
            && !hidden.is_match(&below)
            && (!is_directory || holds_nothing_hidden(host, &path, &below, hidden, seen))
    })
}

pub(crate) fn hidden(globs: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        // The policy room has checked them.
        let glob = GlobBuilder::new(glob)
            .literal_separator(true)
            // Where case makes no difference to the file system, `.ENV` is `.env`.
            .case_insensitive(true)
            .build();
        if let Ok(glob) = glob {
            set.add(glob);
        }
    }
    set.build().unwrap_or_else(|_| GlobSet::empty())
}

/// Whether one of `views` shows what lies around `root`, and with it `root`.
pub(crate) fn cover(host: &dyn Host, views: &[View], root: &Path) -> bool {
    let is_below = |path: &Path| root != path && root.starts_with(path);
    views.iter().any(|view| {
        // A view of a link is a view of what it leads to.
        is_below(&view.path) || host.resolve(&view.path).is_some_and(|path| is_below(&path))
    })
}

/// Views without those that others hold or the project shows, in a stable order.
pub(crate) fn tidy(views: Vec<View>, project: Option<&Project>) -> Vec<View> {
    let mut kept: Vec<View> = Vec::with_capacity(views.len());
    for view in views {
        let in_project = project.is_some_and(|project| view.path.starts_with(&project.root));
        let in_system = kept
            .iter()
            .any(|known| !known.required && lies_below(&view.path, &known.path));
        if in_project || in_system {
            continue;
        }
        match kept.iter_mut().find(|known| same(&known.path, &view.path)) {
            Some(known) => known.required |= view.required,
            None => kept.push(view),
        }
    }
    kept
}

/// Whether two paths are written alike. Taking paths apart costs more, and planning does it thousands of times.
fn same(one: &Path, other: &Path) -> bool {
    one.as_os_str() == other.as_os_str()
}

/// Whether `path` is below `above`, as both are written. A view too many does no harm.
fn lies_below(path: &Path, above: &Path) -> bool {
    let rest = path
        .as_os_str()
        .as_encoded_bytes()
        .strip_prefix(above.as_os_str().as_encoded_bytes());
    rest.is_some_and(|rest| rest.starts_with(b"/"))
}

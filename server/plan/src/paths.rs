//! Paths of the user's, made absolute and put in order.

use std::path::{Component, Path, PathBuf};

use belljar_runtime::Host;

use crate::Refusal;

/// `path` from where the user stands, with `.` and `..` gone; the file's own name is kept even if it is a link, but no
/// link is left before it.
pub(crate) fn absolute(host: &dyn Host, path: &Path) -> PathBuf {
    let standing = host
        .working_directory()
        .unwrap_or_else(|| PathBuf::from("/"));
    let path = standing.join(path);
    let parent = path.parent().and_then(|parent| host.resolve(parent));
    match (parent, path.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => normal(&path),
    }
}

/// `path` without `.` and `..`.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

/// `path` as text. Policies, plans and reports are text, so another path could not be told apart in them.
pub(crate) fn text(path: &Path) -> Result<&str, Refusal> {
    path.to_str().ok_or_else(|| Refusal {
        reason: format!("the path `{}` is not UTF-8", path.display()),
        hint: "rename the file or directory, or copy it elsewhere".to_owned(),
    })
}

/// A path of a policy: absolute, or in the user's home.
pub(crate) fn of_policy(host: &dyn Host, text: &str) -> Option<PathBuf> {
    match text.strip_prefix("~/") {
        Some(below) => Some(host.home()?.join(below)),
        None => Some(PathBuf::from(text)),
    }
}

/// The user's directory of some kind: `$variable/belljar`, or `~/default/belljar`.
pub(crate) fn of_user(host: &dyn Host, variable: &str, default: &str) -> Option<PathBuf> {
    let named = host
        .variable(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    Some(
        named
            .or_else(|| Some(host.home()?.join(default)))?
            .join("belljar"),
    )
}

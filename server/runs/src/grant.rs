//! Writes a rule that the user has agreed to into a policy file, whole or not at all.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use belljar_plan::{Host, Proposal, Refusal, Scope, Trust, TrustRecord};
use belljar_report::system_words;
use tempfile::NamedTempFile;

use crate::LocalHost;

/// No policy file is larger.
const LARGEST: u64 = 1024 * 1024;

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is in force.
    InForce,
    /// It is in the project's file, and without effect until the user trusts that.
    Inert,
}

/// Writes what the user was shown and has agreed to.
///
/// # Errors
/// The file is not what it was when the user was shown the change, or cannot be written. Nothing was changed then.
pub fn write(proposal: &Proposal) -> Result<Written, Refusal> {
    let cannot = |error: &io::Error| Refusal {
        reason: format!(
            "`{}` cannot be written: {}",
            proposal.path.display(),
            system_words(error)
        ),
        hint: "write the rule yourself, or allow it for one run".to_owned(),
    };
    let path = real_path(proposal).map_err(|error| cannot(&error))?;
    let now = LocalHost.read(&path, LARGEST);
    // A link that leads nowhere, or a pipe, is there too and is not what was shown.
    let is_there = fs::symlink_metadata(&path).is_ok();
    if now != proposal.before || is_there != proposal.before.is_some() {
        return Err(Refusal {
            reason: format!(
                "`{}` has changed since you were shown the change",
                proposal.path.display()
            ),
            hint: "try again, and look at the change once more".to_owned(),
        });
    }
    replace(&path, proposal).map_err(|error| cannot(&error))?;
    Ok(match &proposal.trust {
        Trust::NotNeeded => Written::InForce,
        // The record is of the bytes that were agreed to, not of what lies there now.
        Trust::Carried(record) if keep_trust(record).is_ok() => Written::InForce,
        Trust::Carried(_) | Trust::Needed => Written::Inert,
    })
}

/// Keeps the user's trust in a project's file, where no cell and no project can write.
///
/// # Errors
/// What the file system says. Nothing was changed then.
pub fn keep_trust(record: &TrustRecord) -> io::Result<()> {
    make_directory(record.path.parent())?;
    let content = format!("{}\n", record.content);
    write_beside(&record.path, content.as_bytes(), 0o600)?.persist(&record.path)?;
    Ok(())
}

/// Where the file really lies. People keep their settings elsewhere and link them; a project's file is no link (see
/// `propose`), and if it has become one it is replaced and not followed.
fn real_path(proposal: &Proposal) -> io::Result<PathBuf> {
    match proposal.scope {
        Scope::User if proposal.before.is_some() => fs::canonicalize(&proposal.path),
        Scope::User | Scope::Project => Ok(proposal.path.clone()),
    }
}

/// Puts a new file in the place of the old one in one step, so that nobody ever reads half of it.
fn replace(path: &Path, proposal: &Proposal) -> io::Result<()> {
    if proposal.scope == Scope::User {
        make_directory(path.parent())?;
    }
    let mode = match (fs::metadata(path), proposal.scope) {
        (Ok(old), _) => old.permissions().mode() & 0o777,
        // What the user allows is nobody else's matter; a project's file is a part of the project.
        (Err(_), Scope::User) => 0o600,
        (Err(_), Scope::Project) => 0o644,
    };
    let file = write_beside(path, proposal.after.as_bytes(), mode)?;
    if proposal.before.is_some() {
        file.persist(path)?;
    } else {
        file.persist_noclobber(path)?;
    }
    Ok(())
}

/// A file that is whole, and goes unless it is put in the place of `path`.
fn write_beside(path: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".belljar-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(path.parent().unwrap_or(Path::new("/")))?;
    file.write_all(content)?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn make_directory(directory: Option<&Path>) -> io::Result<()> {
    let directory = directory.unwrap_or(Path::new("/"));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;

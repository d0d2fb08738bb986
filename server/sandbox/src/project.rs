//! The user's project: which files of it stay hidden.

use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A walk over more names than this is given up: the run would wait too long, and hiding only some is no option.
const MOST_NAMES: usize = 300_000;

/// The paths, relative to `root`, that the globs hide. What is below a hidden directory is not listed. Links are not
/// followed: what they lead to is either in the project, and judged there, or not in the cell.
///
/// # Errors
/// A glob that does not parse, a project that is too large, or a directory that cannot be read.
pub fn hidden(root: &Path, globs: &[String]) -> io::Result<Vec<PathBuf>> {
    if globs.is_empty() {
        return Ok(Vec::new());
    }
    let hidden = compile(globs)?;
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    let mut names = 0;
    while let Some(directory) = waiting.pop() {
        let entries = match std::fs::read_dir(root.join(&directory)) {
            Ok(entries) => entries,
            // What we may not read the cell may not either: it has our id.
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied
                    && directory != Path::new("") =>
            {
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && directory != Path::new("") => {
                continue;
            }
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            names += 1;
            if names > MOST_NAMES {
                return Err(io::Error::other("the project has too many files"));
            }
            let path = directory.join(entry.file_name());
            if hidden.is_match(&path) {
                found.push(path);
            } else if entry.file_type()?.is_dir() {
                waiting.push(path);
            }
        }
    }
    Ok(found)
}

fn compile(globs: &[String]) -> io::Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let invalid =
            |error: globset::Error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
        // A pattern without a slash means that name anywhere, as in .gitignore.
        let anywhere = if glob.contains('/') {
            glob.trim_start_matches('/').to_owned()
        } else {
            format!("**/{glob}")
        };
        set.add(
            GlobBuilder::new(&anywhere)
                .literal_separator(true)
                .build()
                .map_err(invalid)?,
        );
        // A pattern for all that is in a directory hides the directory.
        if let Some(directory) = anywhere.strip_suffix("/**") {
            set.add(
                GlobBuilder::new(directory)
                    .literal_separator(true)
                    .build()
                    .map_err(invalid)?,
            );
        }
    }
    set.build()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in names {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        root
    }

    fn found(root: &Path, globs: &[&str]) -> Vec<String> {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let mut found: Vec<String> = hidden(root, &globs)
            .unwrap()
            .into_iter()
            .map(|path| path.display().to_string())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_name_without_a_slash_is_hidden_anywhere() {
        let root = tree(&[".env", "deep/er/.env", "env", "deep/.envrc"]);
        assert_eq!(found(root.path(), &[".env"]), [".env", "deep/er/.env"]);
        assert_eq!(
            found(root.path(), &[".env*"]),
            [".env", "deep/.envrc", "deep/er/.env"]
        );
    }

    #[test]
    fn a_pattern_for_the_content_of_a_directory_hides_the_directory() {
        let root = tree(&[".aws/credentials", "a/.aws/config"]);
        assert_eq!(found(root.path(), &["**/.aws/**"]), [".aws", "a/.aws"]);
        assert_eq!(found(root.path(), &["/.aws/**"]), [".aws"]);
    }

    #[test]
    fn a_link_is_hidden_by_its_own_name_and_never_followed() {
        let root = tree(&["secret.key", "a/b"]);
        std::os::unix::fs::symlink("..", root.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink("/", root.path().join("a/other.key")).unwrap();
        assert_eq!(
            found(root.path(), &["*.key"]),
            ["a/other.key", "secret.key"]
        );
    }
}

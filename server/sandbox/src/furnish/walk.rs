//! The user's project: which files of it stay hidden, and which are no files.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// A walk over more names than this is given up: the run would wait too long, and hiding only some is no option.
const MOST_NAMES: usize = 300_000;

/// What a walk through a project found, as paths relative to its root.
#[derive(Debug, Default)]
pub struct Found {
    /// What the globs hide. What is below a hidden directory is not listed.
    pub hidden: Vec<PathBuf>,
    /// Sockets, pipes and devices that are not hidden.
    pub special: Vec<PathBuf>,
}

/// Walks through the project at `root`. Each glob starts at the root, `*` stops at `/`, and `**/` is any depth; policies
/// are checked to have no other. Links are not followed: what they lead to is either in the project, and judged there,
/// or not in the cell.
///
/// # Errors
/// A project that is too large, or a directory that cannot be read.
pub fn walk(root: &Path, globs: &[String]) -> io::Result<Found> {
    // In lower case on both sides: on a file system that folds cases `.ENV` is `.env`.
    let globs: Vec<String> = globs.iter().map(|glob| glob.to_ascii_lowercase()).collect();
    let is_hidden = |path: &Path| {
        let path = path.as_os_str().as_encoded_bytes().to_ascii_lowercase();
        globs.iter().any(|glob| fast_glob::glob_match(glob, &path))
    };
    let mut found = Found::default();
    let mut waiting = vec![PathBuf::new()];
    let mut names = 0;
    while let Some(directory) = waiting.pop() {
        let entries = match std::fs::read_dir(root.join(&directory)) {
            Ok(entries) => entries,
            // What cannot be looked through is hidden whole: names in it that somebody knows could be opened.
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied
                    && directory != Path::new("") =>
            {
                found.hidden.push(directory);
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
            let kind = entry.file_type()?;
            if is_hidden(&path) {
                found.hidden.push(path);
            } else if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_fifo()
                || kind.is_socket()
                || kind.is_block_device()
                || kind.is_char_device()
            {
                found.special.push(path);
            }
        }
    }
    Ok(found)
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
        let mut found: Vec<String> = walk(root, &globs)
            .unwrap()
            .hidden
            .into_iter()
            .map(|path| path.display().to_string())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_glob_for_any_depth_hides_a_name_anywhere() {
        let root = tree(&[".env", "deep/er/.env", "env", "deep/.envrc"]);
        assert_eq!(found(root.path(), &["**/.env"]), [".env", "deep/er/.env"]);
        assert_eq!(
            found(root.path(), &["**/.env*"]),
            [".env", "deep/.envrc", "deep/er/.env"]
        );
        assert_eq!(found(root.path(), &[".env"]), [".env"]);
    }

    #[test]
    fn a_hidden_directory_is_hidden_whole() {
        let root = tree(&[".aws/credentials", "a/.aws/config"]);
        assert_eq!(found(root.path(), &["**/.aws"]), [".aws", "a/.aws"]);
    }

    #[test]
    fn sets_and_alternatives_mean_what_policies_mean_by_them() {
        let root = tree(&[
            "a.pem",
            "ca.pem",
            "my.pem",
            "secrets.json",
            "secrets.yml",
            "secrets.txt",
        ]);
        assert_eq!(found(root.path(), &["**/[!c]*.pem"]), ["a.pem", "my.pem"]);
        assert_eq!(
            found(root.path(), &["**/secrets.{json,yml}"]),
            ["secrets.json", "secrets.yml"]
        );
    }

    #[test]
    fn a_name_is_hidden_in_any_case() {
        let root = tree(&[".ENV", "Id_RSA"]);
        assert_eq!(
            found(root.path(), &["**/.env", "**/id_rsa*"]),
            [".ENV", "Id_RSA"]
        );
    }

    #[test]
    fn a_link_is_hidden_by_its_own_name_and_never_followed() {
        let root = tree(&["secret.key", "a/b"]);
        std::os::unix::fs::symlink("..", root.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink("/", root.path().join("a/other.key")).unwrap();
        assert_eq!(
            found(root.path(), &["**/*.key"]),
            ["a/other.key", "secret.key"]
        );
    }

    #[test]
    fn sockets_and_pipes_are_told_apart_from_files() {
        let root = tree(&["a/file"]);
        let _listener =
            std::os::unix::net::UnixListener::bind(root.path().join("a/socket")).unwrap();
        assert_eq!(
            walk(root.path(), &[]).unwrap().special,
            [Path::new("a/socket")]
        );
    }
}

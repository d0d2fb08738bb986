//! Directories that hold more than any one tool or project: never shown whole.

use std::path::Path;

/// These themselves are too much; what lies below them may be shown.
const BROAD: &[&str] = &[
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/media",
    "/mnt",
    "/nix",
    "/nix/store",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/snap",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/local",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/tmp",
];

/// The same in the user's home.
const BROAD_IN_HOME: &[&str] = &[
    "",
    "Desktop",
    "Documents",
    "Downloads",
    "Music",
    "Pictures",
    "Public",
    "Templates",
    "Videos",
    "bin",
    "code",
    "dev",
    "git",
    "projects",
    "repos",
    "source",
    "src",
    "work",
    "workspace",
    ".aws",
    ".azure",
    ".cache",
    ".cargo",
    ".config",
    ".config/gcloud",
    ".docker",
    ".gnupg",
    ".kube",
    ".local",
    ".local/bin",
    ".local/lib",
    ".local/share",
    ".local/state",
    ".mozilla",
    ".password-store",
    ".ssh",
];

/// The same in a Windows home, as it is seen from Linux on that machine.
const BROAD_IN_WINDOWS_HOME: &[&str] = &[
    "",
    "Desktop",
    "Documents",
    "Downloads",
    "Music",
    "OneDrive",
    "Pictures",
    "Videos",
    "source",
    "source/repos",
];

/// Nothing below these is ever a project or a tool's own directory.
const BARRED: &[&str] = &["/boot", "/dev", "/etc", "/proc", "/run", "/sys"];

/// Nothing below these, in the user's home, either.
const BARRED_IN_HOME: &[&str] = &[
    ".aws",
    ".azure",
    ".config/gcloud",
    ".docker",
    ".gnupg",
    ".kube",
    ".mozilla",
    ".password-store",
    ".ssh",
];

/// Whether `path` holds more than one tool or project, or things that no program has to see.
/// `path` is absolute and without links.
pub fn is_broad(path: &Path, home: Option<&Path>) -> bool {
    let broad = BROAD.iter().any(|one| path == Path::new(one));
    let barred = BARRED.iter().any(|one| path.starts_with(one));
    let of_home = home.is_some_and(|home| {
        home.starts_with(path)
            || path.strip_prefix(home).is_ok_and(|below| {
                BROAD_IN_HOME.iter().any(|one| below == Path::new(one))
                    || BARRED_IN_HOME.iter().any(|one| below.starts_with(one))
            })
    });
    // Somebody else's home is no less a home: /home/NAME, /var/tmp and the like have two parts.
    let a_home = path.parent() == Some(Path::new("/home"));
    broad || barred || of_home || a_home || is_disk(path) || is_of_windows(path)
}

/// Whether `path` is another disk as a whole, or holds some: `/media/DISK` or `/media/NAME/DISK`.
fn is_disk(path: &Path) -> bool {
    path.strip_prefix("/media")
        .is_ok_and(|below| below.components().count() <= 2)
}

/// Whether `path` is a drive of Windows, its homes, or what is too much in one of them: `/mnt/c/Users/NAME/Documents`.
/// Windows makes no difference between `Users` and `users`.
fn is_of_windows(path: &Path) -> bool {
    let Ok(below) = path.strip_prefix("/mnt") else {
        return false;
    };
    let mut parts = below
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    if parts.next().is_none_or(|drive| drive.chars().count() != 1) {
        return false;
    }
    let Some(users) = parts.next() else {
        return true;
    };
    if !users.eq_ignore_ascii_case("Users") {
        return false;
    }
    let in_home: Vec<_> = parts.skip(1).collect();
    let in_home = in_home.join("/");
    BROAD_IN_WINDOWS_HOME
        .iter()
        .any(|one| one.eq_ignore_ascii_case(&in_home))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_roots_and_secrets_are_broad_and_projects_are_not() {
        let home = Some(Path::new("/home/ann"));
        for path in [
            "/",
            "/home",
            "/home/ann",
            "/home/bob",
            "/home/ann/.ssh/x",
            "/home/ann/.local",
            "/etc/apt",
            "/usr",
            "/tmp",
            "/media/DISK",
            "/media/ann/DISK",
            "/mnt/c",
            "/mnt/c/Users",
            "/mnt/c/Users/Ann",
            "/mnt/d/users/ann/documents",
            "/mnt/c/Users/Ann/Downloads",
        ] {
            assert!(is_broad(Path::new(path), home), "{path}");
        }
        for path in [
            "/home/ann/x",
            "/home/ann/code/x",
            "/home/ann/.rustup/toolchains/y",
            "/opt/go",
            "/tmp/x",
            "/srv/www",
            "/media/ann/DISK/x",
            "/mnt/c/x",
            "/mnt/data",
            "/mnt/c/Users/Ann/x",
            "/mnt/c/Users/Ann/Documents/x",
        ] {
            assert!(!is_broad(Path::new(path), home), "{path}");
        }
        assert!(is_broad(
            Path::new("/data/users"),
            Some(Path::new("/data/users/ann"))
        ));
    }
}

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
    broad || barred || of_home || a_home
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
        ] {
            assert!(!is_broad(Path::new(path), home), "{path}");
        }
        assert!(is_broad(
            Path::new("/data/users"),
            Some(Path::new("/data/users/ann"))
        ));
    }
}

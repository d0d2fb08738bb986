//! What ordinary programs look for by themselves and do without: telling of it would be noise.

use std::path::Path;

/// Settings and facts that C libraries and language runtimes ask for at their start.
const ASKED_BY_EVERYBODY: &[&str] = &[
    "/dev/console",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/tty",
    "/etc/ImageMagick-6",
    "/etc/bash.bashrc",
    "/etc/debian_version",
    "/etc/default/locale",
    "/etc/environment",
    "/etc/gai.conf",
    "/etc/gnutls",
    "/etc/inputrc",
    "/etc/ld.so.cache",
    "/etc/ld.so.nohwcap",
    "/etc/ld.so.preload",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/login.defs",
    "/etc/lsb-release",
    "/etc/mailcap",
    "/etc/mtab",
    "/etc/netconfig",
    "/etc/npmrc",
    "/etc/os-release",
    "/etc/pip.conf",
    "/etc/profile",
    "/etc/pulse",
    "/etc/resolv.conf",
    "/etc/ssl",
    "/etc/terminfo",
    "/etc/timezone",
    "/etc/vulkan",
    "/etc/xdg",
    "/proc",
    "/run/nscd",
    "/run/systemd",
    "/sys/devices/system",
    "/sys/fs",
    "/sys/kernel/mm",
    "/sys/module",
    "/usr/share/zoneinfo",
    "/var/cache/fontconfig",
    "/var/cache/ldconfig",
    "/var/lib/gems",
    "/var/lib/locales",
    "/var/run/nscd",
];

/// Programs, by the beginning of their names, and what each has of its own in a home directory.
const OWN: &[(&str, &[&str])] = &[
    ("beam", &[".config/erlang", ".erlang", ".erlang.cookie"]),
    ("cargo", &[".cargo", ".rustup"]),
    ("curl", &[".curlrc", ".config/curlrc", ".netrc"]),
    ("emacs", &[".emacs", ".emacs.d"]),
    ("gdb", &[".gdbinit", ".config/gdb"]),
    ("gem", &[".gem", ".gemrc", ".local/share/gem"]),
    ("git", &[".gitconfig", ".config/git", ".gitignore"]),
    ("go", &[".config/go", "go"]),
    ("irb", &[".irbrc"]),
    ("less", &[".lesshst", ".lesskey"]),
    ("lua", &[".luarocks"]),
    ("mysql", &[".my.cnf"]),
    (
        "node",
        &[
            ".node_libraries",
            ".node_modules",
            ".node_repl_history",
            "node_modules",
            "package.json",
        ],
    ),
    ("npm", &[".npm", ".npmrc"]),
    ("perl", &[".cpan", ".perldb"]),
    (
        "pip",
        &[".config/pip", ".pip", ".pydistutils.cfg", ".local/lib"],
    ),
    ("psql", &[".pgpass", ".psqlrc"]),
    (
        "python",
        &[
            ".config/pip",
            ".local/lib",
            ".pip",
            ".pydistutils.cfg",
            ".pyenv",
            ".python_history",
        ],
    ),
    ("R", &[".RData", ".Renviron", ".Rhistory", ".Rprofile"]),
    (
        "ruby",
        &[".bundle", ".gem", ".gemrc", ".local/share/gem", ".rbenv"],
    ),
    ("rustc", &[".cargo", ".rustup"]),
    ("rustup", &[".cargo", ".rustup"]),
    ("ssh", &[".ssh/config", ".ssh/known_hosts"]),
    ("vi", &[".exrc", ".vim", ".viminfo", ".vimrc"]),
    (
        "wget",
        &[".netrc", ".wget-hsts", ".wgetrc", ".config/wgetrc"],
    ),
];

/// What is kept in a home directory only to be faster, or is a directory that everything has its settings in.
const KEPT: &[&str] = &[".cache", ".npm/_logs", ".config/go/telemetry"];

/// Whether it means nothing that any program looked for this path.
pub fn is_quiet(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    ASKED_BY_EVERYBODY.iter().any(|quiet| {
        bytes
            .strip_prefix(quiet.as_bytes())
            .is_some_and(|rest| rest.first().is_none_or(|next| *next == b'/'))
    })
}

/// Whether it means nothing that `program` looked for this file of the host's, which in a home directory is at `in_home`.
pub fn is_quiet_to_read(program: &str, path: &Path, in_home: Option<&Path>) -> bool {
    match in_home {
        Some(below) => is_kept(below) || is_own(program, below),
        None => is_quiet(path) || is_own_setting(program, path),
    }
}

/// Whether it means nothing that a program wrote to this file.
pub fn is_quiet_to_write(path: &Path, in_home: Option<&Path>) -> bool {
    match in_home {
        Some(below) => is_kept(below),
        None => is_compiled_module(path) || path.starts_with("/dev/tty"),
    }
}

fn is_kept(below: &Path) -> bool {
    below == Path::new("") || KEPT.iter().any(|kept| below.starts_with(kept))
}

fn is_own(program: &str, below: &Path) -> bool {
    OWN.iter()
        .filter(|(name, _)| program.starts_with(name))
        .any(|(_, own)| own.iter().any(|own| below.starts_with(own)))
}

/// `/etc/NAME` and `/etc/NAMErc` of program `NAME`.
fn is_own_setting(program: &str, path: &Path) -> bool {
    let Some(name) = path
        .strip_prefix("/etc")
        .ok()
        .and_then(|below| below.components().next())
    else {
        return false;
    };
    program.len() > 1
        && name
            .as_os_str()
            .to_string_lossy()
            .starts_with(program.trim_end_matches(|one: char| one.is_ascii_digit() || one == '.'))
}

/// Python keeps what it compiled next to the source, wherever that is, and does without if it cannot.
fn is_compiled_module(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == "__pycache__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runtimes_look_for_is_quiet_and_what_is_worth_stealing_is_not() {
        let read = |program, path: &str| is_quiet_to_read(program, Path::new(path), None);
        assert!(read("python3", "/etc/localtime"));
        assert!(read("git", "/etc/gitconfig"));
        assert!(!read("python3", "/etc/shadow"));
        assert!(!read("cat", "/etc/ssh/sshd_config"));
        assert!(!read("cat", "/srv/data"));
    }

    #[test]
    fn a_program_may_look_for_its_own_settings_and_no_other_one_may() {
        let read = |program, below: &str| {
            let path = Path::new("/home/me").join(below);
            is_quiet_to_read(program, &path, Some(Path::new(below)))
        };
        assert!(read("curl", ".curlrc"));
        assert!(read("git", ".config/git/config"));
        assert!(!read("python3.11", ".curlrc"));
        assert!(!read("cat", ".gitconfig"));
        assert!(!read("node", ".npmrc"));
        assert!(!read("ssh", ".ssh/id_rsa"));
        assert!(read("anything", ".cache/x"));
    }

    #[test]
    fn compiled_modules_are_written_quietly() {
        let write = |path: &str| is_quiet_to_write(Path::new(path), None);
        assert!(write("/usr/lib/python3/__pycache__/a.pyc.123"));
        assert!(!write("/usr/lib/python3/a.py"));
    }
}

//! What a policy says about files and programs: paths of the host, globs in the project, program names.

use crate::error::{Wrong, quoted};

/// Kernel file systems, of which every cell has its own.
const OWN_IN_CELL: [&str; 3] = ["/dev", "/proc", "/sys"];
/// Where services of the host and of the session keep their sockets. A socket that can be seen can be spoken to, and
/// whoever listens there is not in the cell.
const FULL_OF_SOCKETS: [&str; 4] = ["/run", "/run/user", "/var/run", "/var/run/user"];

/// A path of the host, absolute or below `~`, in its one canonical form.
pub(crate) fn path(text: &str) -> Result<String, Wrong> {
    let hint = "write an absolute path such as `/srv/data`, or one in your home such as `~/data`";
    let wrong = |what: &str| Wrong::new(format!("{} {what}", quoted(text)), hint);
    if text.chars().any(char::is_control) {
        return Err(wrong("has a control character in it"));
    }
    if text.contains('*') {
        return Err(wrong("has a `*` in it, and paths are no globs"));
    }
    let (start, rest) = match text.strip_prefix('~') {
        Some(rest) => ("~", rest),
        None => ("", text),
    };
    let is_home = start == "~" && rest.is_empty();
    if !rest.starts_with('/') && !is_home {
        return Err(wrong("is no absolute path"));
    }
    let mut canonical = start.to_string();
    for part in rest.split('/').filter(|part| !part.is_empty()) {
        if part == "." || part == ".." {
            return Err(wrong("has `.` or `..` in it"));
        }
        canonical.push('/');
        canonical.push_str(part);
    }
    match canonical.as_str() {
        "" => Err(wrong("would show the whole machine")),
        "~" => Err(wrong("would show your whole home directory, keys and all")),
        _ if canonical.len() > 4000 => Err(wrong("is too long")),
        _ => Ok(canonical),
    }
}

/// A path that the cell may see.
pub(crate) fn readable_path(text: &str) -> Result<String, Wrong> {
    let path = path(text)?;
    if OWN_IN_CELL.iter().any(|own| covers_path(own, &path)) {
        let hint = "every cell has its own /dev, /proc and /sys; remove this path";
        return Err(Wrong::new(
            format!("{} cannot be shown to a program", quoted(&path)),
            hint,
        ));
    }
    let session = covers_path("/run/user", &path) || covers_path("/var/run/user", &path);
    if session || FULL_OF_SOCKETS.contains(&path.as_str()) {
        let hint = "name the one directory below it that the program needs";
        let message = format!(
            "{} holds sockets of programs outside the sandbox",
            quoted(&path)
        );
        return Err(Wrong::new(message, hint));
    }
    Ok(path)
}

/// Whether `inner` is `outer` or lies below it. Both canonical.
pub(crate) fn covers_path(outer: &str, inner: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A program: `*`, a path, or a name that is looked up later.
pub(crate) fn program(text: &str) -> Result<String, Wrong> {
    let hint = "write a name such as `git`, a path or directory such as `/opt/tools`, or `*` for every program that \
                the sandbox shows";
    let wrong = |what: &str| Wrong::new(format!("{} {what}", quoted(text)), hint);
    if text == "*" {
        return Ok(text.to_string());
    }
    if text.starts_with(['/', '~']) {
        return path(text).map_err(|wrong| Wrong::new(wrong.message, hint));
    }
    if text.is_empty() || text == "." || text == ".." || text.len() > 255 {
        return Err(wrong("is no program name"));
    }
    if text.contains(['/', '*']) || text.chars().any(char::is_control) {
        return Err(wrong("is neither a program name nor an absolute path"));
    }
    Ok(text.to_string())
}

/// Whether `wide` lets everything run that `narrow` does.
pub(crate) fn covers_program(wide: &str, narrow: &str) -> bool {
    wide == "*" || wide == narrow || (wide.starts_with(['/', '~']) && covers_path(wide, narrow))
}

/// A glob in the project, as one that starts at the project's root and whose `*` stops at `/`: `.env` becomes
/// `**/.env`, `/secrets/` becomes `secrets`. As in .gitignore, only a glob without a slash looks at any depth.
pub(crate) fn hide_glob(text: &str) -> Result<String, Wrong> {
    let hint = "write a name such as `.env*`, which is looked for at any depth, or a path from the project's root \
                such as `/config/keys` or `**/.git/config`";
    let wrong = |what: &str| Wrong::new(format!("{} {what}", quoted(text)), hint);
    if text.chars().any(char::is_control) {
        return Err(wrong("has a control character in it"));
    }
    if text.len() > 1000 {
        return Err(wrong("is too long"));
    }
    let trimmed = text.strip_suffix('/').unwrap_or(text);
    let rooted = trimmed.strip_prefix('/').unwrap_or(trimmed);
    if rooted.is_empty()
        || rooted
            .split('/')
            .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(wrong("names nothing in the project"));
    }
    if rooted.starts_with('!') {
        return Err(wrong(
            "begins with `!`, and what is hidden cannot be shown again",
        ));
    }
    let canonical = if trimmed.contains('/') {
        rooted.to_string()
    } else {
        format!("**/{rooted}")
    };
    match unfinished(&canonical) {
        None => Ok(canonical),
        Some(what) => Err(wrong(&format!("is no glob: {what}"))),
    }
}

/// What is wrong with a glob, if something is: a set or an alternative that is not closed would match nothing, and so
/// hide nothing.
fn unfinished(glob: &str) -> Option<&'static str> {
    let mut characters = glob.chars();
    let mut depth = 0u32;
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.next().is_none() => return Some("nothing follows the last `\\`"),
            '[' => {
                // The first character of a set may be `]`, also behind the `!`.
                let mut first = characters.next();
                if first == Some('!') || first == Some('^') {
                    first = characters.next();
                }
                if first.is_none() || !characters.any(|one| one == ']') {
                    return Some("a `[` is not closed");
                }
            }
            '{' => depth += 1,
            '}' if depth == 0 => return Some("a `}` closes nothing"),
            '}' => depth -= 1,
            _ => {}
        }
    }
    (depth > 0).then_some("a `{` is not closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        assert_eq!(readable_path("/srv//data/").unwrap(), "/srv/data");
        assert_eq!(readable_path("~/data/").unwrap(), "~/data");
        assert_eq!(
            readable_path("/run/current-system/sw").unwrap(),
            "/run/current-system/sw"
        );
        assert_eq!(readable_path("/project/[id]").unwrap(), "/project/[id]");
    }

    #[test]
    fn a_path_that_shows_too_much_or_that_two_could_read_differently_is_refused() {
        for text in [
            "",
            "/",
            "//",
            "~",
            "~/",
            "~root/x",
            "data",
            "./data",
            "/srv/../etc",
            "/srv/./x",
            "/a\0b",
            "/a\nb",
            "/a/*",
            "/proc",
            "/proc/1",
            "/sys/fs",
            "/dev",
            "/run",
            "/run/",
            "/run/user/1000",
            "/var/run",
            "$HOME/x",
        ] {
            assert!(readable_path(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_path_covers_what_lies_below_it_and_not_its_namesakes() {
        assert!(covers_path("/srv", "/srv") && covers_path("/srv", "/srv/data"));
        assert!(!covers_path("/srv", "/srv2") && !covers_path("/srv/data", "/srv"));
    }

    #[test]
    fn programs_are_names_paths_or_everything() {
        for (text, canonical) in [
            ("git", "git"),
            ("/opt/x/", "/opt/x"),
            ("~/bin", "~/bin"),
            ("*", "*"),
            ("g++", "g++"),
        ] {
            assert_eq!(program(text).unwrap(), canonical);
        }
        for text in [
            "",
            ".",
            "..",
            "bin/x",
            "./x",
            "py*",
            "/",
            "/usr/../x",
            "a\0",
        ] {
            assert!(program(text).is_err(), "{text:?} was taken");
        }
        assert!(
            covers_program("*", "git")
                && covers_program("/opt", "/opt/x")
                && covers_program("git", "git")
        );
        assert!(
            !covers_program("git", "/usr/bin/git")
                && !covers_program("git", "*")
                && !covers_program("git", "git/x")
        );
    }

    #[test]
    fn a_glob_without_a_slash_looks_at_any_depth() {
        for (text, canonical) in [
            (".env*", "**/.env*"),
            (".aws/", "**/.aws"),
            ("/.aws/", ".aws"),
            ("config/keys", "config/keys"),
            ("**/.git/config", "**/.git/config"),
            ("*.{pem,key}", "**/*.{pem,key}"),
        ] {
            assert_eq!(hide_glob(text).unwrap(), canonical);
        }
        for text in [
            "", "/", "//", "../x", "a/../b", "a//b", "[", "{a", "a\0", "!x", "./x",
        ] {
            assert!(hide_glob(text).is_err(), "{text:?} was taken");
        }
    }
}

//! Which environment variables a policy may name.

use crate::error::{Wrong, quoted};

/// They make the program loader run other code, or change what code it finds, before the program's first line.
const LOADER: [&str; 2] = ["GCONV_PATH", "GLIBC_TUNABLES"];
const LOADER_PREFIXES: [&str; 2] = ["LD_", "DYLD_"];
/// They point at the user's session, files or shell start-up, none of which is in a cell.
const SESSION: [&str; 5] = [
    "BASH_ENV",
    "ENV",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR",
    "DISPLAY",
];
const SESSION_PREFIXES: [&str; 2] = ["DBUS_", "WAYLAND_"];
/// A cell has its own.
const OWN_IN_CELL: [&str; 4] = ["HOME", "PATH", "TMPDIR", "PWD"];

/// A name that may stand in `environment.set`.
pub(crate) fn name_to_set(name: &str) -> Result<String, Wrong> {
    let mut bytes = name.bytes();
    let begins = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !begins || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') || name.len() > 255 {
        let hint = "write letters, digits and `_`; each variable is named in full";
        return Err(Wrong::new(
            format!("{} is no variable name", quoted(name)),
            hint,
        ));
    }
    if LOADER.contains(&name)
        || LOADER_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
    {
        let message = format!(
            "{} is never given to a program: it makes the loader run other code",
            quoted(name)
        );
        return Err(Wrong::new(message, "remove this name"));
    }
    Ok(name.to_string())
}

/// A name that may stand in `environment.pass`.
pub(crate) fn name_to_pass(name: &str) -> Result<String, Wrong> {
    let name = name_to_set(name)?;
    if SESSION.contains(&name.as_str())
        || SESSION_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
    {
        let message = format!(
            "{} is never passed on: it points out of the sandbox",
            quoted(&name)
        );
        return Err(Wrong::new(message, "remove this name"));
    }
    if OWN_IN_CELL.contains(&name.as_str()) {
        let message = format!(
            "{} is never passed on: every sandbox has its own",
            quoted(&name)
        );
        return Err(Wrong::new(message, "remove this name"));
    }
    Ok(name)
}

/// A value that may stand in `environment.set`.
pub(crate) fn value(text: &str) -> Result<String, Wrong> {
    if text.contains('\0') {
        let message = "a value with a NUL byte in it cannot be given to a program";
        return Err(Wrong::new(message, "remove the `\\u0000`"));
    }
    if text.len() > 32 * 1024 {
        return Err(Wrong::new(
            "a value of more than 32 KiB is too long",
            "put it into a file",
        ));
    }
    Ok(text.to_string())
}

/// Whether a document may give its program such a variable. It cannot have one that the cell makes itself, and none that
/// has a program load other code.
///
/// # Errors
/// Why not.
pub fn check_variable(name: &str, text: &str) -> Result<(), String> {
    name_to_pass(name)
        .and_then(|_| value(text))
        .map(drop)
        .map_err(|wrong| wrong.message.replace("passed on", "given to a program"))
}

/// Whether a variable of this name most likely holds a secret. It may be passed all the same, because here it is the
/// user who names it, in full; but it is worth a word.
pub(crate) fn looks_secret(name: &str) -> bool {
    const WORDS: [&str; 8] = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "CREDENTIAL",
        "APIKEY",
        "AWS_",
    ];
    let name = name.to_ascii_uppercase();
    WORDS.iter().any(|word| name.contains(word)) || name.ends_with("_KEY") || name.ends_with("_PAT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_loader_are_refused_whoever_asks() {
        for name in [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "LD_AUDIT",
            "DYLD_INSERT_LIBRARIES",
            "GLIBC_TUNABLES",
        ] {
            assert!(
                name_to_set(name).is_err() && name_to_pass(name).is_err(),
                "{name}"
            );
        }
        for name in [
            "SSH_AUTH_SOCK",
            "DBUS_SESSION_BUS_ADDRESS",
            "XDG_RUNTIME_DIR",
            "BASH_ENV",
            "HOME",
            "PATH",
        ] {
            assert!(
                name_to_set(name).is_ok() && name_to_pass(name).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn names_are_whole_names() {
        for name in ["LANG", "_x", "A1"] {
            assert!(name_to_pass(name).is_ok(), "{name}");
        }
        for name in ["", "1A", "A=B", "LC_*", "*", "A B", "A\0", "Ä"] {
            assert!(name_to_pass(name).is_err(), "{name:?}");
        }
        assert!(value("a\nb").is_ok() && value("a\0b").is_err());
    }

    #[test]
    fn names_of_secrets_are_noticed() {
        for name in [
            "GITHUB_TOKEN",
            "OPENAI_API_KEY",
            "AWS_PROFILE",
            "db_password",
        ] {
            assert!(looks_secret(name), "{name}");
        }
        for name in ["LANG", "KEYBOARD", "MONKEY", "PATH_INFO"] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}

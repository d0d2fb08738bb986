//! What can be wrong with a policy, and what a policy file says in vain.

use std::fmt;

/// Something in a policy that Belljar does not accept. A run under such a policy is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The file, as it was named to us; `request` for what the user asked for in this run alone.
    pub file: String,
    /// The line, from 1; 0 where there is none.
    pub line: u32,
    /// The key, with its table: `limits.wall`. Empty where no key is concerned.
    pub key: String,
    /// What is wrong, as one or two sentences without the full stop.
    pub message: String,
    /// What the user can do about it. May be empty.
    pub hint: String,
}

impl fmt::Display for PolicyError {
    /// `file:line: key: message`. The hint is left to whoever shows the error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_place(f, &self.file, self.line)?;
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for PolicyError {}

/// Something that a policy file says and the user should know about, but that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The file, as it was named to us.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The key, with its table: `network.allow`.
    pub key: String,
    /// What there is to know.
    pub message: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_place(f, &self.file, self.line)?;
        write!(f, "`{}`: {}", self.key, self.message)
    }
}

fn write_place(f: &mut fmt::Formatter<'_>, file: &str, line: u32) -> fmt::Result {
    match (file.is_empty(), line) {
        (true, _) => Ok(()),
        (false, 0) => write!(f, "{}: ", printable(file)),
        (false, line) => write!(f, "{}:{line}: ", printable(file)),
    }
}

/// What is wrong with one value; where it stands is added by the reader of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub message: String,
    pub hint: String,
}

impl Wrong {
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Wrong {
        Wrong {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// `text` with everything escaped that a terminal could take for a command, and not too much of it:
/// a policy file of a project is a stranger's text.
pub(crate) fn printable(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown = String::new();
    for (n, character) in text.chars().enumerate() {
        if n == LONGEST {
            shown.push('…');
            break;
        }
        if matches!(character, '"' | '\'' | '\\') {
            shown.push(character);
        } else {
            shown.extend(character.escape_debug());
        }
    }
    shown
}

/// [`printable`] in backticks.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", printable(text))
}

//! Colour, for those who can see it and want it.

use std::io::{IsTerminal, stderr};

/// How Belljar's own lines look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    coloured: bool,
}

impl Style {
    /// Colour only on a terminal, and not if NO_COLOR is set (<https://no-color.org>).
    pub fn of_stderr() -> Style {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Style {
            coloured: stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb,
        }
    }

    /// Where something happened, or who speaks.
    pub fn place(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// What went against the user's wish.
    pub fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// What to do about it.
    pub fn hint(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.coloured {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Always coloured, for tests.
    #[cfg(test)]
    pub fn coloured() -> Style {
        Style { coloured: true }
    }
}

//! What stands at the front of a line of code and belongs to the text around it.

/// Marks of a quotation, and blanks behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Front {
    /// So many `>`, each with at most one blank behind it.
    pub quotes: usize,
    /// And at most so many blanks.
    pub blanks: usize,
    /// And so many characters of a prompt, with at most one blank behind them.
    pub prompt: usize,
}

impl Front {
    /// How many marks of a quotation `line` begins with.
    pub(crate) fn quotes_of(mut line: &str) -> usize {
        let mut quotes = 0;
        while let Some(rest) = without_mark(line) {
            line = rest;
            quotes += 1;
        }
        quotes
    }

    /// The code of `line`.
    pub fn strip(self, line: &str) -> &str {
        let mut code = line;
        for _ in 0..self.quotes {
            code = without_mark(code).unwrap_or(code);
        }
        let blanks = code.bytes().take_while(|byte| matches!(byte, b' ' | b'\t'));
        let code = &code[blanks.take(self.blanks).count()..];
        if self.prompt == 0 {
            return code;
        }
        let code = code.get(self.prompt..).unwrap_or_default();
        code.strip_prefix(' ').unwrap_or(code)
    }
}

fn without_mark(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches(' ');
    // What is further to the right is code.
    let rest = rest
        .strip_prefix('>')
        .filter(|rest| line.len() - rest.len() <= 4)?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_blanks_are_taken_away_and_no_more() {
        let front = |quotes, blanks| Front {
            quotes,
            blanks,
            prompt: 0,
        };
        let prompt = Front {
            prompt: 3,
            ..front(0, 1)
        };
        assert_eq!(prompt.strip(" >>>  a"), " a");
        assert_eq!(prompt.strip(" >>>"), "");
        assert_eq!(front(0, 2).strip("   a"), " a");
        assert_eq!(front(0, 2).strip(" a"), "a");
        assert_eq!(front(1, 0).strip(">  a"), " a");
        assert_eq!(front(1, 0).strip(">\n"), "\n");
        assert_eq!(front(2, 1).strip("> >  a > b"), "a > b");
        assert_eq!(front(1, 0).strip("a"), "a");
        assert_eq!(front(0, 0).strip(" > a"), " > a");
        assert_eq!(Front::quotes_of(" > > a"), 2);
        assert_eq!(Front::quotes_of("     > a"), 0);
    }
}

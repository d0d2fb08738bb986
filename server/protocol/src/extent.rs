//! How far a call reaches on its line, for the range of a diagnostic. Knows no language: names, dots, brackets and
//! quotes are enough for all of them, and where they are not, the range goes to the end of the line.

/// Nobody reads on in a longer line, and it may be a program's.
const LONGEST: usize = 2000;

/// Where the call or the word that begins at `from` ends, as an index of characters; `None` if it does not end on this
/// line.
pub fn end_of_call(line: impl Iterator<Item = char>, from: usize) -> Option<usize> {
    let mut open: Vec<char> = Vec::new();
    let mut quote: Option<char> = None;
    let mut escaped = false;
    let mut called = false;
    let mut end = from;
    for (at, c) in line.enumerate().take(LONGEST).skip(from) {
        if let Some(mark) = quote {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == mark => quote = None,
                _ => {}
            }
        } else if let Some(wanted) = open.last().copied() {
            match c {
                '"' | '\'' | '`' => quote = Some(c),
                '(' => open.push(')'),
                '[' => open.push(']'),
                '{' => open.push('}'),
                _ if c == wanted => {
                    open.pop();
                }
                ')' | ']' | '}' => return None,
                _ => {}
            }
        } else {
            match c {
                '(' => {
                    open.push(')');
                    called = true;
                }
                '[' => open.push(']'),
                // `a.b`, `a::b`, `a->b`, `a!`, `$a`, `@a`: all that stands together without a space.
                _ if c.is_alphanumeric() || "_.:->!?$@&%".contains(c) => {}
                _ => break,
            }
        }
        end = at + 1;
    }
    let is_whole = open.is_empty() && quote.is_none() && end > from;
    (is_whole && called).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str, from: usize) -> Option<String> {
        let end = end_of_call(line.chars(), from)?;
        Some(line.chars().skip(from).take(end - from).collect())
    }

    #[test]
    fn a_call_ends_with_its_bracket() {
        for (line, from, expected) in [
            (
                "s.connect((\"192.0.2.7\", 443))  # out",
                0,
                "s.connect((\"192.0.2.7\", 443))",
            ),
            ("x = open(\"a)b\") or die", 4, "open(\"a)b\")"),
            (
                "fs.readFileSync('/x', \"it's\").toString();",
                0,
                "fs.readFileSync('/x', \"it's\").toString()",
            ),
            (
                "    let f = File::open(&path[1..])?;",
                12,
                "File::open(&path[1..])?",
            ),
            ("open(f\"{a[0]}\") + open(2)", 0, "open(f\"{a[0]}\")"),
            (
                "connect(fd, (struct sockaddr *)&a, sizeof a);",
                0,
                "connect(fd, (struct sockaddr *)&a, sizeof a)",
            ),
        ] {
            assert_eq!(call(line, from).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_does_not_end_on_its_line_has_no_end_here() {
        for (line, from) in [
            ("curl https://example.org", 0),
            ("open(", 0),
            ("open(\"a", 0),
            ("open(a]", 0),
            ("", 0),
            ("x", 5),
            ("# nothing", 0),
        ] {
            assert_eq!(call(line, from), None, "{line}");
        }
    }
}

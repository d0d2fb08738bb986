//! Templates of runtime files: `{name}` is replaced, `~` and a leading `$NAME` in paths too.

use std::path::PathBuf;

use crate::Host;

/// The names that stand for something in every command.
pub(crate) const USUAL: [&str; 8] = [
    "source",
    "binary",
    "scratch",
    "arguments",
    "flags",
    "directory",
    "unbuffered",
    "faster",
];

/// The names between braces, as far as they look like names: `{tool.real}`, and not `{ x: 1 }`.
pub(crate) fn names(template: &str) -> impl Iterator<Item = &str> {
    pieces(template).filter_map(|piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    })
}

/// `template` with every name replaced; names that `value` does not know stay as they are.
pub(crate) fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(template.len());
    for piece in pieces(template) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) => match value(name) {
                Some(value) => filled.push_str(&value),
                None => {
                    filled.push('{');
                    filled.push_str(name);
                    filled.push('}');
                }
            },
        }
    }
    filled
}

/// A path of a runtime file on this host: `~/x`, `$NAME/x` or absolute. `None` if the variable or the home is missing.
pub(crate) fn path(host: &dyn Host, text: &str) -> Option<PathBuf> {
    let expanded = if let Some(rest) = text.strip_prefix("~/") {
        host.home()?.join(rest)
    } else if let Some(rest) = text.strip_prefix('$') {
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let value = host.variable(name).filter(|value| !value.is_empty())?;
        if rest.is_empty() {
            PathBuf::from(value)
        } else {
            PathBuf::from(value).join(rest)
        }
    } else {
        PathBuf::from(text)
    };
    // A path that is not absolute would mean something else in every directory.
    expanded.is_absolute().then_some(expanded)
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(template: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let named = rest
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
            .filter(|(name, _)| is_name(name));
        if let Some((name, behind)) = named {
            rest = behind;
            return Some(Piece::Name(name));
        }
        let next = rest.char_indices().skip(1).find(|(_, one)| *one == '{');
        let end = next.map_or(rest.len(), |(at, _)| at);
        let (text, behind) = rest.split_at(end);
        rest = behind;
        Some(Piece::Text(text))
    })
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || "._-+".contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_other_braces_stay() {
        let value = |name: &str| (name == "source").then(|| "/a.x".to_owned());
        assert_eq!(
            fill("run {source} { y } {other} é{", value),
            "run /a.x { y } {other} é{"
        );
        assert_eq!(
            names("{a}{b.real}{ c }").collect::<Vec<_>>(),
            ["a", "b.real"]
        );
    }
}

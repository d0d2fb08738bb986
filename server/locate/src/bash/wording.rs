//! Finds the line of a script on which a command stands by the command's words. Bash counts the lines of a substitution,
//! an `eval` or a trap from somewhere else than the script's first line, and those of a redirected loop not at all.

/// What may stand in front of a command's first word.
const BEFORE: &[char] = &[
    ' ', ';', '&', '|', '(', '{', '`', '!', '\'', '"', '=', '\\', '$',
];
/// What ends a compound command, so that its redirections follow.
const ENDS: [&str; 5] = ["done", "}", "fi", "esac", ")"];
/// Longer commands are recognised by their beginning.
const MOST_WORDS: usize = 30;

/// The line on which most words of `command` stand, from its first on, and how many. Of several lines it is the nearest
/// to `near`, first of those before it: the lines of a substitution are counted from its end.
pub(super) fn line_of(script: &str, command: &str, near: u32) -> Option<(u32, usize)> {
    let words: Vec<&str> = command.lines().next()?.split_whitespace().collect();
    let words = words.get(..words.len().min(MOST_WORDS))?;
    let scored = (1..).zip(script.lines()).map(|(number, line)| {
        let number: u32 = number;
        (common(&tidy(line), words), number)
    });
    let (score, line) = scored
        .filter(|(score, _)| *score > 0)
        .max_by_key(|(score, number)| {
            let is_later = *number > near;
            (*score, std::cmp::Reverse((is_later, number.abs_diff(near))))
        })?;
    Some((line, score))
}

/// The line with the redirection to or from `word` of a compound command that ends at or after `from`.
pub(super) fn redirection(script: &str, word: &str, from: u32) -> Option<u32> {
    let lines = || (1..).zip(script.lines().map(str::trim_start));
    let is_end = |line: &str| ENDS.iter().any(|end| line.starts_with(end));
    let later = |(number, _): &(u32, &str)| *number + 1 >= from;
    let redirects = |(_, line): &(u32, &str)| redirects(line, word);
    lines()
        .filter(later)
        .find(|found| is_end(found.1) && redirects(found))
        .or_else(|| lines().filter(later).find(redirects))
        .or_else(|| lines().find(redirects))
        .map(|(number, _)| number)
}

/// The line that sets a trap with this text.
pub(super) fn trap(script: &str, text: &str) -> Option<u32> {
    let first = text.split_whitespace().next()?;
    let mut lines = (1..)
        .zip(script.lines().map(str::trim_start))
        .filter(|(_, line)| {
            line.contains("trap ") && !line.starts_with('#') && line.contains(first)
        });
    let (number, _) = lines.next()?;
    lines.next().is_none().then_some(number)
}

fn tidy(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.join(" ")
}

/// How many of the words, from the first on, stand in the line one after the other.
fn common(line: &str, words: &[&str]) -> usize {
    let Some(first) = words.first().filter(|_| !line.starts_with('#')) else {
        return 0;
    };
    let starts = line.match_indices(first).filter(|(at, _)| {
        let before = line
            .get(..*at)
            .and_then(|before| before.chars().next_back());
        before.is_none_or(|before| BEFORE.contains(&before))
    });
    starts
        .filter_map(|(at, _)| line.get(at..))
        .map(|rest| {
            let mut rest = rest;
            let mut count = 0;
            for word in words {
                let Some(behind) = rest.trim_start().strip_prefix(word) else {
                    break;
                };
                rest = behind;
                count += 1;
            }
            count
        })
        .max()
        .unwrap_or(0)
}

fn redirects(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).map(str::trim_end).unwrap_or_default();
        before.ends_with(['<', '>', '|', '&'])
    })
}

#[cfg(test)]
#[path = "wording_tests.rs"]
mod tests;

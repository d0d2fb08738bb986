//! Lines outside a selection that stay because the selection needs them: imports, includes, the package's name.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use regex_lite::{Captures, Regex};

use crate::definition::Keep;

/// A line that stays never goes on longer than this.
const MAX_LINES: usize = 200;

/// So much text is searched for names; where a document asks for more, what is left stays.
const MOST_SEARCHED: usize = 64 * 1024 * 1024;

/// The lines outside `selected` (from 0) that stay, because it or the lines `needed` use them, or what stays itself.
pub(crate) fn kept(
    rules: &[Keep],
    lines: &[&str],
    selected: &RangeInclusive<usize>,
    needed: &BTreeSet<usize>,
) -> BTreeSet<usize> {
    let mut used: String = lines[selected.clone()].concat();
    used.extend(needed.iter().map(|line| lines[*line]));
    let readers: Vec<_> = rules
        .iter()
        .filter_map(|rule| Some((rule, Reader::new(rule)?)))
        .collect();
    let mut provided = BTreeSet::new();
    for (_, reader) in readers.iter().filter(|(rule, _)| rule.once) {
        reader.read(lines, selected.clone(), |block| {
            provided.extend(block.names)
        });
    }
    let mut blocks = Vec::new();
    for (rule, reader) in &readers {
        let behind = if rule.anywhere {
            lines.len()
        } else {
            *selected.start()
        };
        for part in [
            0..*selected.start(),
            (selected.end() + 1).min(behind)..behind,
        ] {
            if !part.is_empty() {
                reader.read(lines, part.start..=part.end - 1, |block| {
                    blocks.push((*rule, block))
                });
            }
        }
    }
    let mut kept = BTreeSet::new();
    let mut searched = 0;
    // What stays may use something in its turn.
    while !used.is_empty() {
        let mut more = String::new();
        blocks.retain(|(rule, block)| {
            if rule.once && !block.names.is_empty() && !block.names.is_disjoint(&provided) {
                return false;
            }
            let mut is_used = |names: &BTreeSet<String>, used_as: &str| {
                names.iter().any(|name| {
                    searched += 64 + used.len();
                    searched > MOST_SEARCHED || uses(&used, name, used_as)
                })
            };
            let stays = block.always
                || match &rule.used_as {
                    Some(used_as) => is_used(&block.names, used_as),
                    None => true,
                };
            if stays {
                if rule.once && !block.is_definition {
                    provided.extend(block.names.iter().cloned());
                }
                kept.extend(block.lines.clone());
                if rule.used_as.is_some() && !block.always {
                    more.extend(block.lines.clone().map(|line| lines[line]));
                }
            }
            !stays
        });
        used = more;
    }
    kept
}

/// Whether `text` has `name` in it, like `used_as` says.
fn uses(text: &str, name: &str, used_as: &str) -> bool {
    // Most names are nowhere, and looking for a pattern is slower.
    (text.contains(name) || used_as.contains("(?i")) && {
        let pattern = used_as.replace("{name}", &regex_lite::escape(name));
        Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(text))
    }
}

/// Some lines that stay or go together.
struct Block {
    lines: RangeInclusive<usize>,
    names: BTreeSet<String>,
    /// Other lines may define the same name for other values, and then all of them are needed.
    is_definition: bool,
    /// They are brackets around lines that are judged one by one.
    always: bool,
}

/// A rule, ready to be used.
struct Reader {
    line: Regex,
    until: Option<Regex>,
    goes_on: Option<Regex>,
    each: Option<Regex>,
}

impl Reader {
    fn new(rule: &Keep) -> Option<Reader> {
        let optional = |pattern: &Option<String>| {
            pattern
                .as_ref()
                .and_then(|pattern| Regex::new(pattern).ok())
        };
        Some(Reader {
            line: Regex::new(&rule.line).ok()?,
            until: optional(&rule.until),
            goes_on: optional(&rule.goes_on),
            each: optional(&rule.each),
        })
    }

    fn read(&self, lines: &[&str], part: RangeInclusive<usize>, mut take: impl FnMut(Block)) {
        let mut number = *part.start();
        while number <= *part.end() {
            let Some(groups) = self.line.captures(lines[number].trim_end()) else {
                number += 1;
                continue;
            };
            let last = self.last(lines, number, *part.end());
            match &self.each {
                Some(each) if last > number => {
                    take(Block {
                        lines: number..=number,
                        names: BTreeSet::new(),
                        is_definition: false,
                        always: true,
                    });
                    for (inner, line) in lines.iter().enumerate().take(last).skip(number + 1) {
                        if let Some(groups) = each.captures(line.trim_end()) {
                            take(Block {
                                lines: inner..=inner,
                                names: names(&groups, ""),
                                is_definition: groups.name("name").is_some(),
                                always: false,
                            });
                        }
                    }
                    take(Block {
                        lines: last..=last,
                        names: BTreeSet::new(),
                        is_definition: false,
                        always: true,
                    });
                }
                _ => {
                    let further: String = lines[number + 1..=last].concat();
                    take(Block {
                        lines: number..=last,
                        names: names(&groups, &further),
                        is_definition: groups.name("name").is_some(),
                        always: false,
                    });
                }
            }
            number = last + 1;
        }
    }

    /// Where the block that begins at `first` ends.
    fn last(&self, lines: &[&str], first: usize, end: usize) -> usize {
        let end = end.min(first + MAX_LINES);
        if let Some(goes_on) = &self.goes_on {
            let further = lines[first + 1..=end].iter();
            let further = further.take_while(|line| goes_on.is_match(line.trim_end()));
            return first + further.count();
        }
        let Some(until) = &self.until else {
            return first;
        };
        // A block that has no end is no block.
        (first..=end)
            .find(|number| until.is_match(lines[*number].trim_end()))
            .unwrap_or(first)
    }
}

/// The group `name`; else the words in the groups `names` and `names_of_path`, and in the lines that follow.
fn names(groups: &Captures<'_>, further: &str) -> BTreeSet<String> {
    if let Some(name) = groups.name("name") {
        return BTreeSet::from([name.as_str().to_owned()]);
    }
    let group = groups
        .name("names")
        .or_else(|| groups.name("names_of_path"))
        .map_or("", |group| group.as_str());
    let words = |text: &str| -> Vec<String> {
        text.split(|one: char| !(one.is_alphanumeric() || one == '_' || one == '$'))
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    words(group).into_iter().chain(words(further)).collect()
}

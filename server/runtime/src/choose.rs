//! Which of several installed versions the user means.

use std::cmp::Ordering;
use std::path::Path;

use regex_lite::Regex;

use crate::definition::{Choice, Finder};
use crate::find::Places;
use crate::{Host, expand};

/// Files that name a version are small.
const MAX_FILE: u64 = 64 * 1024;

/// The word by which version managers mean the tool on `PATH`.
const SYSTEM: &str = "system";

/// How often one name may stand for another.
const MAX_ALIASES: usize = 6;

/// Of `installed` versions the one that the finder's choices name; the newest if it has no choices.
pub(crate) fn choose(
    host: &dyn Host,
    finder: &Finder,
    directory: &Path,
    places: &Places<'_>,
    installed: &[String],
) -> Option<String> {
    if finder.choose.is_empty() {
        return newest(installed);
    }
    for choice in &finder.choose {
        for wanted in wanted(host, choice, directory, places) {
            if wanted == SYSTEM {
                return None;
            }
            if let Some(version) = matching(host, finder, directory, &wanted, installed) {
                return Some(version);
            }
        }
    }
    None
}

/// What a choice says; several words if it names several versions, best first.
fn wanted(host: &dyn Host, choice: &Choice, directory: &Path, places: &Places<'_>) -> Vec<String> {
    let text = if let Some(name) = &choice.variable {
        host.variable(name)
            .and_then(|value| value.into_string().ok())
    } else if let Some(name) = &choice.project_file {
        places
            .upward()
            .find_map(|directory| read(host, &directory.join(name)))
    } else if let Some(name) = &choice.file {
        let path = if name.starts_with("~/") {
            expand::path(host, name)
        } else {
            Some(directory.join(name))
        };
        path.and_then(|path| read(host, &path))
    } else {
        None
    };
    let Some((text, pattern)) = text.zip(Regex::new(&choice.pattern).ok()) else {
        return Vec::new();
    };
    let found = pattern
        .captures(&text)
        .and_then(|groups| groups.get(1).or_else(|| groups.get(0)));
    found
        .map(|found| {
            found
                .as_str()
                .split([' ', ':', ','])
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default()
}

fn read(host: &dyn Host, path: &Path) -> Option<String> {
    String::from_utf8(host.read(path, MAX_FILE)?).ok()
}

/// The installed version that `wanted` names: itself, the newest that begins with it, or what it is another name for.
fn matching(
    host: &dyn Host,
    finder: &Finder,
    directory: &Path,
    wanted: &str,
    installed: &[String],
) -> Option<String> {
    let mut wanted = wanted.trim().to_owned();
    for _ in 0..MAX_ALIASES {
        if finder.newest.contains(&wanted) {
            return newest(installed);
        }
        // Some write v20 and install 20, or the other way round.
        let bare = wanted.trim_start_matches('v').to_owned();
        if let Some(version) = installed
            .iter()
            .find(|version| version.trim_start_matches('v') == bare)
        {
            return Some(version.clone());
        }
        let begins = |version: &&String| {
            let rest = version.trim_start_matches('v').strip_prefix(bare.as_str());
            !bare.is_empty() && rest.is_some_and(|rest| rest.starts_with(['.', '-', '_', '+']))
        };
        let beginning: Vec<String> = installed.iter().filter(begins).cloned().collect();
        if let Some(version) = newest(&beginning) {
            return Some(version);
        }
        let alias = finder.aliases.as_ref()?.replace("{version}", &wanted);
        // The alias is text from a file of the project, perhaps: it must not lead out of the manager's directory.
        if Path::new(&alias)
            .components()
            .any(|part| !matches!(part, std::path::Component::Normal(_)))
        {
            return None;
        }
        wanted = read(host, &directory.join(alias))?.trim().to_owned();
    }
    None
}

/// The newest of some versions: numbers count as numbers, and a release is newer than what is tried before it.
pub(crate) fn newest(versions: &[String]) -> Option<String> {
    versions
        .iter()
        .max_by(|one, other| compare(one, other))
        .cloned()
}

fn compare(one: &str, other: &str) -> Ordering {
    let key = |version: &str| -> (bool, Vec<u64>) {
        let trimmed = version.trim_start_matches(|first: char| !first.is_ascii_digit());
        let numbers = trimmed
            .split(|one: char| !one.is_ascii_digit())
            .take_while(|part| !part.is_empty())
            .map(|part| part.parse().unwrap_or(u64::MAX))
            .collect();
        let early = ["nightly", "beta", "alpha", "dev", "rc"]
            .iter()
            .any(|word| version.contains(word));
        (!early, numbers)
    };
    key(one).cmp(&key(other)).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_found_by_its_numbers() {
        let newest =
            |list: &[&str]| newest(&list.iter().map(|&one| one.to_owned()).collect::<Vec<_>>());
        assert_eq!(
            newest(&["3.9.18", "3.10.2", "2.7.18"]).as_deref(),
            Some("3.10.2")
        );
        assert_eq!(
            newest(&["v18.20.1", "v20.1.0", "v9.0.0"]).as_deref(),
            Some("v20.1.0")
        );
        assert_eq!(
            newest(&["1.80.0-x", "nightly-x"]).as_deref(),
            Some("1.80.0-x")
        );
        assert_eq!(newest(&["3.13.0rc1", "3.12.1"]).as_deref(), Some("3.12.1"));
        assert_eq!(newest(&[]), None);
    }
}

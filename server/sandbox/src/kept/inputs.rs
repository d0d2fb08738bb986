//! What a compiler read besides the program's text, as it says itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use belljar_plan::{CELL_HOME, RunPlan};
use nix::sys::stat::SFlag;

use super::SCRATCH;
use super::entry::{State, state, state_inside};
use crate::notice::Inside;

/// The files that rules for `make` say something depends on.
pub fn listed(rules: &str) -> Vec<PathBuf> {
    let rules = rules.replace("\\\r\n", " ").replace("\\\n", " ");
    let lines = rules.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(": "))
        .flat_map(|(_, files)| words(files))
        .map(PathBuf::from)
        .collect()
}

/// The words of a line. A blank or `#` in a name has a backslash before it, and a `$` is written twice.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        let next = signs.peek().copied();
        let is_escape = matches!((sign, next), ('\\', Some(' ' | '#')) | ('$', Some('$')));
        match words.last_mut() {
            Some(word) if is_escape => word.extend(signs.next()),
            Some(word) if !sign.is_whitespace() => word.push(sign),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What must be remembered of a file that a compiler in the cell read: nothing, if the plan says all about it. The outer
/// `None` means that it cannot be told whether it is the same the next time.
pub fn input(
    plan: &RunPlan,
    inside: &Inside,
    path: PathBuf,
    latest: SystemTime,
) -> Option<Option<(String, State)>> {
    if plan.files.iter().any(|file| file.path == path) {
        return Some(None);
    }
    // Names are what the program's text made of them: only where they lead in the cell, which is nowhere else, counts.
    let Some(there) = inside.at_path(&path) else {
        // Made by the compiler and removed again, as between its own steps.
        return is_scratch(&path).then_some(None);
    };
    let place = there.path()?;
    let is_shown = |shown: &Path| place.starts_with(shown);
    let in_project = plan.project.as_ref();
    let is_the_hosts = in_project.is_some_and(|project| is_shown(&project.root))
        || plan.views.iter().any(|view| is_shown(&view.path));
    if !is_the_hosts {
        return is_scratch(&place).then_some(None);
    }
    let facts = there.facts()?;
    let is_file = SFlag::from_bits_truncate(facts.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFREG;
    let seen = state_inside(&facts);
    let latest = latest.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    // Changed while it was read, or by the compiler itself.
    let is_old = [seen.1, seen.2].into_iter().all(|[seconds, nanos]| {
        let seconds = u64::try_from(seconds).unwrap_or_default();
        Duration::new(seconds, u32::try_from(nanos).unwrap_or_default()) < latest
    });
    let path = path.to_str()?.to_owned();
    (is_file && is_old).then_some(Some((path, seen)))
}

/// Whether a path of the cell is one of those that begin empty in each cell.
fn is_scratch(path: &Path) -> bool {
    let is_plain = !path.components().any(|part| part.as_os_str() == "..");
    let own = [SCRATCH, "/dev/shm", CELL_HOME];
    is_plain && own.iter().any(|own| path.starts_with(own))
}

/// Whether a file is what it was.
pub fn is_as_it_was((path, before): &(String, State)) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.is_file() && state(&facts) == *before)
}

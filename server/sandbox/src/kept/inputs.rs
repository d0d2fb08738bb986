//! What a compiler read besides the program's text, as it says itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use belljar_plan::RunPlan;
use nix::sys::stat::SFlag;

use super::MOST_INPUTS;
use super::entry::{Seen, State, seen_inside, state};
use crate::furnish::own_places;
use crate::notice::Inside;

/// The kernel stamps files with a clock that ticks: what changed so shortly before the compiler began may have changed after.
const TICK: Duration = Duration::from_millis(50);
/// Some file systems write down whole seconds only, or every other.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// The files that lists name, each once. `None` if they are too many to look at.
pub fn named(lists: &[String], work_dir: &Path) -> Option<BTreeSet<PathBuf>> {
    let files = lists.iter().flat_map(|list| listed(list));
    let files: BTreeSet<_> = files.map(|file| work_dir.join(file)).collect();
    (files.len() <= MOST_INPUTS).then_some(files)
}

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
    begun: SystemTime,
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
    let seen = seen_inside(&facts);
    // The next time nobody is in a cell yet who could look.
    let of_host = state(&fs::metadata(&path).ok()?);
    let is_same = is_file && of_host.0 == seen && is_older(&seen, begun)?;
    let path = path.to_str()?.to_owned();
    is_same.then_some(Some((path, of_host)))
}

/// Whether a file changed for the last time before a compiler began, and not while that read it.
pub fn is_older(&(_, modified, changed): &Seen, begun: SystemTime) -> Option<bool> {
    let is_coarse = modified[1] == 0 && changed[1] == 0;
    let tick = if is_coarse { COARSE_TICK } else { TICK };
    let latest = begun.checked_sub(tick)?;
    let latest = latest.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some([modified, changed].into_iter().all(|[seconds, nanos]| {
        let seconds = u64::try_from(seconds).unwrap_or_default();
        Duration::new(seconds, u32::try_from(nanos).unwrap_or_default()) < latest
    }))
}

/// Whether a path of the cell is one of those that begin empty in each cell.
fn is_scratch(path: &Path) -> bool {
    let is_plain = !path.components().any(|part| part.as_os_str() == "..");
    is_plain && own_places().any(|own| path.starts_with(own))
}

/// Whether a file is what it was.
pub fn is_as_it_was((path, before): &(String, State)) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.is_file() && state(&facts) == *before)
}

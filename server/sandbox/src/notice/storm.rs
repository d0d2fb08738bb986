//! Remembers what was just found out, so that a program which does the same thing over and over costs little.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Finding;

/// So many times the same is looked at anew; then, once in as many.
const LOOKED_AT: u32 = 64;
/// So many directories are remembered.
const MOST_DIRECTORIES: usize = 1024;
/// So long. A directory can be replaced by a link; what is told is wrong for no longer than this.
const WHILE: Duration = Duration::from_millis(500);

/// The last refusal, while it repeats.
pub struct Storm<K> {
    last: Option<(K, Finding)>,
    count: u32,
}

impl<K> Default for Storm<K> {
    fn default() -> Storm<K> {
        Storm {
            last: None,
            count: 0,
        }
    }
}

impl<K: PartialEq> Storm<K> {
    /// What is known of a call that was refused many times in a row just now.
    pub fn again(&mut self, call: &K) -> Option<Finding> {
        let (known, finding) = self.last.as_ref()?;
        if known != call {
            return None;
        }
        self.count = self.count.wrapping_add(1);
        let is_known = self.count > LOOKED_AT && !self.count.is_multiple_of(LOOKED_AT);
        is_known.then(|| finding.clone())
    }

    /// A call was looked at; this came of it.
    pub fn note(&mut self, call: K, finding: Option<&Finding>) {
        let is_same = self.last.as_ref().is_some_and(|(known, _)| *known == call);
        match finding {
            Some(_) if is_same => {}
            Some(finding) => {
                self.last = Some((call, finding.clone()));
                self.count = 0;
            }
            None if is_same => self.last = None,
            None => {}
        }
    }
}

/// Directories in which the program may write, as it names them.
#[derive(Default)]
pub struct Writable {
    known: HashSet<PathBuf>,
    since: Option<Instant>,
}

impl Writable {
    /// Whether this one was found to be writable a moment ago.
    pub fn has(&mut self, directory: &Path) -> bool {
        let is_old = |since: Instant| since.elapsed() > WHILE;
        if self.since.is_none_or(is_old) || self.known.len() >= MOST_DIRECTORIES {
            self.known.clear();
            self.since = Some(Instant::now());
        }
        self.known.contains(directory)
    }

    /// This one is writable.
    pub fn note(&mut self, directory: &Path) {
        self.known.insert(directory.to_path_buf());
    }
}

#[cfg(test)]
mod tests {
    use belljar_report::{Kind, Layer};

    use super::*;

    fn finding() -> Finding {
        Finding {
            kind: Kind::FilesRead,
            target: "/x".to_owned(),
            access: "open",
            errno: None,
            layer: Layer::Mount,
            rule: None,
            allow: None,
            asked: None,
            is_question: false,
        }
    }

    #[test]
    fn what_repeats_is_looked_at_now_and_then_only() {
        let mut storm = Storm::default();
        let mut looks = 0;
        for _ in 0..10_000 {
            if storm.again(&1).is_none() {
                looks += 1;
                storm.note(1, Some(&finding()));
            }
        }
        assert!((64..=64 + 10_000 / 64 + 1).contains(&looks), "{looks}");
        assert!(storm.again(&2).is_none(), "another call is looked at");
    }

    #[test]
    fn what_is_no_longer_refused_is_forgotten() {
        let mut storm = Storm::default();
        for _ in 0..100 {
            if storm.again(&1).is_none() {
                storm.note(1, Some(&finding()));
            }
        }
        storm.note(1, None);
        assert!(storm.again(&1).is_none());
    }

    #[test]
    fn a_directory_is_remembered_for_a_moment() {
        let mut writable = Writable::default();
        assert!(!writable.has(Path::new("/tmp")));
        writable.note(Path::new("/tmp"));
        assert!(writable.has(Path::new("/tmp")));
    }
}

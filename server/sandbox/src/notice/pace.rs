//! Keeps storms cheap: so many places are looked for in a second, and what comes then is put where the last one was.

use std::time::{Duration, Instant};

use belljar_locate::Place;
use belljar_report::Kind;

/// Places that are looked for in one second. (A place costs about 0.1 ms: a fiftieth of the time.)
const MOST: u32 = 200;

/// Counts the places that were looked for.
#[derive(Default)]
pub struct Pace {
    since: Option<Instant>,
    count: u32,
    /// Where the last one of each kind was.
    last: Vec<(Kind, Place)>,
}

impl Pace {
    /// The place that `find` finds, or in a storm the last one of this kind.
    pub fn place(&mut self, kind: Kind, find: impl FnOnce() -> Place) -> Place {
        let now = Instant::now();
        let is_over = |since: Instant| now.duration_since(since) >= Duration::from_secs(1);
        if self.since.is_none_or(is_over) {
            self.since = Some(now);
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        let last = self.last.iter_mut().find(|(known, _)| *known == kind);
        match last {
            Some((_, place)) if self.count > MOST => *place,
            Some((_, place)) => {
                *place = find();
                *place
            }
            None => {
                let place = find();
                self.last.push((kind, place));
                place
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use belljar_locate::Certainty;

    use super::*;

    #[test]
    fn a_storm_is_located_a_few_times_only() {
        let mut pace = Pace::default();
        let mut looks = 0;
        for line in 0..10_000 {
            pace.place(Kind::FilesRead, || {
                looks += 1;
                Place {
                    line: Some(line),
                    column: None,
                    certainty: Certainty::Exact,
                }
            });
        }
        // Another second may have begun on a machine that is busy.
        assert!((200..2000).contains(&looks), "{looks}");
        let place = pace.place(Kind::NetworkConnect, || Place::UNKNOWN);
        assert_eq!(place, Place::UNKNOWN, "another kind has a place of its own");
    }
}

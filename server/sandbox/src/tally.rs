//! Counts refusals that repeat, so that a storm of them costs neither memory nor frames.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use belljar_report::Violation;

/// More different ones than this are only counted with the last: a program can make up as many names as it likes.
const MOST: usize = 1000;

/// What was refused so far. Every entry's first was told; the repeats are told at the end.
#[derive(Default)]
pub struct Tally {
    seen: Vec<(Violation, u64)>,
    /// Where the one with this hash is. Two with one hash are counted as one, which the hasher's key makes unlikely.
    places: HashMap<u64, usize>,
    hasher: RandomState,
}

impl Tally {
    /// Notes one. Gives it back if it is the first of its kind.
    pub fn note(&mut self, violation: Violation) -> Option<Violation> {
        // What `Violation::repeats` compares.
        let hash = self.hasher.hash_one((
            (violation.kind, &violation.target, &violation.access),
            (&violation.file, violation.line, &violation.program),
        ));
        let is_full = self.seen.len() >= MOST;
        let known = self.places.get(&hash).copied();
        let place = known.or(is_full.then_some(MOST - 1));
        if let Some((_, repeats)) = place.and_then(|place| self.seen.get_mut(place)) {
            *repeats += 1;
            return None;
        }
        self.places.insert(hash, self.seen.len());
        self.seen.push((violation.clone(), 0));
        Some(violation)
    }

    /// Whether the same thing was noted, wherever it was.
    pub fn has(&self, violation: &Violation) -> bool {
        self.seen
            .iter()
            .any(|(seen, _)| seen.kind == violation.kind && seen.target == violation.target)
    }

    /// What was noted more than once, with how often beyond the first.
    pub fn repeats(&self) -> Vec<Violation> {
        self.seen
            .iter()
            .filter(|(_, repeats)| *repeats > 0)
            .map(|(violation, repeats)| Violation {
                count: *repeats,
                ..violation.clone()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use belljar_report::{Confidence, Kind, Layer};

    use super::*;

    fn refused(target: &str) -> Violation {
        Violation {
            kind: Kind::FilesRead,
            target: target.to_owned(),
            access: "open".to_owned(),
            errno: None,
            file: None,
            line: Some(1),
            column: None,
            confidence: Confidence::Exact,
            count: 1,
            program: "cat".to_owned(),
            rule: None,
            layer: Layer::Mount,
            allow: None,
        }
    }

    #[test]
    fn the_first_is_told_and_the_others_are_counted() {
        let mut tally = Tally::default();
        assert!(tally.note(refused("/a")).is_some());
        assert!(tally.note(refused("/a")).is_none());
        assert!(tally.note(refused("/b")).is_some());
        let repeats = tally.repeats();
        assert_eq!((repeats.len(), repeats[0].count), (1, 1));
    }

    #[test]
    fn a_storm_of_new_names_is_counted_and_not_kept() {
        let mut tally = Tally::default();
        let told = (0..5000)
            .filter_map(|number| tally.note(refused(&format!("/{number}"))))
            .count();
        assert_eq!(told, MOST);
        let counted: u64 = tally
            .repeats()
            .iter()
            .map(|violation| violation.count)
            .sum();
        assert_eq!(counted, 5000 - MOST as u64);
    }
}

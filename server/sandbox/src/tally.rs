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
        // A limit that is reached again nobody knows where tells nothing new: the program reports the first time, for instance.
        let is_vague = violation.line.is_none() && violation.kind.as_str().starts_with("limit.");
        let known = match self.places.get(&hash) {
            None if is_vague => self.first_of(&violation),
            known => known.copied(),
        };
        let place = known.or(is_full.then_some(MOST - 1));
        if let Some((_, repeats)) = place.and_then(|place| self.seen.get_mut(place)) {
            *repeats += 1;
            return None;
        }
        self.places.insert(hash, self.seen.len());
        self.seen.push((violation.clone(), 0));
        Some(violation)
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Whether the same thing was noted, wherever it was.
    pub fn has(&self, violation: &Violation) -> bool {
        self.first_of(violation).is_some()
    }

    fn first_of(&self, violation: &Violation) -> Option<usize> {
        let is_same = |(seen, _): &(Violation, u64)| {
            seen.kind == violation.kind && seen.target == violation.target
        };
        self.seen.iter().position(is_same)
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
    fn a_limit_that_is_reached_again_on_an_unknown_line_is_counted_where_it_was_first() {
        let mut tally = Tally::default();
        let reached = |line| Violation {
            kind: Kind::LimitFiles,
            line,
            ..refused("20")
        };
        let nowhere = |target| Violation {
            line: None,
            ..refused(target)
        };
        assert!(tally.note(reached(Some(3))).is_some());
        assert!(tally.note(reached(None)).is_none());
        assert!(tally.note(reached(Some(7))).is_some());
        assert_eq!(tally.repeats()[0].count, 1);
        assert!(tally.note(refused("/a")).is_some());
        assert!(tally.note(nowhere("/a")).is_some());
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

//! Counts refusals that repeat, so that a storm of them costs neither memory nor frames.

use belljar_report::Violation;

/// More different ones than this are only counted with the last: a program can make up as many names as it likes.
const MOST: usize = 1000;

/// What was refused so far. Every entry's first was told; the repeats are told at the end.
#[derive(Default)]
pub struct Tally {
    seen: Vec<(Violation, u64)>,
    /// Where the last one was found: storms repeat themselves.
    last: usize,
}

impl Tally {
    /// Notes one. Gives it back if it is the first of its kind.
    pub fn note(&mut self, violation: Violation) -> Option<Violation> {
        if let Some((seen, repeats)) = self.seen.get_mut(self.last)
            && seen.repeats(&violation)
        {
            *repeats += 1;
            return None;
        }
        if let Some(index) = self
            .seen
            .iter()
            .position(|(seen, _)| seen.repeats(&violation))
        {
            self.last = index;
            self.seen[index].1 += 1;
            return None;
        }
        if self.seen.len() == MOST {
            self.seen[MOST - 1].1 += 1;
            return None;
        }
        self.last = self.seen.len();
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

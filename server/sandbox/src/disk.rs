//! Looks at scratch space often while it fills, to know who fills it: when it is full, the program has been told so and
//! may be elsewhere already.

use std::time::{Duration, Instant};

use belljar_report::Violation;

/// How long after a file was opened for writing, or scratch space grew, it is looked at often.
const WHILE: Duration = Duration::from_millis(100);
/// How often.
const OFTEN: Duration = Duration::from_millis(1);

/// The filling of a cell's scratch space.
#[derive(Default)]
pub struct Filling {
    until: Option<Instant>,
    used: u64,
    /// The limit that was nearly reached already.
    passed: Option<u64>,
    /// What would be told, with the line that was on when hardly anything was left.
    nearly: Option<Violation>,
}

impl Filling {
    /// A file was opened for writing.
    pub fn begins(&mut self) {
        self.until = Some(Instant::now() + WHILE);
    }

    /// How long the next look can wait; none if there need not be one.
    pub fn patience(&self) -> Option<Duration> {
        self.until.map(|_| OFTEN)
    }

    /// Whether it should be found out now who fills it, of which so much of so much is used. All that is used may be one
    /// file, so it counts as well how large a file may be.
    pub fn is_nearly_full(&mut self, used: u64, size: u64, largest_file: u64) -> bool {
        let now = Instant::now();
        if used > self.used {
            self.until = Some(now + WHILE);
        }
        self.used = used;
        if self.until.is_some_and(|until| now > until) {
            self.until = None;
        }
        let is_near = |limit: &u64| used / 3 >= limit / 4;
        let passed = [largest_file, size].into_iter().filter(is_near).max();
        let is_new = passed > self.passed;
        self.passed = self.passed.max(passed);
        is_new
    }

    /// Remembers where the program was when it was nearly full.
    pub fn note(&mut self, nearly: Violation) {
        if nearly.line.is_some() || self.nearly.is_none() {
            self.nearly = Some(nearly);
        }
    }

    /// Puts what is told when it is full on the line that filled it.
    pub fn put_on_line(&self, violation: &mut Violation) {
        if let Some(nearly) = self.nearly.as_ref().filter(|nearly| nearly.line.is_some()) {
            violation.line = nearly.line;
            violation.column = nearly.column;
            violation.confidence = nearly.confidence;
            violation.program.clone_from(&nearly.program);
        }
    }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;

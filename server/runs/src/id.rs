//! Names of runs.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one run, for as long as the server lives. Whoever does not know a run's name cannot guess it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunId(pub String);

impl RunId {
    /// A name that no other run has.
    pub(crate) fn next() -> RunId {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // The standard library's hasher is keyed with random bytes of the kernel's: enough for a name that is no secret key.
        RunId(format!(
            "{number}-{:016x}",
            RandomState::new().hash_one(number)
        ))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

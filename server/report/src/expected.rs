//! What lines of a document were expected to print, and what they printed.

use serde::{Deserialize, Serialize};

use crate::{Ending, Report};

/// An expectation of the document, after its run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The line of the document on which it is written, from 1.
    pub line: u32,
    /// And the column on which that begins, from 1.
    pub column: u32,
    /// The last line on which it is written.
    pub last: u32,
    /// What was expected.
    pub expected: String,
    /// What was printed.
    pub actual: String,
    /// The one is the other.
    pub met: bool,
    /// The text of those lines as it would be if what was printed were expected; none if that could be more than a comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<String>,
}

impl Report {
    /// The expectations that were not met, with their numbers in [`Report::expectations`]. Of a program that did not end well,
    /// only those whose lines printed something: it need not have come to the others.
    pub fn unmet(&self) -> impl Iterator<Item = (usize, &Expected)> {
        let all_counts = self.ending == Some(Ending::Exited { code: 0 });
        let list = self.expectations.iter().enumerate();
        list.filter(move |(_, one)| !one.met && (all_counts || !one.actual.is_empty()))
    }

    /// What there is to say of the expectations, in few words: `3 expectations met`, or `1 of 3 expectations not met`.
    pub fn expectation_words(&self) -> Option<String> {
        let all = self.expectations.len();
        let met = self.expectations.iter().filter(|one| one.met).count();
        let noun = if all == 1 {
            "expectation"
        } else {
            "expectations"
        };
        match (all, all - met) {
            (0, _) => None,
            (_, 0) => Some(format!("{all} {noun} met")),
            (_, not_met) => Some(format!("{not_met} of {all} {noun} not met")),
        }
    }
}

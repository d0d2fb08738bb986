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

    /// What there is to say of the expectations, in few words: `3 expectations met`, or `1 of 3 expectations not met`. What a
    /// program that did not end well need not have come to is told apart.
    pub fn expectation_words(&self) -> Option<String> {
        let all = self.expectations.len();
        let met = self.expectations.iter().filter(|one| one.met).count();
        let noun = if all == 1 {
            "expectation"
        } else {
            "expectations"
        };
        let not_met = self.unmet().count();
        match (all, not_met, all - met - not_met) {
            (0, ..) => None,
            (_, 0, 0) => Some(format!("{all} {noun} met")),
            (_, _, 0) => Some(format!("{not_met} of {all} {noun} not met")),
            (_, 0, rest) => Some(format!("{rest} of {all} {noun} not reached")),
            (_, _, rest) => Some(format!(
                "{not_met} of {all} {noun} not met, {rest} not reached"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_that_ended_badly_did_not_come_to_is_not_called_unmet() {
        let one = |actual: &str| Expected {
            line: 1,
            column: 1,
            last: 1,
            expected: "a".into(),
            actual: actual.into(),
            met: actual == "a",
            update: None,
        };
        let words = |code, all: &[&str]| {
            let report = Report {
                ending: Some(Ending::Exited { code }),
                expectations: all.iter().map(|actual| one(actual)).collect(),
                ..Report::default()
            };
            report.expectation_words().expect("there are some")
        };
        assert_eq!(words(0, &["", "a"]), "1 of 2 expectations not met");
        assert_eq!(words(1, &["a"]), "1 expectation met");
        assert_eq!(words(1, &["", ""]), "2 of 2 expectations not reached");
        assert_eq!(words(1, &["a", "b"]), "1 of 2 expectations not met");
        assert_eq!(
            words(1, &["a", "b", ""]),
            "1 of 3 expectations not met, 1 not reached"
        );
    }
}

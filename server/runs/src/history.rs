//! The reports of the last runs.

use std::collections::VecDeque;
use std::sync::Arc;

use belljar_report::Report;

use crate::RunId;

/// The history is there to look back, and must not be what a server's memory goes to. So much output at most is kept.
const MOST_BYTES: usize = 1024 * 1024;
/// A report with more output than this is kept without it.
const MOST_BYTES_EACH: usize = 128 * 1024;

/// The last reports, newest last.
pub(crate) struct History {
    reports: VecDeque<(Arc<Report>, usize)>,
    bytes: usize,
    most: usize,
}

impl History {
    /// A history of at most `most` reports.
    pub fn of(most: usize) -> History {
        History {
            reports: VecDeque::new(),
            bytes: 0,
            most,
        }
    }

    /// Takes in the newest report.
    pub fn add(&mut self, report: &Report) {
        if self.most == 0 {
            return;
        }
        // The same text stands in `output` once more.
        let size = 2 * (report.stdout.len() + report.stderr.len());
        let (report, size) = if size <= MOST_BYTES_EACH {
            (report.clone(), size)
        } else {
            (without_output(report), 0)
        };
        self.bytes += size;
        self.reports.push_back((Arc::new(report), size));
        while self.reports.len() > self.most || self.bytes > MOST_BYTES {
            let Some((_, size)) = self.reports.pop_front() else {
                break;
            };
            self.bytes -= size;
        }
    }

    /// The report of a run, if it is still kept.
    pub fn find(&self, run: &RunId) -> Option<Arc<Report>> {
        self.all().rev().find(|report| report.run == run.0)
    }

    /// All reports, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = Arc<Report>> {
        self.reports.iter().map(|(report, _)| report.clone())
    }
}

/// Everything else, without ever copying the output.
fn without_output(report: &Report) -> Report {
    Report {
        run: report.run.clone(),
        file: report.file.clone(),
        language: report.language.clone(),
        policy: report.policy.clone(),
        ending: report.ending.clone(),
        truncated: true,
        replaced: report.replaced,
        violations: report.violations.clone(),
        violations_omitted: report.violations_omitted,
        errors: report.errors.clone(),
        usage: report.usage.clone(),
        posture: report.posture.clone(),
        ..Report::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(run: &str, bytes: usize) -> Report {
        Report {
            run: run.into(),
            stdout: "x".repeat(bytes),
            ..Report::default()
        }
    }

    #[test]
    fn old_reports_make_room_for_new_ones() {
        let mut history = History::of(2);
        for run in ["a", "b", "c"] {
            history.add(&report(run, 1));
        }
        assert!(history.find(&RunId("a".into())).is_none());
        assert!(history.find(&RunId("b".into())).is_some());
        assert_eq!(history.all().count(), 2);
    }

    #[test]
    fn much_output_makes_room_earlier_and_too_much_is_not_kept() {
        let mut history = History::of(100);
        for n in 0..40 {
            history.add(&report(&n.to_string(), MOST_BYTES_EACH / 2));
        }
        assert_eq!(history.all().count(), MOST_BYTES / MOST_BYTES_EACH);
        history.add(&report("large", MOST_BYTES));
        let kept = history.find(&RunId("large".into())).expect("the newest");
        assert!(kept.stdout.is_empty() && kept.truncated);
        assert!(history.bytes <= MOST_BYTES);
    }
}

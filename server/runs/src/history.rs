//! The reports of the last runs.

use std::collections::VecDeque;
use std::sync::Arc;

use belljar_report::Report;

use crate::RunId;

/// However large reports are, the history holds no more output than this, the newest report aside.
const MOST_BYTES: usize = 8 * 1024 * 1024;

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

    /// Whether it keeps anything.
    pub fn keeps(&self) -> bool {
        self.most > 0
    }

    /// Takes in the newest report.
    pub fn add(&mut self, report: Arc<Report>) {
        // The same text stands in `output` once more.
        let size = 2 * (report.stdout.len() + report.stderr.len());
        self.bytes += size;
        self.reports.push_back((report, size));
        while self.reports.len() > self.most || (self.bytes > MOST_BYTES && self.reports.len() > 1)
        {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report(run: &str, bytes: usize) -> Arc<Report> {
        Arc::new(Report {
            run: run.into(),
            stdout: "x".repeat(bytes),
            ..Report::default()
        })
    }

    #[test]
    fn old_reports_make_room_for_new_ones() {
        let mut history = History::of(2);
        for run in ["a", "b", "c"] {
            history.add(report(run, 1));
        }
        assert!(history.find(&RunId("a".into())).is_none());
        assert!(history.find(&RunId("b".into())).is_some());
        assert_eq!(history.all().count(), 2);
    }

    #[test]
    fn large_reports_make_room_earlier_but_the_newest_is_always_kept() {
        let mut history = History::of(100);
        for run in ["a", "b", "c", "d"] {
            history.add(report(run, MOST_BYTES / 4));
        }
        assert_eq!(history.all().count(), 2);
        history.add(report("e", MOST_BYTES));
        assert_eq!(history.all().count(), 1);
        assert!(history.find(&RunId("e".into())).is_some());
    }
}

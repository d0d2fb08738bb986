//! The words that only an editor needs; what a violation and an ending are called is the report's own matter.

use belljar_report::{
    Ending, Report, Violation, confidence_words, duration, ending_words, violation_words,
};

/// `1 line`, `2 lines`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

/// The sentences for a violation under `policy`, with how sure its line is.
pub fn violation(violation: &Violation, policy: &str) -> String {
    violation_words(violation, policy) + confidence_words(violation.confidence)
}

/// How a run stopped and after what time; what to do about it on a line of its own.
pub fn ending(report: &Report) -> String {
    let after = duration(report.usage.wall_ms);
    let (what, hint) = ending_words(report).unwrap_or_default();
    match &report.ending {
        Some(Ending::Exited { code: 0 }) => format!("Ended well after {after}."),
        Some(Ending::Cancelled) => format!("Stopped by you after {after}."),
        Some(Ending::Exited { .. } | Ending::Signaled { .. }) => {
            format!("{} after {after}.", what.trim_end_matches('.'))
        }
        // The hint of a limit names an option of the command line.
        Some(Ending::Limit { .. }) => what,
        _ => match hint {
            Some(hint) => format!("{what}\n  hint: {hint}"),
            None => what,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_say_how_long_it_took() {
        let mut report = Report::default();
        report.usage.wall_ms = 34.2;
        let mut said = |kind| {
            report.ending = Some(kind);
            ending(&report)
        };
        assert_eq!(said(Ending::Exited { code: 0 }), "Ended well after 34 ms.");
        assert_eq!(
            said(Ending::Exited { code: 3 }),
            "Ended with exit status 3 after 34 ms."
        );
        let refused = Ending::Refused {
            reason: "`ruby` was not found.".into(),
            hint: "install ruby".into(),
        };
        assert_eq!(
            said(refused),
            "Not run: `ruby` was not found.\n  hint: install ruby"
        );
    }
}

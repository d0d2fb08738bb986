//! The words that only an editor needs; what a violation and an ending are called is the report's own matter.

use belljar_report::{Confidence, Ending, Report, Violation, ending_words, violation_words};

/// `12 ms`, `1.3 s`, `75 s`.
pub fn duration(milliseconds: f64) -> String {
    if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else if milliseconds < 99_950.0 {
        let text = format!("{:.1}", milliseconds / 1000.0);
        format!("{} s", text.strip_suffix(".0").unwrap_or(&text))
    } else {
        format!("{:.0} s", milliseconds / 1000.0)
    }
}

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
    let mut text = violation_words(violation, policy);
    text.push_str(match violation.confidence {
        Confidence::Exact => "",
        Confidence::Caller => " A library did it for this line.",
        Confidence::File => " The line is not known exactly.",
    });
    text
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

    #[test]
    fn times_are_short() {
        let times = [
            (0.4, "0 ms"),
            (34.2, "34 ms"),
            (1290.0, "1.3 s"),
            (2000.0, "2 s"),
            (120_000.0, "120 s"),
        ];
        for (milliseconds, text) in times {
            assert_eq!(duration(milliseconds), text);
        }
    }
}

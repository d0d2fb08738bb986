//! The words that only an editor needs; what a violation and an ending are called is the report's own matter.

use belljar_report::{
    Ending, Posture, Report, Violation, confidence_words, displayable, duration, ending_words,
    violation_words,
};

use crate::wire::{ShownEnding, ShownPosture};

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

/// What to do about the way in which a run stopped.
pub fn hint(report: &Report) -> Option<String> {
    // The hint of a limit names an option of the command line.
    let is_ours = matches!(
        report.ending,
        Some(Ending::Refused { .. } | Ending::Failed { .. })
    );
    ending_words(report)?.1.filter(|_| is_ours)
}

/// How a run stopped, field by field.
pub fn shown_ending(report: &Report) -> ShownEnding {
    match &report.ending {
        Some(Ending::Exited { code }) => ShownEnding::Exited { code: *code },
        Some(Ending::Signaled { signal }) => ShownEnding::Signaled { signal: *signal },
        Some(Ending::Limit { limit }) => ShownEnding::Limit {
            limit: displayable(limit),
        },
        Some(Ending::Cancelled) => ShownEnding::Cancelled,
        Some(Ending::Refused { reason, hint }) => ShownEnding::Refused {
            reason: displayable(reason),
            hint: displayable(hint),
        },
        Some(Ending::Failed { step, errno, hint }) => ShownEnding::Failed {
            step: displayable(step),
            errno: displayable(errno),
            hint: displayable(hint),
        },
        None => ShownEnding::Lost,
    }
}

/// How strong the sandbox was; `None` if there was none, because nothing ran.
pub fn posture(posture: &Posture) -> Option<ShownPosture> {
    if *posture == Posture::default() {
        return None;
    }
    let weak: Vec<&str> = [
        (posture.user_namespace, "no user namespace"),
        (posture.mount_namespace, "no mount namespace"),
        (posture.pid_namespace, "no process namespace"),
        (posture.network_namespace, "no network namespace"),
        (posture.ipc_namespace, "no IPC namespace"),
        (posture.uts_namespace, "the host's name"),
        (posture.cgroup_namespace, "no control group namespace"),
        (posture.no_new_privileges, "privileges can be gained"),
        (posture.capabilities_dropped, "capabilities"),
        (posture.seccomp, "no system call filter"),
        (posture.landlock_abi > 0, "no Landlock in this kernel"),
        (posture.located, "what it refuses is not seen"),
    ]
    .into_iter()
    .filter_map(|(is_on, without)| (!is_on).then_some(without))
    .collect();
    let limits = if posture.cgroup {
        "limits held by a control group"
    } else {
        "limits held by a watcher"
    };
    Some(ShownPosture {
        full: weak.is_empty(),
        summary: if weak.is_empty() {
            format!("every layer on, {limits}")
        } else {
            format!("weaker than it can be: {}", weak.join("; "))
        },
    })
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

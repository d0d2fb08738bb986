//! The sentences, as a user reads them.

use super::*;
use crate::{Layer, Usage};

fn violation(kind: Kind, target: &str, errno: Option<&str>, count: u64) -> Violation {
    Violation {
        kind,
        target: target.into(),
        access: String::new(),
        errno: errno.map(Into::into),
        file: None,
        line: None,
        column: None,
        confidence: Confidence::File,
        count,
        program: String::new(),
        rule: None,
        layer: Layer::Seccomp,
        allow: None,
    }
}

#[test]
fn a_violation_is_a_sentence() {
    let refused = violation(Kind::NetworkConnect, "192.0.2.7:443", Some("EACCES"), 1);
    assert_eq!(
        violation_words(&refused, "default"),
        "Blocked by policy `default`: connect to `192.0.2.7:443`. The program saw \"permission denied\"."
    );
    let hostile = violation(Kind::FilesRead, "/a\n\x1b[31mb\u{202e}", None, 3);
    assert_eq!(
        violation_words(&hostile, "default"),
        "Blocked by policy `default`: read `/a⏎b\\u{202e}`. (3 times)"
    );
    let home = violation(Kind::FilesWrite, "~/.bashrc", None, 1);
    assert_eq!(
        violation_words(&home, "default"),
        "Blocked by policy `default`: write `~/.bashrc`. Yours stays as it is."
    );
    let limit = violation(Kind::LimitProcesses, "64", None, 1);
    assert_eq!(
        violation_words(&limit, "strict"),
        "Limit `processes` of policy `strict` was reached (64)."
    );
    let own = Violation {
        rule: Some("request".into()),
        ..violation(Kind::LimitDisk, "1MiB", None, 1)
    };
    assert_eq!(
        violation_words(&own, "default"),
        "Limit `disk` that was set for this run was reached (1MiB)."
    );
}

#[test]
fn a_bad_end_without_a_refusal_says_that_the_sandbox_had_no_part_in_it() {
    let mut report = Report {
        ending: Some(Ending::Exited { code: 1 }),
        ..Report::default()
    };
    let unseen = innocence_words(&report).expect("it ended badly");
    assert!(unseen.contains("could not be seen"));
    report.posture.located = true;
    let said = innocence_words(&report).expect("it ended badly");
    assert_eq!(said, "The sandbox refused nothing in this run.");
    report.ending = Some(Ending::Signaled { signal: 11 });
    assert_eq!(innocence_words(&report), Some(said));
    report.violations_omitted = 1;
    assert_eq!(innocence_words(&report), None);
    report.violations_omitted = 0;
    report
        .violations
        .push(violation(Kind::Syscall, "mount", None, 1));
    assert_eq!(innocence_words(&report), None);
    report.violations.clear();
    for ending in [
        Ending::Exited { code: 0 },
        Ending::Cancelled,
        Ending::Limit {
            limit: "wall".into(),
        },
    ] {
        report.ending = Some(ending);
        assert_eq!(innocence_words(&report), None);
    }
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

#[test]
fn an_ending_is_a_sentence_with_a_hint_where_there_is_something_to_do() {
    let say = |ending| {
        let usage = Usage {
            wall_ms: 10_004.0,
            peak_memory_bytes: 3 << 20,
            ..Usage::default()
        };
        let report = Report {
            policy: "default".into(),
            ending: Some(ending),
            usage,
            ..Report::default()
        };
        let (what, hint) = ending_words(&report).expect("it ended");
        format!("{what}|{}", hint.unwrap_or_default())
    };
    assert_eq!(
        say(Ending::Exited { code: 3 }),
        "Ended with exit status 3.|"
    );
    assert_eq!(
        say(Ending::Signaled { signal: 11 }),
        "Ended by signal 11 (SIGSEGV).|"
    );
    assert_eq!(
        say(Ending::Limit {
            limit: "wall".into()
        }),
        "Stopped after 10 s: the time limit of policy `default`.|a higher limit for one run: `--limit wall=VALUE`"
    );
    assert_eq!(
        say(Ending::Refused {
            reason: "no `ruby` here".into(),
            hint: "apt install ruby".into()
        }),
        "Not run: no `ruby` here.|apt install ruby"
    );
    assert_eq!(
        say(Ending::Failed {
            step: "user namespace".into(),
            errno: "EPERM".into(),
            hint: String::new()
        }),
        "Could not run it: step `user namespace` failed (EPERM).|"
    );
    assert_eq!(ending_words(&Report::default()), None);
}

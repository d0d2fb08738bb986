//! What is said at the end of a run, also of one whose program would like to say something else.

use proptest::prelude::*;

use super::*;
use belljar_report::{Kind, Layer};

fn report(ending: Ending) -> Report {
    Report {
        policy: "default".into(),
        ending: Some(ending),
        ..Report::default()
    }
}

fn refused() -> Violation {
    Violation {
        kind: Kind::NetworkConnect,
        target: "192.0.2.1:443".into(),
        access: "connect".into(),
        errno: Some("EACCES".into()),
        file: Some("a.py".into()),
        line: Some(4),
        column: None,
        confidence: Confidence::Exact,
        count: 2,
        program: "python3".into(),
        rule: None,
        layer: Layer::Seccomp,
        allow: Some("files.read = [\"/srv/data\"]".into()),
    }
}

#[test]
fn a_good_end_needs_no_words() {
    assert_eq!(
        closing(&report(Ending::Exited { code: 0 }), Style::default()),
        ""
    );
}

#[test]
fn a_violation_stands_at_its_line_with_the_rule_that_allows_it() {
    let mut report = report(Ending::Exited { code: 1 });
    report.violations.push(refused());
    report
        .posture
        .notes
        .push("limits are held by a watcher".into());
    assert_eq!(
        closing(&report, Style::default()),
        "a.py:4: Blocked by policy `default`: connect to `192.0.2.1:443`. \
         The program saw \"permission denied\". (2 times)\n  \
         hint: to allow it once: --allow 'files.read = [\"/srv/data\"]'\n\
         belljar: Ended with exit status 1.\n\
         belljar: Note: limits are held by a watcher\n"
    );
}

#[test]
fn a_refusal_has_its_hint_and_colour_only_where_it_is_wanted() {
    let report = report(Ending::Refused {
        reason: "no `ruby` here.".into(),
        hint: "apt install ruby".into(),
    });
    assert_eq!(
        closing(&report, Style::default()),
        "belljar: Not run: no `ruby` here.\n  hint: apt install ruby\n"
    );
    assert!(closing(&report, Style::coloured()).contains("\x1b[31mNot run"));
}

#[test]
fn a_limit_is_said_once_and_a_guessed_line_is_called_one() {
    let mut report = report(Ending::Limit {
        limit: "wall".into(),
    });
    let (kind, confidence) = (Kind::LimitWall, Confidence::File);
    report.violations.push(Violation {
        kind,
        confidence,
        target: "10s".into(),
        ..refused()
    });
    report.violations.push(Violation {
        confidence,
        count: 1,
        allow: None,
        ..refused()
    });
    assert_eq!(
        closing(&report, Style::default()),
        "a.py:4: Blocked by policy `default`: connect to `192.0.2.1:443`. \
         The program saw \"permission denied\". Which line did it is not known.\n  \
         hint: no rule opens the network in this release: give the program its data as a file or on standard input\n\
         belljar: Stopped after 0 s: the time limit of 10s of policy `default`.\n  \
         hint: a higher limit for one run: `--limit wall=VALUE`\n"
    );
    report.violations[0].confidence = Confidence::Exact;
    assert!(closing(&report, Style::default()).contains("\na.py:4: Stopped after"));
}

#[test]
fn a_crash_stands_at_its_line_and_what_the_runtime_printed_is_not_said_again() {
    let mut report = report(Ending::Signaled { signal: 11 });
    report.file = Some("c.c".into());
    report.stderr = "c.c:2:1: warning: no return\n".into();
    let error = |message: &str, line, column| SourceError {
        message: message.into(),
        line,
        column,
    };
    report.errors = vec![
        error("warning: no return", 2, Some(1)),
        error("SIGSEGV: segmentation fault\x1b[2J", 4, None),
    ];
    assert_eq!(
        closing(&report, Style::default()),
        "c.c:4: SIGSEGV: segmentation fault\n\
         belljar: Ended by signal 11 (SIGSEGV). Whether the sandbox refused something in this run could not be seen.\n"
    );
}

#[test]
fn many_violations_are_counted() {
    let mut report = report(Ending::Exited { code: 0 });
    report.violations = vec![refused(); 60];
    report.violations_omitted = 5;
    let text = closing(&report, Style::default());
    assert_eq!(text.matches("Blocked by").count(), 50);
    assert!(text.contains("belljar: 15 more were blocked.\n"), "{text}");
}

#[test]
fn hostile_names_stay_on_their_line() {
    let mut report = report(Ending::Exited { code: 0 });
    report.violations.push(Violation {
        file: Some("a\n\x1b[2J.py".into()),
        target: "x\nbelljar: all is well".into(),
        allow: Some("files.read = [\"x'; rm\"]".into()),
        ..refused()
    });
    let text = closing(&report, Style::default());
    assert_eq!(text.lines().count(), 2);
    assert!(!text.contains('\x1b'));
    assert!(
        text.contains(r#"--allow 'files.read = ["x'\''; rm"]'"#),
        "{text}"
    );
}

#[test]
fn a_limit_that_was_typed_can_be_typed_anew() {
    let mut report = report(Ending::Exited { code: 0 });
    report.violations.push(Violation {
        kind: Kind::LimitProcesses,
        target: "1".into(),
        rule: Some("request".into()),
        allow: Some("limits.processes = 2".into()),
        ..refused()
    });
    report.obstacles.push(belljar_report::Obstacle {
        violation: 0,
        reason: "the rule changes nothing in this run".into(),
    });
    let text = closing(&report, Style::default());
    assert!(
        text.ends_with("hint: set a higher limit for one run, or in a policy of yours\n"),
        "{text}"
    );
    report.violations[0].rule = Some("default.toml:58".into());
    let text = closing(&report, Style::default());
    assert!(text.contains("it cannot be allowed: "), "{text}");
}

#[test]
fn what_no_rule_lifts_says_why_and_the_same_advice_is_given_once() {
    let mut report = report(Ending::Exited { code: 0 });
    report.violations = vec![refused(), refused(), refused()];
    report.violations[2].allow = None;
    report.obstacles.push(belljar_report::Obstacle {
        violation: 1,
        reason: "policy `default` hides it".into(),
    });
    let text = closing(&report, Style::default());
    let hints: Vec<&str> = text.lines().filter(|line| line.contains("hint:")).collect();
    assert_eq!(hints.len(), 3, "{text}");
    assert_eq!(
        hints[1],
        "  hint: it cannot be allowed: policy `default` hides it"
    );
    report.violations.push(report.violations[2].clone());
    assert_eq!(
        closing(&report, Style::default()).matches("hint:").count(),
        3
    );
}

/// Text with all that terminals and readers take for something else.
fn hostile() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            any::<char>().prop_map(String::from),
            proptest::sample::select(vec![
                "\n",
                "\r",
                "\x1b[2K",
                "\x1b]0;",
                "\u{9b}",
                "\u{202e}",
                "\u{2028}",
                "\u{85}",
                "\u{200b}",
                "'",
                "\"",
                "`",
                "belljar: ",
                "  hint: ",
                "a.py:1: ",
            ])
            .prop_map(String::from),
        ],
        0..20,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// One violation is one line and one hint, whatever its parts are made of.
    #[test]
    fn no_text_of_the_programs_makes_a_line_of_its_own(
        target in hostile(), file in hostile(), program in hostile(), rule in hostile(), errno in hostile(), reason in hostile(), blocked in any::<bool>(),
    ) {
        let mut report = report(Ending::Exited { code: 0 });
        report.violations.push(Violation {
            target,
            file: Some(file),
            program,
            allow: Some(format!("files.read = [\"{rule}\"]")),
            errno: Some(errno),
            ..refused()
        });
        if blocked {
            report.obstacles.push(belljar_report::Obstacle { violation: 0, reason });
        }
        let text = closing(&report, Style::default());
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        prop_assert_eq!(lines.len(), 2, "{}", text);
        prop_assert!(lines[1].starts_with("  hint: "));
        let turning = |one: char| matches!(u32::from(one), 0x202a..=0x202e | 0x2066..=0x2069 | 0x2028..=0x2029 | 0x200b..=0x200f);
        let is_harmless = |one: char| one == '\n' || !(one.is_control() || turning(one));
        prop_assert!(text.chars().all(is_harmless), "{:?}", text);
    }

    /// A diff has as many lines on the screen as it has, and each begins with what it began with.
    #[test]
    fn no_line_of_a_file_looks_like_two_in_a_diff(lines in proptest::collection::vec(hostile(), 1..5)) {
        let diff: String = lines
            .iter()
            .map(|line| format!("+{}\n", line.replace('\n', "")))
            .collect();
        let shown = crate::allow::shown(&diff);
        prop_assert_eq!(shown.lines().count(), lines.len());
        prop_assert!(shown.lines().all(|line| line.starts_with('+')), "{:?}", shown);
    }
}

//! Tests of folding events.

use super::*;
use crate::{Confidence, Kind, Layer};

fn out(stream: Stream, bytes: &[u8]) -> Event {
    Event::Output {
        stream,
        bytes: bytes.to_vec(),
        line: None,
    }
}

fn ended(code: i32) -> Event {
    Event::Ended {
        ending: Ending::Exited { code },
        usage: Usage::default(),
    }
}

fn fold(events: impl IntoIterator<Item = Event>) -> Report {
    let mut fold = Fold::new("r1", "default");
    events.into_iter().for_each(|event| fold.add(&event));
    fold.finish()
}

fn refused(target: &str, line: Option<u32>) -> Violation {
    Violation {
        kind: Kind::NetworkConnect,
        target: target.into(),
        access: "connect".into(),
        errno: Some("EACCES".into()),
        file: Some("a.py".into()),
        line,
        column: None,
        confidence: Confidence::Exact,
        count: 1,
        program: "python3".into(),
        rule: None,
        layer: Layer::Seccomp,
        allow: None,
    }
}

#[test]
fn pieces_of_one_stream_are_merged_and_the_order_of_both_is_kept() {
    use Stream::{Stderr, Stdout};
    let report = fold([
        out(Stdout, b"a"),
        out(Stdout, b"b\n"),
        out(Stderr, b"e\n"),
        out(Stdout, b"c\n"),
        ended(0),
    ]);
    assert_eq!(
        (report.stdout.as_str(), report.stderr.as_str()),
        ("ab\nc\n", "e\n")
    );
    let texts: Vec<_> = report
        .output
        .iter()
        .map(|piece| piece.text.as_str())
        .collect();
    assert_eq!(texts, ["ab\n", "e\n", "c\n"]);
    assert!(!report.truncated && !report.replaced && report.gap.is_none());
}

#[test]
fn a_character_that_comes_in_parts_is_put_together() {
    let text = "né日🙂!".as_bytes();
    for size in 1..text.len() {
        // The other stream in between must not tear it.
        let events = text
            .chunks(size)
            .flat_map(|part| [out(Stream::Stdout, part), out(Stream::Stderr, b".")]);
        let report = fold(events);
        assert_eq!(report.stdout, "né日🙂!");
        assert!(!report.replaced);
    }
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_and_it_is_said() {
    let report = fold([out(Stream::Stdout, b"a\xff\xfeb\xc3"), ended(0)]);
    assert_eq!(report.stdout, "a\u{fffd}\u{fffd}b\u{fffd}");
    assert!(report.replaced);
}

#[test]
fn of_a_flood_head_and_tail_are_kept() {
    let mut fold = Fold::new("r1", "default");
    let mut line = 0_u64;
    let mut total = 0_u64;
    while total < 20_000_000 {
        let mut chunk = Vec::new();
        while chunk.len() < 60_000 {
            chunk.extend_from_slice(format!("line {line}\n").as_bytes());
            line += 1;
        }
        total += chunk.len() as u64;
        fold.add(&out(Stream::Stdout, &chunk));
    }
    let report = fold.finish();
    let gap = report.gap.expect("a gap");
    assert!(report.truncated && gap.before == 1);
    assert_eq!(report.stdout.len() as u64 + gap.bytes, total);
    assert!(
        report.stdout.len() <= 1024 * 1024,
        "{}",
        report.stdout.len()
    );
    assert!(
        report.stdout.len() >= 1000 * 1024,
        "{}",
        report.stdout.len()
    );
    assert!(report.stdout.starts_with("line 0\nline 1\n"));
    assert!(report.stdout.ends_with(&format!("line {}\n", line - 1)));
    assert!(
        report.output[1].text.starts_with("line "),
        "the tail begins with a line"
    );
}

#[test]
fn a_flood_that_changes_streams_at_every_byte_costs_few_pieces() {
    let mut fold = Fold::new("r1", "default");
    for n in 0..200_000 {
        fold.add(&out(
            if n % 2 == 0 {
                Stream::Stdout
            } else {
                Stream::Stderr
            },
            b"x",
        ));
    }
    let report = fold.finish();
    assert!(
        report.output.len() <= 16 * 1024 + 1,
        "{}",
        report.output.len()
    );
    let kept = (report.stdout.len() + report.stderr.len()) as u64;
    assert_eq!(kept + report.gap.expect("a gap").bytes, 200_000);
}

#[test]
fn what_the_sandbox_left_out_is_a_gap_at_its_place() {
    let report = fold([
        out(Stream::Stdout, b"first\n"),
        Event::Omitted { bytes: 1000 },
        out(Stream::Stdout, b"last\n"),
        ended(0),
    ]);
    assert_eq!(
        report.gap,
        Some(Gap {
            bytes: 1000,
            before: 1
        })
    );
    assert_eq!(report.stdout, "first\nlast\n");
    assert_eq!(report.output.len(), 2);
}

#[test]
fn violations_are_counted_and_their_number_is_bounded() {
    let mut fold = Fold::new("r1", "default");
    for _ in 0..3 {
        fold.add(&Event::Violation(refused("192.0.2.1:443", Some(4))));
    }
    fold.add(&Event::Violation(refused("192.0.2.1:443", Some(5))));
    for n in 0..5000 {
        fold.add(&Event::Violation(refused(
            &format!("192.0.2.1:{n}"),
            Some(6),
        )));
    }
    let report = fold.finish();
    assert_eq!(report.violations[0].count, 3);
    assert_eq!(
        (report.violations[1].line, report.violations[1].count),
        (Some(5), 1)
    );
    assert_eq!(report.violations.len(), MOST_VIOLATIONS);
    let counted: u64 = report
        .violations
        .iter()
        .map(|violation| violation.count)
        .sum();
    assert_eq!(counted + report.violations_omitted, 5004);
}

#[test]
fn output_is_divided_by_the_lines_that_printed_it_until_these_are_too_many() {
    let at = |line, bytes: &[u8]| Event::Output {
        stream: Stream::Stdout,
        bytes: bytes.to_vec(),
        line,
    };
    let report = fold([
        at(Some(3), b"a"),
        at(Some(3), b"\xc3"),
        at(Some(4), b"\xa4\n"),
        at(None, b"b"),
    ]);
    let pieces = report.output.iter().map(|one| (one.line, &*one.text));
    assert_eq!(
        pieces.collect::<Vec<_>>(),
        [(Some(3), "a"), (Some(4), "ä\n"), (None, "b")]
    );
    let report = fold((0..100_000).map(|n| at(Some(n % 7), b"x\n")));
    assert!(!report.truncated);
    assert_eq!(report.stdout.len(), 200_000);
    assert!(report.output.len() <= 4097, "{}", report.output.len());
}

#[test]
fn only_the_first_end_counts_and_nothing_comes_behind_it() {
    let report = fold([ended(3), out(Stream::Stdout, b"late"), ended(0)]);
    assert_eq!(report.ending, Some(Ending::Exited { code: 3 }));
    assert_eq!(report.stdout, "");
}

#[test]
fn the_json_form_is_the_one_that_is_documented() {
    let mut fold = Fold::new("r1", "default").of(Some("a.py".into()), Some("python".into()));
    fold.add(&out(Stream::Stdout, b"42\n"));
    fold.add(&Event::Violation(refused("192.0.2.1:443", Some(4))));
    fold.add(&ended(0));
    let json = serde_json::to_value(fold.finish()).expect("JSON");
    for key in [
        "run",
        "file",
        "language",
        "policy",
        "ending",
        "stdout",
        "stderr",
        "truncated",
        "output",
        "violations",
        "errors",
        "usage",
        "posture",
    ] {
        assert!(json.get(key).is_some(), "{key} is missing");
    }
    assert_eq!(
        json["ending"],
        serde_json::json!({"kind": "exited", "code": 0})
    );
    assert_eq!(
        json["output"][0],
        serde_json::json!({"stream": "stdout", "text": "42\n", "line": null})
    );
    assert_eq!(json["violations"][0]["kind"], "network.connect");
    assert_eq!(json["violations"][0]["confidence"], "exact");
    assert_eq!(json["violations"][0]["layer"], "seccomp");
}

//! Compares what lines of a document were expected to print with what they printed.

use belljar_plan::Expectation;
use belljar_report::{Expected, Report, Stream, displayable};

/// Of what was printed instead, so much is told.
const LONGEST: usize = 4096;
/// So many lines are compared for one run, and so many bytes are counted as one more. A document can expect very much of a
/// program that prints very much; what then is not looked for any more is not known.
const MOST_COMPARED: usize = 5_000_000;
const BYTES_OF_A_LINE: usize = 64;

/// What became of `expectations` in the run of `report`. Those of which it cannot be known are left out, and counted.
pub(crate) fn compare(report: &Report, expectations: &[Expectation]) -> (Vec<Expected>, usize) {
    let printed = Printed::of(report);
    let mut from = 0;
    let mut budget = Budget(MOST_COMPARED);
    let judged = expectations.iter().map(|one| {
        let expected: Vec<&str> = one.expected.lines().map(str::trim_end).collect();
        let (actual, met) = match printed.has_lines {
            true => printed.by(one, &expected, &mut budget)?,
            false => printed.in_turn(&expected, &mut from, &mut budget)?,
        };
        // It may be in what was left out.
        if !met && report.truncated {
            return None;
        }
        let update = (!met).then(|| one.rewritten(&actual)).flatten();
        let update = update.filter(|update| displayable(update) == *update);
        let mut actual = if met { one.expected.clone() } else { actual };
        actual.truncate(actual.floor_char_boundary(LONGEST));
        Some(Expected {
            line: one.written.0,
            column: one.column.saturating_add(1),
            last: one.written.1,
            expected: one.expected.clone(),
            actual,
            met,
            update,
        })
    });
    let judged: Vec<Expected> = judged.flatten().collect();
    let unknown = expectations.len() - judged.len();
    (judged, unknown)
}

/// What was printed, line by line.
struct Printed<'a> {
    report: &'a Report,
    /// It is known which line printed what, or that none did.
    has_lines: bool,
    /// All of standard output.
    all: Vec<&'a str>,
    /// What of it no line is known for, because there was so much.
    unclaimed: Vec<&'a str>,
}

/// How much may still be compared.
struct Budget(usize);

impl Budget {
    fn spend(&mut self, lines: usize) -> Option<()> {
        self.0 = self.0.checked_sub(lines)?;
        Some(())
    }

    /// Where `part` is in `lines`, if it can be afforded to look.
    fn position(&mut self, lines: &[&str], part: &[&str]) -> Option<Option<usize>> {
        for (at, window) in lines.windows(part.len().max(1)).enumerate() {
            let n_same = window.iter().zip(part).take_while(|(a, b)| a == b).count();
            self.spend(n_same + 1)?;
            if n_same == part.len() {
                return Some(Some(at));
            }
        }
        Some(None)
    }
}

impl<'a> Printed<'a> {
    fn of(report: &'a Report) -> Printed<'a> {
        let pieces = || report.output.iter();
        let unclaimed = pieces().filter(|piece| piece.line.is_none());
        let unclaimed = unclaimed.flat_map(|piece| piece.text.lines());
        Printed {
            report,
            has_lines: report.output.is_empty() || pieces().any(|piece| piece.line.is_some()),
            all: report.stdout.lines().map(str::trim_end).collect(),
            unclaimed: unclaimed.map(str::trim_end).collect(),
        }
    }

    /// What the lines of an expectation printed to standard output, or if that is nothing to standard error; and whether it is
    /// what was expected. `None` if that would take too long.
    fn by(
        &self,
        one: &Expectation,
        expected: &[&str],
        budget: &mut Budget,
    ) -> Option<(String, bool)> {
        let (first, last) = one.of;
        budget.spend(self.report.output.len() / BYTES_OF_A_LINE)?;
        let of = |stream: Stream| -> String {
            let pieces = self
                .report
                .output
                .iter()
                .filter(|piece| piece.stream == stream);
            let theirs =
                |line: Option<u32>| line.is_some_and(|line| (first..=last).contains(&line));
            let pieces = pieces.filter(|piece| theirs(piece.line));
            pieces.map(|piece| piece.text.as_str()).collect()
        };
        let mut text = of(Stream::Stdout);
        if text.is_empty() {
            text = of(Stream::Stderr);
        }
        budget.spend(text.len() / BYTES_OF_A_LINE)?;
        let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        if one.is_last {
            lines.drain(..lines.len().saturating_sub(expected.len()));
        }
        let met = lines == expected
            || (!expected.is_empty() && budget.position(&self.unclaimed, expected)?.is_some());
        Some((lines.join("\n"), met))
    }

    /// Where it is not known which line printed what: what is printed next of all that is, from `from` on. `None` if nothing
    /// is expected, which nobody can see, or if it would take too long.
    fn in_turn(
        &self,
        expected: &[&str],
        from: &mut usize,
        budget: &mut Budget,
    ) -> Option<(String, bool)> {
        let rest = self.all.get(*from..).unwrap_or_default();
        if expected.is_empty() {
            return None;
        }
        if let Some(at) = budget.position(rest, expected)? {
            *from += at + expected.len();
            return Some((expected.join("\n"), true));
        }
        let instead = &rest[..rest.len().min(expected.len())];
        *from += instead.len();
        Some((instead.join("\n"), false))
    }
}

#[cfg(test)]
mod tests {
    use belljar_report::{Ending, Output};

    use super::*;

    fn report(pieces: &[(Option<u32>, &str)]) -> Report {
        let piece = |(line, text): &(Option<u32>, &str)| Output {
            stream: Stream::Stdout,
            text: (*text).to_owned(),
            line: *line,
        };
        Report {
            ending: Some(Ending::Exited { code: 0 }),
            stdout: pieces.iter().map(|(_, text)| *text).collect(),
            output: pieces.iter().map(piece).collect(),
            ..Report::default()
        }
    }

    fn expectation(of: (u32, u32), expected: &str) -> Expectation {
        Expectation {
            of,
            written: (of.1, of.1),
            column: 3,
            expected: expected.to_owned(),
            is_last: expected.lines().count() == 1,
            before: Default::default(),
        }
    }

    /// What is said to have been printed, with a mark for what was expected.
    fn judged(report: &Report, expectations: &[Expectation]) -> Vec<String> {
        let (judged, _) = compare(report, expectations);
        let said = judged.iter();
        said.map(|one| format!("{}{}", if one.met { "=" } else { "!" }, one.actual))
            .collect()
    }

    #[test]
    fn what_a_line_printed_is_compared_with_what_it_was_to_print() {
        let report = report(&[(Some(1), "a \n"), (Some(2), "b\n"), (Some(1), "c\n")]);
        let one = |of, expected| judged(&report, &[expectation((of, of), expected)]);
        assert_eq!(one(2, "b"), ["=b"]);
        assert_eq!(one(2, "x"), ["!b"]);
        assert_eq!(one(1, "c"), ["=c"], "the last one");
        assert_eq!(one(1, "a"), ["!c"]);
        assert_eq!(one(1, "a\nc"), ["=a\nc"]);
        assert_eq!(one(1, "a\nc\n"), ["=a\nc\n"]);
        assert_eq!(one(1, "a\nd"), ["!a\nc"]);
        assert_eq!(one(3, "a"), ["!"]);
        assert_eq!(one(3, ""), ["="]);
        assert_eq!(one(1, ""), ["!a\nc"]);
        assert_eq!(
            judged(&report, &[expectation((1, 2), "a\nb\nc")]),
            ["=a\nb\nc"]
        );
    }

    #[test]
    fn where_lines_are_not_known_things_are_printed_in_their_order() {
        let all = report(&[(None, "a\nnoise\nb\nc\n")]);
        let expectations = ["a", "b\nc"].map(|text| expectation((1, 1), text));
        assert_eq!(judged(&all, &expectations), ["=a", "=b\nc"]);
        let expectations = ["b", "a", "c"].map(|text| expectation((1, 1), text));
        assert_eq!(judged(&all, &expectations), ["=b", "!c", "!"]);
        let (judged, unknown) = compare(&all, &[expectation((1, 1), "")]);
        assert_eq!((judged.len(), unknown), (0, 1));
    }

    #[test]
    fn a_document_that_expects_very_much_of_very_much_is_given_up() {
        let much = report(&[(None, &"a\n".repeat(100_000))]);
        let part = "a\n".repeat(50_000) + "b";
        let (judged, unknown) = compare(&much, &vec![expectation((1, 1), &part); 20]);
        assert_eq!((judged.len(), unknown), (0, 20));
        let last = report(&[(None, &("a\n".repeat(100_000) + "b\n"))]);
        assert!(compare(&last, &[expectation((1, 1), "a\nb")]).0[0].met);
    }

    #[test]
    fn what_may_have_been_printed_is_not_said_to_be_missing() {
        let mut much = report(&[(Some(1), "a\n"), (None, "b\n")]);
        let of = |report: &Report, text| compare(report, &[expectation((2, 2), text)]);
        assert!(of(&much, "b").0[0].met);
        assert!(!of(&much, "c").0[0].met);
        much.truncated = true;
        assert_eq!(of(&much, "c"), (Vec::new(), 1));
        assert!(of(&much, "b").0[0].met);
    }

    #[test]
    fn nothing_printed_is_not_what_was_expected() {
        assert_eq!(judged(&report(&[]), &[expectation((1, 1), "a")]), ["!"]);
        assert_eq!(judged(&report(&[]), &[expectation((1, 1), "")]), ["="]);
    }

    #[test]
    fn the_words_count_what_was_not_met() {
        let mut report = report(&[(Some(1), "a\n")]);
        assert_eq!(report.expectation_words(), None);
        let expectations = ["a", "b"].map(|text| expectation((1, 1), text));
        report.expectations = compare(&report, &expectations).0;
        assert_eq!(
            report.expectation_words().as_deref(),
            Some("1 of 2 expectations not met")
        );
        assert_eq!(report.unmet().count(), 1);
        report.expectations.pop();
        assert_eq!(
            report.expectation_words().as_deref(),
            Some("1 expectation met")
        );
        // What a program that failed did not come to is not held against it.
        report.expectations = compare(&report, &[expectation((9, 9), "a")]).0;
        assert_eq!(report.unmet().count(), 1);
        report.ending = Some(Ending::Exited { code: 1 });
        assert_eq!(report.unmet().count(), 0);
    }
}

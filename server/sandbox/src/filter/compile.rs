//! Compiles rules into a filter program.
//!
//! When a filter is installed the kernel runs it once for every call number, to learn which ones are always allowed; installing
//! costs what those runs walk. So the numbers are cut into ranges of equal treatment, the ranges are put into a search tree
//! that is short for most numbers, and arguments are looked at in its leaves only.

use std::ops::RangeInclusive;

use super::arch::{Arch, LAST_KNOWN};
use super::condition::Condition;
use super::instruction::{
    AND, ARCHITECTURE, Answer, Instruction, JUMP, JUMP_ANY_BIT, JUMP_AT_LEAST, JUMP_EQUAL, LOAD,
    NUMBER, RETURN, high_half, low_half,
};

/// How one call is treated when all of `when` holds. Of several rules for a number the first that fits counts.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The call.
    pub number: u32,
    /// Empty means always.
    pub when: &'static [Condition],
    /// What the kernel is to do.
    pub answer: Answer,
}

/// Everything that a program decides.
pub struct Rules {
    /// The machine it is for. Calls by any other machine's numbering end the process.
    pub arch: Arch,
    /// The calls with rules; all others are allowed.
    pub rules: Vec<Rule>,
    /// Ranges of numbers that are treated alike. They overlap neither each other nor a rule.
    pub ranges: Vec<(RangeInclusive<u32>, Answer)>,
}

/// What happens to a number: conditions in turn, and what holds if none fits.
#[derive(Clone, PartialEq, Eq)]
struct Treatment {
    checks: Vec<(&'static [Condition], Answer)>,
    otherwise: Answer,
}

impl Treatment {
    fn always(answer: Answer) -> Treatment {
        Treatment {
            checks: Vec::new(),
            otherwise: answer,
        }
    }

    /// The treatment of one number by its rules.
    fn by(rules: &[Rule]) -> Treatment {
        let mut treatment = Treatment::always(Answer::Allow);
        for rule in rules {
            if rule.when.is_empty() {
                treatment.otherwise = rule.answer;
                break;
            }
            treatment.checks.push((rule.when, rule.answer));
        }
        // The last check decides nothing if its answer is what holds anyway.
        while treatment
            .checks
            .last()
            .is_some_and(|(_, answer)| *answer == treatment.otherwise)
        {
            treatment.checks.pop();
        }
        treatment
    }
}

/// Neighbouring numbers with the same treatment.
struct Range {
    first: u32,
    last: u32,
    treatment: Treatment,
}

/// Turns rules into a program that decides exactly by them.
pub fn compile(rules: &Rules) -> Vec<Instruction> {
    let ranges = ranges(rules);
    let mut program = Backwards {
        code: Vec::new(),
        labels: Vec::new(),
    };
    let kill = program.answer(Answer::Kill);
    let root = program.subtree(&ranges);
    program.falls_into(root);
    let number = program.push(LOAD, NUMBER);
    program.branch(JUMP_EQUAL, rules.arch.word(), number, kill);
    program.push(LOAD, ARCHITECTURE);
    program.code.reverse();
    program.code
}

/// All numbers, cut where their treatment changes.
fn ranges(rules: &Rules) -> Vec<Range> {
    let mut sorted = rules.rules.clone();
    // Stable, so rules for one number stay in their order.
    sorted.sort_by_key(|rule| rule.number);
    let calls = sorted.chunk_by(|one, other| one.number == other.number);
    let calls = calls.map(|rules| (rules[0].number..=rules[0].number, Treatment::by(rules)));
    let alike = rules
        .ranges
        .iter()
        .map(|(range, answer)| (range.clone(), Treatment::always(*answer)));
    let mut special: Vec<_> = calls.chain(alike).collect();
    special.sort_by_key(|(range, _)| *range.start());

    let mut ranges: Vec<Range> = Vec::new();
    let mut add = |first: u32, last: u32, treatment: Treatment| match ranges.last_mut() {
        Some(before) if before.treatment == treatment => before.last = last,
        _ => ranges.push(Range {
            first,
            last,
            treatment,
        }),
    };
    let mut next = Some(0);
    for (range, treatment) in special {
        let start = *range.start();
        let from = next
            .filter(|from| *from <= start)
            .expect("no number is treated in two ways");
        if from < start {
            add(from, start - 1, Treatment::always(Answer::Allow));
        }
        add(start, *range.end(), treatment);
        next = range.end().checked_add(1);
    }
    if let Some(from) = next {
        add(from, u32::MAX, Treatment::always(Answer::Allow));
    }
    ranges
}

/// How much a stretch of ranges matters: the numbers in it that the kernel tries, and a little for being there at all.
fn weight(ranges: &[Range]) -> u64 {
    let tried = |range: &Range| {
        u64::from(range.last.min(LAST_KNOWN) + 1).saturating_sub(range.first.into())
    };
    ranges.iter().map(|range| 100 * tried(range) + 1).sum()
}

/// Where to cut a stretch so that both sides weigh as nearly the same as can be. This walks a few hundredths further than the best
/// possible tree and is found in a fraction of the time, which a single run from the command line would have to wait for.
fn cut(ranges: &[Range]) -> usize {
    let all = weight(ranges);
    let mut below = 0;
    let imbalance = |at: usize| {
        below += weight(&ranges[at - 1..at]);
        (at, all.abs_diff(2 * below))
    };
    let cuts = (1..ranges.len()).map(imbalance);
    cuts.min_by_key(|(_, imbalance)| *imbalance)
        .map_or(1, |(at, _)| at)
}

/// The treatments around and within, if the stretch is one number between two ranges that are treated alike: one comparison for
/// equality decides it.
fn hole(ranges: &[Range]) -> Option<(&Treatment, &Range)> {
    match ranges {
        [below, within, above]
            if within.first == within.last && below.treatment == above.treatment =>
        {
            Some((&below.treatment, within))
        }
        _ => None,
    }
}

/// A program under construction, last instruction first, because jumps lead forward only: the target is always there already.
struct Backwards {
    code: Vec<Instruction>,
    labels: Vec<(Treatment, Label)>,
}

/// An instruction, counted from the end of the program.
type Label = usize;

impl Backwards {
    fn push(&mut self, code: u16, k: u32) -> Label {
        self.code.push(Instruction {
            code,
            jt: 0,
            jf: 0,
            k,
        });
        self.code.len() - 1
    }

    fn answer(&mut self, answer: Answer) -> Label {
        self.leaf(&Treatment::always(answer))
    }

    /// Makes `label` what comes next without a jump.
    fn falls_into(&mut self, label: Label) {
        if label + 1 != self.code.len() {
            let distance = self.code.len() - 1 - label;
            self.push(JUMP, distance as u32);
        }
    }

    /// A label for the same place that a comparison can still reach with eight bits, after up to two more instructions.
    fn near(&mut self, label: Label) -> Label {
        let distance = self.code.len() - 1 - label;
        if distance + 2 <= 255 {
            return label;
        }
        let target = self.code[label];
        match target.code {
            RETURN => self.push(RETURN, target.k),
            _ => self.push(JUMP, distance as u32),
        }
    }

    fn branch(&mut self, code: u16, k: u32, yes: Label, no: Label) -> Label {
        let (yes, no) = (self.near(yes), self.near(no));
        let here = self.code.len();
        let distance = |label: Label| {
            u8::try_from(here - 1 - label).expect("near() brought the target within eight bits")
        };
        self.code.push(Instruction {
            code,
            jt: distance(yes),
            jf: distance(no),
            k,
        });
        here
    }

    fn subtree(&mut self, ranges: &[Range]) -> Label {
        if let [range] = ranges {
            return self.leaf(&range.treatment);
        }
        if let Some((around, within)) = hole(ranges) {
            let (around, number) = (self.leaf(around), within.first);
            let within = self.leaf(&within.treatment);
            return self.branch(JUMP_EQUAL, number, within, around);
        }
        let (below, above) = ranges.split_at(cut(ranges));
        let first_above = above[0].first;
        let above = self.subtree(above);
        let below = self.subtree(below);
        self.branch(JUMP_AT_LEAST, first_above, above, below)
    }

    fn leaf(&mut self, treatment: &Treatment) -> Label {
        if let Some((_, label)) = self.labels.iter().find(|(done, _)| done == treatment) {
            return *label;
        }
        let label = match treatment.checks.is_empty() {
            true => self.push(RETURN, treatment.otherwise.word()),
            false => {
                let mut next = self.answer(treatment.otherwise);
                for (when, answer) in treatment.checks.iter().rev() {
                    let mut fits = self.answer(*answer);
                    for condition in when.iter().rev() {
                        fits = self.condition(condition, fits, next);
                    }
                    next = fits;
                }
                next
            }
        };
        self.labels.push((treatment.clone(), label));
        label
    }

    fn condition(&mut self, condition: &Condition, yes: Label, no: Label) -> Label {
        match *condition {
            Condition::AnyBit { argument, mask } => {
                self.branch(JUMP_ANY_BIT, mask, yes, no);
                self.push(LOAD, low_half(argument))
            }
            Condition::OneOf {
                argument,
                mask,
                values,
            } => self.is_one_of(argument, mask, values, yes, no),
            Condition::NoneOf {
                argument,
                mask,
                values,
            } => self.is_one_of(argument, mask, values, no, yes),
            Condition::Given { argument } => {
                self.branch(JUMP_EQUAL, 0, no, yes);
                let high = self.push(LOAD, high_half(argument));
                self.branch(JUMP_EQUAL, 0, high, yes);
                self.push(LOAD, low_half(argument))
            }
        }
    }

    fn is_one_of(
        &mut self,
        argument: u8,
        mask: u32,
        values: &[u32],
        yes: Label,
        no: Label,
    ) -> Label {
        let mut next = no;
        for value in values.iter().rev() {
            next = self.branch(JUMP_EQUAL, *value, yes, next);
        }
        self.falls_into(next);
        if mask != u32::MAX {
            self.push(AND, mask);
        }
        self.push(LOAD, low_half(argument))
    }
}

//! Source lines of machine code, with the calls that were inlined: DWARF 4 and 5.
//!
//! Everything is read when it is first needed and kept. Trees are walked, never descended into by recursion, and all
//! that is kept counts against a budget, since a program may bring debug information made up to exhaust us.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use gimli::{
    AttributeValue, DebuggingInformationEntry, Dwarf, EndianRcSlice, LittleEndian, Reader, Unit,
    UnitOffset, constants,
};

use super::rows::{Row, Rows};
use super::units::{Patience, largest, units};
use crate::frame::Frame;
use crate::image::Image;

pub(super) type Bytes = EndianRcSlice<LittleEndian>;
pub(super) type Info = Dwarf<Bytes>;

/// So long reading a file's units may take, and one question about them. (Measured: 20 ms, most of it a language's own
/// library.)
const LONGEST: Duration = Duration::from_secs(2);
/// No unit has more files, and no name of a file is longer.
const MOST_FILES: u64 = 16_384;
const LONGEST_NAME: usize = 4096;
const MOST_RANGES: usize = 1 << 18;
const MOST_ENTRIES: usize = 1 << 20;
/// Deeper inlining than this is nobody's.
const DEEPEST_INLINING: usize = 64;
/// So many answers are remembered.
const MOST_ANSWERS: usize = 4096;

/// The source lines of one file of machine code.
pub(super) struct Lines {
    info: Info,
    units: Vec<Unit<Bytes>>,
    /// Parts of the code with their unit, by address.
    spans: Vec<Span<usize>>,
    opened: RefCell<HashMap<usize, Rc<Opened>>>,
    /// Of each unit that was asked for, whether any of its code comes from the document.
    concerned: RefCell<HashMap<usize, bool>>,
    answers: RefCell<HashMap<u64, Rc<[Frame]>>>,
    /// How much time there is for all questions of a run.
    left: Rc<Cell<Duration>>,
}

/// What is being spent of the time that there is.
struct Time<'a> {
    since: Instant,
    left: &'a Cell<Duration>,
    patience: Patience,
}

impl Time<'_> {
    fn begin(left: &Cell<Duration>) -> Time<'_> {
        Time {
            since: Instant::now(),
            left,
            patience: Patience::of(left.get().min(LONGEST)),
        }
    }
}

impl Drop for Time<'_> {
    fn drop(&mut self) {
        self.left
            .set(self.left.get().saturating_sub(self.since.elapsed()));
    }
}

/// A part of the code, and what it belongs to.
struct Span<T> {
    start: u64,
    end: u64,
    of: T,
}

/// What was read of one unit.
struct Opened {
    rows: Rows,
    functions: Vec<Span<UnitOffset>>,
}

impl Lines {
    /// Whether a file has lines at all.
    pub fn are_in(image: &Image) -> bool {
        image.section_size(".debug_line").is_some() && image.section_size(".debug_info").is_some()
    }

    /// Reads which part of the code comes from which unit. Of the time that there is `left`, in all, it takes what it
    /// needs.
    pub fn read(image: &Image, left: Rc<Cell<Duration>>) -> Option<Lines> {
        let time = Time::begin(&left);
        let section = |id: gimli::SectionId| -> Result<Bytes, gimli::Error> {
            let bytes = largest(id).and_then(|largest| image.section(id.name(), largest));
            Ok(Bytes::new(bytes.unwrap_or_default().into(), LittleEndian))
        };
        let info = Dwarf::load(section).ok()?;
        let units = units(&info, time.patience);
        let mut spans = Vec::new();
        let mut most = MOST_RANGES;
        for (index, unit) in units.iter().enumerate() {
            let mut entries = unit.entries();
            if let Ok(Some((_, entry))) = entries.next_dfs() {
                each_range(&info, unit, entry, &mut most, time.patience, |range| {
                    push_span(&mut spans, range, index);
                });
            }
        }
        drop(time);
        spans.sort_by_key(|span| span.start);
        Some(Lines {
            info,
            units,
            spans,
            opened: RefCell::default(),
            concerned: RefCell::default(),
            answers: RefCell::default(),
            left,
        })
    }

    /// The calls at an address, innermost first: what was inlined there, then the function itself. Of code of which
    /// none comes from `document`, only that it has lines. The document is always the same.
    pub fn frames(&self, address: u64, document: Option<&Path>) -> Rc<[Frame]> {
        if let Some(known) = self.answers.borrow().get(&address) {
            return Rc::clone(known);
        }
        let frames: Rc<[Frame]> = self.look_up(address, document).unwrap_or_default().into();
        let mut answers = self.answers.borrow_mut();
        if answers.len() >= MOST_ANSWERS {
            answers.clear();
        }
        answers.insert(address, Rc::clone(&frames));
        frames
    }

    fn look_up(&self, address: u64, document: Option<&Path>) -> Option<Vec<Frame>> {
        let time = Time::begin(&self.left);
        let patience = time.patience;
        if patience.is_over() {
            return None;
        }
        let index = *span_at(&self.spans, address)?;
        let unit = self.units.get(index)?;
        if !document.is_none_or(|document| self.concerns(index, unit, document, patience)) {
            return Some(vec![Frame::gap()]);
        }
        let opened = self.open(index, unit, patience);
        let (row, is_exact) = opened.rows.at(address)?;
        let mut frames = Vec::new();
        if !is_exact {
            frames.push(Frame::gap());
        }
        let mut place = *row;
        // From the innermost call outwards: each one's own place, and then the place that called it.
        for call in self.inlined(unit, &opened, address, patience).iter().rev() {
            frames.extend(self.frame(unit, place));
            place = *call;
        }
        frames.extend(self.frame(unit, place));
        Some(frames)
    }

    /// Whether a unit has the document in its list of files. A language's own library is one large unit; to read its
    /// lines takes longer than everything else.
    fn concerns(
        &self,
        index: usize,
        unit: &Unit<Bytes>,
        document: &Path,
        patience: Patience,
    ) -> bool {
        let mut concerned = self.concerned.borrow_mut();
        *concerned.entry(index).or_insert_with(|| {
            let Some(program) = &unit.line_program else {
                return false;
            };
            let count = program.header().file_names().len() as u64;
            // The first file is 0 or 1, depending on the version.
            let is_it = |number| self.file(unit, number).as_deref() == Some(document);
            (0..=count.min(MOST_FILES)).any(|number| !patience.is_over() && is_it(number))
        })
    }

    fn open(&self, index: usize, unit: &Unit<Bytes>, patience: Patience) -> Rc<Opened> {
        if let Some(opened) = self.opened.borrow().get(&index) {
            return Rc::clone(opened);
        }
        let mut budget = MOST_ENTRIES;
        budget -= self
            .opened
            .borrow()
            .values()
            .map(|opened| opened.rows.len() + opened.functions.len())
            .sum::<usize>()
            .min(budget);
        let rows = Rows::read(unit, budget);
        let functions = self.functions(unit, budget.saturating_sub(rows.len()), patience);
        let opened = Rc::new(Opened { rows, functions });
        self.opened.borrow_mut().insert(index, Rc::clone(&opened));
        opened
    }

    /// All functions of a unit that have code.
    fn functions(
        &self,
        unit: &Unit<Bytes>,
        budget: usize,
        patience: Patience,
    ) -> Vec<Span<UnitOffset>> {
        let mut functions = Vec::new();
        let mut left = budget;
        let mut entries = unit.entries();
        while left > 0
            && let Ok(Some((_, entry))) = entries.next_dfs()
        {
            left -= 1;
            // To look at the clock costs as much as an entry.
            if left.is_multiple_of(64) && patience.is_over() {
                break;
            }
            if entry.tag() == constants::DW_TAG_subprogram {
                each_range(&self.info, unit, entry, &mut left, patience, |range| {
                    push_span(&mut functions, range, entry.offset());
                });
            }
        }
        functions.sort_by_key(|span| span.start);
        functions
    }

    /// The places that call what is inlined at an address, outermost first.
    fn inlined(
        &self,
        unit: &Unit<Bytes>,
        opened: &Opened,
        address: u64,
        patience: Patience,
    ) -> Vec<Row> {
        let mut calls = Vec::new();
        let Some(offset) = span_at(&opened.functions, address) else {
            return calls;
        };
        let Ok(mut entries) = unit.entries_at_offset(*offset) else {
            return calls;
        };
        let mut depth = 0isize;
        let mut seen = 0usize;
        let mut left = MOST_RANGES;
        while let Ok(Some((delta, entry))) = entries.next_dfs() {
            depth = depth.saturating_add(delta);
            seen += 1;
            // The first entry is the function itself; back at its depth, or above, the function is over.
            let is_late = seen.is_multiple_of(64) && patience.is_over();
            if is_late
                || (seen > 1 && depth <= 0)
                || seen > MOST_ENTRIES
                || calls.len() >= DEEPEST_INLINING
            {
                break;
            }
            if entry.tag() == constants::DW_TAG_inlined_subroutine {
                let mut is_here = false;
                each_range(&self.info, unit, entry, &mut left, patience, |range| {
                    is_here |= (range.begin..range.end).contains(&address);
                });
                if is_here {
                    calls.push(call_place(entry));
                }
            }
        }
        calls
    }

    fn frame(&self, unit: &Unit<Bytes>, place: Row) -> Option<Frame> {
        Some(Frame {
            file: self.file(unit, place.file)?,
            line: Some(place.line).filter(|line| *line > 0)?,
            column: Some(place.column).filter(|column| *column > 0),
            function: None,
        })
    }

    /// A file of a unit's line table. Names may be relative to the directory in which the compiler ran.
    fn file(&self, unit: &Unit<Bytes>, index: u64) -> Option<PathBuf> {
        let header = unit.line_program.as_ref()?.header();
        let file = header.file(index)?;
        let mut path = PathBuf::new();
        if let Some(directory) = &unit.comp_dir {
            path.push(text(directory)?);
        }
        if let Some(directory) = file.directory(header) {
            path.push(text(&self.info.attr_string(unit, directory).ok()?)?);
        }
        path.push(text(&self.info.attr_string(unit, file.path_name()).ok()?)?);
        Some(plain(&path))
    }
}

/// All parts of the code that belong to an entry, as long as there are any `left` to be looked at.
fn each_range(
    info: &Info,
    unit: &Unit<Bytes>,
    entry: &DebuggingInformationEntry<'_, '_, Bytes>,
    left: &mut usize,
    patience: Patience,
    mut take: impl FnMut(gimli::Range),
) {
    let value = |name| entry.attr_value(name).ok().flatten();
    if let Some(ranges) = value(constants::DW_AT_ranges)
        && !patience.is_over()
        && let Ok(Some(mut ranges)) = info.attr_ranges(unit, ranges)
    {
        while *left > 0
            && let Ok(Some(range)) = ranges.next()
        {
            *left -= 1;
            take(range);
        }
    } else if let (Some(low), Some(high)) = (
        value(constants::DW_AT_low_pc),
        value(constants::DW_AT_high_pc),
    ) && let Ok(Some(begin)) = info.attr_address(unit, low)
    {
        // The end is an address of its own, or how far it is to there.
        let end = match high.udata_value() {
            Some(size) => begin.checked_add(size),
            None => info.attr_address(unit, high).ok().flatten(),
        };
        if let Some(end) = end {
            take(gimli::Range { begin, end });
        }
    }
}

/// The place from which an inlined function was called.
fn call_place(entry: &DebuggingInformationEntry<'_, '_, Bytes>) -> Row {
    let number = |name| match entry.attr_value(name) {
        Ok(Some(AttributeValue::FileIndex(index))) => Some(index),
        Ok(Some(value)) => value.udata_value(),
        _ => None,
    };
    let small = |name| {
        number(name)
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(0)
    };
    Row {
        address: 0,
        file: number(constants::DW_AT_call_file).unwrap_or(0),
        line: small(constants::DW_AT_call_line),
        column: small(constants::DW_AT_call_column),
    }
}

fn push_span<T>(spans: &mut Vec<Span<T>>, range: gimli::Range, of: T) {
    // What the linker has thrown away begins at zero.
    if range.begin != 0 && range.begin < range.end {
        spans.push(Span {
            start: range.begin,
            end: range.end,
            of,
        });
    }
}

fn span_at<T>(spans: &[Span<T>], address: u64) -> Option<&T> {
    let after = spans.partition_point(|span| span.start <= address);
    let span = spans.get(after.checked_sub(1)?)?;
    (address < span.end).then_some(&span.of)
}

fn text(bytes: &Bytes) -> Option<String> {
    (bytes.len() <= LONGEST_NAME).then_some(())?;
    Some(bytes.to_string_lossy().ok()?.into_owned())
}

/// A path without `.` and `..`, as far as that can be told from its name.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

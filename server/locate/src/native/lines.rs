//! Source lines of machine code, with the calls that were inlined: DWARF 4 and 5.
//!
//! Everything is read when it is first needed and kept. Trees are walked, never descended into by recursion, and all
//! that is kept counts against a budget, since a program may bring debug information made up to exhaust us.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use gimli::{
    AttributeValue, DebuggingInformationEntry, Dwarf, EndianRcSlice, LittleEndian, Reader, Unit,
    UnitOffset, constants,
};

use super::rows::{Row, Rows};
use crate::frame::Frame;
use crate::image::Image;

pub(super) type Bytes = EndianRcSlice<LittleEndian>;
pub(super) type Info = Dwarf<Bytes>;

/// No section that is larger is read; `.debug_line` unpacks to much more than it takes.
const LARGEST: u64 = 32 << 20;
const LARGEST_LINES: u64 = 4 << 20;
/// A program of one file has a few units; one with its language's library in it has thousands.
const MOST_UNITS: usize = 16_384;
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

    /// Reads which part of the code comes from which unit.
    pub fn read(image: &Image) -> Option<Lines> {
        let section = |id: gimli::SectionId| -> Result<Bytes, gimli::Error> {
            use gimli::SectionId::{DebugLine, DebugLoc, DebugLocLists, DebugMacinfo, DebugMacro};
            let bytes = match id {
                // Where variables live does not matter here.
                DebugLoc | DebugLocLists | DebugMacinfo | DebugMacro => None,
                DebugLine => image.section(id.name(), LARGEST_LINES),
                _ => image.section(id.name(), LARGEST),
            };
            Ok(Bytes::new(bytes.unwrap_or_default().into(), LittleEndian))
        };
        let info = Dwarf::load(section).ok()?;
        let mut units = Vec::new();
        let mut spans = Vec::new();
        let mut left = MOST_RANGES;
        let mut headers = info.units();
        while units.len() < MOST_UNITS
            && left > 0
            && let Ok(Some(header)) = headers.next()
        {
            let Ok(unit) = info.unit(header) else {
                continue;
            };
            let mut entries = unit.entries();
            if let Ok(Some((_, entry))) = entries.next_dfs() {
                each_range(&info, &unit, entry, &mut left, |range| {
                    push_span(&mut spans, range, units.len());
                });
            }
            units.push(unit);
        }
        spans.sort_by_key(|span| span.start);
        Some(Lines {
            info,
            units,
            spans,
            opened: RefCell::default(),
            concerned: RefCell::default(),
            answers: RefCell::default(),
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
        let index = *span_at(&self.spans, address)?;
        let unit = self.units.get(index)?;
        if !document.is_none_or(|document| self.concerns(index, unit, document)) {
            return Some(vec![Frame::gap()]);
        }
        let opened = self.open(index, unit);
        let (row, is_exact) = opened.rows.at(address)?;
        let mut frames = Vec::new();
        if !is_exact {
            frames.push(Frame::gap());
        }
        let mut place = *row;
        // From the innermost call outwards: each one's own place, and then the place that called it.
        for call in self.inlined(unit, &opened, address).iter().rev() {
            frames.extend(self.frame(unit, place));
            place = *call;
        }
        frames.extend(self.frame(unit, place));
        Some(frames)
    }

    /// Whether a unit has the document in its list of files. A language's own library is one large unit; to read its
    /// lines takes longer than everything else.
    fn concerns(&self, index: usize, unit: &Unit<Bytes>, document: &Path) -> bool {
        let mut concerned = self.concerned.borrow_mut();
        *concerned.entry(index).or_insert_with(|| {
            let Some(program) = &unit.line_program else {
                return false;
            };
            let count = program.header().file_names().len() as u64;
            // The first file is 0 or 1, depending on the version.
            (0..=count).any(|number| self.file(unit, number).as_deref() == Some(document))
        })
    }

    fn open(&self, index: usize, unit: &Unit<Bytes>) -> Rc<Opened> {
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
        let functions = self.functions(unit, budget.saturating_sub(rows.len()));
        let opened = Rc::new(Opened { rows, functions });
        self.opened.borrow_mut().insert(index, Rc::clone(&opened));
        opened
    }

    /// All functions of a unit that have code.
    fn functions(&self, unit: &Unit<Bytes>, budget: usize) -> Vec<Span<UnitOffset>> {
        let mut functions = Vec::new();
        let mut left = budget;
        let mut entries = unit.entries();
        while left > 0
            && let Ok(Some((_, entry))) = entries.next_dfs()
        {
            left -= 1;
            if entry.tag() == constants::DW_TAG_subprogram {
                each_range(&self.info, unit, entry, &mut left, |range| {
                    push_span(&mut functions, range, entry.offset());
                });
            }
        }
        functions.sort_by_key(|span| span.start);
        functions
    }

    /// The places that call what is inlined at an address, outermost first.
    fn inlined(&self, unit: &Unit<Bytes>, opened: &Opened, address: u64) -> Vec<Row> {
        let mut calls = Vec::new();
        let Some(offset) = span_at(&opened.functions, address) else {
            return calls;
        };
        let Ok(mut entries) = unit.entries_at_offset(*offset) else {
            return calls;
        };
        let mut depth = 0isize;
        let mut seen = 0;
        let mut left = MOST_RANGES;
        while let Ok(Some((delta, entry))) = entries.next_dfs() {
            depth = depth.saturating_add(delta);
            seen += 1;
            // The first entry is the function itself; back at its depth, or above, the function is over.
            if (seen > 1 && depth <= 0) || seen > MOST_ENTRIES || calls.len() >= DEEPEST_INLINING {
                break;
            }
            if entry.tag() == constants::DW_TAG_inlined_subroutine {
                let mut is_here = false;
                each_range(&self.info, unit, entry, &mut left, |range| {
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
    mut take: impl FnMut(gimli::Range),
) {
    let value = |name| entry.attr_value(name).ok().flatten();
    if let Some(ranges) = value(constants::DW_AT_ranges)
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

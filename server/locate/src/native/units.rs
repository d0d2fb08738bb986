//! Which units a file's debug information has. What is small in a file can be large in memory, and parts that many units
//! share are read once for each: so what is read is counted before it is read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gimli::{
    Abbreviations, AttributeValue, Reader, Section, SectionId, Unit, UnitHeader, UnitType,
    constants,
};

use super::lines::{Bytes, Info};

/// No section that is larger is read. Of the others each byte becomes many in memory, or is gone through again and again.
const LARGEST: u64 = 32 << 20;
const LARGEST_LINES: u64 = 4 << 20;
const LARGEST_RANGES: u64 = 8 << 20;
const LARGEST_ABBREVIATIONS: u64 = 2 << 20;
/// So much of a file's abbreviations, and of the lists of files in its lines, is read in all.
const MOST_OF_ABBREVIATIONS: usize = 2 << 20;
const MOST_OF_HEADERS: usize = 1 << 20;
/// No compiler says more than this of one thing.
const MOST_ATTRIBUTES: usize = 64;
/// A program of one file has a few units; one with its language's library in it has thousands.
const MOST_UNITS: usize = 16_384;

/// The largest size up to which a section is read; none if it says nothing about lines.
pub(super) fn largest(id: SectionId) -> Option<u64> {
    Some(match id {
        SectionId::DebugLine => LARGEST_LINES,
        SectionId::DebugAbbrev => LARGEST_ABBREVIATIONS,
        SectionId::DebugRanges | SectionId::DebugRngLists => LARGEST_RANGES,
        SectionId::DebugInfo
        | SectionId::DebugStr
        | SectionId::DebugLineStr
        | SectionId::DebugStrOffsets
        | SectionId::DebugAddr => LARGEST,
        _ => return None,
    })
}

/// How long a question may take: the program stands still meanwhile, and so do its limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience(Instant);

impl Patience {
    /// From now on so long.
    pub fn of(time: Duration) -> Patience {
        Patience(Instant::now() + time)
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }
}

/// The units of a file, read as far as there is patience and room.
pub(super) fn units(info: &Info, patience: Patience) -> Vec<Unit<Bytes>> {
    let mut read = Reading {
        info,
        abbreviations: HashMap::new(),
        left_of_abbreviations: MOST_OF_ABBREVIATIONS,
        left_of_headers: MOST_OF_HEADERS,
    };
    let mut units = Vec::new();
    let mut headers = info.units();
    while units.len() < MOST_UNITS
        && !patience.is_over()
        && let Ok(Some(header)) = headers.next()
    {
        units.extend(read.unit(header));
    }
    units
}

struct Reading<'a> {
    info: &'a Info,
    /// By where they begin: several units may have the same.
    abbreviations: HashMap<usize, Option<Arc<Abbreviations>>>,
    left_of_abbreviations: usize,
    left_of_headers: usize,
}

impl Reading<'_> {
    fn unit(&mut self, header: UnitHeader<Bytes>) -> Option<Unit<Bytes>> {
        // The others have no code.
        if !matches!(
            header.type_(),
            UnitType::Compilation | UnitType::Partial | UnitType::Skeleton(_)
        ) {
            return None;
        }
        let abbreviations = self.abbreviations(&header)?;
        let mut entries = header.entries(&abbreviations);
        let (_, root) = entries.next_dfs().ok()??;
        if let Ok(Some(AttributeValue::DebugLineRef(offset))) =
            root.attr_value(constants::DW_AT_stmt_list)
        {
            let length = header_length(self.info, offset.0)?;
            self.left_of_headers = self.left_of_headers.checked_sub(length)?;
        }
        Unit::new_with_abbreviations(self.info, header, abbreviations).ok()
    }

    fn abbreviations(&mut self, header: &UnitHeader<Bytes>) -> Option<Arc<Abbreviations>> {
        let start = header.debug_abbrev_offset().0;
        if let Some(known) = self.abbreviations.get(&start) {
            return known.clone();
        }
        let mut text = self.info.debug_abbrev.reader().clone();
        let read = text.skip(start).ok().and_then(|()| {
            let length = length_of_abbreviations(text, self.left_of_abbreviations)?;
            self.left_of_abbreviations -= length;
            self.info.abbreviations(header).ok()
        });
        self.abbreviations.insert(start, read.clone());
        read
    }
}

/// How long the list of abbreviations is that `text` begins with; nothing if it is longer than `most`, or no list.
fn length_of_abbreviations(mut text: Bytes, most: usize) -> Option<usize> {
    let whole = text.len();
    loop {
        let length = whole.checked_sub(text.len())?;
        (length <= most).then_some(())?;
        if text.read_uleb128().ok()? == 0 {
            return Some(length);
        }
        // What it is, and whether it has children.
        text.read_uleb128().ok()?;
        text.read_u8().ok()?;
        let mut attributes = 0;
        loop {
            let (name, form) = (text.read_uleb128().ok()?, text.read_uleb128().ok()?);
            if form == u64::from(constants::DW_FORM_implicit_const.0) {
                text.read_sleb128().ok()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
            attributes += 1;
            (attributes <= MOST_ATTRIBUTES).then_some(())?;
        }
    }
}

/// How long the list of files is, and whatever else stands before the lines at this offset.
fn header_length(info: &Info, offset: usize) -> Option<usize> {
    let mut text = info.debug_line.reader().clone();
    text.skip(offset).ok()?;
    let (_, format) = text.read_initial_length().ok()?;
    if text.read_u16().ok()? >= 5 {
        text.skip(2).ok()?;
    }
    text.read_length(format).ok()
}

//! Programs in Go: their own table (`.gopclntab`) says how large each frame is and on which line each call stands, also
//! when a program has no other debug information. Go 1.16 and later; tried with 1.19, 1.22 and 1.27.

use std::rc::Rc;

use crate::frame::Frame;
use crate::image::Image;
use crate::memory::Memory;

use super::lines::plain;
use super::registers::Registers;
use super::unwind::Step;

/// No table that is larger is read.
const LARGEST: u64 = 32 << 20;
/// A function has no more pieces than this.
const MOST_PIECES: usize = 1 << 16;
/// Deeper inlining than this is nobody's.
const DEEPEST_INLINING: usize = 64;
/// The longest name.
const LONGEST_NAME: usize = 4096;

/// Numbers of the tables that a function has: of each instruction the call that was inlined there, and those calls.
const INLINED_AT: usize = 2;
const INLINED: usize = 3;

/// The table of one program.
pub(super) struct Go {
    data: Vec<u8>,
    /// First address of the code, before loading.
    text: u64,
    /// Whether addresses of functions are whole, as they were before 1.18, and not offsets.
    is_wide: bool,
    /// Whether what is told of a function includes the line on which it starts: since 1.20.
    has_start_line: bool,
    functions: usize,
    names: usize,
    units: usize,
    files: usize,
    pieces: usize,
    table: usize,
    /// Where the tables of functions lie in memory, before loading; unknown without symbols.
    tables: Option<u64>,
}

/// A function, where the table tells of it.
#[derive(Clone, Copy)]
struct Function {
    entry: u64,
    at: usize,
}

impl Go {
    /// Whether a program is one of Go's.
    pub fn is_in(image: &Image) -> bool {
        section_name(image).is_some()
    }

    /// Reads a program's table.
    pub fn read(image: &Image) -> Option<Go> {
        let data = image.section(section_name(image)?, LARGEST)?;
        let tables = image
            .symbols(&["go:func.*", "go.func.*"])
            .into_iter()
            .flatten()
            .next();
        Go::parse(data, image.section_address(".text")?, tables)
    }

    /// The same, of a table that was read; the code begins at `text` if the table does not say otherwise.
    pub fn parse(data: Vec<u8>, text: u64, tables: Option<u64>) -> Option<Go> {
        let magic = half(&data, 0)?;
        let (is_wide, has_start_line) = match magic {
            0xffff_fffa => (true, false),
            0xffff_fff0 => (false, false),
            0xffff_fff1 => (false, true),
            _ => return None,
        };
        // Only machines with 8 bytes to a word, and instructions of any length.
        (data.get(6..8)? == [1, 8]).then_some(())?;
        let number = |index: usize| word(&data, 8 + 8 * index);
        let offset = |index: usize| usize::try_from(number(index)?).ok();
        // The code's start came in between with 1.18.
        let first = if is_wide { 2 } else { 3 };
        let said = if is_wide { 0 } else { number(2)? };
        let text = match said {
            0 => text,
            said => said,
        };
        Some(Go {
            text,
            is_wide,
            has_start_line,
            functions: offset(0)?,
            names: offset(first)?,
            units: offset(first + 1)?,
            files: offset(first + 2)?,
            pieces: offset(first + 3)?,
            table: offset(first + 4)?,
            tables,
            data,
        })
    }

    /// The first address of the function that an address lies in.
    pub fn entry(&self, address: u64) -> Option<u64> {
        Some(self.function(address)?.entry)
    }

    /// From the frame whose registers these are, one frame back.
    pub fn step(&self, address: u64, registers: &Registers, memory: &dyn Memory) -> Step {
        let Some(function) = self.function(address) else {
            return Step::Uncovered;
        };
        let size = self.value(function, 4, address);
        let Some(size) = size.and_then(|size| u64::try_from(size).ok()) else {
            return Step::Outermost;
        };
        let returns = registers.sp.wrapping_add(size);
        match memory.word(returns) {
            None | Some(0) => Step::Outermost,
            Some(pc) => Step::Caller(Registers::new(pc, returns.wrapping_add(8))),
        }
    }

    /// The calls at an address, innermost first: what was inlined there, then the function itself. `bias` is where the
    /// program was loaded.
    pub fn frames(&self, address: u64, bias: u64, memory: &dyn Memory) -> Rc<[Frame]> {
        let mut frames = Vec::new();
        let Some(function) = self.function(address) else {
            return frames.into();
        };
        let mut at = address;
        for _ in 0..DEEPEST_INLINING {
            let inlined = self.inlined(function, at, bias, memory);
            let name = match inlined {
                Some((name, _)) => Some(name),
                None => self.number(function, 1),
            };
            frames.extend(self.frame(function, at, name));
            match inlined {
                Some((_, parent)) => at = function.entry.wrapping_add(parent.into()),
                None => break,
            }
        }
        frames.into()
    }

    fn frame(&self, function: Function, address: u64, name: Option<u32>) -> Option<Frame> {
        let file = u32::try_from(self.value(function, 5, address)?).ok()?;
        let line = self.line(function, address)?;
        let unit = self.number(function, 8)?;
        let slot = usize::try_from(unit.checked_add(file)?).ok()?;
        let name_at = half(&self.data, self.units.checked_add(slot.checked_mul(4)?)?)?;
        let file = self.text(self.files, name_at)?;
        Some(Frame {
            file: plain(file.as_ref()),
            line: Some(line).filter(|line| *line > 0)?,
            column: None,
            function: name.and_then(|name| self.text(self.names, name)),
        })
    }

    /// The name of the innermost call that was inlined at an address, and the place, after the function's start, of an
    /// instruction that belongs to who called it.
    fn inlined(
        &self,
        function: Function,
        address: u64,
        bias: u64,
        memory: &dyn Memory,
    ) -> Option<(u32, u32)> {
        let pieces = usize::try_from(self.number(function, 7)?).ok()?;
        if pieces <= INLINED_AT || pieces > 64 {
            return None;
        }
        let lists = function.at.checked_add(self.size())?;
        let index = self.piece(function, half(&self.data, lists + 4 * INLINED_AT)?, address)?;
        let index = u64::try_from(index).ok()?;
        let count = *self.data.get(lists.checked_sub(1)?)?;
        (usize::from(count) > INLINED).then_some(())?;
        let calls = lists + 4 * pieces;
        let calls = if self.is_wide {
            let aligned = calls.checked_next_multiple_of(8)?;
            word(&self.data, aligned + 8 * INLINED)?
        } else {
            let offset = half(&self.data, calls + 4 * INLINED)?;
            (offset != u32::MAX).then_some(())?;
            self.tables?.wrapping_add(offset.into())
        };
        let (size, name, parent) = if self.has_start_line {
            (16, 4, 8)
        } else {
            (20, 12, 16)
        };
        let call = calls.wrapping_add(bias).wrapping_add(index * size);
        Some((
            memory.half(call.wrapping_add(name))?,
            memory.half(call.wrapping_add(parent))?,
        ))
    }

    /// How long what is told of each function is.
    fn size(&self) -> usize {
        40 + if self.is_wide || self.has_start_line {
            4
        } else {
            0
        }
    }

    /// A number that is told of a function; the first is its own address.
    fn number(&self, function: Function, index: usize) -> Option<u32> {
        let wide = if self.is_wide { 4 } else { 0 };
        half(&self.data, function.at + wide + 4 * index)
    }

    fn function(&self, address: u64) -> Option<Function> {
        let mut low = 0;
        let mut high = self.functions.min(self.data.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.listed(middle)?.0 <= address {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let index = low.checked_sub(1)?;
        let (entry, offset) = self.listed(index)?;
        // One more is listed than there are functions: the end of the last.
        (address < self.listed(index + 1)?.0).then_some(())?;
        let at = self.table.checked_add(offset)?;
        (at < self.data.len()).then_some(Function { entry, at })
    }

    fn listed(&self, index: usize) -> Option<(u64, usize)> {
        if self.is_wide {
            let at = self.table.checked_add(index.checked_mul(16)?)?;
            let offset = word(&self.data, at.checked_add(8)?).unwrap_or_default();
            return Some((word(&self.data, at)?, usize::try_from(offset).ok()?));
        }
        let at = self.table.checked_add(index.checked_mul(8)?)?;
        let offset = half(&self.data, at.checked_add(4)?).unwrap_or_default();
        let entry = self.text.wrapping_add(half(&self.data, at)?.into());
        Some((entry, usize::try_from(offset).ok()?))
    }

    /// What the `index`th number that is told of a function leads to: a list of values by address.
    fn value(&self, function: Function, index: usize, address: u64) -> Option<i32> {
        self.piece(function, self.number(function, index)?, address)
    }

    /// The value for an address. Values and lengths are differences to the ones before, in groups of seven bits.
    fn piece(&self, function: Function, list: u32, address: u64) -> Option<i32> {
        Some(self.piece_and_last(function, list, address)?.0)
    }

    /// The line for an address. Jumps that the compiler has added are on line 1, where no function is; they belong to
    /// what comes before them.
    fn line(&self, function: Function, address: u64) -> Option<u32> {
        let list = self.number(function, 6)?;
        let line = match self.piece_and_last(function, list, address)? {
            (1, Some(last)) => last,
            (line, _) => line,
        };
        u32::try_from(line).ok()
    }

    /// The value for an address, and the one before it in the list.
    fn piece_and_last(
        &self,
        function: Function,
        list: u32,
        address: u64,
    ) -> Option<(i32, Option<i32>)> {
        if list == 0 {
            return None;
        }
        let start = self.pieces.checked_add(usize::try_from(list).ok()?)?;
        let mut bytes = self.data.get(start..)?.iter().copied();
        let mut value = -1i32;
        let mut end = function.entry;
        for piece in 0..MOST_PIECES {
            let last = (piece > 0).then_some(value);
            let difference = varint(&mut bytes)?;
            if difference == 0 && piece > 0 {
                return None;
            }
            let half = (difference >> 1).cast_signed();
            value = value.wrapping_add(if difference & 1 == 1 { !half } else { half });
            end = end.wrapping_add(varint(&mut bytes)?.into());
            if address < end {
                return Some((value, last));
            }
        }
        None
    }

    fn text(&self, list: usize, offset: u32) -> Option<String> {
        let start = list.checked_add(usize::try_from(offset).ok()?)?;
        let bytes = self.data.get(start..)?;
        let end = bytes
            .iter()
            .take(LONGEST_NAME)
            .position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(bytes.get(..end)?).into_owned())
    }
}

fn section_name(image: &Image) -> Option<&'static str> {
    [".gopclntab", ".data.rel.ro.gopclntab"]
        .into_iter()
        .find(|name| image.section_size(name).is_some())
}

fn varint(bytes: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let byte = bytes.next()?;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn half(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn word(data: &[u8], at: usize) -> Option<u64> {
    let bytes = data.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

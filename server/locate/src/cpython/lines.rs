//! From the place of an instruction to its line, by the three tables that CPython has had. The tables are the program's.

use super::layout::LineTable;

/// A line, from 1, and the column in bytes, from 1, if the table has it.
pub(super) type Position = (u32, Option<u32>);

impl LineTable {
    /// The line of the instruction that begins `at` bytes into the code; nothing if it has none, or if the table does
    /// not reach that far.
    pub fn find(self, table: &[u8], first_line: u32, at: u64) -> Option<Position> {
        let first = i64::from(first_line);
        match self {
            LineTable::Lnotab => lnotab(table, first, at).map(|line| (line, None)),
            LineTable::Ranges => ranges(table, first, at).map(|line| (line, None)),
            LineTable::Locations => locations(table, first, at),
        }
    }
}

fn valid(line: i64) -> Option<u32> {
    u32::try_from(line).ok().filter(|line| *line > 0)
}

/// Pairs: so many bytes further, so many lines further. The last instruction has no end in the table.
fn lnotab(table: &[u8], first: i64, at: u64) -> Option<u32> {
    let (mut line, mut address) = (first, 0u64);
    for pair in table.chunks_exact(2) {
        let [bytes, lines] = pair else { break };
        address = address.saturating_add(u64::from(*bytes));
        if address > at {
            break;
        }
        line = line.saturating_add(i64::from(lines.cast_signed()));
    }
    valid(line)
}

/// Pairs: a range of so many bytes is so many lines further; -128 says that it has no line.
fn ranges(table: &[u8], first: i64, at: u64) -> Option<u32> {
    const NO_LINE: i8 = -128;
    let (mut line, mut end) = (first, 0u64);
    for pair in table.chunks_exact(2) {
        let [bytes, lines] = pair else { break };
        let lines = lines.cast_signed();
        if lines != NO_LINE {
            line = line.saturating_add(i64::from(lines));
        }
        end = end.saturating_add(u64::from(*bytes));
        if at < end {
            return if lines == NO_LINE { None } else { valid(line) };
        }
    }
    None
}

/// Entries of one to many bytes; the first has its highest bit set and tells the form and how many units it covers.
fn locations(table: &[u8], first: i64, at: u64) -> Option<Position> {
    let mut bytes = table.iter().copied();
    let (mut line, mut end) = (first, 0u64);
    while let Some(head) = bytes.next() {
        if head & 0x80 == 0 {
            return None;
        }
        let units = u64::from(head & 7) + 1;
        let form = (head >> 3) & 15;
        let column = match form {
            0..=9 => Some((u32::from(form) << 3) + u32::from(bytes.next()? >> 4) + 1),
            10..=12 => {
                line = line.saturating_add(i64::from(form) - 10);
                let column = u32::from(bytes.next()?) + 1;
                bytes.next()?;
                Some(column)
            }
            13 => {
                line = line.saturating_add(signed(&mut bytes)?);
                None
            }
            14 => {
                line = line.saturating_add(signed(&mut bytes)?);
                unsigned(&mut bytes)?;
                let column = unsigned(&mut bytes)?;
                unsigned(&mut bytes)?;
                // Counted from 1 here, and 0 means that there is none.
                u32::try_from(column).ok().filter(|column| *column > 0)
            }
            _ => None,
        };
        end = end.saturating_add(units * 2);
        if at < end {
            return (form != 15).then_some((valid(line)?, column));
        }
    }
    None
}

/// Six bits at a time, the lowest first.
fn unsigned(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..60).step_by(6) {
        let byte = bytes.next()?;
        value |= u64::from(byte & 0x3f) << shift;
        if byte & 0x40 == 0 {
            return Some(value);
        }
    }
    None
}

/// The sign is in the lowest bit.
fn signed(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let value = unsigned(bytes)?;
    let size = i64::try_from(value >> 1).ok()?;
    Some(if value & 1 == 0 { size } else { -size })
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;

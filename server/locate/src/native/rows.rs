//! The line table of one unit: which address belongs to which line.

use gimli::Unit;

use super::lines::Bytes;

/// From this address on, this place. The file is a number in the unit's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub address: u64,
    pub file: u64,
    pub line: u32,
    pub column: u32,
}

/// All rows of a unit, in pieces of code without gaps.
pub(super) struct Rows {
    rows: Vec<Row>,
    pieces: Vec<Piece>,
}

struct Piece {
    start: u64,
    end: u64,
    first: usize,
    last: usize,
}

impl Rows {
    /// Reads at most `most` rows.
    pub fn read(unit: &Unit<Bytes>, most: usize) -> Rows {
        let mut read = Rows {
            rows: Vec::new(),
            pieces: Vec::new(),
        };
        let Some(program) = unit.line_program.clone() else {
            return read;
        };
        let mut program = program.rows();
        let mut first = 0;
        while read.rows.len() < most
            && let Ok(Some((_, row))) = program.next_row()
        {
            if row.end_sequence() {
                read.close(first, row.address());
                first = read.rows.len();
                continue;
            }
            let row = Row {
                address: row.address(),
                file: row.file_index(),
                line: row
                    .line()
                    .map_or(0, |line| line.get().try_into().unwrap_or(0)),
                column: match row.column() {
                    gimli::ColumnType::LeftEdge => 0,
                    gimli::ColumnType::Column(column) => column.get().try_into().unwrap_or(0),
                },
            };
            // The last of several rows for one address is the one that counts.
            match read.rows.get_mut(first..).and_then(<[Row]>::last_mut) {
                Some(last) if last.address == row.address => *last = row,
                _ => read.rows.push(row),
            }
        }
        read.rows
            .truncate(read.pieces.last().map_or(0, |piece| piece.last));
        read.pieces.sort_by_key(|piece| piece.start);
        read
    }

    fn close(&mut self, first: usize, end: u64) {
        let last = self.rows.len();
        match self.rows.get(first) {
            Some(row) if row.address != 0 && row.address < end => {
                let start = row.address;
                self.pieces.push(Piece {
                    start,
                    end,
                    first,
                    last,
                });
            }
            _ => self.rows.truncate(first),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The row for an address, and whether it is that address's own: code that was merged from several lines has none,
    /// and gets that of the code before it.
    pub fn at(&self, address: u64) -> Option<(&Row, bool)> {
        let after = self.pieces.partition_point(|piece| piece.start <= address);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        if address >= piece.end {
            return None;
        }
        let rows = self.rows.get(piece.first..piece.last)?;
        let after = rows.partition_point(|row| row.address <= address);
        let before = rows.get(..after)?;
        let row = before.iter().rev().find(|row| row.line > 0)?;
        let is_own = before.last().is_some_and(|last| last == row);
        Some((row, is_own))
    }
}

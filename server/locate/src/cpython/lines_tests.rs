//! The three tables of lines, written by hand.

use super::*;

#[test]
fn a_table_of_lines_and_bytes_is_read_as_python_reads_it() {
    // Six bytes on the first line, 50 on the next but one, then one line back.
    let table = [6, 2, 50, 255];
    let line = |at| LineTable::Lnotab.find(&table, 10, at);
    assert_eq!(line(0), Some((10, None)));
    assert_eq!(line(5), Some((10, None)));
    assert_eq!(line(6), Some((12, None)));
    assert_eq!(line(56), Some((11, None)));
}

#[test]
fn a_range_without_a_line_has_none() {
    let table = [4, 1, 2, 128, 8, 3];
    let line = |at| LineTable::Ranges.find(&table, 1, at);
    assert_eq!(line(0), Some((2, None)));
    assert_eq!(line(4), None);
    assert_eq!(line(6), Some((5, None)));
    assert_eq!(line(14), None);
}

#[test]
fn every_form_of_location_is_understood() {
    let table = [
        0x80 | 3,
        0x53, // short form 0: column 5
        0x80 | (11 << 3),
        7,
        9, // one line further, column 7
        0x80 | (13 << 3) | 1,
        0x05, // two lines back, no column
        0x80 | (14 << 3),
        0x40 | 0x08,
        0x01,
        0,
        0x04,
        0,                // 36 lines further, column 3
        0x80 | (15 << 3), // nothing
    ];
    let find = |at| LineTable::Locations.find(&table, 10, at);
    assert_eq!(find(0), Some((10, Some(6))));
    assert_eq!(find(7), Some((10, Some(6))));
    assert_eq!(find(8), Some((11, Some(8))));
    assert_eq!(find(10), Some((9, None)));
    assert_eq!(find(14), Some((45, Some(4))));
    assert_eq!(find(16), None);
    assert_eq!(find(18), None);
}

#[test]
fn nonsense_ends_without_a_line_and_soon() {
    for table in [vec![0x7f; 64], vec![0xff; 1 << 16], vec![0xf0; 3], vec![]] {
        for lines in [LineTable::Lnotab, LineTable::Ranges, LineTable::Locations] {
            lines.find(&table, u32::MAX, u64::MAX);
        }
        assert_eq!(LineTable::Locations.find(&table, 1, u64::MAX), None);
    }
}

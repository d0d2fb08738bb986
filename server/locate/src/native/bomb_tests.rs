//! Debug information that is small in a file and without end when it is read.

use std::cell::Cell;
use std::fs::{self, File};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::lines::Lines;
use crate::image::Image;

/// So much time is given, and so much more may be taken on a busy machine without optimisation.
const GIVEN: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(12);
const ADDRESS: u64 = 0x40_1000;

fn number(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        bytes.push(if number > 0 { low | 0x80 } else { low });
        if number == 0 {
            return bytes;
        }
    }
}

fn with_length(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("it fits");
    [&length.to_le_bytes()[..], content].concat()
}

/// A unit of version 5 whose first entry, of kind 1, has code around [`ADDRESS`] and the lines at 0.
fn unit(entries: &[u8]) -> Vec<u8> {
    let mut unit = vec![5, 0, 1, 8, 0, 0, 0, 0, 1];
    unit.extend(0x40_0000u64.to_le_bytes());
    unit.extend(0x10_0000u32.to_le_bytes());
    unit.extend(0u32.to_le_bytes());
    unit.extend(entries);
    with_length(&unit)
}

/// What kind 1 is.
const UNIT: [u8; 11] = [1, 0x11, 1, 0x11, 1, 0x12, 6, 0x10, 0x17, 0, 0];

/// Lines of version 5 without a line, with this list of files.
fn lines(files: &[u8]) -> Vec<u8> {
    let mut header = vec![1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
    header.extend([1, 1, 8, 1, b'/', 0]);
    header.extend(files);
    let mut lines = vec![5, 0, 8, 0];
    lines.extend(with_length(&header));
    with_length(&lines)
}

/// A program with these sections; nothing if there are no tools to make it.
fn program(sections: &[(&str, Vec<u8>)]) -> Option<Image> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("main.c"), "int main(void) { return 0; }\n").expect("written");
    let mut copy = vec!["objcopy".to_owned()];
    for (name, bytes) in sections {
        fs::write(path(name), bytes).expect("written");
        copy.push(format!("--add-section={name}={name}"));
    }
    copy.push("program".to_owned());
    let compile = ["gcc", "-o", "program", "main.c"].map(str::to_owned);
    for command in [compile.to_vec(), copy] {
        let (program, arguments) = command.split_first()?;
        #[allow(clippy::disallowed_methods)]
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory.path());
        if !command.status().is_ok_and(|status| status.success()) {
            println!("skipped: there is no {program}");
            return None;
        }
    }
    Image::of_file(File::open(path("program")).expect("it is there")).ok()
}

/// Asks for lines, and holds it against the clock.
fn ask(sections: &[(&str, Vec<u8>)]) {
    let Some(image) = program(sections) else {
        return;
    };
    let start = Instant::now();
    let left = Rc::new(Cell::new(GIVEN));
    let read = Lines::read(&image, left);
    let document = std::path::Path::new("/document");
    for address in ADDRESS..ADDRESS + 100 {
        let _ = read
            .as_ref()
            .map(|lines| lines.frames(address, Some(document)));
        let _ = read
            .as_ref()
            .map(|lines| lines.frames(address + 1000, None));
    }
    assert!(start.elapsed() < LONG, "it took {:?}", start.elapsed());
}

#[test]
fn a_long_list_of_abbreviations_that_all_units_share_is_read_once_or_not() {
    let mut abbreviations = UNIT.to_vec();
    for kind in 2..300_000 {
        abbreviations.extend(number(kind));
        abbreviations.extend([0x34, 0, 0, 0]);
    }
    abbreviations.push(0);
    ask(&[
        (".debug_info", unit(&[]).repeat(5000)),
        (".debug_abbrev", abbreviations),
        (".debug_line", lines(&[1, 1, 8, 0])),
    ]);
}

#[test]
fn an_entry_with_half_a_million_attributes_is_not_read() {
    let mut abbreviations = UNIT.to_vec();
    abbreviations[2] = 1;
    abbreviations.extend([2, 0x34, 0]);
    abbreviations.extend([0x3f, 0x19].repeat(500_000));
    abbreviations.extend([0, 0, 0]);
    ask(&[
        (".debug_info", unit(&vec![2; 1_000_000])),
        (".debug_abbrev", abbreviations),
        (".debug_line", lines(&[1, 1, 8, 0])),
    ]);
}

#[test]
fn files_that_share_a_name_of_many_megabytes_are_not_compared_for_ever() {
    let mut files = vec![1, 1, 0x0e];
    files.extend(number(200_000));
    files.resize(files.len() + 4 * 200_000, 0);
    let mut name = vec![b'a'; 31 << 20];
    name.push(0);
    ask(&[
        (".debug_info", unit(&[])),
        (".debug_abbrev", [&UNIT[..], &[0]].concat()),
        (".debug_line", lines(&files)),
        (".debug_str", name),
    ]);
}

#[test]
fn a_list_of_files_that_all_units_share_is_not_kept_for_each() {
    let mut files = vec![1, 1, 8];
    files.extend(number(500_000));
    files.extend([b'a', 0].repeat(500_000));
    ask(&[
        (".debug_info", unit(&[]).repeat(5000)),
        (".debug_abbrev", [&UNIT[..], &[0]].concat()),
        (".debug_line", lines(&files)),
    ]);
}

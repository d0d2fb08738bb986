//! What a program says of itself may be anything: nothing of it ends us, or takes long.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::calls::{behind_stub, call_before, ends_signal};
use super::go::Go;
use super::goroutines;
use super::lines::Lines;
use super::registers::Registers;
use super::unwind::{Step, Unwind};
use crate::image::Image;
use crate::memory::Memory;
use crate::process::parse_mappings;

/// Nothing may take longer, on a machine that has other things to do and without optimisation.
const LONG: Duration = Duration::from_secs(20);

/// More time than there is.
fn long() -> Rc<Cell<Duration>> {
    Rc::new(Cell::new(LONG))
}

/// Memory that holds the same bytes everywhere, shifted, but not without end.
struct Noise {
    bytes: Vec<u8>,
    left: Cell<u32>,
}

impl Noise {
    fn new(bytes: Vec<u8>) -> Noise {
        let left = Cell::new(1 << 20);
        Noise { bytes, left }
    }
}

impl Memory for Noise {
    fn fill(&self, address: u64, buffer: &mut [u8]) -> Option<()> {
        self.left.set(self.left.get().checked_sub(1)?);
        let start = usize::try_from(address % 8191).ok()?;
        for (index, byte) in buffer.iter_mut().enumerate() {
            *byte = *self.bytes.get((start + index) % self.bytes.len().max(1))?;
        }
        Some(())
    }
}

/// Programs with everything that is read here, as small as compilers make them.
fn programs() -> &'static [Vec<u8>] {
    static PROGRAMS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let text = "static inline __attribute__((always_inline)) int twice(int n) { return 2 * n; }\n\
                    int main(int n, char **v) { volatile int m = twice(n); return twice(m); }\n";
        fs::write(directory.path().join("main.c"), text).expect("written");
        let compile = |flags: &[&str]| {
            #[allow(clippy::disallowed_methods)]
            let status = Command::new(flags[0])
                .args(&flags[1..])
                .args(["-o", "program", "main.c"])
                .current_dir(directory.path())
                .status();
            let is_made = status.is_ok_and(|status| status.success());
            is_made.then(|| fs::read(directory.path().join("program")).expect("it was made"))
        };
        [
            compile(&["gcc", "-g", "-O1"]),
            compile(&["gcc", "-g", "-gdwarf-4", "-gz"]),
            compile(&["clang", "-g", "-O1"]),
        ]
        .into_iter()
        .flatten()
        .collect()
    })
}

/// Reads a file as a program that is met, and asks it about many addresses.
fn ask(bytes: &[u8], noise: &Noise, addresses: &[u64]) {
    let mut file = tempfile::tempfile().expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("written");
    ask_image(
        &Image::of_file(file).expect("it is a file"),
        noise,
        addresses,
    );
}

fn ask_image(image: &Image, noise: &Noise, addresses: &[u64]) {
    let _ = (image.is_native(), image.symbols(&["main", "runtime.allgs"]));
    let _ = (
        image.address_of(0),
        image.code_address_of(4096),
        Go::is_in(image),
    );
    let unwind = Unwind::read(image);
    let lines = Lines::are_in(image)
        .then(|| Lines::read(image, long()))
        .flatten();
    for address in addresses {
        let mut registers = Registers::new(*address, noise.word(*address).unwrap_or(0));
        registers.set(super::registers::RBP, noise.word(address ^ 77));
        if let Some(unwind) = &unwind {
            let _ = unwind.step(*address, &registers, noise);
            let _ = unwind.function(*address);
        }
        if let Some(lines) = &lines {
            let _ = lines.frames(*address, None);
        }
    }
}

/// A few cases each time; more if they are asked for.
fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: asked.and_then(|asked| asked.parse().ok()).unwrap_or(48),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_program_whose_tables_are_damaged_ends_nobody(
        which in 0..3usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..60),
        bytes in prop::collection::vec(any::<u8>(), 64..8192),
    ) {
        let Some(program) = programs().get(which) else {
            println!("skipped: there is no such compiler");
            return Ok(());
        };
        let mut program = program.clone();
        for (at, byte) in damage {
            let at = at.index(program.len());
            program[at] = byte;
        }
        let start = Instant::now();
        let addresses: Vec<u64> = (0x1000..0x1300).step_by(3).collect();
        ask(&program, &Noise::new(bytes), &addresses);
        prop_assert!(start.elapsed() < LONG, "it took {:?}", start.elapsed());
    }

    #[test]
    fn sections_of_noise_end_nobody(
        which in 0..3usize,
        name in prop::sample::select(vec![
            ".debug_info", ".debug_abbrev", ".debug_line", ".debug_rnglists", ".debug_ranges", ".debug_str",
            ".debug_line_str", ".debug_str_offsets", ".debug_addr", ".eh_frame", ".eh_frame_hdr", ".symtab",
        ]),
        noise in prop::collection::vec(any::<u8>(), 64..8192),
        kept in 0..64usize,
    ) {
        let Some(program) = programs().get(which) else {
            println!("skipped: there is no such compiler");
            return Ok(());
        };
        let mut damaged = program.clone();
        let place = {
            use object::{Object, ObjectSection};
            let file = object::read::elf::ElfFile64::<object::Endianness>::parse(&**program).expect("a program");
            file.section_by_name(name).and_then(|section| section.file_range())
        };
        let Some((start, size)) = place else { return Ok(()) };
        // The beginning, which says how the rest is to be read, stays in part of the cases.
        let from = start as usize + kept.min(size as usize);
        for (slot, byte) in damaged[from..(start + size) as usize].iter_mut().zip(noise.iter().cycle()) {
            *slot = *byte;
        }
        let begin = Instant::now();
        let addresses: Vec<u64> = (0x1000..0x1300).step_by(7).collect();
        ask(&damaged, &Noise::new(noise), &addresses);
        prop_assert!(begin.elapsed() < LONG, "it took {:?}", begin.elapsed());
    }

    #[test]
    fn a_table_of_go_that_is_noise_ends_nobody(
        magic in prop::sample::select(vec![0xffff_fffau32, 0xffff_fff0, 0xffff_fff1]),
        small in prop::collection::vec(0..2000u64, 8),
        noise in prop::collection::vec(any::<u8>(), 256..8192),
        addresses in prop::collection::vec(0..20_000u64, 1..200),
    ) {
        let mut table = magic.to_le_bytes().to_vec();
        table.extend([0, 0, 1, 8]);
        for number in small {
            table.extend(number.to_le_bytes());
        }
        table.extend(&noise);
        let begin = Instant::now();
        let memory = Noise::new(noise);
        if let Some(go) = Go::parse(table, 0x1000, Some(0x2000)) {
            for address in addresses {
                let registers = Registers::new(address, address);
                let _ = (go.entry(address), go.step(address, &registers, &memory), go.frames(address, 0, &memory));
            }
        }
        prop_assert!(begin.elapsed() < LONG, "it took {:?}", begin.elapsed());
    }

    #[test]
    fn memory_of_noise_leads_nowhere(
        noise in prop::collection::vec(any::<u8>(), 1..8192),
        address in any::<u64>(),
    ) {
        let memory = Noise::new(noise);
        let begin = Instant::now();
        let _ = (call_before(address, &memory), behind_stub(address, &memory), ends_signal(address, &memory));
        let _ = Registers::interrupted(address, &memory);
        let _ = goroutines::ancestors(address, address, |word| word % 3 == 0, &memory);
        prop_assert!(begin.elapsed() < LONG, "it took {:?}", begin.elapsed());
    }

    #[test]
    fn lists_of_mappings_may_say_anything(text in ".{0,400}", numbers in prop::collection::vec(any::<u64>(), 6)) {
        let _ = parse_mappings(&text);
        let [a, b, c, d, e, f] = numbers[..] else { return Ok(()) };
        let mappings = parse_mappings(&format!("{a:x}-{b:x} r-xp {c:x} {d:x}:{e:x} {f} {text}\n{b:x}-{a:x} \n"));
        prop_assert!(mappings.len() <= 2 + text.lines().count());
    }
}

/// Nesting without end is a matter of a few bytes, and must not be one of our stack.
#[test]
fn calls_that_are_inlined_a_million_deep_are_cut_off() {
    let Some(program) = programs().first() else {
        println!("skipped: there is no compiler");
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("program");
    fs::write(&path, program).expect("written");
    let (info, abbreviations) = (
        directory.path().join("info"),
        directory.path().join("abbreviations"),
    );
    // Unit header of version 4; then a unit, a function over all of it, and inlined calls, each in the one before.
    let mut entries = vec![1];
    let range = |entries: &mut Vec<u8>, kind: u8| {
        entries.push(kind);
        entries.extend(0x1000u64.to_le_bytes());
        entries.extend(0x10_0000u32.to_le_bytes());
    };
    entries.extend(0x1000u64.to_le_bytes());
    entries.extend(0x10_0000u32.to_le_bytes());
    entries.extend(0u32.to_le_bytes());
    range(&mut entries, 2);
    (0..1_000_000).for_each(|_| range(&mut entries, 3));
    let mut unit = u32::try_from(entries.len() + 7)
        .expect("it fits")
        .to_le_bytes()
        .to_vec();
    unit.extend([4, 0, 0, 0, 0, 0, 8]);
    unit.extend(entries);
    fs::write(&info, unit).expect("written");
    let unit_abbreviation = [1, 0x11, 1, 0x11, 1, 0x12, 6, 0x10, 0x17, 0, 0];
    let function = [2, 0x2e, 1, 0x11, 1, 0x12, 6, 0, 0];
    let inlined = [3, 0x1d, 1, 0x11, 1, 0x12, 6, 0, 0];
    let table = [&unit_abbreviation[..], &function, &inlined, &[0]].concat();
    fs::write(&abbreviations, table).expect("written");
    #[allow(clippy::disallowed_methods)]
    let status = Command::new("objcopy")
        .arg(format!("--update-section=.debug_info={}", info.display()))
        .arg(format!(
            "--update-section=.debug_abbrev={}",
            abbreviations.display()
        ))
        .arg(&path)
        .status();
    if !status.is_ok_and(|status| status.success()) {
        println!("skipped: there is no objcopy");
        return;
    }
    let start = Instant::now();
    let image =
        Image::of_file(File::open(Path::new(&path)).expect("it is there")).expect("it is a file");
    let lines = Lines::read(&image, long()).expect("there are some");
    assert!(lines.frames(0x1139, None).len() <= 66);
    assert!(start.elapsed() < LONG, "it took {:?}", start.elapsed());
}

/// An offset near the end of all numbers, to which more is added.
#[test]
fn a_function_of_go_that_lies_behind_everything_is_none() {
    let mut table = 0xffff_fffau32.to_le_bytes().to_vec();
    table.extend([0, 0, 1, 8]);
    for number in [1u64, 0, 0, 0, 0, 0, 64] {
        table.extend(number.to_le_bytes());
    }
    assert_eq!(table.len(), 64);
    for number in [0x1000u64, u64::MAX - 70, 0x2000, 0] {
        table.extend(number.to_le_bytes());
    }
    let memory = Noise::new(vec![1]);
    let go = Go::parse(table, 0x1000, None).expect("a table");
    assert!(go.frames(0x1800, 0, &memory).is_empty());
    let registers = Registers::new(0x1800, 0x1000);
    assert_eq!(go.step(0x1800, &registers, &memory), Step::Uncovered);
}

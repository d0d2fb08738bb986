//! Memory that is full of lies: everything ends, soon, and without a panic.

use std::cell::Cell;
use std::path::Path;

use proptest::prelude::*;

use super::layout::Layout;
use crate::memory::Memory;

/// Every address is there, and what lies there is mixed from a few values that lead somewhere.
struct Maze {
    seed: u64,
    values: Vec<u64>,
    reads: Cell<u64>,
}

impl Maze {
    fn word_at(&self, address: u64) -> u64 {
        let mixed = (address ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let index = (mixed >> 33) as usize % (self.values.len() + 1);
        self.values.get(index).copied().unwrap_or(mixed)
    }
}

impl Memory for Maze {
    fn fill(&self, address: u64, buffer: &mut [u8]) -> Option<()> {
        self.reads.set(self.reads.get() + 1);
        if address % 97 == self.seed % 97 {
            return None;
        }
        for (at, byte) in buffer.iter_mut().enumerate() {
            let here = address.checked_add(at as u64)?;
            *byte = self.word_at(here & !7).to_le_bytes()[(here & 7) as usize];
        }
        Some(())
    }
}

/// A program that was laid out to be read: one thread, whose frames go round in a circle.
struct Circle {
    table: u64,
    reads: Cell<u64>,
}

impl Circle {
    const RUNTIME: u64 = 0x10_0000;
    const INTERPRETER: u64 = 0x20_0000;
    const THREAD: u64 = 0x30_0000;
    const FRAME: u64 = 0x40_0000;
    const CODE: u64 = 0x50_0000;
    const KIND: u64 = 0x60_0000;
    const NAME: u64 = 0x70_0000;
    const TEXT: u64 = 0x80_0000;
    const TABLE: u64 = 0x90_0000;

    /// In the layout of 3.11.
    fn word_at(&self, address: u64) -> u64 {
        let step = |base: u64| address.wrapping_sub(base);
        match () {
            () if address == Self::RUNTIME + 40 => Self::INTERPRETER,
            () if address == Self::INTERPRETER => Self::INTERPRETER,
            () if address == Self::INTERPRETER + 16 => Self::THREAD,
            () if address == Self::THREAD + 8 => Self::THREAD,
            () if address == Self::THREAD + 16 => Self::INTERPRETER,
            () if address == Self::THREAD + 56 => Self::FRAME - 8,
            () if address == Self::FRAME => Self::FRAME,
            // Frames lie side by side, each with a code object of its own.
            () if step(Self::FRAME) < 0x10_0000 => match step(Self::FRAME) % 128 {
                32 => Self::CODE + step(Self::FRAME) / 128 * 256,
                48 => (address & !127) + 128,
                56 => Self::CODE + step(Self::FRAME) / 128 * 256 + 184,
                _ => 0,
            },
            () if step(Self::CODE) < 0x10_0000 => match step(Self::CODE) % 256 {
                8 => Self::KIND,
                72 => 1,
                112 | 120 => Self::TEXT,
                136 => Self::TABLE,
                _ => 0,
            },
            () if address == Self::KIND + 24 => Self::NAME,
            () if address == Self::NAME => u64::from_le_bytes(*b"code\0\0\0\0"),
            () if address == Self::TEXT + 16 => 4,
            () if address == Self::TEXT + 32 => (1 << 2) | (1 << 5) | (1 << 6),
            () if address == Self::TEXT + 48 => u64::from_le_bytes(*b"a.py\0\0\0\0"),
            () if address == Self::TABLE + 16 => self.table,
            // One form after the other that covers two bytes of code and says one line further.
            () if step(Self::TABLE) >= 32 && step(Self::TABLE) < 1 << 24 => 0x02e8_02e8_02e8_02e8,
            () => 0,
        }
    }
}

impl Memory for Circle {
    fn fill(&self, address: u64, buffer: &mut [u8]) -> Option<()> {
        self.reads.set(self.reads.get() + 1);
        for (at, byte) in buffer.iter_mut().enumerate() {
            let here = address.checked_add(at as u64)?;
            *byte = self.word_at(here & !7).to_le_bytes()[(here & 7) as usize];
        }
        Some(())
    }
}

#[test]
fn threads_and_frames_that_go_on_for_ever_are_left_at_some_point() {
    let layout = Layout::of_version(11).expect("it is known");
    let memory = Circle {
        table: 16,
        reads: Cell::new(0),
    };
    let threads = layout.threads(&memory, Circle::RUNTIME);
    assert_eq!(threads.len(), 4096);
    let mut frames = Vec::new();
    layout.walk(&memory, Circle::THREAD, None, &mut frames);
    assert_eq!(frames.len(), crate::reader::DEEPEST);
    assert!(
        frames
            .iter()
            .all(|frame| frame.file == Path::new("a.py") && frame.line == 2)
    );
    // The document's innermost call is all that is asked for.
    frames.clear();
    layout.walk(
        &memory,
        Circle::THREAD,
        Some(Path::new("a.py")),
        &mut frames,
    );
    assert_eq!(frames.len(), 1);
    // Long tables are read a few times, not once for each frame.
    let memory = Circle {
        table: 1 << 20,
        reads: Cell::new(0),
    };
    frames.clear();
    layout.walk(&memory, Circle::THREAD, None, &mut frames);
    assert_eq!(frames.len(), 4);
}

#[test]
fn a_table_of_offsets_that_leads_far_away_is_refused() {
    struct Table(u64);
    impl Memory for Table {
        fn fill(&self, _: u64, buffer: &mut [u8]) -> Option<()> {
            for (index, word) in buffer.chunks_mut(8).enumerate() {
                let value = match index {
                    0 => u64::from_le_bytes(*b"xdebugpy"),
                    1 => 0x030d_00f0,
                    2 => 0,
                    _ => self.0,
                };
                word.copy_from_slice(value.to_le_bytes().get(..word.len())?);
            }
            Some(())
        }
    }
    assert!(Layout::of_runtime(&Table(64), 1).is_some());
    assert!(Layout::of_runtime(&Table(1 << 20), 1).is_none());
    assert!(Layout::of_runtime(&Table(u64::MAX), 1).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_memory_is_too_strange(
        seed: u64,
        values in proptest::collection::vec(prop_oneof![
            any::<u64>(), 0u64..4096, Just(u64::MAX), Just(u64::from_le_bytes(*b"code\0\0\0\0")),
            Just(u64::from_le_bytes(*b"xdebugpy")), 0x1000u64..0x1100,
        ], 1..12),
        at: u64,
    ) {
        let memory = Maze { seed, values, reads: Cell::new(0) };
        let known = (8..=12).filter_map(Layout::of_version);
        for layout in known.chain(Layout::of_runtime(&memory, at)) {
            let mut frames = Vec::new();
            for thread in layout.threads(&memory, at).into_iter().take(3) {
                layout.walk(&memory, thread.state, None, &mut frames);
            }
            layout.walk(&memory, at, None, &mut frames);
            prop_assert!(layout.code(&memory, at).is_none_or(|code| code.lines.len() <= 1 << 20));
            prop_assert!(frames.len() <= 4 * crate::reader::DEEPEST);
        }
        prop_assert!(memory.reads.get() < 200_000);
    }
}

//! For tests of the readers: memory that a hostile program might have, in which most words point to other words.

use std::cell::Cell;

use proptest::prelude::*;

use crate::memory::Memory;

/// Where it lies.
pub(crate) const BASE: u64 = 0x10_0000;

/// Some words of memory, and how often it was read.
#[derive(Debug)]
pub(crate) struct Noise {
    bytes: Vec<u8>,
    reads: Cell<usize>,
}

impl Noise {
    /// Its size.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// All of its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How often it was read since the last time.
    pub fn reads(&self) -> usize {
        self.reads.take()
    }
}

impl Memory for Noise {
    fn fill(&self, address: u64, buffer: &mut [u8]) -> Option<()> {
        self.reads.set(self.reads.get() + 1);
        let start = usize::try_from(address.checked_sub(BASE)?).ok()?;
        let end = start.checked_add(buffer.len())?;
        buffer.copy_from_slice(self.bytes.get(start..end)?);
        Some(())
    }
}

/// Memory of pointers into itself, small numbers, and anything else.
pub(crate) fn noise() -> impl Strategy<Value = Noise> {
    let n_words = 300_u64;
    let word = prop_oneof![
        5 => (0..n_words).prop_map(|index| BASE + index * 8),
        2 => 0..200_u64,
        1 => (0..16_u64, 0..16_u64).prop_map(|(low, high)| low | high << 32),
        1 => Just(u64::MAX),
        1 => any::<u64>(),
    ];
    proptest::collection::vec(word, 300).prop_map(|words| Noise {
        bytes: words.into_iter().flat_map(u64::to_le_bytes).collect(),
        reads: Cell::new(0),
    })
}

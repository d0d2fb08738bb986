//! Which calls led to a goroutine: the runtime keeps them if it is asked to (`GODEBUG=tracebackancestors=N`).

use crate::memory::Memory;

/// More goroutines than this are not looked through.
const MOST_GOROUTINES: u64 = 100_000;
/// So many of those that wait are asked for their stacks.
const MOST_WAITING: u64 = 64;
/// How much of what the runtime keeps of a goroutine is looked through.
const LARGEST: usize = 512;
const MOST_ANCESTORS: u64 = 100;
const MOST_CALLS: u64 = 128;

/// The calls, innermost first, in which the ancestors of the goroutine that runs at `sp` made it: first those of the
/// nearest. `all` is where the runtime lists its goroutines.
pub(super) fn ancestors(
    all: u64,
    sp: u64,
    is_code: impl Fn(u64) -> bool,
    memory: &dyn Memory,
) -> Option<Vec<u64>> {
    let goroutine = goroutine_at(all, sp, memory)?;
    let mut kept = [0; LARGEST];
    let length = memory.fill_part(goroutine, &mut kept);
    let words = kept.get(..length)?.chunks_exact(8);
    // Where the list lies differs between versions; what it looks like does not, and nothing else looks like it.
    words
        .filter_map(|word| Some(u64::from_le_bytes(word.try_into().ok()?)))
        .filter(|word| *word != 0 && word % 8 == 0)
        .find_map(|word| calls_of(word, &is_code, memory))
}

/// Where the goroutines that no thread runs go on when their turn comes: instruction and stack pointer of each, in the
/// order in which they were made. The first of all is the program's own.
pub(super) fn waiting(
    all: u64,
    is_code: impl Fn(u64) -> bool,
    memory: &dyn Memory,
) -> Vec<(u64, u64)> {
    let list = memory.pointer(all).unwrap_or(0);
    let count = memory.word(all.wrapping_add(8)).unwrap_or(0);
    let goroutines = (0..count.min(MOST_WAITING))
        .filter_map(|index| memory.pointer(list.wrapping_add(8 * index)));
    goroutines
        .filter_map(|goroutine| saved(goroutine, &is_code, memory))
        .collect()
}

/// What is saved of a goroutine: three words, of which the first points into its stack, the second to code, and the
/// third to the goroutine itself. That they do tells where they are.
fn saved(
    goroutine: u64,
    is_code: &impl Fn(u64) -> bool,
    memory: &dyn Memory,
) -> Option<(u64, u64)> {
    let mut kept = [0; LARGEST];
    let length = memory.fill_part(goroutine, &mut kept);
    let words: Vec<u64> = kept
        .get(..length)?
        .chunks_exact(8)
        .filter_map(|word| Some(u64::from_le_bytes(word.try_into().ok()?)))
        .collect();
    let (low, high) = (*words.first()?, *words.get(1)?);
    words.windows(3).find_map(|three| {
        let [sp, pc, of] = *three else { return None };
        (of == goroutine && low <= sp && sp < high && is_code(pc)).then_some((pc, sp))
    })
}

/// The goroutine whose stack holds `sp`. Where its stack lies is the first that is kept of it.
fn goroutine_at(all: u64, sp: u64, memory: &dyn Memory) -> Option<u64> {
    let list = memory.pointer(all)?;
    let count = memory.word(all.wrapping_add(8))?.min(MOST_GOROUTINES);
    (0..count).find_map(|index| {
        let goroutine = memory.pointer(list.wrapping_add(8 * index))?;
        let low = memory.word(goroutine)?;
        let high = memory.word(goroutine.wrapping_add(8))?;
        (low <= sp && sp < high).then_some(goroutine)
    })
}

fn calls_of(list: u64, is_code: &impl Fn(u64) -> bool, memory: &dyn Memory) -> Option<Vec<u64>> {
    /// What is kept of an ancestor: its calls (where, how many, room for how many), its number, what made it.
    const SIZE: u64 = 40;
    let (ancestors, count) = slice(list, MOST_ANCESTORS, memory)?;
    let mut calls = Vec::new();
    for index in 0..count {
        let ancestor = ancestors.wrapping_add(SIZE * index);
        let (places, count) = slice(ancestor, MOST_CALLS, memory)?;
        // The first goroutine of all was made by no Go code.
        let made_at = memory.word(ancestor.wrapping_add(32))?;
        (made_at == 0 || is_code(made_at)).then_some(())?;
        for index in 0..count {
            let place = memory.word(places.wrapping_add(8 * index))?;
            is_code(place).then_some(())?;
            calls.push(place);
        }
    }
    Some(calls)
}

/// Where a slice's elements lie, and how many there are: at least one.
fn slice(at: u64, most: u64, memory: &dyn Memory) -> Option<(u64, u64)> {
    let first = memory.pointer(at)?;
    let count = memory.word(at.checked_add(8)?)?;
    let room = memory.word(at.checked_add(16)?)?;
    (count > 0 && count <= room && count <= most && room <= 2 * most).then_some((first, count))
}

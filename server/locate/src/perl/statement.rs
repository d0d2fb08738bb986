//! Finds the statement that Perl left out. The first one of a block is no operation of its own where it needs not be, so
//! the current statement is then the one around the block. What is left of it still lies in the tree of operations.

use crate::memory::Memory;
use crate::script::{half_in, line_in_reason, word_in};

/// Parts of every operation.
const NEXT: u64 = 0;
const SIBLING: u64 = 8;
const FORMER_KIND: u64 = 24;
const KIND: u64 = 32;
const LINE: u64 = 36;
const FIRST_CHILD: u64 = 40;
const SIZE: usize = 48;
/// In the word with the kind: the kind itself, that a sibling follows, that there are children.
const KIND_BITS: u32 = 0x1ff;
const HAS_SIBLING: u32 = 0x4000;
const HAS_CHILDREN: u32 = 4 << 16;
/// How far the kind of a bare block lies behind that of a statement, in every version.
const BLOCK: u32 = 5;
/// No tree is followed further down.
const DEEPEST: usize = 64;

/// What is looked for: an operation, or the one before it.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// The operation itself.
    This(u64),
    /// The one after which this comes.
    Before(u64),
}

/// The line of the statement that is nearest around an operation, if it is in the tree that follows `statement`. At most
/// `left` operations are looked at.
pub(super) fn line_around(
    memory: &impl Memory,
    statement: u64,
    wanted: Wanted,
    left: &mut usize,
) -> Option<u32> {
    let operation = memory.bytes::<SIZE>(statement)?;
    let tree = Tree {
        memory,
        wanted,
        statement: half_in(&operation, KIND)? & KIND_BITS,
    };
    let line = half_in(&operation, LINE)?;
    let next = sibling(&operation)?;
    line_in_reason(tree.search(next, line, DEEPEST, left)?)
}

struct Tree<'a, M> {
    memory: &'a M,
    wanted: Wanted,
    /// The kind of a statement.
    statement: u32,
}

impl<M: Memory> Tree<'_, M> {
    /// The line of the last statement before the wanted operation, if that is below `at`.
    fn search(&self, at: u64, line: u32, depth: usize, left: &mut usize) -> Option<u32> {
        *left = left.checked_sub(1)?;
        let operation = self.memory.bytes::<SIZE>(at)?;
        let bits = half_in(&operation, KIND)?;
        let is_wanted = match self.wanted {
            Wanted::This(wanted) => at == wanted,
            Wanted::Before(next) => {
                word_in(&operation, NEXT)? == next && bits & KIND_BITS != self.statement + BLOCK
            }
        };
        if is_wanted {
            return Some(line);
        }
        let mut line = line;
        let mut child = (bits & HAS_CHILDREN != 0).then(|| word_in(&operation, FIRST_CHILD))??;
        let depth = depth.checked_sub(1)?;
        loop {
            let operation = self.memory.bytes::<SIZE>(child)?;
            let was = word_in(&operation, FORMER_KIND)?;
            if half_in(&operation, KIND)? & KIND_BITS == 0 && was == u64::from(self.statement) {
                line = half_in(&operation, LINE)?;
            }
            if let Some(found) = self.search(child, line, depth, left) {
                return Some(found);
            }
            child = sibling(&operation).filter(|_| *left > 0)?;
        }
    }
}

fn sibling(operation: &[u8]) -> Option<u64> {
    let follows = half_in(operation, KIND)? & HAS_SIBLING != 0;
    follows.then(|| word_in(operation, SIBLING))?
}

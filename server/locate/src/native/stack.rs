//! A thread's stack, copied in pieces: most walks need one.

use std::cell::RefCell;

use crate::memory::{Memory, Remote};

/// Size of a piece, and how many are kept; together no more than is ever copied.
const PIECE: u64 = 16 << 10;
const MOST_PIECES: usize = 32;

/// Memory of a process that stands still, read in larger pieces than is asked for.
pub(super) struct Stack {
    memory: Remote,
    pieces: RefCell<Vec<(u64, Vec<u8>)>>,
}

impl Stack {
    /// Of this process.
    pub fn of(memory: Remote) -> Stack {
        let pieces = RefCell::default();
        Stack { memory, pieces }
    }
}

impl Memory for Stack {
    fn fill(&self, address: u64, buffer: &mut [u8]) -> Option<()> {
        let start = address & !(PIECE - 1);
        let from = usize::try_from(address - start).ok()?;
        let to = from.checked_add(buffer.len())?;
        let mut pieces = self.pieces.borrow_mut();
        if !pieces.iter().any(|(at, _)| *at == start) {
            if pieces.len() >= MOST_PIECES || to > PIECE as usize {
                return self.memory.fill(address, buffer);
            }
            // From the address on: what lies below may not be there.
            let mut piece = vec![0; PIECE as usize];
            let read = match self.memory.fill_part(start, &mut piece) {
                0 => return self.memory.fill(address, buffer),
                read => read,
            };
            piece.truncate(read);
            pieces.push((start, piece));
        }
        let piece = pieces.iter().find(|(at, _)| *at == start);
        match piece.and_then(|(_, piece)| piece.get(from..to)) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                Some(())
            }
            None => self.memory.fill(address, buffer),
        }
    }
}

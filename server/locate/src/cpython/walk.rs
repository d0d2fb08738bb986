//! Follows the frames of one thread.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::layout::{Calls, Layout};
use super::objects::{Code, half_in, piece, pointer_in, word_in};
use crate::frame::Frame;
use crate::memory::Memory;
use crate::reader::DEEPEST;

/// From this owner on a frame stands for the interpreter itself.
const NOBODYS: u8 = 3;
/// The tables of lines that are read for one walk are together no longer than this.
const MOST_TABLES: usize = 4 << 20;

/// What was read of code objects is kept for one walk: a function that calls itself is read once.
#[derive(Default)]
pub(super) struct Codes {
    known: HashMap<u64, Option<Code>>,
    /// Bytes of all tables of lines among them.
    tables: usize,
    /// The type of all of them.
    kind: Option<u64>,
}

impl Layout {
    /// Appends the frames of the thread whose state lies at `state`, down to the first that is the document's. Stops at
    /// the first that is not as it should be.
    pub fn walk(
        &self,
        memory: &impl Memory,
        state: u64,
        document: Option<&Path>,
        frames: &mut Vec<Frame>,
    ) {
        let Some(mut at) = self.innermost(memory, state) else {
            return;
        };
        let length = self.frame_length();
        let mut codes = Codes::default();
        for _ in 0..DEEPEST {
            let Some(frame) = piece(memory, at, length) else {
                return;
            };
            if !self.is_nobodys(&frame) {
                match self.frame(memory, &frame, &mut codes) {
                    Some(Some(frame)) => {
                        let before = frames.len();
                        if super::tasks::is_loop(&frame) {
                            self.awaited(memory, at, &mut codes, frames);
                        }
                        let awaited = frames.get(before..).unwrap_or_default();
                        if awaited
                            .iter()
                            .any(|frame| Some(frame.file.as_path()) == document)
                        {
                            return;
                        }
                        let is_found = Some(frame.file.as_path()) == document;
                        frames.push(frame);
                        if is_found {
                            return;
                        }
                    }
                    Some(None) => {}
                    None => return,
                }
            }
            match pointer_in(&frame, self.previous) {
                Some(previous) => at = previous,
                None => return,
            }
        }
    }

    /// So much of a frame is read.
    pub fn frame_length(&self) -> usize {
        let owners = match self.calls {
            Calls::Interpreter { owner, copies, .. } => {
                [owner, copies.map_or(0, |copies| copies.index)]
            }
            Calls::Objects { .. } => [0, 0],
        };
        let fields = [self.code_of_frame, self.previous, self.instruction];
        fields.into_iter().chain(owners).max().unwrap_or(0) + 8
    }

    fn innermost(&self, memory: &impl Memory, state: u64) -> Option<u64> {
        let current = memory.pointer(state.checked_add(self.current as u64)?)?;
        match self.calls {
            Calls::Interpreter {
                cframe: Some(offset),
                ..
            } => memory.pointer(current.checked_add(offset as u64)?),
            _ => Some(current),
        }
    }

    fn is_nobodys(&self, frame: &[u8]) -> bool {
        match self.calls {
            Calls::Interpreter { owner, .. } => {
                frame.get(owner).is_some_and(|owner| *owner >= NOBODYS)
            }
            Calls::Objects { .. } => false,
        }
    }

    /// One frame; an inner nothing if it has no place in a file; an outer nothing if this is no frame.
    pub fn frame(
        &self,
        memory: &impl Memory,
        frame: &[u8],
        codes: &mut Codes,
    ) -> Option<Option<Frame>> {
        // Since 3.14 the lowest bits say how the object is held.
        let address = word_in(frame, self.code_of_frame)? & !3;
        let code = self.known_code(memory, address, codes)?;
        // The machinery of `import` is the interpreter's own.
        if code.file.as_encoded_bytes().starts_with(b"<frozen ") {
            return Some(None);
        }
        let at = self.offset(memory, frame, address)?;
        let Some((line, column)) = self.lines.find(&code.lines, code.first_line, at) else {
            return Some(None);
        };
        Some(Some(Frame {
            file: PathBuf::from(&code.file),
            line,
            column,
            function: Some(code.function.clone()),
        }))
    }

    fn known_code<'a>(
        &self,
        memory: &impl Memory,
        address: u64,
        codes: &'a mut Codes,
    ) -> Option<&'a Code> {
        if !codes.known.contains_key(&address) {
            let kind = self.is_code(memory, address, codes.kind)?;
            codes.kind = Some(kind);
            let code = self.code(memory, address);
            codes.tables += code.as_ref().map_or(0, |code| code.lines.len());
            if codes.tables > MOST_TABLES {
                return None;
            }
            codes.known.insert(address, code);
        }
        codes.known.get(&address)?.as_ref()
    }

    /// How far into its code a frame is, in bytes.
    fn offset(&self, memory: &impl Memory, frame: &[u8], code_object: u64) -> Option<u64> {
        match self.calls {
            // Before the first instruction it is -1.
            Calls::Objects { unit } => Some(
                u64::try_from(half_in(frame, self.instruction)?.cast_signed())
                    .unwrap_or(0)
                    .saturating_mul(unit),
            ),
            Calls::Interpreter { code, copies, .. } => {
                let instruction = pointer_in(frame, self.instruction)?;
                let mut start = code_object.checked_add(code as u64)?;
                if let Some(copies) = copies
                    && let index = u64::from(half_in(frame, copies.index)?)
                    && index > 0
                {
                    let list = memory.pointer(code_object.checked_add(copies.list as u64)?)?;
                    // Behind the list's length.
                    let entry = list.checked_add(index.checked_add(1)?.checked_mul(8)?)?;
                    start = memory.pointer(entry)?;
                }
                // Before the first instruction it points to the one before.
                Some(instruction.saturating_sub(start))
            }
        }
    }
}

//! What waits for a library's task. A task is a stack of its own: the one who awaits it is not below it, but left, and
//! found from the event loop, which knows the task that all others serve.

use std::collections::HashSet;

use super::layout::{CoroutineFrame, Layout, Top};
use super::objects::{piece, pointer_in, word_in};
use super::walk::Codes;
use crate::frame::Frame;
use crate::memory::Memory;

/// No chain of coroutines is followed further.
const MOST_AWAITED: usize = 64;
/// No task is larger.
const LARGEST_TASK: usize = 320;
/// No type's name that means something to us is longer.
const LONGEST_NAME: usize = 24;

/// Whether this is the call in which the event loop runs until a task is done.
pub(super) fn is_loop(frame: &Frame) -> bool {
    frame.function.as_deref() == Some("run_until_complete")
        && frame.file.ends_with("base_events.py")
}

impl Layout {
    /// Appends, innermost first, the coroutines of the task which the event loop runs whose frame lies at `address`.
    pub fn awaited(
        &self,
        memory: &impl Memory,
        address: u64,
        codes: &mut Codes,
        frames: &mut Vec<Frame>,
    ) -> Option<()> {
        // `self`, and then the task.
        let variable = address.checked_add(self.variables as u64)?.checked_add(8)?;
        let mut coroutine = self.coroutine_of(memory, memory.pointer(variable)? & !3);
        let mut chain = Vec::new();
        let mut seen = HashSet::new();
        while let Some(at) = coroutine
            && seen.insert(at)
            && seen.len() <= MOST_AWAITED
        {
            let Some(frame_address) = self.frame_of(memory, at) else {
                break;
            };
            let Some(bytes) = piece(memory, frame_address, self.frame_length()) else {
                break;
            };
            match self.frame(memory, &bytes, codes) {
                Some(frame) => chain.extend(frame),
                None => break,
            }
            coroutine = self
                .top_of(memory, frame_address)
                .and_then(|awaited| self.next(memory, awaited));
        }
        chain.reverse();
        if !chain.is_empty() {
            frames.push(Frame::gap());
            frames.append(&mut chain);
        }
        Some(())
    }

    fn frame_of(&self, memory: &impl Memory, coroutine: u64) -> Option<u64> {
        match self.coroutine? {
            CoroutineFrame::Pointer(offset) => {
                memory.pointer(coroutine.checked_add(offset as u64)?)
            }
            CoroutineFrame::Inside(offset) => coroutine.checked_add(offset as u64),
        }
    }

    /// What a coroutine awaits whose frame lies at `frame`.
    fn top_of(&self, memory: &impl Memory, frame: u64) -> Option<u64> {
        let field = |offset: usize| frame.checked_add(offset as u64);
        let behind = match self.top {
            Top::Pointer(offset) => memory.pointer(field(offset)?)?,
            Top::Depth { values, depth } => {
                let depth = u64::from(memory.half(field(depth)?)?);
                memory
                    .pointer(field(values)?)?
                    .checked_add(depth.checked_mul(8)?)?
            }
            Top::Index(offset) => {
                let index = u64::from(memory.half(field(offset)?)?);
                field(self.variables)?.checked_add(index.checked_mul(8)?)?
            }
        };
        Some(memory.pointer(behind.checked_sub(8)?)? & !3)
    }

    /// The coroutine that is run when `object` is awaited.
    fn next(&self, memory: &impl Memory, object: u64) -> Option<u64> {
        match self.type_name(memory, object)?.as_slice() {
            b"coroutine" | b"generator" => Some(object),
            b"_asyncio.Task" | b"Task" => self.coroutine_of(memory, object),
            b"_asyncio.FutureIter" | b"FutureIter" => {
                let words = piece(memory, object, 48)?;
                let task = (16..48).step_by(8).find_map(|offset| {
                    let inner = pointer_in(&words, offset)?;
                    let name = self.type_name(memory, inner)?;
                    matches!(name.as_slice(), b"_asyncio.Task" | b"Task").then_some(inner)
                })?;
                self.coroutine_of(memory, task)
            }
            _ => None,
        }
    }

    /// The coroutine of a task: the first object in it that is one.
    fn coroutine_of(&self, memory: &impl Memory, task: u64) -> Option<u64> {
        if !matches!(
            self.type_name(memory, task)?.as_slice(),
            b"_asyncio.Task" | b"Task"
        ) {
            return None;
        }
        let mut words = vec![0; LARGEST_TASK];
        let read = memory.fill_part(task, &mut words);
        let words = words.get(..read)?;
        (16..read).step_by(8).find_map(|offset| {
            let object =
                word_in(words, offset).filter(|object| *object > 4096 && object % 8 == 0)?;
            (self.type_name(memory, object)? == b"coroutine").then_some(object)
        })
    }

    /// The name of an object's type, if it is short.
    fn type_name(&self, memory: &impl Memory, object: u64) -> Option<Vec<u8>> {
        let kind = memory.pointer(object.checked_add(self.type_of_object as u64)?)?;
        let name = memory.pointer(kind.checked_add(self.type_name as u64)?)?;
        let mut text = vec![0; LONGEST_NAME];
        let read = memory.fill_part(name, &mut text);
        text.truncate(read);
        let end = text.iter().position(|byte| *byte == 0)?;
        text.truncate(end);
        Some(text)
    }
}

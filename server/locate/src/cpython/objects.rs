//! Reads the few kinds of objects that a stack is told with: texts, bytes, and code.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::layout::Layout;
use crate::memory::Memory;

/// No file's or function's name is longer.
const LONGEST_NAME: u64 = 4096;
/// No table of lines that is longer is read: it belongs to more than 100,000 lines of one function.
const LONGEST_TABLE: u64 = 1 << 20;
/// What is read of a table at once, and nearly always is all of it.
const FIRST_PIECE: usize = 2048;

/// A number of eight bytes in a piece of memory.
pub(super) fn word_in(piece: &[u8], offset: usize) -> Option<u64> {
    let bytes = piece.get(offset..offset.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// A number of four bytes in a piece of memory.
pub(super) fn half_in(piece: &[u8], offset: usize) -> Option<u32> {
    let bytes = piece.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// An address in a piece of memory, that is not null.
pub(super) fn pointer_in(piece: &[u8], offset: usize) -> Option<u64> {
    word_in(piece, offset).filter(|pointer| *pointer != 0)
}

/// `len` bytes at `address` behind which nothing need be readable.
pub(super) fn piece(memory: &impl Memory, address: u64, len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; len];
    memory.fill(address, &mut bytes)?;
    Some(bytes)
}

/// What a code object says of itself.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub file: OsString,
    pub function: String,
    pub first_line: u32,
    pub lines: Vec<u8>,
}

impl Layout {
    /// The type of the object at `address`, if it is `known` or what CPython calls `code`.
    pub fn is_code(&self, memory: &impl Memory, address: u64, known: Option<u64>) -> Option<u64> {
        let kind = memory.pointer(address.checked_add(self.type_of_object as u64)?)?;
        if let Some(known) = known {
            return (kind == known).then_some(kind);
        }
        let name = memory.pointer(kind.checked_add(self.type_name as u64)?)?;
        (memory.bytes::<5>(name)? == *b"code\0").then_some(kind)
    }

    /// Reads the code object at `address`.
    pub fn code(&self, memory: &impl Memory, address: u64) -> Option<Code> {
        let fields = [self.filename, self.name, self.line_table, self.first_line];
        let length = fields.into_iter().max()?.checked_add(8)?;
        let object = piece(memory, address, length)?;
        let file = self.text(memory, pointer_in(&object, self.filename)?)?;
        // A name that is not there is no file's; CPython itself never has one.
        if file.is_empty() {
            return None;
        }
        let function = self.text(memory, pointer_in(&object, self.name)?)?;
        Some(Code {
            file: OsString::from_vec(file),
            function: String::from_utf8_lossy(&function).into_owned(),
            first_line: half_in(&object, self.first_line)?,
            lines: self.table(memory, pointer_in(&object, self.line_table)?)?,
        })
    }

    /// The content of a bytes object.
    fn table(&self, memory: &impl Memory, address: u64) -> Option<Vec<u8>> {
        let mut start = vec![0; self.bytes.checked_add(FIRST_PIECE)?];
        let read = memory.fill_part(address, &mut start);
        let start = start.get(..read)?;
        let length = word_in(start, self.bytes_length).filter(|length| *length <= LONGEST_TABLE)?;
        let length = usize::try_from(length).ok()?;
        match start.get(self.bytes..self.bytes.checked_add(length)?) {
            Some(all) => Some(all.to_vec()),
            None => piece(memory, address.checked_add(self.bytes as u64)?, length),
        }
    }

    /// The characters of a text object as a file's name would have them: UTF-8, and bytes that are not as they are.
    fn text(&self, memory: &impl Memory, address: u64) -> Option<Vec<u8>> {
        let head_length = self.text_state.max(self.text_length).checked_add(8)?;
        let head = piece(memory, address, head_length)?;
        let length = word_in(&head, self.text_length).filter(|length| *length <= LONGEST_NAME)?;
        let length = usize::try_from(length).ok()?;
        let state = half_in(&head, self.text_state)? >> self.kind_shift;
        let (width, is_compact, is_ascii) = (state & 7, state & 8 != 0, state & 16 != 0);
        if !is_compact {
            return None;
        }
        if is_ascii {
            let text = piece(memory, address.checked_add(self.ascii as u64)?, length)?;
            return (width == 1 && text.is_ascii()).then_some(text);
        }
        let start = address.checked_add(self.characters as u64)?;
        let width = usize::try_from(width).ok()?;
        if !matches!(width, 1 | 2 | 4) {
            return None;
        }
        let units = piece(memory, start, length.checked_mul(width)?)?;
        let mut text = Vec::with_capacity(length);
        for unit in units.chunks_exact(width) {
            let value = unit
                .iter()
                .rev()
                .fold(0u32, |value, byte| value << 8 | u32::from(*byte));
            match (char::from_u32(value), value) {
                (Some(character), _) => {
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                // How Python keeps a byte of a name that is not UTF-8.
                (None, 0xdc80..=0xdcff) => text.push(u8::try_from(value - 0xdc00).ok()?),
                _ => return None,
            }
        }
        Some(text)
    }
}

//! PHP, from outside: the executor's chain of calls, each with the instruction that it is at. Builds without threads only:
//! those with threads keep the executor where it cannot be found from outside.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::frame::Frame;
use crate::memory::Memory;
use crate::process::Process;
use crate::reader::{DEEPEST, Reader};
use crate::script::{half_in, is_file_name, is_name, line_in_reason, script_path, word_in};

/// The current call in `executor_globals`, 7.4 to 8.4.
const CURRENT_CALL: u64 = 488;
/// Parts of `zend_execute_data`.
const CALL_INSTRUCTION: u64 = 0;
const CALL_FUNCTION: u64 = 24;
const CALL_BEFORE: u64 = 48;
/// In `zend_op`.
const INSTRUCTION_LINE: u64 = 24;
/// Kinds of `zend_function`: a user's, and the text of an `eval`.
const WITH_LINES: [u8; 2] = [2, 4];
/// The file in `zend_op_array`: 7.4, 8.0, 8.1 to 8.3, 8.4. Behind it stand the first and the last line.
const FUNCTION_FILE: [u64; 5] = [136, 144, 152, 160, 168];
/// As much of `zend_op_array` as is read.
const FUNCTION_SIZE: usize = 184;
/// Parts of `zend_string`.
const STRING_LENGTH: u64 = 16;
const STRING_TEXT: u64 = 24;

struct Php {
    executor: u64,
    /// Where functions of this build keep their file, once it is known.
    file: Option<u64>,
}

/// PHP exports its executor, for extensions.
pub(crate) fn recognise(process: &Process) -> Option<Box<dyn Reader>> {
    is_file_name(process, |name| name.contains("php")).then_some(())?;
    let found = process.symbols(&["executor_globals"], |name| name.starts_with("libphp"))?;
    let executor = (*found.first()?)?;
    let file = None;
    Some(Box::new(Php { executor, file }))
}

impl Reader for Php {
    fn frames(&mut self, process: &Process, thread: i32, frames: &mut Vec<Frame>) {
        // Other threads are not those of a PHP program.
        if thread != process.pid {
            return;
        }
        let found = self.read(&process.memory()).unwrap_or_default();
        frames.extend(found.into_iter().map(|(file, line)| Frame {
            file: script_path(process, &file),
            line,
            column: None,
            function: None,
        }));
    }
}

impl Php {
    /// Files and lines, innermost first.
    fn read(&mut self, memory: &impl Memory) -> Option<Vec<(PathBuf, u32)>> {
        let mut frames = Vec::new();
        let mut call = memory.pointer(self.executor.checked_add(CURRENT_CALL)?)?;
        for _ in 0..DEEPEST {
            if call == 0 {
                break;
            }
            let bytes = memory.bytes::<56>(call)?;
            let function = word_in(&bytes, CALL_FUNCTION)?;
            // A call without a function stands for something else, such as a generator that goes on.
            if function != 0 && WITH_LINES.contains(&memory.byte(function)?) {
                let instruction = word_in(&bytes, CALL_INSTRUCTION)?;
                let line = memory.half(instruction.checked_add(INSTRUCTION_LINE)?)?;
                let line = line_in_reason(line)?;
                frames.push((self.file_of(memory, function, line)?, line));
            }
            call = word_in(&bytes, CALL_BEFORE)?;
        }
        Some(frames)
    }

    fn file_of(&mut self, memory: &impl Memory, function: u64, line: u32) -> Option<PathBuf> {
        let bytes = memory.bytes::<FUNCTION_SIZE>(function)?;
        let known: &[u64] = match &self.file {
            Some(known) => std::slice::from_ref(known),
            None => &FUNCTION_FILE,
        };
        // The right place is the one with a name whose length is right, of a function that has this line.
        let (place, name) = known.iter().find_map(|place| {
            let (first, last) = (half_in(&bytes, place + 8)?, half_in(&bytes, place + 12)?);
            (first <= line && line <= last).then_some(())?;
            let name = word_in(&bytes, *place)?;
            let length = memory.word(name.checked_add(STRING_LENGTH)?)?;
            let text = memory.text(name.checked_add(STRING_TEXT)?)?;
            (is_name(&text) && text.len() as u64 == length).then_some((*place, text))
        })?;
        self.file = Some(place);
        Some(PathBuf::from(OsStr::from_bytes(&name)))
    }
}

#[cfg(test)]
#[path = "php_tests.rs"]
mod tests;

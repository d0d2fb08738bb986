//! What the readers of script languages share.

use std::fs;
use std::path::{Path, PathBuf};

use crate::image::Image;
use crate::memory::Memory;
use crate::process::{Process, rest_of};

/// No program has more lines than this.
const MOST_LINES: u32 = 10_000_000;
/// No more of a script is read.
const LARGEST_TEXT: u64 = 1 << 20;
/// So much of a thread's stack is looked through, at most.
const MOST_STACK: u64 = 1 << 20;
/// A thread's structure is aligned so.
const ALIGNMENT: usize = 64;

/// A line, if it can be one.
pub(crate) fn line_in_reason(line: u32) -> Option<u32> {
    (1..=MOST_LINES).contains(&line).then_some(line)
}

/// Whether these bytes can be the name of a source file.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && std::str::from_utf8(name).is_ok_and(|name| !name.contains(char::is_control))
}

/// Whether the name of the program that a process runs is one of these.
pub(crate) fn is_file_name(process: &Process, is: impl Fn(&str) -> bool) -> bool {
    let name = process.path.file_name().and_then(|name| name.to_str());
    name.is_some_and(is)
}

/// A file's path as the interpreter names it, made absolute.
pub(crate) fn script_path(process: &Process, file: &Path) -> PathBuf {
    if file.is_absolute() {
        return file.to_path_buf();
    }
    match fs::read_link(format!("/proc/{}/cwd", process.pid)) {
        Ok(directory) => directory.join(file.strip_prefix("./").unwrap_or(file)),
        Err(_) => file.to_path_buf(),
    }
}

/// A process's arguments.
pub(crate) fn command_line(pid: i32) -> Vec<String> {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text.split(|byte| *byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

/// The text of a script, as far as it can be looked at.
pub(crate) fn text_of(process: &Process, path: &Path) -> Option<String> {
    let image = Image::of_process(process.pid, path).ok()?;
    let text = image.beginning(LARGEST_TEXT)?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// A word of a structure that was read in one piece.
pub(crate) fn word_in(bytes: &[u8], offset: u64) -> Option<u64> {
    let start = usize::try_from(offset).ok()?;
    let bytes = bytes.get(start..start.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Four bytes of a structure that was read in one piece.
pub(crate) fn half_in(bytes: &[u8], offset: u64) -> Option<u32> {
    let start = usize::try_from(offset).ok()?;
    let bytes = bytes.get(start..start.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// The structure in which the C library keeps a thread that is not the first: behind its stack, and it begins with its
/// own address twice.
pub(crate) fn thread_structure(process: &Process, thread: i32) -> Option<u64> {
    let stack = stack_of(process, thread, MOST_STACK)?;
    (0..stack.bytes.len())
        .step_by(ALIGNMENT)
        .find_map(|offset| {
            let skew = stack.start.wrapping_neg() % ALIGNMENT as u64;
            let offset = offset as u64 + skew;
            let address = stack.start.checked_add(offset)?;
            (word_in(&stack.bytes, offset)? == address
                && word_in(&stack.bytes, offset + 16)? == address)
                .then_some(address)
        })
}

/// A piece of a thread's stack, from where it stands.
pub(crate) struct Stack {
    /// Address of the first byte.
    pub start: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Stack {
    /// Its words, innermost first.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        self.bytes
            .chunks_exact(8)
            .map(|word| word.try_into().map_or(0, u64::from_le_bytes))
    }
}

/// Reads a thread's stack, up to its end but not more than `most`.
pub(crate) fn stack_of(process: &Process, thread: i32, most: u64) -> Option<Stack> {
    let start = rest_of(thread)?.sp & !7;
    let known = process.mapping_at(start).map(|mapping| mapping.end);
    let size = known.map_or(most, |end| (end - start).min(most));
    let mut bytes = vec![0; usize::try_from(size).ok()?];
    let read = process.memory().fill_part(start, &mut bytes);
    bytes.truncate(read);
    Some(Stack { start, bytes })
}

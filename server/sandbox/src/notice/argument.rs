//! Reads what the arguments of a stopped call point to. All of it is the program's, and may change under our eyes.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use belljar_sys::Notification;

use crate::filter::Place;

/// The longest path that the kernel takes, with its null byte.
const LONGEST: usize = 4096;
/// A page, where readable memory may end.
const PAGE: u64 = 4096;
/// Read at first: most paths are shorter, and more would cost more.
const USUAL: usize = 192;
/// The working directory, in place of a descriptor (`AT_FDCWD`).
const HERE: i32 = -100;

/// The text at `address` up to its null byte; none if it is longer than a path, empty, or not there.
pub fn text_at(thread: i32, address: u64) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(USUAL);
    let mut at = address;
    while text.len() < LONGEST {
        let mut buffer = [0u8; 1024];
        let size = if text.is_empty() { USUAL } else { buffer.len() };
        // Not past the end of a page: the next one may not be there.
        let room = usize::try_from(PAGE - at % PAGE).ok()?.min(size);
        let part = buffer.get_mut(..room)?;
        let read = belljar_sys::read_memory(thread, at, part).ok()?;
        let part = part.get(..read)?;
        if let Some(end) = part.iter().position(|byte| *byte == 0) {
            text.extend_from_slice(part.get(..end)?);
            return (!text.is_empty()).then_some(text);
        }
        if part.is_empty() {
            return None;
        }
        text.extend_from_slice(part);
        at = at.checked_add(read as u64)?;
    }
    None
}

/// Eight bytes at `address`.
pub fn word_at(thread: i32, address: u64) -> Option<u64> {
    let mut bytes = [0u8; 8];
    let read = belljar_sys::read_memory(thread, address, &mut bytes).ok()?;
    (read == bytes.len()).then(|| u64::from_ne_bytes(bytes))
}

/// The argument of this number.
pub fn argument(call: &Notification, number: u8) -> u64 {
    call.arguments
        .get(usize::from(number))
        .copied()
        .unwrap_or(0)
}

/// The absolute path in the cell that a call names, neither links nor `..` followed.
pub fn path_of(call: &Notification, place: Place) -> Option<PathBuf> {
    let (directory, path) = match place {
        Place::Path(path) => (HERE, path),
        // The kernel reads a descriptor as an `int`.
        Place::At(directory, path) => (argument(call, directory) as i32, path),
        Place::Open(descriptor) => {
            return opened(call.thread, argument(call, descriptor) as i32);
        }
    };
    let text = text_at(call.thread, argument(call, path))?;
    let path = PathBuf::from(OsString::from_vec(text));
    if path.is_absolute() {
        return Some(path);
    }
    let directory = if directory == HERE {
        fs::read_link(format!("/proc/{}/cwd", call.thread)).ok()?
    } else {
        opened(call.thread, directory)?
    };
    directory.is_absolute().then(|| directory.join(path))
}

/// What a thread has open, by its path in the cell; none if it is no file.
fn opened(thread: i32, descriptor: i32) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/{thread}/fd/{descriptor}")).ok()?;
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_up_to_its_end_and_never_further_than_a_path_goes() {
        let me = std::process::id() as i32;
        let short = b"/etc/hosts\0rest".to_vec();
        assert_eq!(text_at(me, short.as_ptr() as u64).unwrap(), b"/etc/hosts");
        let mut long = vec![b'a'; 3000];
        long.push(0);
        assert_eq!(text_at(me, long.as_ptr() as u64).unwrap().len(), 3000);
        let endless = vec![b'a'; 3 * LONGEST];
        assert_eq!(text_at(me, endless.as_ptr() as u64), None);
        assert_eq!(text_at(me, 16), None);
        assert_eq!(text_at(me, u64::MAX - 3), None);
    }
}

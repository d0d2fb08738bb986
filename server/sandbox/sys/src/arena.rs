//! Memory that a process shares with one that it clones later: what is written here before or after the clone, the clone
//! reads at the same addresses, without a copy and without a word of parsing.

use std::alloc::Layout;
use std::cell::Cell;
use std::ffi::CStr;
use std::io;
use std::ptr::NonNull;

/// A piece of such memory, given out from its beginning and never taken back.
///
/// Whoever made it writes each thing once, when it is given out, and reads none of it after the clone: by then it belongs to
/// the clone too.
pub struct Arena {
    base: NonNull<u8>,
    size: usize,
    used: Cell<usize>,
}

impl Arena {
    /// Room for `size` bytes. Pages take memory when they are first used.
    ///
    /// # Errors
    /// What the kernel said to mmap.
    pub fn new(size: usize) -> io::Result<Arena> {
        // SAFETY: a new mapping wherever the kernel likes; nothing of ours is touched.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Arena {
            base,
            size,
            used: Cell::new(0),
        })
    }

    fn take(&self, layout: Layout) -> io::Result<NonNull<u8>> {
        let start = self.used.get().next_multiple_of(layout.align());
        let end = start
            .checked_add(layout.size())
            .filter(|end| *end <= self.size);
        let end = end.ok_or(io::ErrorKind::OutOfMemory)?;
        self.used.set(end);
        // SAFETY: `start` is within the mapping, whose beginning is aligned to a page.
        Ok(unsafe { self.base.add(start) })
    }

    /// A copy of `values` in the arena. What they refer to must be in it too, or the clone would not find it.
    ///
    /// # Errors
    /// The arena is full.
    pub fn copy<T: Copy>(&self, values: &[T]) -> io::Result<&[T]> {
        let layout = Layout::for_value(values);
        assert!(layout.align() <= 4096, "aligned to no more than a page");
        let place = self.take(layout)?.cast::<T>();
        // SAFETY: `place` is aligned, large enough and given to nobody else; the values are plain copies.
        Ok(unsafe {
            place
                .as_ptr()
                .copy_from_nonoverlapping(values.as_ptr(), values.len());
            std::slice::from_raw_parts(place.as_ptr(), values.len())
        })
    }

    /// A copy of one value.
    ///
    /// # Errors
    /// The arena is full.
    pub fn put<T: Copy>(&self, value: T) -> io::Result<&T> {
        self.copy(&[value])?
            .first()
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// A string for the kernel. Of one with a null byte in it, only what is before.
    ///
    /// # Errors
    /// The arena is full.
    pub fn text(&self, bytes: &[u8]) -> io::Result<&CStr> {
        let place = self.take(Layout::for_value(bytes))?;
        self.take(Layout::new::<u8>())?;
        // SAFETY: both pieces lie side by side, as they have no alignment, and are given to nobody else; the last byte is
        // still the zero that the kernel put there.
        let copied = unsafe {
            place
                .as_ptr()
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            std::slice::from_raw_parts(place.as_ptr(), bytes.len() + 1)
        };
        Ok(CStr::from_bytes_until_nul(copied).unwrap_or(c""))
    }

    /// `count` numbers for the clone to write to, all zero.
    ///
    /// # Errors
    /// The arena is full.
    pub fn numbers(&self, count: usize) -> io::Result<&[Cell<i32>]> {
        let layout = Layout::array::<i32>(count).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let place = self.take(layout)?.cast::<Cell<i32>>();
        // SAFETY: aligned, large enough, given to nobody else, and all zeros are valid numbers.
        Ok(unsafe { std::slice::from_raw_parts(place.as_ptr(), count) })
    }

    /// `count` bytes for the clone to use as it likes, aligned for a stack.
    ///
    /// # Errors
    /// The arena is full.
    pub fn room(&self, count: usize) -> io::Result<&[Cell<u8>]> {
        let layout = Layout::from_size_align(count, 64).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let place = self.take(layout)?.cast::<Cell<u8>>();
        // SAFETY: as above.
        Ok(unsafe { std::slice::from_raw_parts(place.as_ptr(), count) })
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: our own mapping, whole; everything given out of it borrowed `self`. A clone keeps its own.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.size) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_stays_apart_and_reads_back() {
        let arena = Arena::new(1 << 16).expect("memory");
        let name = arena.text(b"name").expect("room");
        let odd = arena.copy(&[1u8, 2, 3]).expect("room");
        let number = arena.put(0x0123_4567_89ab_cdef_u64).expect("room");
        let cut = arena.text(b"cut\0off").expect("room");
        let cells = arena.numbers(3).expect("room");
        cells.iter().for_each(|cell| cell.set(-1));
        assert_eq!(
            (name, odd, *number),
            (c"name", &[1u8, 2, 3][..], 0x0123_4567_89ab_cdef)
        );
        assert_eq!((cut, arena.text(b"").expect("room")), (c"cut", c""));
        assert_eq!(std::ptr::from_ref(number).addr() % 8, 0);
        assert_eq!(arena.room(100).expect("room").as_ptr().addr() % 64, 0);
    }

    #[test]
    fn a_full_arena_says_so_and_stays_usable() {
        let arena = Arena::new(4096).expect("memory");
        let error = arena.copy(&[0u8; 4097]).expect_err("too much");
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        assert!(arena.copy(&[0u8; 4096]).is_ok());
        assert!(arena.put(0u8).is_err());
        assert!(arena.room(usize::MAX).is_err());
    }
}

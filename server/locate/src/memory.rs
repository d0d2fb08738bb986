//! Reads the memory of a stopped process. Every byte is the program's own and may be anything.

/// Longest string that is read.
const LONGEST_TEXT: usize = 4096;
/// A page, which is where a readable part of memory may end.
const PAGE: u64 = 4096;

/// Memory that can be read: a process's, or a test's.
pub(crate) trait Memory {
    /// Fills `buffer` from `address`, or gives nothing.
    fn fill(&self, address: u64, buffer: &mut [u8]) -> Option<()>;

    /// Fills as much of `buffer` as is there, and says how much.
    fn fill_part(&self, address: u64, buffer: &mut [u8]) -> usize {
        match self.fill(address, buffer) {
            Some(()) => buffer.len(),
            None => 0,
        }
    }

    /// `N` bytes at `address`.
    fn bytes<const N: usize>(&self, address: u64) -> Option<[u8; N]>
    where
        Self: Sized,
    {
        let mut buffer = [0; N];
        self.fill(address, &mut buffer)?;
        Some(buffer)
    }

    /// Eight bytes, as a number or an address.
    fn word(&self, address: u64) -> Option<u64> {
        let mut buffer = [0; 8];
        self.fill(address, &mut buffer)?;
        Some(u64::from_le_bytes(buffer))
    }

    /// An address that is not null.
    fn pointer(&self, address: u64) -> Option<u64> {
        self.word(address).filter(|pointer| *pointer != 0)
    }

    /// Four bytes.
    fn half(&self, address: u64) -> Option<u32> {
        let mut buffer = [0; 4];
        self.fill(address, &mut buffer)?;
        Some(u32::from_le_bytes(buffer))
    }

    /// One byte.
    fn byte(&self, address: u64) -> Option<u8> {
        let mut buffer = [0; 1];
        self.fill(address, &mut buffer)?;
        Some(buffer[0])
    }

    /// Text that ends in a zero byte, without it; nothing if it is longer than a path can be.
    fn text(&self, address: u64) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        let mut at = address;
        while text.len() < LONGEST_TEXT {
            let mut buffer = [0; 256];
            // Not past the end of a page: the next one may not be there.
            let room = usize::try_from(PAGE - at % PAGE).ok()?.min(buffer.len());
            let part = buffer.get_mut(..room)?;
            self.fill(at, part)?;
            if let Some(end) = part.iter().position(|byte| *byte == 0) {
                text.extend_from_slice(part.get(..end)?);
                return Some(text);
            }
            text.extend_from_slice(part);
            at = at.checked_add(u64::try_from(room).ok()?)?;
        }
        None
    }
}

/// The memory of a process (any of its threads' ids will do).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remote(pub i32);

impl Memory for Remote {
    fn fill(&self, address: u64, buffer: &mut [u8]) -> Option<()> {
        let read = belljar_sys::read_memory(self.0, address, buffer).ok()?;
        (read == buffer.len()).then_some(())
    }

    fn fill_part(&self, address: u64, buffer: &mut [u8]) -> usize {
        belljar_sys::read_memory(self.0, address, buffer).unwrap_or(0)
    }
}

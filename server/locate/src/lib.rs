//! Given a stopped thread, says which source line it is on.
//!
//! The door that the sandbox knocks on is here; the rooms behind it (native code, CPython, shells, Node) come with the
//! next release. Until then the answer is always that only the document is known.

/// Where a thread is, as far as its stack tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Only that it belongs to the run.
    Document,
}

impl Place {
    /// The line in the document, from 1.
    pub fn line(self) -> Option<u32> {
        match self {
            Place::Document => None,
        }
    }
}

/// Where `thread`, which stands still in a system call, is.
pub fn locate(thread: i32) -> Place {
    let _ = thread;
    Place::Document
}

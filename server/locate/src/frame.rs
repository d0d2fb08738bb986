//! What is found: frames of a stack, and the place in the document that they come down to.

use std::path::{Path, PathBuf};

/// How sure a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The document's own frame made the call.
    Exact,
    /// A library made the call; this is the document's line that called it.
    Caller,
    /// Only that it belongs to the run.
    Document,
}

/// Where a thread is, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line in the program's text, from 1; none if only the document is known.
    pub line: Option<u32>,
    /// Column in the program's text, from 1.
    pub column: Option<u32>,
    /// How sure it is.
    pub certainty: Certainty,
}

impl Place {
    /// Only that it belongs to the run.
    pub const UNKNOWN: Place = Place {
        line: None,
        column: None,
        certainty: Certainty::Document,
    };
}

/// One call on a stack that has a source line. Calls without one (a C library, an interpreter's own) are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The source file, as the program names it.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: Option<u32>,
    /// The function's name.
    pub function: Option<String>,
}

impl Frame {
    /// Stands for calls of which nothing can be told, but that they lie between this and the next frame. So what follows
    /// is known to be a caller.
    pub(crate) fn gap() -> Frame {
        Frame {
            file: PathBuf::new(),
            line: 0,
            column: None,
            function: None,
        }
    }

    /// Whether it is no call but a gap.
    pub(crate) fn is_gap(&self) -> bool {
        self.line == 0
    }
}

/// What a stack, innermost first, says about a document.
pub(crate) fn place_in(document: &Path, frames: &[Frame]) -> Option<Place> {
    let index = frames.iter().position(|frame| frame.file == document)?;
    let frame = frames.get(index)?;
    Some(Place {
        line: Some(frame.line),
        column: frame.column,
        certainty: if index == 0 {
            Certainty::Exact
        } else {
            Certainty::Caller
        },
    })
}

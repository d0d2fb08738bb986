//! Why we will not run something, with the lines of the document that are to blame.

use crate::Refusal;

/// Something that a document says of its own run and that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, from 1.
    pub line: u32,
    /// Why not.
    pub message: String,
}

/// A refusal, and what of the document it is about.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub refusal: Refusal,
    pub faults: Vec<Fault>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused {
            refusal,
            faults: Vec::new(),
        }
    }
}

impl Refused {
    /// For the faults of the document `name`. The first one is named.
    pub fn for_faults(name: &str, faults: Vec<Fault>) -> Refused {
        let line = faults.first().map_or(1, |fault| fault.line);
        Refused {
            refusal: Refusal {
                reason: format!("what `{name}` says of its own run on line {line} cannot be done"),
                hint: "mend that comment, or take its `belljar:` away".to_owned(),
            },
            faults,
        }
    }
}

//! What a run reports: events while it lives, and the report they fold into. Pure; knows no editor and no kernel.

mod event;
mod fold;
mod hostile;
mod keep;
mod violation;

pub use event::{Ending, Event, Posture, Stream, Usage};
pub use fold::{Fold, Gap, Output, Report, SourceError};
pub use hostile::{displayable, displayable_line};
pub use violation::{Confidence, Kind, Layer, Violation};

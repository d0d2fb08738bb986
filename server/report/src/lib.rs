//! What a run reports: events while it lives, and the report they fold into. Pure; knows no editor and no kernel.

mod decode;
mod event;
mod expected;
mod fold;
mod hostile;
mod keep;
mod violation;
mod words;

pub use event::{Ending, Event, Posture, Stream, Usage};
pub use expected::Expected;
pub use fold::{Fold, Gap, Obstacle, Output, Report, SourceError};
pub use hostile::{Displayer, displayable, displayable_line};
pub use violation::{Confidence, Kind, Layer, Violation};
pub use words::{
    advice_words, confidence_words, duration, ending_words, innocence_words, is_of_request,
    signal_name, system_words, violation_words,
};

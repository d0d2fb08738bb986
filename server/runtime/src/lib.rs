//! How each language is run: runtime files, language detection, selection -> program text and line map. Pure.

mod host;

pub use host::{FileKind, Host};

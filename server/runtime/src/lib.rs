//! How each language is run: runtime files, language detection, selection -> program text and line map. Pure.

mod broad;
mod catalogue;
mod check;
mod choose;
mod chunks;
mod commands;
mod definition;
mod expand;
mod find;
mod host;
mod keep;
mod line_map;
mod marks;
mod messages;
mod program;
mod shipped_file;

pub use broad::is_broad;
pub use catalogue::{Catalogue, Runtime, RuntimeError};
pub use commands::{Commands, Invocation, SupportFile};
pub use find::{FoundTool, FoundWay, MissingTool, Places, install_hint};
pub use host::{FileKind, Host};
pub use line_map::LineMap;
pub use marks::has_project_mark;
pub use messages::{Found, Messages};
pub use program::Program;

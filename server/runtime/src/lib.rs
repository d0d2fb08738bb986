//! How each language is run: runtime files, language detection, selection -> program text and line map. Pure.

mod broad;
mod catalogue;
mod cells;
mod check;
mod choose;
mod chunks;
mod commands;
mod definition;
mod expand;
mod fence;
mod find;
mod host;
mod keep;
mod line_map;
mod marks;
mod messages;
mod outline;
mod program;
mod shipped_file;

pub use broad::is_broad;
pub use catalogue::{Catalogue, Runtime, RuntimeError};
pub use cells::Cell;
pub use commands::{Commands, Invocation, SupportFile};
pub use fence::Block;
pub use find::{FoundTool, FoundWay, MissingTool, Places, install_hint};
pub use host::{FileKind, Host};
pub use line_map::LineMap;
pub use marks::has_project_mark;
pub use messages::{Found, Messages};
pub use outline::{Function, NeedsArguments};
pub use program::Program;

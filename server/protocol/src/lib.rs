//! The language server: documents, code actions, lenses, commands, and turning a report into what an editor can show.
//!
//! One actor owns all state and answers in microseconds; handlers only forward to it (see `server.rs`), and the
//! only way out is the outbox. This room is the only one that names a type of the protocol.
#![forbid(unsafe_code)]

mod actions;
mod actor;
mod arguments;
mod commands;
mod diagnostics;
mod documents;
mod expectations;
mod extent;
mod framing;
mod granting;
mod hints;
mod hover;
mod inbox;
mod lenses;
mod notebooks;
mod outbox;
mod output_files;
mod parent;
mod parts;
mod policies;
mod positions;
mod profile;
mod references;
mod results;
mod run_stream;
mod runner;
mod selection;
mod serve;
mod server;
mod shown;
mod summary;
mod transport;
mod uris;
pub mod wire;
mod words;

pub use serve::serve;

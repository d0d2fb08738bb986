//! The language server: documents, code actions, lenses, commands, and turning a report into what an editor can show.

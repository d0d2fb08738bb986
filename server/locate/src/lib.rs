//! Given a stopped thread, says which source line it is on.
//!
//! The door that the sandbox knocks on is here; the rooms behind it (native code, CPython, shells, Node) come with the
//! next release, and until then the answer is always that only the document is known.

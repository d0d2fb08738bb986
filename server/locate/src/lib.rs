//! Given a stopped thread, says which line of the document it is on.
//!
//! Stacks are read from outside while the kernel holds the thread, and nothing in the program is changed. Only where a
//! stack does not show it, something of ours in the program says it: a preload in Node, a handler for crashes in compiled
//! programs. What is read or heard is the program's own and may be a lie, so it is bounded, checked, and only ever shown.

mod bash;
mod cpython;
mod crash;
mod dash;
mod family;
mod frame;
mod headers;
mod image;
mod known_builds;
mod locator;
mod lua;
mod memory;
mod native;
#[cfg(test)]
#[path = "noise_tests.rs"]
mod noise;
mod perl;
mod php;
mod process;
mod r;
mod reader;
mod ruby;
mod script;
#[cfg(test)]
#[path = "standing_tests.rs"]
mod standing;
mod stuck;
mod told;

pub use crash::Crash;
pub use frame::{Certainty, Frame, Place};
pub use known_builds::{KnownBuild, known_builds};
pub use locator::Locator;
pub use process::wait_for_rest;
pub use told::Operation;

/// From now on the files of all processes that this process looks into are looked for below `root`: for whoever may not
/// look at them through the processes' own root.
pub fn look_in(root: std::os::fd::OwnedFd) {
    image::look_in(root);
}

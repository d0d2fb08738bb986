//! Carries out a `RunPlan` on Linux: builds a cell for it, watches it, and tells what happens as `Event`s.
//! The only room that starts a process.

mod cell;
mod cgroup;
mod construct;
mod culprit;
mod disk;
pub mod doctor;
mod failure;
mod fault;
pub mod filter;
mod frames;
mod furnish;
mod identity;
mod inner;
mod kept;
mod landlock;
mod launcher;
mod limits;
mod notice;
mod output;
mod posture;
mod prepare;
mod procfs;
mod rlimits;
mod site;
mod spool;
mod stub;
mod talk;
mod tally;
mod watch;
mod watcher;

pub use belljar_sys::begin_with;
pub use cell::{Canceller, Cell, Input};
pub use inner::Remains;
pub use kept::{Stock, stock};
pub use launcher::Launcher;
pub use site::Site;
pub use talk::Audience;

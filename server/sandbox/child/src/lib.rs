//! Everything between `clone` and `execve`. This crate has no allocator, so nothing here can allocate.
//!
//! The process that runs this is pid 1 of the cell. It furnishes the cell, gives up every privilege, reports what it can
//! read back about itself, waits for the word to go on, and then starts the steps of the run and reaps what they leave.
//! Everything it needs was prepared before; see `Prepared`. The order is the design: "Order" in ARCHITECTURE.md.
#![no_std]
#![allow(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod clock;
mod enter;
mod furnish;
mod init;
mod kernel;
mod network;
mod posture;
mod prepared;
mod privilege;

pub use init::{clone_into_cell, hand_over, hand_over_filter};
pub use prepared::{
    Access, Answer, Arguments, Filters, Ground, Instruction, Message, Namespace, Operation,
    Prepared, Program, Rlimit, Step, Stub, posture_bit, resource,
};

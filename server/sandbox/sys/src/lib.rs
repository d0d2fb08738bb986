//! One typed function per system call. With `child`, the only unsafe code.
//!
//! Descriptors come in borrowed and go out owned; errors are the kernel's own, as `io::Error`.
#![allow(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod arena;
mod begin;
mod memory;
mod notify;
mod process;
mod socket;
mod thread;
mod trace;
mod tree;

pub use arena::Arena;
pub use begin::begin;
pub use memory::{erase_environment, read_memory};
pub use notify::{
    Notification, answer, answer_done, is_alive, next_notification, take_turns, try_listener,
};
pub use process::{
    Cloned, Waited, adopt, clear_parent_death_signal, close_descriptors_between,
    close_descriptors_from, descriptor_of, descriptor_of_process, duplicate_to, fork,
    fork_into_user_namespace, kill_by_descriptor, landlock_abi, set_dumpable, set_name,
    set_parent_death_signal, signal_by_descriptor, thread_of, wait_for,
};
pub use socket::{receive_with_descriptors, send_with_descriptors};
pub use thread::is_first_of_process;
pub use trace::{
    Change, StoppedCall, go_on, hear, is_signal_of_kernel, news_of_children, next_change,
    refused_call, seize, set_result, skip_call, stay_halted, stopped_call, try_tracing,
};
pub use tree::{attach_id_map, detached_tree};

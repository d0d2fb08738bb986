//! One typed function per system call. With `child`, the only unsafe code.
#![allow(unsafe_code)]

//! Everything between `clone` and `execve`. This crate has no allocator, so nothing here can allocate.
#![no_std]
#![allow(unsafe_code)]

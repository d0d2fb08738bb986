//! Other processes' memory, and what of our own must not be seen.

use std::io;

/// Reads up to `buffer.len()` bytes at `address` of process `pid`, and says how many were read. The bytes are the
/// program's, and may be anything.
pub fn read_memory(pid: i32, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: buffer.len(),
    };
    // SAFETY: `local` is exactly `buffer`; the remote address is the other process's and checked by the kernel.
    let n = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    if n < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(n as usize)
    }
}

/// Overwrites the environment that this process was started with, so that it cannot be read from /proc or inherited.
/// Only for a process with a single thread, in which nothing holds on to a variable.
pub fn erase_environment() {
    unsafe extern "C" {
        static mut environ: *mut *mut libc::c_char;
    }
    // SAFETY: one thread, so nobody reads the environment meanwhile (the caller's promise). Each entry is a string that
    // ends in null, in memory that the kernel gave this process to write; the array itself ends in a null pointer.
    unsafe {
        let mut entry = environ;
        if entry.is_null() {
            return;
        }
        while !(*entry).is_null() {
            let mut at = *entry;
            while *at != 0 {
                *at = 0;
                at = at.add(1);
            }
            entry = entry.add(1);
        }
        *environ = std::ptr::null_mut();
    }
}

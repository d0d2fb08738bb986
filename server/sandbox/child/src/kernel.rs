//! The system calls of the child, each once, with the error as a plain number.

use core::ffi::{CStr, c_int, c_long, c_void};

/// The kernel's error number.
pub type Errno = c_int;

/// The error of the last call.
pub fn errno() -> Errno {
    // SAFETY: the C library's own place, valid in every thread.
    unsafe { *libc::__errno_location() }
}

/// The result of a C library call.
pub fn check(value: c_int) -> Result<c_int, Errno> {
    if value < 0 { Err(errno()) } else { Ok(value) }
}

/// The result of a raw system call.
pub fn check_long(value: c_long) -> Result<c_int, Errno> {
    if value < 0 {
        Err(errno())
    } else {
        Ok(value as c_int)
    }
}

/// prctl with plain numbers.
pub fn prctl(option: c_int, a: u64, b: u64) -> Result<c_int, Errno> {
    // SAFETY: only options whose arguments are numbers come here (all callers are in this crate).
    check(unsafe { libc::prctl(option, a, b, 0u64, 0u64) })
}

/// open, never passed on by exec.
pub fn open(path: &CStr, flags: c_int, mode: u32) -> Result<c_int, Errno> {
    // SAFETY: a `CStr` ends in null.
    check(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, mode) })
}

/// close; the descriptor is gone whatever it says.
pub fn close(fd: c_int) {
    // SAFETY: the caller made this descriptor and gives it up.
    unsafe { libc::close(fd) };
}

/// Writes all of `bytes`.
pub fn write_all(fd: c_int, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        // SAFETY: `bytes` is valid for its length.
        let n = unsafe { libc::write(fd, bytes.as_ptr().cast::<c_void>(), bytes.len()) };
        if n < 0 {
            match errno() {
                libc::EINTR => continue,
                error => return Err(error),
            }
        }
        bytes = bytes.get(n as usize..).unwrap_or_default();
    }
    Ok(())
}

/// Writes `bytes` to the existing file `path`.
pub fn write_file(path: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    let fd = open(path, libc::O_WRONLY, 0)?;
    let result = write_all(fd, bytes);
    close(fd);
    result
}

/// mount(2).
pub fn mount(
    source: &CStr,
    target: &CStr,
    kind: &CStr,
    flags: u64,
    options: &CStr,
) -> Result<(), Errno> {
    // SAFETY: four strings that end in null.
    check(unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            options.as_ptr().cast::<c_void>(),
        )
    })
    .map(drop)
}

/// A detached copy of what is at `path`, seen from `directory`, and of all that is mounted below it. An empty path is the
/// directory.
pub fn open_tree(directory: c_int, path: &CStr) -> Result<c_int, Errno> {
    const CLONE: c_int = 1;
    let flags = CLONE | libc::O_CLOEXEC | libc::AT_RECURSIVE | libc::AT_EMPTY_PATH;
    // SAFETY: a `CStr` ends in null.
    check_long(unsafe { libc::syscall(libc::SYS_open_tree, directory, path.as_ptr(), flags) })
}

/// Sets attributes on a whole detached tree.
pub fn set_tree_attributes(tree: c_int, set: u64) -> Result<(), Errno> {
    // struct mount_attr: set, clear, propagation, user namespace.
    let attributes: [u64; 4] = [set, 0, 0, 0];
    // SAFETY: an empty string that ends in null, and a complete `mount_attr` of the size given.
    check_long(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree,
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            attributes.as_ptr(),
            core::mem::size_of_val(&attributes),
        )
    })
    .map(drop)
}

/// Attaches a detached tree.
pub fn move_mount(tree: c_int, target: &CStr) -> Result<(), Errno> {
    const FROM_EMPTY_PATH: c_int = 4;
    // SAFETY: two strings that end in null.
    check_long(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree,
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            FROM_EMPTY_PATH,
        )
    })
    .map(drop)
}

/// The inode number of `path`.
pub fn inode(path: &CStr) -> Result<u64, Errno> {
    // SAFETY: all zeros is a valid `stat`.
    let mut stat: libc::stat = unsafe { core::mem::zeroed() };
    // SAFETY: the path ends in null; `stat` is ours and outlives the call.
    check(unsafe { libc::stat(path.as_ptr(), &raw mut stat) })?;
    Ok(stat.st_ino)
}

/// What the link `path` says, seen from `directory`.
pub fn link_at<'b>(directory: c_int, path: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    // SAFETY: the path ends in null; `buffer` is as long as said.
    let length = unsafe {
        libc::readlinkat(
            directory,
            path.as_ptr(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        )
    };
    match usize::try_from(length) {
        Ok(length) => Ok(buffer.get(..length).unwrap_or_default()),
        Err(_) => Err(errno()),
    }
}

/// Now, in nanoseconds of a clock that never goes back.
pub fn moment_ns() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is ours. This clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

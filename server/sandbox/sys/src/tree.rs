//! Detached mount trees, for when we are root and the cell will not be. See open_tree(2), mount_setattr(2).

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

fn set_attributes(tree: BorrowedFd<'_>, set: u64, id_map: u64) -> io::Result<()> {
    // struct mount_attr: set, clear, propagation, user namespace.
    // Private: what the host mounts below it later stays outside.
    let attributes: [u64; 4] = [set, 0, libc::MS_PRIVATE, id_map];
    // SAFETY: the path is an empty string that ends in null, `attributes` is a complete `mount_attr`.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of_val(&attributes),
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A detached copy of the mount tree at `path`, with all that is mounted below it: read-only, no set-user-id, no devices.
pub fn detached_tree(path: &CStr) -> io::Result<OwnedFd> {
    const CLONE: libc::c_uint = 1;
    let flags = CLONE | libc::O_CLOEXEC as libc::c_uint | libc::AT_RECURSIVE as libc::c_uint;
    // SAFETY: a `CStr` ends in null.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel made it for us.
    let tree = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    set_attributes(
        std::os::fd::AsFd::as_fd(&tree),
        libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
        0,
    )?;
    Ok(tree)
}

/// Shows the files of `tree` as owned by whom `user_namespace` maps their owners to.
pub fn attach_id_map(tree: BorrowedFd<'_>, user_namespace: BorrowedFd<'_>) -> io::Result<()> {
    set_attributes(
        tree,
        libc::MOUNT_ATTR_IDMAP,
        user_namespace.as_raw_fd() as u64,
    )
}

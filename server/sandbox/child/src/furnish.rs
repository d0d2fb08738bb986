//! Views, directories, files and mounts: what the cell will see.

use core::ffi::{CStr, c_int};

use crate::kernel::{self, Errno, check};
use crate::prepared::{Access, Operation, Prepared};

/// Opens every view as a detached tree, before anything is mounted over what it lies below.
/// The error comes with the number of the view.
pub fn open_views(p: &Prepared<'_>) -> Result<(), (Errno, usize)> {
    for (index, (view, slot)) in p.views.iter().zip(p.trees).enumerate() {
        slot.set(open_view(view).map_err(|error| (error, index))?);
    }
    Ok(())
}

fn open_view(view: &Access<'_>) -> Result<c_int, Errno> {
    if view.tree >= 0 {
        return Ok(view.tree);
    }
    // The name is looked up once. From here on the descriptor is the thing, whatever becomes of the name.
    let tree = kernel::open_tree(view.path)?;
    let devices = if view.devices {
        0
    } else {
        libc::MOUNT_ATTR_NODEV
    };
    kernel::set_tree_attributes(
        tree,
        libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | devices,
    )?;
    Ok(tree)
}

/// Carries out the operations. The error comes with the number of the operation.
pub fn furnish(p: &Prepared<'_>) -> Result<(), (Errno, usize)> {
    for (index, operation) in p.operations.iter().enumerate() {
        carry_out(p, operation).map_err(|error| (error, index))?;
    }
    Ok(())
}

fn carry_out(p: &Prepared<'_>, operation: &Operation<'_>) -> Result<(), Errno> {
    match *operation {
        Operation::Directory { path, mode } => {
            // SAFETY: a `CStr` ends in null.
            let made = check(unsafe { libc::mkdir(path.as_ptr(), mode) });
            unless(made, libc::EEXIST)
        }
        Operation::Link { target, path } => {
            // SAFETY: both end in null.
            let made = check(unsafe { libc::symlink(target.as_ptr(), path.as_ptr()) });
            unless(made, libc::EEXIST)
        }
        Operation::File {
            path,
            content,
            mode,
        } => file(path, content, mode),
        Operation::View { view, path } => {
            let tree = p.trees.get(view).map_or(-1, core::cell::Cell::get);
            // The descriptor is closed with all others.
            kernel::move_mount(tree, path)
        }
        Operation::Bind {
            from,
            to,
            optional,
            read_only,
        } => {
            match kernel::mount(from, to, c"", libc::MS_BIND, c"") {
                Err(libc::ENOENT | libc::ENOTDIR) if optional => return Ok(()),
                other => other?,
            }
            if !read_only {
                return Ok(());
            }
            let flags = libc::MS_BIND
                | libc::MS_REMOUNT
                | libc::MS_RDONLY
                | libc::MS_NOSUID
                | libc::MS_NODEV;
            kernel::mount(c"", to, c"", flags, c"")
        }
        Operation::Mount {
            kind,
            path,
            options,
            flags,
        } => kernel::mount(kind, path, kind, flags, options),
        Operation::Whiteout { path } => {
            // SAFETY: a `CStr` ends in null. A character device 0:0 is what overlayfs takes as "not there".
            let made = check(unsafe { libc::mknod(path.as_ptr(), libc::S_IFCHR, 0) });
            unless(made, libc::EEXIST)
        }
    }
}

fn unless(result: Result<c_int, Errno>, harmless: Errno) -> Result<(), Errno> {
    match result {
        Err(error) if error != harmless => Err(error),
        _ => Ok(()),
    }
}

fn file(path: &CStr, content: &[u8], mode: u32) -> Result<(), Errno> {
    if content.is_empty() {
        // Something to attach a view onto, or an empty file; one that is there is replaced below.
        // SAFETY: a `CStr` ends in null.
        match check(unsafe { libc::mknod(path.as_ptr(), libc::S_IFREG | mode, 0) }) {
            Err(libc::EEXIST) => {}
            other => return other.map(drop),
        }
    }
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_NOFOLLOW;
    let fd = kernel::open(path, flags, mode)?;
    let written = kernel::write_all(fd, content);
    kernel::close(fd);
    written
}

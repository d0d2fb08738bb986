//! Views, directories, files and mounts: what the cell will see.

use core::cell::Cell;
use core::ffi::{CStr, c_int};

use crate::kernel::{self, Errno, check};
use crate::prepared::{Operation, Prepared};

/// Opens every view as a detached, read-only tree. What lies below `staging` is looked for below `hidden`, which is what was
/// there before the scratch space. The error comes with the number of the view.
pub fn open_views(p: &Prepared<'_>, staging: &CStr, hidden: c_int) -> Result<(), (Errno, usize)> {
    for (index, (view, slot)) in p.views.iter().zip(p.trees).enumerate() {
        let tree = match below(view.path, staging) {
            _ if view.tree >= 0 => Ok(view.tree),
            Some(path) => open_view(hidden, path, libc::MOUNT_ATTR_NODEV),
            None => open_view(libc::AT_FDCWD, view.path, libc::MOUNT_ATTR_NODEV),
        };
        slot.set(tree.map_err(|error| (error, index))?);
    }
    Ok(())
}

/// Opens the devices of every cell likewise.
pub fn open_devices(paths: &[&CStr], slots: &[Cell<c_int>]) -> Result<(), Errno> {
    for (path, slot) in paths.iter().zip(slots) {
        slot.set(open_view(libc::AT_FDCWD, path, 0)?);
    }
    Ok(())
}

/// The name is looked up once. From here on the descriptor is the thing, whatever becomes of the name.
fn open_view(directory: c_int, path: &CStr, no_devices: u64) -> Result<c_int, Errno> {
    let tree = kernel::open_tree(directory, path)?;
    kernel::set_tree_attributes(
        tree,
        libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | no_devices,
    )?;
    Ok(tree)
}

/// What is left of `path` below `directory`; nothing is left of the directory itself.
fn below<'p>(path: &'p CStr, directory: &CStr) -> Option<&'p CStr> {
    let length = directory.count_bytes();
    let rest = path.to_bytes_with_nul().get(length..)?;
    let rest = match rest.first() {
        Some(b'/') => rest.get(1..)?,
        Some(0) => rest,
        _ => return None,
    };
    let lies_there = path.to_bytes().get(..length)? == directory.to_bytes();
    CStr::from_bytes_with_nul(rest).ok().filter(|_| lies_there)
}

/// Carries out the operations. The error comes with the number of the operation.
pub fn furnish(operations: &[Operation<'_>], trees: &[Cell<c_int>]) -> Result<(), (Errno, usize)> {
    for (index, operation) in operations.iter().enumerate() {
        carry_out(operation, trees).map_err(|error| (error, index))?;
    }
    Ok(())
}

fn carry_out(operation: &Operation<'_>, trees: &[Cell<c_int>]) -> Result<(), Errno> {
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
            let tree = trees.get(view).map_or(-1, Cell::get);
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

//! What the child can read back about itself, after everything is in place.

use core::ffi::CStr;

use crate::kernel::{self, prctl};
use crate::posture_bit as bit;
use crate::prepared::Prepared;
use crate::privilege::has_no_capabilities;

/// The layers that are really on.
pub fn read_back(p: &Prepared<'_>) -> u32 {
    let mut found = 0;
    for namespace in p.namespaces {
        if kernel::inode(namespace.path).is_ok_and(|inside| inside != namespace.outside) {
            found |= namespace.bit;
        }
    }
    if prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0) == Ok(1) {
        found |= bit::NO_NEW_PRIVILEGES;
    }
    if prctl(libc::PR_GET_SECCOMP, 0, 0) == Ok(libc::SECCOMP_MODE_FILTER as i32) {
        found |= bit::SECCOMP;
    }
    if has_no_capabilities() {
        found |= bit::CAPABILITIES;
    }
    // Anyone may write to /dev/zero by its permissions; no rule of ours allows it, so only Landlock can refuse.
    if refused(c"/dev/zero", libc::O_WRONLY) == Some(libc::EACCES) {
        found |= bit::LANDLOCK;
    }
    // The staging directory lay in the old root, and `..` of the new root is the new root.
    if kernel::inode(c"/").is_ok() && kernel::inode(c"/") == kernel::inode(c"/..") && is_read_only()
    {
        found |= bit::ROOT;
    }
    if first_byte_is_zero(c"/proc/sys/user/max_user_namespaces") {
        found |= bit::NESTED;
    }
    found
}

fn refused(path: &CStr, flags: i32) -> Option<i32> {
    match kernel::open(path, flags, 0) {
        Ok(fd) => {
            kernel::close(fd);
            None
        }
        Err(error) => Some(error),
    }
}

fn is_read_only() -> bool {
    // SAFETY: all zeros is a valid `statvfs`.
    let mut facts: libc::statvfs = unsafe { core::mem::zeroed() };
    // SAFETY: the path ends in null and `facts` is ours.
    let asked = unsafe { libc::statvfs(c"/".as_ptr(), &raw mut facts) };
    asked == 0 && facts.f_flag & libc::ST_RDONLY != 0
}

/// Whether the file says 0. Asked instead of tried: trying would be a refused call that nobody answers yet.
fn first_byte_is_zero(path: &CStr) -> bool {
    let Ok(fd) = kernel::open(path, libc::O_RDONLY, 0) else {
        return false;
    };
    let mut bytes = [0u8; 2];
    // SAFETY: `bytes` is ours and as long as said.
    let n = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
    kernel::close(fd);
    n == 2 && bytes == *b"0\n"
}

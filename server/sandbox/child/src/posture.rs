//! What the child can read back about itself, after everything is in place.

use core::ffi::CStr;

use crate::kernel;
use crate::posture_bit as bit;
use crate::prepared::Prepared;

/// The layers that are really on, but for those that [`privileges`] reads. Before the filter, because from then on every
/// file that is opened has to wait for a watcher that does not listen yet.
pub fn read_back(p: &Prepared<'_>) -> u32 {
    let mut found = namespaces(p);
    // Anyone may write to /dev/zero by its permissions; no rule of ours allows it, so only Landlock can refuse.
    if refused(c"/dev/zero", libc::O_WRONLY) == Some(libc::EACCES) {
        found |= bit::LANDLOCK;
    }
    // The staging directory lay in the old root, and `..` of the new root is the new root.
    if kernel::inode(c"/").is_ok() && kernel::inode(c"/") == kernel::inode(c"/..") && is_read_only()
    {
        found |= bit::ROOT;
    }
    // Asked instead of tried: trying would be a refused call that nobody answers yet.
    if read(c"/proc/sys/user/max_user_namespaces", &mut [0; 8]) == Some(b"0\n") {
        found |= bit::NESTED;
    }
    found
}

/// Which namespaces are other ones than outside.
fn namespaces(p: &Prepared<'_>) -> u32 {
    let Ok(directory) = kernel::open(c"/proc/self/ns", libc::O_PATH | libc::O_DIRECTORY, 0) else {
        return 0;
    };
    let mut found = 0;
    for namespace in p.namespaces {
        // The link is read, and not followed: following makes a file of it first.
        if kernel::link_at(directory, namespace.name, &mut [0; 64])
            .is_ok_and(|inside| !inside.is_empty() && inside != namespace.outside)
        {
            found |= namespace.bit;
        }
    }
    kernel::close(directory);
    found
}

/// What the kernel prints about this process, for [`privileges`].
pub fn own_status() -> i32 {
    kernel::open(c"/proc/self/status", libc::O_RDONLY, 0).unwrap_or(-1)
}

/// Capabilities, no_new_privs and the filter, as the kernel prints them at the moment at which it is read.
pub fn privileges(status: i32) -> u32 {
    let mut buffer = [0u8; 4096];
    let Some(status) = read_all(status, &mut buffer) else {
        return 0;
    };
    let says = |line: &[u8]| status.windows(line.len()).any(|window| window == line);
    let mut found = 0;
    let sets: [&[u8]; 5] = [
        b"CapInh:\t0000000000000000\n",
        b"CapPrm:\t0000000000000000\n",
        b"CapEff:\t0000000000000000\n",
        b"CapBnd:\t0000000000000000\n",
        b"CapAmb:\t0000000000000000\n",
    ];
    if sets.iter().all(|set| says(set)) {
        found |= bit::CAPABILITIES;
    }
    if says(b"NoNewPrivs:\t1\n") {
        found |= bit::NO_NEW_PRIVILEGES;
    }
    // SECCOMP_MODE_FILTER.
    if says(b"Seccomp:\t2\n") {
        found |= bit::SECCOMP;
    }
    found
}

/// What is in a small file.
fn read<'b>(path: &CStr, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    read_all(kernel::open(path, libc::O_RDONLY, 0).ok()?, buffer)
}

/// What an open file holds, which is closed.
fn read_all(fd: i32, buffer: &mut [u8]) -> Option<&[u8]> {
    // SAFETY: `buffer` is as long as said.
    let n = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
    kernel::close(fd);
    buffer.get(..usize::try_from(n).ok()?)
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

//! Giving up: capabilities, Landlock, system call filters.

use core::ffi::{c_int, c_ulong};

use crate::init::ask_for_a_tracer;
use crate::kernel::{self, Errno, check_long, prctl};
use crate::prepared::{Filters, Instruction, Prepared};

/// One more than the highest capability of any kernel we know; the kernel says EINVAL from its own last one on.
const MOST_CAPABILITIES: u64 = 64;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Empties all five capability sets and locks the securebits.
pub fn drop_capabilities() -> Result<(), Errno> {
    // First, because setting them takes a capability.
    prctl(libc::PR_SET_SECUREBITS, SECUREBITS, 0)?;
    prctl(
        libc::PR_CAP_AMBIENT,
        libc::PR_CAP_AMBIENT_CLEAR_ALL as u64,
        0,
    )?;
    for capability in 0..MOST_CAPABILITIES {
        match prctl(libc::PR_CAPBSET_DROP, capability, 0) {
            Ok(_) => {}
            Err(libc::EINVAL) => break,
            Err(error) => return Err(error),
        }
    }
    let header = CapabilityHeader {
        version: CAPABILITY_VERSION_3,
        pid: 0,
    };
    let data = [CapabilityData::default(); 2];
    // SAFETY: header and data are complete and outlive the call.
    check_long(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) })
        .map(drop)
}

/// SECBIT_NOROOT, SECBIT_NO_SETUID_FIXUP and SECBIT_NO_CAP_AMBIENT_RAISE with their locks, and the lock of
/// SECBIT_KEEP_CAPS, which is off (include/uapi/linux/securebits.h).
const SECUREBITS: u64 = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80;

#[repr(C)]
struct Ruleset {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

#[repr(C, packed)]
struct PathRule {
    allowed_access: u64,
    parent: c_int,
}

/// Puts up the second wall. Nothing to do where the kernel has none.
pub fn restrict_by_landlock(p: &Prepared<'_>) -> Result<(), Errno> {
    const RULE_PATH_BENEATH: c_int = 1;
    if p.landlock_handled == 0 {
        return Ok(());
    }
    let ruleset = Ruleset {
        handled_access_fs: p.landlock_handled,
        handled_access_net: 0,
        scoped: p.landlock_scoped,
    };
    // An older kernel knows a shorter structure, and wants what lies behind it to be zero: it is, by how it was made.
    // SAFETY: a complete structure of the size given.
    let fd = check_long(unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const ruleset,
            size_of::<Ruleset>(),
            0,
        )
    })?;
    for (path, rights) in p.landlock_rules {
        let parent = match kernel::open(path, libc::O_PATH, 0) {
            Ok(parent) => parent,
            // A rule for what this cell does not have allows nothing.
            Err(libc::ENOENT) => continue,
            Err(error) => return Err(error),
        };
        let rule = PathRule {
            allowed_access: *rights,
            parent,
        };
        // SAFETY: a complete rule; the kernel copies it.
        let added = check_long(unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                fd,
                RULE_PATH_BENEATH,
                &raw const rule,
                0,
            )
        });
        kernel::close(parent);
        added?;
    }
    // SAFETY: no pointers.
    let restricted = check_long(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, fd, 0) });
    kernel::close(fd);
    restricted.map(drop)
}

const SET_MODE_FILTER: c_ulong = 1;
const NEW_LISTENER: c_ulong = 1 << 3;
/// A signal must not make a stopped call start again: the listener would see it twice (Linux 5.19).
const WAIT_KILLABLE_RECV: c_ulong = 1 << 5;

fn load(program: &[Instruction], flags: c_ulong) -> Result<c_int, Errno> {
    // `Instruction` is laid out as `sock_filter`.
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_ptr().cast_mut().cast(),
    };
    // SAFETY: `program` is as long as it says; the kernel copies and checks it, and writes nothing.
    check_long(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    })
}

/// Loads the filter. Gives the listener's descriptor, or minus the error if there is none. Then either the watcher at the other
/// end of `status` traces us, and the filter that it gave for that is on, or the silent one.
pub fn load_filters(filters: &Filters<'_>, status: c_int) -> Result<c_int, Errno> {
    if !filters.listen {
        return load(filters.silent, 0).map(|_| -libc::EOPNOTSUPP);
    }
    match load(filters.asking, NEW_LISTENER | WAIT_KILLABLE_RECV) {
        Ok(listener) => Ok(listener),
        // If the slot is taken, nothing was loaded.
        Err(error) => {
            let filter = ask_for_a_tracer(status, error).unwrap_or(filters.silent);
            load(filter, 0).map(|_| -error)
        }
    }
}

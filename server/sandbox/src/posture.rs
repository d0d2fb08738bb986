//! Which layers are on: what pid 1 of the cell reads back about itself, in the words of reports.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;

use belljar_child::{Namespace, posture_bit};
use belljar_report::Posture;
use belljar_sys::Arena;
use nix::fcntl::readlinkat;

const BITS: &[(u32, &str)] = &[
    (posture_bit::USER, "user namespace"),
    (posture_bit::MOUNT, "mount namespace"),
    (posture_bit::PID, "process namespace"),
    (posture_bit::NET, "network namespace"),
    (posture_bit::IPC, "IPC namespace"),
    (posture_bit::UTS, "host name"),
    (posture_bit::CGROUP, "control group namespace"),
    (posture_bit::NO_NEW_PRIVILEGES, "no_new_privs"),
    (posture_bit::CAPABILITIES, "empty capability sets"),
    (posture_bit::SECCOMP, "system call filter"),
    (posture_bit::ROOT, "new root"),
    (posture_bit::NESTED, "shut user namespaces"),
];

/// Which layers are not in place, in words.
pub fn missing(found: u32) -> String {
    let names: Vec<&str> = BITS
        .iter()
        .filter(|(bit, _)| found & bit == 0)
        .map(|(_, name)| *name)
        .collect();
    format!("not in place: {}", names.join(", "))
}

/// What pid 1 read back, as reports say it.
pub fn posture_of(found: u32, located: bool, notes: Vec<String>) -> Posture {
    let has = |bit: u32| found & bit != 0;
    Posture {
        user_namespace: has(posture_bit::USER) && has(posture_bit::NESTED),
        mount_namespace: has(posture_bit::MOUNT) && has(posture_bit::ROOT),
        pid_namespace: has(posture_bit::PID),
        network_namespace: has(posture_bit::NET),
        ipc_namespace: has(posture_bit::IPC),
        uts_namespace: has(posture_bit::UTS),
        cgroup_namespace: has(posture_bit::CGROUP),
        no_new_privileges: has(posture_bit::NO_NEW_PRIVILEGES),
        capabilities_dropped: has(posture_bit::CAPABILITIES),
        seccomp: has(posture_bit::SECCOMP),
        landlock_abi: u32::from(has(posture_bit::LANDLOCK)),
        cgroup: false,
        project: String::new(),
        located,
        notes,
    }
}

/// The namespaces of this process: file name, what its link says, and bit in what pid 1 reads back.
///
/// # Errors
/// What the kernel said, or the arena is full.
pub fn namespaces_outside(arena: &Arena) -> io::Result<Vec<Namespace<'_>>> {
    let directory = File::open("/proc/self/ns")?;
    [
        (c"user", posture_bit::USER),
        (c"mnt", posture_bit::MOUNT),
        (c"pid", posture_bit::PID),
        (c"net", posture_bit::NET),
        (c"ipc", posture_bit::IPC),
        (c"uts", posture_bit::UTS),
        (c"cgroup", posture_bit::CGROUP),
    ]
    .into_iter()
    .map(|(name, bit)| {
        let outside = readlinkat(&directory, name)?;
        Ok(Namespace {
            name,
            outside: arena.copy(outside.as_bytes())?,
            bit,
        })
    })
    .collect()
}

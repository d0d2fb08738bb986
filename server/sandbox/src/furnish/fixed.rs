//! What every cell has, whatever the plan: its directories, its devices, its own /etc, and masks over what /proc tells of the
//! host.

use std::ffi::CStr;

use belljar_child::Operation;
use belljar_plan::CELL_HOME;

/// MS_NOSUID and MS_NODEV of include/uapi/linux/mount.h.
pub const NOSUID_NODEV: u64 = 2 | 4;
/// MS_NOEXEC, likewise.
const NOEXEC: u64 = 8;

const fn directory(path: &'static CStr, mode: u32) -> Operation<'static> {
    Operation::Directory { path, mode }
}

const fn link(target: &'static CStr, path: &'static CStr) -> Operation<'static> {
    Operation::Link { target, path }
}

/// The places that can be written, all in one scratch space, so that one size holds for them together.
const fn scratch(from: &'static CStr, to: &'static CStr) -> Operation<'static> {
    Operation::Bind {
        from,
        to,
        optional: false,
        read_only: false,
    }
}

/// Devices that do nothing but swallow or give bytes.
pub const DEVICES: &[&CStr] = &[
    c"/dev/null",
    c"/dev/zero",
    c"/dev/full",
    c"/dev/random",
    c"/dev/urandom",
];

/// Something to attach a device onto.
const fn place_of(device: usize) -> Operation<'static> {
    Operation::File {
        path: DEVICES[device],
        content: &[],
        mode: 0o444,
    }
}

const fn device(view: usize) -> Operation<'static> {
    Operation::View {
        view,
        path: DEVICES[view],
    }
}

/// What every cell begins with: the places that can be written, the devices, its own /proc, and masks over what anyone may
/// read in the host's and the program may not in its own: keys, hardware, how the machine was booted. (bubblewrap's users,
/// Docker's masked paths, and the leaks found in both; each mask costs about 10 us. What only root may read needs none: nobody
/// in a cell is root.) Made while the plan is, before the views, some of which may lie below it.
pub const FOUNDATION: &[Operation<'static>] = &[
    directory(c"tmp", 0o1777),
    directory(c"shm", 0o1777),
    directory(c"home", 0o700),
    directory(c"/etc", 0o755),
    directory(c"/dev", 0o755),
    directory(c"/dev/shm", 0o755),
    directory(c"/proc", 0o755),
    directory(c"/tmp", 0o755),
    directory(c"/home", 0o755),
    directory(c"/home/sandbox", 0o755),
    directory(c"/var", 0o755),
    directory(c"/var/empty", 0o755),
    directory(c"/var/tmp", 0o755),
    scratch(c"tmp", c"/tmp"),
    // The same, and no link: who asks for the real path of a file there (PHP, Nim) must be told the one that the user knows.
    scratch(c"tmp", c"/var/tmp"),
    scratch(c"shm", c"/dev/shm"),
    scratch(c"home", c"/home/sandbox"),
    link(c"/proc/self/fd", c"/dev/fd"),
    link(c"fd/0", c"/dev/stdin"),
    link(c"fd/1", c"/dev/stdout"),
    link(c"fd/2", c"/dev/stderr"),
    place_of(0),
    device(0),
    place_of(1),
    device(1),
    place_of(2),
    device(2),
    place_of(3),
    device(3),
    place_of(4),
    device(4),
    Operation::Mount {
        kind: c"proc",
        path: c"/proc",
        // A process that others may not look into (pid 1 of the cell) cannot be seen at all.
        options: c"hidepid=2",
        flags: NOSUID_NODEV | NOEXEC,
    },
    file_mask(c"/proc/cmdline"),
    file_mask(c"/proc/diskstats"),
    file_mask(c"/proc/interrupts"),
    file_mask(c"/proc/kallsyms"),
    file_mask(c"/proc/key-users"),
    file_mask(c"/proc/keys"),
    file_mask(c"/proc/latency_stats"),
    file_mask(c"/proc/modules"),
    file_mask(c"/proc/partitions"),
    file_mask(c"/proc/sys/kernel/random/boot_id"),
    directory_mask(c"/proc/acpi"),
    directory_mask(c"/proc/asound"),
    directory_mask(c"/proc/bus"),
    directory_mask(c"/proc/driver"),
    directory_mask(c"/proc/fs"),
    directory_mask(c"/proc/scsi"),
];

/// Where programs keep what they need for a while: in each cell its own, and empty at first.
pub const TEMPORARY: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];

/// Everything that can be written, and that the cell has in place of what the host has there.
pub fn own_places() -> impl Iterator<Item = &'static str> {
    TEMPORARY.iter().copied().chain([CELL_HOME])
}

/// What the foundation makes that other things may want made: paths in the cell.
pub const MADE: &[&str] = &[
    "/etc",
    "/dev",
    "/dev/shm",
    "/proc",
    "/tmp",
    "/home",
    "/home/sandbox",
    "/var",
    "/var/empty",
    "/var/tmp",
];

/// Files in the cell's own /etc. They name nobody, and no name server but the cell's own loopback. The user is the one of
/// `identity::INSIDE`.
pub const SYNTHETIC: &[(&CStr, &str)] = &[
    (
        c"/etc/group",
        "root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n",
    ),
    (
        c"/etc/hosts",
        "127.0.0.1 localhost sandbox\n::1 localhost\n",
    ),
    (c"/etc/hostname", "sandbox\n"),
    (
        c"/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\n",
    ),
    (
        c"/etc/resolv.conf",
        "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    ),
    (c"/etc/host.conf", "multi on\n"),
    (
        c"/etc/passwd",
        "root:x:0:0:root:/root:/usr/sbin/nologin\n\
         sandbox:x:1000:1000:sandbox:/home/sandbox:/bin/sh\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
];

const fn file_mask(to: &'static CStr) -> Operation<'static> {
    mask(c"/dev/null", to)
}

const fn directory_mask(to: &'static CStr) -> Operation<'static> {
    mask(c"/var/empty", to)
}

const fn mask(from: &'static CStr, to: &'static CStr) -> Operation<'static> {
    Operation::Bind {
        from,
        to,
        // Not every kernel has each of them.
        optional: true,
        read_only: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::INSIDE;

    #[test]
    fn the_user_of_the_cells_etc_is_the_one_that_it_runs_as() {
        let home = format!(
            "sandbox:x:{INSIDE}:{INSIDE}:sandbox:{}:/bin/sh\n",
            CELL_HOME
        );
        assert!(SYNTHETIC.iter().any(|(_, content)| content.contains(&home)));
    }

    #[test]
    fn what_is_said_to_be_made_is_made() {
        for made in MADE {
            let is_made = FOUNDATION.iter().any(|operation| match operation {
                Operation::Directory { path, .. } | Operation::Link { path, .. } => {
                    path.to_str() == Ok(made)
                }
                _ => false,
            });
            assert!(is_made, "{made}");
        }
        assert!(MADE.contains(&CELL_HOME));
    }

    #[test]
    fn what_can_be_written_are_the_places_of_the_scratch_space() {
        let mut made: Vec<&str> = FOUNDATION
            .iter()
            .filter_map(|operation| match operation {
                Operation::Bind {
                    to,
                    optional: false,
                    ..
                } => to.to_str().ok(),
                _ => None,
            })
            .collect();
        let mut said: Vec<&str> = own_places().collect();
        made.sort_unstable();
        said.sort_unstable();
        assert_eq!(made, said);
    }
}

//! Limits that the kernel holds for each process. Those of the cell as a whole are the watcher's.

use std::io;

use belljar_child::{Rlimit, resource};
use belljar_plan::Limits;

use crate::disk::cut_off_at;

/// Limits that the programs start with. Where a group counts processes its limit comes first, so that the group knows that
/// it was reached.
pub fn limits_of(limits: &Limits, has_group: bool) -> Vec<Rlimit> {
    use rlimit::Resource;
    let cpu = limits.cpu.as_secs() + u64::from(limits.cpu.subsec_nanos() > 0);
    let processes = limits.processes.saturating_add(1 + u64::from(has_group));
    let both = |value: u64| (value, value);
    [
        // The watcher comes first, which can say where; then the signal that says why, and only then does the kernel kill.
        (Resource::CPU, resource::CPU, (cpu + 1, cpu + 2)),
        (
            Resource::FSIZE,
            resource::FSIZE,
            both(cut_off_at(limits.file_size)),
        ),
        (Resource::NOFILE, resource::NOFILE, both(limits.open_files)),
        // Counts processes and threads of this user namespace only, pid 1 included.
        (Resource::NPROC, resource::NPROC, both(processes)),
    ]
    .into_iter()
    .map(|(limit, resource, (soft, hard))| {
        // Never more than the caller may have.
        let most = limit.get_hard().unwrap_or(u64::MAX);
        Rlimit {
            resource,
            soft: soft.min(most),
            hard: hard.min(most),
        }
    })
    .collect()
}

/// Limits that this process takes on itself and the cell inherits. They are never raised.
///
/// # Errors
/// What the kernel said.
pub fn take_on_limits() -> io::Result<()> {
    use rlimit::Resource;
    for (resource, soft, hard) in [
        // Not 0: where the host takes cores through a pipe the kernel asks no limit but this one, exactly 1, which means
        // none at all (core(5)).
        (Resource::CORE, 1, 1),
        (Resource::MEMLOCK, 64 << 10, 64 << 10),
        (Resource::MSGQUEUE, 0, 0),
        (Resource::NICE, 0, 0),
        (Resource::RTPRIO, 0, 0),
        (Resource::SIGPENDING, 1024, 1024),
        // Eight MiB as everywhere, and room to ask for more: a recursive program may raise its own.
        (Resource::STACK, 8 << 20, 64 << 20),
    ] {
        let (_, most) = resource.get()?;
        resource.set(most.min(soft), most.min(hard))?;
    }
    Ok(())
}

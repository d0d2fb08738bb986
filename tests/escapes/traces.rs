//! What a run could leave behind: changed files, mounts, objects, processes.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::world::{Owner, World};

/// What is different between two pictures of a world.
pub fn differences(
    before: &BTreeMap<PathBuf, String>,
    after: &BTreeMap<PathBuf, String>,
) -> Vec<String> {
    let mut all = Vec::new();
    for path in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let (was, is) = (before.get(path), after.get(path));
        if was != is {
            all.push(format!("{}: was {was:?}, is {is:?}", path.display()));
        }
    }
    all
}

/// What a run could leave on the host outside the world's own folder: mounts, IPC objects, files of the world's user.
pub fn left_on_host(owner: Owner, world: &World) -> BTreeSet<String> {
    let mut left = BTreeSet::new();
    let root = world.root().display().to_string();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    left.extend(
        mounts
            .lines()
            .filter(|line| line.contains(&root))
            .map(|line| format!("mount {line}")),
    );
    // Only the pass of the ordinary user has a uid for itself; root shares its own with the whole machine.
    let Some((uid, _)) = owner.becomes else {
        return left;
    };
    for place in ["/tmp", "/dev/shm", "/var/tmp", "/dev/mqueue", "/run"] {
        for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.symlink_metadata().is_ok_and(|meta| meta.uid() == uid)
                && !path.to_string_lossy().contains("belljar-escapes-")
            {
                left.insert(format!("file {}", path.display()));
            }
        }
    }
    for kind in ["shm", "sem", "msg"] {
        let table = std::fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        let of_ours = |line: &&str| line.split_whitespace().any(|word| word == uid.to_string());
        left.extend(
            table
                .lines()
                .filter(of_ours)
                .map(|line| format!("{kind} {line}")),
        );
    }
    left
}

/// Processes that have something of the world's in their command line or run a file of it, two seconds after the last run.
/// The victims are the world's own.
pub fn still_alive(world: &World) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(2);
    loop {
        let alive = processes_of(world);
        if alive.is_empty() || Instant::now() > end {
            return alive;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn processes_of(world: &World) -> Vec<String> {
    let root = world.root().display().to_string();
    let mut alive = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.parse().map_or(true, |pid| world.is_victim(pid)) {
            continue;
        }
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let program = std::fs::read_link(entry.path().join("exe")).unwrap_or_default();
        if line.contains(&root) || program.starts_with(world.root()) {
            alive.push(format!(
                "process {name} is alive: {line} ({})",
                program.display()
            ));
        }
    }
    alive
}

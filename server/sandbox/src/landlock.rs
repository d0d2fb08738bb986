//! The second wall: which Landlock rights the cell has. The mounts already say the same; this holds if one of them slips.
//!
//! Rights and versions: include/uapi/linux/landlock.h, and the table in Documentation/userspace-api/landlock.rst.

use std::path::Path;

use belljar_plan::{CELL_HOME, Executables, ProjectAccess, RunPlan};

use crate::furnish::ProjectMount;

const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const MAKE_CHARACTER_DEVICE: u64 = 1 << 6;
const MAKE_BLOCK_DEVICE: u64 = 1 << 11;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEVICE: u64 = 1 << 15;
const SCOPE_ABSTRACT_SOCKET: u64 = 1 << 0;
const SCOPE_SIGNAL: u64 = 1 << 1;

/// What to ask the kernel for.
pub struct Ruleset {
    /// Rights that are refused unless a rule gives them.
    pub handled: u64,
    /// Kinds of IPC that do not leave the cell.
    pub scoped: u64,
    /// Path in the cell, and rights below it.
    pub rules: Vec<(String, u64)>,
}

/// The best that version `abi` of the interface can do; nothing for version 0. The project is writable only as an overlay.
pub fn ruleset(plan: &RunPlan, mount: ProjectMount, abi: u32) -> Ruleset {
    let handled = match abi {
        0 => {
            return Ruleset {
                handled: 0,
                scoped: 0,
                rules: Vec::new(),
            };
        }
        1 => (1 << 13) - 1,
        2 => (1 << 14) - 1,
        3 | 4 => (1 << 15) - 1,
        _ => (1 << 16) - 1,
    };
    let scoped = if abi >= 6 {
        SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL
    } else {
        0
    };
    let mut rules = Vec::new();
    let mut allow = |path: &Path, rights: u64| {
        // Plans have no other paths than text; of what could not be named there would be no rule, which allows nothing.
        if let Some(path) = path.to_str() {
            rules.push((path.to_owned(), rights & handled));
        }
    };
    let everything_runs = plan.executables == Executables::Everything;
    let run = if everything_runs { EXECUTE } else { 0 };
    // REFER at the root only lets links and renames happen between places that a rule below lets write anyway.
    allow(Path::new("/"), READ_FILE | READ_DIR | REFER | run);
    let write = handled & !(EXECUTE | MAKE_CHARACTER_DEVICE | MAKE_BLOCK_DEVICE | IOCTL_DEVICE);
    for place in ["/tmp", "/dev/shm", CELL_HOME] {
        allow(Path::new(place), write | run);
    }
    if let Some(project) = plan.project.as_ref().filter(|project| {
        project.access == ProjectAccess::Overlay && mount == ProjectMount::Overlay
    }) {
        allow(&project.root, write | run);
    }
    // Programs name their threads there. What must not be written in it is not writable by the program's id anyway.
    allow(Path::new("/proc"), WRITE_FILE | TRUNCATE);
    // Not /dev/zero: that it cannot be written is how the cell sees that this wall stands (`posture.rs`).
    for device in ["/dev/null", "/dev/full"] {
        allow(
            Path::new(device),
            READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEVICE,
        );
    }
    if let Executables::Only(places) = &plan.executables {
        for place in places {
            // Of what is not there no rule is made; this right is valid for a file and for a directory.
            allow(place, EXECUTE);
        }
    }
    Ruleset {
        handled,
        scoped,
        rules,
    }
}

//! Which layers this machine has, by looking; whether they work together only a run can tell.

use std::fs;

use nix::errno::Errno;

use crate::cgroup::{self, Lack};
use crate::stub;

/// One thing that the doctor looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The layer.
    pub layer: &'static str,
    /// It is there.
    pub on: bool,
    /// What was seen.
    pub detail: String,
    /// What to do if it is not.
    pub remedy: Option<String>,
}

fn found(layer: &'static str, on: bool, detail: impl Into<String>, remedy: &str) -> Finding {
    Finding {
        layer,
        on,
        detail: detail.into(),
        remedy: (!on).then(|| remedy.to_owned()),
    }
}

fn number(path: &str) -> Option<i64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Looks at every layer.
pub fn examine() -> Vec<Finding> {
    vec![
        user_namespaces(),
        apparmor(),
        seccomp(),
        listener(),
        landlock(),
        overlay(),
        stub(),
        control_groups(),
        lines(),
    ]
}

/// Whether programs' memory may be read, which is how the line of a refusal is found, and of which programs it can be.
fn lines() -> Finding {
    let known = belljar_locate::known_builds().iter();
    let known: Vec<String> = known
        .map(|known| format!("{} {}", known.program, known.versions))
        .collect();
    let closed = number("/proc/sys/kernel/yama/ptrace_scope") == Some(3);
    let detail = match closed {
        true => "kernel.yama.ptrace_scope is 3".to_owned(),
        false => format!("known: {}", known.join(", ")),
    };
    let remedy =
        "restart with kernel.yama.ptrace_scope=1; refusals are enforced and told all the same";
    found("lines of refusals", !closed, detail, remedy)
}

fn user_namespaces() -> Finding {
    const LAYER: &str = "user namespaces";
    if number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        return found(
            LAYER,
            false,
            "kernel.unprivileged_userns_clone is 0",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        );
    }
    match number("/proc/sys/user/max_user_namespaces") {
        Some(0) => found(
            LAYER,
            false,
            "user.max_user_namespaces is 0",
            "sudo sysctl -w user.max_user_namespaces=15000",
        ),
        Some(most) => found(LAYER, true, format!("up to {most}"), ""),
        None => found(
            LAYER,
            false,
            "this kernel has none",
            "a kernel with CONFIG_USER_NS",
        ),
    }
}

fn apparmor() -> Finding {
    const LAYER: &str = "AppArmor lets us";
    let restricted = number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1);
    let profile = fs::read_to_string("/proc/self/attr/apparmor/current")
        .or_else(|_| fs::read_to_string("/proc/self/attr/current"))
        .unwrap_or_default();
    let named = profile.starts_with("belljar");
    found(
        LAYER,
        !restricted || named,
        if restricted {
            format!(
                "user namespaces need a profile; ours is `{}`",
                profile.trim()
            )
        } else {
            "not restricted".to_owned()
        },
        "belljar doctor --apparmor-profile | sudo tee /etc/apparmor.d/belljar && sudo apparmor_parser -r /etc/apparmor.d/belljar",
    )
}

fn actions() -> String {
    fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default()
}

fn seccomp() -> Finding {
    let actions = actions();
    found(
        "system call filter",
        actions.contains("errno"),
        actions.trim(),
        "a kernel with CONFIG_SECCOMP_FILTER",
    )
}

fn listener() -> Finding {
    const LAYER: &str = "refusals are told";
    if number("/proc/sys/kernel/yama/ptrace_scope") == Some(3) {
        return found(
            LAYER,
            false,
            "kernel.yama.ptrace_scope is 3",
            "boot with kernel.yama.ptrace_scope at most 2",
        );
    }
    let is_known = actions().contains("user_notif");
    let why = match belljar_sys::try_listener() {
        Ok(()) if is_known => return found(LAYER, true, "seccomp listener", ""),
        Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => {
            "another program holds the listener"
        }
        _ => "this kernel has no listener",
    };
    match belljar_sys::try_tracing() {
        Ok(()) => found(LAYER, true, format!("by tracing (ptrace): {why}"), ""),
        Err(error) => found(
            LAYER,
            false,
            format!("{why}, and tracing is refused ({error}): refusals are enforced all the same"),
            "Linux 5.19 or later, and a container that has no listener of its own or allows ptrace",
        ),
    }
}

fn landlock() -> Finding {
    let abi = belljar_sys::landlock_abi();
    let detail = if abi == 0 {
        "none".to_owned()
    } else {
        format!("ABI {abi}")
    };
    found(
        "Landlock",
        abi > 0,
        detail,
        "a kernel with CONFIG_SECURITY_LANDLOCK, and landlock in its `lsm=` list",
    )
}

fn overlay() -> Finding {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let on = known
        .lines()
        .any(|line| line.trim_start_matches("nodev").trim() == "overlay");
    found(
        "overlay for the project",
        on,
        if on {
            "overlayfs"
        } else {
            "not loaded: the project is read-only in a run"
        },
        "sudo modprobe overlay",
    )
}

/// Whether looks at hidden files can be noticed without stopping every file that is opened.
fn stub() -> Finding {
    let on = stub::can_be_had();
    found(
        "hidden files at no cost",
        on,
        match on {
            true => "/dev/fuse: only looks at what is hidden are stopped",
            false => {
                "/dev/fuse cannot be opened: every file that is opened is looked at, about 10 us each"
            }
        },
        "sudo modprobe fuse; sudo chmod 666 /dev/fuse (as systems with udev have it)",
    )
}

fn control_groups() -> Finding {
    const LAYER: &str = "control group for limits";
    match cgroup::find() {
        Ok(place) => found(LAYER, true, format!("cgroup v2, {place}"), ""),
        Err(lack) => {
            let remedy = match lack {
                Lack::Root => "run Belljar as an ordinary user",
                Lack::NoHierarchy => {
                    "a system with cgroup v2 alone (on older ones: boot with `systemd.unified_cgroup_hierarchy=1`)"
                }
                Lack::NotOurs(_) | Lack::NoControllers(_) | Lack::Shared(_) => {
                    "systemd-run --user --scope -q -p Delegate=yes belljar lsp"
                }
            };
            let detail = format!("{lack}: rlimits and Belljar's watcher hold the limits");
            found(LAYER, false, detail, remedy)
        }
    }
}

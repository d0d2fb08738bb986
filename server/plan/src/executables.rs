//! Which files a run may execute.

use std::path::{Path, PathBuf};

use belljar_policy::Policy;
use belljar_runtime::{FoundTool, Host};

use crate::{Executables, command, paths};

/// The programs by which the kernel starts every other one.
const LOADERS: &[&str] = &[
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
    "/lib/ld-linux.so.2",
    "/lib/ld-linux-armhf.so.3",
    "/lib/ld-linux-riscv64-lp64d.so.1",
    "/lib64/ld64.so.2",
];

/// What the policy and the run's tools let execute. `own` are further files and directories of the run itself.
pub(crate) fn executables(
    host: &dyn Host,
    policy: &Policy,
    tools: &[FoundTool],
    own: &[PathBuf],
) -> Executables {
    if policy.programs.allow.iter().any(|allowed| allowed == "*") {
        return Executables::Everything;
    }
    let mut only: Vec<PathBuf> = Vec::new();
    let mut add = |path: PathBuf| {
        // A file is executed as what it really is, whatever links lead there.
        for path in [host.resolve(&path), Some(path)].into_iter().flatten() {
            if !only.contains(&path) {
                only.push(path);
            }
        }
    };
    for loader in LOADERS
        .iter()
        .map(Path::new)
        .filter(|loader| host.kind(loader).is_some())
    {
        add(loader.to_path_buf());
    }
    for tool in tools {
        add(tool.path.clone());
        tool.sees.iter().for_each(|path| add(path.clone()));
        for name in &tool.executes {
            if name.starts_with('/') {
                add(PathBuf::from(name));
            } else if let Some(path) = command::on_path(host, name) {
                add(path);
            }
        }
    }
    own.iter().for_each(|path| add(path.clone()));
    for allowed in &policy.programs.allow {
        if allowed.starts_with(['/', '~']) {
            paths::of_policy(host, allowed)
                .into_iter()
                .for_each(&mut add);
        } else if let Some(path) = command::on_path(host, allowed) {
            add(path);
        }
    }
    Executables::Only(only)
}

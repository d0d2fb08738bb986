//! The environment of a run: a few variables that every program may count on, what its runtime needs, what its document
//! says, and what the policy passes or sets, which counts most. Nothing of the user's gets in by itself.

use std::path::{Path, PathBuf};

use belljar_policy::Policy;
use belljar_runtime::{Host, Said};

use crate::CELL_HOME;

/// Where programs are in every cell.
const STANDARD_PATH: &[&str] = &["/usr/local/bin", "/usr/bin", "/bin"];

/// Where else they are on systems that are built differently, if they are.
const OTHER_PATH: &[&str] = &["/run/current-system/sw/bin"];

/// The environment, and what could not be passed. `directories` are those of the tools. What the document says was checked.
pub(crate) fn environment(
    host: &dyn Host,
    policy: &Policy,
    directories: &[PathBuf],
    runtime: Vec<(String, String)>,
    document: &[Said<(String, String)>],
    notices: &mut Vec<String>,
) -> Vec<(String, String)> {
    let mut path: Vec<String> = Vec::new();
    let own = directories
        .iter()
        .filter_map(|directory| directory.to_str())
        .filter(|text| !text.contains(':'));
    let others = OTHER_PATH
        .iter()
        .copied()
        .filter(|other| host.kind(Path::new(other)).is_some());
    for directory in own
        .filter(|own| !STANDARD_PATH.contains(own))
        .chain(STANDARD_PATH.iter().copied())
        .chain(others)
    {
        if !path.iter().any(|known| known == directory) {
            path.push(directory.to_owned());
        }
    }
    let mut environment: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: String| {
        environment.retain(|(known, _)| known != name);
        environment.push((name.to_owned(), value));
    };
    set("PATH", path.join(":"));
    set("HOME", CELL_HOME.to_owned());
    set("TMPDIR", "/tmp".to_owned());
    set("USER", "sandbox".to_owned());
    set("LOGNAME", "sandbox".to_owned());
    set("TERM", "dumb".to_owned());
    for (name, value) in runtime {
        set(&name, value);
    }
    for Said { value, .. } in document {
        let (name, value) = value;
        set(name, value.clone());
    }
    for name in &policy.environment.pass {
        match host.variable(name).map(std::ffi::OsString::into_string) {
            Some(Ok(value)) => set(name, value),
            Some(Err(_)) => notices.push(format!(
                "the variable `{name}` is not passed: its value is not UTF-8"
            )),
            None => {}
        }
    }
    for (name, value) in &policy.environment.set {
        set(name, value.clone());
    }
    environment
}

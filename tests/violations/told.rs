//! One run of a snippet, and what Belljar told of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;

use crate::ordinary_user::{LISTENED, OrdinaryUser, SHOWN, copy_folder};
use crate::snippet::{FIXTURES, Snippet};

/// A report, as far as the score needs it.
#[derive(Deserialize, Default)]
pub struct Told {
    #[serde(default)]
    pub violations: Vec<Violation>,
    #[serde(default)]
    pub ending: serde_json::Value,
    #[serde(default)]
    pub posture: serde_json::Value,
    /// All that Belljar wrote, for the search for secrets.
    #[serde(skip)]
    pub raw: String,
}

/// A violation, as the report has it.
#[derive(Deserialize, Clone)]
pub struct Violation {
    pub kind: String,
    pub target: String,
    pub line: Option<u32>,
    pub confidence: String,
    #[serde(default)]
    pub program: String,
}

impl Told {
    /// Whether the program was started at all.
    pub fn ran(&self) -> bool {
        ["exited", "signaled", "limit"]
            .iter()
            .any(|kind| self.ending["kind"] == *kind)
    }
}

/// The decoy home: what a stealer looks for is there, and each file holds a text that must not come out.
pub fn furnish_home(user: &OrdinaryUser) {
    copy_folder(&Path::new(FIXTURES).join("home"), &user.home());
    user.own_everything();
}

/// Where a snippet is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As this machine is.
    Here,
    /// Below a filter whose listener another program holds.
    Listened,
    /// Where everybody may open `/dev/fuse`.
    WithDevice,
}

/// Runs a snippet in a project of its own.
pub fn run(user: &OrdinaryUser, snippet: &Snippet, way: Way) -> Told {
    let project = user.work().join(snippet.name().replace('.', "-"));
    std::fs::create_dir(&project).expect("a project");
    std::fs::copy(snippet.file(), project.join(snippet.name())).expect("a copy of the snippet");
    user.own_everything();
    let secrets = std::fs::read(Path::new(FIXTURES).join("env.json")).expect("the secrets");
    let secrets: BTreeMap<String, String> =
        serde_json::from_slice(&secrets).expect("names and values");
    // The outer clock only ends a Belljar that hangs; its own limits come first.
    let mut command = match way {
        Way::WithDevice => user.with_device("timeout"),
        _ => user.command("timeout"),
    };
    command.args(["--signal=KILL", "180"]);
    if way == Way::Listened {
        command.args(LISTENED).arg("none");
    }
    let (home, document) = match way {
        Way::WithDevice => {
            let project = Path::new(SHOWN)
                .join("work")
                .join(project.file_name().expect("a name"));
            (Path::new(SHOWN).join("home"), project.join(snippet.name()))
        }
        _ => (user.home(), project.join(snippet.name())),
    };
    let output = command
        .arg(user.belljar())
        .args(["run", "--json"])
        .args(snippet.limits())
        .arg(document)
        .current_dir(&project)
        .envs(secrets)
        .stdin(Stdio::null())
        .output()
        .expect("belljar starts");
    let raw = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let mut told: Told = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let home = home.to_string_lossy().into_owned();
    for violation in &mut told.violations {
        violation.target = in_short(&violation.target, &home);
    }
    told.raw = raw;
    told
}

/// A path below a home, the user's or the cell's, as the user would write it.
fn in_short(target: &str, home: &str) -> String {
    [home, "/home/sandbox"]
        .iter()
        .find_map(|home| {
            let below = target.strip_prefix(home)?;
            (below.is_empty() || below.starts_with('/')).then(|| format!("~{below}"))
        })
        .unwrap_or_else(|| target.to_owned())
}

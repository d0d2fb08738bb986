//! Which programs a cell does not run: those that the policy does not name, and those that it does not show.

use std::path::{Path, PathBuf};

use belljar_plan::{Executables, RunPlan};
use belljar_report::{Kind, Layer};
use belljar_sys::Notification;
use nix::errno::Errno;

use super::argument::path_of;
use super::files::Files;
use super::inside::{Found, There};
use super::outside::OnHost;
use super::{Finding, Judgement, rule_for};
use crate::filter::Place;
use crate::procfs::directory_of;

/// Where a program is found by its name alone.
const ON_PATH: &[&str] = &[
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
];

/// What may be executed.
pub struct Programs {
    only: Option<Vec<PathBuf>>,
    rule: Option<String>,
    hidden_rule: Option<String>,
}

impl Programs {
    /// By `plan`.
    pub fn new(plan: &RunPlan) -> Programs {
        Programs {
            only: match &plan.executables {
                Executables::Everything => None,
                Executables::Only(places) => Some(places.clone()),
            },
            rule: plan.rules.programs.clone(),
            hidden_rule: plan.rules.files.clone(),
        }
    }

    /// Whether the program that a call wants to execute is one that is refused.
    pub fn judge(&self, call: &Notification, at: Place, files: &mut Files) -> Judgement {
        let Some(path) = path_of(call, at).and_then(|path| through_proc(path, call.thread)) else {
            return Judgement::GoOn;
        };
        // `/bin` is often a link: a program that is looked for in both places is one program.
        let path = match (
            path.parent().and_then(|parent| files.find(parent)),
            path.file_name(),
        ) {
            (Some(Found::There(parent)), Some(name)) => match parent.path() {
                Some(parent) => parent.join(name),
                None => path,
            },
            _ => path,
        };
        let finding = match files.find(&path) {
            Some(Found::There(there)) => self.not_allowed(&path, &there),
            Some(Found::Missing { above, below }) => self.hidden(&above, &below, files),
            _ => None,
        };
        finding.map_or(Judgement::GoOn, Judgement::Tell)
    }

    fn not_allowed(&self, asked: &Path, there: &There) -> Option<Finding> {
        let only = self.only.as_ref()?;
        let path = there.path()?;
        let facts = there.facts()?;
        let is_program = facts.st_mode & 0o170_000 == 0o100_000 && facts.st_mode & 0o111 != 0;
        if !is_program || only.iter().any(|place| path.starts_with(place)) {
            return None;
        }
        Some(Finding {
            kind: Kind::FilesExec,
            target: asked.to_string_lossy().into_owned(),
            access: "execute",
            errno: Some(Errno::EACCES),
            asked: None,
            is_question: false,
            layer: Layer::Landlock,
            rule: self.rule.clone(),
            allow: rule_for("programs.allow", &name_in_policy(asked)),
        })
    }

    fn hidden(&self, above: &Path, below: &Path, files: &mut Files) -> Option<Finding> {
        // A name that a program looks for along its search path is not there in most places.
        let (target, found) = files.on_host(above, below);
        if found != OnHost::File {
            return None;
        }
        Some(Finding {
            kind: Kind::FilesExec,
            allow: rule_for("files.read", &target),
            target,
            access: "execute",
            errno: Some(Errno::ENOENT),
            asked: None,
            is_question: false,
            layer: Layer::Mount,
            rule: self.hidden_rule.clone(),
        })
    }
}

/// The file that a path leads to which may begin with the calling thread's own `/proc/self`: for us that is another one.
/// `None` for others in `/proc`, which lead to what somebody in the cell has already.
fn through_proc(path: PathBuf, thread: i32) -> Option<PathBuf> {
    if !path.starts_with("/proc") {
        return Some(path);
    }
    let mut own = ["/proc/self", "/proc/thread-self"].into_iter();
    let rest = own.find_map(|own| path.strip_prefix(own).ok())?;
    std::fs::read_link(directory_of(thread).join(rest)).ok()
}

/// A program as policies name it: by its name alone where that finds it.
fn name_in_policy(path: &Path) -> String {
    let on_path = path
        .parent()
        .is_some_and(|parent| ON_PATH.iter().any(|place| parent == Path::new(place)));
    match path.file_name().filter(|_| on_path) {
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.to_string_lossy().into_owned(),
    }
}

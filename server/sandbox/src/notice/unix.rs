//! UNIX sockets of the host's that a program reaches for: none of them is in the cell, or nobody answers there.

use std::fs;
use std::path::PathBuf;

use belljar_locate::Operation;
use belljar_plan::RunPlan;
use belljar_report::{Kind, Layer};
use belljar_sys::Notification;
use nix::errno::Errno;

use super::{Finding, Judgement};

/// The C library asks the name service cache at every look-up of a user or host, and does without.
const QUIET: &[&str] = &["/var/run/nscd/socket", "/run/nscd/socket"];

/// What a cell shows of the host's sockets.
pub struct UnixSockets {
    /// What the cell sees of the host's, through overlays, in which a socket is there and nobody answers.
    shown: Vec<PathBuf>,
}

impl UnixSockets {
    /// In the cell of `plan`.
    pub fn new(plan: &RunPlan) -> UnixSockets {
        let views = plan.views.iter().map(|view| view.path.clone());
        let project = plan.project.iter().map(|project| project.root.clone());
        UnixSockets {
            shown: views.chain(project).collect(),
        }
    }

    /// Goes on, always: whether the socket is there is a matter of the mounts. It is a violation if the host has one of
    /// that name. The name is the program's choice: it is compared, and never looked up on the host.
    pub fn connect(&self, call: &Notification, path: PathBuf, rule: Option<String>) -> Judgement {
        let absolute = if path.is_absolute() {
            path
        } else {
            match fs::read_link(format!("/proc/{}/cwd", call.thread)) {
                Ok(directory) => directory.join(path),
                Err(_) => return Judgement::GoOn,
            }
        };
        let text = absolute.to_string_lossy();
        if QUIET.contains(&text.as_ref()) || !is_bound_on_host(&text) {
            return Judgement::GoOn;
        }
        let is_shown = self.shown.iter().any(|shown| absolute.starts_with(shown));
        let errno = if is_shown {
            Errno::ECONNREFUSED
        } else {
            Errno::ENOENT
        };
        Judgement::Tell(Finding {
            kind: Kind::SocketUnix,
            asked: Some((Operation::Connect, text.as_bytes().to_vec())),
            is_question: false,
            target: text.into_owned(),
            access: "connect",
            errno: Some(errno),
            layer: Layer::Mount,
            rule,
            allow: None,
        })
    }
}

/// Whether somebody outside listens at this path: the last column of the kernel's table of UNIX sockets.
fn is_bound_on_host(path: &str) -> bool {
    let Some(below) = path.strip_prefix('/') else {
        return false;
    };
    let table = fs::read("/proc/self/net/unix").unwrap_or_default();
    String::from_utf8_lossy(&table)
        .lines()
        .any(|line| line.split_once(" /").is_some_and(|(_, rest)| rest == below))
}

//! Limits that were hit, as violations.

use std::collections::BTreeMap;
use std::time::Duration;

use belljar_plan::{Limits, RunPlan};
use belljar_report::{Confidence, Kind, Layer, Violation};

/// What a limit's violation says.
pub struct LimitWords<'a> {
    /// Where the policy sets each limit.
    pub policy: &'a BTreeMap<String, String>,
    /// The limits.
    pub limits: &'a Limits,
}

impl LimitWords<'_> {
    /// That `limit` was hit.
    pub fn violation(&self, limit: &str, kind: Kind, layer: Layer, plan: &RunPlan) -> Violation {
        let (now, more, errno) = match limit {
            "wall" => (
                time(self.limits.wall),
                time(self.limits.wall.saturating_mul(2)),
                None,
            ),
            "cpu" => (
                time(self.limits.cpu),
                time(self.limits.cpu.saturating_mul(2)),
                None,
            ),
            "memory" => (
                size(self.limits.memory),
                size(self.limits.memory.saturating_mul(2)),
                None,
            ),
            "processes" => (
                self.limits.processes.to_string(),
                (self.limits.processes.saturating_mul(2)).to_string(),
                Some("EAGAIN"),
            ),
            "file_size" => (
                size(self.limits.file_size),
                size(self.limits.file_size.saturating_mul(2)),
                Some("EFBIG"),
            ),
            "scratch" => (
                size(self.limits.scratch),
                size(self.limits.scratch.saturating_mul(2)),
                Some("ENOSPC"),
            ),
            _ => (
                size(self.limits.output),
                size(self.limits.output.saturating_mul(2)),
                None,
            ),
        };
        let section = if limit == "scratch" {
            "files"
        } else {
            "limits"
        };
        let value = if limit == "processes" {
            more
        } else {
            format!("\"{more}\"")
        };
        Violation {
            kind,
            target: now,
            access: "use".to_owned(),
            errno: errno.map(str::to_owned),
            file: None,
            line: None,
            column: None,
            confidence: Confidence::File,
            count: 1,
            program: program(plan),
            rule: self.policy.get(limit).cloned(),
            layer,
            allow: Some(format!("{section}.{limit} = {value}")),
        }
    }

    /// That the program was killed for a call through a foreign gate.
    pub fn foreign_call(&self, plan: &RunPlan) -> Violation {
        Violation {
            kind: Kind::Syscall,
            target: "a system call of another architecture (32-bit or x32)".to_owned(),
            access: "call".to_owned(),
            errno: None,
            file: None,
            line: None,
            column: None,
            confidence: Confidence::File,
            count: 1,
            program: program(plan),
            rule: None,
            layer: Layer::Seccomp,
            allow: None,
        }
    }
}

fn program(plan: &RunPlan) -> String {
    let path = plan.steps.last().map(|step| step.program.as_path());
    path.and_then(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// A duration as policies write it.
fn time(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

/// A size as policies write it.
fn size(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    format!("{bytes}B")
}

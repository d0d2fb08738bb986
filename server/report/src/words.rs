//! What a violation and an ending are called, in sentences that a user reads.

use crate::{Confidence, Ending, Kind, Report, Violation, displayable_line};

/// Longer texts of the program's are cut in sentences.
const LONGEST: usize = 200;

/// The rule of what the user asked for in this run only, and no policy says.
const OF_REQUEST: &str = "request";

/// What was refused, by which policy, and what the program saw of it. Safe to show.
///
/// `Blocked by policy "default": connect to 192.0.2.7:443. The program saw "permission denied".`
pub fn violation_words(violation: &Violation, policy: &str) -> String {
    let policy = displayable_line(policy, LONGEST);
    let target = displayable_line(&violation.target, LONGEST);
    let Some(deed) = deed(violation.kind) else {
        let name = violation.kind.as_str().trim_start_matches("limit.");
        let detail = if target.is_empty() || target == name {
            String::new()
        } else {
            format!(" ({target})")
        };
        let whose = if violation.rule.as_deref() == Some(OF_REQUEST) {
            "that was set for this run".to_owned()
        } else {
            format!("of policy `{policy}`")
        };
        return format!(
            "Limit `{name}` {whose} was reached{detail}.{}",
            times(violation.count)
        );
    };
    let saw = violation.errno.as_deref().map_or(String::new(), |errno| {
        format!(
            " The program saw \"{}\".",
            error_words(&displayable_line(errno, LONGEST))
        )
    });
    format!(
        "Blocked by policy `{policy}`: {deed} `{target}`.{saw}{}",
        times(violation.count)
    )
}

/// How sure a violation's line is, as a sentence behind its words; empty if it is sure.
pub fn confidence_words(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Exact => "",
        Confidence::Caller => " A library did it for this line.",
        Confidence::File => " Which line did it is not known.",
    }
}

/// `12 ms`, `1.3 s`, `75 s`.
pub fn duration(milliseconds: f64) -> String {
    if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else if milliseconds < 99_950.0 {
        let text = format!("{:.1}", milliseconds / 1000.0);
        format!("{} s", text.strip_suffix(".0").unwrap_or(&text))
    } else {
        format!("{:.0} s", milliseconds / 1000.0)
    }
}

/// How the run stopped, and what to do about it where there is something to do. `None` while it lives.
pub fn ending_words(report: &Report) -> Option<(String, Option<String>)> {
    let policy = displayable_line(&report.policy, LONGEST);
    let plain = |text: &str| displayable_line(text, 1000);
    Some(match report.ending.as_ref()? {
        Ending::Exited { code } => (format!("Ended with exit status {code}."), None),
        Ending::Signaled { signal } => {
            let name = signal_name(*signal).map_or(String::new(), |name| format!(" ({name})"));
            (format!("Ended by signal {signal}{name}."), None)
        }
        Ending::Limit { limit } => limit_words(limit, report, &policy),
        Ending::Cancelled => ("Cancelled.".into(), None),
        Ending::Refused { reason, hint } => (
            format!("Not run: {}", sentence(plain(reason))),
            non_empty(plain(hint)),
        ),
        Ending::Failed { step, errno, hint } => {
            let errno = if errno.is_empty() {
                String::new()
            } else {
                format!(" ({})", plain(errno))
            };
            (
                format!("Could not run it: step `{}` failed{errno}.", plain(step)),
                non_empty(plain(hint)),
            )
        }
    })
}

fn limit_words(limit: &str, report: &Report, policy: &str) -> (String, Option<String>) {
    // Limits are written in seconds, and so is what came of them.
    let seconds = |ms: f64| format!("{} s", (ms / 100.0).round() / 10.0);
    let limit = displayable_line(limit, LONGEST);
    // The violation of the same name says how high the limit was, and who set it.
    let name = format!("limit.{limit}");
    let violation = report
        .violations
        .iter()
        .find(|violation| violation.kind.as_str() == name);
    let height = violation.map_or(String::new(), |violation| {
        format!(" of {}", displayable_line(&violation.target, LONGEST))
    });
    let whose = match violation.and_then(|violation| violation.rule.as_deref()) {
        Some(OF_REQUEST) => "that was set for this run".to_owned(),
        Some(rule) => format!("of policy `{policy}` ({})", displayable_line(rule, LONGEST)),
        None => format!("of policy `{policy}`"),
    };
    let what = match limit.as_str() {
        "wall" => format!(
            "Stopped after {}: the time limit{height} {whose}.",
            seconds(report.usage.wall_ms)
        ),
        "cpu" => format!(
            "Stopped after {} of computing: the CPU limit{height} {whose}.",
            seconds(report.usage.cpu_ms)
        ),
        "memory" => format!("Stopped: the memory limit{height} {whose}."),
        "output" => format!("Stopped: the output limit{height} {whose}."),
        other => format!("Stopped: limit `{other}`{height} {whose}."),
    };
    (
        what,
        Some(format!(
            "a higher limit for one run: `--limit {limit}=VALUE`"
        )),
    )
}

/// `text` with a full stop, if it has no end of its own.
fn sentence(mut text: String) -> String {
    if !text.ends_with(['.', '!', '?', '…']) {
        text.push('.');
    }
    text
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn times(count: u64) -> String {
    if count > 1 {
        format!(" ({count} times)")
    } else {
        String::new()
    }
}

/// What was to be done; `None` for limits.
fn deed(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::FilesRead => "read",
        Kind::FilesWrite => "write",
        Kind::FilesExec => "execute",
        Kind::NetworkResolve => "look up",
        Kind::NetworkConnect => "connect to",
        Kind::NetworkBind => "listen on",
        Kind::SocketUnix => "reach socket",
        Kind::ProcessSignal => "signal process",
        Kind::ProcessTrace => "trace process",
        Kind::Syscall => "system call",
        Kind::LimitWall
        | Kind::LimitCpu
        | Kind::LimitMemory
        | Kind::LimitProcesses
        | Kind::LimitFiles
        | Kind::LimitDisk
        | Kind::LimitOutput => return None,
    })
}

/// What the C library says for the errors that a refusal gives; others keep their name.
fn error_words(errno: &str) -> &str {
    match errno {
        "EACCES" => "permission denied",
        "EPERM" => "operation not permitted",
        "ENOENT" => "no such file or directory",
        "EROFS" => "read-only file system",
        "ENETUNREACH" => "network is unreachable",
        "EHOSTUNREACH" => "no route to host",
        "ECONNREFUSED" => "connection refused",
        "EAFNOSUPPORT" => "address family not supported by protocol",
        "EADDRNOTAVAIL" => "cannot assign requested address",
        "ENOSYS" => "function not implemented",
        "EAGAIN" => "resource temporarily unavailable",
        "ENOMEM" => "cannot allocate memory",
        "ENOSPC" => "no space left on device",
        "EDQUOT" => "disk quota exceeded",
        "EFBIG" => "file too large",
        "EMFILE" => "too many open files",
        "ESRCH" => "no such process",
        other => other,
    }
}

/// The name of a signal, by its number on Linux.
pub fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layer, Usage};

    fn violation(kind: Kind, target: &str, errno: Option<&str>, count: u64) -> Violation {
        Violation {
            kind,
            target: target.into(),
            access: String::new(),
            errno: errno.map(Into::into),
            file: None,
            line: None,
            column: None,
            confidence: Confidence::File,
            count,
            program: String::new(),
            rule: None,
            layer: Layer::Seccomp,
            allow: None,
        }
    }

    #[test]
    fn a_violation_is_a_sentence() {
        let refused = violation(Kind::NetworkConnect, "192.0.2.7:443", Some("EACCES"), 1);
        assert_eq!(
            violation_words(&refused, "default"),
            "Blocked by policy `default`: connect to `192.0.2.7:443`. The program saw \"permission denied\"."
        );
        let hostile = violation(Kind::FilesRead, "/a\n\x1b[31mb\u{202e}", None, 3);
        assert_eq!(
            violation_words(&hostile, "default"),
            "Blocked by policy `default`: read `/a⏎b\\u{202e}`. (3 times)"
        );
        let limit = violation(Kind::LimitProcesses, "64", None, 1);
        assert_eq!(
            violation_words(&limit, "strict"),
            "Limit `processes` of policy `strict` was reached (64)."
        );
        let own = Violation {
            rule: Some("request".into()),
            ..violation(Kind::LimitDisk, "1MiB", None, 1)
        };
        assert_eq!(
            violation_words(&own, "default"),
            "Limit `disk` that was set for this run was reached (1MiB)."
        );
    }

    #[test]
    fn times_are_short() {
        let times = [
            (0.4, "0 ms"),
            (34.2, "34 ms"),
            (1290.0, "1.3 s"),
            (2000.0, "2 s"),
            (120_000.0, "120 s"),
        ];
        for (milliseconds, text) in times {
            assert_eq!(duration(milliseconds), text);
        }
    }

    #[test]
    fn an_ending_is_a_sentence_with_a_hint_where_there_is_something_to_do() {
        let say = |ending| {
            let usage = Usage {
                wall_ms: 10_004.0,
                peak_memory_bytes: 3 << 20,
                ..Usage::default()
            };
            let report = Report {
                policy: "default".into(),
                ending: Some(ending),
                usage,
                ..Report::default()
            };
            let (what, hint) = ending_words(&report).expect("it ended");
            format!("{what}|{}", hint.unwrap_or_default())
        };
        assert_eq!(
            say(Ending::Exited { code: 3 }),
            "Ended with exit status 3.|"
        );
        assert_eq!(
            say(Ending::Signaled { signal: 11 }),
            "Ended by signal 11 (SIGSEGV).|"
        );
        assert_eq!(
            say(Ending::Limit {
                limit: "wall".into()
            }),
            "Stopped after 10 s: the time limit of policy `default`.|a higher limit for one run: `--limit wall=VALUE`"
        );
        assert_eq!(
            say(Ending::Refused {
                reason: "no `ruby` here".into(),
                hint: "apt install ruby".into()
            }),
            "Not run: no `ruby` here.|apt install ruby"
        );
        assert_eq!(
            say(Ending::Failed {
                step: "user namespace".into(),
                errno: "EPERM".into(),
                hint: String::new()
            }),
            "Could not run it: step `user namespace` failed (EPERM).|"
        );
        assert_eq!(ending_words(&Report::default()), None);
    }
}

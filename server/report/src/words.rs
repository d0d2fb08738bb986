//! What a violation and an ending are called, in sentences that a user reads.

use std::io;

use crate::{Confidence, Ending, Kind, Report, Violation, displayable_line};

/// Longer texts of the program's are cut in sentences.
const LONGEST: usize = 200;

/// The rule of what the user asked for in this run only, and no policy says.
const OF_REQUEST: &str = "request";

/// What the system says of an error, without the number that nobody reads, and what comes after it: mostly a path of ours.
pub fn system_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = text.chars();
    characters.next().map_or(String::new(), |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

/// Whether what was refused, or the limit that was reached, was set for this run only.
pub fn is_of_request(violation: &Violation) -> bool {
    violation.rule.as_deref() == Some(OF_REQUEST)
}

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
        let whose = if is_of_request(violation) {
            "that was set for this run".to_owned()
        } else {
            format!("of policy `{policy}`")
        };
        return format!(
            "Limit `{name}` {whose} was reached{detail}.{}",
            times(violation.count)
        );
    };
    let saw = match (violation.errno.as_deref(), violation.kind) {
        (Some(errno), _) => format!(
            " The program saw \"{}\".",
            error_words(&displayable_line(errno, LONGEST))
        ),
        // It may have seen no error, because it changed something of the sandbox's own instead.
        (None, Kind::FilesWrite) => " Yours stays as it is.".to_owned(),
        (None, _) => String::new(),
    };
    format!(
        "Blocked by policy `{policy}`: {deed} `{target}`.{saw}{}",
        times(violation.count)
    )
}

/// How sure a violation's line is, as a sentence behind its words; empty if it is sure.
pub fn confidence_words(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Exact => "",
        Confidence::Caller => " This line called what did it.",
        Confidence::File => " Which line did it is not known.",
    }
}

/// For a run that ended badly although nothing was refused: the sentence that takes the suspicion from the sandbox. A
/// sandbox that cannot see what it refuses does not claim to have refused nothing.
pub fn innocence_words(report: &Report) -> Option<&'static str> {
    let is_bad = match report.ending {
        Some(Ending::Exited { code }) => code != 0,
        Some(Ending::Signaled { .. }) => true,
        _ => false,
    };
    if !is_bad || !report.violations.is_empty() || report.violations_omitted > 0 {
        return None;
    }
    Some(if report.posture.located {
        "The sandbox refused nothing in this run."
    } else {
        "Whether the sandbox refused something in this run could not be seen."
    })
}

/// What to do about something refused that no rule can allow.
pub fn advice_words(kind: Kind) -> &'static str {
    match kind {
        Kind::NetworkResolve | Kind::NetworkConnect | Kind::NetworkBind => {
            "no rule opens the network in this release: give the program its data as a file or on standard input"
        }
        Kind::FilesRead => "no rule can show this: give the program a copy without what is secret",
        Kind::FilesWrite => {
            "no rule lets a run change this: let the program write in its project, in /tmp or in its home"
        }
        Kind::FilesExec => "no rule lets a run execute this",
        Kind::SocketUnix => "programs outside are out of reach under every policy",
        Kind::ProcessSignal | Kind::ProcessTrace => {
            "processes outside are out of reach under every policy"
        }
        Kind::Syscall => "no program in a sandbox may make this call, under any policy",
        Kind::LimitWall
        | Kind::LimitCpu
        | Kind::LimitMemory
        | Kind::LimitProcesses
        | Kind::LimitFiles
        | Kind::LimitDisk
        | Kind::LimitOutput => "set a higher limit for one run, or in a policy of yours",
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
#[path = "words_tests.rs"]
mod tests;

//! Whether the editor that started this server still lives. The end of the input says so too, but not when some
//! other process holds the pipe open.

use std::time::Duration;

const HOW_OFTEN: Duration = Duration::from_millis(500);

/// A process, told from later ones with the same number by when it started.
struct Birth(String);

impl Birth {
    /// `None` if there is no such process, or if it only waits to be reaped.
    fn of(pid: u64) -> Option<Birth> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before the last parenthesis may hold anything.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?;
        let start = fields.nth(18)?;
        (!matches!(state, "Z" | "X" | "x")).then(|| Birth(start.to_owned()))
    }
}

/// Returns when the process `pid` is gone. Never, if it could not be seen to begin with: then the client lives in
/// another namespace of processes, and its number says nothing here.
pub async fn gone(pid: Option<u64>) {
    let Some((pid, born)) = pid.and_then(|pid| Some((pid, Birth::of(pid)?))) else {
        return std::future::pending().await;
    };
    let mut clock = tokio::time::interval(HOW_OFTEN);
    loop {
        clock.tick().await;
        if Birth::of(pid).is_none_or(|now| now.0 != born.0) {
            return;
        }
    }
}

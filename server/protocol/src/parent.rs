//! Whether the editor that started this server still lives. The end of the input says so too, but not when some
//! other process holds the pipe open.

use std::time::Duration;

const HOW_OFTEN: Duration = Duration::from_millis(500);

/// A process that was seen alive, told from later ones with the same number by when it started.
#[derive(Debug, PartialEq, Eq)]
pub struct Parent {
    pid: u64,
    born: String,
}

impl Parent {
    /// Looks for the process `pid`: at once, while whoever named it still waits for an answer. `None` if it cannot be
    /// seen: then the client lives in another namespace of processes, and its number says nothing here.
    pub fn seen(pid: u64) -> Option<Parent> {
        let born = birth(pid)?;
        Some(Parent { pid, born })
    }

    /// Returns when the process is gone.
    pub async fn gone(self) {
        let mut clock = tokio::time::interval(HOW_OFTEN);
        loop {
            clock.tick().await;
            if birth(self.pid).is_none_or(|now| now != self.born) {
                return;
            }
        }
    }
}

/// When the process started. `None` if there is no such process, or if it only waits to be reaped.
fn birth(pid: u64) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the last parenthesis may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    let start = fields.nth(18)?;
    (!matches!(state, "Z" | "X" | "x")).then(|| start.to_owned())
}

/// Returns when the parent is gone; never, if there is none to watch.
pub async fn gone(parent: Option<Parent>) {
    match parent {
        Some(parent) => parent.gone().await,
        None => std::future::pending().await,
    }
}

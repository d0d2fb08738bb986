//! Which exit status tells what.

use belljar_report::Ending;

/// What lines were expected to print is not what they printed, and the user wants to know.
pub const UNMET: u8 = 1;
/// A limit of the policy ended the program. `timeout` uses it too; scripts know it.
pub const LIMIT: u8 = 124;
/// We would not or could not run it.
pub const NOT_RUN: u8 = 125;
/// Our output cannot be written, mostly because whoever read it went away: 128 + SIGPIPE, as a shell shows it for any
/// program.
pub const UNWRITTEN: u8 = 141;

/// The exit status that tells of `ending`. `signal` is what was sent to Belljar, if something was.
pub fn status(ending: &Ending, signal: Option<i32>) -> u8 {
    let signaled = |signal: i32| 128_u8.saturating_add(u8::try_from(signal).unwrap_or(127));
    match ending {
        // The kernel gives 8 bits to whoever waits.
        Ending::Exited { code } => (*code & 0xff) as u8,
        Ending::Signaled { signal } => signaled(*signal),
        Ending::Limit { .. } => LIMIT,
        Ending::Cancelled => signaled(signal.unwrap_or(2)),
        Ending::Refused { .. } | Ending::Failed { .. } => NOT_RUN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_status() {
        assert_eq!(status(&Ending::Exited { code: 0 }, None), 0);
        assert_eq!(status(&Ending::Exited { code: 255 }, Some(2)), 255);
        assert_eq!(status(&Ending::Signaled { signal: 9 }, None), 137);
        assert_eq!(
            status(
                &Ending::Limit {
                    limit: "memory".into()
                },
                None
            ),
            124
        );
        assert_eq!(status(&Ending::Cancelled, Some(15)), 143);
        assert_eq!(status(&Ending::Cancelled, None), 130);
        assert_eq!(
            status(
                &Ending::Refused {
                    reason: String::new(),
                    hint: String::new()
                },
                None
            ),
            125
        );
    }
}

//! Calls that are not refused by the table, but that the supervisor wants to see.

use super::arch::{Arch, Call};
use super::condition::Condition;

/// A call that stops and asks the supervisor when all of `when` holds.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// Which call.
    pub call: Call,
    /// When; empty means always.
    pub when: &'static [Condition],
}

impl Observed {
    /// Whether a call with these arguments stops here.
    pub fn stops(&self, arch: Arch, number: u32, arguments: &[u64; 6]) -> bool {
        self.call.number(arch) == Some(number)
            && self.when.iter().all(|condition| condition.holds(arguments))
    }
}

const fn observed(
    name: &'static str,
    x86_64: u32,
    aarch64: u32,
    when: &'static [Condition],
) -> Observed {
    Observed {
        call: Call {
            name,
            x86_64: Some(x86_64),
            aarch64: Some(aarch64),
        },
        when,
    }
}

/// Every call that can carry an address out. `sendto` without one is `send` on a connected socket, and goes through unseen;
/// the address of the other two lies behind a pointer, so they always stop.
pub const NETWORK: &[Observed] = &[
    observed("connect", 42, 203, &[]),
    observed("bind", 49, 200, &[]),
    observed("sendto", 44, 206, &[Condition::Given { argument: 4 }]),
    observed("sendmsg", 46, 211, &[]),
    observed("sendmmsg", 307, 269, &[]),
];

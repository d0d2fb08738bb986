//! What the instruction before a return address calls.

use crate::memory::Memory;

/// A call, read from the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// To this address.
    To(u64),
    /// To wherever a register or a table said.
    Anywhere,
}

/// The longest call instruction that is known here.
const LONGEST: usize = 7;
/// Between the loading of what is called and the call, arguments are laid out in so many bytes.
const LOADED_BEFORE: usize = 128;

/// The call that returns to `address`; nothing if the code before it is no call.
pub(super) fn call_before(address: u64, memory: &dyn Memory) -> Option<Call> {
    let mut code = [0; LONGEST];
    memory.fill(address.checked_sub(LONGEST as u64)?, &mut code)?;
    if let [.., 0xe8, a, b, c, d] = code {
        let distance = i32::from_le_bytes([a, b, c, d]);
        return Some(Call::To(address.wrapping_add_signed(distance.into())));
    }
    if let [.., 0xff, 0x15, a, b, c, d] = code {
        let distance = i32::from_le_bytes([a, b, c, d]);
        let slot = address.wrapping_add_signed(distance.into());
        return Some(memory.pointer(slot).map_or(Call::Anywhere, Call::To));
    }
    // `call r/m64` is FF with 2 in the middle of the next byte; its length follows from the rest of that byte.
    let through = |ahead: usize, has_index: bool, mode: u8| {
        let at = LONGEST - ahead;
        let (Some(0xff), Some(mod_rm)) = (code.get(at), code.get(at + 1)) else {
            return false;
        };
        let (found, middle, low) = (mod_rm >> 6, mod_rm >> 3 & 7, mod_rm & 7);
        found == mode && middle == 2 && (mode == 3 || (low == 4) == has_index)
    };
    let is_call = through(2, false, 3)
        || through(2, false, 0)
        || through(3, true, 0)
        || through(3, false, 1)
        || through(4, true, 1)
        || through(6, false, 2)
        || through(7, true, 2);
    is_call.then_some(Call::Anywhere)
}

/// Whether shortly before the call that returns to `address`, a slot of the linker's table was loaded that leads to
/// `function`: `mov slot(%rip),%reg`, arguments, `call *%reg`, as compilers write it that do not optimise.
pub(super) fn was_loaded_before(address: u64, function: (u64, u64), memory: &dyn Memory) -> bool {
    let mut code = [0; LOADED_BEFORE];
    let Some(from) = address.checked_sub(code.len() as u64) else {
        return false;
    };
    if memory.fill(from, &mut code).is_none() {
        return false;
    }
    code.windows(7).zip(from..).any(|(load, at)| {
        let [0x48 | 0x4c, 0x8b, mod_rm, a, b, c, d] = *load else {
            return false;
        };
        let distance = i32::from_le_bytes([a, b, c, d]);
        let slot = at.wrapping_add(7).wrapping_add_signed(distance.into());
        mod_rm & 0xc7 == 5
            && memory
                .pointer(slot)
                .is_some_and(|target| (function.0..function.1).contains(&target))
    })
}

/// Where a call to `address` ends up if a stub of the linker lies there: `jmp *slot(%rip)`.
pub(super) fn behind_stub(address: u64, memory: &dyn Memory) -> u64 {
    let mut code = [0; 16];
    if memory.fill(address, &mut code).is_none() {
        return address;
    }
    let mut at = 0;
    if code.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa]) {
        at += 4; // endbr64
    }
    if code.get(at) == Some(&0xf2) {
        at += 1; // bnd
    }
    let Some([0xff, 0x25, a, b, c, d]) = code.get(at..at + 6) else {
        return address;
    };
    let distance = i32::from_le_bytes([*a, *b, *c, *d]);
    let next = address.wrapping_add(at as u64 + 6);
    memory
        .pointer(next.wrapping_add_signed(distance.into()))
        .unwrap_or(address)
}

/// Whether the code at `address` is what a signal handler returns to: `rt_sigreturn`, and nothing else.
pub(super) fn ends_signal(address: u64, memory: &dyn Memory) -> bool {
    let mut code = [0; 9];
    memory.fill(address, &mut code).is_some()
        && (code == [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05]
            || code.starts_with(&[0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05]))
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;

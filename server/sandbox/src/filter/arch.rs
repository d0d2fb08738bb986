//! The two machines that the filter is written for, and how their system calls are numbered.

use std::ops::RangeInclusive;

/// A kind of processor, as the kernel names it to a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// 64 bit PC.
    X86_64,
    /// 64 bit ARM.
    Aarch64,
}

/// The highest call that the table was written for: `listns` of Linux 6.19, on both machines.
/// What a later kernel adds is answered with `ENOSYS` until somebody has looked at it.
pub const LAST_KNOWN: u32 = 470;

/// Numbers of the x32 interface of x86_64: the same calls under other numbers.
/// The kernel takes no number above these for a call, so `syscall(-1)` stays the harmless probe that it is.
pub const X32: RangeInclusive<u32> = 0x4000_0000..=0x7fff_ffff;

impl Arch {
    /// The machine that this program was built for.
    #[cfg(target_arch = "x86_64")]
    pub const NATIVE: Arch = Arch::X86_64;
    /// The machine that this program was built for.
    #[cfg(target_arch = "aarch64")]
    pub const NATIVE: Arch = Arch::Aarch64;

    /// The architecture word (`AUDIT_ARCH_*`) that the kernel shows to a filter.
    pub const fn word(self) -> u32 {
        match self {
            Arch::X86_64 => 0xc000_003e,
            Arch::Aarch64 => 0xc000_00b7,
        }
    }

    /// Numbers below [`LAST_KNOWN`] that no kernel up to 6.19 gives to a call on this machine.
    /// A later kernel may fill such a hole (335 and 336 of x86_64 were ones), so they count as unknown.
    pub const fn holes(self) -> &'static [RangeInclusive<u32>] {
        match self {
            Arch::X86_64 => &[337..=423],
            Arch::Aarch64 => &[244..=259, 295..=423],
        }
    }

    /// Whether the table was written with this number in view.
    pub fn knows(self, number: u32) -> bool {
        number <= LAST_KNOWN && !self.holes().iter().any(|hole| hole.contains(&number))
    }
}

/// A system call and its number on each machine that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name in the kernel.
    pub name: &'static str,
    /// Its number on x86_64.
    pub x86_64: Option<u32>,
    /// Its number on aarch64.
    pub aarch64: Option<u32>,
}

impl Call {
    /// Its number on `arch`, if it exists there.
    pub const fn number(&self, arch: Arch) -> Option<u32> {
        match arch {
            Arch::X86_64 => self.x86_64,
            Arch::Aarch64 => self.aarch64,
        }
    }
}

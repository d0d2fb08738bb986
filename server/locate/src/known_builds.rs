//! Which interpreters' stacks can be read. Another build is asked as well, but believed only if all that is read makes
//! sense; else its refusals stand at the document.

/// One kind of program and the versions of it that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownBuild {
    /// The program.
    pub program: &'static str,
    /// Its versions.
    pub versions: &'static str,
}

/// Everything that is known here.
pub fn known_builds() -> &'static [KnownBuild] {
    #[rustfmt::skip]
    const KNOWN: &[KnownBuild] = &[
        KnownBuild { program: "C, C++ and Rust", versions: "with DWARF lines" },
        KnownBuild { program: "Go", versions: "1.16 to 1.25" },
        KnownBuild { program: "CPython", versions: "3.8 to 3.14" },
        KnownBuild { program: "Node", versions: "by a preload" },
        KnownBuild { program: "Bash", versions: "5.1 to 5.3" },
        #[cfg(target_arch = "x86_64")]
        KnownBuild { program: "dash", versions: "0.5.11 and 0.5.12" },
        KnownBuild { program: "Perl", versions: "5.32 to 5.42" },
        KnownBuild { program: "PHP", versions: "7.4 to 8.4 without threads" },
        KnownBuild { program: "Lua", versions: "5.1 to 5.4" },
        KnownBuild { program: "Ruby", versions: "2.7 to 4.0" },
        KnownBuild { program: "R", versions: "4.0 to 4.6" },
    ];
    KNOWN
}

#[cfg(test)]
#[path = "known_builds_tests.rs"]
mod tests;

//! Builds the probe: the C program beside this, which makes single attempts and says what came of each.

use std::path::Path;
use std::process::Command;

/// Compiles it to `program`. It needs no library, so it runs wherever there is a kernel.
pub fn build(program: &Path) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escapes/probe");
    let sources = std::fs::read_dir(folder).expect("the probe's sources");
    let sources = sources
        .map(|entry| entry.expect("a source").path())
        .filter(|path| path.extension().is_some_and(|e| e == "c"));
    let built = Command::new("gcc")
        .args([
            "-std=gnu11",
            "-D_GNU_SOURCE",
            "-O1",
            "-static",
            "-no-pie",
            "-pthread",
            "-Wall",
            "-Wextra",
            "-o",
        ])
        .arg(program)
        .args(sources)
        .status()
        .expect("gcc, which the tests need");
    assert!(built.success(), "the probe does not compile");
}

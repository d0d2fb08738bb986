//! What the readers of script languages share.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::Process;

/// No program has more lines than this.
const MOST_LINES: u32 = 10_000_000;

/// A line, if it can be one.
pub(crate) fn line_in_reason(line: u32) -> Option<u32> {
    (1..=MOST_LINES).contains(&line).then_some(line)
}

/// A file's path as the interpreter names it, made absolute.
pub(crate) fn script_path(process: &Process, file: &Path) -> PathBuf {
    if file.is_absolute() {
        return file.to_path_buf();
    }
    match fs::read_link(format!("/proc/{}/cwd", process.pid)) {
        Ok(directory) => directory.join(file.strip_prefix("./").unwrap_or(file)),
        Err(_) => file.to_path_buf(),
    }
}

//! Reads what the kernel tells of processes, below a /proc. The name in it is the program's own choice, and need not be text.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A process or a thread in our own /proc.
pub fn directory_of(process: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{process}"))
}

/// What a file holds, with replacements for what is no text.
pub fn text_of(file: &Path) -> Option<String> {
    let bytes = fs::read(file).ok()?;
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// The first number in the line that begins with `name`.
pub fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The fields of a `stat` from the state on, which is number 0 here and 3 in proc_pid_stat(5). The name before it stands in
/// parentheses, and may hold anything.
pub fn fields_of(stat: &str) -> impl Iterator<Item = &str> {
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    fields.split_whitespace()
}

/// The threads of a process, by its directory.
pub fn threads_of(process: &Path) -> impl Iterator<Item = i32> + use<> {
    numbers_in(&process.join("task"))
}

/// What in a directory is called by a number.
pub fn numbers_in(directory: &Path) -> impl Iterator<Item = i32> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// How long a thread that always waits for this one would have waited so far: while this one works, and while either
/// stands in line for a processor. Nothing on a kernel that does not tell.
pub fn waited_for_us() -> Option<Duration> {
    // proc(5): nanoseconds on a processor, nanoseconds in line for one, and how often.
    let text = text_of(Path::new("/proc/thread-self/schedstat"))?;
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let (working, in_line) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(Duration::from_nanos(
        working.saturating_add(in_line.saturating_mul(2)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_begin_behind_the_last_parenthesis_and_lines_are_found_by_their_beginning() {
        let fields: Vec<&str> = fields_of("7 (a) b) 9 (c) S 1 2\n").collect();
        assert_eq!(fields, ["S", "1", "2"]);
        assert_eq!(fields_of("no name").next(), None);
        assert_eq!(number_after("A: 1 kB\nBB: 22 kB\n", "BB:"), Some(22));
        assert_eq!(number_after("A: one\nA: 1\n", "A:"), None);
    }
}

//! Looks at scratch space often while it fills, to know who fills it: when it is full, the program has been told so and
//! may be elsewhere already.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use belljar_report::Violation;

/// How long after a file was opened for writing, or scratch space grew, it is looked at often.
const WHILE: Duration = Duration::from_millis(100);
/// So many processes may be those that fill it, and so many files of each are remembered.
const MOST_WRITERS: usize = 4;
const MOST_FILES: usize = 64;
/// How often.
const OFTEN: Duration = Duration::from_millis(1);

/// The filling of a cell's scratch space.
#[derive(Default)]
pub struct Filling {
    until: Option<Instant>,
    used: u64,
    /// The limit that was nearly reached already.
    passed: Option<u64>,
    /// What would be told, with the line that was on when hardly anything was left.
    nearly: Option<Violation>,
    /// What was open then.
    files: Vec<File>,
}

impl Filling {
    /// A file was opened for writing.
    pub fn begins(&mut self) {
        self.until = Some(Instant::now() + WHILE);
    }

    /// How long the next look can wait; none if there need not be one.
    pub fn patience(&self) -> Option<Duration> {
        self.until.map(|_| OFTEN)
    }

    /// Whether it should be found out now who fills it, of which so much of so much is used. All that is used may be one
    /// file, so it counts as well how large a file may be.
    pub fn is_nearly_full(&mut self, used: u64, size: u64, largest_file: u64) -> bool {
        let now = Instant::now();
        if used > self.used {
            self.until = Some(now + WHILE);
        }
        self.used = used;
        if self.until.is_some_and(|until| now > until) {
            self.until = None;
        }
        let is_near = |limit: &u64| used / 3 >= limit / 4;
        let passed = [largest_file, size].into_iter().filter(is_near).max();
        let is_new = passed > self.passed;
        self.passed = self.passed.max(passed);
        is_new
    }

    /// Whether a file was cut off because it became too large. Not every program dies of that: some see an error, and of a
    /// command only its shell hears.
    pub fn has_cut_off_file(&self, largest_file: u64) -> bool {
        let size = cut_off_at(largest_file);
        let mut files = self.files.iter().filter_map(|file| file.metadata().ok());
        files.any(|facts| facts.len() == size)
    }

    /// Remembers where the program was when it was nearly full, and what it had open.
    pub fn note(&mut self, nearly: Violation, files: Vec<File>) {
        self.files = files;
        if nearly.line.is_some() || self.nearly.is_none() {
            self.nearly = Some(nearly);
        }
    }

    /// Puts what is told when it is full on the line that filled it.
    pub fn put_on_line(&self, violation: &mut Violation) {
        if let Some(nearly) = self.nearly.as_ref().filter(|nearly| nearly.line.is_some()) {
            violation.line = nearly.line;
            violation.column = nearly.column;
            violation.confidence = nearly.confidence;
            violation.program.clone_from(&nearly.program);
        }
    }
}

/// How large the kernel lets a file become whose policy allows so much: one byte more. So a file that was cut off there
/// can be told from one that is as large as it may be.
pub fn cut_off_at(largest_file: u64) -> u64 {
    largest_file.saturating_add(1)
}

/// Handles of the files that these processes have open, by which nothing can be read or written, and nobody can be kept
/// waiting.
pub fn open_files(processes: &[i32]) -> Vec<File> {
    let folders = processes.iter().take(MOST_WRITERS);
    folders
        .filter_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok())
        .flat_map(|names| names.flatten().take(MOST_FILES))
        .filter_map(|name| {
            let handle = OpenOptions::new()
                .read(true)
                .custom_flags(nix::libc::O_PATH)
                .open(name.path())
                .ok()?;
            handle.metadata().ok()?.is_file().then_some(handle)
        })
        .collect()
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;

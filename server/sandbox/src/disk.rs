//! Looks at scratch space often while it fills, to know who fills it: when it is full, the program has been told so and
//! may be elsewhere already.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
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
    /// What was used when this step of the run began.
    base: u64,
    /// How many quarters of the largest file, and of all there is, were used already at a look.
    passed: [u64; 2],
    /// What would be told, with the line that was on at the last look: if one file becomes too large, and if all is full.
    nearly: [Option<Violation>; 2],
    /// What was open then, and whether it had a name.
    files: Vec<(File, bool)>,
    /// One of the files that were open was cut off.
    has_cut_off_file: bool,
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

    /// Whether it should be found out now who fills it, of which so much of so much is used: once in each of the last three
    /// quarters. On a busy machine we may have no turn in the last one, and whoever is looked at after that only tidies up.
    /// All that is used may be one file, so it counts as well how large a file may be.
    pub fn is_nearly_full(&mut self, used: u64, size: u64, largest_file: u64) -> bool {
        let now = Instant::now();
        if used > self.used {
            self.until = Some(now + WHILE);
        }
        self.used = used;
        if self.until.is_some_and(|until| now > until) {
            self.until = None;
        }
        self.let_go_of_removed(largest_file);
        let before = self.passed;
        let own = used.saturating_sub(self.base);
        let now = [quarters(own, largest_file), quarters(used, size)];
        self.passed = [before[0].max(now[0]), before[1].max(now[1])];
        self.passed != before
    }

    /// The next step of the run begins, with so much of so much used: by compilers, which have nothing to do with what it does.
    pub fn starts_again(&mut self, used: u64, size: u64, largest_file: u64) {
        *self = Filling {
            // It may have opened its file before we heard that it began.
            until: self.until,
            used,
            base: used,
            passed: [0, quarters(used, size)],
            has_cut_off_file: self.has_cut_off_file(largest_file),
            ..Filling::default()
        };
    }

    /// Our handles keep what is removed in scratch space, where the program could use the room. Of a file that never had a name
    /// it cannot be told whether it is still written to.
    fn let_go_of_removed(&mut self, largest_file: u64) {
        let size = cut_off_at(largest_file);
        self.files.retain(|(file, was_named)| {
            let facts = file.metadata().ok();
            let is_cut_off = facts.as_ref().is_some_and(|facts| facts.len() == size);
            self.has_cut_off_file |= is_cut_off;
            !is_cut_off && facts.is_some_and(|facts| !was_named || facts.nlink() > 0)
        });
    }

    /// Whether a file was cut off because it became too large. Not every program dies of that: some see an error, and of a
    /// command only its shell hears.
    pub fn has_cut_off_file(&mut self, largest_file: u64) -> bool {
        self.let_go_of_removed(largest_file);
        self.has_cut_off_file
    }

    /// Remembers where the program was when it was nearly full, what it had open, and how much was used when it stood still.
    /// The look came too late to say who made a file too large if more is used than one file may have and nothing large is
    /// open any more, or if a file that was open at an earlier look has been cut off: then the program goes on already, and
    /// what it did at that look counts.
    pub fn note(&mut self, nearly: Violation, files: Vec<File>, used: u64, largest_file: u64) {
        self.let_go_of_removed(largest_file);
        let files: Vec<_> = files
            .into_iter()
            .filter_map(|file| file.metadata().ok().map(|facts| (file, facts)))
            .collect();
        let is_growing = files
            .iter()
            .any(|(_, facts)| facts.len() >= largest_file / 4);
        let is_over = used.saturating_sub(self.base) > largest_file && !is_growing;
        let [of_file, of_all] = &mut self.nearly;
        keep(of_all, &nearly);
        if !is_over && !self.has_cut_off_file {
            keep(of_file, &nearly);
            self.files = files
                .into_iter()
                .map(|(file, facts)| (file, facts.nlink() > 0))
                .collect();
        }
    }

    /// Puts what is told when `limit` is reached on the line that did it.
    pub fn put_on_line(&self, limit: &str, violation: &mut Violation) {
        let [of_file, of_all] = &self.nearly;
        let nearly = if limit == "file_size" {
            of_file
        } else {
            of_all
        };
        if let Some(nearly) = nearly.as_ref().filter(|nearly| nearly.line.is_some()) {
            violation.line = nearly.line;
            violation.column = nearly.column;
            violation.confidence = nearly.confidence;
            violation.program.clone_from(&nearly.program);
        }
    }
}

/// A place without a line is better than none, and no better than any other.
fn keep(known: &mut Option<Violation>, nearly: &Violation) {
    if nearly.line.is_some() || known.is_none() {
        *known = Some(nearly.clone());
    }
}

/// How many quarters of a limit are used, up to three.
fn quarters(used: u64, limit: u64) -> u64 {
    (used / (limit / 4).max(1)).min(3)
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

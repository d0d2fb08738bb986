//! Holds a question back for a moment: who asks whether a file is there often goes on to read or to change it, and then
//! only that is told.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use belljar_report::{Kind, Violation};

/// So long a question is held back.
const WHILE: Duration = Duration::from_millis(100);
/// No more of them are held back.
const MOST: usize = 64;

/// Something that was refused, and where.
pub struct Found {
    /// What is told.
    pub violation: Violation,
    /// The file that it is about.
    pub path: Option<PathBuf>,
    /// It was only asked whether it is there.
    pub is_question: bool,
}

/// Questions that are held back.
#[derive(Default)]
pub struct Held {
    questions: Vec<Question>,
}

struct Question {
    thread: i32,
    path: PathBuf,
    since: Instant,
    violation: Violation,
}

impl Held {
    /// Takes in what `thread` was refused, and adds to `told` what is to be told now.
    pub fn add(&mut self, thread: i32, found: Found, told: &mut Vec<Violation>) {
        if !found.is_question
            && let Some(path) = &found.path
        {
            let changes = found.violation.kind == Kind::FilesWrite;
            // The question was about the same, or about what it lies in, which a change begins with.
            self.questions.retain(|question| {
                let is_same = match changes {
                    true => path.starts_with(&question.path) || question.path.starts_with(path),
                    false => *path == question.path,
                };
                question.thread != thread || !is_same
            });
        }
        match found.path {
            Some(path) if found.is_question => {
                if self.questions.len() >= MOST {
                    told.push(self.questions.remove(0).violation);
                }
                self.questions.push(Question {
                    thread,
                    path,
                    since: Instant::now(),
                    violation: found.violation,
                });
            }
            _ => told.push(found.violation),
        }
    }

    /// What was held back long enough, or at the `end` all of it.
    pub fn overdue(&mut self, end: bool) -> Vec<Violation> {
        if self.questions.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let is_due = |question: &mut Question| end || now.duration_since(question.since) >= WHILE;
        self.questions
            .extract_if(.., is_due)
            .map(|question| question.violation)
            .collect()
    }
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;

//! Where a program opened the files that it writes.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use belljar_locate::{Locator, Operation, Place};
use belljar_report::Kind;

use super::pace::Pace;
use super::program_of;

/// So many files are remembered, the last ones.
const MOST_FILES: usize = 64;

/// The files that a run opened to write them.
#[derive(Default)]
pub struct Written {
    files: VecDeque<Opened>,
    /// There were more.
    has_forgotten: bool,
    /// In a storm both are those of the last one.
    pace: Pace,
}

struct Opened {
    path: PathBuf,
    place: Place,
    program: String,
}

impl Written {
    /// `thread` opens `path`, and waits until we are done.
    pub fn opens(&mut self, path: PathBuf, thread: i32, locator: &mut Locator) {
        let name = path.as_os_str().as_encoded_bytes();
        let mut program = self.files.back().map(|last| last.program.clone());
        let place = self.pace.place(Kind::LimitDisk, || {
            program = Some(program_of(thread));
            locator.place_for(thread, Operation::File, name)
        });
        let program = program.unwrap_or_default();
        self.files.retain(|file| file.path != path);
        if self.files.len() >= MOST_FILES {
            self.files.pop_front();
            self.has_forgotten = true;
        }
        self.files.push_back(Opened {
            path,
            place,
            program,
        });
    }

    /// Where this file was opened, and by which program; of one that is not known, if there was only one.
    pub fn opening(&self, path: Option<&Path>) -> Option<(Place, &String)> {
        let found = match path {
            Some(path) => self.files.iter().find(|file| file.path == path)?,
            None if self.files.len() == 1 && !self.has_forgotten => self.files.front()?,
            None => return None,
        };
        found.place.line.map(|_| (found.place, &found.program))
    }
}

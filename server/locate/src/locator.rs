//! Finds the place of a thread: by its own stack, else by that of the process which started its program.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::frame::{Certainty, Frame, Place, place_in};
use crate::process::{Process, parent_of, process_of, program_of};
use crate::reader::{READERS, Reader};

/// So many processes are remembered; a program that makes more is located more slowly.
const MOST_PROCESSES: usize = 256;
/// No family is followed further up.
const MOST_PARENTS: usize = 32;

/// Finds places for the threads of one run.
pub struct Locator {
    document: Option<PathBuf>,
    known: HashMap<i32, Known>,
    /// Where the program of a process was started from.
    origins: HashMap<i32, Place>,
}

struct Known {
    process: Process,
    reader: Option<Box<dyn Reader>>,
}

impl Locator {
    /// For the run of `document`, by its path in the cell. Without one there are no lines to find.
    pub fn new(document: Option<&Path>) -> Locator {
        Locator {
            document: document.map(Path::to_path_buf),
            known: HashMap::new(),
            origins: HashMap::new(),
        }
    }

    /// Where `thread` is, which stands still until we are done.
    pub fn place(&mut self, thread: i32) -> Place {
        let Some(process) = process_of(thread) else {
            return Place::UNKNOWN;
        };
        self.own_place(process, thread)
            .or_else(|| self.origin(process))
            .unwrap_or(Place::UNKNOWN)
    }

    /// `thread` is about to execute another program: its place now is that of all which the program will do.
    pub fn executes(&mut self, thread: i32) -> Place {
        let place = self.place(thread);
        if let Some(process) = process_of(thread) {
            self.known.remove(&process);
            if place.line.is_some() {
                if self.origins.len() >= MOST_PROCESSES {
                    self.origins.retain(|pid, _| program_of(*pid).is_some());
                }
                // What a started program did is at best known by the line that started it.
                self.origins.insert(process, place);
            }
        }
        place
    }

    /// The calls that `thread` is in, innermost first.
    pub fn frames(&mut self, thread: i32) -> Vec<Frame> {
        let mut frames = Vec::new();
        if let Some(pid) = process_of(thread)
            && let Some(known) = self.known(pid)
            && let Some(reader) = &mut known.reader
        {
            reader.frames(&known.process, thread, &mut frames);
        }
        frames
    }

    fn own_place(&mut self, _process: i32, thread: i32) -> Option<Place> {
        let document = self.document.clone()?;
        place_in(&document, &self.frames(thread))
    }

    /// The place at which the nearest of a process's forebears executed its program.
    fn origin(&self, process: i32) -> Option<Place> {
        let mut pid = process;
        for _ in 0..MOST_PARENTS {
            if let Some(place) = self.origins.get(&pid) {
                return Some(Place {
                    certainty: Certainty::Caller,
                    ..*place
                });
            }
            pid = parent_of(pid).filter(|parent| *parent > 1)?;
        }
        None
    }

    fn known(&mut self, pid: i32) -> Option<&mut Known> {
        let program = program_of(pid)?;
        let is_other = |known: &Known| known.process.program != program;
        if self.known.get(&pid).is_some_and(is_other) {
            self.known.remove(&pid);
        }
        if !self.known.contains_key(&pid) {
            if self.known.len() >= MOST_PROCESSES {
                self.known.retain(|pid, _| program_of(*pid).is_some());
            }
            let process = Process::look(pid)?;
            self.known.insert(
                pid,
                Known {
                    process,
                    reader: None,
                },
            );
        }
        let known = self.known.get_mut(&pid)?;
        if known.reader.is_none() {
            known.process.look_again();
            known.reader = READERS
                .iter()
                .find_map(|recognise| recognise(&known.process));
        }
        Some(known)
    }
}

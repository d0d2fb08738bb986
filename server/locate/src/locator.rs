//! Finds the place of a thread: by its own stack, else by that of the thread which is starting its program, else by
//! where its program was started from.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use crate::crash::{self, Crash, Crashes, Signalled};
use crate::family::Family;
use crate::frame::{Certainty, Frame, Place, place_in};
use crate::native::Modules;
use crate::process::{Process, parent_of, process_of, program_of};
use crate::reader::{LAST_RESORT, READERS, Reader};
use crate::told::{Operation, Told, is_message};

/// So many processes are remembered; a program that makes more is located more slowly.
const MOST_PROCESSES: usize = 256;

/// Finds places for the threads of one run.
pub struct Locator {
    document: Option<Rc<Path>>,
    known: HashMap<i32, Known>,
    family: Family,
    crashes: Crashes,
    modules: Rc<Modules>,
    told: Told,
}

struct Known {
    process: Process,
    reader: Option<Box<dyn Reader>>,
    /// The reader only knows machine code: an interpreter may turn up in the program later, as a library.
    is_last_resort: bool,
}

impl Locator {
    /// For the run of `document`, by its path in the cell. Without one there are no lines to find.
    pub fn new(document: Option<&Path>) -> Locator {
        Locator {
            document: document.map(Rc::from),
            known: HashMap::new(),
            family: Family::default(),
            crashes: Crashes::default(),
            modules: Rc::default(),
            told: Told::default(),
        }
    }

    /// Where `thread` is, which stands still until we are done.
    pub fn place(&mut self, thread: i32) -> Place {
        let Some(process) = process_of(thread) else {
            return Place::UNKNOWN;
        };
        self.own_place(process, thread)
            .or_else(|| self.family.origin(process))
            .unwrap_or(Place::UNKNOWN)
    }

    /// Where the document asked for the operation on which `thread` stands still: by its stack, else by what a preload
    /// told. `target` is as [`Operation`] says; paths are absolute in the cell.
    pub fn place_for(&mut self, thread: i32, operation: Operation, target: &[u8]) -> Place {
        let Some(process) = process_of(thread) else {
            return Place::UNKNOWN;
        };
        self.own_place(process, thread)
            .or_else(|| self.told.place(process, operation, target))
            .or_else(|| self.family.origin(process))
            .unwrap_or(Place::UNKNOWN)
    }

    /// As [`Locator::place_for`], for a thread that does not stand still any more: its stack is not read.
    pub fn place_told(&mut self, thread: i32, operation: Operation, target: &[u8]) -> Place {
        let place = match process_of(thread) {
            Some(process) => self
                .told
                .place(process, operation, target)
                .or_else(|| self.family.origin(process)),
            // Who asks for a name may have its answer, and have ended, before its question is told.
            None => self.told.place_of_any(operation, target),
        };
        place.unwrap_or(Place::UNKNOWN)
    }

    /// Where the document printed what `thread` is about to write to a stream, if a preload told: once for each print.
    pub fn place_of_print(&mut self, thread: i32, stream: &[u8]) -> Option<Place> {
        if self.told.is_empty() {
            return None;
        }
        self.told.take_print(process_of(thread)?, stream)
    }

    /// Takes what a preload tells by opening `path`. Whether it was a message: then there is no such file.
    pub fn tell(&mut self, thread: i32, path: &[u8]) -> bool {
        if !is_message(path) {
            return false;
        }
        if path == crash::PATH {
            self.notice_crash(thread);
            return true;
        }
        if let (Some(document), Some(process)) = (&self.document, process_of(thread)) {
            self.told.take(process, document, path);
        }
        true
    }

    /// The crash that was told last, once. One that cannot be placed is not told.
    pub fn crashed(&mut self) -> Option<Crash> {
        self.crashes.latest.take()
    }

    fn notice_crash(&mut self, thread: i32) -> Option<()> {
        let signalled = Signalled::of(thread)?;
        let pid = process_of(thread)?;
        self.crashes.is_first(pid).then_some(())?;
        let document = self.document.clone()?;
        let known = self.known(pid)?;
        let mut frames = Vec::new();
        let reader = known.reader.as_mut()?;
        reader.frames_at(&known.process, signalled.context, &mut frames);
        let crash = signalled.at(place_in(&document, &frames)?, &known.process.memory());
        self.crashes.latest = Some(crash);
        Some(())
    }

    /// `thread` is about to execute another program: its place now is that of all which the program will do.
    pub fn executes(&mut self, thread: i32) -> Place {
        let mut place = self.place(thread);
        if let Some(process) = process_of(thread) {
            if place.line.is_none() {
                let parent = parent_of(process).and_then(|parent| self.told.last_start(parent));
                let told = self.told.last_start(process).or(parent);
                place = told.unwrap_or(place);
            }
            self.known.remove(&process);
            if place.line.is_some() {
                self.family.started(process, place);
            }
        }
        place
    }

    /// The calls that `thread` is in, innermost first, down to the first that is the document's.
    pub fn frames(&mut self, thread: i32) -> Vec<Frame> {
        let mut frames = self.calls(thread);
        frames.retain(|frame| !frame.is_gap());
        frames
    }

    /// How many files of machine code are held open.
    #[cfg(test)]
    pub(crate) fn open_files(&self) -> usize {
        self.modules.count()
    }

    /// The place of the first of what waits in a process without a thread.
    pub(crate) fn place_of_waiting(&mut self, pid: i32) -> Option<Place> {
        let document = self.document.clone()?;
        let known = self.known(pid)?;
        let stacks = known.reader.as_mut()?.parked(&known.process);
        stacks.iter().find_map(|calls| place_in(&document, calls))
    }

    /// As if the process of `thread` were new.
    #[cfg(test)]
    pub(crate) fn forget(&mut self, thread: i32) {
        self.known.remove(&process_of(thread).unwrap_or(thread));
    }

    fn calls(&mut self, thread: i32) -> Vec<Frame> {
        let mut frames = Vec::new();
        let document = self.document.clone();
        if let Some(pid) = process_of(thread)
            && let Some(known) = self.known(pid)
        {
            known.read(thread, &mut frames);
            let is_found = |frame: &Frame| Some(&*frame.file) == document.as_deref();
            if known.is_last_resort && !frames.iter().any(is_found) && known.find_another() {
                frames.clear();
                known.read(thread, &mut frames);
            }
        }
        frames
    }

    fn own_place(&mut self, process: i32, thread: i32) -> Option<Place> {
        let document = self.document.clone()?;
        place_in(&document, &self.calls(thread)).or_else(|| {
            // A new process may still be on memory, or on a copy of memory, of the thread that makes it. Once it runs
            // another program the parent may wait for yet another one.
            let parent = parent_of(process)?;
            if program_of(process) != program_of(parent) {
                return None;
            }
            let starter = self.family.starter(process)?;
            let place = place_in(&document, &self.calls(starter))?;
            Some(Place {
                certainty: Certainty::Caller,
                ..place
            })
        })
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
            if self.known.len() >= MOST_PROCESSES {
                self.known.clear();
            }
            let mut process = Process::look(pid)?;
            process.document = self.document.clone();
            process.modules = Rc::clone(&self.modules);
            let known = Known {
                process,
                reader: None,
                is_last_resort: false,
            };
            self.known.insert(pid, known);
        }
        let known = self.known.get_mut(&pid)?;
        if known.reader.is_none() {
            known.process.look_again();
            known.recognise();
        }
        Some(known)
    }
}

impl Known {
    fn read(&mut self, thread: i32, frames: &mut Vec<Frame>) {
        if let Some(reader) = &mut self.reader {
            reader.frames(&self.process, thread, frames);
        }
    }

    fn recognise(&mut self) -> bool {
        let found = READERS
            .iter()
            .find_map(|recognise| recognise(&self.process));
        let is_found = found.is_some();
        if is_found {
            self.is_last_resort = false;
            self.reader = found;
        } else if self.reader.is_none() {
            self.reader = LAST_RESORT(&self.process);
            self.is_last_resort = true;
        }
        is_found
    }

    /// Whether what has been loaded meanwhile is known to another reader.
    fn find_another(&mut self) -> bool {
        let before = self.process.mappings().len();
        self.process.look_again();
        before != self.process.mappings().len() && self.recognise()
    }
}

//! One file of machine code, and all that are known in a run.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::go::Go;
use super::lines::Lines;
use super::unwind::Unwind;
use crate::image::{FileId, Image};

/// So many files are held open at once, whatever a run maps: the descriptors are the watcher's own.
const MOST_MODULES: usize = 256;
/// So many answers about symbols are remembered.
const MOST_ANSWERS: usize = 512;
/// Debug information of so many of them is held at once.
const MOST_WITH_LINES: usize = 16;
/// So long reading debug information may take in a run, in all. The program stands still meanwhile, but not the clock.
const LONGEST: Duration = Duration::from_secs(6);

/// Where symbols lie, in the order in which they were asked for.
type Addresses = Vec<Option<u64>>;

/// Everything that was read of files of machine code, by file.
pub(crate) struct Modules {
    known: RefCell<HashMap<FileId, Rc<Module>>>,
    symbols: RefCell<HashMap<(FileId, String), Addresses>>,
    /// How much time there is for what the program's files say of lines.
    patience: Rc<Cell<Duration>>,
}

impl Default for Modules {
    fn default() -> Modules {
        Modules {
            known: RefCell::default(),
            symbols: RefCell::default(),
            patience: Rc::new(Cell::new(LONGEST)),
        }
    }
}

impl fmt::Debug for Modules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Modules").finish_non_exhaustive()
    }
}

impl Modules {
    /// The same as [`Image::symbols`]. Looking through a large table takes milliseconds, and each new process of a
    /// program asks for the same.
    pub fn symbols(&self, image: &Image, names: &[&str]) -> Addresses {
        let key = (image.id, names.join(" "));
        let mut answers = self.symbols.borrow_mut();
        if answers.len() >= MOST_ANSWERS {
            answers.clear();
        }
        let look_up = || image.symbols(names);
        answers.entry(key).or_insert_with(look_up).clone()
    }

    /// How many files are held open.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.known.borrow().len()
    }

    /// What is known of a file; nothing if it is no code of this machine.
    pub(super) fn of(&self, image: Image) -> Option<Rc<Module>> {
        if let Some(module) = self.known.borrow().get(&image.id) {
            return Some(Rc::clone(module));
        }
        image.is_native().then_some(())?;
        let mut known = self.known.borrow_mut();
        let with_lines = |known: &HashMap<FileId, Rc<Module>>| {
            known
                .values()
                .filter(|module| module.may_have_lines)
                .count()
        };
        if known.len() >= MOST_MODULES || with_lines(&known) >= MOST_WITH_LINES {
            // Those that no process has any more.
            known.retain(|_, module| Rc::strong_count(module) > 1);
        }
        (known.len() < MOST_MODULES).then_some(())?;
        let has_room = with_lines(&known) < MOST_WITH_LINES;
        let is_go = Go::is_in(&image);
        let may_have_lines = has_room && (is_go || Lines::are_in(&image));
        let id = image.id;
        let module = Rc::new(Module {
            image,
            may_have_lines,
            is_go,
            go: OnceCell::new(),
            goroutines: OnceCell::new(),
            unwind: OnceCell::new(),
            lines: OnceCell::new(),
            patience: Rc::clone(&self.patience),
        });
        known.insert(id, Rc::clone(&module));
        Some(module)
    }
}

/// One file of machine code. Its parts are read when they are first needed.
pub(super) struct Module {
    /// The file.
    pub image: Image,
    /// Whether it says on which lines its code lies.
    pub may_have_lines: bool,
    is_go: bool,
    go: OnceCell<Option<Go>>,
    goroutines: OnceCell<Option<u64>>,
    unwind: OnceCell<Option<Unwind>>,
    lines: OnceCell<Option<Lines>>,
    patience: Rc<Cell<Duration>>,
}

impl Module {
    /// How to walk back from its code.
    pub fn unwind(&self) -> Option<&Unwind> {
        self.unwind
            .get_or_init(|| Unwind::read(&self.image))
            .as_ref()
    }

    /// Go's own table of its code.
    pub fn go(&self) -> Option<&Go> {
        let read = || {
            (self.is_go && self.may_have_lines)
                .then(|| Go::read(&self.image))
                .flatten()
        };
        self.go.get_or_init(read).as_ref()
    }

    /// Where Go's runtime lists its goroutines, before loading.
    pub fn goroutines(&self) -> Option<u64> {
        let find = || self.image.symbols(&["runtime.allgs"]).pop().flatten();
        *self.goroutines.get_or_init(|| self.is_go.then(find)?)
    }

    /// Its source lines, if they are not in a table of Go's.
    pub fn lines(&self) -> Option<&Lines> {
        let read = || {
            (self.may_have_lines && !self.is_go)
                .then(|| Lines::read(&self.image, Rc::clone(&self.patience)))
                .flatten()
        };
        self.lines.get_or_init(read).as_ref()
    }
}

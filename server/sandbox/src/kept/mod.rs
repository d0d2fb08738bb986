//! Programs that were compiled in a cell, kept for the next run of the same text under the same conditions.
//!
//! Nothing in a cell can reach what is kept: this process copies the program out of the cell when its compiler has ended and
//! the program has not begun, and puts a copy into the next cell. What goes wrong here only means that the program is
//! compiled again.

mod beginning;
mod entry;
mod inputs;
mod key;
mod shelf;

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use belljar_plan::{CellFile, Product, RunPlan};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::notice::Inside;
pub use beginning::{Beginning, Making};
use entry::{Entry, State};
pub use entry::{MOST_PRINTED, Printed};
use shelf::Shelf;
pub use shelf::{Stock, stock};

/// Where a cell's compilers write, and this process looks for what they made.
const SCRATCH: &str = "/tmp";
/// A larger program is not kept.
const MOST_BYTES: u64 = 32 << 20;
/// Nor is one whose compiler lists so much, or so many.
const MOST_LISTED: u64 = 4 << 20;
const MOST_INPUTS: usize = 10_000;

/// What there is of a run's program.
pub enum Kept {
    /// Nothing, and nothing will be kept.
    Nothing,
    /// The program.
    Program(Found),
    /// A place to keep it, and what it begins with.
    Room(Box<Room>, Beginning),
}

/// A program that was kept.
pub struct Found {
    product: PathBuf,
    entry: Entry,
}

/// Where a program will be kept once it is there.
pub struct Room {
    product: Product,
    place: shelf::Place,
    begun: SystemTime,
    /// A larger one is not kept.
    most: u64,
    /// What else it was made of than its compiler will say.
    besides: Vec<(String, State)>,
}

/// Looks for the program of a run. To be called before root's privilege goes: what is kept is the user's.
pub fn look(plan: &RunPlan) -> Kept {
    let Some(product) = &plan.product else {
        return Kept::Nothing;
    };
    let begun = SystemTime::now();
    let (Some(shelf), Some(key)) = (Shelf::open(&product.kept_in), key::of(plan, product)) else {
        return Kept::Nothing;
    };
    if let Some(entry) = shelf.take(&key)
        && entry.inputs.iter().all(inputs::is_as_it_was)
    {
        if entry.program.len() as u64 > plan.limits.scratch / 2 {
            // Then it is the compiler that is told so.
            return Kept::Nothing;
        }
        let product = product.binary.clone();
        return Kept::Program(Found { product, entry });
    }
    match shelf.reserve(&key) {
        Some(place) => {
            let beginning = beginning::look(&shelf, plan, product);
            let room = Room {
                product: product.clone(),
                place,
                begun,
                most: MOST_BYTES,
                besides: Vec::new(),
            };
            Kept::Room(Box::new(room), beginning)
        }
        None => Kept::Nothing,
    }
}

impl Found {
    /// `plan` without what made the program, and what that printed.
    pub fn instead_of(self, plan: &RunPlan) -> (RunPlan, Printed) {
        let mut plan = plan.clone();
        plan.steps.retain(|step| step.is_program);
        plan.product = None;
        plan.files.push(CellFile {
            path: self.product,
            content: self.entry.program,
            executable: true,
        });
        (plan, self.entry.printed)
    }
}

impl Room {
    /// What is made here is made of these files too.
    pub fn made_of(&mut self, besides: Vec<(String, State)>) {
        self.besides = besides;
    }

    /// Keeps what the steps before the program made, if all that they read is known. Only pid 1 is left in the cell, so
    /// nobody changes anything meanwhile.
    pub fn keep(
        self,
        plan: &RunPlan,
        inside: &Inside,
        scratch: BorrowedFd<'_>,
        printed: Printed,
    ) -> Option<()> {
        let program = read(scratch, &self.product.binary, self.most)?;
        let lists = self.product.inputs.iter();
        let lists = lists.map(|list| String::from_utf8(read(scratch, list, MOST_LISTED)?).ok());
        let lists: Vec<String> = lists.collect::<Option<_>>()?;
        let mut read_by_them = self.besides;
        for path in inputs::named(&lists, &plan.work_dir)? {
            read_by_them.extend(inputs::input(plan, inside, path, self.begun)?);
        }
        self.place.fill(&Entry {
            inputs: read_by_them,
            printed,
            program,
        })
    }
}

/// What a file of the cell's scratch space holds.
fn read(scratch: BorrowedFd<'_>, path: &Path, most: u64) -> Option<Vec<u8>> {
    let below = path.strip_prefix(SCRATCH).ok()?;
    // Whatever a compiler left there: no link out of it is followed, and no pipe is waited for.
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let file = File::from(openat2(scratch, below, how).ok()?);
    let facts = file.metadata().ok()?;
    if !facts.is_file() || facts.size() > most {
        return None;
    }
    let mut content = Vec::with_capacity(usize::try_from(facts.size()).ok()?);
    file.take(most).read_to_end(&mut content).ok()?;
    Some(content)
}

/// Whether a file's name is that of an entry.
fn is_key(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.len() == 64 && name.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests;

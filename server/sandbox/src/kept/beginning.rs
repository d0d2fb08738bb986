//! What programs begin with, compiled ahead. It is made in a cell of its own, in which there is nothing but that, after a run
//! that could have used it, and put into the cells of later ones.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use belljar_plan::{CELL_HOME, Limits, Precompiled, Product, ProjectAccess, RunPlan, Step};
use belljar_report::{Event, Stream};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;

use super::entry::{Large, State};
use super::shelf::Shelf;
use super::{Room, SCRATCH, inputs, key};
use crate::site::Site;
use crate::talk::{Audience, Talk};
use crate::watch::watch;

/// Larger ones are not kept: those of most programs take half of this.
const MOST_BYTES: u64 = 160 << 20;
/// What making one may use, however little the policy lets programs have: it is ours, and nobody waits for it.
const WALL: Duration = Duration::from_secs(60);
const MEMORY: u64 = 1 << 30;
const OUTPUT: u64 = 64 << 10;

/// What there is of a program's beginning.
pub enum Beginning {
    /// Nothing, and nothing is to be made.
    Nothing,
    /// It was compiled.
    There(Box<Laid>),
    /// It should be, for the next run.
    Wanted(Box<Making>),
}

/// A beginning that is there.
pub struct Laid {
    place: PathBuf,
    content: Large,
}

/// A beginning that is to be made.
pub struct Making {
    plan: RunPlan,
    room: Room,
}

/// Looks for what the program of `plan` begins with. What nobody asked for before is not made yet: many programs run once.
pub fn look(shelf: &Shelf, plan: &RunPlan, product: &Product) -> Beginning {
    let found = product.precompiled.as_ref().and_then(|ahead| {
        let key = key::of_beginning(plan, product, ahead)?;
        Some((ahead, key))
    });
    let Some((ahead, key)) = found else {
        return Beginning::Nothing;
    };
    if let Some(content) = shelf.open_entry(&key).and_then(Large::read)
        && content.inputs.iter().all(inputs::is_as_it_was)
    {
        let fits = content.length <= plan.limits.scratch / 8 * 5
            && content.length <= plan.limits.memory / 3;
        // One that is empty could not be made.
        if content.length == 0 || !fits {
            return Beginning::Nothing;
        }
        let place = ahead.makes.clone();
        return Beginning::There(Box::new(Laid { place, content }));
    }
    if shelf.is_first(&key) {
        return Beginning::Nothing;
    }
    let Some(place) = shelf.reserve(&key) else {
        return Beginning::Nothing;
    };
    let product = Product {
        binary: ahead.makes.clone(),
        inputs: vec![ahead.inputs.clone()],
        precompiled: None,
        ..product.clone()
    };
    Beginning::Wanted(Box::new(Making {
        plan: plan_of(plan, product.clone(), ahead),
        room: Room {
            product,
            place: place.or_nothing(),
            begun: SystemTime::now(),
            most: MOST_BYTES,
            besides: Vec::new(),
        },
    }))
}

/// The run that makes it: of the other run it has what the compiler may see of the system, and neither the project nor the
/// document.
fn plan_of(plan: &RunPlan, product: Product, ahead: &Precompiled) -> RunPlan {
    let mut plan = plan.clone();
    plan.document = None;
    // The last step is the program, and this has none: it only has to be one that may be started.
    let program = Step {
        arguments: vec![
            ahead.step.arguments.first().cloned().unwrap_or_default(),
            "--version".to_owned(),
        ],
        is_program: true,
        ..ahead.step.clone()
    };
    plan.steps = vec![ahead.step.clone(), program];
    plan.product = Some(product);
    plan.files = vec![ahead.source.clone()];
    plan.project = plan
        .project
        .filter(|project| project.access == ProjectAccess::Hidden);
    plan.work_dir = PathBuf::from(CELL_HOME);
    plan.home_links = Vec::new();
    plan.limits = Limits {
        wall: WALL,
        cpu: WALL,
        memory: MEMORY,
        file_size: MOST_BYTES,
        output: OUTPUT,
        scratch: MOST_BYTES * 2,
        ..plan.limits
    };
    plan.output_lines = false;
    plan
}

impl Laid {
    /// Puts it where the compiler looks for it, in the scratch space of a cell in which nothing has begun, and gives the names
    /// of what it was made of. If it is damaged, the cell has none.
    pub fn put(self, scratch: BorrowedFd<'_>) -> Option<Vec<(String, State)>> {
        let below = self.place.strip_prefix(SCRATCH).ok()?;
        let mut file = create(scratch, below).ok()?;
        match self.content.pour(&mut file) {
            Some(inputs) => Some(inputs),
            None => {
                // Without its first bytes it is nothing.
                let _ = file.set_len(0);
                None
            }
        }
    }
}

fn create(scratch: BorrowedFd<'_>, below: &Path) -> io::Result<File> {
    let how = OpenHow::new()
        .flags(
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
        )
        .mode(Mode::from_bits_truncate(0o644))
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    Ok(File::from(openat2(scratch, below, how)?))
}

impl Making {
    /// Makes it. Only in a process that has one thread.
    pub fn carry_out(self) {
        let Ok(standing) = Site::bare().stand_up(&self.plan, None) else {
            return;
        };
        let Ok((never, _open)) = io::pipe() else {
            return;
        };
        let mut nobody = Nobody(never);
        let talk = Talk::Here(&mut nobody);
        drop(watch(
            &self.plan,
            standing,
            talk,
            Some(self.room),
            &Vec::new(),
        ));
    }
}

/// Nobody hears of it, and nobody ends it: it ends with this process.
struct Nobody(io::PipeReader);

impl Audience for Nobody {
    fn tell(&mut self, _event: &Event) {}

    fn pass(&mut self, _stream: Stream, _bytes: &[u8], _line: Option<u32>) {}

    fn is_behind(&self) -> bool {
        false
    }

    fn catch_up(&mut self) {}

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn wants_end(&mut self) -> bool {
        false
    }
}

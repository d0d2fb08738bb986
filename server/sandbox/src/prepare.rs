//! Writes down what pid 1 of a cell needs to know, in memory that it shares with us.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belljar_child::{Access, Arguments, Filters, Instruction, Prepared, Program};
use belljar_plan::RunPlan;
use belljar_sys::Arena;

use crate::construct::{Choices, Order};
use crate::filter::{self, Arch, Observed, Told, UnixSockets};
use crate::furnish::{Furniture, ProjectMount};
use crate::identity::INSIDE;
use crate::landlock;
use crate::posture::namespaces_outside;
use crate::rlimits::limits_of;
use crate::watch::MOST_LONGER;

/// So long after the wall limit pid 1 ends the cell itself. The watcher needs less to find out on which line it is, and to end
/// it, unless it hangs.
const GRACE: Duration = Duration::from_secs(5);

/// What the child needs to know, in the arena.
pub fn prepare<'a>(
    order: Order<'_>,
    arena: &'a Arena,
    furniture: &Furniture<'a>,
    abi: u32,
) -> io::Result<&'a Prepared<'a>> {
    let Order { plan, choices, .. } = order;
    let text = |text: &str| arena.text(text.as_bytes());
    let views = furniture
        .views
        .iter()
        .enumerate()
        .map(|(index, view)| Access {
            path: view.path,
            tree: order.trees.get(index).map_or(-1, AsRawFd::as_raw_fd),
        });
    let views: Vec<Access<'a>> = views.collect();
    let ruleset = landlock::ruleset(plan, choices.project, abi);
    let rules = ruleset
        .rules
        .iter()
        .map(|(path, rights)| Ok((text(path)?, *rights)))
        .collect::<io::Result<Vec<_>>>()?;
    let variables = plan
        .environment
        .iter()
        .map(|(name, value)| text(&format!("{name}={value}")))
        .collect::<io::Result<Vec<_>>>()?;
    let programs = plan
        .steps
        .iter()
        .map(|step| {
            let words = step.arguments.iter().map(|word| text(word));
            Ok(Program {
                path: text(&step.program.to_string_lossy())?,
                arguments: list(arena, &words.collect::<io::Result<Vec<_>>>()?)?,
                input: order
                    .input
                    .filter(|_| step.reads_input)
                    .map_or(-1, AsRawFd::as_raw_fd),
            })
        })
        .collect::<io::Result<Vec<_>>>()?;
    let (silent, asking) = filters(plan, choices);
    arena.put(Prepared {
        staging_options: text(&Furniture::staging_options(plan))?,
        root_options: text(&furniture.root_options())?,
        stub: order.moved.map(|moved| stub_of(arena, moved)).transpose()?,
        trees: arena.numbers(views.len())?,
        views: arena.copy(&views)?,
        operations: arena.copy(&furniture.operations)?,
        work_dir: text(&plan.work_dir.to_string_lossy())?,
        landlock_handled: ruleset.handled,
        landlock_scoped: ruleset.scoped,
        landlock_rules: arena.copy(&rules)?,
        filters: Filters {
            silent: arena.copy(&silent)?,
            asking: arena.copy(&asking)?,
            listen: choices.listen,
        },
        namespaces: arena.copy(&namespaces_outside(arena)?)?,
        lifetime_ns: u64::try_from(longest(plan).saturating_add(GRACE).as_nanos())
            .unwrap_or(u64::MAX),
        limits: arena.copy(&limits_of(&plan.limits, order.grouped))?,
        environment: list(arena, &variables)?,
        programs: arena.copy(&programs)?,
        waits: plan.product.is_some(),
    })
}

/// A root that this process serves to the cell, and to nobody else: not even to itself, because it would wait for its own
/// answer.
fn stub_of<'a>(arena: &'a Arena, moved: &[(&CStr, bool)]) -> io::Result<belljar_child::Stub<'a>> {
    let options = format!("rootmode=40755,user_id={INSIDE},group_id={INSIDE},allow_other");
    let listed = listed(moved).into_iter();
    let listed = listed.map(|path| arena.text(path.as_os_str().as_bytes()));
    let listed = listed.collect::<io::Result<Vec<_>>>()?;
    let moved = moved
        .iter()
        .map(|(path, is_mount)| Ok((arena.text(path.to_bytes())?, *is_mount)))
        .collect::<io::Result<Vec<_>>>()?;
    Ok(belljar_child::Stub {
        options: arena.text(options.as_bytes())?,
        listed: arena.copy(&listed)?,
        moved: arena.copy(&moved)?,
    })
}

/// Directories in which more than one of these is: the kernel asks once for each directory then, and not for each name.
fn listed(moved: &[(&CStr, bool)]) -> Vec<PathBuf> {
    let mut counts = BTreeMap::<PathBuf, BTreeSet<PathBuf>>::new();
    for (path, _) in moved {
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        for part in path.ancestors() {
            if let Some(parent) = part.parent() {
                let names = counts.entry(parent.to_owned()).or_default();
                names.insert(part.to_owned());
            }
        }
    }
    counts.retain(|_, names| names.len() > 1);
    counts.into_keys().collect()
}

/// How long the watcher lets a run last at most.
fn longest(plan: &RunPlan) -> Duration {
    let wall = plan.limits.wall;
    match plan.output_lines {
        true => wall.saturating_mul(MOST_LONGER),
        false => wall,
    }
}

/// Strings for `execve`.
fn list<'a>(arena: &'a Arena, strings: &[&'a CStr]) -> io::Result<Arguments<'a>> {
    let pointers = strings
        .iter()
        .map(|string| string.to_bytes_with_nul().first());
    let pointers: Vec<Option<&'a u8>> = pointers.chain([None]).collect();
    Ok(Arguments(arena.copy(&pointers)?))
}

/// Calls that the listener is told of although the table does not refuse them. Python asks after files by the thousand
/// where it imports, and each question that stops takes 10 us or more: those are let through.
pub fn observed_by(plan: &RunPlan, stub: bool) -> Vec<Observed> {
    let mut observed = observed_of_files(plan, stub);
    if plan.output_lines {
        observed.extend(filter::PRINTS);
    }
    observed
}

fn observed_of_files(plan: &RunPlan, stub: bool) -> Vec<Observed> {
    if stub {
        return filter::changes();
    }
    let is_python = |step: &belljar_plan::Step| {
        let name = step.program.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("python")
    };
    let asks_much = plan.steps.iter().any(is_python);
    filter::observed(!asks_much)
}

/// The filter programs: the one that refuses by itself, and the one that asks.
fn filters(plan: &RunPlan, choices: Choices) -> (Vec<Instruction>, Vec<Instruction>) {
    let asking = Told::Listener(&observed_by(plan, choices.stub));
    (program(choices, Told::Nobody), program(choices, asking))
}

/// The filter program for a cell that is traced. It is made when there is no listener, and not before.
pub fn filter_for_tracer<'a>(order: Order<'_>, arena: &'a Arena) -> io::Result<&'a [Instruction]> {
    let Order { plan, choices, .. } = order;
    let told = Told::Tracer(&observed_by(plan, choices.stub));
    arena.copy(&program(choices, told))
}

fn program(choices: Choices, told: Told<'_>) -> Vec<Instruction> {
    let unix = match choices.project {
        ProjectMount::Overlay => UnixSockets::Open,
        ProjectMount::View => UnixSockets::Closed,
    };
    filter::program(Arch::NATIVE, unix, told)
        .into_iter()
        .map(|one| Instruction {
            code: one.code,
            jt: one.jt,
            jf: one.jf,
            k: one.k,
        })
        .collect()
}

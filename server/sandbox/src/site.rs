//! Where a cell is built: by this process, which has one thread, for one run. The building begins before the run is known,
//! because the kernel takes long to make namespaces and needs no plan for it.

use std::os::fd::OwnedFd;

use belljar_plan::{ProjectAccess, RunPlan};
use belljar_sys::Arena;

use crate::cgroup::{self, Group};
use crate::construct::{
    Begun, Choices, Order, Setback, Standing, arena, begin, construct, trees_of_root,
};
use crate::failure::Failure;
use crate::fault;
use crate::furnish::{Furniture, ProjectMount};
use crate::identity::Identity;
use crate::notice::names_of;
use crate::rlimits::take_on_limits;

/// A place for one cell.
pub struct Site {
    identity: Identity,
    state: State,
}

enum State {
    /// Nothing was done yet: whoever is root, has a control group to give or an input to pass on does everything later.
    Bare,
    /// Pid 1 of the cell is there and builds. Nothing else of this process's was opened before.
    Begun(Arena, Begun),
    /// That failed, which is told when there is a run to tell it of.
    Failed(Failure),
}

impl Site {
    /// A place where nothing has begun.
    pub fn bare() -> Site {
        fault::read_what_to_make_fail();
        Site {
            identity: Identity::of_this_process(),
            state: State::Bare,
        }
    }

    /// A place where building begins at once if it can. To be called while this process has one thread and is small,
    /// because all of its memory becomes pid 1's too.
    pub fn begin() -> Site {
        let mut site = Site::bare();
        if !site.identity.was_root && cgroup::find().is_err() {
            site.state = match site.break_ground() {
                Ok((arena, begun)) => State::Begun(arena, begun),
                Err(failure) => State::Failed(failure),
            };
        }
        site
    }

    fn break_ground(&self) -> Result<(Arena, Begun), Failure> {
        lower(self.identity)?;
        let arena = arena()?;
        match begin(self.identity, None, &arena) {
            Ok(begun) => Ok((arena, begun)),
            Err(setback) => Err(setback.into_failure()),
        }
    }

    /// Builds the cell with the strongest choices that this machine has.
    pub(crate) fn stand_up(
        self,
        plan: &RunPlan,
        input: Option<&OwnedFd>,
    ) -> Result<Standing, Failure> {
        let identity = self.identity;
        let mut choices = Choices::first();
        let (mut group, mut note) = (None, None);
        let (arena, mut begun, is_lowered) = match self.state {
            State::Failed(failure) => return Err(failure),
            State::Begun(arena, begun) if input.is_none() => (arena, Some(begun), true),
            // An input that was not open when pid 1 was cloned is not open there.
            State::Begun(arena, begun) => {
                begun.give_up();
                (arena, None, true)
            }
            State::Bare => (arena()?, None, false),
        };
        let mut furniture = Furniture::of(plan, choices.project, &arena)?;
        // Root may open what its runs may not, and cannot try twice.
        choices.stub &= !identity.was_root && furniture.can_have_stub(plan);
        let mut trees = Vec::new();
        let mut home_names = None;
        if !is_lowered {
            if identity.was_root {
                trees = trees_of_root(&furniture, identity)?;
                home_names = plan.home.as_deref().map(names_of);
            }
            lower(identity)?;
            (group, note) = match Group::make(&plan.limits) {
                Ok(group) => (group, None),
                Err(note) => (None, Some(note)),
            };
        }
        let mut is_grouped = group.is_some();
        loop {
            let usable = group.as_ref().filter(|_| is_grouped);
            let started = begun
                .take()
                .map_or_else(|| begin(identity, usable, &arena), Ok);
            let skeleton = choices.stub.then(|| furniture.skeleton()).flatten();
            choices.stub = skeleton.is_some();
            let (tree, moved) = skeleton.unzip();
            let order = Order {
                plan,
                trees: &trees,
                input,
                grouped: is_grouped,
                choices,
                moved: moved.as_deref(),
            };
            let built = started.and_then(|begun| construct(begun, order, &arena, &furniture, tree));
            match built {
                Ok(mut standing) => {
                    standing.posture.project = project_words(plan, choices).to_owned();
                    standing.posture.notes.extend(note);
                    standing.home_names = home_names;
                    join(&mut standing, group, is_grouped);
                    // This process makes one cell. Unmapping what it shares with another one costs more than it gives.
                    drop(furniture);
                    std::mem::forget(arena);
                    return Ok(standing);
                }
                Err(Setback::Failure(_)) if usable.is_some_and(Group::memory_ran_out) => {
                    return Err(Failure::no_memory_to_build());
                }
                Err(Setback::Failure(failure)) => return Err(failure),
                Err(Setback::NotInGroup) => is_grouped = false,
                Err(Setback::TryWith(_)) if identity.was_root => {
                    // Root's trees went into the cell that failed, and we are no longer root.
                    return Err(Failure {
                        step: "build the cell another way".to_owned(),
                        errno: "EPERM".to_owned(),
                        hint: "root cannot try twice; run as an ordinary user, or use a policy whose project is hidden"
                            .to_owned(),
                    });
                }
                Err(Setback::TryWith(others)) => {
                    if others.project != choices.project {
                        furniture = Furniture::of(plan, others.project, &arena)?;
                    }
                    choices = others;
                }
            }
        }
    }
}

/// Gives up what the cell must not inherit.
fn lower(identity: Identity) -> Result<(), Failure> {
    identity.assume()?;
    take_on_limits().map_err(|error| Failure::before("set the limits", &error))
}

/// How the program sees the project.
fn project_words(plan: &RunPlan, choices: Choices) -> &'static str {
    match plan.project.as_ref().map(|project| project.access) {
        None => "none",
        Some(ProjectAccess::Hidden) => "hidden",
        Some(ProjectAccess::Overlay) if choices.project == ProjectMount::Overlay => "overlay",
        Some(_) => "read",
    }
}

/// Notes whether the group holds the cell, as read back from it.
fn join(standing: &mut Standing, group: Option<Group>, is_grouped: bool) {
    standing.posture.cgroup = group
        .as_ref()
        .is_some_and(|group| is_grouped && group.holds(standing.pid));
    if group.is_some() && !standing.posture.cgroup {
        standing.posture.notes.push(
            "the control group does not hold the cell: the watcher holds the limits".to_owned(),
        );
    }
    standing.group = group.filter(|_| is_grouped);
    if let Some(group) = &mut standing.group {
        group.start_counting();
    }
}

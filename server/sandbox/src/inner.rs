//! Conducts one run: reads the plan, builds the cell, has it watched, and tells the server. One thread, a process of its
//! own. When it dies the cell dies, and when the server dies it dies.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use belljar_plan::{ProjectAccess, RunPlan};
use belljar_report::Usage;

use crate::cgroup::Group;
use crate::construct::{Choices, Setback, Standing, construct, trees_of_root};
use crate::failure::Failure;
use crate::furnish::{Furniture, ProjectMount};
use crate::identity::Identity;
use crate::notice::names_of;
use crate::rlimits::take_on_limits;
use crate::talk::Talk;
use crate::watch::{end, watch};

/// Conducts the run that the server speaks of over `socket`. Whatever happens, the last thing told is the end.
pub fn conduct(socket: UnixStream, input: Option<OwnedFd>) {
    belljar_sys::set_name(c"belljar:inner");
    let mut talk = Talk::new(socket);
    let plan = match talk.read_plan() {
        Ok(plan) => plan,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return,
        Err(error) => {
            return end(
                talk,
                Failure::before("read the plan", &error).into_ending(),
                Usage::default(),
            );
        }
    };
    match stand_up(&plan, input) {
        Ok(standing) => watch(&plan, standing, talk),
        Err(failure) => end(talk, failure.into_ending(), Usage::default()),
    }
}

/// Builds the cell with the strongest choices that this machine has.
fn stand_up(plan: &RunPlan, input: Option<OwnedFd>) -> Result<Standing, Failure> {
    let identity = Identity::of_this_process();
    let mut choices = Choices::first();
    let mut furniture = Furniture::of(plan, choices.project)?;
    let trees = if identity.was_root {
        trees_of_root(&furniture, identity)?
    } else {
        Vec::new()
    };
    let mut home_names = plan
        .home
        .as_deref()
        .filter(|_| identity.was_root)
        .map(names_of);
    identity.assume()?;
    take_on_limits().map_err(|error| Failure::before("set the limits", &error))?;
    let (group, note) = match Group::make(&plan.limits) {
        Ok(group) => (group, None),
        Err(note) => (None, Some(note)),
    };
    loop {
        let usable = group.as_ref().filter(|_| choices.grouped);
        let input = input.as_ref();
        match construct(plan, &furniture, identity, &trees, input, usable, choices) {
            Ok(mut standing) => {
                join(&mut standing, group, choices, note);
                standing.home_names = home_names.take();
                standing.posture.project =
                    match plan.project.as_ref().map(|project| project.access) {
                        None => "none",
                        Some(ProjectAccess::Hidden) => "hidden",
                        Some(ProjectAccess::Overlay)
                            if choices.project == ProjectMount::Overlay =>
                        {
                            "overlay"
                        }
                        Some(_) => "read",
                    }
                    .to_owned();
                return Ok(standing);
            }
            Err(Setback::Failure(_)) if usable.is_some_and(Group::memory_ran_out) => {
                return Err(Failure::no_memory_to_build());
            }
            Err(Setback::Failure(failure)) => return Err(failure),
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
                    furniture = Furniture::of(plan, others.project)?;
                }
                choices = others;
            }
        }
    }
}

/// Notes whether the group holds the cell, as read back from it.
fn join(standing: &mut Standing, group: Option<Group>, choices: Choices, note: Option<String>) {
    let notes = &mut standing.posture.notes;
    notes.extend(note);
    standing.posture.cgroup = group
        .as_ref()
        .is_some_and(|group| choices.grouped && group.holds(standing.pid));
    if group.is_some() && !standing.posture.cgroup {
        notes.push(
            "the control group does not hold the cell: the watcher holds the limits".to_owned(),
        );
    }
    standing.group = group.filter(|_| choices.grouped);
    if let Some(group) = &mut standing.group {
        group.start_counting();
    }
}

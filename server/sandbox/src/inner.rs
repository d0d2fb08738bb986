//! Conducts one run: has the cell built, has it watched, and tells whoever asked for it. One thread. For a server that is a
//! process of its own, which reads the plan from it; a command that makes one run does it itself. When this process dies
//! the cell dies, and when the server dies it dies.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use belljar_plan::RunPlan;
use belljar_report::Usage;

use crate::failure::Failure;
use crate::kept::{self, Beginning, Kept, Making};
use crate::site::Site;
use crate::talk::{Audience, Server, Talk};
use crate::watch::{self, end, watch};

/// What a report says when nothing was compiled.
const NOT_COMPILED: &str =
    "compiled by an earlier run of the same text (`--no-cache` compiles it again)";

/// Conducts the run that the server speaks of over `socket`. Whatever happens, the last thing told is the end.
pub fn conduct(socket: UnixStream, input: Option<OwnedFd>) {
    belljar_sys::set_name(c"belljar:inner");
    // Meanwhile the plan is on its way.
    let site = if input.is_none() {
        Site::begin()
    } else {
        Site::bare()
    };
    let mut server = Server::new(socket);
    let plan = match server.read_plan() {
        Ok(plan) => plan,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return,
        Err(error) => {
            let failure = Failure::before("read the plan", &error);
            return end(
                Talk::Server(server),
                failure.into_ending(),
                Usage::default(),
            );
        }
    };
    let remains = carry_out(site, &plan, input.as_ref(), Talk::Server(server));
    if let Some(remains) = remains.filter(|remains| remains.making.is_some()) {
        remains.prepare_the_next();
    }
}

fn carry_out(
    site: Site,
    plan: &RunPlan,
    input: Option<&OwnedFd>,
    talk: Talk<'_>,
) -> Option<Remains> {
    let (mut shorter, mut printed, mut room) = (None, Vec::new(), None);
    let (mut laid, mut making) = (None, None);
    match kept::look(plan) {
        Kept::Nothing => {}
        Kept::Program(found) => {
            let (plan, said) = found.instead_of(plan);
            (shorter, printed) = (Some(plan), said);
        }
        Kept::Room(place, beginning) => {
            room = Some(*place);
            match beginning {
                Beginning::Nothing => {}
                Beginning::There(there) => laid = Some(there),
                Beginning::Wanted(wanted) => making = Some(wanted),
            }
        }
    }
    let plan = shorter.as_ref().unwrap_or(plan);
    match site.stand_up(plan, input) {
        Ok(mut standing) => {
            if shorter.is_some() {
                standing.posture.notes.push(NOT_COMPILED.to_owned());
            }
            if let (Some(laid), Some(room)) = (laid, &mut room)
                && let Some(inputs) = standing.looks[1]
                    .as_ref()
                    .and_then(|scratch| laid.put(scratch.as_fd()))
            {
                room.made_of(inputs);
            }
            let cell = watch(plan, standing, talk, room, &printed)?;
            Some(Remains { cell, making })
        }
        Err(failure) => {
            end(talk, failure.into_ending(), Usage::default());
            None
        }
    }
}

/// What is left when the end of a run has been told.
pub struct Remains {
    cell: watch::Remains,
    making: Option<Box<Making>>,
}

impl Remains {
    /// See [`watch::Remains::leave`].
    pub fn leave(self) {
        self.cell.leave();
    }

    /// Compiles ahead what the next program may begin with, if this run was one that could have used it. For a process that then
    /// ends: what it may do is by now what its run's program might.
    pub fn prepare_the_next(self) {
        let Some(making) = self.making else {
            return self.cell.leave();
        };
        drop(self.cell);
        // A process with threads makes no cell.
        if fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1) {
            making.carry_out();
        }
    }
}

impl Site {
    /// Carries out a run in this process, and tells `audience`. Whatever happens, the last thing told is the end. `input`
    /// is the run's standard input; with one, a site should be bare, because what was begun is begun again.
    pub fn carry_out(
        self,
        plan: &RunPlan,
        input: Option<OwnedFd>,
        audience: &mut dyn Audience,
    ) -> Option<Remains> {
        carry_out(self, plan, input.as_ref(), Talk::Here(audience))
    }
}

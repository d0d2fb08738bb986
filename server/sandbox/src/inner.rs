//! Conducts one run: has the cell built, has it watched, and tells whoever asked for it. One thread. For a server that is a
//! process of its own, which reads the plan from it; a command that makes one run does it itself. When this process dies
//! the cell dies, and when the server dies it dies.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use belljar_plan::RunPlan;
use belljar_report::Usage;

use crate::failure::Failure;
use crate::kept::{self, Kept};
use crate::site::Site;
use crate::talk::{Audience, Server, Talk};
use crate::watch::{Remains, end, watch};

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
    carry_out(site, &plan, input.as_ref(), Talk::Server(server));
}

fn carry_out(
    site: Site,
    plan: &RunPlan,
    input: Option<&OwnedFd>,
    talk: Talk<'_>,
) -> Option<Remains> {
    let (shorter, printed, room) = match kept::look(plan) {
        Kept::Nothing => (None, Vec::new(), None),
        Kept::Room(room) => (None, Vec::new(), Some(room)),
        Kept::Program(found) => {
            let (shorter, printed) = found.instead_of(plan);
            (Some(shorter), printed, None)
        }
    };
    let plan = shorter.as_ref().unwrap_or(plan);
    match site.stand_up(plan, input) {
        Ok(mut standing) => {
            if shorter.is_some() {
                standing.posture.notes.push(NOT_COMPILED.to_owned());
            }
            watch(plan, standing, talk, room, &printed)
        }
        Err(failure) => {
            end(talk, failure.into_ending(), Usage::default());
            None
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

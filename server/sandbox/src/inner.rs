//! Conducts one run: has the cell built, has it watched, and tells whoever asked for it. One thread. For a server that is a
//! process of its own, which reads the plan from it; a command that makes one run does it itself. When this process dies
//! the cell dies, and when the server dies it dies.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use belljar_plan::RunPlan;
use belljar_report::Usage;

use crate::failure::Failure;
use crate::site::Site;
use crate::talk::{Audience, Server, Talk};
use crate::watch::{Remains, end, watch};

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
    match site.stand_up(plan, input) {
        Ok(standing) => watch(plan, standing, talk),
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

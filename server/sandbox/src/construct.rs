//! Builds a cell: turns a plan into what the child needs, clones it, and takes over what it hands back.

use std::ffi::{CStr, c_int};
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use belljar_child::{Answer, Ground, Message, Prepared, Step};
use belljar_plan::{Executables, RunPlan};
use belljar_report::Posture;
use belljar_sys::Arena;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use crate::cgroup::Group;
use crate::failure::Failure;
use crate::fault::{self, step_to_fail};
use crate::furnish::{DEVICES, FOUNDATION, Furniture, ProjectMount, describe, staging_place};
use crate::identity::Identity;
use crate::notice::{Source, Tracer};
use crate::posture::{missing, posture_of};
use crate::prepare::{filter_for_tracer, prepare};
use crate::stub::{self, Server, Tree};

/// A set-up that takes longer than this hangs, and is a failure. (Measured: 2 ms, and 100 ms on a cold disk.)
const PATIENCE: Duration = Duration::from_secs(20);
/// Room for what describes a cell: a document has 16 MiB at most, and memory is taken page by page.
const DESCRIPTION: usize = 64 << 20;
/// Stack for a process that shares pid 1's memory for a moment.
const STACK: usize = 64 << 10;

/// How a cell is built. The first choice is the strongest; each other is said in the posture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// How the project is put into it.
    pub project: ProjectMount,
    /// Refusals are told by a listener.
    pub listen: bool,
    /// The root is a stub, which sees what is looked up and hidden.
    pub stub: bool,
}

/// A cell that stands, its program not yet started.
pub struct Standing {
    /// Names pid 1 of the cell.
    pub pidfd: OwnedFd,
    /// Its process id.
    pub pid: i32,
    /// Where pid 1 speaks.
    pub status: OwnedFd,
    /// The program's output.
    pub output: [Option<PipeReader>; 2],
    /// Where the calls come from that the filter stops, if anybody is told of them.
    pub source: Option<Source>,
    /// Serves the root, if that is a stub.
    pub server: Option<Server>,
    /// Where the programs ask for names.
    pub names: Option<OwnedFd>,
    /// What is in the user's home directory, if this process may no longer look there.
    pub home_names: Option<std::collections::HashSet<std::path::PathBuf>>,
    /// /proc, scratch space and the three System V tables of the cell.
    pub looks: [Option<OwnedFd>; 5],
    /// What was read back.
    pub posture: Posture,
    /// The group that it is in. Last, so that it goes when everything else is gone.
    pub group: Option<Group>,
}

/// Why there is no cell.
pub enum Setback {
    /// We could not.
    Failure(Failure),
    /// Not with these choices; others may do.
    TryWith(Choices),
    /// Not in the control group that there is; without one it may do.
    NotInGroup,
}

impl Setback {
    /// When there is nothing else to try.
    pub fn into_failure(self) -> Failure {
        match self {
            Setback::Failure(failure) => failure,
            Setback::TryWith(_) | Setback::NotInGroup => Failure::died_in_setup(),
        }
    }
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Setback {
        Setback::Failure(failure)
    }
}

/// What must be open before root's privilege goes.
pub fn trees_of_root(
    furniture: &Furniture<'_>,
    identity: Identity,
) -> Result<Vec<OwnedFd>, Failure> {
    let mut trees = Vec::new();
    for view in &furniture.views {
        let name = view.path.to_string_lossy().into_owned();
        let failed = |error: io::Error| Failure::before(&format!("open a view: {name}"), &error);
        let tree = belljar_sys::detached_tree(view.path).map_err(failed)?;
        if view.is_project {
            // Without this (an old file system) the cell sees what anybody may see, which is less.
            if let Ok(namespace) = identity.namespace_for_roots_files() {
                let _ = belljar_sys::attach_id_map(tree.as_fd(), namespace.as_fd());
            }
        }
        trees.push(tree);
    }
    Ok(trees)
}

/// A cell whose pid 1 is there, and waits to be told what it is to be.
pub struct Begun {
    pidfd: OwnedFd,
    pid: i32,
    status: OwnedFd,
    output: [PipeReader; 2],
}

/// Where a cell is described, mapped before its pid 1 is cloned.
pub fn arena() -> Result<Arena, Failure> {
    Arena::new(DESCRIPTION).map_err(|error| Failure::before("find memory for the plan", &error))
}

/// Clones pid 1 of a cell, which from here on builds what it can without a plan. What it is told must then lie in an arena
/// that was there before.
///
/// # Errors
/// The kernel makes no namespaces, or not in `group`: then another attempt without it shows which.
pub fn begin(identity: Identity, group: Option<&Group>, arena: &Arena) -> Result<Begun, Setback> {
    let before = |step: &'static str| move |error: io::Error| Failure::before(step, &error);
    let (stdout, stdout_end) = io::pipe().map_err(before("make a pipe"))?;
    let (stderr, stderr_end) = io::pipe().map_err(before("make a pipe"))?;
    let (status, status_end) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .map_err(|error| Failure::before("make a socket", &error.into()))?;
    let (uid_map, gid_map) = (
        Identity::map_line(identity.user),
        Identity::map_line(identity.group),
    );
    let ground = Ground {
        status: status_end.as_raw_fd(),
        watchers_end: status.as_raw_fd(),
        output: [stdout_end.as_raw_fd(), stderr_end.as_raw_fd()],
        uid_map: uid_map.as_bytes(),
        gid_map: gid_map.as_bytes(),
        group: group.map_or(-1, |group| group.descriptor().as_raw_fd()),
        stack: arena
            .room(STACK)
            .map_err(before("find memory for the cell"))?,
        staging: staging_place().map_err(before(Step::Staging.name()))?,
        devices: DEVICES,
        foundation: FOUNDATION,
        fail_at: step_to_fail(),
    };
    let (pid, pidfd) = match belljar_child::clone_into_cell(&ground) {
        Ok(cloned) => cloned,
        Err(_) if group.is_some() => return Err(Setback::NotInGroup),
        Err(errno) => {
            let error = io::Error::from_raw_os_error(errno);
            return Err(Failure::making_namespaces(&error).into());
        }
    };
    let pidfd = belljar_sys::adopt(pidfd).map_err(before("take over the cell"))?;
    Ok(Begun {
        pidfd,
        pid,
        status,
        output: [stdout, stderr],
    })
}

/// What is to be built, and how.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The run.
    pub plan: &'a RunPlan,
    /// Root's views, opened; none otherwise.
    pub trees: &'a [OwnedFd],
    /// The run's standard input, open since before pid 1 was cloned.
    pub input: Option<&'a OwnedFd>,
    /// Pid 1 is in a control group.
    pub grouped: bool,
    /// How.
    pub choices: Choices,
    /// What is mounted onto a stub, if there is to be one: see `Furniture::skeleton`.
    pub moved: Option<&'a [(&'a CStr, bool)]>,
}

/// Has a cell built from `furniture`, which lies in `arena`; `tree` is what its stub shows.
pub fn construct(
    begun: Begun,
    order: Order<'_>,
    arena: &Arena,
    furniture: &Furniture<'_>,
    tree: Option<Tree>,
) -> Result<Standing, Setback> {
    let plan = order.plan;
    let abi = belljar_sys::landlock_abi();
    if abi == 0 && plan.executables != Executables::Everything {
        begun.give_up();
        return Err(Failure {
            step: Step::Landlock.name().to_owned(),
            errno: "ENOSYS".to_owned(),
            hint: "the policy names the programs that may run, and only Landlock can hold others back; use a policy with \
                   `programs.allow = [\"*\"]`, or a kernel with Landlock"
                .to_owned(),
        }
        .into());
    }
    match prepare(order, arena, furniture, abi) {
        Ok(prepared) => begun.hand_over(prepared),
        Err(error) => {
            begun.give_up();
            return Err(Failure::before("write the plan for the cell", &error).into());
        }
    }
    let pid = begun.pid;
    let standing = await_ready(begun, order, arena, furniture, tree);
    if standing.is_err() {
        // Whatever state it is in; the number is its own for as long as nobody has waited for it. Then there is nothing left of it.
        let first = nix::unistd::Pid::from_raw(pid);
        let _ = nix::sys::signal::kill(first, nix::sys::signal::Signal::SIGKILL);
        let _ = belljar_sys::wait_for(pid);
    }
    standing.map(|mut standing| {
        standing.posture.landlock_abi = if standing.posture.landlock_abi > 0 {
            abi
        } else {
            0
        };
        standing
    })
}

impl Begun {
    /// Tells pid 1 what it is to be. `prepared` and all that it refers to lie in the arena.
    fn hand_over(&self, prepared: &Prepared<'_>) {
        belljar_child::hand_over(self.status.as_raw_fd(), prepared);
    }

    /// Ends a cell that is not wanted after all.
    pub fn give_up(self) {
        let _ = belljar_sys::kill_by_descriptor(self.pidfd.as_fd());
        let _ = belljar_sys::wait_for(self.pid);
    }
}

/// Waits until the cell stands, and takes over the descriptors that it opened for us.
fn await_ready(
    begun: Begun,
    order: Order<'_>,
    arena: &Arena,
    furniture: &Furniture<'_>,
    tree: Option<Tree>,
) -> Result<Standing, Setback> {
    let choices = order.choices;
    let Begun {
        pidfd,
        pid,
        status,
        output,
    } = begun;
    let mut tracing = Tracing::NotAsked;
    let without_listener = |error| tracing = trace(pid, &status, order, arena, error);
    let (message, server) = match await_message(&status, &pidfd, tree, without_listener) {
        Ok(Some(told)) => told,
        Ok(None) => {
            let _ = belljar_sys::kill_by_descriptor(pidfd.as_fd());
            return Err(Failure::died_in_setup().into());
        }
        Err(_) if choices.stub && step_to_fail().is_none() => {
            let _ = belljar_sys::kill_by_descriptor(pidfd.as_fd());
            return Err(Setback::TryWith(Choices {
                stub: false,
                ..choices
            }));
        }
        Err(error) => {
            let _ = belljar_sys::kill_by_descriptor(pidfd.as_fd());
            return Err(Failure::before("wait for the cell", &error).into());
        }
    };
    if message.kind != b'R' {
        return Err(setback(&message, furniture, choices));
    }
    let [listener, names, looks @ ..] = message.descriptors;
    let take = |number: c_int| {
        (number >= 0)
            .then(|| belljar_sys::descriptor_of(pidfd.as_fd(), number))
            .transpose()
    };
    let mut notes = Vec::new();
    let source = match (take(listener), tracing) {
        (Ok(Some(listener)), _) => Some(Source::Listener(listener)),
        (Ok(None), Tracing::Traced(why, tracer)) => {
            notes.push(format!("denials are located by tracing (ptrace): {why}"));
            Some(Source::Tracer(tracer))
        }
        (Ok(None), Tracing::Refused(why, error)) => {
            notes.push(format!(
                "denials are enforced but not located: {why}, and tracing is refused ({error})"
            ));
            None
        }
        (Ok(None), Tracing::NotAsked) => {
            notes.push("denials are enforced but not located: this machine lets no process look into another".to_owned());
            None
        }
        (Err(_), _) => {
            let _ = belljar_sys::kill_by_descriptor(pidfd.as_fd());
            return Err(Setback::TryWith(Choices {
                listen: false,
                stub: false,
                ..choices
            }));
        }
    };
    let names = take(names).ok().flatten();
    let mut taken = looks.into_iter().map(|number| take(number).ok().flatten());
    let looks = std::array::from_fn(|_| taken.next().flatten());
    if choices.project == ProjectMount::View {
        notes.push(
            "no overlay here: the project is read-only, and UNIX sockets are shut".to_owned(),
        );
    }
    let posture = posture_of(message.value.cast_unsigned(), source.is_some(), notes);
    Ok(Standing {
        pidfd,
        pid,
        status,
        output: output.map(Some),
        source,
        server,
        names,
        home_names: None,
        looks,
        posture,
        group: None,
    })
}

/// What came of pid 1's having no listener.
enum Tracing {
    /// It has one, or was not to ask for it.
    NotAsked,
    /// Why it has none, and who traces it instead.
    Traced(&'static str, Tracer),
    /// Why it has none, and why nobody traces it.
    Refused(&'static str, Errno),
}

/// Traces pid 1, which has no listener because of an error, and tells it what to load then. What is to be refused is
/// refused either way.
fn trace(pid: i32, status: &OwnedFd, order: Order<'_>, arena: &Arena, error: Errno) -> Tracing {
    let why = match error {
        Errno::EBUSY => "another program holds the listener",
        _ => "this kernel has no listener",
    };
    // Made first: whoever is traced cannot go on without us.
    let traced = filter_for_tracer(order, arena).and_then(|filter| {
        if fault::is_closed("tracer") {
            return Err(Errno::EPERM.into());
        }
        Ok((Tracer::of(pid)?, filter))
    });
    let filter = traced.as_ref().ok().map(|(_, filter)| *filter);
    belljar_child::hand_over_filter(status.as_raw_fd(), filter);
    match traced {
        Ok((tracer, _)) => Tracing::Traced(why, tracer),
        Err(error) => {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
            Tracing::Refused(why, errno)
        }
    }
}

/// The message that says how building ended, while the root is served if that is a stub. `without_listener` is told if
/// pid 1 has none, and why.
fn await_message(
    status: &OwnedFd,
    pidfd: &OwnedFd,
    mut tree: Option<Tree>,
    mut without_listener: impl FnMut(Errno),
) -> io::Result<Option<(Message, Option<Server>)>> {
    let deadline = Instant::now() + PATIENCE;
    let mut server: Option<Server> = None;
    loop {
        if let Some(server) = &server {
            await_either(status, server, deadline)?;
            server.answer_all()?;
            if !is_readable(status.as_fd()) {
                continue;
            }
        }
        let Some(message) = read_message(status, Some(deadline))? else {
            return Ok(None);
        };
        if message.kind == b'N' {
            without_listener(Errno::from_raw(message.value));
            continue;
        }
        match tree.take() {
            Some(tree) if message.kind == b'U' => {
                let [device, root, ..] = message.descriptors;
                let take = |number| belljar_sys::descriptor_of(pidfd.as_fd(), number);
                server = Some(Server::new(take(device)?, take(root)?, tree)?);
            }
            _ => return Ok(Some((message, server))),
        }
    }
}

fn await_either(status: &OwnedFd, server: &Server, deadline: Instant) -> io::Result<()> {
    let rest = deadline.saturating_duration_since(Instant::now());
    let patience = PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX);
    let mut waiting =
        [status.as_fd(), server.descriptor()].map(|one| PollFd::new(one, PollFlags::POLLIN));
    match nix::poll::poll(&mut waiting, patience) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether there is something to read now, if only the end.
fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let mut waiting = [PollFd::new(descriptor, PollFlags::POLLIN)];
    matches!(nix::poll::poll(&mut waiting, PollTimeout::ZERO), Ok(1))
}

/// Lets the programs start.
///
/// # Errors
/// The cell is gone.
pub fn let_go(standing: &Standing) -> io::Result<()> {
    nix::unistd::write(&standing.status, &[Answer::Go as u8])?;
    Ok(())
}

/// The next message of pid 1; `None` when there will be none. Without a deadline, what is there now.
///
/// # Errors
/// The deadline passed, or the kernel's.
pub fn read_message(status: &OwnedFd, deadline: Option<Instant>) -> io::Result<Option<Message>> {
    loop {
        let patience = match deadline {
            Some(deadline) => {
                PollTimeout::try_from(deadline.saturating_duration_since(Instant::now()))
                    .unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::ZERO,
        };
        let mut waiting = [PollFd::new(status.as_fd(), PollFlags::POLLIN)];
        match nix::poll::poll(&mut waiting, patience) {
            Err(nix::errno::Errno::EINTR) => continue,
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            other => other?,
        };
        let mut bytes = [0u8; size_of::<Message>()];
        return match nix::unistd::read(status, &mut bytes) {
            // It ended and had not read everything that we sent; what it said before is still there, and is told next.
            Err(nix::errno::Errno::EINTR | nix::errno::Errno::ECONNRESET) => continue,
            Ok(0) => Ok(None),
            Ok(n) if n == bytes.len() => Ok(Some(Message::from_bytes(&bytes))),
            Ok(_) => Err(crate::frames::invalid("half a message")),
            Err(error) => Err(error.into()),
        };
    }
}

/// What a failure of the child means.
fn setback(message: &Message, furniture: &Furniture<'_>, choices: Choices) -> Setback {
    let index = message.index as usize;
    let Some(step) = Step::ALL.get(usize::from(message.step)).copied() else {
        return Failure::died_in_setup().into();
    };
    if choices.stub && step_to_fail().is_none() {
        return Setback::TryWith(Choices {
            stub: false,
            ..choices
        });
    }
    let has_another_way = choices.project == ProjectMount::Overlay && step_to_fail().is_none();
    if step == Step::Furnish && furniture.is_overlay(index) && has_another_way {
        return Setback::TryWith(Choices {
            project: ProjectMount::View,
            ..choices
        });
    }
    let what = match step {
        Step::Views => furniture
            .views
            .get(index)
            .map(|view| view.path.to_string_lossy().into_owned()),
        Step::Foundation => describe(FOUNDATION, index),
        Step::Furnish => describe(&furniture.operations, index),
        Step::Posture => Some(missing(message.index)),
        _ => None,
    };
    Failure::inside(step, message.value, what).into()
}

impl Choices {
    /// The strongest.
    pub fn first() -> Choices {
        let project = if fault::is_closed("overlay") {
            ProjectMount::View
        } else {
            ProjectMount::Overlay
        };
        Choices {
            project,
            listen: !fault::is_closed("listener"),
            stub: !fault::is_closed("stub") && !fault::is_closed("listener") && stub::can_be_had(),
        }
    }
}

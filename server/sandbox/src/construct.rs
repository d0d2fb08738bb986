//! Builds a cell: turns a plan into what the child needs, clones it, and takes over what it hands back.

use std::cell::Cell;
use std::ffi::{CString, c_int};
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use belljar_child::{
    Access, Answer, Arguments, Filters, Instruction, Message, Namespace, Prepared, Program, Step,
};
use belljar_plan::{Executables, RunPlan};
use belljar_report::Posture;
use belljar_sys::TreeAttributes;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use crate::cgroup::Group;
use crate::failure::Failure;
use crate::fault::{self, step_to_fail};
use crate::filter::{self, Arch, Observed, UnixSockets};
use crate::furnish::{Furniture, ProjectMount, staging_place};
use crate::identity::Identity;
use crate::landlock;
use crate::posture::{missing, namespaces_outside, posture_of};
use crate::rlimits::limits_of;

/// A set-up that takes longer than this hangs, and is a failure. (Measured: 2 ms, and 100 ms on a cold disk.)
const PATIENCE: Duration = Duration::from_secs(20);
/// Stack for the moment between clone and exec of a program.
const STACK: usize = 64 << 10;

/// How a cell is built. The first choice is the strongest; each other is said in the posture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// How the project is put into it.
    pub project: ProjectMount,
    /// Refusals are told by a listener.
    pub listen: bool,
    /// It is made in a control group, if there is one.
    pub grouped: bool,
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
    /// The listener, if there is one.
    pub listener: Option<OwnedFd>,
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
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Setback {
        Setback::Failure(failure)
    }
}

/// What must be open before root's privilege goes.
pub fn trees_of_root(furniture: &Furniture, identity: Identity) -> Result<Vec<OwnedFd>, Failure> {
    let mut trees = Vec::new();
    for view in &furniture.views {
        let name = view.path.to_string_lossy().into_owned();
        let failed = |error: io::Error| Failure::before(&format!("open a view: {name}"), &error);
        let tree = belljar_sys::detached_tree(
            &view.path,
            TreeAttributes {
                devices: view.devices,
            },
        )
        .map_err(failed)?;
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

/// Builds a cell for `plan` from `furniture`. `trees` are root's; none otherwise.
pub fn construct(
    plan: &RunPlan,
    furniture: &Furniture,
    identity: Identity,
    trees: &[OwnedFd],
    input: Option<&OwnedFd>,
    group: Option<&Group>,
    choices: Choices,
) -> Result<Standing, Setback> {
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

    let views: Vec<Access<'_>> = furniture
        .views
        .iter()
        .enumerate()
        .map(|(index, view)| Access {
            path: &view.path,
            tree: trees.get(index).map_or(-1, AsRawFd::as_raw_fd),
            devices: view.devices,
        })
        .collect();
    let slots: Vec<Cell<c_int>> = views.iter().map(|_| Cell::new(-1)).collect();
    let operations = furniture.operations();
    let abi = belljar_sys::landlock_abi();
    if abi == 0 && plan.executables != Executables::Everything {
        return Err(Failure {
            step: Step::Landlock.name().to_owned(),
            errno: "ENOSYS".to_owned(),
            hint: "the policy names the programs that may run, and only Landlock can hold others back; use a policy with \
                   `programs.allow = [\"*\"]`, or a kernel with Landlock"
                .to_owned(),
        }
        .into());
    }
    let ruleset = landlock::ruleset(plan, choices.project, abi);
    let rules: Vec<_> = ruleset
        .rules
        .iter()
        .map(|(path, rights)| (path.as_c_str(), *rights))
        .collect();
    let filters = Loaded::for_cell(choices, &observed_by(plan));
    let outside = namespaces_outside().map_err(before("look at our own namespaces"))?;
    let namespaces: Vec<Namespace<'_>> = outside
        .iter()
        .map(|(name, number, bit)| Namespace {
            name,
            outside: *number,
            bit: *bit,
        })
        .collect();
    let limits = limits_of(&plan.limits, group.is_some());
    let uid_map = Identity::map_line(identity.user);
    let gid_map = Identity::map_line(identity.group);
    let staging = staging_place().map_err(before("find a place to build in"))?;
    let staging_options = Furniture::staging_options(plan);
    let root_options = furniture.root_options();
    let work_dir = text(&plan.work_dir.to_string_lossy());
    let variables: Vec<CString> = plan
        .environment
        .iter()
        .map(|(name, value)| text(&format!("{name}={value}")))
        .collect();
    let environment = List::of(&variables);
    let paths: Vec<CString> = plan
        .steps
        .iter()
        .map(|step| text(&step.program.to_string_lossy()))
        .collect();
    let words: Vec<Vec<CString>> = plan
        .steps
        .iter()
        .map(|step| step.arguments.iter().map(|word| text(word)).collect())
        .collect();
    let arguments: Vec<List<'_>> = words.iter().map(|words| List::of(words)).collect();
    let programs: Vec<Program<'_>> = plan
        .steps
        .iter()
        .zip(&paths)
        .zip(&arguments)
        .map(|((step, path), arguments)| Program {
            path,
            arguments: Arguments(&arguments.0),
            input: input
                .filter(|_| step.reads_input)
                .map_or(-1, AsRawFd::as_raw_fd),
        })
        .collect();
    let stack = vec![Cell::new(0u8); STACK];
    let prepared = Prepared {
        status: status_end.as_raw_fd(),
        output: [stdout_end.as_raw_fd(), stderr_end.as_raw_fd()],
        uid_map: uid_map.as_bytes(),
        gid_map: gid_map.as_bytes(),
        staging: &staging,
        staging_options: &staging_options,
        root_options: &root_options,
        views: &views,
        trees: &slots,
        operations: &operations,
        work_dir: &work_dir,
        landlock_handled: ruleset.handled,
        landlock_scoped: ruleset.scoped,
        landlock_rules: &rules,
        filters: filters.as_child_takes_them(choices.listen),
        group: group.map_or(-1, |group| group.descriptor().as_raw_fd()),
        namespaces: &namespaces,
        limits: &limits,
        environment: Arguments(&environment.0),
        programs: &programs,
        stack: &stack,
        fail_at: step_to_fail(),
    };
    let (pid, pidfd) = match belljar_child::clone_into_cell(&prepared) {
        Ok(cloned) => cloned,
        // Without the group we see whether it was the group.
        Err(_) if group.is_some() => {
            return Err(Setback::TryWith(Choices {
                grouped: false,
                ..choices
            }));
        }
        Err(errno) => {
            let error = io::Error::from_raw_os_error(errno);
            return Err(Failure::making_namespaces(&error).into());
        }
    };
    let pidfd = belljar_sys::adopt(pidfd).map_err(before("take over the cell"))?;
    drop((stdout_end, stderr_end, status_end));
    let standing = await_ready(pidfd, pid, status, [stdout, stderr], furniture, choices);
    if standing.is_err() {
        // Whatever state it is in; the descriptor named it and no other. Then there is nothing left of it.
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

/// Waits until the cell stands, and takes over the descriptors that it opened for us.
fn await_ready(
    pidfd: OwnedFd,
    pid: i32,
    status: OwnedFd,
    output: [PipeReader; 2],
    furniture: &Furniture,
    choices: Choices,
) -> Result<Standing, Setback> {
    let message = match read_message(&status, Some(Instant::now() + PATIENCE)) {
        Ok(Some(message)) => message,
        Ok(None) => {
            let _ = belljar_sys::kill_by_descriptor(pidfd.as_fd());
            return Err(Failure::died_in_setup().into());
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
    let listener = match take(listener) {
        Ok(Some(listener)) => Some(listener),
        Ok(None) if choices.listen => {
            notes.push(
                "denials are enforced but not located: another program holds the listener"
                    .to_owned(),
            );
            None
        }
        Ok(None) => {
            notes.push("denials are enforced but not located: this machine lets no process look into another".to_owned());
            None
        }
        Err(_) => {
            let _ = belljar_sys::kill_by_descriptor(pidfd.as_fd());
            return Err(Setback::TryWith(Choices {
                listen: false,
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
    let posture = posture_of(message.value.cast_unsigned(), listener.is_some(), notes);
    Ok(Standing {
        pidfd,
        pid,
        status,
        output: output.map(Some),
        listener,
        names,
        home_names: None,
        looks,
        posture,
        group: None,
    })
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
            Err(nix::errno::Errno::EINTR) => continue,
            Ok(0) => Ok(None),
            Ok(n) if n == bytes.len() => Ok(Some(Message::from_bytes(&bytes))),
            Ok(_) => Err(crate::frames::invalid("half a message")),
            Err(error) => Err(error.into()),
        };
    }
}

/// What a failure of the child means.
fn setback(message: &Message, furniture: &Furniture, choices: Choices) -> Setback {
    let index = message.index as usize;
    let Some(step) = Step::ALL.get(usize::from(message.step)).copied() else {
        return Failure::died_in_setup().into();
    };
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
        Step::Furnish => furniture.describe(index),
        Step::Posture => Some(missing(message.index)),
        _ => None,
    };
    Failure::inside(step, message.value, what).into()
}

/// Calls that the listener is told of although the table does not refuse them. Compilers and Python ask after files by the
/// thousand, and each question that stops costs a few microseconds: theirs are let through.
fn observed_by(plan: &RunPlan) -> Vec<Observed> {
    let is_python = |step: &belljar_plan::Step| {
        let name = step.program.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("python")
    };
    let asks_much = plan.steps.len() > 1 || plan.steps.iter().any(is_python);
    filter::observed(!asks_much)
}

/// The filter programs as the child takes them.
struct Loaded {
    silent: Vec<Instruction>,
    asking: Vec<Instruction>,
}

impl Loaded {
    fn for_cell(choices: Choices, observed: &[Observed]) -> Loaded {
        let unix = match choices.project {
            ProjectMount::Overlay => UnixSockets::Open,
            ProjectMount::View => UnixSockets::Closed,
        };
        let load = |listener: Option<&[Observed]>| {
            filter::program(Arch::NATIVE, unix, listener)
                .into_iter()
                .map(|one| Instruction {
                    code: one.code,
                    jt: one.jt,
                    jf: one.jf,
                    k: one.k,
                })
                .collect()
        };
        Loaded {
            silent: load(None),
            asking: load(Some(observed)),
        }
    }

    fn as_child_takes_them(&self, listen: bool) -> Filters<'_> {
        Filters {
            silent: &self.silent,
            asking: &self.asking,
            listen,
        }
    }
}

/// Strings for `execve`.
struct List<'a>(Vec<Option<&'a u8>>);

impl<'a> List<'a> {
    fn of(strings: &'a [CString]) -> List<'a> {
        List(
            strings
                .iter()
                .map(|string| string.as_bytes_with_nul().first())
                .chain([None])
                .collect(),
        )
    }
}

/// A string for the kernel. Planning refuses null bytes; one that came this far is cut there.
fn text(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
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
            grouped: true,
        }
    }
}

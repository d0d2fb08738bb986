//! The process that makes cells. It is forked from `main` before the first thread exists, because a process with threads
//! must not fork into a cell; and it stays small, so that forking from it stays cheap.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use belljar_sys::Cloned;
use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::inner;

/// The server's end of the launcher.
pub struct Launcher {
    socket: UnixStream,
}

/// How long the launcher lives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    /// It forks a process for each run.
    ManyRuns,
    /// It becomes the process of the first run: one fork less for the command line.
    OneRun,
}

impl Launcher {
    /// Forks the launcher. Must be the first thing that `main` does: before any thread exists, and before anything is
    /// opened that a cell must not see.
    ///
    /// # Errors
    /// What the kernel said to `socketpair` or `clone3`.
    pub fn fork() -> io::Result<Launcher> {
        fork(Service::ManyRuns)
    }

    /// Like [`Launcher::fork`], for a command that starts one run and ends.
    ///
    /// # Errors
    /// What the kernel said to `socketpair` or `clone3`.
    pub fn fork_for_one_run() -> io::Result<Launcher> {
        fork(Service::OneRun)
    }

    /// Asks for a process that conducts a run over `run`, reading standard input from `input`.
    pub(crate) fn request(
        &self,
        run: BorrowedFd<'_>,
        input: Option<BorrowedFd<'_>>,
    ) -> io::Result<()> {
        let descriptors: Vec<BorrowedFd<'_>> = std::iter::once(run).chain(input).collect();
        belljar_sys::send_with_descriptors(self.socket.as_fd(), b"r", &descriptors)
    }
}

fn fork(service: Service) -> io::Result<Launcher> {
    let (ours, theirs) = UnixStream::pair()?;
    match belljar_sys::fork()? {
        Cloned::Parent { .. } => Ok(Launcher { socket: ours }),
        Cloned::Child => {
            drop(ours);
            let status = match serve(theirs, service) {
                Ok(()) => 0,
                Err(_) => 1,
            };
            // Not `return`: the child must never come back into `main`.
            std::process::exit(status)
        }
    }
}

fn serve(socket: UnixStream, service: Service) -> io::Result<()> {
    belljar_sys::set_name(c"belljar:launcher");
    belljar_sys::set_parent_death_signal()?;
    // A session of its own: Ctrl-C on the user's terminal is for the command, which then ends the run in order.
    nix::unistd::setsid()?;
    let socket = forget_the_caller(socket)?;
    let mut children: Vec<(i32, OwnedFd)> = Vec::new();
    loop {
        wait_and_reap(socket.as_fd(), &mut children)?;
        let mut byte = [0];
        let (n, descriptors) = belljar_sys::receive_with_descriptors(socket.as_fd(), &mut byte)?;
        if n == 0 {
            return Ok(());
        }
        let mut descriptors = descriptors.into_iter();
        let Some(run) = descriptors.next() else {
            continue;
        };
        let input = descriptors.next();
        if service == Service::OneRun {
            drop(socket);
            inner::conduct(UnixStream::from(run), input);
            return Ok(());
        }
        match belljar_sys::fork() {
            Ok(Cloned::Child) => {
                drop(socket);
                drop(children);
                // The launcher, not the server, is this process's parent now.
                let armed = belljar_sys::set_parent_death_signal();
                if armed.is_ok() {
                    inner::conduct(UnixStream::from(run), input);
                }
                std::process::exit(0);
            }
            Ok(Cloned::Parent { pid, pidfd }) => children.push((pid, pidfd)),
            // The run's socket closes, and the server tells it as a failure.
            Err(_) => {}
        }
    }
}

/// Lets go of everything that the caller gave us: descriptors, environment, standard streams.
fn forget_the_caller(socket: UnixStream) -> io::Result<UnixStream> {
    crate::fault::read_what_to_make_fail();
    belljar_sys::erase_environment();
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    for stream in 0..=2 {
        belljar_sys::duplicate_to(null.as_fd(), stream)?;
    }
    // From 10 on, so that the descriptors that a cell keeps have room below.
    belljar_sys::duplicate_to(socket.as_fd(), 10)?;
    drop((socket, null));
    belljar_sys::close_descriptors_between(3, 9)?;
    belljar_sys::close_descriptors_from(11)?;
    belljar_sys::adopt(10).map(UnixStream::from)
}

/// Waits for a request, and buries runs that have ended meanwhile.
fn wait_and_reap(socket: BorrowedFd<'_>, children: &mut Vec<(i32, OwnedFd)>) -> io::Result<()> {
    loop {
        let mut waiting = vec![PollFd::new(socket, PollFlags::POLLIN)];
        waiting.extend(
            children
                .iter()
                .map(|(_, pidfd)| PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)),
        );
        match nix::poll::poll(&mut waiting, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            other => other?,
        };
        let ready: Vec<bool> = waiting
            .iter()
            .map(|entry| entry.any().unwrap_or(true))
            .collect();
        let mut ended = ready.iter().skip(1);
        children.retain(|(pid, _)| {
            let over = ended.next().copied().unwrap_or(false);
            if over {
                let _ = belljar_sys::wait_for(*pid);
            }
            !over
        });
        if ready.first().copied().unwrap_or(false) {
            return Ok(());
        }
    }
}

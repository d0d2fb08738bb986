//! The stub: a file system of our own below everything that a cell is made of. What the cell was given lies on it, and
//! whatever it lacks is looked up in it, so that a look at something hidden is seen, and a look at anything else costs
//! nothing. It says the same whatever the host has.

mod tree;
mod wire;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use belljar_sys::Notification;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::AccessFlags;

use crate::notice::is_quiet;
use crate::procfs::{directory_of, text_of, threads_of};

pub use tree::{Kind, Tree};
use wire::{Answer, Question};

/// Where the kernel lets a file system be served.
pub const DEVICE: &str = "/dev/fuse";
/// Stack of the thread that answers.
const STACK: usize = 128 << 10;

/// Whether this process may serve one.
pub fn can_be_had() -> bool {
    nix::unistd::access(DEVICE, AccessFlags::R_OK | AccessFlags::W_OK).is_ok()
}

/// A look that the watcher judges before it is answered.
struct Look {
    unique: u64,
    /// Whose, as the cell numbers its threads.
    thread: u32,
    answer: Answer,
}

/// Answers the kernel.
pub struct Server {
    device: OwnedFd,
    /// The same as the cell's root, but with nothing in it that we serve.
    root: OwnedFd,
    tree: Tree,
    /// Gates may be passed without asking: whoever builds the cell passes each of them several times.
    open: AtomicBool,
}

impl Server {
    /// Over `device`, which the cell has mounted; `root` is what it was furnished in.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(device: OwnedFd, root: OwnedFd, tree: Tree) -> io::Result<Server> {
        // A question can be taken back between the moment at which we hear of it and that at which we read it.
        fcntl(device.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let open = AtomicBool::new(false);
        Ok(Server {
            device,
            root,
            tree,
            open,
        })
    }

    /// To wait on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }

    /// The cell's files, for whoever must not look at them through us.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Answers what was asked, and asks nobody. For as long as the cell is built.
    pub fn answer_all(&self) -> io::Result<()> {
        let mut buffer = vec![0; wire::LARGEST_QUESTION];
        loop {
            match self.answer_next(&mut buffer) {
                Ok(Some(look)) => self.give(look),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Answers one question, unless the watcher wants to see who asks it.
    fn answer_next(&self, buffer: &mut [u8]) -> io::Result<Option<Look>> {
        let length = match nix::unistd::read(&self.device, buffer) {
            Ok(length) => length,
            // It was taken back, or we were.
            Err(Errno::ENOENT | Errno::EINTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some(question) = buffer.get(..length).and_then(Question::read) else {
            return Ok(None);
        };
        let Some((answer, is_watched)) = self.answer_to(&question) else {
            return Ok(None);
        };
        let look = Look {
            unique: question.unique,
            thread: question.thread,
            answer,
        };
        // Nobody of the cell: it is us, and whoever of us would judge it waits for this answer.
        if is_watched && question.thread != 0 {
            return Ok(Some(look));
        }
        self.give(look);
        Ok(None)
    }

    /// The answer, if there is to be one, and whether the watcher wants to know who gets it.
    fn answer_to(&self, question: &Question<'_>) -> Option<(Answer, bool)> {
        let refusal = |errno| (Answer::refusal(errno), false);
        let node = self.tree.node(question.node);
        let open = self.open.load(Ordering::Relaxed);
        Some(match (question.operation, node.map(|node| &node.kind)) {
            (wire::FORGET | wire::BATCH_FORGET | wire::DESTROY, _) => return None,
            (wire::INIT, _) => {
                self.open.store(question.can_expire(), Ordering::Relaxed);
                (Answer::init(), false)
            }
            (wire::STATFS, _) => (Answer::file_system(), false),
            (wire::LOOKUP, Some(Kind::Directory(_))) => {
                let number = self.tree.look_up(question.node, question.name());
                let found = number.and_then(|number| Some((number, self.tree.node(number)?)));
                let name = OsStr::from_bytes(question.name());
                let is_quiet = || node.is_some_and(|node| is_quiet(&node.path.join(name)));
                match found {
                    Some((number, node)) => (Answer::entry(number, node, open), node.is_gate),
                    // Every program looks for some of these, and never learns anything new.
                    None if is_quiet() => (Answer::nothing(), false),
                    None => (Answer::refusal(Errno::ENOENT), true),
                }
            }
            (wire::LOOKUP, _) => refusal(Errno::ENOTDIR),
            (wire::GETATTR, _) => match node {
                Some(node) => (Answer::attributes(question.node, node), false),
                None => refusal(Errno::ESTALE),
            },
            (wire::READLINK, Some(Kind::Link(target))) => (Answer::content(target), false),
            (wire::READ, Some(Kind::File(content))) => {
                let (offset, size) = question.range()?;
                let rest = content.get(offset..).unwrap_or_default();
                let part = rest.get(..size).unwrap_or(rest);
                (Answer::content(part), false)
            }
            (wire::READDIR | wire::READDIRPLUS, Some(Kind::Directory(_))) => {
                let entries = (question.operation == wire::READDIRPLUS).then_some(open);
                let (from, size) = question.range()?;
                let names = Answer::names(&self.tree, question.node, from, size, entries)?;
                (names, false)
            }
            // So the kernel learns what it need not ask again, opening above all.
            _ => refusal(Errno::ENOSYS),
        })
    }

    /// From here on the kernel asks at each way through a gate. The cell must be at rest: whoever waits for an answer
    /// meanwhile waits for ever, and so do we.
    fn shut_gates(&self) -> io::Result<()> {
        if !self.open.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        for path in self.tree.gates() {
            let parts = path.parent().and_then(|parent| self.tree.find(parent));
            let (Some(parent), Some(name)) = (parts, path.file_name()) else {
                continue;
            };
            match nix::unistd::write(&self.device, &Answer::expired(parent, name.as_bytes())) {
                // It does not know the name.
                Ok(_) | Err(Errno::ENOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn give(&self, look: Look) {
        // Fails when who asked was killed meanwhile, or the cell is gone.
        let _ = nix::unistd::write(&self.device, &look.answer.to(look.unique));
    }
}

/// The stub of a cell that stands. A thread answers, because this process looks into the cell itself and must not wait for
/// itself then; what is to be judged, it hands on.
pub struct Stub {
    server: Arc<Server>,
    looks: Receiver<Look>,
    news: PipeReader,
    /// The cell's numbers for its threads.
    numbers: OwnedFd,
    first: i32,
}

/// One thread of the cell that looks at something, and waits.
pub struct Waiting {
    /// The call in which it does.
    pub call: Option<Notification>,
    look: Look,
}

impl Stub {
    /// Of the cell whose pid 1 is `first`, and waits to start the programs.
    ///
    /// # Errors
    /// The kernel's.
    pub fn start(server: Server, first: i32) -> io::Result<Stub> {
        let numbers = fs::File::open(format!("/proc/{first}/ns/pid"))?.into();
        server.shut_gates()?;
        // The thread has nothing else to wait for.
        fcntl(server.descriptor(), FcntlArg::F_SETFL(OFlag::empty()))?;
        let server = Arc::new(server);
        let (news, tell) = io::pipe()?;
        let (sender, looks) = channel();
        let answering = Arc::clone(&server);
        std::thread::Builder::new()
            .name("belljar:stub".to_owned())
            .stack_size(STACK)
            .spawn(move || answer(&answering, &sender, tell))?;
        Ok(Stub {
            server,
            looks,
            news,
            numbers,
            first,
        })
    }

    /// To wait on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }

    /// The next one that waits.
    pub fn next(&mut self) -> Option<Waiting> {
        let look = self.looks.try_recv().ok()?;
        // One byte for each, so this does not wait.
        let _ = self.news.read(&mut [0]);
        let thread = thread_here(self.numbers.as_fd(), self.first, look.thread);
        let call = thread.and_then(|thread| {
            call_of(thread).or_else(|| {
                // We hear of it before it rests.
                belljar_locate::wait_for_rest(thread);
                call_of(thread)
            })
        });
        Some(Waiting { call, look })
    }

    /// Answers it.
    pub fn give(&self, waiting: Waiting) {
        self.server.give(waiting.look);
    }
}

/// Answers for as long as there is a cell.
fn answer(server: &Server, looks: &Sender<Look>, mut tell: PipeWriter) {
    let mut buffer = vec![0; wire::LARGEST_QUESTION];
    loop {
        match server.answer_next(&mut buffer) {
            Ok(Some(look)) => {
                if looks.send(look).is_err() || tell.write_all(&[0]).is_err() {
                    return;
                }
            }
            Ok(None) => {}
            // It was taken down with the last process of the cell.
            Err(_) => return,
        }
    }
}

/// The call that a thread waits in; none if it does not.
fn call_of(thread: i32) -> Option<Notification> {
    // All of it comes at once; whoever asks how long such a file is reads it in small pieces.
    let mut bytes = [0; 256];
    let mut file = fs::File::open(format!("/proc/{thread}/syscall")).ok()?;
    let length = file.read(&mut bytes).ok()?;
    let text = str::from_utf8(bytes.get(..length)?).ok()?;
    let mut words = text.split_whitespace();
    let number = words.next()?.parse().ok()?;
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        *argument = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    }
    Some(Notification {
        id: 0,
        thread,
        number,
        arguments,
    })
}

/// Our number for the thread that has `number` in the cell.
fn thread_here(numbers: BorrowedFd<'_>, first: i32, number: u32) -> Option<i32> {
    match belljar_sys::thread_of(numbers, number) {
        Ok(thread) => Some(thread),
        // An older kernel does not translate them.
        Err(error) if error.raw_os_error() == Some(Errno::ENOTTY as i32) => {
            crate::culprit::family(first)
                .into_iter()
                .flat_map(|process| threads_of(&directory_of(process)))
                .find(|thread| own_number(*thread) == Some(number))
        }
        Err(_) => None,
    }
}

fn own_number(thread: i32) -> Option<u32> {
    let text = text_of(&directory_of(thread).join("status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;

//! The watcher's end of the conversation with whoever wants the run. Never blocks once the run is on: who does not listen
//! makes the program wait, and must not make the clock wait.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use belljar_plan::RunPlan;
use belljar_report::{Event, Stream};

use crate::frames::{self, HEADER, Tag};

/// What the server wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Nothing now.
    Nothing,
    /// End the run.
    Cancel,
    /// It is gone.
    Gone,
}

/// Whoever wants the run.
pub enum Talk<'a> {
    /// A server, over a socket.
    Server(Server),
    /// A command, in this process.
    Here(&'a mut dyn Audience),
}

/// A listener in this very process. None of it may wait.
pub trait Audience {
    /// Something happened. The last thing told is the end.
    fn tell(&mut self, event: &Event);

    /// The program wrote this, on this line of its text if that is known.
    fn pass(&mut self, stream: Stream, bytes: &[u8], line: Option<u32>);

    /// Whether what was told is not yet passed on. No output is read meanwhile.
    fn is_behind(&self) -> bool;

    /// Passes on what can be passed on without waiting.
    fn catch_up(&mut self);

    /// Can be read when there is a word to hear, or, while the audience is behind, when it is worth trying to catch up.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Whether the run is to be ended.
    fn wants_end(&mut self) -> bool;
}

impl Talk<'_> {
    /// To wait on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Talk::Server(server) => server.socket.as_fd(),
            Talk::Here(audience) => audience.descriptor(),
        }
    }

    /// From here on nothing blocks.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn stop_blocking(&self) -> io::Result<()> {
        match self {
            Talk::Server(server) => server.socket.set_nonblocking(true),
            Talk::Here(_) => Ok(()),
        }
    }

    /// What there is to hear.
    pub fn listen(&mut self) -> Word {
        match self {
            Talk::Server(server) => server.listen(),
            Talk::Here(audience) => match audience.wants_end() {
                true => Word::Cancel,
                false => Word::Nothing,
            },
        }
    }

    /// Tells an event.
    pub fn tell(&mut self, event: &Event) {
        match self {
            Talk::Server(server) => server.tell(event),
            Talk::Here(audience) => audience.tell(event),
        }
    }

    /// Passes output on.
    pub fn pass(&mut self, stream: Stream, bytes: &[u8], line: Option<u32>) {
        match self {
            Talk::Server(server) => server.pass(stream, bytes, line),
            Talk::Here(audience) => audience.pass(stream, bytes, line),
        }
    }

    /// Whether not everything is taken yet. No output is read meanwhile.
    pub fn is_behind(&self) -> bool {
        match self {
            Talk::Server(server) => server.is_behind(),
            Talk::Here(audience) => audience.is_behind(),
        }
    }

    /// Sends what is taken now.
    pub fn send(&mut self) {
        match self {
            Talk::Server(server) => server.send(),
            Talk::Here(audience) => audience.catch_up(),
        }
    }

    /// Sends the rest to a server, however long it takes; for the end, when nothing is left to watch.
    pub fn finish(self) {
        if let Talk::Server(mut server) = self
            && server.socket.set_nonblocking(false).is_ok()
        {
            server.send();
        }
    }
}

/// The conversation with a server.
pub struct Server {
    socket: UnixStream,
    waiting: Vec<u8>,
    sent: usize,
}

impl Server {
    /// Over this socket.
    pub fn new(socket: UnixStream) -> Server {
        Server {
            socket,
            waiting: Vec::new(),
            sent: 0,
        }
    }

    /// Reads the plan, which is the first thing that the server sends.
    ///
    /// # Errors
    /// The server is gone, or sent something else.
    pub fn read_plan(&mut self) -> io::Result<RunPlan> {
        let json = self.read_frame(Tag::Plan)?;
        let mut plan: RunPlan = serde_json::from_slice(&json)?;
        for file in &mut plan.files {
            file.content = self.read_frame(Tag::Content)?;
        }
        Ok(plan)
    }

    fn read_frame(&mut self, expected: Tag) -> io::Result<Vec<u8>> {
        let mut header = [0; HEADER];
        self.socket.read_exact(&mut header)?;
        let (tag, length) = frames::parse_header(header)?;
        if tag != expected {
            return Err(frames::invalid("a frame out of turn"));
        }
        let mut bytes = vec![0; length];
        self.socket.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// What the server says, if it says something. Only a cancel is left to be said.
    fn listen(&mut self) -> Word {
        let mut header = [0; HEADER];
        match self.socket.read(&mut header) {
            Ok(0) => Word::Gone,
            Ok(n)
                if n == HEADER && matches!(frames::parse_header(header), Ok((Tag::Cancel, 0))) =>
            {
                Word::Cancel
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Word::Nothing
            }
            // Half a frame or another one: not our server.
            _ => Word::Gone,
        }
    }

    /// Tells an event.
    fn tell(&mut self, event: &Event) {
        // Events are plain data: writing them to memory cannot fail.
        let json = serde_json::to_vec(event).unwrap_or_default();
        self.queue(Tag::Event, &[], &json);
    }

    /// Passes output on.
    fn pass(&mut self, stream: Stream, bytes: &[u8], line: Option<u32>) {
        let tag = match stream {
            Stream::Stdout => Tag::Stdout,
            Stream::Stderr => Tag::Stderr,
        };
        self.queue(tag, &frames::line(line), bytes);
    }

    fn queue(&mut self, tag: Tag, head: &[u8], bytes: &[u8]) {
        self.waiting
            .extend_from_slice(&frames::header(tag, head.len() + bytes.len()));
        self.waiting.extend_from_slice(head);
        self.waiting.extend_from_slice(bytes);
        self.send();
    }

    /// Whether the server has not yet taken everything. No output is read meanwhile.
    fn is_behind(&self) -> bool {
        self.sent < self.waiting.len()
    }

    /// Sends what the server takes. A server that is gone takes everything: `listen` says so.
    fn send(&mut self) {
        while self.is_behind() {
            match self.socket.write(&self.waiting[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.waiting.clear();
        self.sent = 0;
    }
}

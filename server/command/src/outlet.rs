//! Writes to our standard output and error without ever holding up the rest: a reader who does not read must not
//! keep Ctrl-C from being heard.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};

use belljar_report::Displayer;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};

/// As much as a pipe or terminal that says it can be written to takes without waiting (PIPE_BUF).
const AT_ONCE: usize = 4096;

/// One of our two streams. It stays a blocking descriptor: others hold it too, and they would be surprised.
pub struct Outlet {
    descriptor: Box<dyn AsFd>,
    /// How much is written at once.
    at_once: usize,
    /// What the reader has not taken yet.
    waiting: Vec<u8>,
    taken: usize,
    /// On a terminal the program's escape sequences are not obeyed.
    displayer: Option<Displayer>,
    /// Whether the last thing written ended a line.
    pub at_line_start: bool,
    /// Whether it is a terminal.
    pub is_terminal: bool,
}

impl Outlet {
    /// Our standard output.
    pub fn stdout() -> Outlet {
        Outlet::to(Box::new(io::stdout()), io::stdout().is_terminal())
    }

    /// Our standard error.
    pub fn stderr() -> Outlet {
        Outlet::to(Box::new(io::stderr()), io::stderr().is_terminal())
    }

    fn to(descriptor: Box<dyn AsFd>, is_terminal: bool) -> Outlet {
        let displayer = is_terminal.then(Displayer::default);
        let kind = fstat(&descriptor).map(|facts| facts.st_mode & SFlag::S_IFMT.bits());
        let at_once = if kind == Ok(SFlag::S_IFREG.bits()) {
            usize::MAX
        } else {
            AT_ONCE
        };
        Outlet {
            descriptor,
            at_once,
            waiting: Vec::new(),
            taken: 0,
            displayer,
            at_line_start: true,
            is_terminal,
        }
    }

    /// To wait on until more can be written.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Passes on what the program wrote: as it is, or harmless if it goes to a terminal.
    ///
    /// # Errors
    /// The reader has gone.
    pub fn pass_on(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self
            .displayer
            .as_mut()
            .map(|displayer| displayer.push(bytes))
        {
            Some(shown) => self.write(shown.as_bytes()),
            None => self.write(bytes),
        }
    }

    /// Passes on what was still held back, at the end.
    ///
    /// # Errors
    /// The reader has gone.
    pub fn finish(&mut self) -> io::Result<()> {
        match self.displayer.as_mut().map(Displayer::finish) {
            Some(shown) => self.write(shown.as_bytes()),
            None => Ok(()),
        }
    }

    /// Writes `bytes` as they are; what the reader does not take now is kept for [`Outlet::catch_up`].
    ///
    /// # Errors
    /// The reader has gone. What was on its way leaves a line open.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(last) = bytes.last().copied() else {
            return Ok(());
        };
        self.at_line_start = false;
        self.catch_up()?;
        let taken = if self.is_behind() {
            0
        } else {
            self.write_now(bytes)?
        };
        self.waiting
            .extend_from_slice(bytes.get(taken..).unwrap_or_default());
        self.at_line_start = last == b'\n';
        Ok(())
    }

    /// Whether the reader has not yet taken everything.
    pub fn is_behind(&self) -> bool {
        self.taken < self.waiting.len()
    }

    /// Writes what the reader takes now of what it did not take before.
    ///
    /// # Errors
    /// The reader has gone.
    pub fn catch_up(&mut self) -> io::Result<()> {
        if !self.is_behind() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.taken += self.write_now(waiting.get(self.taken..).unwrap_or_default())?;
        if self.taken < waiting.len() {
            self.waiting = waiting;
        } else {
            self.taken = 0;
        }
        Ok(())
    }

    /// Gives up what the reader has not taken yet.
    pub fn forget(&mut self) {
        if self.is_behind() {
            self.waiting = Vec::new();
            self.taken = 0;
            self.at_line_start = false;
        }
    }

    /// Writes what can be written without waiting, and says how much that was.
    fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            if !is_writable(self.descriptor.as_fd()) {
                break;
            }
            let piece = rest.get(..self.at_once).unwrap_or(rest);
            match nix::unistd::write(self.descriptor.as_fd(), piece) {
                Ok(n) => taken += n,
                // Somebody else made it one that does not wait.
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(taken)
    }
}

/// Whether writing fails or succeeds, but does not wait.
fn is_writable(descriptor: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    !matches!(poll(&mut asked, PollTimeout::ZERO), Ok(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_who_waits_holds_nobody_up_and_nothing_is_lost() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut outlet = Outlet::to(Box::new(writer), false);
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
        for part in bytes.chunks(300_000) {
            outlet.write(part).expect("written or kept");
        }
        assert!(outlet.is_behind(), "the pipe holds less than that");
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            io::Read::read_to_end(&mut reader, &mut read).expect("read");
            read
        });
        while outlet.is_behind() {
            let mut waiting = [PollFd::new(outlet.descriptor(), PollFlags::POLLOUT)];
            poll(&mut waiting, PollTimeout::NONE).expect("writable in the end");
            outlet.catch_up().expect("written");
        }
        drop(outlet);
        assert!(reading.join().expect("no panic") == bytes);
    }

    #[test]
    fn a_reader_who_has_gone_is_an_error() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let mut outlet = Outlet::to(Box::new(writer), false);
        let error = outlet.write(b"x\n").expect_err("broken");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(!outlet.at_line_start);
    }

    #[test]
    fn a_terminal_is_not_given_escape_sequences_and_a_file_is() {
        for (is_terminal, expected) in [(true, "red\n"), (false, "\x1b[31mred\n")] {
            let mut file = tempfile::tempfile().expect("a file");
            let mut outlet = Outlet::to(Box::new(file.try_clone().expect("a copy")), is_terminal);
            outlet.pass_on(b"\x1b[3").expect("written");
            outlet.pass_on(b"1mred\n").expect("written");
            outlet.finish().expect("written");
            assert!(outlet.at_line_start && !outlet.is_behind());
            let mut read = String::new();
            io::Seek::rewind(&mut file).expect("at the start");
            io::Read::read_to_string(&mut file, &mut read).expect("read");
            assert_eq!(read, expected);
        }
    }
}

//! Writes to our standard output and error without ever holding up the rest: a reader who does not read must not
//! keep Ctrl-C from being heard.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use belljar_report::Displayer;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// As much as a pipe or terminal that says it can be written to takes without waiting (PIPE_BUF).
const AT_ONCE: usize = 4096;

/// One of our two streams. It stays a blocking descriptor: others hold it too, and they would be surprised.
pub struct Outlet {
    descriptor: Box<dyn AsFd>,
    /// How much is written at once.
    at_once: usize,
    /// Made when it is first needed; regular files never wait and cannot be waited for.
    ready: Option<AsyncFd<RawFd>>,
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
            ready: None,
            displayer,
            at_line_start: true,
            is_terminal,
        }
    }

    /// Passes on what the program wrote: as it is, or harmless if it goes to a terminal.
    pub async fn pass_on(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self
            .displayer
            .as_mut()
            .map(|displayer| displayer.push(bytes))
        {
            Some(shown) => self.write(shown.as_bytes()).await,
            None => self.write(bytes).await,
        }
    }

    /// Passes on what was still held back, at the end.
    pub async fn finish(&mut self) -> io::Result<()> {
        match self.displayer.as_mut().map(Displayer::finish) {
            Some(shown) => self.write(shown.as_bytes()).await,
            None => Ok(()),
        }
    }

    /// Writes all of `bytes` as they are. What is dropped on the way leaves a line open.
    pub async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(last) = bytes.last().copied() else {
            return Ok(());
        };
        self.at_line_start = false;
        while !bytes.is_empty() {
            self.until_writable().await?;
            match nix::unistd::write(
                self.descriptor.as_fd(),
                &bytes[..bytes.len().min(self.at_once)],
            ) {
                Ok(n) => bytes = &bytes[n..],
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        self.at_line_start = last == b'\n';
        Ok(())
    }

    async fn until_writable(&mut self) -> io::Result<()> {
        if is_writable(self.descriptor.as_fd()) {
            return Ok(());
        }
        if self.ready.is_none() {
            let descriptor = self.descriptor.as_fd().as_raw_fd();
            // Deprecated because a descriptor could be closed while it is waited for; this one is ours as long as we live.
            #[expect(deprecated)]
            match AsyncFd::with_interest(descriptor, Interest::WRITABLE) {
                Ok(ready) => self.ready = Some(ready),
                // EPERM: a kind of file that never makes anyone wait.
                Err(_) => return Ok(()),
            }
        }
        let Some(ready) = &self.ready else {
            return Ok(());
        };
        loop {
            let mut guard = ready.writable().await?;
            if is_writable(self.descriptor.as_fd()) {
                return Ok(());
            }
            guard.clear_ready();
        }
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

    #[tokio::test]
    async fn a_reader_who_waits_makes_the_writer_wait_and_nothing_is_lost() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut outlet = Outlet::to(Box::new(writer), false);
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
        let sent = bytes.clone();
        let local = tokio::task::LocalSet::new();
        let writing = local.run_until(async move {
            let writing = tokio::task::spawn_local(async move { outlet.write(&sent).await });
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            assert!(!writing.is_finished(), "the pipe holds less than that");
            let reading = std::thread::spawn(move || {
                let mut read = Vec::new();
                io::Read::read_to_end(&mut reader, &mut read).expect("read");
                read
            });
            writing.await.expect("no panic").expect("written");
            reading
        });
        assert!(writing.await.join().expect("no panic") == bytes);
    }

    #[tokio::test]
    async fn a_reader_who_has_gone_is_an_error() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let mut outlet = Outlet::to(Box::new(writer), false);
        assert_eq!(
            outlet.write(b"x").await.expect_err("broken").kind(),
            io::ErrorKind::BrokenPipe
        );
    }

    #[tokio::test]
    async fn a_terminal_is_not_given_escape_sequences_and_a_file_is() {
        for (is_terminal, expected) in [(true, "red\n"), (false, "\x1b[31mred\n")] {
            let mut file = tempfile::tempfile().expect("a file");
            let mut outlet = Outlet::to(Box::new(file.try_clone().expect("a copy")), is_terminal);
            outlet.pass_on(b"\x1b[3").await.expect("written");
            outlet.pass_on(b"1mred\n").await.expect("written");
            outlet.finish().await.expect("written");
            assert!(outlet.at_line_start);
            let mut read = String::new();
            io::Seek::rewind(&mut file).expect("at the start");
            io::Read::read_to_string(&mut file, &mut read).expect("read");
            assert_eq!(read, expected);
        }
    }
}

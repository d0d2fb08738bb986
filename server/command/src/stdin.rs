//! Brings the program its standard input.

use std::fs::File;
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use belljar_report::system_words;
use tokio::sync::mpsc;

use crate::source;

/// Where the program's input comes from.
pub type Origin = Box<dyn Read + Send>;

/// Opens what `--stdin` names, `-` being our own standard input; or says what and why not, and a hint.
pub fn open(name: &Path) -> Result<Origin, (String, String)> {
    if name == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let opened = File::open(name).and_then(|file| match file.metadata()?.is_dir() {
        true => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        false => Ok(file),
    });
    match opened {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => {
            let name = belljar_report::displayable_line(&name.to_string_lossy(), 200);
            Err((
                format!(
                    "standard input `{name}` cannot be read: {}.",
                    system_words(&error)
                ),
                source::hint(&error).to_owned(),
            ))
        }
    }
}

/// Standard input that waits for its program.
pub struct Feed {
    origin: Origin,
    pipe: PipeWriter,
}

impl Feed {
    /// From `origin`, and what the program reads.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn from(origin: Origin) -> io::Result<(Feed, OwnedFd)> {
        let (reader, pipe) = io::pipe()?;
        Ok((Feed { origin, pipe }, reader.into()))
    }

    /// Passes it on. In a thread of its own, because reading a terminal or a pipe waits, and nothing can be done meanwhile.
    /// The thread is never waited for: it ends with its input, with the run, or with the process.
    pub fn start(mut self) {
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let n = match self.origin.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(n) => n,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => {
                        eprintln!(
                            "belljar: standard input ends here: {}",
                            system_words(&error)
                        );
                        return;
                    }
                };
                // That the program reads no more is its own affair.
                if self.pipe.write_all(&buffer[..n]).is_err() {
                    return;
                }
            }
        });
    }
}

/// Passes input on to a run of a conductor's, likewise.
pub fn feed(mut origin: Origin, input: mpsc::Sender<Vec<u8>>) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n) = origin.read(&mut buffer) {
            if n == 0 || input.blocking_send(buffer[..n].to_vec()).is_err() {
                return;
            }
        }
    });
}

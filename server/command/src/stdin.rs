//! Brings the program its standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tokio::sync::mpsc;

/// Where the program's input comes from.
pub type Origin = Box<dyn Read + Send>;

/// Opens what `--stdin` names; `-` is our own standard input.
pub fn open(name: &Path) -> Result<Origin, String> {
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
            Err(format!(
                "Standard input `{name}` cannot be read: {}.",
                crate::source::words(&error)
            ))
        }
    }
}

/// Passes it on. In a thread of its own, because reading a terminal or a pipe waits, and nothing can be done meanwhile.
/// The thread is never waited for: it ends with its input, with the run, or with the process.
pub fn feed(mut origin: Origin, input: mpsc::Sender<Vec<u8>>) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n = match origin.read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    eprintln!(
                        "belljar: standard input ends here: {}",
                        crate::source::words(&error)
                    );
                    return;
                }
            };
            if input.blocking_send(buffer[..n].to_vec()).is_err() {
                return;
            }
        }
    });
}

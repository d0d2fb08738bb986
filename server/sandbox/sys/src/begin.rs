//! The very beginning of the program, in place of the standard library's, which takes a tenth of a millisecond and more: it
//! looks for the end of the main thread's stack among all mappings. What we need of it is done here.

use std::io;
use std::panic::catch_unwind;
use std::process::{ExitCode, exit};

use libc::{c_int, pollfd};

/// What a panic ends in, as everywhere.
const PANICKED: u8 = 101;

/// Makes `begin`, which takes nothing and gives an `ExitCode`, the beginning of the program. In its main file, which says
/// `#![no_main]`. The C library must be glibc, which tells the arguments to the standard library by itself.
#[macro_export]
macro_rules! begin_with {
    ($begin:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn main() -> core::ffi::c_int {
            $crate::begin($begin)
        }
    };
}

/// Runs the program, and ends it.
pub fn begin(program: fn() -> ExitCode) -> ! {
    if stand_in_for_closed_streams().is_err() {
        std::process::abort();
    }
    // A pipe that nobody reads is an error of the write, and no reason to end.
    // SAFETY: to ignore a signal needs no handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let code = catch_unwind(program).unwrap_or(ExitCode::from(PANICKED));
    // The type tells nobody its number.
    let number = (0..=u8::MAX).find(|number| ExitCode::from(*number) == code);
    // Also writes out what is still to be written.
    exit(number.unwrap_or(PANICKED).into())
}

/// Puts `/dev/null` where a standard stream is closed: otherwise the next thing that is opened would be taken for it.
fn stand_in_for_closed_streams() -> io::Result<()> {
    let mut streams = [0, 1, 2].map(|fd| pollfd {
        fd,
        events: 0,
        revents: 0,
    });
    loop {
        // SAFETY: `streams` is as long as said, and ours.
        let found = unsafe { libc::poll(streams.as_mut_ptr(), streams.len() as libc::nfds_t, 0) };
        if found >= 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    for _ in streams
        .iter()
        .filter(|stream| stream.revents & libc::POLLNVAL != 0)
    {
        // The lowest number that is free is taken, and nothing else is open yet.
        // SAFETY: a string that ends in null.
        let opened: c_int = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
        if opened < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

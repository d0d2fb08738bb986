//! We could not: which step, with what error, and what the user can do about it.

use std::io;

use belljar_child::Step;
use belljar_report::Ending;

/// A set-up that failed. Nothing was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step, in words.
    pub step: String,
    /// The kernel's name for the error.
    pub errno: String,
    /// What to do about it.
    pub hint: String,
}

impl Failure {
    /// A step of our own process, before the cell exists.
    pub fn before(step: &str, error: &io::Error) -> Failure {
        Failure {
            step: step.to_owned(),
            errno: errno_name(error),
            hint: of_the_machine(error.raw_os_error())
                .unwrap_or(DOCTOR)
                .to_owned(),
        }
    }

    /// A step of the cell. `what` says which view, mount or program it was about, where it was about one of several.
    pub fn inside(step: Step, errno: i32, what: Option<String>) -> Failure {
        let name = match &what {
            Some(what) => format!("{}: {what}", step.name()),
            None => step.name().to_owned(),
        };
        Failure {
            step: name,
            errno: errno_name(&io::Error::from_raw_os_error(errno)),
            hint: hint(step, errno),
        }
    }

    /// The kernel made no namespaces at all.
    pub fn making_namespaces(error: &io::Error) -> Failure {
        let hint = match error.raw_os_error() {
            Some(libc_errno::ENOSPC) => {
                "the limit of user or process namespaces is reached or zero (sysctl user.max_user_namespaces, \
                 user.max_pid_namespaces)"
            }
            Some(libc_errno::EPERM) => {
                "this machine refuses user namespaces to ordinary programs; `belljar doctor` says by which switch, \
                 and how to turn it"
            }
            Some(libc_errno::EAGAIN) => "you have as many processes as you may have (ulimit -u)",
            _ => DOCTOR,
        };
        Failure {
            step: "make namespaces".to_owned(),
            errno: errno_name(error),
            hint: hint.to_owned(),
        }
    }

    /// Pid 1 of the cell ended without a word.
    pub fn died_in_setup() -> Failure {
        Failure {
            step: "build the cell".to_owned(),
            errno: "ESRCH".to_owned(),
            hint:
                "something outside ended it; `dmesg` may say what, for instance for want of memory"
                    .to_owned(),
        }
    }

    /// The limit of memory was reached before the cell stood.
    pub fn no_memory_to_build() -> Failure {
        Failure {
            step: "build the cell".to_owned(),
            errno: "ENOMEM".to_owned(),
            hint: "the limit of memory is too low to build a cell in; raise `limits.memory`"
                .to_owned(),
        }
    }

    /// As the end of a run.
    pub fn into_ending(self) -> Ending {
        Ending::Failed {
            step: self.step,
            errno: self.errno,
            hint: self.hint,
        }
    }
}

const DOCTOR: &str = "`belljar doctor` shows which layer this machine refuses, and what mends it";

/// What to do about an error that says the same of every step.
fn of_the_machine(errno: Option<i32>) -> Option<&'static str> {
    match errno? {
        libc_errno::EMFILE => {
            Some("too few files may be open at once; raise the limit (ulimit -n)")
        }
        libc_errno::ENFILE => {
            Some("the machine has as many open files as it may have (sysctl fs.file-max)")
        }
        libc_errno::EFBIG => Some("files may not become large enough; raise the limit (ulimit -f)"),
        libc_errno::ENOMEM => Some("there is no memory left"),
        _ => None,
    }
}

fn hint(step: Step, errno: i32) -> String {
    if let Some(hint) = of_the_machine(Some(errno)) {
        return hint.to_owned();
    }
    let hint = match (step, errno) {
        (Step::Namespaces | Step::Network, libc_errno::ENOSPC) => {
            "the limit of namespaces of one kind is reached or zero (`sysctl user` lists them: user.max_mnt_namespaces, \
             user.max_net_namespaces and so on)"
        }
        (
            Step::IdMap | Step::HostName | Step::Loopback | Step::Propagation | Step::Staging,
            libc_errno::EPERM | libc_errno::EACCES,
        ) => {
            "the kernel gave a user namespace without rights, as Ubuntu's AppArmor does to unnamed programs; \
             `belljar doctor` prints the profile to install"
        }
        (Step::Foundation, libc_errno::EPERM) => {
            "this machine lets no new /proc be mounted, as in a container that masks its own; \
             `belljar doctor` says which option of the container mends it"
        }
        (Step::Staging | Step::Foundation | Step::Furnish, libc_errno::ENOSPC) => {
            "the files for the run do not fit, or the machine's limit of mounts is reached (sysctl fs.mount-max)"
        }
        (Step::Views, libc_errno::ENOENT) => {
            "a file that the run must see has gone; check the path, and run again"
        }
        (Step::Views, libc_errno::EACCES) => {
            "you may not read a file that the run must see; check its permissions"
        }
        (Step::Exec, libc_errno::ENOENT) => {
            "the program, or the interpreter that its first line names, is not visible in the cell; \
             add its folder to `files.read`"
        }
        (Step::Exec, libc_errno::EACCES) => {
            "the policy does not let this program be executed, or it is not executable; see `programs` in the policy"
        }
        (Step::Exec, libc_errno::ENOEXEC) => {
            "this is no program for this machine, or a script without a `#!` line"
        }
        (Step::Exec, libc_errno::E2BIG) => "the arguments and the environment are too long",
        (Step::Exec | Step::Limits, libc_errno::EAGAIN) => {
            "the limit of processes is too low to start even one"
        }
        (Step::WorkDir, _) => "the working directory is not visible in the cell",
        _ => DOCTOR,
    };
    hint.to_owned()
}

/// Error numbers that hints are about. The same on x86_64 and aarch64 (include/uapi/asm-generic/errno-base.h).
mod libc_errno {
    pub const EPERM: i32 = 1;
    pub const ENOENT: i32 = 2;
    pub const E2BIG: i32 = 7;
    pub const ENOEXEC: i32 = 8;
    pub const EAGAIN: i32 = 11;
    pub const ENOMEM: i32 = 12;
    pub const EACCES: i32 = 13;
    pub const ENFILE: i32 = 23;
    pub const EMFILE: i32 = 24;
    pub const EFBIG: i32 = 27;
    pub const ENOSPC: i32 = 28;
}

/// The kernel's name for an error: `EPERM`.
pub fn errno_name(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => format!("{:?}", nix::errno::Errno::from_raw(number)),
        None => format!("{:?}", error.kind()),
    }
}

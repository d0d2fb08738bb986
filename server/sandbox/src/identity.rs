//! Who the cell is outside: an unprivileged id, also when Belljar itself is run by root.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use belljar_sys::Cloned;
use nix::unistd::{Gid, Uid, getegid, geteuid, getpid, setgroups, setresgid, setresuid};

use crate::failure::Failure;

/// The id that the program sees itself as. Neither 0 nor the overflow id, so that it stands for nobody in particular.
pub const INSIDE: u32 = 1000;

/// Cells that root starts run as ids from here on, one each: no account has them, and no two runs share one.
const FIRST_UNPRIVILEGED: u32 = 0x6000_0000;
/// More than the kernel's highest process id (2^22).
const MOST_PROCESS_IDS: u32 = 1 << 22;

/// Who the cell is outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User id on the host.
    pub user: u32,
    /// Group id on the host.
    pub group: u32,
    /// Belljar was started by root, so that views must be opened before the privilege goes.
    pub was_root: bool,
}

impl Identity {
    /// The id that a cell of this process will have.
    pub fn of_this_process() -> Identity {
        if !geteuid().is_root() {
            return Identity {
                user: geteuid().as_raw(),
                group: getegid().as_raw(),
                was_root: false,
            };
        }
        let id = FIRST_UNPRIVILEGED + getpid().as_raw().cast_unsigned() % MOST_PROCESS_IDS;
        Identity {
            user: id,
            group: id,
            was_root: true,
        }
    }

    /// Gives up whatever privilege this process has. From here on root's runs go the same way as everybody's.
    pub fn assume(self) -> Result<(), Failure> {
        let step = "become an unprivileged user";
        let failed = |error: nix::Error| Failure::before(step, &io::Error::from(error));
        if self.was_root {
            let (user, group) = (Uid::from_raw(self.user), Gid::from_raw(self.group));
            setgroups(&[]).map_err(failed)?;
            setresgid(group, group, group).map_err(failed)?;
            setresuid(user, user, user).map_err(failed)?;
            // The change of id took both away; the second is what lets the cell write its own id map.
            belljar_sys::set_parent_death_signal()
                .map_err(|error| Failure::before(step, &error))?;
            belljar_sys::set_dumpable(true).map_err(|error| Failure::before(step, &error))?;
        }
        for set in [
            caps::CapSet::Ambient,
            caps::CapSet::Inheritable,
            caps::CapSet::Effective,
            caps::CapSet::Permitted,
        ] {
            caps::clear(None, set).map_err(|error| Failure {
                step: step.to_owned(),
                errno: error.to_string(),
                hint: "this process may not even give privileges up; look for a filter of the container around it"
                    .to_owned(),
            })?;
        }
        Ok(())
    }

    /// A line of `/proc/self/uid_map` or `gid_map`.
    pub fn map_line(outside: u32) -> String {
        format!("{INSIDE} {outside} 1\n")
    }

    /// For root: a user namespace in which root's files look like this id's, so that a project that only root may read
    /// can be seen by the cell. It ends with the descriptor.
    pub fn namespace_for_roots_files(self) -> io::Result<OwnedFd> {
        let (reader, writer) = nix::unistd::pipe().map_err(io::Error::from)?;
        match belljar_sys::fork_into_user_namespace()? {
            Cloned::Child => {
                drop(writer);
                // Stands still until the parent has what it came for.
                let _ = nix::unistd::read(reader.as_fd(), &mut [0]);
                std::process::exit(0);
            }
            Cloned::Parent { pid, .. } => {
                drop(reader);
                let opened = (|| {
                    std::fs::write(
                        format!("/proc/{pid}/uid_map"),
                        format!("0 {} 1\n", self.user),
                    )?;
                    std::fs::write(
                        format!("/proc/{pid}/gid_map"),
                        format!("0 {} 1\n", self.group),
                    )?;
                    Ok(OwnedFd::from(std::fs::File::open(format!(
                        "/proc/{pid}/ns/user"
                    ))?))
                })();
                drop(writer);
                belljar_sys::wait_for(pid)?;
                opened
            }
        }
    }
}

//! Answers the calls that the filter stops, and says which of them were refusals. Nothing is decided here that the
//! filter, the mounts or the empty network would not decide without us: a call is refused with the table's own error, or
//! it goes on and meets those walls.

use std::cell::RefCell;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use belljar_locate::{Certainty, Locator};
use belljar_plan::{Rules, RunPlan};
use belljar_report::{Confidence, Kind, Layer, Violation};
use belljar_sys::Notification;
use nix::errno::Errno;

use crate::filter::{Arch, NETWORK, table};

/// The longest socket address of the kernel, `struct sockaddr_storage`.
const LONGEST_ADDRESS: usize = 128;

/// The listener of one cell.
pub struct Listener {
    descriptor: OwnedFd,
    rules: Rules,
    locator: RefCell<Locator>,
    /// What the cell sees of the host's, through overlays, in which a socket is there and nobody answers.
    shown: Vec<PathBuf>,
}

/// What is to be said about one stopped call.
struct Judgement {
    refusal: Option<Errno>,
    violation: Option<Violation>,
}

const GO_ON: Judgement = Judgement {
    refusal: None,
    violation: None,
};

impl Listener {
    /// Answers on `descriptor`; refusals name the rules of the plan's policy.
    pub fn new(descriptor: OwnedFd, plan: &RunPlan) -> Listener {
        let views = plan.views.iter().map(|view| view.path.clone());
        let project = plan.project.iter().map(|project| project.root.clone());
        Listener {
            descriptor,
            rules: plan.rules.clone(),
            locator: RefCell::new(Locator::new(plan.document.as_deref())),
            shown: views.chain(project).collect(),
        }
    }

    /// To wait on.
    pub fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Answers the next stopped call; gives a violation if it was one. Call when the descriptor is readable.
    pub fn answer_next(&self) -> Option<Violation> {
        // Fails when the thread was killed in the meantime: then there is nothing to answer.
        let call = belljar_sys::next_notification(self.descriptor.as_fd()).ok()?;
        let judgement = self.judge(&call);
        let still_there = belljar_sys::is_alive(self.descriptor.as_fd(), call.id);
        let _ = belljar_sys::answer(
            self.descriptor.as_fd(),
            call.id,
            judgement.refusal.map(|errno| errno as i32),
        );
        // What was read of a thread that is gone by now may have been another's.
        judgement.violation.filter(|_| still_there)
    }

    fn judge(&self, call: &Notification) -> Judgement {
        let number = call.number.cast_unsigned();
        if let Some(row) = table::verdict(Arch::NATIVE, number, &call.arguments) {
            let kind = row.kind;
            let violation =
                self.violation(call, kind, row.call.name, "call", row.errno, Layer::Seccomp);
            return Judgement {
                refusal: Some(row.errno),
                violation: Some(violation),
            };
        }
        let name = NETWORK
            .iter()
            .find(|seen| seen.call.number(Arch::NATIVE) == Some(number))
            .map(|seen| seen.call.name);
        match name {
            Some("connect") => {
                self.judge_address(call, call.arguments[1], call.arguments[2], "connect")
            }
            Some("sendto") => {
                self.judge_address(call, call.arguments[4], call.arguments[5], "send")
            }
            Some("sendmsg" | "sendmmsg") => self.judge_message(call),
            _ => GO_ON,
        }
    }

    /// The address of the (first) message lies in a `struct msghdr`: name, and its length.
    fn judge_message(&self, call: &Notification) -> Judgement {
        let mut header = [0u8; 12];
        match belljar_sys::read_memory(call.thread, call.arguments[1], &mut header) {
            Ok(12) => {
                let [a, b, c, d, e, f, g, h, i, j, k, l] = header;
                let address = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
                let length = u64::from(u32::from_le_bytes([i, j, k, l]));
                if address == 0 {
                    GO_ON
                } else {
                    self.judge_address(call, address, length, "send")
                }
            }
            _ => GO_ON,
        }
    }

    fn judge_address(
        &self,
        call: &Notification,
        address: u64,
        length: u64,
        access: &str,
    ) -> Judgement {
        let mut bytes = [0u8; LONGEST_ADDRESS];
        let wanted = LONGEST_ADDRESS.min(usize::try_from(length).unwrap_or(0));
        let Ok(read) = belljar_sys::read_memory(call.thread, address, &mut bytes[..wanted]) else {
            return GO_ON;
        };
        match parse_address(&bytes[..read]) {
            Some(Address::Internet(to)) => self.judge_internet(call, to, access),
            Some(Address::Path(path)) => self.judge_unix(call, &path),
            None => GO_ON,
        }
    }

    fn judge_internet(&self, call: &Notification, to: SocketAddr, access: &str) -> Judgement {
        // A name server, wherever it is: what is refused is the look-up.
        if to.port() == 53 {
            let target = format!("a host name, asked of {to}");
            let mut violation = self.violation(
                call,
                Kind::NetworkResolve,
                &target,
                access,
                Errno::ECONNREFUSED,
                Layer::Seccomp,
            );
            violation.allow = None;
            return Judgement {
                refusal: Some(Errno::ECONNREFUSED),
                violation: Some(violation),
            };
        }
        // The cell's own loopback belongs to the program.
        if to.ip().to_canonical().is_loopback() || to.ip().is_unspecified() {
            return GO_ON;
        }
        let target = to.to_string();
        let mut violation = self.violation(
            call,
            Kind::NetworkConnect,
            &target,
            access,
            Errno::EACCES,
            Layer::Seccomp,
        );
        violation.allow = Some(format!("network.allow = [\"{target}\"]"));
        Judgement {
            refusal: Some(Errno::EACCES),
            violation: Some(violation),
        }
    }

    /// Goes on, always: whether the socket is there is a matter of the mounts. It is a violation if the host has one of
    /// that name. The name is the program's choice: it is compared, and never looked up on the host.
    fn judge_unix(&self, call: &Notification, path: &Path) -> Judgement {
        const QUIET: &[&str] = &["/var/run/nscd/socket", "/run/nscd/socket"];
        let absolute = if path.is_absolute() {
            path.to_owned()
        } else {
            match fs::read_link(format!("/proc/{}/cwd", call.thread)) {
                Ok(directory) => directory.join(path),
                Err(_) => return GO_ON,
            }
        };
        let text = absolute.to_string_lossy();
        if QUIET.contains(&text.as_ref()) || !is_bound_on_host(&text) {
            return GO_ON;
        }
        let is_shown = self.shown.iter().any(|shown| absolute.starts_with(shown));
        let errno = if is_shown {
            Errno::ECONNREFUSED
        } else {
            Errno::ENOENT
        };
        let violation = self.violation(
            call,
            Kind::SocketUnix,
            &text,
            "connect",
            errno,
            Layer::Mount,
        );
        Judgement {
            refusal: None,
            violation: Some(violation),
        }
    }

    fn violation(
        &self,
        call: &Notification,
        kind: Kind,
        target: &str,
        access: &str,
        errno: Errno,
        layer: Layer,
    ) -> Violation {
        let place = self.locator.borrow_mut().place(call.thread);
        let rule = match kind {
            Kind::NetworkConnect | Kind::NetworkResolve | Kind::SocketUnix => {
                self.rules.network.clone()
            }
            _ => None,
        };
        Violation {
            kind,
            target: target.to_owned(),
            access: access.to_owned(),
            errno: Some(format!("{errno:?}")),
            file: None,
            line: place.line,
            column: place.column,
            confidence: match place.certainty {
                Certainty::Exact => Confidence::Exact,
                Certainty::Caller => Confidence::Caller,
                Certainty::Document => Confidence::File,
            },
            count: 1,
            program: program_of(call.thread),
            rule,
            layer,
            allow: None,
        }
    }
}

/// Whether somebody outside listens at this path: the last column of the kernel's table of UNIX sockets.
fn is_bound_on_host(path: &str) -> bool {
    let table = fs::read("/proc/self/net/unix").unwrap_or_default();
    String::from_utf8_lossy(&table).lines().any(|line| {
        line.split_once(" /")
            .is_some_and(|(_, rest)| rest == &path[1..])
    })
}

/// The short name of a thread's program. The program may have chosen it.
fn program_of(thread: i32) -> String {
    fs::read(format!("/proc/{thread}/comm"))
        .map(|name| String::from_utf8_lossy(&name).trim_end().to_owned())
        .unwrap_or_default()
}

enum Address {
    Internet(SocketAddr),
    Path(PathBuf),
}

/// Reads a socket address as the kernel would. The bytes are the program's.
fn parse_address(bytes: &[u8]) -> Option<Address> {
    const UNIX: u16 = 1;
    const INET: u16 = 2;
    const INET6: u16 = 10;
    let family = u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?);
    let port = || Some(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
    match family {
        INET => {
            let octets: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            Some(Address::Internet(SocketAddr::from((
                Ipv4Addr::from(octets),
                port()?,
            ))))
        }
        INET6 => {
            let octets: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            let address = Ipv6Addr::from(octets).to_canonical();
            Some(Address::Internet(SocketAddr::from((address, port()?))))
        }
        UNIX => {
            let name = bytes.get(2..)?;
            let end = name
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(name.len());
            // An empty name is an abstract socket or none: those do not leave the network namespace.
            if end == 0 {
                return None;
            }
            Some(Address::Path(PathBuf::from(
                <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name.get(..end)?),
            )))
        }
        _ => None,
    }
}

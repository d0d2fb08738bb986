//! Which calls reach for the network: the cell has one of its own with nothing but itself in it.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use belljar_locate::Operation;
use belljar_plan::RunPlan;
use belljar_report::{Kind, Layer};
use belljar_sys::Notification;
use nix::errno::Errno;

use super::argument::{argument, word_at};
use super::names::question_in;
use super::unix::UnixSockets;
use super::{Finding, Judgement};

/// The longest socket address of the kernel, `struct sockaddr_storage`.
const LONGEST_ADDRESS: usize = 128;
/// Of the messages that one call sends, so many are looked at.
const MOST_MESSAGES: u64 = 64;
/// The size of `struct mmsghdr` on both machines.
const MESSAGE: u64 = 64;
/// Where name servers listen.
const NAMES: u16 = 53;

/// The network of a cell.
pub struct Network {
    rule: Option<String>,
    unix: UnixSockets,
}

impl Network {
    /// Of the cell of `plan`.
    pub fn new(plan: &RunPlan) -> Network {
        Network {
            rule: plan.rules.network.clone(),
            unix: UnixSockets::new(plan),
        }
    }

    /// What refuses the network.
    pub fn rule(&self) -> Option<String> {
        self.rule.clone()
    }

    /// A socket is about to be connected.
    pub fn connect(&self, call: &Notification) -> Judgement {
        match address(call, argument(call, 1), argument(call, 2)) {
            Some(Address::Internet(to)) => self.judge(to, "connect", None),
            Some(Address::Path(path)) => self.unix.connect(call, path, self.rule.clone()),
            None => Judgement::GoOn,
        }
    }

    /// Something is about to be sent to an address.
    pub fn send(&self, call: &Notification) -> Judgement {
        match address(call, argument(call, 4), argument(call, 5)) {
            Some(Address::Internet(to)) => {
                let asked = || question_at(call, argument(call, 1), argument(call, 2));
                self.judge(to, "send", (to.port() == NAMES).then(asked).flatten())
            }
            Some(Address::Path(path)) => self.unix.connect(call, path, self.rule.clone()),
            None => Judgement::GoOn,
        }
    }

    /// A message is about to be sent, perhaps to an address.
    pub fn send_message(&self, call: &Notification) -> Judgement {
        self.message(call, argument(call, 1))
    }

    /// Messages are about to be sent.
    pub fn send_messages(&self, call: &Notification) -> Judgement {
        let count = (argument(call, 2) & 0xffff_ffff).min(MOST_MESSAGES);
        (0..count)
            .map(|index| argument(call, 1).saturating_add(index * MESSAGE))
            .map(|head| self.message(call, head))
            .find(|judgement| !matches!(judgement, Judgement::GoOn))
            .unwrap_or(Judgement::GoOn)
    }

    /// The address of a message lies in a `struct msghdr`: name, its length, pieces of the message.
    fn message(&self, call: &Notification, head: u64) -> Judgement {
        let field = |offset: u64| word_at(call.thread, head.saturating_add(offset));
        let Some(name) = field(0).filter(|name| *name != 0) else {
            return Judgement::GoOn;
        };
        let length = field(8).unwrap_or(0) & 0xffff_ffff;
        match address(call, name, length) {
            Some(Address::Internet(to)) => {
                let asked = || {
                    let pieces = field(16)?;
                    let start = word_at(call.thread, pieces)?;
                    question_at(call, start, word_at(call.thread, pieces.checked_add(8)?)?)
                };
                self.judge(to, "send", (to.port() == NAMES).then(asked).flatten())
            }
            Some(Address::Path(path)) => self.unix.connect(call, path, self.rule.clone()),
            None => Judgement::GoOn,
        }
    }

    /// A socket is about to take an address. Any that the cell has it may have; others it has not.
    pub fn bind(&self, call: &Notification) -> Judgement {
        let Some(Address::Internet(to)) = address(call, argument(call, 1), argument(call, 2))
        else {
            return Judgement::GoOn;
        };
        let ip = to.ip().to_canonical();
        if ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() {
            return Judgement::GoOn;
        }
        Judgement::Tell(Finding {
            kind: Kind::NetworkBind,
            asked: Some((Operation::Bind, to.to_string().into_bytes())),
            is_question: false,
            target: to.to_string(),
            access: "bind",
            errno: Some(Errno::EADDRNOTAVAIL),
            layer: Layer::Network,
            rule: self.rule.clone(),
            allow: None,
        })
    }

    /// The number of the socket by which a call, whose address is this argument, speaks to the cell's own name server.
    pub fn asks_for_names(&self, call: &Notification, number: u8) -> Option<u64> {
        let to = address(call, argument(call, number), argument(call, number + 1))?;
        let is_ours = matches!(to, Address::Internet(to) if to.port() == NAMES && is_own(to));
        is_ours.then(|| socket_number(call.thread, argument(call, 0) as i32))?
    }

    fn judge(&self, to: SocketAddr, access: &'static str, asked: Option<String>) -> Judgement {
        // A name server, wherever it is: what is refused is the look-up.
        if to.port() == NAMES {
            let target = asked.unwrap_or_else(|| format!("a host name, asked of {to}"));
            return self.refuse(Kind::NetworkResolve, target, access, Errno::ECONNREFUSED);
        }
        // The cell's own loopback belongs to the program.
        if is_own(to) {
            return Judgement::GoOn;
        }
        self.refuse(Kind::NetworkConnect, to.to_string(), access, Errno::EACCES)
    }

    fn refuse(&self, kind: Kind, target: String, access: &'static str, errno: Errno) -> Judgement {
        let allow =
            (kind == Kind::NetworkConnect).then(|| format!("network.allow = [\"{target}\"]"));
        let operation = match kind {
            Kind::NetworkResolve => Operation::Resolve,
            _ => Operation::Connect,
        };
        let finding = Finding {
            kind,
            asked: Some((operation, target.clone().into_bytes())),
            is_question: false,
            target,
            access,
            errno: Some(errno),
            layer: Layer::Seccomp,
            rule: self.rule.clone(),
            allow,
        };
        Judgement::Refuse(finding, errno)
    }
}

fn is_own(to: SocketAddr) -> bool {
    let ip = to.ip().to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}

/// The number of the socket behind a thread's descriptor.
fn socket_number(thread: i32, descriptor: i32) -> Option<u64> {
    let link = fs::read_link(format!("/proc/{thread}/fd/{descriptor}")).ok()?;
    let text = link.to_str()?;
    text.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// The name that is asked for in a message of the program's.
fn question_at(call: &Notification, start: u64, length: u64) -> Option<String> {
    let mut buffer = [0u8; 512];
    let length = buffer.len().min(usize::try_from(length).ok()?);
    let part = buffer.get_mut(..length)?;
    let read = belljar_sys::read_memory(call.thread, start, part).ok()?;
    question_in(buffer.get(..read)?).map(|question| question.name)
}

enum Address {
    Internet(SocketAddr),
    Path(PathBuf),
}

fn address(call: &Notification, start: u64, length: u64) -> Option<Address> {
    let mut bytes = [0u8; LONGEST_ADDRESS];
    let wanted = LONGEST_ADDRESS.min(usize::try_from(length & 0xffff_ffff).ok()?);
    let part = bytes.get_mut(..wanted)?;
    let read = belljar_sys::read_memory(call.thread, start, part).ok()?;
    parse_address(bytes.get(..read)?)
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

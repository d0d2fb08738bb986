//! What a program's own preload told of itself, for runtimes whose stacks do not show who asked for an operation.
//!
//! A message is the name of a file that is opened and never exists:
//! `/.belljar/v1/OPERATION/LINE/COLUMN/CERTAINTY/FILE/TARGET`, FILE percent-encoded. A program may forge one; all it gets
//! is that its own refusals and output stand on another line of its own document.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::frame::{Certainty, Place};

/// What every message begins with.
const PREFIX: &[u8] = b"/.belljar/v1/";
/// Longest path that the kernel takes.
const LONGEST: usize = 4096;
/// So much is remembered of each process, and of so many processes.
const MOST_MESSAGES: usize = 64;
const MOST_PROCESSES: usize = 64;

/// What a thread asks the kernel for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To reach an address, `192.0.2.1:443` or `[2001:db8::1]:443`, or a socket's path.
    Connect,
    /// To learn the address of a host name.
    Resolve,
    /// To be reached at an address.
    Bind,
    /// To run a program.
    Spawn,
    /// To open, change or look at a file.
    File,
    /// To send a signal to a process.
    Signal,
    /// To print: the number of the stream, 1 or 2.
    Print,
}

impl Operation {
    fn of(name: &[u8]) -> Option<Operation> {
        Some(match name {
            b"connect" => Operation::Connect,
            b"resolve" => Operation::Resolve,
            b"bind" => Operation::Bind,
            b"spawn" => Operation::Spawn,
            b"file" => Operation::File,
            b"signal" => Operation::Signal,
            b"print" => Operation::Print,
            _ => return None,
        })
    }
}

#[derive(Debug)]
struct Message {
    operation: Operation,
    target: Vec<u8>,
    place: Place,
}

/// The latest messages of each process, newest first.
#[derive(Debug, Default)]
pub(crate) struct Told {
    processes: HashMap<i32, VecDeque<Message>>,
}

/// Whether a path that is being opened is a message.
pub(crate) fn is_message(path: &[u8]) -> bool {
    path.starts_with(PREFIX)
}

impl Told {
    /// Takes a message that process `pid` sent. One about another file than `document` says nothing.
    pub fn take(&mut self, pid: i32, document: &Path, path: &[u8]) {
        let Some(message) = parse(document, path) else {
            return;
        };
        if !self.processes.contains_key(&pid) && self.processes.len() >= MOST_PROCESSES {
            self.processes
                .retain(|pid, _| crate::process::program_of(*pid).is_some());
            if self.processes.len() >= MOST_PROCESSES {
                self.processes.clear();
            }
        }
        let messages = self.processes.entry(pid).or_default();
        messages
            .retain(|known| known.operation != message.operation || known.target != message.target);
        messages.truncate(MOST_MESSAGES - 1);
        messages.push_front(message);
    }

    /// The place that process `pid` told last for this operation on this target.
    pub fn place(&self, pid: i32, operation: Operation, target: &[u8]) -> Option<Place> {
        let messages = self.processes.get(&pid)?;
        let of_operation = || {
            messages
                .iter()
                .filter(|message| message.operation == operation)
        };
        let exact = of_operation().find(|message| is_same(operation, &message.target, target));
        if let Some(message) = exact {
            return Some(message.place);
        }
        // A whole tree is made or removed by one call, and a temporary name gets its end later.
        let related =
            of_operation().find(|message| is_related(operation, &message.target, target))?;
        Some(Place {
            certainty: Certainty::Caller,
            ..related.place
        })
    }

    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// The place at which process `pid` is about to print. It is said anew for each print.
    pub fn take_print(&mut self, pid: i32, stream: &[u8]) -> Option<Place> {
        let messages = self.processes.get_mut(&pid)?;
        let is_it =
            |message: &Message| message.operation == Operation::Print && message.target == stream;
        let at = messages.iter().position(is_it)?;
        messages.remove(at).map(|message| message.place)
    }

    /// The same where nobody knows any more which process it was: it has ended. Only if all who told of this target told
    /// the same place.
    pub fn place_of_any(&self, operation: Operation, target: &[u8]) -> Option<Place> {
        let all = self.processes.values().flatten();
        let mut places = all
            .filter(|message| {
                message.operation == operation && is_same(operation, &message.target, target)
            })
            .map(|message| message.place);
        let place = places.next()?;
        places.all(|other| other == place).then_some(place)
    }

    /// The place at which process `pid` last started a program.
    pub fn last_start(&self, pid: i32) -> Option<Place> {
        let messages = self.processes.get(&pid)?;
        let is_start = |message: &&Message| message.operation == Operation::Spawn;
        messages.iter().find(is_start).map(|message| message.place)
    }
}

fn parse(document: &Path, path: &[u8]) -> Option<Message> {
    if path.len() > LONGEST {
        return None;
    }
    let mut parts = path.strip_prefix(PREFIX)?.splitn(6, |byte| *byte == b'/');
    let operation = Operation::of(parts.next()?)?;
    let line = number(parts.next()?)?;
    let column = number(parts.next()?);
    let certainty = match parts.next()? {
        b"exact" => Certainty::Exact,
        b"caller" => Certainty::Caller,
        _ => return None,
    };
    let file = decoded(parts.next()?)?;
    if OsStr::from_bytes(&file) != document.as_os_str() {
        return None;
    }
    let target = parts.next()?.to_vec();
    let place = Place {
        line: Some(line),
        column,
        certainty,
    };
    Some(Message {
        operation,
        target,
        place,
    })
}

fn number(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().filter(|number| *number > 0)
}

/// Undoes percent-encoding.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        if *byte == b'%' {
            let digits = [*rest.next()?, *rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(*byte);
        }
    }
    Some(bytes)
}

fn is_same(operation: Operation, told: &[u8], target: &[u8]) -> bool {
    if told == target {
        return true;
    }
    match operation {
        Operation::Connect | Operation::Bind => {
            address(told).is_some_and(|told| address(target) == Some(told))
        }
        Operation::Resolve => host(told).eq_ignore_ascii_case(host(target)),
        Operation::Spawn => {
            let name = |path: &[u8]| {
                Path::new(OsStr::from_bytes(path))
                    .file_name()
                    .map(OsStr::to_owned)
            };
            name(told).is_some_and(|told| name(target) == Some(told))
        }
        Operation::File => straight(told) == straight(target),
        Operation::Signal | Operation::Print => false,
    }
}

fn is_related(operation: Operation, told: &[u8], target: &[u8]) -> bool {
    if operation != Operation::File {
        return false;
    }
    let (told, target) = (straight(told), straight(target));
    let is_above =
        |one: &Path, other: &Path| other.starts_with(one) && one.components().count() > 1;
    // What lies just below the root is above too much to be meant by what was told of it.
    let is_whole = told.components().count() > 2;
    let begins = || {
        let (told, target) = (told.as_os_str().as_bytes(), target.as_os_str().as_bytes());
        let last = target.strip_prefix(told);
        told.len() > 1 && last.is_some_and(|last| last.len() == 6 && !last.contains(&b'/'))
    };
    (is_whole && is_above(&told, &target)) || is_above(&target, &told) || begins()
}

fn address(text: &[u8]) -> Option<SocketAddr> {
    let address: SocketAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

fn host(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

/// Without `.` and `..`, as far as that can be told from the name alone.
fn straight(path: &[u8]) -> PathBuf {
    let mut straight = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(path)).components() {
        match component {
            Component::ParentDir => {
                straight.pop();
            }
            Component::CurDir => {}
            other => straight.push(other),
        }
    }
    straight
}

#[cfg(test)]
#[path = "told_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "node_tests.rs"]
mod node_tests;

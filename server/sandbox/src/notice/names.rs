//! The name server of a cell. It knows no names: whoever asks is told at once that there is no such host, instead of
//! waiting for an answer that cannot come, and the user is told what was asked.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use belljar_locate::{Operation, Place};
use belljar_report::{Kind, Layer};

use super::Finding;

/// So many sockets that are about to ask are remembered.
const MOST_ASKERS: usize = 256;
/// So many answers are remembered, to tell of a name once although it is asked for in two ways.
const MOST_TOLD: usize = 256;
/// Questions answered before anything else gets its turn.
const FAIR_SHARE: usize = 64;
/// No longer list of sockets is read.
const LONGEST_TABLE: u64 = 128 << 10;
/// No question is longer: a name has at most 255 bytes.
const LONGEST: usize = 1500;

/// The name server.
pub struct Names {
    socket: UdpSocket,
    askers: VecDeque<Asker>,
    told: VecDeque<(u64, String)>,
}

/// A socket that was pointed at us, and the line that did it.
#[derive(Clone)]
pub struct Asker {
    socket: u64,
    /// The thread that did it.
    pub thread: i32,
    /// Where it was done.
    pub place: Place,
    /// The program that did it.
    pub program: String,
}

/// What is asked in a message.
pub struct Question {
    /// The name, in lower case.
    pub name: String,
    /// Which sort of record.
    kind: u16,
    /// Where the question ends in the message.
    end: usize,
}

impl Names {
    /// Serves on a socket that was bound in the cell.
    pub fn new(socket: OwnedFd) -> Option<Names> {
        let socket = UdpSocket::from(socket);
        socket.set_nonblocking(true).ok()?;
        Some(Names {
            socket,
            askers: VecDeque::new(),
            told: VecDeque::new(),
        })
    }

    /// To wait on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The socket of this number is about to ask.
    pub fn expect(&mut self, socket: u64, place: Place, program: String, thread: i32) {
        self.askers.retain(|asker| asker.socket != socket);
        if self.askers.len() >= MOST_ASKERS {
            self.askers.pop_front();
        }
        self.askers.push_back(Asker {
            socket,
            thread,
            place,
            program,
        });
    }

    /// Answers what was asked; gives what is to be told.
    pub fn answer(&mut self) -> Vec<(Finding, Asker)> {
        let mut findings = Vec::new();
        let mut ports = None;
        let mut buffer = [0u8; LONGEST];
        for _ in 0..FAIR_SHARE {
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else {
                break;
            };
            let Some(message) = buffer.get(..length) else {
                break;
            };
            let Some(question) = question_in(message) else {
                continue;
            };
            if let Some(answer) = no_such_name(message, question.end) {
                let _ = self.socket.send_to(&answer, from);
            }
            let asker = self.asker(from, &mut ports);
            if !is_quiet(&question) && self.is_new(asker.socket, &question.name) {
                findings.push((finding(question.name), asker));
            }
        }
        findings
    }

    fn is_new(&mut self, socket: u64, name: &str) -> bool {
        let is_told = |told: &(u64, String)| told.0 == socket && told.1 == name;
        if self.told.iter().any(is_told) {
            return false;
        }
        if self.told.len() >= MOST_TOLD {
            self.told.pop_front();
        }
        self.told.push_back((socket, name.to_owned()));
        true
    }

    /// Who asked from this port. Where that cannot be found out it was the last one that could have.
    fn asker(&self, from: SocketAddr, ports: &mut Option<HashMap<u16, u64>>) -> Asker {
        let by_port = self.askers.back().and_then(|last| {
            let ports = ports.get_or_insert_with(|| sockets_by_port(last.thread));
            let socket = ports.get(&from.port())?;
            self.askers.iter().find(|asker| asker.socket == *socket)
        });
        by_port
            .or(self.askers.back())
            .cloned()
            .unwrap_or_else(|| Asker {
                socket: u64::from(from.port()),
                thread: 0,
                place: Place::UNKNOWN,
                program: String::new(),
            })
    }
}

/// The numbers of the UDP sockets in the network of `thread`, by their ports. A program can have so many that to read of
/// them all takes longer than its run may: then it is not known who asked.
fn sockets_by_port(thread: i32) -> HashMap<u16, u64> {
    let mut ports = HashMap::new();
    for table in ["udp6", "udp"] {
        let Ok(file) = fs::File::open(format!("/proc/{thread}/net/{table}")) else {
            continue;
        };
        let mut text = Vec::with_capacity(4096);
        let _ = file.take(LONGEST_TABLE).read_to_end(&mut text);
        for line in String::from_utf8_lossy(&text).lines().skip(1) {
            let mut words = line.split_whitespace();
            let port = words.nth(1).and_then(|address| address.rsplit(':').next());
            let port = port.and_then(|port| u16::from_str_radix(port, 16).ok());
            // Eight words further on is its number.
            let socket = words.nth(7).and_then(|socket| socket.parse().ok());
            if let (Some(port), Some(socket)) = (port, socket) {
                ports.insert(port, socket);
            }
        }
    }
    ports
}

fn finding(name: String) -> Finding {
    Finding {
        kind: Kind::NetworkResolve,
        asked: Some((Operation::Resolve, name.clone().into_bytes())),
        is_question: false,
        target: name,
        access: "look up",
        errno: None,
        layer: Layer::Network,
        rule: None,
        allow: None,
    }
}

/// What programs ask by themselves about their own machine.
fn is_quiet(question: &Question) -> bool {
    const POINTER: u16 = 12;
    let is_local = ["localhost", "sandbox"].contains(&question.name.as_str());
    let is_reverse = question.kind == POINTER
        && (question.name.ends_with("127.in-addr.arpa")
            || question.name.ends_with(".0.in-addr.arpa")
            || question.name.ends_with(".ip6.arpa"));
    is_local || is_reverse
}

/// Reads the question of a message (RFC 1035, 4.1). The bytes are the program's.
pub fn question_in(message: &[u8]) -> Option<Question> {
    const HEAD: usize = 12;
    let number = |at: usize| -> Option<u16> {
        let bytes = message.get(at..at.checked_add(2)?)?;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    };
    let is_answer = number(2)? & 0x8000 != 0;
    if is_answer || number(4)? == 0 {
        return None;
    }
    let mut at = HEAD;
    let mut parts: Vec<String> = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        match length {
            0 => break,
            // Two high bits mean that the name goes on elsewhere, which no question needs.
            1..=63 => {
                let part = message.get(at..at + length)?;
                parts.push(String::from_utf8_lossy(part).to_lowercase());
                at += length;
            }
            _ => return None,
        }
        if at > HEAD + 255 {
            return None;
        }
    }
    let kind = number(at)?;
    number(at + 2)?;
    Some(Question {
        name: if parts.is_empty() {
            ".".to_owned()
        } else {
            parts.join(".")
        },
        kind,
        end: at + 4,
    })
}

/// The answer that there is no such name, to a message whose question ends at `end`.
fn no_such_name(message: &[u8], end: usize) -> Option<Vec<u8>> {
    let mut answer = message.get(..end)?.to_vec();
    let head = answer.get_mut(..12)?;
    // An answer, with recursion, and the error "no such name"; one question, nothing else.
    let flags = [0x80 | (message.get(2)? & 0x79), 0x83];
    head.get_mut(2..4)?.copy_from_slice(&flags);
    head.get_mut(4..12)?
        .copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    Some(answer)
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;

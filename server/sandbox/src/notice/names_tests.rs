//! Tests of reading questions for host names, well formed and not.

use super::*;

fn question(name: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    for part in name.split('.') {
        message.push(part.len() as u8);
        message.extend_from_slice(part.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

fn served() -> (Names, UdpSocket) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(socket.local_addr().unwrap()).unwrap();
    (Names::new(OwnedFd::from(socket)).unwrap(), client)
}

#[test]
fn whoever_asks_is_told_that_there_is_no_such_name() {
    let (mut names, client) = served();
    client.send(&question("Example.ORG", 1)).unwrap();
    let found = names.answer();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0.target, "example.org");
    let mut answer = [0; 512];
    let length = client.recv(&mut answer).unwrap();
    assert_eq!(&answer[..2], [0x12, 0x34], "the question's own number");
    assert_eq!(answer[2] & 0x80, 0x80, "an answer");
    assert_eq!(answer[3] & 0x0f, 3, "no such name");
    assert_eq!(length, question("example.org", 1).len());
}

#[test]
fn a_name_that_is_asked_for_in_two_ways_is_told_once() {
    let (mut names, client) = served();
    client.send(&question("example.org", 1)).unwrap();
    client.send(&question("example.org", 28)).unwrap();
    client.send(&question("example.net", 1)).unwrap();
    assert_eq!(names.answer().len(), 2);
}

#[test]
fn the_line_that_asks_is_that_of_the_socket_it_asks_with() {
    use std::os::unix::fs::MetadataExt;
    let (mut names, client) = served();
    let number = |socket: &UdpSocket| {
        use std::os::fd::AsRawFd;
        fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd()))
            .unwrap()
            .ino()
    };
    let place = |line| Place {
        line: Some(line),
        column: None,
        certainty: belljar_locate::Certainty::Exact,
    };
    let me = std::process::id() as i32;
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    names.expect(number(&client), place(3), "one".into(), me);
    names.expect(number(&other), place(7), "two".into(), me);
    client.send(&question("example.org", 1)).unwrap();
    let found = names.answer();
    assert_eq!(found[0].1.place.line, Some(3));
    assert_eq!(found[0].1.program, "one");
}

#[test]
fn a_message_that_is_no_question_is_not_answered() {
    for message in [
        &b""[..],
        b"\0",
        &[0; 12],
        &[0xff; 600],
        &question("a", 1)[..15],
        // A name that points back at itself.
        &[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1],
    ] {
        assert!(question_in(message).is_none(), "{message:?}");
    }
    let mut long = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for _ in 0..100 {
        long.extend_from_slice(&[3, b'a', b'a', b'a']);
    }
    assert!(question_in(&long).is_none());
}

#[test]
fn questions_about_the_own_machine_are_quiet() {
    let (mut names, client) = served();
    client
        .send(&question("1.0.0.127.in-addr.arpa", 12))
        .unwrap();
    client.send(&question("localhost", 1)).unwrap();
    assert!(names.answer().is_empty());
}

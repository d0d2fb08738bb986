//! Messages of a preload, true and false ones.

use proptest::prelude::*;

use super::*;

const DOCUMENT: &str = "/home/u/my doc.js";

fn told(messages: &[&str]) -> Told {
    let mut told = Told::default();
    for message in messages {
        told.take(7, Path::new(DOCUMENT), message.as_bytes());
    }
    told
}

fn line(told: &Told, operation: Operation, target: &str) -> Option<(u32, Certainty)> {
    let place = told.place(7, operation, target.as_bytes())?;
    Some((place.line?, place.certainty))
}

#[test]
fn a_print_is_said_anew_each_time() {
    let mut told = told(&[
        "/.belljar/v1/print/3/5/exact/%2Fhome%2Fu%2Fmy%20doc.js/1",
        "/.belljar/v1/print/4/5/exact/%2Fhome%2Fu%2Fmy%20doc.js/2",
        "/.belljar/v1/print/5/5/exact/%2Fhome%2Fu%2Fmy%20doc.js/1",
    ]);
    let mut line = |stream: &[u8]| told.take_print(7, stream)?.line;
    assert_eq!(line(b"1"), Some(5));
    assert_eq!(line(b"1"), None);
    assert_eq!(line(b"2"), Some(4));
}

#[test]
fn a_refusal_is_joined_to_the_newest_message_about_its_target() {
    use Certainty::{Caller, Exact};
    let told = told(&[
        "/.belljar/v1/connect/3/5/exact/%2Fhome%2Fu%2Fmy%20doc.js/192.0.2.1:443",
        "/.belljar/v1/connect/4/5/exact/%2Fhome%2Fu%2Fmy%20doc.js/[2001:DB8::0:1]:80",
        "/.belljar/v1/connect/9/5/caller/%2Fhome%2Fu%2Fmy%20doc.js/192.0.2.1:443",
        "/.belljar/v1/resolve/5/1/exact/%2Fhome%2Fu%2Fmy%20doc.js/Example.org",
        "/.belljar/v1/spawn/6/1/exact/%2Fhome%2Fu%2Fmy%20doc.js/curl",
        "/.belljar/v1/file/7/1/exact/%2Fhome%2Fu%2Fmy%20doc.js//opt/tree/../leaf",
        "/.belljar/v1/file/8/1/exact/%2Fhome%2Fu%2Fmy%20doc.js//opt/x-",
    ]);
    assert_eq!(
        line(&told, Operation::Connect, "192.0.2.1:443"),
        Some((9, Caller))
    );
    assert_eq!(
        line(&told, Operation::Connect, "[2001:db8::1]:80"),
        Some((4, Exact))
    );
    assert_eq!(line(&told, Operation::Connect, "192.0.2.2:443"), None);
    assert_eq!(
        line(&told, Operation::Resolve, "example.org."),
        Some((5, Exact))
    );
    assert_eq!(
        line(&told, Operation::Spawn, "/usr/bin/curl"),
        Some((6, Exact))
    );
    assert_eq!(line(&told, Operation::File, "/opt/leaf"), Some((7, Exact)));
    assert_eq!(
        line(&told, Operation::File, "/opt/leaf/below"),
        Some((7, Caller))
    );
    assert_eq!(
        line(&told, Operation::File, "/opt/x-Ab3dEf"),
        Some((8, Caller))
    );
    assert_eq!(line(&told, Operation::File, "/etc/hosts"), None);
    assert_eq!(told.last_start(7).and_then(|place| place.line), Some(6));
    assert_eq!(told.last_start(8), None);
}

#[test]
fn what_is_not_about_the_document_or_not_a_message_is_left() {
    let told = told(&[
        "/.belljar/v1/signal/3/5/exact/%2Fother.js/1",
        "/.belljar/v1/signal/0/5/exact/%2Fhome%2Fu%2Fmy%20doc.js/1",
        "/.belljar/v1/signal/-1/5/exact/%2Fhome%2Fu%2Fmy%20doc.js/1",
        "/.belljar/v1/signal/99999999999/5/exact/%2Fhome%2Fu%2Fmy%20doc.js/1",
        "/.belljar/v1/signal/3/5/certain/%2Fhome%2Fu%2Fmy%20doc.js/1",
        "/.belljar/v1/dance/3/5/exact/%2Fhome%2Fu%2Fmy%20doc.js/1",
        "/.belljar/v1/signal/3/5/exact/%2Fhome%2Fu%2Fmy%20doc.js%2/1",
        "/.belljar/v1/signal/3/5/exact/%2Fhome%2Fu%2Fmy%20doc.js",
        "/.belljar/v1/",
        "/etc/passwd",
    ]);
    assert_eq!(line(&told, Operation::Signal, "1"), None);
    assert!(told.processes.is_empty());
}

#[test]
fn a_flood_of_messages_is_forgotten() {
    let mut told = Told::default();
    for pid in 1_000_000_000..1_000_000_500 {
        for number in 0..200 {
            let text = format!("/.belljar/v1/signal/1/1/exact/%2Fhome%2Fu%2Fmy%20doc.js/{number}");
            told.take(pid, Path::new(DOCUMENT), text.as_bytes());
        }
    }
    assert!(told.processes.len() <= MOST_PROCESSES);
    assert!(
        told.processes
            .values()
            .all(|messages| messages.len() <= MOST_MESSAGES)
    );
}

proptest! {
    #[test]
    fn no_message_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..300), target: Vec<u8>) {
        let mut told = Told::default();
        let mut path = PREFIX.to_vec();
        path.extend_from_slice(&bytes);
        told.take(1, Path::new(DOCUMENT), &path);
        let mut path = b"/.belljar/v1/file/1/1/exact/%2Fhome%2Fu%2Fmy%20doc.js/".to_vec();
        path.extend_from_slice(&bytes);
        told.take(1, Path::new(DOCUMENT), &path);
        for operation in [Operation::Connect, Operation::Resolve, Operation::Spawn, Operation::File] {
            told.place(1, operation, &target);
        }
    }
}

#[test]
fn of_a_process_that_has_ended_only_what_all_told_alike_is_believed() {
    let message = |line: u32, name: &str| {
        format!("/.belljar/v1/resolve/{line}/1/exact/%2Fhome%2Fu%2Fmy%20doc.js/{name}")
    };
    let mut told = Told::default();
    for (pid, line, name) in [
        (7, 3, "one.example"),
        (7, 5, "two.example"),
        (8, 6, "two.example"),
    ] {
        told.take(pid, Path::new(DOCUMENT), message(line, name).as_bytes());
    }
    let line = |name: &str| told.place_of_any(Operation::Resolve, name.as_bytes())?.line;
    assert_eq!(line("one.example"), Some(3));
    assert_eq!(line("two.example"), None, "two places");
    assert_eq!(line("three.example"), None);
}

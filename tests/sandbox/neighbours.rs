//! Runs at the same time do not see each other, and each has all names for itself.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::person::{Person, for_everybody, output_of};

const NEIGHBOUR: &str = include_str!("payloads/neighbour.py");

/// A program that has left its marks, and waits to be let look.
struct Neighbour {
    belljar: Child,
    reader: BufReader<ChildStdout>,
}

impl Neighbour {
    /// Starts one that knows all `marks` and leaves `own` ones.
    fn start(person: &Person, marks: &[String], own: &[String]) -> Neighbour {
        let (marks, own) = (marks.join(","), own.join(","));
        let words = [
            "exec", "--stdin", "-", "--limit", "wall=60s", "--", "python3", "-c", NEIGHBOUR,
            &marks, &own,
        ];
        let mut command = person.belljar(&words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut belljar = command.spawn().expect("belljar");
        let reader = BufReader::new(belljar.stdout.take().expect("its output"));
        Neighbour { belljar, reader }
    }

    fn is_ready(&mut self) {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
    }

    /// Lets it look, and tells what it saw.
    fn look(mut self) -> Value {
        drop(self.belljar.stdin.take());
        let mut text = String::new();
        self.reader.read_to_string(&mut text).expect("its output");
        let output = output_of(self.belljar);
        assert!(output.status.success(), "{text} {output:?}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"))
    }
}

fn what_is_seen_of(marks: &[String], processes: usize, blocks: usize) -> Value {
    json!({
        "processes": processes, "abstract": marks, "shared memory": blocks,
        "/tmp": marks, "/dev/shm": marks, "/home/sandbox": marks, ".": marks,
    })
}

fn runs_see_only_themselves(person: &Person, how_many: usize) {
    let marks: Vec<String> = (0..how_many)
        .map(|number| format!("mark{number}"))
        .collect();
    let own = |mark: &String| Neighbour::start(person, &marks, std::slice::from_ref(mark));
    let mut neighbours: Vec<Neighbour> = marks.iter().map(own).collect();
    neighbours.iter_mut().for_each(Neighbour::is_ready);
    for (neighbour, mark) in neighbours.into_iter().zip(&marks) {
        let seen = neighbour.look();
        assert_eq!(
            seen,
            what_is_seen_of(std::slice::from_ref(mark), 1, 1),
            "{mark}"
        );
    }
    let left = std::fs::read_dir(person.user.work())
        .expect("the folder")
        .count();
    assert_eq!(left, 0, "in the project that all of them wrote to");
}

#[test]
fn two_runs_see_only_themselves() {
    for_everybody(|person| runs_see_only_themselves(person, 2));
}

#[test]
fn eight_runs_see_only_themselves() {
    for_everybody(|person| runs_see_only_themselves(person, 8));
}

#[test]
fn two_programs_of_one_run_do_see_each_other() {
    // What the tests above rest on: whoever is in the same cell is seen.
    for_everybody(|person| {
        let marks = ["one".to_owned(), "other".to_owned()];
        let mut both = Neighbour::start(person, &marks, &marks);
        both.is_ready();
        assert_eq!(both.look(), what_is_seen_of(&marks, 2, 1));
    });
}

#[test]
fn a_run_finds_nothing_of_the_one_before() {
    for_everybody(|person| {
        let marks = ["earlier".to_owned(), "later".to_owned()];
        for own in &marks {
            let mut run = Neighbour::start(person, &marks, std::slice::from_ref(own));
            run.is_ready();
            assert_eq!(run.look(), what_is_seen_of(std::slice::from_ref(own), 1, 1));
        }
    });
}

//! Tests of whose place a started program takes: children, orphans, groups.

use super::*;
use crate::locator::Locator;
use crate::standing::{Standing, is_there};

const HERE: Place = Place {
    line: Some(3),
    column: None,
    certainty: Certainty::Exact,
};

fn us() -> i32 {
    i32::try_from(std::process::id()).expect("a process id")
}

#[test]
fn what_a_started_program_does_is_at_best_the_line_that_started_it() {
    let mut family = Family::default();
    assert_eq!(family.origin(us()), None);
    family.started(us(), HERE);
    let place = family.origin(us()).expect("it was started");
    assert_eq!((place.line, place.certainty), (Some(3), Certainty::Caller));
}

#[test]
fn a_number_that_was_given_again_is_another_process() {
    let mut family = Family::default();
    family.started(us(), HERE);
    family.started.get_mut(&us()).expect("it was started").birth += 1;
    family
        .started
        .get_mut(&us())
        .expect("it was started")
        .session += 1;
    assert_eq!(family.origin(us()), None);
}

#[test]
fn a_process_that_lost_its_parent_belongs_to_the_leader_of_its_session() {
    let mut family = Family::default();
    let leader = session_of(us()).expect("we have one");
    let start = Start {
        place: HERE,
        birth: 0,
        session: leader,
    };
    family.started.insert(leader, start);
    assert_eq!(family.origin(us()).and_then(|place| place.line), Some(3));
}

#[test]
fn children_of_children_are_on_the_line_of_the_document() {
    if !is_there("bash") {
        return;
    }
    let text = "true\n\
                sh -c 'true; sh -c \"true; cat PIPE\"' < PIPE\n\
                true\n";
    let mut program = Standing::start("bash", &[("main.sh", text)]);
    let mut locator = Locator::new(Some(&program.file("main.sh")));
    // The shell's child opens its input and then executes: here it stands where it would be noticed.
    let child = program.stop();
    let place = locator.executes(child);
    assert_eq!(place.line, Some(2));
    program.go_on();
    let grandchild = program.stop();
    assert_ne!(child, grandchild);
    let place = locator.place(grandchild);
    assert_eq!((place.line, place.certainty), (Some(2), Certainty::Caller));
}

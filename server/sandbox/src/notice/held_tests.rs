//! Tests of what is held of a question until it is known to be one.

use belljar_report::{Confidence, Layer};

use super::*;

fn found(kind: Kind, path: &str, is_question: bool) -> Found {
    Found {
        violation: Violation {
            kind,
            target: path.to_owned(),
            access: "look at".to_owned(),
            errno: None,
            file: None,
            line: Some(1),
            column: None,
            confidence: Confidence::Caller,
            count: 1,
            program: "cp".to_owned(),
            rule: None,
            layer: Layer::Mount,
            allow: None,
        },
        path: Some(PathBuf::from(path)),
        is_question,
    }
}

fn told_of(steps: Vec<(i32, Found)>) -> Vec<Kind> {
    let mut held = Held::default();
    let mut told = Vec::new();
    for (thread, found) in steps {
        held.add(thread, found, &mut told);
    }
    told.extend(held.overdue(true));
    told.into_iter().map(|violation| violation.kind).collect()
}

#[test]
fn a_question_before_a_change_is_not_told_besides_it() {
    use Kind::{FilesRead, FilesWrite};
    let steps = vec![
        (1, found(FilesRead, "/opt", true)),
        (1, found(FilesRead, "/opt/x", true)),
        (1, found(FilesWrite, "/opt/x", false)),
    ];
    assert_eq!(told_of(steps), [FilesWrite]);
}

#[test]
fn a_question_before_the_same_is_read_is_not_told_besides_it() {
    use Kind::FilesRead;
    let told = told_of(vec![
        (1, found(FilesRead, "/opt/x", true)),
        (1, found(FilesRead, "/opt", true)),
        (1, found(FilesRead, "/opt/x", false)),
    ]);
    assert_eq!(told.len(), 2);
}

#[test]
fn a_question_that_nothing_follows_is_told() {
    use Kind::{FilesRead, FilesWrite};
    let steps = vec![
        (1, found(FilesRead, "/opt/x", true)),
        (2, found(FilesWrite, "/opt/x", false)),
        (1, found(FilesWrite, "/srv", false)),
    ];
    assert_eq!(told_of(steps), [FilesWrite, FilesWrite, FilesRead]);
}

#[test]
fn what_is_held_back_has_a_bound() {
    let mut held = Held::default();
    let mut told = Vec::new();
    for number in 0..1000 {
        held.add(
            1,
            found(Kind::FilesRead, &format!("/x/{number}"), true),
            &mut told,
        );
    }
    assert_eq!(told.len(), 1000 - MOST);
    assert_eq!(held.overdue(true).len(), MOST);
}

//! When it is worth a look who fills scratch space.

use super::*;

const MIB: u64 = 1 << 20;

const LARGEST: u64 = 64 * MIB;

fn violation(line: u32) -> Violation {
    Violation {
        kind: belljar_report::Kind::LimitDisk,
        target: String::new(),
        access: String::new(),
        errno: None,
        file: None,
        line: Some(line),
        column: None,
        confidence: belljar_report::Confidence::Exact,
        count: 1,
        program: String::new(),
        rule: None,
        layer: belljar_report::Layer::Mount,
        allow: None,
    }
}

/// The line that would be told when this limit is reached.
fn line(filling: &Filling, limit: &str) -> Option<u32> {
    let mut told = Violation {
        line: None,
        ..violation(0)
    };
    filling.put_on_line(limit, &mut told);
    told.line
}

fn file_of(size: u64) -> File {
    let file = tempfile::tempfile().expect("a file");
    file.set_len(size).expect("its size");
    file
}

#[test]
fn a_look_is_taken_in_each_quarter_of_one_file_and_again_of_all() {
    let mut filling = Filling::default();
    let mut looks = |used: u64| filling.is_nearly_full(used * MIB, 256 * MIB, LARGEST);
    assert!(!looks(0) && !looks(15));
    assert!(looks(16) && !looks(31) && looks(32) && !looks(47));
    assert!(looks(48), "a single file of 64 MiB is nearly too large");
    assert!(!looks(63) && looks(64), "a quarter of all");
    assert!(!looks(64) && !looks(127), "once is enough");
    assert!(looks(192), "three quarters of all");
    assert!(!looks(256) && !looks(16) && !looks(256));
}

#[test]
fn where_files_may_be_larger_than_all_there_is_only_that_counts() {
    let mut filling = Filling::default();
    let mut looks = |used: u64| filling.is_nearly_full(used * MIB, 64 * MIB, 1024 * MIB);
    assert!(!looks(15) && looks(47) && looks(48) && !looks(64));
}

#[test]
fn what_a_compiler_left_is_no_part_of_the_programs_file() {
    let mut filling = Filling::default();
    assert!(filling.is_nearly_full(60 * MIB, 256 * MIB, LARGEST));
    filling.begins();
    filling.starts_again(80 * MIB, 256 * MIB, LARGEST);
    assert!(filling.patience().is_some(), "it may write already");
    let mut looks = |used: u64| filling.is_nearly_full(used * MIB, 256 * MIB, LARGEST);
    assert!(!looks(80) && !looks(95) && looks(96));
}

#[test]
fn a_look_that_comes_when_the_file_is_closed_does_not_say_who_filled_it() {
    for is_open in [true, false] {
        let mut filling = Filling::default();
        assert!(filling.is_nearly_full(20 * MIB, 256 * MIB, LARGEST));
        filling.note(violation(19), vec![file_of(20 * MIB)], 21 * MIB, LARGEST);
        // Before it stood still it went on.
        assert!(filling.is_nearly_full(50 * MIB, 256 * MIB, LARGEST));
        let open = is_open.then(|| file_of(LARGEST));
        filling.note(violation(14), open.into_iter().collect(), 65 * MIB, LARGEST);
        let of_file = if is_open { 14 } else { 19 };
        assert_eq!(line(&filling, "file_size"), Some(of_file));
        assert_eq!(line(&filling, "scratch"), Some(14));
    }
}

#[test]
fn a_look_that_comes_when_the_file_was_cut_off_does_not_take_the_line_of_the_one_before() {
    let mut filling = Filling::default();
    let file = file_of(20 * MIB);
    let again = file.try_clone().expect("a handle");
    filling.note(violation(25), vec![again], 20 * MIB, LARGEST);
    file.set_len(cut_off_at(LARGEST)).expect("its size");
    filling.note(violation(26), vec![file], 65 * MIB, LARGEST);
    assert_eq!(line(&filling, "file_size"), Some(25));
    assert!(filling.has_cut_off_file(LARGEST));
}

#[test]
fn what_was_removed_is_let_go_of_and_was_looked_at_before() {
    let directory = tempfile::tempdir().expect("a directory");
    for (size, is_cut_off) in [(LARGEST, false), (cut_off_at(LARGEST), true)] {
        let path = directory.path().join("file");
        let file = File::create(&path).expect("a file");
        file.set_len(20 * MIB).expect("its size");
        let mut filling = Filling::default();
        filling.note(violation(19), vec![file], 20 * MIB, LARGEST);
        filling.is_nearly_full(20 * MIB, 256 * MIB, LARGEST);
        assert_eq!(filling.files.len(), 1, "it is still there");
        let other = OpenOptions::new().write(true).open(&path);
        other.expect("a file").set_len(size).expect("its size");
        fs::remove_file(&path).expect("removed");
        filling.is_nearly_full(0, 256 * MIB, LARGEST);
        assert!(filling.files.is_empty());
        assert_eq!(filling.has_cut_off_file(LARGEST), is_cut_off);
    }
}

#[test]
fn a_file_that_was_cut_off_is_known_and_one_that_just_fits_is_not() {
    let file = tempfile::tempfile().expect("a file");
    let ours = i32::try_from(std::process::id()).expect("a number");
    let mut filling = Filling::default();
    file.set_len(MIB).expect("its size");
    filling.note(violation(1), open_files(&[ours]), MIB, MIB);
    assert!(!filling.files.is_empty());
    assert!(!filling.has_cut_off_file(MIB));
    file.set_len(cut_off_at(MIB)).expect("its size");
    assert!(filling.has_cut_off_file(MIB));
    assert!(!Filling::default().has_cut_off_file(MIB));
}

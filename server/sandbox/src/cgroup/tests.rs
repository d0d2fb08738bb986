//! Tests of what needs no hierarchy. The rest is tried on a machine that has one (tests/machine).

use super::*;

fn file(text: &str) -> File {
    let mut file = tempfile::tempfile().unwrap();
    io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    file
}

#[test]
fn a_number_is_read_by_its_whole_name() {
    let events = file("low 0\nhigh 2\nmax 7\noom 3\noom_kill 1\noom_group_kill 0\n");
    assert_eq!(value_of(&events, "oom"), 3);
    assert_eq!(value_of(&events, "oom_kill"), 1);
    assert_eq!(value_of(&events, "max"), 7);
    assert_eq!(value_of(&events, "peak"), 0);
}

#[test]
fn a_group_names_its_owner_and_nothing_else_is_taken_for_one() {
    let name = new_name().unwrap();
    let ours = Pid::from_raw(std::process::id().cast_signed());
    assert_eq!(owner_of(&name), Some(ours));
    for other in [
        "belljar-supervisor",
        "belljar-12",
        "belljar-12-",
        "belljar-12-0123456",
        "belljar-0-01234567",
        "belljar--1-01234567",
        "user.slice",
    ] {
        assert_eq!(owner_of(other), None, "{other}");
    }
    assert_ne!(name, new_name().unwrap());
}

#[test]
fn what_a_dead_owner_left_is_removed_and_nothing_else() {
    let parent = tempfile::tempdir().unwrap();
    // The highest process id is below this.
    let dead = parent.path().join("belljar-2147483647-00000000");
    let alive = parent.path().join(new_name().unwrap());
    let foreign = parent.path().join("session.scope");
    let full = parent.path().join("belljar-2147483647-00000001");
    for folder in [&dead, &alive, &foreign, &full.join("process")] {
        fs::create_dir_all(folder).unwrap();
    }
    sweep(parent.path());
    assert!(!dead.exists());
    assert!(alive.exists() && foreign.exists() && full.exists());
}

#[test]
fn a_folder_that_is_no_group_is_not_taken_for_one() {
    let parent = tempfile::tempdir().unwrap();
    let limits = Limits {
        wall: Duration::from_secs(1),
        cpu: Duration::from_secs(1),
        memory: 64 << 20,
        processes: 8,
        open_files: 8,
        file_size: 1,
        output: 1,
        scratch: 1,
    };
    assert!(Group::make_in(parent.path(), &limits).is_err());
}

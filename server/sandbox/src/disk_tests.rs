//! When it is worth a look who fills scratch space.

use super::*;

const MIB: u64 = 1 << 20;

#[test]
fn a_look_is_taken_before_one_file_is_too_large_and_again_before_all_is_full() {
    let mut filling = Filling::default();
    let mut looks = |used: u64| filling.is_nearly_full(used * MIB, 256 * MIB, 64 * MIB);
    assert!(!looks(0) && !looks(47));
    assert!(looks(48), "a single file of 64 MiB is nearly too large");
    assert!(!looks(64) && !looks(191), "once is enough");
    assert!(looks(192), "three quarters of all");
    assert!(!looks(256));
}

#[test]
fn where_files_may_be_larger_than_all_there_is_one_look() {
    let mut filling = Filling::default();
    let mut looks = |used: u64| filling.is_nearly_full(used * MIB, 64 * MIB, 1024 * MIB);
    assert!(!looks(47) && looks(48) && !looks(64));
}

#[test]
fn a_file_that_was_cut_off_is_known_and_one_that_just_fits_is_not() {
    let file = tempfile::tempfile().expect("a file");
    let ours = i32::try_from(std::process::id()).expect("a number");
    let mut filling = Filling {
        files: open_files(&[ours]),
        ..Filling::default()
    };
    assert!(!filling.files.is_empty());
    file.set_len(MIB).expect("its size");
    assert!(!filling.has_cut_off_file(MIB));
    file.set_len(cut_off_at(MIB)).expect("its size");
    assert!(filling.has_cut_off_file(MIB));
    filling.files.clear();
    assert!(!filling.has_cut_off_file(MIB));
}

//! Tests of looking for a name outside the cell.

use super::*;

fn home_with(names: &[&str]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for name in names {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    home
}

#[test]
fn what_is_there_is_found_through_links_and_what_is_not_is_not() {
    let home = home_with(&["a/b"]);
    let path = |name: &str| home.path().join(name);
    std::os::unix::fs::symlink("a", path("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", path("dangling")).unwrap();
    std::os::unix::fs::symlink("loop", path("loop")).unwrap();
    let mut outside = Outside::new(Some(home.path()), None);
    let mut find = |name: &str, follow| outside.find(&path(name), follow);
    assert_eq!(find("a", true), OnHost::Directory);
    assert_eq!(find("link/b", true), OnHost::File);
    assert_eq!(find("link/../a/b", true), OnHost::File);
    assert_eq!(find("a/b/c", true), OnHost::Nothing);
    assert_eq!(find("none", true), OnHost::Nothing);
    assert_eq!(find("dangling", true), OnHost::Nothing);
    assert_eq!(find("dangling", false), OnHost::File);
    assert_eq!(find("loop", true), OnHost::Nothing);
    assert_eq!(find(&"x/".repeat(2000), true), OnHost::Nothing);
}

#[test]
fn who_can_no_longer_look_into_a_home_goes_by_the_names_taken_before() {
    let home = home_with(&[".ssh/id_rsa", "a/b/c/d"]);
    let names = names_of(home.path());
    let path = home.path().to_path_buf();
    drop(home);
    let mut outside = Outside::new(Some(&path), Some(names));
    let mut find = |name: &str| outside.find(&path.join(name), true);
    assert_eq!(find(".ssh/id_rsa"), OnHost::File);
    assert_eq!(find(".ssh/other"), OnHost::Nothing);
    assert_eq!(find("a/b/c/d"), OnHost::File);
    assert_eq!(find("none"), OnHost::Nothing);
}

#[test]
fn far_file_systems_are_known_by_their_lines() {
    let line = |kind: &str| {
        format!("36 35 98:0 / /mnt/my\\040disk rw,noatime master:1 - {kind} server:/x rw")
    };
    let place = Some(PathBuf::from("/mnt/my disk"));
    assert_eq!(far_place(line("nfs4").as_bytes()), place);
    assert_eq!(far_place(line("autofs").as_bytes()), place);
    assert_eq!(far_place(line("fuse.sshfs").as_bytes()), place);
    assert_eq!(far_place(line("ext4").as_bytes()), None);
    assert_eq!(far_place(b"nonsense"), None);
    let root = b"1 0 98:0 / / rw - nfs server:/ rw";
    assert_eq!(far_place(root), None, "without the root nothing works");
}

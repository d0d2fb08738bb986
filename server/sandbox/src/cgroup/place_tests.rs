//! Tests of finding a place for groups, with plain folders in the place of a hierarchy.

use super::*;

const MOUNTS: &str = "24 30 0:22 / /sys rw - sysfs sysfs rw\n\
                      29 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

#[test]
fn our_group_is_found_in_the_mount_of_cgroup_v2() {
    let (mount, own) = own_directory("3:pids:/x\n0::/user.slice/a.scope\n", MOUNTS).unwrap();
    assert_eq!(mount, Path::new("/sys/fs/cgroup"));
    assert_eq!(own, Path::new("/sys/fs/cgroup/user.slice/a.scope"));
}

#[test]
fn a_mount_of_a_part_shows_only_what_is_in_that_part() {
    let mounts = r"9 8 0:2 /part /my\040groups rw - cgroup2 x rw";
    let found = |own: &str| own_directory(&format!("0::{own}"), mounts);
    assert_eq!(
        found("/part/a").map(|(_, own)| own),
        Some(PathBuf::from("/my groups/a"))
    );
    assert_eq!(found("/partial/a"), None);
    assert_eq!(found("/other"), None);
}

#[test]
fn a_group_outside_our_namespace_is_not_ours() {
    assert_eq!(own_directory("0::/../a", MOUNTS), None);
}

#[test]
fn without_cgroup_v2_there_is_nothing() {
    assert_eq!(own_directory("8:pids:/\n", MOUNTS), None);
    assert_eq!(
        own_directory("0::/", "24 30 0:22 / /sys rw - sysfs sysfs rw"),
        None
    );
}

/// A folder that looks like a hierarchy.
fn hierarchy() -> tempfile::TempDir {
    let mount = tempfile::tempdir().unwrap();
    group(mount.path(), "cpu memory pids", "memory pids");
    mount
}

/// A folder that looks like a group.
fn group(path: &Path, controllers: &str, subtree: &str) {
    fs::create_dir_all(path).unwrap();
    for (name, text) in [
        ("cgroup.procs", ""),
        ("cgroup.controllers", controllers),
        ("cgroup.subtree_control", subtree),
    ] {
        fs::write(path.join(name), text).unwrap();
    }
}

#[test]
fn a_group_goes_beside_ours_where_the_parent_counts_for_its_children() {
    let mount = hierarchy();
    let parent = mount.path().join("mine");
    let own = parent.join("shell");
    group(&parent, "cpu memory pids", "memory pids");
    group(&own, "memory pids", "");
    assert_eq!(
        choose(mount.path(), &own),
        Ok(Place::Beside(parent.clone()))
    );
    group(&parent, "cpu memory pids", "pids");
    assert_eq!(choose(mount.path(), &own), Err(Lack::NotOurs(own)));
}

#[test]
fn nothing_is_put_into_a_slice_of_systemd() {
    let mount = hierarchy();
    let parent = mount.path().join("app.slice");
    let own = parent.join("terminal.scope");
    group(&parent, "memory pids", "memory pids");
    group(&own, "memory pids", "");
    let shell = nix::unistd::getppid();
    fs::write(own.join("cgroup.procs"), format!("{shell}\n")).unwrap();
    assert_eq!(choose(mount.path(), &own), Err(Lack::Shared(own)));
}

#[test]
fn what_we_divided_once_is_used_again() {
    let mount = hierarchy();
    let parent = mount.path().join("run-1.scope");
    let own = parent.join(SUPERVISOR);
    group(&parent, "memory pids", "memory pids");
    group(&own, "memory pids", "");
    assert_eq!(choose(mount.path(), &own), Ok(Place::Beside(parent)));
}

#[test]
fn the_root_of_the_hierarchy_has_nothing_beside_it() {
    let mount = hierarchy();
    assert_eq!(
        choose(mount.path(), mount.path()),
        Err(Lack::NotOurs(mount.path().to_owned()))
    );
}

#[test]
fn this_process_is_belljar_and_its_parent_is_not() {
    assert!(is_belljar(std::process::id().cast_signed()));
    assert!(!is_belljar(nix::unistd::getppid().as_raw()));
    assert!(!is_belljar(0));
}

#[test]
fn a_hierarchy_whose_controllers_are_with_version_1_is_none() {
    let mount = hierarchy();
    group(mount.path(), "", "");
    assert_eq!(choose(mount.path(), mount.path()), Err(Lack::NoHierarchy));
}

#[test]
fn a_scope_in_which_we_are_alone_is_divided() {
    let mount = hierarchy();
    let own = mount.path().join("app.slice/run-1.scope");
    group(&own, "memory pids", "");
    fs::write(
        own.join("cgroup.procs"),
        format!("{}\n", std::process::id()),
    )
    .unwrap();
    assert_eq!(choose(mount.path(), &own), Ok(Place::Within(own.clone())));
    let other = nix::unistd::getppid();
    fs::write(own.join("cgroup.procs"), format!("{other}\n")).unwrap();
    assert_eq!(choose(mount.path(), &own), Err(Lack::Shared(own)));
}

#[test]
fn a_scope_that_counts_nothing_is_of_no_use() {
    let mount = hierarchy();
    let own = mount.path().join("app.slice/run-1.scope");
    group(&own, "cpu", "");
    assert_eq!(choose(mount.path(), &own), Err(Lack::NoControllers(own)));
}

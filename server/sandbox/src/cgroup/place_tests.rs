//! Tests of finding a place for groups, with plain folders in the place of a hierarchy.

use super::*;

#[test]
fn our_group_is_the_one_that_we_are_in() {
    let mount = hierarchy();
    let own = mount.path().join("user.slice/a.scope");
    group(&own, "memory pids", "");
    let found = |text: &str| own_directory(mount.path(), text);
    let named = "3:pids:/x\n0::/user.slice/a.scope\n";
    assert_eq!(found(named), None, "somebody else's of the same name");
    fs::write(
        own.join("cgroup.procs"),
        format!("{}\n", std::process::id()),
    )
    .unwrap();
    assert_eq!(found(named), Some(own));
}

#[test]
fn a_group_outside_our_namespace_is_not_ours() {
    let mount = hierarchy();
    let own = mount.path().join("a");
    group(&own, "memory pids", "");
    fs::write(
        own.join("cgroup.procs"),
        format!("{}\n", std::process::id()),
    )
    .unwrap();
    assert_eq!(own_directory(mount.path(), "0::/../a\n"), None);
    assert_eq!(own_directory(&mount.path().join("a"), "0::/../a\n"), None);
}

#[test]
fn without_cgroup_v2_there_is_nothing() {
    let mount = hierarchy();
    assert_eq!(own_directory(mount.path(), "8:pids:/\n"), None);
    assert_eq!(own_directory(mount.path(), "0::/\n"), None);
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

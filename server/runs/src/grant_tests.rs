//! What is written is what was shown, and nothing else is touched.

use super::*;

fn proposal(path: &Path, before: Option<&str>, scope: Scope, trust: Trust) -> Proposal {
    Proposal {
        path: path.to_owned(),
        before: before.map(|text| text.as_bytes().to_vec()),
        after: "files.read = [\"/srv\"]\n".into(),
        rule: "files.read = [\"/srv\"]".into(),
        scope,
        trust,
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_file_of_the_users_is_the_users_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config/belljar/policy.toml");
    let new = proposal(&path, None, Scope::User, Trust::NotNeeded);
    assert_eq!(write(&new), Ok(Written::InForce));
    assert_eq!(fs::read_to_string(&path).unwrap(), new.after);
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let again = write(&new).expect_err("it is there now");
    assert!(again.reason.contains("has changed since"), "{again:?}");
    let names = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(names, 1, "nothing is left beside it");
}

#[test]
fn a_file_that_was_changed_meanwhile_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    fs::write(&path, "# theirs\n").unwrap();
    let stale = proposal(&path, Some("# mine\n"), Scope::User, Trust::NotNeeded);
    assert!(write(&stale).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "# theirs\n");
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let fresh = proposal(&path, Some("# theirs\n"), Scope::User, Trust::NotNeeded);
    assert_eq!(write(&fresh), Ok(Written::InForce));
    assert_eq!(mode(&path), 0o640);
}

#[test]
fn a_link_to_the_users_file_stays_and_one_in_a_project_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::write(&real, "# mine\n").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let mine = proposal(&link, Some("# mine\n"), Scope::User, Trust::NotNeeded);
    assert_eq!(write(&mine), Ok(Written::InForce));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), mine.after);

    fs::write(&real, "# mine\n").unwrap();
    let theirs = proposal(&link, Some("# mine\n"), Scope::Project, Trust::Needed);
    assert_eq!(write(&theirs), Ok(Written::Inert));
    assert_eq!(fs::read_to_string(&real).unwrap(), "# mine\n");
    assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn trust_goes_on_only_with_a_record_for_what_was_agreed_to() {
    let folder = tempfile::tempdir().unwrap();
    let record = TrustRecord {
        path: folder.path().join("state/trust/abc"),
        content: "/srv/x/.belljar.toml".into(),
    };
    let path = folder.path().join(".belljar.toml");
    let carried = proposal(&path, None, Scope::Project, Trust::Carried(record.clone()));
    assert_eq!(write(&carried), Ok(Written::InForce));
    assert_eq!(mode(&path), 0o644);
    assert_eq!(
        fs::read_to_string(&record.path).unwrap(),
        "/srv/x/.belljar.toml\n"
    );
    fs::remove_file(&record.path).unwrap();
    let theirs = Proposal {
        before: Some(carried.after.clone().into_bytes()),
        trust: Trust::Needed,
        ..carried
    };
    assert_eq!(write(&theirs), Ok(Written::Inert));
    assert!(!record.path.exists());
}

#[test]
fn a_pipe_in_the_place_of_the_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".belljar.toml");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let new = proposal(&path, None, Scope::Project, Trust::Needed);
    assert!(write(&new).is_err());
}

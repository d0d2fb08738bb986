//! What is kept on disk, without a cell.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::entry::{Large, state};
use super::*;

fn entry(program: &[u8]) -> Entry {
    Entry {
        inputs: vec![(
            "/usr/include/stdio.h".to_owned(),
            ((1, [2, 3], [4, 5]), [6, 7]),
        )],
        printed: vec![(1, b"a warning\n\xff".to_vec())],
        program: program.to_vec(),
    }
}

fn key(sign: char) -> String {
    sign.to_string().repeat(64)
}

fn shelf() -> (tempfile::TempDir, Shelf) {
    let folder = tempfile::tempdir().expect("a folder");
    let shelf = Shelf::open(&folder.path().join("a/b")).expect("a shelf");
    (folder, shelf)
}

#[test]
fn what_is_kept_is_found_again() {
    let (folder, shelf) = shelf();
    assert_eq!(shelf.take(&key('a')), None);
    let place = shelf.reserve(&key('a')).expect("a place");
    assert_eq!(shelf.take(&key('a')), None, "nothing is there yet");
    place.fill(&entry(b"program")).expect("filled");
    assert_eq!(shelf.take(&key('a')), Some(entry(b"program")));
    assert_eq!(shelf.take(&key('b')), None);
    let stock = stock(&folder.path().join("a/b"));
    assert_eq!(stock.programs, 1);
    assert!(stock.bytes > 7);
}

#[test]
fn a_place_that_is_not_filled_leaves_nothing() {
    let (folder, shelf) = shelf();
    drop(shelf.reserve(&key('a')));
    assert_eq!(stock(&folder.path().join("a/b")), Stock::default());
}

#[test]
fn a_file_that_is_not_whole_is_none() {
    let (folder, shelf) = shelf();
    let path = folder.path().join("a/b").join(key('a'));
    let place = shelf.reserve(&key('a')).expect("a place");
    place.fill(&entry(&[7; 5000])).expect("filled");
    let whole = fs::read(&path).expect("read");
    for length in [0, 1, 15, 16, 17, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).expect("written");
        assert_eq!(shelf.take(&key('a')), None, "{length} bytes");
    }
    for at in [0, 8, 12, 16, whole.len() - 1] {
        let mut wrong = whole.clone();
        wrong[at] ^= 1;
        fs::write(&path, wrong).expect("written");
        assert_eq!(shelf.take(&key('a')), None, "byte {at}");
    }
    fs::write(&path, whole).expect("written");
    assert!(shelf.take(&key('a')).is_some());
}

#[test]
fn two_who_keep_the_same_do_not_disturb_each_other() {
    let (_folder, shelf) = shelf();
    let first = shelf.reserve(&key('a')).expect("a place");
    let second = shelf.reserve(&key('a')).expect("another");
    first.fill(&entry(b"first")).expect("filled");
    assert_eq!(shelf.take(&key('a')), None, "that place was taken away");
    second.fill(&entry(b"second")).expect("filled");
    assert_eq!(shelf.take(&key('a')), Some(entry(b"second")));
}

#[test]
fn a_directory_that_others_may_write_to_is_not_used() {
    let (folder, _) = shelf();
    let path = folder.path().join("a/b");
    for (mode, is_used) in [(0o777, false), (0o720, false), (0o755, true)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        assert_eq!(Shelf::open(&path).is_some(), is_used, "{mode:o}");
    }
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).expect("linked");
    assert!(Shelf::open(&link).is_none());
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("written");
    assert!(Shelf::open(&file).is_none());
}

#[test]
fn only_so_many_are_kept_and_the_oldest_go_first() {
    let (folder, shelf) = shelf();
    let directory = folder.path().join("a/b");
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let keys: Vec<String> = (0..500).map(|number| format!("{number:064}")).collect();
    for (age, key) in (1..).zip(&keys) {
        let file = File::create(directory.join(key)).expect("made");
        file.set_modified(at(age)).expect("set");
    }
    fs::write(directory.join("of somebody else"), b"").expect("written");
    let place = shelf.reserve(&key('a')).expect("a place");
    assert_eq!(stock(&directory).programs, 375);
    assert!(!directory.join(&keys[0]).exists());
    assert!(directory.join(&keys[499]).exists());
    assert!(directory.join("of somebody else").exists());
    drop(place);
}

#[test]
fn rules_for_make_are_read() {
    let list = |rules: &str| -> Vec<String> {
        let paths = inputs::listed(rules).into_iter();
        paths.map(|path| path.display().to_string()).collect()
    };
    assert_eq!(
        list("/tmp/a.o: /p/a.c /usr/include/stdio.h \\\n  /p/my\\ own.h /p/$$x\\#.h\n"),
        ["/p/a.c", "/usr/include/stdio.h", "/p/my own.h", "/p/$x#.h"]
    );
    assert_eq!(
        list("/tmp/a: /p/a.rs b.rs\n\n/p/a.rs:\nb.rs:\n\n# env-dep:HOME=a: b\n"),
        ["/p/a.rs", "b.rs"]
    );
    assert!(list("").is_empty());
}

#[test]
fn a_file_that_changed_or_went_is_not_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("h.h");
    fs::write(&path, b"1").expect("written");
    let text = path.to_str().expect("text").to_owned();
    let before = (text, state(&fs::metadata(&path).expect("there")));
    assert!(inputs::is_as_it_was(&before));
    let facts = fs::metadata(&path).expect("there");
    fs::write(&path, b"22").expect("written");
    let file = File::options().write(true).open(&path).expect("opened");
    file.set_modified(facts.modified().expect("a time"))
        .expect("set");
    assert!(!inputs::is_as_it_was(&before));
    fs::remove_file(&path).expect("removed");
    assert!(!inputs::is_as_it_was(&before));
    fs::create_dir(&path).expect("made");
    assert!(!inputs::is_as_it_was(&before));
}

#[test]
fn a_twin_of_a_file_is_another_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, two] = ["one", "two"].map(|name| {
        let path = folder.path().join(name);
        fs::write(&path, name).expect("written");
        state(&fs::metadata(&path).expect("there"))
    });
    let path = folder.path().join("two").to_str().expect("text").to_owned();
    assert!(inputs::is_as_it_was(&(path.clone(), two)));
    let stamped_alike = (two.0, one.1);
    assert!(!inputs::is_as_it_was(&(path, stamped_alike)));
}

#[test]
fn whole_seconds_are_trusted_later() {
    let begun = SystemTime::UNIX_EPOCH + Duration::from_millis(100_500);
    let is_older = |modified, changed| inputs::is_older(&(1, modified, changed), begun);
    assert_eq!(is_older([100, 400_000_000], [100, 400_000_000]), Some(true));
    assert_eq!(is_older([100, 460_000_000], [99, 1]), Some(false));
    assert_eq!(is_older([99, 1], [100, 460_000_000]), Some(false));
    assert_eq!(
        is_older([99, 0], [99, 1]),
        Some(true),
        "such a time was set"
    );
    assert_eq!(is_older([99, 0], [99, 0]), Some(false));
    assert_eq!(is_older([98, 0], [98, 0]), Some(true));
}

#[test]
fn a_file_that_is_listed_often_is_looked_at_once() {
    let named = |list: String| inputs::named(&[list.clone(), list], "/p".as_ref());
    let often = named(format!("a.o:{}\n", " a.h /q/b.h".repeat(20_000))).expect("few");
    let paths: Vec<_> = often.iter().map(|path| path.to_str()).collect();
    assert_eq!(paths, [Some("/p/a.h"), Some("/q/b.h")]);
    let many = |count| {
        (0..count)
            .map(|number| format!(" {number}.h"))
            .collect::<String>()
    };
    assert!(named(format!("a.o:{}\n", many(10_000))).is_some());
    assert!(named(format!("a.o:{}\n", many(10_001))).is_none());
}

#[test]
fn what_is_large_is_poured_and_made_again_if_it_is_damaged() {
    let (folder, shelf) = shelf();
    let path = folder.path().join("a/b").join(key('a'));
    assert!(shelf.is_first(&key('a')));
    assert!(!shelf.is_first(&key('a')), "somebody asked before");
    assert!(shelf.open_entry(&key('a')).and_then(Large::read).is_none());
    let place = shelf.reserve(&key('a')).expect("a place");
    let content = vec![7; 600 << 10];
    place.fill(&entry(&content)).expect("filled");
    let poured = || {
        let large = shelf.open_entry(&key('a')).and_then(Large::read)?;
        let length = large.length;
        let place = tempfile::NamedTempFile::new().expect("a file");
        let inputs = large.pour(&mut place.reopen().expect("opened"));
        Some((length, inputs, fs::read(place.path()).expect("read")))
    };
    let whole = Some((content.len() as u64, Some(entry(b"").inputs), content));
    assert_eq!(poured(), whole);
    let mut wrong = fs::read(&path).expect("read");
    let middle = wrong.len() / 2;
    wrong[middle] ^= 1;
    fs::write(&path, wrong).expect("written");
    assert_eq!(poured().map(|(_, inputs, _)| inputs), Some(None));
    assert_eq!(poured(), None, "nothing is left of it");
    assert!(!shelf.is_first(&key('a')));
}

#[test]
fn what_could_not_be_made_is_not_tried_again() {
    let (_folder, shelf) = shelf();
    let place = shelf.reserve(&key('a')).expect("a place").or_nothing();
    drop(place);
    let nothing = shelf.open_entry(&key('a')).and_then(Large::read);
    assert_eq!(nothing.map(|nothing| nothing.length), Some(0));
}

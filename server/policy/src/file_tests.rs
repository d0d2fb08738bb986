//! What a policy file may say, and how its errors read.

use crate::*;

fn error_of(text: &str) -> PolicyError {
    let file = PolicyFile {
        name: "p.toml".to_string(),
        text: text.as_bytes(),
    };
    check(&file).expect_err(text).remove(0)
}

#[test]
fn errors_name_file_line_and_key() {
    for (text, place) in [
        (
            "\n[limits]\nwal = \"1s\"\n",
            "p.toml:3: `limits.wal`: this key is not known",
        ),
        (
            "[nework]\nallow = []\n",
            "p.toml:1: `nework`: this key is not known",
        ),
        (
            "[limits]\nwall = 10\n",
            "p.toml:2: `limits.wall`: invalid type: integer `10`, expected a string",
        ),
        (
            "[limits]\nprocesses = \"64\"\n",
            "p.toml:2: `limits.processes`: invalid type: string \"64\", expected a whole number",
        ),
        (
            "[limits]\n\nwall = \"soon\"\n",
            "p.toml:3: `limits.wall`: `soon` is no duration",
        ),
        (
            "files.scratch = \"5MB\"\n",
            "p.toml:1: `files.scratch`: `5MB` is no size",
        ),
        (
            "[files]\nhide = [\n  \"ok\",\n  \"[\",\n]\n",
            "p.toml:4: `files.hide`: `[` is no glob",
        ),
        (
            "[files]\nproject = \"write\"\n",
            "p.toml:2: `files.project`: `write` is no way to show the project",
        ),
        (
            "[network]\nallow = [\"a:1\",\n \"0x7f.1:80\"]\n",
            "p.toml:3: `network.allow`: `0x7f.1:80` is an address in an odd",
        ),
        (
            "[network]\nallow = \"a:1\"\n",
            "p.toml:2: `network.allow`: invalid type: string \"a:1\", expected a list",
        ),
        (
            "[environment]\npass = [\"LD_PRELOAD\"]\n",
            "p.toml:2: `environment.pass`: `LD_PRELOAD` is never given",
        ),
        (
            "[environment]\nset = { \"A=B\" = \"\" }\n",
            "p.toml:2: `environment.set.A=B`: `A=B` is no variable name",
        ),
        (
            "[environment.set]\nA = \"a\\u0000b\"\n",
            "p.toml:2: `environment.set.A`: a value with a NUL byte",
        ),
        (
            "[files]\nread = [\"/a\\u0000b\"]\n",
            "p.toml:2: `files.read`: `/a\\0b` has a control character",
        ),
        ("a = \n", "p.toml:1: "),
        ("[files]\nread = [\n", "p.toml:2: unclosed array"),
        ("description = \"x\"\ndescription = \"y\"\n", "p.toml:2: "),
        (
            "description = \"x\0y\"\n",
            "p.toml:1: the file has a NUL byte in it",
        ),
        (
            "[trust]\nalways = true\n",
            "p.toml:1: `trust`: a policy file cannot say what is to be trusted",
        ),
        (
            "files.trusted_paths = []\n",
            "p.toml:1: `files.trusted_paths`: a policy file cannot say what is to be trusted",
        ),
    ] {
        let error = error_of(text).to_string();
        assert!(error.starts_with(place), "{text:?} gave {error:?}");
    }
}

#[test]
fn every_wrong_value_is_told_at_once_and_in_order() {
    let text =
        "limits.wall = \"x\"\nfiles.read = [\"a\", \"/b\", \"c\"]\nnetwork.allow = [\"d\"]\n";
    let errors = check(&PolicyFile {
        name: "p".to_string(),
        text: text.as_bytes(),
    })
    .unwrap_err();
    assert_eq!(
        errors.iter().map(|error| error.line).collect::<Vec<_>>(),
        [1, 2, 2, 3]
    );
    assert!(errors.iter().all(|error| !error.hint.is_empty()));
}

#[test]
fn what_is_no_text_or_too_much_of_it_is_refused() {
    let check = |text: &[u8]| {
        check(&PolicyFile {
            name: "p".to_string(),
            text,
        })
        .unwrap_err()
        .remove(0)
        .to_string()
    };
    assert_eq!(check(b"\n\n# \xff\n"), "p:3: the file is not UTF-8");
    assert_eq!(
        check(&vec![b'#'; 256 * 1024 + 1]),
        "p: the file is larger than 256 KiB"
    );
    let long = format!("files.hide = [{}]", "\"a\",".repeat(1001));
    assert!(check(long.as_bytes()).contains("a list of more than 1000 is too long"));
    assert!(
        !check(&b"[".repeat(100_000)).is_empty(),
        "deep nesting is an error, not a crash"
    );
}

#[test]
fn text_of_a_stranger_cannot_command_a_terminal() {
    let error = error_of("[limits]\nwall = \"\\u001b[2J\\u202e\"\n").to_string();
    assert_eq!(
        error,
        "p.toml:2: `limits.wall`: `\\u{1b}[2J\\u{202e}` is no duration"
    );
    let error = error_of("\"\\u001b[2J\" = 1\n").to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn secrets_may_be_passed_by_name_and_are_remarked_on() {
    let text = "environment.pass = [\"LANG\",\n\"GITHUB_TOKEN\"]";
    let remarks = check(&PolicyFile {
        name: "p".to_string(),
        text: text.as_bytes(),
    })
    .unwrap();
    assert_eq!(
        remarks.iter().map(|notice| notice.line).collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn a_file_is_known_by_its_bytes() {
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(content_hash(b"abc"), known);
    assert_ne!(content_hash(b"abc\n"), known);
}

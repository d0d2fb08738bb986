//! What is printed beside what somebody has already.

use super::*;

fn own(text: &str) -> OwnFile {
    OwnFile::new("languages.toml", text.to_owned())
}

fn python() -> Vec<Language<'static>> {
    let servers: &'static [String] = Vec::leak(vec!["ruff".to_owned(), "pylsp".to_owned()]);
    vec![Language {
        name: "python",
        id: "python",
        servers,
        is_fenced: false,
    }]
}

/// What is to be added, and the list of Python's servers that is then in force.
fn added(text: &str) -> (String, Vec<Value>) {
    let own = own(text);
    let addition = own.with(&languages_toml(&python(), &own));
    let together = OwnFile::new("languages.toml", format!("{text}\n{addition}"));
    let servers = together.language_servers("python").expect("a list");
    (addition, servers)
}

fn names(servers: &[Value]) -> Vec<&str> {
    servers.iter().filter_map(name_of).collect()
}

#[test]
fn who_has_nothing_gets_helixs_list_with_belljar_behind_it() {
    let (addition, servers) = added("");
    assert_eq!(names(&servers), ["ruff", "pylsp", "belljar"]);
    assert!(addition.contains("[language-server.belljar]"), "{addition}");
}

#[test]
fn who_has_chosen_servers_keeps_them() {
    let (addition, servers) = added(
        "[[language]]\nname = \"python\"\nauto-format = true\nlanguage-servers = [\"ty\", { name = \"ruff\", only-features = [\"format\"] }]\n",
    );
    assert_eq!(names(&servers), ["ty", "ruff", "belljar"]);
    assert!(servers[1].get("only-features").is_some(), "{servers:?}");
    assert!(
        addition.contains("# The servers that you have chosen"),
        "{addition}"
    );
}

#[test]
fn a_language_without_a_list_of_its_own_gets_helixs() {
    let (_, servers) = added("[[language]]\nname = \"python\"\nauto-format = true\n");
    assert_eq!(names(&servers), ["ruff", "pylsp", "belljar"]);
}

#[test]
fn what_is_there_is_not_added_again() {
    let (first, _) = added("");
    let (second, servers) = added(&first);
    assert_eq!(second, "# Nothing is to be added to your languages.toml.\n");
    assert_eq!(names(&servers), ["ruff", "pylsp", "belljar"]);
}

#[test]
fn what_would_be_said_twice_becomes_a_comment() {
    let own = OwnFile::new(
        "config.toml",
        "[editor]\nline-number = \"relative\"\n[keys.normal.space]\nspace = \"file_picker\"\n"
            .to_owned(),
    );
    let addition = own.with(CONFIG);
    let together = own.text.clone() + "\n" + &addition;
    together.parse::<Table>().expect("still TOML");
    for comment in [
        "# [editor]\n# end-of-line",
        "# [keys.normal.space.space]\n",
        "\n# Run the selection",
    ] {
        assert!(addition.contains(comment), "{comment}: {addition}");
    }
    assert!(
        addition.contains("\n[editor.inline-diagnostics]\n"),
        "{addition}"
    );
}

#[test]
fn a_file_that_is_no_toml_counts_as_none() {
    let own = own("language = [");
    assert!(own.table.is_empty() && own.text.is_empty());
    assert!(own.with(LANGUAGES).contains("[language-server.belljar]"));
}

#[test]
fn what_is_shipped_is_toml_and_has_every_section_once() {
    for shipped in [LANGUAGES, CONFIG, OLDER[0].1] {
        shipped.parse::<Table>().expect("TOML");
        assert_eq!(sections(shipped).concat(), shipped);
    }
    assert_eq!(sections(CONFIG).len(), 4);
    assert!(OLDER.iter().all(|(version, _)| {
        Defaults::shipped()
            .versions
            .iter()
            .any(|known| known == version)
    }));
}

#[test]
fn a_file_that_cannot_be_read_is_not_taken_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("languages.toml");
    assert_eq!(text_of(&file).unwrap(), "");
    std::fs::write(&file, b"# caf\xe9\n").unwrap();
    assert!(text_of(&file).is_err());
    assert!(text_of(folder.path()).is_err());
}

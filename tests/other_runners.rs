//! What other runners of selections run, and what Belljar says of each: `policies/LANGUAGES.md` is made from the runtime
//! files. `BELLJAR_REWRITE=1` writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use belljar_runtime::{Catalogue, no_program};
use serde::Deserialize;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const TABLE: &str = "policies/LANGUAGES.md";

#[derive(Deserialize)]
struct Lists {
    runner: Vec<Runner>,
    called: BTreeMap<String, String>,
    not_obtainable: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Runner {
    name: String,
    source: String,
    languages: Vec<String>,
    /// What it knows by the end of a file's name only.
    #[serde(default)]
    extensions: Vec<String>,
}

/// What Belljar says of a language, or of a file with such a name: it runs, or why not.
fn said(catalogue: &Catalogue, lists: &Lists, name: &str) -> Result<String, String> {
    let called = lists.called.get(name).map_or(name, String::as_str);
    let (language, path) = match name.strip_prefix('.') {
        Some(end) => (None, PathBuf::from(format!("a.{end}"))),
        None => (Some(called), PathBuf::from(format!("a.{called}"))),
    };
    if let Some(runtime) = catalogue.detect(language, Some(&path), "") {
        let id = runtime.id();
        return Ok(match runtime.is_untested() {
            true => format!("run, as `{id}`; written from its documentation, and not tried"),
            false => format!("run, as `{id}`"),
        });
    }
    if Catalogue::is_text(&path) {
        return Ok("its blocks are run, each in its language".to_owned());
    }
    if let Some((is, hint)) = no_program(language, &path) {
        return Ok(format!("refused: it {is}; {hint}"));
    }
    match lists.not_obtainable.get(name) {
        Some(why) => Ok(format!("not obtainable here: {why}")),
        None => Err(format!("nothing is said of `{name}`")),
    }
}

fn markdown(lists: &Lists) -> Result<String, String> {
    let catalogue = Catalogue::shipped();
    let mut text = String::from(
        "# What other runners run\n\nThe names of two other runners, in their order, and what Belljar says of each. \
         `BELLJAR_REWRITE=1 cargo test --test other_runners`\nmakes this from the runtime files.\n",
    );
    for runner in &lists.runner {
        let names: Vec<&String> = runner.languages.iter().chain(&runner.extensions).collect();
        write!(
            text,
            "\n## {}\n{} names, from {}.\n\n| name | Belljar |\n|---|---|\n",
            runner.name,
            names.len(),
            runner.source
        )
        .expect("a string takes text");
        for name in names {
            let said = said(&catalogue, lists, name)?.replace('|', "\\|");
            writeln!(text, "| {name} | {said} |").expect("a string takes text");
        }
    }
    Ok(text)
}

#[test]
fn every_language_of_other_runners_has_a_row() {
    let file = |name: &str| std::fs::read_to_string(Path::new(ROOT).join(name));
    let lists = file("tests/fixtures/other-runners.toml").expect("the lists");
    let lists: Lists = toml::from_str(&lists).expect("the lists are TOML");
    assert_eq!(lists.runner[0].languages.len(), 57);
    let meant = markdown(&lists).unwrap_or_else(|error| panic!("{error}"));
    if std::env::var_os("BELLJAR_REWRITE").is_some() {
        std::fs::write(Path::new(ROOT).join(TABLE), meant).expect("the table is written");
        return;
    }
    let written = file(TABLE).expect("the table");
    assert!(written == meant, "BELLJAR_REWRITE=1 writes {TABLE}");
}

#[test]
fn a_name_that_nothing_knows_has_no_row() {
    let nothing = Lists {
        runner: Vec::new(),
        called: BTreeMap::new(),
        not_obtainable: BTreeMap::new(),
    };
    let said = said(&Catalogue::shipped(), &nothing, "no-such-language");
    assert_eq!(
        said,
        Err("nothing is said of `no-such-language`".to_owned())
    );
}

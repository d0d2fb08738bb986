//! What is no program, and what to do about it.

use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: Vec<Kind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    names: Vec<String>,
    is: String,
    hint: String,
}

/// For a language that nothing runs, or else a file with such a name: what it is, as the end of a sentence, and what to do
/// instead. To be asked after the catalogue: the user may have added one.
pub fn no_program(language: Option<&str>, path: &Path) -> Option<(String, String)> {
    let table: Table = toml::from_str(include_str!("no_programs.toml")).ok()?;
    let name = path.file_name()?.to_str().unwrap_or_default();
    // A file whose name has no end may be called like its kind.
    let word = language.unwrap_or_else(|| name.rsplit('.').next().unwrap_or(name));
    let is_it = |known: &String| known.eq_ignore_ascii_case(word);
    let found = table
        .kind
        .into_iter()
        .find(|kind| kind.names.iter().any(is_it))?;
    Some((found.is, found.hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalogue;

    #[test]
    fn what_is_no_program_is_known_by_its_language_or_its_name() {
        let is = |language, path: &str| Some(no_program(language, Path::new(path))?.0);
        let page = is(Some("html"), "/p/a").expect("no program");
        assert!(page.contains("page"), "{page}");
        assert_eq!(is(None, "/p/index.HTML"), Some(page));
        assert!(is(None, "/p/Dockerfile").is_some());
        assert_eq!(is(None, "/p/a.unlambda"), None);
        assert_eq!(is(Some("unlambda"), "/p/a.html"), None);
    }

    #[test]
    fn no_language_that_can_be_run_is_among_them() {
        let table: Table = toml::from_str(include_str!("no_programs.toml")).expect("a table");
        let catalogue = Catalogue::shipped();
        for name in table.kind.iter().flat_map(|kind| &kind.names) {
            let runs = catalogue.detect(Some(name), None, "").map(|one| one.id());
            assert_eq!(runs, None, "{name}");
            let path = format!("/p/a.{name}");
            let runs = catalogue.detect(None, Some(Path::new(&path)), "");
            assert_eq!(runs.map(|one| one.id()), None, "{name}");
        }
    }
}

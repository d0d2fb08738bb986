//! Texts around code: which documents they are, and what opens and closes a block in them. `forms.toml` says it all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use regex_lite::{Captures, Regex};
use serde::{Deserialize, Deserializer};

/// Everything that `forms.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forms {
    pub prefixes: Vec<String>,
    document: Vec<Form>,
    block: BTreeMap<String, Kind>,
    pub refuse: Vec<Refuse>,
}

/// A kind of document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Form {
    #[serde(default)]
    language_ids: Vec<String>,
    extensions: Vec<String>,
    blocks: Vec<String>,
    /// Blocks may stand in quotations, whose lines begin with `>`.
    #[serde(default)]
    pub quoted: bool,
    /// A line that names the language of blocks that name none, in its group `info`.
    #[serde(default, deserialize_with = "optional_pattern")]
    pub default: Option<Regex>,
    /// Such a line begins with one of these, behind blanks.
    #[serde(default)]
    pub default_begins: Vec<String>,
    /// A line that names another language, or none that can be run, ends what an earlier one said.
    #[serde(default)]
    pub default_replaces: bool,
    /// Its blocks are in this language, and together they are a program.
    pub program: Option<String>,
}

/// A kind of block.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kind {
    begins: Vec<String>,
    #[serde(deserialize_with = "pattern")]
    opens: Regex,
    /// What opens one ends with this.
    pub trails: Option<String>,
    pub ends: Ends,
    #[serde(default, deserialize_with = "optional_pattern")]
    pub closes: Option<Regex>,
    #[serde(default, deserialize_with = "optional_pattern")]
    pub then: Option<Regex>,
    #[serde(default, deserialize_with = "optional_pattern")]
    pub paragraph: Option<Regex>,
    #[serde(default, deserialize_with = "optional_pattern")]
    pub head: Option<Regex>,
}

/// How a block ends.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ends {
    Fence,
    Line,
    Indent,
    Mark,
}

/// What a document says of a block so that it is not run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refuse {
    #[serde(deserialize_with = "pattern")]
    pub info: Regex,
    #[serde(default, deserialize_with = "optional_pattern")]
    pub line: Option<Regex>,
    pub reason: String,
}

/// What a line that opens a block says.
pub(crate) struct Opening<'a> {
    pub kind: &'static Kind,
    /// The language, and more.
    pub info: &'a str,
    /// What closes the block has this in it.
    pub fence: &'a str,
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Regex, D::Error> {
    let text = String::deserialize(deserializer)?;
    Regex::new(&text).map_err(serde::de::Error::custom)
}

fn optional_pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Regex>, D::Error> {
    pattern(deserializer).map(Some)
}

impl Forms {
    /// What comes with Belljar.
    ///
    /// # Panics
    /// If it is wrong, which a test rules out.
    pub fn known() -> &'static Forms {
        static KNOWN: OnceLock<Forms> = OnceLock::new();
        KNOWN.get_or_init(|| {
            toml::from_str(include_str!("forms.toml")).unwrap_or_else(|error| panic!("{error}"))
        })
    }

    /// The form that an editor or a user calls by this name.
    pub fn by_language(&self, language: &str) -> Option<&Form> {
        let has = |list: &[String]| list.iter().any(|one| one.eq_ignore_ascii_case(language));
        self.document
            .iter()
            .find(|form| has(&form.language_ids) || has(&form.extensions))
    }

    /// The form of files with such a name.
    pub fn by_path(&self, path: &Path) -> Option<&Form> {
        let extension = path.extension()?.to_str()?;
        self.document.iter().find(|form| {
            let mut known = form.extensions.iter();
            known.any(|one| one.eq_ignore_ascii_case(extension))
        })
    }

    /// The form of a text of which nothing is known.
    pub fn usual(&self) -> &Form {
        &self.document[0]
    }

    /// The block that `line` opens in a document of the form `form`. Blanks at its front do not count.
    pub fn opening<'a>(&'static self, form: &Form, line: &'a str) -> Option<Opening<'a>> {
        let mut kinds = form.blocks.iter().map(|name| &self.block[name]);
        kinds.find_map(|kind| {
            let trails = kind.trails.as_ref();
            if !begins(line, &kind.begins)
                || trails.is_some_and(|trails| !line.trim_end().ends_with(trails))
            {
                return None;
            }
            let groups = kind.opens.captures(line)?;
            Some(Opening {
                kind,
                info: group(&groups, ["info", "info_alone"]),
                fence: group(&groups, ["fence", "word", "word_of_text"]),
            })
        })
    }
}

/// Whether `line` begins with one of `words`, however they are written.
pub(crate) fn begins(line: &str, words: &[String]) -> bool {
    let begins = |word: &String| {
        line.as_bytes()
            .get(..word.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()))
    };
    words.iter().any(begins)
}

/// What the first of these groups that there is holds.
pub(crate) fn group<'a>(groups: &Captures<'a>, names: impl AsRef<[&'static str]>) -> &'a str {
    let mut found = names.as_ref().iter().filter_map(|name| groups.name(name));
    found.next().map_or("", |found| found.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_only_kinds_of_blocks_that_there_are() {
        let forms = Forms::known();
        for name in forms.document.iter().flat_map(|form| &form.blocks) {
            assert!(forms.block.contains_key(name), "{name}");
        }
        for kind in forms.block.values() {
            assert_eq!(kind.closes.is_some(), kind.ends == Ends::Line);
        }
    }

    #[test]
    fn a_form_is_known_by_the_editors_word_and_by_the_files_name() {
        let forms = Forms::known();
        let same = |a: Option<&Form>, b: &str| {
            a.is_some_and(|form| std::ptr::eq(form, forms.by_language(b).unwrap()))
        };
        assert!(same(forms.by_path(Path::new("/p/A.RMD")), "markdown"));
        assert!(same(forms.by_path(Path::new("a.adoc")), "asciidoc"));
        assert!(same(forms.by_language("reStructuredText"), "rst"));
        assert!(forms.by_path(Path::new("/p/notes")).is_none());
        assert!(forms.by_language("plaintext").is_none());
    }
}

//! A runtime file that is read when it is first needed: a command that runs no language should not wait for sixty.

use std::ops::Deref;
use std::sync::OnceLock;

use crate::catalogue;
use crate::definition::Definition;
use crate::outline::Outliner;

/// What a runtime file says, read or not.
#[derive(Debug)]
pub(crate) struct Described {
    /// Name and text of a shipped file; none for one of the user's, which is read and checked at once.
    shipped: Option<(&'static str, &'static str)>,
    /// In order, what is between quotes in a shipped file and is one word.
    words: &'static [&'static str],
    /// Elsewhere in memory: most are never read, and all are listed.
    definition: OnceLock<Box<Definition>>,
    outliner: OnceLock<Option<Outliner>>,
}

impl Described {
    /// A file that has been read.
    pub fn read(definition: Definition) -> Described {
        Described {
            shipped: None,
            words: &[],
            definition: OnceLock::from(Box::new(definition)),
            outliner: OnceLock::new(),
        }
    }

    /// A shipped file, to be read later.
    pub fn unread(
        file: &'static str,
        text: &'static str,
        words: &'static [&'static str],
    ) -> Described {
        Described {
            shipped: Some((file, text)),
            words,
            definition: OnceLock::new(),
            outliner: OnceLock::new(),
        }
    }

    /// What finds functions, if the file says how.
    pub fn outliner(&self) -> Option<&Outliner> {
        let made = self.outliner.get_or_init(|| Outliner::new(&self.outline));
        made.as_ref()
    }

    /// Whether the file may have `word` in one of its lists. A quick look, so that only files that do are read.
    pub fn may_say(&self, word: &str) -> bool {
        if self.shipped.is_none() || self.definition.get().is_some() {
            return true;
        }
        // What is more than one word was not listed.
        let has = |word: &str| {
            self.words.binary_search(&word).is_ok() || word.contains(char::is_whitespace)
        };
        !word.is_empty() && (has(word) || has(&word.to_ascii_lowercase()))
    }
}

impl Deref for Described {
    type Target = Definition;

    /// Panics if a shipped file is wrong, which a test rules out.
    fn deref(&self) -> &Definition {
        self.definition.get_or_init(|| {
            let (file, text) = self.shipped.expect("what is no shipped file has been read");
            let read = catalogue::definition(file, text);
            Box::new(read.unwrap_or_else(|error| panic!("shipped runtime: {error}")))
        })
    }
}

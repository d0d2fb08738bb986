//! The runtimes that are known, and which of them a document asks for.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use regex_lite::Regex;

use crate::check;
use crate::definition::Definition;
use crate::shipped_file::Described;

// `SHIPPED`, the shipped runtime files, and `SUPPORT`, the files that they put into a cell: name and text; of the former also,
// in order, what stands between quotes in it and is one word. And `TOOLS`, in order: what any of them may call a tool.
include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// So much of a program's beginning is looked at for notes.
const MAX_NOTED: usize = 64 * 1024;

/// The text of a shipped file for cells.
pub(crate) fn support(name: &str) -> Option<&'static str> {
    let found = SUPPORT.iter().find(|(known, _)| *known == name)?;
    Some(found.1)
}

/// A language, and how it is run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// What its file says. One that comes with Belljar is not read before somebody asks.
    pub(crate) definition: Arc<Described>,
    id: Arc<str>,
    file: Arc<str>,
}

impl Runtime {
    /// Its id, which is what `--language` takes.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The language's name, for people.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// The id of the runtime that usually runs what this one runs: its own, unless it is a second tool for a language.
    pub(crate) fn language(&self) -> &str {
        self.definition.instead_of.as_deref().unwrap_or(&self.id)
    }

    /// The file that describes it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What editors call it.
    pub fn language_ids(&self) -> &[String] {
        &self.definition.language_ids
    }

    /// Ends of names of its files, without the dot; the usual one first.
    pub fn extensions(&self) -> &[String] {
        &self.definition.extensions
    }

    /// What fenced blocks in Markdown call it.
    pub fn fence_tags(&self) -> &[String] {
        &self.definition.fence_tags
    }

    /// Whether nobody has seen it run anything.
    pub fn is_untested(&self) -> bool {
        self.definition.untested
    }

    /// A program that shows whether its file is right, and what it must print.
    pub fn canary(&self) -> Option<(&str, &str)> {
        let canary = self.definition.canary.as_ref()?;
        Some((&canary.program, &canary.output))
    }

    /// What to say of a program before it runs.
    pub fn notes(&self, program: &[u8]) -> Vec<String> {
        if self.definition.note.is_empty() {
            return Vec::new();
        }
        let beginning = String::from_utf8_lossy(&program[..program.len().min(MAX_NOTED)]);
        let fits = |pattern: &str| Regex::new(pattern).is_ok_and(|one| one.is_match(&beginning));
        let notes = self.definition.note.iter();
        let notes =
            notes.filter(|note| fits(&note.when) && !note.unless.as_deref().is_some_and(fits));
        notes.map(|note| note.say.clone()).collect()
    }

    /// Whether the name of its files ends as that of `path`.
    pub fn has_extension(&self, path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_it = |known: &String| extension.is_some_and(|it| known.eq_ignore_ascii_case(it));
        self.definition.extensions.iter().any(is_it)
    }

    fn has_name(&self, path: &Path) -> bool {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return false;
        };
        let extension = path.extension().and_then(|extension| extension.to_str());
        (self.definition.may_say(name) || extension.is_some_and(|one| self.definition.may_say(one)))
            && (self.definition.file_names.iter().any(|known| known == name)
                || self.has_extension(path))
    }

    fn is_instead_of(&self, other: &Runtime) -> bool {
        self.definition.may_say(other.id())
            && self.definition.instead_of.as_deref() == Some(other.id())
    }

    fn has_shebang(&self, first_line: &str) -> bool {
        let Some(shebang) = first_line.strip_prefix("#!") else {
            return false;
        };
        self.definition.shebangs.iter().any(|pattern| {
            Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(shebang.trim()))
        })
    }
}

/// What is wrong with a runtime file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1, where one is to blame.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for RuntimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for RuntimeError {}

/// Every runtime that is known, sorted by id.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The shipped ones are listed when somebody asks: a command that runs no language asks for none.
    runtimes: OnceLock<Vec<Runtime>>,
    /// Some are the user's own.
    has_own: bool,
}

impl Catalogue {
    /// The runtimes that come with Belljar. Cheap: their files are read when it turns out that they are needed, because
    /// reading all of them takes longer than making a cell.
    pub fn shipped() -> Catalogue {
        Catalogue {
            runtimes: OnceLock::new(),
            has_own: false,
        }
    }

    /// Adds the user's own files: name and content. One with a known id takes that one's place.
    /// A wrong file is left out and reported; the others count.
    pub fn with_user_files(self, files: Vec<(String, Vec<u8>)>) -> (Catalogue, Vec<RuntimeError>) {
        if files.is_empty() {
            return (self, Vec::new());
        }
        let mut runtimes = self.runtimes.into_inner().unwrap_or_else(shipped);
        let mut errors = Vec::new();
        for (file, content) in files {
            let runtime = String::from_utf8(content)
                .map_err(|error| {
                    let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                    RuntimeError {
                        file: file.clone(),
                        line: Some(check::line_of(before, before.len())),
                        message: "this is not UTF-8".to_owned(),
                    }
                })
                .and_then(|text| {
                    let runtime = parse(&file, &text)?;
                    check::check(&runtime.definition, &file, &text)?;
                    Ok(runtime)
                });
            match runtime {
                Ok(runtime) => {
                    runtimes.retain(|known| known.id() != runtime.id());
                    runtimes.push(runtime);
                }
                Err(error) => errors.push(error),
            }
        }
        sort(&mut runtimes);
        let catalogue = Catalogue {
            runtimes: OnceLock::from(runtimes),
            has_own: true,
        };
        (catalogue, errors)
    }

    fn all(&self) -> &[Runtime] {
        self.runtimes.get_or_init(shipped)
    }

    /// The runtime with this id.
    pub fn by_id(&self, id: &str) -> Option<&Runtime> {
        self.iter().find(|runtime| runtime.id() == id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Runtime> {
        self.all().iter()
    }

    /// The runtime of a fenced block with this tag.
    pub fn by_fence_tag(&self, tag: &str) -> Option<&Runtime> {
        let lists = |runtime: &&Runtime| {
            let tags = &runtime.definition.fence_tags;
            runtime.definition.may_say(tag) && tags.iter().any(|one| one.eq_ignore_ascii_case(tag))
        };
        // A tag may mean less than the language of that name.
        let own = self.by_id(tag);
        own.filter(lists)
            .or_else(|| self.iter().find(lists))
            .or(own)
    }

    /// The runtime that a name given by a user or an editor means: an id, a language id, a fence tag.
    /// One name may mean several (editors know one shell); then the document's first line and name decide.
    pub fn detect<'a>(
        &'a self,
        language: Option<&str>,
        path: Option<&Path>,
        first_line: &str,
    ) -> Option<&'a Runtime> {
        let candidates: Vec<&Runtime> = match language {
            Some(language) => {
                let is_it = |id: &String| id.eq_ignore_ascii_case(language);
                let named = self.iter().filter(|runtime| {
                    runtime.definition.may_say(language)
                        && runtime.definition.language_ids.iter().any(is_it)
                });
                let candidates: Vec<_> = named.collect();
                if candidates.is_empty() {
                    return self.by_fence_tag(language);
                }
                candidates
            }
            None => self.iter().collect(),
        };
        let mut named = candidates.clone();
        named.retain(|runtime| path.is_some_and(|path| runtime.has_name(path)));
        let by_shebang = |from: &[&'a Runtime]| {
            let asks_for = |runtime: &&&'a Runtime| runtime.has_shebang(first_line);
            let first = from.iter().find(asks_for)?;
            // One that stands in for it is asked for more exactly.
            let mut second = from.iter().filter(|runtime| runtime.is_instead_of(first));
            Some(*second.find(asks_for).unwrap_or(first))
        };
        let by_beginning = |from: &[&'a Runtime]| {
            let begins_so = |pattern: &String| {
                Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(first_line))
            };
            let asked = |runtime: &&&'a Runtime| {
                let begins = runtime.definition.begins.as_ref();
                begins.is_some_and(begins_so)
            };
            from.iter().find(asked).copied()
        };
        let usual = |from: &[&'a Runtime]| {
            let usual = |runtime: &&&'a Runtime| {
                runtime.definition.instead_of.is_none() && runtime.definition.begins.is_none()
            };
            from.iter().find(usual).or(from.first()).copied()
        };
        match named.as_slice() {
            // A name that only one has says it all: the first line need not be asked.
            [only] => Some(only),
            [] => by_shebang(&candidates)
                .or_else(|| usual(&candidates).filter(|_| language.is_some())),
            named => by_shebang(named)
                .or_else(|| by_beginning(named))
                .or_else(|| usual(named)),
        }
    }

    /// The tool whose names hold `program`, for commands that a user types.
    pub(crate) fn tool_named(&self, program: &str) -> Option<&crate::definition::Tool> {
        if !self.has_own && TOOLS.binary_search(&program).is_err() {
            return None;
        }
        self.iter()
            .filter(|runtime| runtime.definition.may_say(program))
            .flat_map(|runtime| runtime.definition.tool.values())
            .find(|tool| tool.names.iter().any(|name| name == program))
    }
}

fn shipped() -> Vec<Runtime> {
    // A shipped file has the name of its id; a test sees to it.
    let runtimes = SHIPPED.iter().map(|(file, text, words)| Runtime {
        id: file.trim_end_matches(".toml").into(),
        definition: Arc::new(Described::unread(file, text, words)),
        file: (*file).into(),
    });
    let mut runtimes: Vec<Runtime> = runtimes.collect();
    sort(&mut runtimes);
    runtimes
}

fn sort(runtimes: &mut [Runtime]) {
    runtimes.sort_by(|one, other| one.id().cmp(other.id()));
}

fn parse(file: &str, text: &str) -> Result<Runtime, RuntimeError> {
    let definition = definition(file, text)?;
    Ok(Runtime {
        id: definition.id.as_str().into(),
        definition: Arc::new(Described::read(definition)),
        file: file.into(),
    })
}

/// Reads a runtime file.
pub(crate) fn definition(file: &str, text: &str) -> Result<Definition, RuntimeError> {
    toml::from_str(text).map_err(|error| RuntimeError {
        file: file.to_owned(),
        line: error
            .span()
            .map(|span| check::line_of(text.as_bytes(), span.start)),
        message: error.message().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_file_is_right_and_opens_with_a_comment() {
        assert!(SHIPPED.len() >= 57);
        for (file, text, words) in SHIPPED {
            let runtime = parse(file, text).unwrap_or_else(|error| panic!("{error}"));
            check::check(&runtime.definition, file, text).unwrap_or_else(|error| panic!("{error}"));
            assert!(text.starts_with("# "), "{file} has no opening comment");
            assert_eq!(*file, format!("{}.toml", runtime.id()));
            assert!(runtime.canary().is_some(), "{file} has no canary");
            // What is looked for before the file is read must be found in it as it is written.
            let definition = &runtime.definition;
            let lists = [
                &definition.language_ids,
                &definition.extensions,
                &definition.fence_tags,
            ];
            let tools = definition
                .tool
                .values()
                .flat_map(|tool| &tool.names)
                .chain(&definition.file_names);
            for word in lists.into_iter().flatten().chain(tools) {
                assert!(
                    Described::unread(file, text, words).may_say(word),
                    "{file}: {word}"
                );
            }
            for name in definition.tool.values().flat_map(|tool| &tool.names) {
                assert!(
                    TOOLS.binary_search(&name.as_str()).is_ok(),
                    "{file}: {name}"
                );
            }
            let mut listed = lists.into_iter().flatten();
            assert!(
                listed.all(|word| *word == word.to_ascii_lowercase()),
                "{file}: names are written in small letters"
            );
        }
    }

    #[test]
    fn no_tool_writes_where_a_program_could_lie() {
        // A program lies at `{scratch}` by its document's name without the end, which hardly begins with a dot or has one.
        for runtime in Catalogue::shipped().iter() {
            let definition = &runtime.definition;
            let commands = definition
                .way
                .iter()
                .flat_map(|way| way.compile.iter().chain([&way.run]));
            let commands: Vec<&String> = commands.flatten().collect();
            if !commands.iter().any(|word| word.contains("{binary}")) {
                continue;
            }
            let further = definition.environment.values();
            let further = further.chain(definition.file.values().map(|file| &file.path));
            for word in commands.into_iter().chain(further) {
                for (at, scratch) in word.match_indices("{scratch}/") {
                    let rest = &word[at + scratch.len()..];
                    let name = rest.split(['/', ':', ' ', '"']).next().unwrap_or_default();
                    let is_apart = name.contains(['.', '-', '{']);
                    assert!(is_apart, "{}: {word}", runtime.id());
                }
            }
        }
    }

    #[test]
    fn every_extension_and_fence_tag_is_found() {
        let catalogue = Catalogue::shipped();
        for runtime in catalogue.iter() {
            for tag in runtime.fence_tags() {
                assert_eq!(
                    catalogue.by_fence_tag(tag).map(Runtime::id),
                    Some(runtime.id()),
                    "{tag}"
                );
            }
            if runtime.definition.instead_of.is_some() || runtime.definition.begins.is_some() {
                continue;
            }
            let usual = &runtime.extensions()[0];
            let path = format!("/p/a.{usual}");
            let found = catalogue.detect(None, Some(Path::new(&path)), "");
            assert_eq!(found.map(Runtime::id), Some(runtime.id()), "{usual}");
        }
    }

    #[test]
    fn a_shebang_decides_between_runtimes_of_one_language_id() {
        let catalogue = Catalogue::shipped();
        let id = |language, path: &str, line| {
            catalogue
                .detect(language, Some(Path::new(path)), line)
                .map(Runtime::id)
        };
        assert_eq!(id(Some("shellscript"), "/p/a.sh", "#!/bin/sh"), Some("sh"));
        assert_eq!(
            id(Some("shellscript"), "/p/a.sh", "#!/usr/bin/env bash"),
            Some("bash")
        );
        assert_eq!(id(Some("shellscript"), "/p/a", ""), Some("bash"));
        assert_eq!(
            id(None, "/p/tool", "#!/usr/bin/env -S python3 -u"),
            Some("python")
        );
        assert_eq!(id(None, "/p/tool", "#!/usr/bin/factor"), None);
        assert_eq!(id(Some("unlambda"), "/p/a.py", ""), None);
        // A second tool for a language is taken where it is asked for.
        let deno = "#!/usr/bin/env -S deno run";
        for path in ["/p/a.ts", "/p/a.js", "/p/tool"] {
            assert_eq!(id(None, path, deno), Some("deno"), "{path}");
        }
        assert_eq!(id(Some("typescript"), "/p/a.ts", deno), Some("deno"));
        assert_eq!(id(Some("typescript"), "/p/a", ""), Some("typescript"));
        assert_eq!(
            id(None, "/p/a.js", "#!/usr/bin/env node"),
            Some("javascript")
        );
        assert_eq!(id(None, "/p/a.ts", ""), Some("typescript"));
        assert_eq!(id(None, "/p/a.py", "#!/usr/bin/pypy3"), Some("pypy"));
        assert_eq!(id(Some("bun"), "/p/a.js", ""), Some("bun"));
        // Some languages share the end of their files' names.
        assert_eq!(
            id(None, "/p/a.m", "#import <Foundation/Foundation.h>"),
            Some("objective-c")
        );
        assert_eq!(id(None, "/p/a.m", "x = 6 * 7"), Some("octave"));
        assert_eq!(
            id(None, "/p/a.pl", ":- initialization(main)."),
            Some("prolog")
        );
        assert_eq!(id(None, "/p/a.pl", "use strict;"), Some("perl"));
        assert_eq!(id(None, "/p/notes.txt", "hello"), None);
    }

    #[test]
    fn a_user_adds_a_language_with_a_file() {
        let text = "# Awk.\nid = \"awk\"\nname = \"Awk\"\nextensions = [\"awk\"]\n\
            [tool.awk]\nnames = [\"gawk\", \"awk\"]\nfind = [{ path = true }]\ninstall = { other = \"install awk\" }\n\
            [[way]]\nneeds = [\"awk\"]\nrun = [\"{awk}\", \"-f\", \"{source}\", \"{arguments}\"]\n";
        let (catalogue, errors) =
            Catalogue::shipped().with_user_files(vec![("awk.toml".into(), text.into())]);
        assert_eq!(errors, []);
        assert_eq!(
            catalogue
                .detect(None, Some(Path::new("/p/a.awk")), "")
                .map(Runtime::id),
            Some("awk")
        );
        assert!(catalogue.by_id("python").is_some());
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line_and_the_others_count() {
        let start = "id = \"x\"\nname = \"X\"\n[tool.x]\nnames = [\"x\"]\nfind = [{ path = true }]\ninstall = { other = \"-\" }\n";
        let cases: Vec<(&str, Vec<u8>, Option<u32>)> = vec![
            (
                "unknown.toml",
                b"id = \"x\"\ncolour = 1\n".to_vec(),
                Some(2),
            ),
            ("bytes.toml", b"id = \"x\"\n\xff\n".to_vec(), Some(2)),
            (
                "placeholder.toml",
                format!("{start}[[way]]\nneeds = [\"x\"]\nrun = [\"{{y}}\"]\n").into_bytes(),
                Some(9),
            ),
            (
                "regex.toml",
                format!("shebangs = [\"(\"]\n{start}[[way]]\nneeds = []\nrun = [\"{{x}}\"]\n")
                    .into_bytes(),
                Some(1),
            ),
            (
                "needs.toml",
                format!("{start}[[way]]\nneeds = [\"z\"]\nrun = [\"{{x}}\"]\n").into_bytes(),
                Some(8),
            ),
        ];
        for (file, content, line) in cases {
            let (catalogue, errors) =
                Catalogue::shipped().with_user_files(vec![(file.into(), content)]);
            assert_eq!(errors.len(), 1, "{file}");
            assert_eq!(errors[0].line, line, "{}", errors[0]);
            assert!(catalogue.by_id("python").is_some());
            assert!(catalogue.by_id("x").is_none());
        }
    }
}

//! What is executed for a program: the commands of a way, with every template filled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use crate::definition::Unbuffered;
use crate::find::Places;
use crate::{FileKind, FoundWay, Host, Runtime, catalogue, expand};

/// Where everything lies in the cell, and what the user adds.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The program's source.
    pub source: &'a str,
    /// Where a compiler puts the program.
    pub binary: &'a str,
    /// A writable directory for everything else.
    pub scratch: &'a str,
    /// The document's directory.
    pub directory: &'a str,
    /// Arguments for the program.
    pub arguments: &'a [String],
    /// Arguments for the tools.
    pub flags: &'a [String],
    /// What the program prints must not wait in a buffer.
    pub unbuffered: bool,
}

/// A file of ours in the cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupportFile {
    /// Absolute path.
    pub path: PathBuf,
    /// What it holds.
    pub content: String,
}

/// Everything that a way executes and needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commands {
    /// Steps that prepare, in order.
    pub compile: Vec<Vec<String>>,
    /// The program itself.
    pub run: Vec<String>,
    /// Additions to the environment.
    pub environment: Vec<(String, String)>,
    /// Files that must be there.
    pub files: Vec<SupportFile>,
    /// What compiles a program's beginning ahead.
    pub precompile: Option<Vec<String>>,
    /// Directories of the user's that the tools read.
    pub libraries: Vec<PathBuf>,
}

impl Runtime {
    /// The commands of a way that was found.
    pub fn commands(
        &self,
        host: &dyn Host,
        places: &Places<'_>,
        found: &FoundWay,
        invocation: &Invocation<'_>,
    ) -> Commands {
        let target = found.target.as_ref();
        let (compile, run, support) = match target.map(|found| self.target_of(found)) {
            Some(target) => (&target.compile, &target.run, &target.files),
            None => {
                let way = &self.definition.way[found.way];
                (&way.compile, &way.run, &way.files)
            }
        };
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        values.extend(target.into_iter().flat_map(|found| found.values().clone()));
        for tool in &found.tools {
            values.insert(tool.id.clone(), tool.path.to_string_lossy().into_owned());
            values.insert(
                format!("{}.real", tool.id),
                tool.real.to_string_lossy().into_owned(),
            );
        }
        for (name, define) in &self.definition.define {
            let said = places.upward().find_map(|directory| {
                let text = host.read(&directory.join(&define.project_file), 256 * 1024)?;
                let text = String::from_utf8(text).ok()?;
                let groups = Regex::new(&define.pattern).ok()?.captures(&text)?;
                groups.get(1).map(|group| group.as_str().to_owned())
            });
            values.insert(name.clone(), said.unwrap_or_else(|| define.default.clone()));
        }
        for (name, value) in [
            ("source", invocation.source),
            ("binary", invocation.binary),
            ("scratch", invocation.scratch),
            ("directory", invocation.directory),
        ] {
            values.insert(name.to_owned(), value.to_owned());
        }
        let fill = |template: &str| expand::fill(template, |name| values.get(name).cloned());
        let nothing = Unbuffered::default();
        let unbuffered = match invocation.unbuffered {
            true => &self.definition.unbuffered,
            false => &nothing,
        };
        let there = self.definition.faster.iter();
        let faster = there.map(|faster| (host.is_executable(&faster.file), &faster.add));
        let faster = faster.into_iter().find(|(is_there, _)| *is_there);
        let faster = faster.map_or([].as_slice(), |(_, add)| add);
        let command = |templates: &Vec<String>| {
            let mut command = Vec::with_capacity(templates.len() + invocation.arguments.len());
            for template in templates {
                match template.as_str() {
                    "{arguments}" => command.extend_from_slice(invocation.arguments),
                    "{flags}" => command.extend(invocation.flags.iter().map(|one| fill(one))),
                    "{faster}" => command.extend(faster.iter().map(|one| fill(one))),
                    "{unbuffered}" => command.extend(unbuffered.add.iter().map(|one| fill(one))),
                    template => command.push(fill(template)),
                }
            }
            command
        };
        let usual = &self.definition.environment;
        let other = &unbuffered.environment;
        let mut environment: Vec<(String, String)> = usual
            .iter()
            .filter(|(name, _)| !other.contains_key(*name))
            .chain(other)
            .map(|(name, value)| (name.clone(), fill(value)))
            .collect();
        for (added, package) in self.of_projects(host, places, target) {
            let fill = |template: &String| match template.contains("{package}") {
                true => fill(&template.replace("{package}", &package)),
                false => fill(template),
            };
            environment.retain(|(name, _)| !added.contains_key(name));
            environment.extend(
                added
                    .iter()
                    .map(|(name, value)| (name.clone(), fill(value))),
            );
        }
        let mut libraries = Vec::new();
        for library in &self.definition.library {
            let asked = places
                .upward()
                .any(|directory| host.kind(&directory.join(&library.project_file)).is_some());
            let directory = library
                .directory
                .iter()
                .filter_map(|directory| expand::path(host, directory))
                .find(|directory| host.kind(directory) == Some(FileKind::Directory));
            if let Some(directory) = directory.filter(|_| asked) {
                if let Some(variable) = &library.variable {
                    environment.push((variable.clone(), directory.to_string_lossy().into_owned()));
                }
                match library.below.is_empty() {
                    true => libraries.push(directory),
                    false => libraries.extend(library.below.iter().map(|one| directory.join(one))),
                }
            }
        }
        let files = support.iter().chain(&unbuffered.files).map(|name| {
            let file = &self.definition.file[name];
            SupportFile {
                path: Path::new(&fill(&file.path)).to_path_buf(),
                content: match &file.shipped {
                    // A test and the reading of users' files see to it that it is there.
                    Some(name) => catalogue::support(name).unwrap_or_default().to_owned(),
                    None => file.content.clone(),
                },
            }
        });
        Commands {
            compile: compile.iter().map(command).collect(),
            run: command(run),
            environment,
            files: files.collect(),
            precompile: self
                .definition
                .precompiled
                .as_ref()
                .map(|ahead| command(&ahead.compile)),
            libraries,
        }
    }
}

//! Projects whose documents are more than programs by themselves: a document of one runs as the project's own tools run it.
//! Which those are, and how, is in runtime files. What a project's files say is a stranger's word: it chooses among the
//! commands that a runtime file has, and fills names into them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex_lite::{Captures, Regex};
use serde::Deserialize;

use crate::definition::SupportFile;
use crate::find::Places;
use crate::{FileKind, Host, Runtime, expand};

/// A project's own file is not larger.
const MOST_OF_FILE: u64 = 256 * 1024;
/// So much of a document is looked at.
const MOST_OF_TEXT: usize = 1024 * 1024;
/// So many files beside a document are looked at.
const MOST_BESIDE: usize = 200;
/// A function lies in no more than so many others.
const MOST_OUTER: usize = 16;

/// A kind of project, as a runtime file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Project {
    /// Its directory is the nearest, from the document's upward, that has this file.
    pub file: String,
    /// Instead: the one above all those, from the document's upward without a gap, that have it.
    #[serde(default)]
    pub above: bool,
    /// And in which that file fits this.
    pub contains: Option<String>,
    /// Messages name files from the nearest directory, from the project's upward, in which it fits this; else from the
    /// project's.
    pub whole: Option<String>,
    /// What stands between the parts of `{module}` and `{item}`.
    #[serde(default = "default_join")]
    pub join: String,
    /// What its documents need in the environment. Values are templates.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// What its documents are to it. The first that fits counts; one that is none runs as without the project.
    #[serde(default)]
    pub target: Vec<Target>,
}

fn default_join() -> String {
    "/".to_owned()
}

/// What a document is to its project, and how that runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    /// What of the document was asked for.
    #[serde(default = "default_runs")]
    pub runs: Vec<Runs>,
    /// Its path below the project's directory. Groups are names for templates; `module` is a path that becomes a name.
    pub path: Option<String>,
    /// The document's text, or the function's if that is named, fits this.
    pub text: Option<String>,
    /// And does not fit this.
    pub unless: Option<String>,
    /// Files below the project's directory, all of which are there.
    #[serde(default)]
    pub exists: Vec<String>,
    /// And of these, none.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Files beside the document, all of which are there.
    #[serde(default)]
    pub beside: Vec<String>,
    /// No other file beside the document whose name ends like its own fits this.
    pub alone: Option<String>,
    /// Where the project's file says `{name}`, the first that fits: its first group. `{path}` in them is the document's path.
    /// If there are some, one must fit.
    #[serde(default)]
    pub name: Vec<String>,
    /// Lines around a named function that begin further to the left, and with it make `{item}`: their first group.
    pub outer: Option<String>,
    #[serde(default)]
    pub needs: Vec<String>,
    #[serde(default)]
    pub compile: Vec<Vec<String>>,
    #[serde(default)]
    pub run: Vec<String>,
    #[serde(default)]
    pub files: Vec<String>,
    /// The program starts in the document's directory and not in the project's.
    #[serde(default)]
    pub in_directory: bool,
    /// It is not run: why, and what to do instead.
    pub refuse: Option<String>,
    #[serde(default)]
    pub hint: String,
}

fn default_runs() -> Vec<Runs> {
    vec![Runs::File]
}

/// What of a document is asked for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Runs {
    /// All of it.
    File,
    /// Lines or a function, of which a program is made that takes the document's place.
    Part,
    /// A function that the project's tool runs by its name; the document stays as it is.
    Named,
}

/// A document that may belong to a project.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Where it lies, on the host and in the cell.
    pub path: &'a Path,
    /// Its text.
    pub text: &'a str,
    /// First and last line that are asked for, from 1; without them all of it.
    pub lines: Option<(u32, u32)>,
    /// Those lines are a function.
    pub is_function: bool,
}

/// What a document is to its project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTarget {
    project: usize,
    target: usize,
    values: BTreeMap<String, String>,
    /// Where the program starts.
    pub work_dir: PathBuf,
    /// From where messages name files.
    pub base: PathBuf,
    /// All of the document is compiled, also if only a part of it was asked for.
    pub is_whole: bool,
}

/// Why a project's document is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoTarget {
    /// Why.
    pub reason: String,
    /// What to do instead.
    pub hint: String,
}

impl Runtime {
    /// What the document is to the project that it lies in, if the project says.
    ///
    /// # Errors
    /// The project has it, and cannot run it.
    pub fn target(
        &self,
        host: &dyn Host,
        places: &Places<'_>,
        asked: &Asked<'_>,
    ) -> Result<Option<FoundTarget>, NoTarget> {
        for (number, project) in self.definition.project.iter().enumerate() {
            if project.target.is_empty() {
                continue;
            }
            let Some((directory, text)) = project.directory(host, places) else {
                continue;
            };
            let Ok(below) = asked.path.strip_prefix(directory) else {
                continue;
            };
            let Some(below) = below.to_str() else {
                continue;
            };
            let seen = Seen {
                host,
                directory,
                project_text: &text,
                below,
                asked,
            };
            for (index, target) in project.target.iter().enumerate() {
                let Some(values) = seen.values(self, project, target) else {
                    continue;
                };
                let fill = |text: &str| expand::fill(text, |name| values.get(name).cloned());
                if let Some(refuse) = &target.refuse {
                    return Err(NoTarget {
                        reason: fill(refuse),
                        hint: fill(&target.hint),
                    });
                }
                let own = asked.path.parent().unwrap_or(directory);
                let work_dir = if target.in_directory { own } else { directory };
                return Ok(Some(FoundTarget {
                    project: number,
                    target: index,
                    work_dir: work_dir.to_path_buf(),
                    base: match &project.whole {
                        Some(whole) => project.whole(host, places, directory, whole),
                        None => work_dir.to_path_buf(),
                    },
                    is_whole: !target.runs.contains(&Runs::Part),
                    values,
                }));
            }
        }
        Ok(None)
    }

    /// What the projects that a document lies in add to its environment, as templates, with the values for them. Those that
    /// say what their documents are add it only for one that is something to them.
    pub(crate) fn of_projects(
        &self,
        host: &dyn Host,
        places: &Places<'_>,
        found: Option<&FoundTarget>,
    ) -> Vec<(&BTreeMap<String, String>, String)> {
        let projects = self.definition.project.iter().enumerate();
        let asked = projects.filter(|(number, project)| {
            project.target.is_empty() || found.is_some_and(|found| found.project == *number)
        });
        let there = asked.filter_map(|(_, project)| {
            let (directory, _) = project.directory(host, places)?;
            Some((&project.environment, directory.to_str()?.to_owned()))
        });
        there.collect()
    }

    pub(crate) fn target_of(&self, found: &FoundTarget) -> &Target {
        &self.definition.project[found.project].target[found.target]
    }
}

impl FoundTarget {
    /// What its templates stand for.
    pub(crate) fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }
}

impl Project {
    /// The directory of the project around the document, and what the project's file says.
    fn directory<'a>(&self, host: &dyn Host, places: &Places<'a>) -> Option<(&'a Path, String)> {
        if self.above {
            let has_it = |directory: &&Path| host.kind(&directory.join(&self.file)).is_some();
            let outermost = places.upward().take_while(has_it).last()?;
            let mut upward = places.upward();
            let above = upward.find(|above| Some(*above) == outermost.parent())?;
            return Some((above, String::new()));
        }
        places.upward().find_map(|directory| {
            let path = directory.join(&self.file);
            if self.contains.is_none() && self.target.is_empty() {
                return host.kind(&path).map(|_| (directory, String::new()));
            }
            let text = read(host, &path)?;
            fits(self.contains.as_ref(), &text).then_some((directory, text))
        })
    }

    fn whole(
        &self,
        host: &dyn Host,
        places: &Places<'_>,
        directory: &Path,
        whole: &String,
    ) -> PathBuf {
        let mut upward = places.upward().filter(|above| directory.starts_with(above));
        let found = upward.find(|above| {
            let text = read(host, &above.join(&self.file));
            text.is_some_and(|text| fits(Some(whole), &text))
        });
        found.unwrap_or(directory).to_path_buf()
    }
}

/// A document in its project.
struct Seen<'a> {
    host: &'a dyn Host,
    directory: &'a Path,
    project_text: &'a str,
    below: &'a str,
    asked: &'a Asked<'a>,
}

impl Seen<'_> {
    /// What the templates of `target` stand for, if the document is that.
    fn values(
        &self,
        runtime: &Runtime,
        project: &Project,
        target: &Target,
    ) -> Option<BTreeMap<String, String>> {
        let named = match (self.asked.lines, self.asked.is_function) {
            (None, _) => target.runs.contains(&Runs::File).then_some(None)?,
            (Some(_), false) => target.runs.contains(&Runs::Part).then_some(None)?,
            (Some(lines), true) if target.runs.contains(&Runs::Named) => Some(lines),
            (Some(_), true) => target.runs.contains(&Runs::Part).then_some(None)?,
        };
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        if let Some(path) = &target.path {
            let path = Regex::new(path).ok()?;
            let groups = path.captures(self.below)?;
            values.extend(groups_of(&path, &groups));
        }
        let is_there = |name: &String| {
            let path = expand::fill(name, |name| values.get(name).cloned());
            self.host.kind(&self.directory.join(path)).is_some()
        };
        if !target.exists.iter().all(is_there) || target.missing.iter().any(is_there) {
            return None;
        }
        let own = self.asked.path.parent()?;
        if !target
            .beside
            .iter()
            .all(|name| self.host.kind(&own.join(name)).is_some())
        {
            return None;
        }
        let lines: Vec<&str> = beginning(self.asked.text).lines().collect();
        let text = match named {
            None => beginning(self.asked.text).to_owned(),
            Some(range) => lines.get(indices(range))?.join("\n"),
        };
        if !fits(target.text.as_ref(), &text)
            || target.unless.is_some() && fits(target.unless.as_ref(), &text)
            || target
                .alone
                .as_ref()
                .is_some_and(|alone| self.has_beside(own, alone))
        {
            return None;
        }
        if !target.name.is_empty() {
            let path = regex_lite::escape(self.below);
            let mut patterns = target.name.iter();
            let name = patterns.find_map(|pattern| {
                let pattern = Regex::new(&pattern.replace("{path}", &path)).ok()?;
                let groups = pattern.captures(self.project_text)?;
                Some(groups.get(1)?.as_str().to_owned())
            });
            values.insert("name".to_owned(), name?);
        }
        let mut item: Vec<String> = Vec::new();
        if let Some(module) = values.get_mut("module") {
            *module = module.replace('/', &project.join);
            item.extend((!module.is_empty()).then(|| module.clone()));
        }
        if let Some(range) = named {
            let range = indices(range);
            let function = runtime.function(self.asked.text, *range.end())?;
            item.extend(outer(target, &lines, *range.start()));
            item.push(function.name.clone());
            values.insert("function".to_owned(), function.name);
        }
        values.insert("item".to_owned(), item.join(&project.join));
        values.insert("package".to_owned(), self.directory.to_str()?.to_owned());
        values.insert("path".to_owned(), self.below.to_owned());
        // What a project's file says is only ever a name: no option, and nothing that leads elsewhere.
        let leads = |value: &String| value.starts_with('-') || value.contains(['\0', '\n']);
        (!values.values().any(leads)).then_some(values)
    }

    fn has_beside(&self, directory: &Path, pattern: &String) -> bool {
        let extension = self.asked.path.extension();
        let names = self.host.list(directory).into_iter();
        let mut others = names
            .map(|name| directory.join(name))
            .filter(|path| path.extension() == extension && path != self.asked.path)
            .take(MOST_BESIDE);
        others.any(|path| {
            let text = read(self.host, &path);
            text.is_some_and(|text| fits(Some(pattern), &text))
        })
    }
}

/// The names of what the line `at` lies in, outermost first, as far as the target asks for them.
fn outer(target: &Target, lines: &[&str], at: usize) -> Vec<String> {
    let Some(pattern) = target
        .outer
        .as_ref()
        .and_then(|outer| Regex::new(outer).ok())
    else {
        return Vec::new();
    };
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut within = depth(lines[at]);
    let mut names = Vec::new();
    for line in lines[..at]
        .iter()
        .rev()
        .filter(|line| !line.trim().is_empty())
    {
        if depth(line) >= within || names.len() == MOST_OUTER {
            continue;
        }
        if let Some(name) = pattern.captures(line).and_then(|groups| groups.get(1)) {
            within = depth(line);
            names.push(name.as_str().to_owned());
        }
    }
    names.reverse();
    names
}

fn indices((first, last): (u32, u32)) -> std::ops::RangeInclusive<usize> {
    let index = |line: u32| {
        usize::try_from(line)
            .unwrap_or(usize::MAX)
            .saturating_sub(1)
    };
    index(first)..=index(last)
}

fn groups_of(pattern: &Regex, groups: &Captures<'_>) -> Vec<(String, String)> {
    let names = pattern.capture_names().flatten();
    let found = names.filter_map(|name| {
        let value = groups.name(name)?.as_str();
        Some((name.to_owned(), value.to_owned()))
    });
    found.collect()
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST_OF_TEXT)]
}

fn read(host: &dyn Host, path: &Path) -> Option<String> {
    if host.kind(path) != Some(FileKind::File) {
        return None;
    }
    let bytes = host.read(path, MOST_OF_FILE)?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether `text` fits, if something is asked of it.
fn fits(pattern: Option<&String>, text: &str) -> bool {
    pattern.is_none_or(|pattern| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text)))
}

/// What is wrong with the projects of a runtime file: the text to blame, and what it is.
pub(crate) fn check(
    projects: &[Project],
    tools: &[&String],
    files: &BTreeMap<String, SupportFile>,
) -> Option<(String, String)> {
    const OWN: &[&str] = &["package", "path", "item", "function", "name"];
    let stands_for_nothing = |name: &str| {
        let about = format!("{{{name}}}");
        let message = format!("`{about}` stands for nothing here");
        (about, message)
    };
    for project in projects {
        if project.file.is_empty() || project.file.starts_with('/') {
            return Some(("file".to_owned(), "a project has a file".to_owned()));
        }
        for value in project.environment.values() {
            let known = |name: &str| {
                let all = |target: &Target| target.needs.iter().any(|tool| tool == name);
                name == "package"
                    || expand::USUAL.contains(&name)
                    || !project.target.is_empty()
                        && project
                            .target
                            .iter()
                            .filter(|it| it.refuse.is_none())
                            .all(all)
            };
            if let Some(name) = expand::names(value).find(|name| !known(name)) {
                return Some(stands_for_nothing(name));
            }
        }
        for target in &project.target {
            if let Some(tool) = target.needs.iter().find(|tool| !tools.contains(tool)) {
                return Some((format!("\"{tool}\""), format!("there is no [tool.{tool}]")));
            }
            if let Some(name) = target.files.iter().find(|name| !files.contains_key(*name)) {
                return Some((name.clone(), format!("there is no [file.{name}]")));
            }
            if target.refuse.is_some() != target.run.is_empty() {
                let message = "a target has either a command that runs it or `refuse`";
                return Some(("run".to_owned(), message.to_owned()));
            }
            let path = target.path.as_ref().and_then(|path| Regex::new(path).ok());
            let groups: Vec<String> = path
                .iter()
                .flat_map(Regex::capture_names)
                .flatten()
                .map(str::to_owned)
                .collect();
            let known = |name: &str| {
                let tool = name.strip_suffix(".real").unwrap_or(name);
                target.needs.iter().any(|known| known == tool)
                    || OWN.contains(&name)
                    || expand::USUAL.contains(&name)
                    || groups.iter().any(|group| group == name)
            };
            let templates = target.compile.iter().flatten().chain(&target.run);
            let texts = target
                .exists
                .iter()
                .chain(&target.missing)
                .chain(&target.refuse);
            let mut names = templates
                .chain(texts)
                .flat_map(|template| expand::names(template));
            if let Some(name) = names.find(|name| !known(name)) {
                return Some(stands_for_nothing(name));
            }
        }
    }
    None
}

/// The patterns of a runtime file's projects.
pub(crate) fn patterns(projects: &[Project]) -> impl Iterator<Item = &String> {
    projects.iter().flat_map(|project| {
        let of_target = project.target.iter().flat_map(|target| {
            let single = [
                &target.path,
                &target.text,
                &target.unless,
                &target.alone,
                &target.outer,
            ];
            single.into_iter().flatten().chain(&target.name)
        });
        [&project.contains, &project.whole]
            .into_iter()
            .flatten()
            .chain(of_target)
    })
}

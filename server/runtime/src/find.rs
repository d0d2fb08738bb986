//! Where the tools of a runtime are on this host, and what they must see besides themselves.

use std::path::{Path, PathBuf};

use crate::definition::{Finder, Tool};
use crate::{Catalogue, FileKind, FoundTarget, Host, Runtime, choose, expand, is_broad, marks};

/// A program's links are followed this far.
const MAX_LINKS: usize = 16;

/// Where a run takes place, for tools that belong to a project.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places<'a> {
    /// The project, if the run sees it.
    pub project: Option<&'a Path>,
    /// The document's directory, or the one the user stands in.
    pub directory: Option<&'a Path>,
    /// The project, whether or not the run sees it: what lies in it, links above all, is a stranger's word.
    pub root: Option<&'a Path>,
}

impl<'a> Places<'a> {
    /// The directory and all above it, up to the project's; only the directory if there is no project.
    pub(crate) fn upward(&self) -> impl Iterator<Item = &'a Path> + use<'a> {
        let project = self.project;
        let start = self.directory.or(project);
        let mut next = start
            .filter(|start| project.is_some_and(|project| start.starts_with(project)))
            .or(project);
        std::iter::from_fn(move || {
            let here = next?;
            next = if Some(here) == project {
                None
            } else {
                here.parent()
            };
            Some(here)
        })
    }

    /// Whether `path` is a stranger's word.
    fn is_strangers(&self, host: &dyn Host, path: &Path) -> bool {
        self.root.or(self.project).is_some_and(|root| {
            let parent = path.parent().and_then(|parent| host.resolve(parent));
            path.starts_with(root) || parent.is_some_and(|parent| parent.starts_with(root))
        })
    }

    /// Whether the run sees `path` as a part of the project.
    fn shows(&self, path: &Path) -> bool {
        self.project
            .is_some_and(|project| path.starts_with(project))
    }
}

/// A tool, found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTool {
    /// What the runtime file calls it.
    pub id: String,
    /// The program, as it is to be executed.
    pub path: PathBuf,
    /// The program with no link left.
    pub real: PathBuf,
    /// What it must see: its installation, or itself.
    pub sees: Vec<PathBuf>,
    /// Directories of these that are outside the project, and that nothing but links in the project names.
    pub lent: Vec<PathBuf>,
    /// Programs and directories that it executes besides itself: names, or absolute paths.
    pub executes: Vec<String>,
    /// It opens or asks for many files, whatever it is to do.
    pub many_files: bool,
    /// The command that says which version it is; empty if it has none.
    pub version: Vec<String>,
}

/// One of a runtime's ways, with all its tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundWay {
    /// Which, from 0, in the order of the runtime file.
    pub way: usize,
    /// Instead: what a project does with its document.
    pub target: Option<FoundTarget>,
    /// Its tools, in the order in which it names them.
    pub tools: Vec<FoundTool>,
}

/// A tool that no way of the runtime can do without, and that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingTool {
    /// The tool, by its usual name.
    pub tool: String,
    /// How to get it.
    pub install: String,
}

impl Runtime {
    /// The first way whose tools are all there.
    ///
    /// # Errors
    /// The first tool of the first way that is missing, if no way is complete.
    pub fn find(&self, host: &dyn Host, places: &Places<'_>) -> Result<FoundWay, MissingTool> {
        let mut missing = None;
        for (way, needed) in self.definition.way.iter().enumerate() {
            match self.tools(host, places, &needed.needs) {
                Ok(tools) => {
                    return Ok(FoundWay {
                        way,
                        target: None,
                        tools,
                    });
                }
                Err(this) => missing = missing.or(Some(this)),
            }
        }
        // A checked runtime has a way, so if none is complete, something is missing.
        Err(missing.unwrap_or_else(|| MissingTool {
            tool: self.id().to_owned(),
            install: String::new(),
        }))
    }

    /// The tools that a project needs for its document.
    ///
    /// # Errors
    /// The first that is missing. Without them the document is not run otherwise: that would be another program.
    pub fn find_target(
        &self,
        host: &dyn Host,
        places: &Places<'_>,
        target: FoundTarget,
    ) -> Result<FoundWay, MissingTool> {
        let tools = self.tools(host, places, &self.target_of(&target).needs)?;
        Ok(FoundWay {
            way: 0,
            target: Some(target),
            tools,
        })
    }

    fn tools(
        &self,
        host: &dyn Host,
        places: &Places<'_>,
        needs: &[String],
    ) -> Result<Vec<FoundTool>, MissingTool> {
        let found = needs.iter().map(|id| {
            let tool = &self.definition.tool[id];
            let found = find_tool(host, tool, places).ok_or_else(|| MissingTool {
                tool: tool.names[0].clone(),
                install: install_hint(host, &tool.install),
            })?;
            Ok(FoundTool {
                id: id.clone(),
                ..found
            })
        });
        found.collect()
    }
}

impl Catalogue {
    /// A program that a user names in a command, if it is a tool of some runtime: what runs is the real one and not a
    /// version manager's stand-in, and its installation is seen.
    pub fn find_command(
        &self,
        host: &dyn Host,
        program: &str,
        places: &Places<'_>,
    ) -> Option<FoundTool> {
        let path = Path::new(program);
        let name = path.file_name()?.to_str()?;
        let tool = self.tool_named(name)?;
        if program.contains('/') {
            let path = places.directory.unwrap_or(Path::new("/")).join(path);
            return at(host, tool, &normal(&path), places, None);
        }
        let finders = tool.find.iter().filter(|finder| finder.project.is_none());
        finders
            .filter_map(|finder| search(host, tool, finder, places, name))
            .next()
    }
}

/// How to get a tool, with this host's way first.
pub fn install_hint(
    host: &dyn Host,
    install: &std::collections::BTreeMap<String, String>,
) -> String {
    let release = host
        .read(Path::new("/etc/os-release"), 16 * 1024)
        .unwrap_or_default();
    let release = String::from_utf8_lossy(&release);
    let value = |key: &str| {
        release
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .unwrap_or("")
            .trim_matches('"')
    };
    let system = [value("ID"), value("ID_LIKE")].join(" ");
    let own = system.split_whitespace().find_map(|id| install.get(id));
    let other = install.get("other");
    match (own, other) {
        (Some(own), Some(other)) if own != other => format!("run `{own}`, or {other}"),
        (Some(own), _) => format!("run `{own}`"),
        (None, Some(other)) => other.clone(),
        (None, None) => install
            .values()
            .map(|one| format!("`{one}`"))
            .collect::<Vec<_>>()
            .join(" or "),
    }
}

fn find_tool(host: &dyn Host, tool: &Tool, places: &Places<'_>) -> Option<FoundTool> {
    tool.find.iter().find_map(|finder| {
        tool.names
            .iter()
            .find_map(|name| search(host, tool, finder, places, name))
    })
}

fn search(
    host: &dyn Host,
    tool: &Tool,
    finder: &Finder,
    places: &Places<'_>,
    name: &str,
) -> Option<FoundTool> {
    if let Some(below) = &finder.project {
        let below = below.replace("{name}", name);
        return places
            .upward()
            .find_map(|directory| at(host, tool, &directory.join(&below), places, None));
    }
    if finder.path {
        return on_path(host, tool, finder, places, name);
    }
    let directory = finder
        .directory
        .iter()
        .filter_map(|directory| expand::path(host, directory))
        .find(|directory| host.kind(directory) == Some(FileKind::Directory))?;
    let program = finder.program.replace("{name}", name);
    let Some(each) = &finder.each else {
        return at(
            host,
            tool,
            &directory.join(program),
            places,
            Some(&directory),
        );
    };
    let (above, pattern) = each.rsplit_once('/').unwrap_or(("", each));
    let (before, behind) = pattern.split_once('*')?;
    let versions = directory.join(above);
    let installed: Vec<String> = host
        .list(&versions)
        .into_iter()
        .filter_map(|name| name.into_string().ok())
        .filter_map(|name| Some(name.strip_prefix(before)?.strip_suffix(behind)?.to_owned()))
        .filter(|version| {
            host.kind(
                &versions
                    .join(format!("{before}{version}{behind}"))
                    .join(&program),
            ) == Some(FileKind::File)
        })
        .collect();
    let version = choose::choose(host, finder, &directory, places, &installed)?;
    let installation = versions.join(format!("{before}{version}{behind}"));
    at(
        host,
        tool,
        &installation.join(program),
        places,
        Some(&installation),
    )
}

fn on_path(
    host: &dyn Host,
    tool: &Tool,
    finder: &Finder,
    places: &Places<'_>,
    name: &str,
) -> Option<FoundTool> {
    let path = host.variable("PATH")?;
    let skip: Vec<PathBuf> = finder
        .skip
        .iter()
        .filter_map(|directory| expand::path(host, directory))
        .collect();
    std::env::split_paths(&path)
        // A directory that is not absolute would be looked up wherever the user happens to stand.
        .filter(|directory| directory.is_absolute() && !skip.contains(directory))
        .find_map(|directory| at(host, tool, &directory.join(name), places, None))
}

/// The program at `path`, if there is one, and what it must see: the `installation` that it was found in, or what its
/// path tells.
fn at(
    host: &dyn Host,
    tool: &Tool,
    path: &Path,
    places: &Places<'_>,
    installation: Option<&Path>,
) -> Option<FoundTool> {
    if host.kind(path) != Some(FileKind::File) || !host.is_executable(path) {
        return None;
    }
    let real = host.resolve(path)?;
    let home = host.home();
    let is_broad = |directory: &Path| {
        let resolved = host.resolve(directory);
        let mut both = [Some(directory), resolved.as_deref()].into_iter().flatten();
        both.any(|one| is_broad(one, home.as_deref()))
    };
    // What the user's own PATH and links name is shown with all that it came with. A stranger's link could name any
    // directory with a `bin` in it, so of those only what is an installation by its own marks is shown whole.
    let mut strangers = places.is_strangers(host, path);
    let whole = |program: &Path, strangers: bool| {
        let directory = marks::packages(program)
            .or_else(|| prefix(program))
            .or_else(|| beside(host, tool, program))?;
        let is_shown = !is_broad(directory)
            && (!strangers
                || is_installation(host, tool, directory) && !marks::is_somebodys(host, directory));
        is_shown.then(|| directory.to_path_buf())
    };
    let own = match installation {
        _ if places.shows(path) => path.parent().map(Path::to_path_buf),
        Some(directory) if !strangers && !is_broad(directory) => Some(directory.to_path_buf()),
        _ => whole(path, strangers),
    };
    let mut sees = Vec::new();
    let mut lent = Vec::new();
    let executed = match own {
        Some(own) => {
            sees.push(own);
            path.to_path_buf()
        }
        // Its directory holds other things too, so a link there cannot be seen as a link: execute what it leads to.
        None if !in_system(path) => real.clone(),
        None => path.to_path_buf(),
    };
    // A program that is a link finds its own files from where it really is; every step on the way must be seen.
    for step in links(host, &executed) {
        strangers |= places.is_strangers(host, &step);
        if places.shows(&step) {
            continue;
        }
        let directory = whole(&step, strangers);
        let is_lent = strangers
            && directory
                .as_deref()
                .is_some_and(|one| !is_well_known(host, tool, one));
        let seen = directory.unwrap_or(step);
        if !in_system(&seen) && !sees.iter().any(|one| seen.starts_with(one)) {
            if is_lent {
                lent.push(seen.clone());
            }
            sees.push(seen);
        }
    }
    let settings = tool.settings.iter().map(PathBuf::from);
    sees.extend(settings.filter(|one| one.is_absolute() && host.kind(one).is_some()));
    sees.retain(|one| !in_system(one));
    let executed_text = executed.to_str()?.to_owned();
    let version = tool
        .version
        .iter()
        .map(|part| expand::fill(part, |_| Some(executed_text.clone())))
        .collect();
    Some(FoundTool {
        id: String::new(),
        path: executed,
        real,
        sees,
        lent,
        executes: tool.executes.clone(),
        many_files: tool.many_files,
        version,
    })
}

/// Whether the base system holds it, which every cell sees.
fn in_system(path: &Path) -> bool {
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"]
        .iter()
        .any(|one| path.starts_with(one))
}

/// The installation that a program is part of, by its path: what lies above its `bin`.
fn prefix(program: &Path) -> Option<&Path> {
    let directory = program.parent()?;
    let last = directory.file_name()?.to_str()?;
    matches!(last, "bin" | "sbin").then(|| directory.parent())?
}

/// The directory that a program is in, if it is an installation by its marks: some are not made of a `bin` and more.
fn beside<'a>(host: &dyn Host, tool: &Tool, program: &'a Path) -> Option<&'a Path> {
    let directory = program.parent()?;
    let is_there = |mark: &String| marks::is_there(host, directory, mark);
    tool.marks.iter().any(is_there).then_some(directory)
}

/// Whether `directory` holds the tool and nothing of anybody's, as far as can be told from it.
fn is_installation(host: &dyn Host, tool: &Tool, directory: &Path) -> bool {
    is_well_known(host, tool, directory)
        || directory.file_name() == Some("node_modules".as_ref())
        || tool
            .marks
            .iter()
            .any(|mark| marks::is_there(host, directory, mark))
}

/// Whether `directory` is one of those in which the tool is looked for anyway.
fn is_well_known(host: &dyn Host, tool: &Tool, directory: &Path) -> bool {
    tool.find.iter().any(|finder| {
        let known = finder
            .directory
            .iter()
            .filter_map(|known| expand::path(host, known));
        let mut known = known.filter_map(|known| match &finder.each {
            None => Some((known, None)),
            Some(each) => {
                let (above, pattern) = each.rsplit_once('/').unwrap_or(("", each));
                Some((known.join(above), Some(pattern.split_once('*')?)))
            }
        });
        known.any(|(known, version)| match version {
            None => directory == known,
            Some((before, behind)) => {
                let name = directory.file_name().and_then(|name| name.to_str());
                // Joined with nothing, a path ends in a slash, which comparing paths does not see.
                directory.parent() == Some(&known)
                    && name.is_some_and(|name| {
                        name.strip_prefix(before)
                            .is_some_and(|rest| rest.ends_with(behind))
                    })
            }
        })
    })
}

/// The program and everything that it links to, step by step.
fn links(host: &dyn Host, program: &Path) -> Vec<PathBuf> {
    let mut steps = vec![program.to_path_buf()];
    while steps.len() < MAX_LINKS {
        let here = &steps[steps.len() - 1];
        let Some(target) = host.link(here) else { break };
        let target = here.parent().unwrap_or(Path::new("/")).join(target);
        steps.push(normal(&target));
    }
    // Links may also be in the middle of a path; the end is where the file really is.
    if let Some(real) = host.resolve(program)
        && !steps.contains(&real)
    {
        steps.push(real);
    }
    steps
}

/// `path` without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                normal.pop();
            }
            std::path::Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

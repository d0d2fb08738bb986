//! From a request to a plan, step by step. Each step may say no.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use belljar_policy::{Policy, ProjectAccess as Access, Resolved};
use belljar_runtime::{Catalogue, Expectation, Host, Messages, Places};

use crate::document::Document;
use crate::environment::environment;
use crate::executables::executables;
use crate::job::{command_job, document_job, kept_in};
use crate::policy_files::PolicyFiles;
use crate::refused::{Fault, Refused};
use crate::spoken::Spoken;
use crate::{
    Limits, Project, ProjectAccess, Refusal, Rules, RunPlan, RunRequest, Source, View,
    find_project, paths, views,
};

/// A run that is decided, and how to read what it will say.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The run.
    pub plan: RunPlan,
    /// Finds the error messages that name a line of the document.
    pub messages: Messages,
    /// The id of the runtime, if a document is run.
    pub language: Option<String>,
    /// The document as the user named it.
    pub file: Option<String>,
    /// The first line that runs.
    pub first_line: u32,
    /// What the user should know before the run, and that stops nothing.
    pub notices: Vec<String>,
    /// The standard input that the document names, if the request says of none.
    pub input: Option<Vec<u8>>,
    /// What the document's lines are to print.
    pub expectations: Vec<Expectation>,
}

/// Decides a run.
///
/// # Errors
/// Why it is not run, and what to do about it.
pub fn build(
    request: &RunRequest,
    catalogue: &Catalogue,
    host: &dyn Host,
) -> Result<Planned, Refusal> {
    decide(request, catalogue, host).map_err(|refused| refused.refusal)
}

/// What of a document is to blame, line by line, if a run is refused for what the document says of it.
pub fn faults(request: &RunRequest, catalogue: &Catalogue, host: &dyn Host) -> Vec<Fault> {
    let refused = decide(request, catalogue, host).err();
    refused.map_or(Vec::new(), |refused| refused.faults)
}

fn decide(
    request: &RunRequest,
    catalogue: &Catalogue,
    host: &dyn Host,
) -> Result<Planned, Refused> {
    check_texts(request)?;
    let directory = directory(request, host);
    let root = find_project(host, request.project.as_deref(), directory.as_deref())?;
    if let Some(root) = &root {
        paths::text(root)?;
    }
    let document = Document::of(request).map(|document| {
        let means = document.means(catalogue);
        (document, means)
    });
    let spoken = match &document {
        Some((document, Ok(means))) => Spoken::read(document, means),
        _ => Spoken::default(),
    };
    spoken.check()?;
    let Resolved { policy, notices } = PolicyFiles::read(host, &request.policy, root.as_deref())?
        .resolve(host, request, &spoken)?;
    let mut notices: Vec<String> = notices.iter().map(ToString::to_string).collect();
    refuse_network(&policy)?;
    let kept = root.as_deref().and_then(|root| kept_below(root, host));
    let project = project(&policy, root.as_deref(), kept.as_deref());
    let input = spoken.input(request, host, directory.as_deref(), project.as_ref())?;
    let request = &*spoken.complete(request, input.is_some());
    check_texts(request)?;
    // Tools of a project that the run does not see are no tools of the run.
    let places = Places {
        project: project.as_ref().map(|project| project.root.as_path()),
        directory: directory.as_deref(),
        root: root.as_deref(),
    };
    let job = match document {
        Some((document, means)) => {
            document_job(request, &document, &means?, host, &places, root.as_deref())?
        }
        None => command_job(request, command(request), catalogue, host, &places)?,
    };
    notices.extend(job.notices);
    let directories: Vec<PathBuf> = job
        .tools
        .iter()
        .filter_map(|tool| tool.path.parent())
        .map(Path::to_path_buf)
        .collect();
    for tool in &job.tools {
        notices.extend(tool.lent.iter().map(|directory| {
            let (tool, directory) = (tool.path.display(), directory.display());
            format!("the project's `{tool}` leads out of the project: the program sees `{directory}` too")
        }));
    }
    let environment = environment(
        host,
        &policy,
        &directories,
        job.environment,
        &spoken.directives.environment,
        &mut notices,
    );
    let mut shown = views::base(host);
    shown.extend(
        job.tools
            .iter()
            .flat_map(|tool| &tool.sees)
            .map(|path| View {
                path: path.clone(),
                required: true,
            }),
    );
    shown.extend(job.libraries.into_iter().map(|path| View {
        path,
        required: false,
    }));
    shown.extend(views::of_policy(
        host,
        &policy,
        root.as_deref(),
        project.as_ref(),
    )?);
    let shown = views::tidy(shown, project.as_ref());
    // Other programs must not be seen: where they cannot be hidden, nothing is kept.
    let can_be_hidden = kept.is_none_or(|kept| kept.to_str().is_some());
    let project = project.or_else(|| {
        let root = root.filter(|root| views::cover(host, &shown, root))?;
        Some(Project {
            root,
            access: ProjectAccess::Hidden,
            hide: policy.files.hide.clone(),
        })
    });
    let many_files = job.steps.len() > 1 || job.tools.iter().any(|tool| tool.many_files);
    let plan = RunPlan {
        policy: policy.name.clone(),
        document: job.document,
        steps: job.steps,
        product: job.product.filter(|_| can_be_hidden),
        files: job.files,
        views: shown,
        project,
        work_dir: job.work_dir,
        environment,
        executables: executables(host, &policy, &job.tools, &job.executes),
        home: host.home(),
        home_links: views::home_links(host, &policy),
        limits: limits(&policy),
        rules: rules(&policy),
        output_lines: request.output_lines && job.language.is_some(),
        many_files,
    };
    Ok(Planned {
        plan,
        messages: job.messages,
        language: job.language,
        file: job.file,
        first_line: job.first_line,
        notices,
        input,
        expectations: spoken.expectations,
    })
}

/// The document's directory, or the one the user stands in, with no link in it.
pub(crate) fn directory(request: &RunRequest, host: &dyn Host) -> Option<PathBuf> {
    let standing = || {
        host.working_directory()
            .map(|path| host.resolve(&path).unwrap_or(path))
    };
    match &request.source {
        Source::Document {
            path: Some(path), ..
        } => paths::absolute(host, path).parent().map(Path::to_path_buf),
        // What was never saved lies nowhere.
        Source::Document { path: None, .. } => None,
        Source::Command { .. } => standing(),
    }
}

/// The words of a command; none of a document.
fn command(request: &RunRequest) -> &[String] {
    match &request.source {
        Source::Command { argv } => argv,
        Source::Document { .. } => &[],
    }
}

fn check_texts(request: &RunRequest) -> Result<(), Refusal> {
    if command(request)
        .iter()
        .chain(&request.arguments)
        .any(|argument| argument.contains('\0'))
    {
        return Err(Refusal {
            reason: "an argument has a zero byte in it, which no program can be given".to_owned(),
            hint: "remove it, or pass the text on standard input".to_owned(),
        });
    }
    if let Source::Document {
        path: Some(path), ..
    } = &request.source
    {
        paths::text(path)?;
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(Refusal {
                reason: "the document's path has a zero byte in it".to_owned(),
                hint: "no file can have such a name; save the document under another".to_owned(),
            });
        }
    }
    Ok(())
}

fn refuse_network(policy: &Policy) -> Result<(), Refusal> {
    if policy.network.allow.is_empty() {
        return Ok(());
    }
    let place = policy.origin("network.allow").unwrap_or(&policy.name);
    Err(Refusal {
        reason: format!(
            "policy `{}` allows network access ({place}), and this release cannot open the network for a run yet",
            policy.name
        ),
        hint: "remove the rule `network.allow`: the run then has its own loopback and nothing else"
            .to_owned(),
    })
}

/// Whether a run with this rule of a policy, which a report says would allow something, would be run at all. Nobody
/// should be told to add one that only gets the run refused.
pub fn can_be_allowed(rule: &str) -> bool {
    !rule.trim_start().starts_with("network")
}

fn project(policy: &Policy, root: Option<&Path>, kept: Option<&Path>) -> Option<Project> {
    let access = match policy.files.project {
        Access::Hidden => return None,
        Access::Read => ProjectAccess::Read,
        Access::Overlay => ProjectAccess::Overlay,
    };
    let root = root?;
    let mut hide = policy.files.hide.clone();
    hide.extend(kept.and_then(|kept| Some(glob(kept.to_str()?))));
    Some(Project {
        root: root.to_path_buf(),
        access,
        hide,
    })
}

/// Where other programs that were compiled are, or will be, in a project that is as large as the user's home.
fn kept_below(root: &Path, host: &dyn Host) -> Option<PathBuf> {
    let kept_in = kept_in(host)?;
    let there = kept_in.ancestors().find_map(|above| {
        let below = kept_in.strip_prefix(above).ok()?;
        Some(host.resolve(above)?.join(below))
    });
    Some(there?.strip_prefix(root).ok()?.to_path_buf())
}

/// What hides a path of the project.
fn glob(path: &str) -> String {
    let is_special = |sign: char| r"\*?[]{}!".contains(sign);
    let mut glob = String::with_capacity(path.len());
    for sign in path.chars() {
        if is_special(sign) {
            glob.push('\\');
        }
        glob.push(sign);
    }
    glob
}

fn limits(policy: &Policy) -> Limits {
    let limits = &policy.limits;
    Limits {
        wall: limits.wall,
        cpu: limits.cpu,
        memory: limits.memory,
        processes: limits.processes,
        open_files: limits.open_files,
        file_size: limits.file_size,
        output: limits.output,
        scratch: policy.files.scratch,
    }
}

fn rules(policy: &Policy) -> Rules {
    let said = |key: &str| policy.origin(key).map(str::to_owned);
    let names = [
        "wall",
        "cpu",
        "memory",
        "processes",
        "open_files",
        "file_size",
        "output",
    ];
    let mut limits: BTreeMap<String, String> = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), said(&format!("limits.{name}"))?)))
        .collect();
    limits.extend(said("files.scratch").map(|place| ("scratch".to_owned(), place)));
    Rules {
        files: said("files.read"),
        hide: said("files.hide"),
        project: said("files.project"),
        network: said("network.allow"),
        programs: said("programs.allow"),
        limits,
    }
}

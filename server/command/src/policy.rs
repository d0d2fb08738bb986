//! `belljar policy`: which policies there are, what they say, and whether a policy file is right.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use belljar_policy::{DocumentWord, Layers, PolicyFile, Request, check, resolve, shipped};
use belljar_report::displayable;
use belljar_runs::{
    Host, LocalHost, PolicySource, find_project, is_trusted, policy_names, read_policy_files,
};
use serde::Serialize;

use crate::options::{PolicyCommand, PolicyName};
use crate::pages::print;
use crate::{allow, trust};

/// What could not be done, and what to do about it.
pub type Problem = (String, String);

/// No policy file is larger.
pub const LARGEST: u64 = 1024 * 1024;

/// Carries out a `policy` command. What is printed comes from files that strangers may have written.
pub fn policy(command: PolicyCommand) -> ExitCode {
    let done = match command {
        PolicyCommand::List(options) => list(options.json).map(|text| (text, true)),
        PolicyCommand::Show { name } => show(&name).map(|text| (text, true)),
        PolicyCommand::Explain(options) => explain(&options).map(|text| (text, true)),
        PolicyCommand::Check { files } => check_all(files),
        PolicyCommand::Allow(options) => allow::allow(&options),
        PolicyCommand::Trust { list: true, .. } => trust::list().map(|text| (text, true)),
        PolicyCommand::Trust { file, .. } => trust::trust(file).map(|text| (text, true)),
        PolicyCommand::Untrust { file } => trust::untrust(file).map(|text| (text, true)),
    };
    match done {
        Ok((text, true)) => print(displayable(&text).as_bytes()),
        Ok((text, false)) => {
            print(displayable(&text).as_bytes());
            ExitCode::FAILURE
        }
        Err((what, hint)) => {
            eprintln!("belljar: {}", displayable(&what));
            if !hint.is_empty() {
                eprintln!("  hint: {}", displayable(&hint));
            }
            ExitCode::FAILURE
        }
    }
}

/// A policy, as `list --json` prints it.
#[derive(Serialize)]
struct Entry {
    name: String,
    description: String,
    /// The user's own file; none for one that comes with Belljar.
    file: Option<PathBuf>,
    /// What is wrong with it.
    error: Option<String>,
}

fn list(json: bool) -> Result<String, Problem> {
    let entries: Vec<Entry> = policy_names(&LocalHost).into_iter().map(entry).collect();
    if json {
        return Ok(serde_json::to_string_pretty(&entries).unwrap_or_default() + "\n");
    }
    let width = entries
        .iter()
        .map(|entry| entry.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for Entry {
        name,
        description,
        file,
        error,
    } in entries
    {
        let file = file.map_or(String::new(), |file| format!("  ({})", file.display()));
        let says = error.map_or(description, |error| format!("wrong: {error}"));
        let _ = writeln!(text, "{name:<width$}  {says}{file}");
    }
    Ok(text)
}

fn entry(name: String) -> Entry {
    let own = match read_policy_files(&LocalHost, &name, None) {
        Ok([own, ..]) => own,
        Err(refusal) => {
            return Entry {
                name,
                description: String::new(),
                file: None,
                error: Some(refusal.reason),
            };
        }
    };
    let layers = Layers {
        name: &name,
        user_named: own.as_ref().map(as_file),
        ..Layers::default()
    };
    let (description, error) = match resolve(&layers) {
        Ok(resolved) => (resolved.policy.description.clone(), None),
        Err(error) => (String::new(), Some(error.to_string())),
    };
    Entry {
        name,
        description,
        file: own.map(|own| own.path),
        error,
    }
}

fn show(name: &str) -> Result<String, Problem> {
    let [own, ..] = read_policy_files(&LocalHost, name, None)
        .map_err(|refusal| (refusal.reason, refusal.hint))?;
    if let Some(own) = own {
        return Ok(String::from_utf8_lossy(&own.content).into_owned());
    }
    match shipped().iter().find(|(shipped, _)| *shipped == name) {
        Some((_, text)) => Ok((*text).to_owned()),
        None => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> Problem {
    let known = policy_names(&LocalHost).join("`, `");
    (
        format!("There is no policy `{name}`."),
        format!("there are `{known}`"),
    )
}

fn explain(options: &PolicyName) -> Result<String, Problem> {
    let host = LocalHost;
    let refused = |refusal: belljar_runs::Refusal| (refusal.reason, refusal.hint);
    let project = find_project(
        &host,
        options.project.as_deref(),
        working_directory().as_deref(),
    )
    .map_err(refused)?;
    let [user_named, user, project] =
        read_policy_files(&host, &options.name, project.as_deref()).map_err(refused)?;
    let layers = Layers {
        name: &options.name,
        user_named: user_named.as_ref().map(as_file),
        user: user.as_ref().map(as_file),
        project: project.as_ref().map(as_file),
        project_trusted: project.as_ref().is_some_and(|file| is_trusted(&host, file)),
        document: DocumentWord::default(),
        request: Request {
            allow: &options.allow,
            limits: &options.limit,
            may_widen: true,
        },
    };
    let resolved = resolve(&layers).map_err(|error| match error.file.is_empty() {
        true if !policy_names(&host).contains(&options.name) => unknown(&options.name),
        _ => (error.to_string(), error.hint.clone()),
    })?;
    let mut text = resolved.policy.explain();
    for notice in &resolved.notices {
        let _ = writeln!(text, "# {notice}");
    }
    if !resolved.notices.is_empty() {
        let _ = writeln!(
            text,
            "# To let the project's file do so as it is now: belljar policy trust"
        );
    }
    Ok(text)
}

/// Checks the files, and says whether all are right.
fn check_all(files: Vec<PathBuf>) -> Result<(String, bool), Problem> {
    let given = !files.is_empty();
    let files = if given { files } else { own_files()? };
    let mut text = String::new();
    let mut all_right = true;
    for file in &files {
        let name = file.display().to_string();
        let Some(content) = LocalHost.read(file, LARGEST) else {
            let _ = writeln!(text, "{name}: cannot be read, or is larger than 1 MiB");
            all_right = false;
            continue;
        };
        match check(&PolicyFile {
            name,
            text: &content,
        }) {
            Ok(remarks) => remarks.iter().for_each(|remark| {
                let _ = writeln!(text, "{remark}");
            }),
            Err(errors) => {
                all_right = false;
                for error in errors {
                    let _ = writeln!(text, "{error}");
                    if !error.hint.is_empty() {
                        let _ = writeln!(text, "  hint: {}", error.hint);
                    }
                }
            }
        }
    }
    if all_right && text.is_empty() {
        let _ = match files.as_slice() {
            [] => writeln!(
                text,
                "There are no policy files of yours or of this project."
            ),
            [file] => writeln!(text, "{}: right", file.display()),
            files => writeln!(text, "{} files are right", files.len()),
        };
    }
    Ok((text, all_right))
}

/// The user's own policy files and this project's.
fn own_files() -> Result<Vec<PathBuf>, Problem> {
    let host = LocalHost;
    let refused = |refusal: belljar_runs::Refusal| (refusal.reason, refusal.hint);
    let project = find_project(&host, None, working_directory().as_deref()).map_err(refused)?;
    let mut files = Vec::new();
    for name in policy_names(&host) {
        let [named, ..] = read_policy_files(&host, &name, None).map_err(refused)?;
        files.extend(named.map(|file| file.path));
    }
    let [_, user, project] =
        read_policy_files(&host, "default", project.as_deref()).map_err(refused)?;
    files.extend(user.into_iter().chain(project).map(|file| file.path));
    Ok(files)
}

/// Where the user stands, with no link in it.
pub fn working_directory() -> Option<PathBuf> {
    let directory = LocalHost.working_directory()?;
    Some(LocalHost.resolve(&directory).unwrap_or(directory))
}

/// A file as the policy room reads it.
pub fn as_file(source: &PolicySource) -> PolicyFile<'_> {
    PolicyFile {
        name: source.name.clone(),
        text: &source.content,
    }
}

/// The project's policy file that the user means: the one named, the one in the directory named, or this project's.
pub fn project_file(named: Option<PathBuf>) -> Result<PolicySource, Problem> {
    let refused = |refusal: belljar_runs::Refusal| (refusal.reason, refusal.hint);
    let project = match named {
        Some(named) if named.is_dir() => Some(named),
        Some(named)
            if named
                .file_name()
                .is_some_and(|name| name == ".belljar.toml") =>
        {
            let parent = named
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            Some(parent.unwrap_or(Path::new(".")).to_path_buf())
        }
        Some(named) => {
            let what = format!("`{}` is no project's policy file.", named.display());
            return Err((
                what,
                "such a file is called `.belljar.toml` and lies in the project's directory"
                    .to_owned(),
            ));
        }
        None => None,
    };
    let project = find_project(
        &LocalHost,
        project.as_deref(),
        working_directory().as_deref(),
    )
    .map_err(refused)?;
    let [_, _, file] =
        read_policy_files(&LocalHost, "default", project.as_deref()).map_err(refused)?;
    let place = project.map_or("This directory".to_owned(), |project| {
        format!("`{}`", project.display())
    });
    file.ok_or_else(|| {
        (
            format!("{place} has no policy file of its own, `.belljar.toml`."),
            String::new(),
        )
    })
}

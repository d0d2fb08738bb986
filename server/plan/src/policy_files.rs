//! Finds the files that have a say in a run's policy, and lets the policy room decide.

use std::path::{Path, PathBuf};

use belljar_policy::{
    DocumentPolicy, DocumentWord, Layers, Policy, PolicyError, PolicyFile, Request, Resolved,
    content_hash, is_policy_name, resolve, shipped,
};
use belljar_runtime::{Catalogue, Host, RuntimeError, Said};

use crate::refused::{Fault, Refused};
use crate::spoken::Spoken;
use crate::{Refusal, RunRequest, paths};

/// A policy file is small.
const MAX_POLICY: u64 = 1024 * 1024;

/// The name of a project's own policy file.
pub(crate) const PROJECT_FILE: &str = ".belljar.toml";

/// A policy file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySource {
    /// Where it lies.
    pub path: PathBuf,
    /// What it is called in messages.
    pub name: String,
    /// What it holds.
    pub content: Vec<u8>,
}

impl PolicySource {
    fn file(&self) -> PolicyFile<'_> {
        PolicyFile {
            name: self.name.clone(),
            text: &self.content,
        }
    }
}

/// Where the user's trust in a project's file is kept, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRecord {
    /// The record's file.
    pub path: PathBuf,
    /// What it holds if the user trusts the project's file.
    pub content: String,
}

/// The files that have a say beside the shipped ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyFiles {
    user_named: Option<PolicySource>,
    user: Option<PolicySource>,
    project: Option<PolicySource>,
    project_trusted: bool,
}

/// The record that says that the user trusts the project's file `path` with exactly this content. It lies outside
/// everything that a cell can see. `None` if the user has no directory for it.
pub fn trust_record(host: &dyn Host, path: &Path, content: &[u8]) -> Option<TrustRecord> {
    let directory = paths::of_user(host, "XDG_STATE_HOME", ".local/state")?.join("trust");
    Some(TrustRecord {
        path: directory.join(content_hash(content)),
        content: path.to_str()?.to_owned(),
    })
}

/// Whether the user trusts a project's file with exactly this content.
pub fn is_trusted(host: &dyn Host, file: &PolicySource) -> bool {
    trust_record(host, &file.path, &file.content).is_some_and(|record| {
        let said = host
            .read(&record.path, MAX_POLICY)
            .and_then(|said| String::from_utf8(said).ok());
        said.is_some_and(|said| said.trim_end_matches('\n') == record.content)
    })
}

/// The names of all policies that there are: the default one first, then the other shipped ones, then the user's own.
pub fn policy_names(host: &dyn Host) -> Vec<String> {
    let mut names: Vec<String> = shipped()
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    names.sort_by_key(|name| name != "default");
    let own = directory(host)
        .map(|directory| host.list(&directory.join("policies")))
        .unwrap_or_default();
    for name in own {
        let name = name.to_str().and_then(|name| name.strip_suffix(".toml"));
        if let Some(name) =
            name.filter(|name| is_policy_name(name) && !names.iter().any(|known| known == name))
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// The shipped runtimes and the user's own ones from `runtimes/*.toml`, and what is wrong with those.
pub fn user_catalogue(host: &dyn Host) -> (Catalogue, Vec<RuntimeError>) {
    let shipped = Catalogue::shipped();
    let Some(directory) = directory(host).map(|directory| directory.join("runtimes")) else {
        return (shipped, Vec::new());
    };
    let names = host
        .list(&directory)
        .into_iter()
        .map(|name| directory.join(name));
    let files = names.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    let read =
        files.filter_map(|path| Some((path.display().to_string(), host.read(&path, MAX_POLICY)?)));
    shipped.with_user_files(read.collect())
}

/// The policy file of the user's for `name`, the user's adjustments, and the project's file, as far as they are there.
///
/// # Errors
/// One is there and cannot be read: what it forbids would be allowed without it.
pub fn read_policy_files(
    host: &dyn Host,
    name: &str,
    project: Option<&Path>,
) -> Result<[Option<PolicySource>; 3], Refusal> {
    let directory = directory(host);
    // A name that is no policy's must not become a path; the policy room says what is wrong with it.
    let named = directory.as_ref().filter(|_| is_policy_name(name));
    Ok([
        named.map_or(Ok(None), |directory| {
            read(
                host,
                directory.join("policies").join(format!("{name}.toml")),
                None,
            )
        })?,
        directory.map_or(Ok(None), |directory| {
            read(host, directory.join("policy.toml"), None)
        })?,
        project.map_or(Ok(None), |project| {
            read(host, project.join(PROJECT_FILE), Some(PROJECT_FILE))
        })?,
    ])
}

impl PolicyFiles {
    pub(crate) fn read(
        host: &dyn Host,
        name: &str,
        project: Option<&Path>,
    ) -> Result<PolicyFiles, Refusal> {
        let [user_named, user, project] = read_policy_files(host, name, project)?;
        let project_trusted = project.as_ref().is_some_and(|file| is_trusted(host, file));
        Ok(PolicyFiles {
            user_named,
            user,
            project,
            project_trusted,
        })
    }

    /// Whether the user trusts the project's file as it is.
    pub(crate) fn project_trusted(&self) -> bool {
        self.project_trusted
    }

    /// As they would be if the user trusted the project's file.
    pub(crate) fn trusting(&self) -> PolicyFiles {
        PolicyFiles {
            project_trusted: true,
            ..self.clone()
        }
    }

    /// As they would be with this file of the user's.
    pub(crate) fn with_user(&self, file: PolicySource) -> PolicyFiles {
        PolicyFiles {
            user: Some(file),
            ..self.clone()
        }
    }

    /// As they would be with this file of the project's, and the user's trust in it.
    pub(crate) fn with_project(&self, file: PolicySource) -> PolicyFiles {
        PolicyFiles {
            project: Some(file),
            ..self.trusting()
        }
    }

    /// The policy that they make, without a request.
    pub(crate) fn policy(&self, host: &dyn Host, name: &str) -> Result<Policy, Refusal> {
        let layers = self.layers(name, Request::default());
        Ok(resolved(host, name, &layers)?.policy)
    }

    /// The policy that they make with one rule that the user allows.
    pub(crate) fn policy_with(
        &self,
        host: &dyn Host,
        name: &str,
        rule: &str,
    ) -> Result<Policy, Refusal> {
        let request = Request {
            allow: &[rule.to_owned()],
            limits: &[],
            may_widen: true,
        };
        Ok(resolved(host, name, &self.layers(name, request))?.policy)
    }

    pub(crate) fn resolve(
        &self,
        host: &dyn Host,
        request: &RunRequest,
        spoken: &Spoken,
    ) -> Result<Resolved, Refused> {
        let said = Request {
            allow: &request.allow,
            limits: &request.limits,
            may_widen: request.may_widen,
        };
        // A policy that the user names for this run is the user's last word.
        let named = spoken.directives.policies.iter();
        let named = named.filter(|_| !request.names_policy);
        let named: Vec<(&Said<String>, Option<PolicySource>)> = named
            .map(|said| {
                let [own, _, _] = read_policy_files(host, &said.value, None)?;
                Ok((said, own))
            })
            .collect::<Result<_, Refusal>>()?;
        let mut layers = self.layers(&request.policy, said);
        let limits = spoken.directives.limits.iter();
        layers.document = DocumentWord {
            name: &spoken.name,
            policies: named
                .iter()
                .map(|(said, own)| DocumentPolicy {
                    line: said.line,
                    name: &said.value,
                    user_named: own.as_ref().map(PolicySource::file),
                })
                .collect(),
            limits: limits
                .map(|said| (said.line, said.value.0.as_str(), said.value.1.as_str()))
                .collect(),
        };
        resolve(&layers).map_err(|error| {
            if error.file == spoken.name && error.line > 0 {
                let fault = Fault {
                    line: error.line,
                    message: format!("{}; {}", error.message, error.hint),
                };
                return Refused::for_faults(&spoken.name, vec![fault]);
            }
            refusal(host, &request.policy, &error).into()
        })
    }

    fn layers<'a>(&'a self, name: &'a str, request: Request<'a>) -> Layers<'a> {
        fn file(source: &Option<PolicySource>) -> Option<PolicyFile<'_>> {
            source.as_ref().map(PolicySource::file)
        }
        Layers {
            name,
            user_named: file(&self.user_named),
            user: file(&self.user),
            project: file(&self.project),
            project_trusted: self.project_trusted,
            document: DocumentWord::default(),
            request,
        }
    }
}

fn resolved(host: &dyn Host, name: &str, layers: &Layers<'_>) -> Result<Resolved, Refusal> {
    resolve(layers).map_err(|error| refusal(host, name, &error))
}

fn refusal(host: &dyn Host, name: &str, error: &PolicyError) -> Refusal {
    let known = policy_names(host);
    let hint = if known.iter().any(|known| known == name) || !error.file.is_empty() {
        error.hint.clone()
    } else {
        format!("there are {}", quoted_list(&known))
    };
    Refusal {
        reason: error.to_string(),
        hint,
    }
}

/// The user's adjustments to every policy, whether the file is there or not.
pub(crate) fn user_policy_path(host: &dyn Host) -> Option<PathBuf> {
    Some(directory(host)?.join("policy.toml"))
}

/// `a`, `b`, `c`.
pub(crate) fn quoted_list<T: AsRef<str>>(names: &[T]) -> String {
    names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect::<Vec<_>>()
        .join(", ")
}

fn directory(host: &dyn Host) -> Option<PathBuf> {
    paths::of_user(host, "XDG_CONFIG_HOME", ".config")
}

fn read(
    host: &dyn Host,
    path: PathBuf,
    name: Option<&str>,
) -> Result<Option<PolicySource>, Refusal> {
    // A link that leads nowhere is there too: somebody meant a policy to be here.
    if host.kind(&path).is_none() && host.link(&path).is_none() {
        return Ok(None);
    }
    let Some(content) = host.read(&path, MAX_POLICY) else {
        return Err(Refusal {
            reason: format!("the policy file `{}` cannot be read, or is larger than 1 MiB", path.display()),
            hint: "make it readable or remove it: without it the run might be allowed more than it says".to_owned(),
        });
    };
    let name = name.map_or_else(|| path.display().to_string(), str::to_owned);
    Ok(Some(PolicySource {
        path,
        name,
        content,
    }))
}

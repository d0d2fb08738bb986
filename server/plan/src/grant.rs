//! Allowing one thing more: whether a rule would lift a refusal, and what a policy file would say with it. Both are
//! found by planning and resolving once more with the rule, so that what is offered is what will happen. Nothing is
//! written here.

use std::path::{Path, PathBuf};

use belljar_policy::{Policy, PolicyFile, Rule, with_rule};
use belljar_runtime::{Catalogue, Host};

use crate::build::{can_be_allowed, directory};
use crate::policy_files::{
    PROJECT_FILE, PolicyFiles, PolicySource, TrustRecord, policy_names, read_policy_files,
    trust_record, user_policy_path,
};
use crate::spoken::Spoken;
use crate::{Executables, ProjectAccess, Refusal, RunPlan, RunRequest, build, find_project, paths};

/// Where a rule is written for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the project's file, `.belljar.toml`.
    Project,
    /// In the user's `policy.toml`, which every policy is adjusted by.
    User,
}

/// Whether a change of a project's file has an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The file is the user's own.
    NotNeeded,
    /// The user trusted the file as it was, or there was none. With the rule, which the user has agreed to, it holds
    /// nothing that the user has not, so the trust goes on with this record.
    Carried(TrustRecord),
    /// The file is somebody else's word. To agree to one rule is not to agree to the rest of it.
    Needed,
}

/// A policy file with a rule more, not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The file.
    pub path: PathBuf,
    /// What it holds; `None` if it is to be made.
    pub before: Option<Vec<u8>>,
    /// What it would hold.
    pub after: String,
    /// The rule, as it is to be agreed to.
    pub rule: String,
    /// Whose file it is.
    pub scope: Scope,
    /// Whether it would be obeyed.
    pub trust: Trust,
}

impl Proposal {
    /// The change as a unified diff. Its lines hold whatever the file holds: show them one by one.
    pub fn diff(&self) -> String {
        let before = String::from_utf8_lossy(self.before.as_deref().unwrap_or_default());
        let name = self.path.display().to_string();
        let old = if self.before.is_some() {
            &name
        } else {
            "/dev/null"
        };
        similar::TextDiff::from_lines(before.as_ref(), &self.after)
            .unified_diff()
            .header(old, &name)
            .to_string()
    }
}

/// Whether `plan`, the plan of `request`, with `rule` more would no longer refuse each of `targets`, or why it would.
/// Planned is once for all of them.
pub fn lifts(
    request: &RunRequest,
    plan: &RunPlan,
    targets: &[&str],
    rule: &str,
    catalogue: &Catalogue,
    host: &dyn Host,
) -> Vec<Result<(), String>> {
    let planned = || {
        let rule = read_rule(rule)?;
        let mut with = request.clone();
        with.allow.push(rule.text().to_owned());
        with.may_widen = true;
        Ok((build(&with, catalogue, host)?.plan, rule))
    };
    match planned() {
        Ok((with, rule)) => targets
            .iter()
            .map(|target| lifts_one(plan, &with, target, &rule, host))
            .collect(),
        Err(Refusal { reason, .. }) => vec![Err(reason); targets.len()],
    }
}

/// Whether `target`, which `plan` refuses, is no longer refused by `with`, the plan with `rule` more.
fn lifts_one(
    plan: &RunPlan,
    with: &RunPlan,
    target: &str,
    rule: &Rule,
    host: &dyn Host,
) -> Result<(), String> {
    let hidden = |policy: &str| {
        format!(
            "policy `{policy}` hides it, and what is hidden stays hidden whatever else is allowed"
        )
    };
    let items = rule.items().unwrap_or_default();
    let item = match items {
        [] => "",
        [item] => item,
        _ => return Err("the rule allows more than this one thing".to_owned()),
    };
    let path = paths::of_policy(host, target).filter(|path| path.is_absolute());
    let in_project = |plan: &RunPlan, path: &Path| {
        let project = plan.project.as_ref();
        project.is_some_and(|project| {
            project.access != ProjectAccess::Hidden && path.starts_with(&project.root)
        })
    };
    match rule.key().as_str() {
        "files.read" => {
            let Some(path) = path else {
                return Err("it is not known which file it was".to_owned());
            };
            // The program chose the name that it looked for, and with it the rule that is offered.
            if !paths::of_policy(host, item).is_some_and(|allowed| path.starts_with(allowed)) {
                return Err("the rule is about another file".to_owned());
            }
            if !shows(host, with, &path) {
                return Err(hidden(&with.policy));
            }
            if shows(host, plan, &path) {
                return Err("the program could see it; the machine itself refuses it".to_owned());
            }
        }
        "programs.allow" => {
            let path = path.unwrap_or_default();
            let own = Path::new(item);
            if !(path.starts_with(own) || (own.components().count() == 1 && path.ends_with(own))) {
                return Err("the rule is about another program".to_owned());
            }
            if let Executables::Only(only) = &with.executables
                && !only.iter().any(|allowed| path.starts_with(allowed))
            {
                return Err("the program is not where programs are looked for".to_owned());
            }
        }
        "files.project" => {
            let path = path.unwrap_or_default();
            let access = |plan: &RunPlan| plan.project.as_ref().map(|project| project.access);
            if !in_project(with, &path) || access(with) == access(plan) {
                return Err("it is no part of the project".to_owned());
            }
        }
        _ if with.limits == plan.limits => {
            return Err("the rule changes nothing in this run".to_owned());
        }
        _ => {}
    }
    Ok(())
}

/// Whether a run sees what is at `path`: by a view of the plan, not by the project, whose hidden files it does not see.
fn shows(host: &dyn Host, plan: &RunPlan, path: &Path) -> bool {
    let resolved = host.resolve(path);
    let places = || [Some(path), resolved.as_deref()].into_iter().flatten();
    plan.views
        .iter()
        .any(|view| places().any(|place| place.starts_with(&view.path)))
}

/// The rule, if a run with it would be run.
fn read_rule(rule: &str) -> Result<Rule, Refusal> {
    if !can_be_allowed(rule) {
        return Err(Refusal {
            reason: "this release cannot open the network for a run".to_owned(),
            hint: "give the program its data as a file or on standard input".to_owned(),
        });
    }
    Rule::read(rule).map_err(|error| Refusal {
        reason: error.to_string(),
        hint: error.hint,
    })
}

/// The project that a request is about.
///
/// # Errors
/// The user named one that is none.
pub fn project_of(request: &RunRequest, host: &dyn Host) -> Result<Option<PathBuf>, Refusal> {
    let directory = directory(request, host);
    find_project(host, request.project.as_deref(), directory.as_deref())
}

/// Why no rule that stays can be written for `request`: its document narrows what it may do itself.
///
/// # Errors
/// That.
pub fn check_lasting(request: &RunRequest, catalogue: &Catalogue) -> Result<(), Refusal> {
    let spoken = Spoken::of(request, catalogue);
    match spoken.narrows(request) {
        None => Ok(()),
        Some(line) => Err(no(
            format!(
                "line {line} of `{}` narrows what its run may do, whatever a file allows",
                spoken.name
            ),
            "allow it for one run, or change that line",
        )),
    }
}

/// What the user's or the project's file would say with `rule`, if it would then be in force under policy `policy`, and
/// would change nothing else under any policy.
///
/// # Errors
/// Why it is not offered.
pub fn propose(
    host: &dyn Host,
    policy: &str,
    project: Option<&Path>,
    rule: &str,
    scope: Scope,
) -> Result<Proposal, Refusal> {
    let rule = read_rule(rule)?;
    if let Some(secret) = secret_in(host, &rule) {
        return Err(no(
            format!(
                "`{secret}` looks like a secret, and a rule that stays would show it to every run"
            ),
            "allow it for one run; if it must be for good, write the rule yourself",
        ));
    }
    let [_, user, theirs] = read_policy_files(host, policy, project)?;
    let (path, source) = match scope {
        Scope::User => {
            let path = user_policy_path(host).ok_or_else(|| {
                no(
                    "there is no place for policies of yours",
                    "set HOME or XDG_CONFIG_HOME",
                )
            })?;
            (path, user)
        }
        Scope::Project => {
            let project = project.ok_or_else(|| {
                no(
                    "this is no part of a project",
                    "name its directory with `--project DIR`",
                )
            })?;
            let path = project.join(PROJECT_FILE);
            if host.link(&path).is_some() {
                return Err(no(
                    format!(
                        "`{}` is a link, and a project could lead it anywhere",
                        path.display()
                    ),
                    "write the rule yourself, where the link leads",
                ));
            }
            (path, theirs)
        }
    };
    let files = PolicyFiles::read(host, policy, project)?;
    let before = files.policy(host, policy)?;
    let text = source.as_ref().map_or(&b""[..], |file| &file.content);
    let file = PolicyFile {
        name: path.display().to_string(),
        text,
    };
    let ground = (scope == Scope::Project).then_some(&before);
    let after = with_rule(&file, &rule, ground).map_err(|error| Refusal {
        reason: error.to_string(),
        hint: error.hint.clone(),
    })?;
    let new = PolicySource {
        path: path.clone(),
        name: match scope {
            Scope::User => path.display().to_string(),
            Scope::Project => PROJECT_FILE.to_owned(),
        },
        content: after.clone().into_bytes(),
    };
    check_effect(host, policy, project, &rule, scope, &new)?;
    let is_ours = source.is_none() || files.project_trusted();
    let trust = match scope {
        Scope::User => Trust::NotNeeded,
        Scope::Project => match trust_record(host, &path, after.as_bytes()).filter(|_| is_ours) {
            Some(record) => Trust::Carried(record),
            None => Trust::Needed,
        },
    };
    Ok(Proposal {
        path,
        before: source.map(|file| file.content),
        after,
        rule: rule.text().to_owned(),
        scope,
        trust,
    })
}

/// Whether with the file `new` each policy allows what it did and `rule`, and nothing else; and policy `chosen` more
/// than it did.
fn check_effect(
    host: &dyn Host,
    chosen: &str,
    project: Option<&Path>,
    rule: &Rule,
    scope: Scope,
    new: &PolicySource,
) -> Result<(), Refusal> {
    let is_same = |one: &Policy, other: &Policy| {
        one.allows_no_more_than(other) && other.allows_no_more_than(one)
    };
    let refused = |refusal: Refusal| no(refusal.reason, "mend that first");
    for name in policy_names(host) {
        let old = match PolicyFiles::read(host, &name, project) {
            Ok(old) => old,
            Err(refusal) if name == chosen => return Err(refused(refusal)),
            // A policy that cannot be read is not in use either.
            Err(_) => continue,
        };
        // As it would be if the user trusts the project's file: until then it has no effect.
        let (old, new) = match scope {
            Scope::User => (old.clone(), old.with_user(new.clone())),
            Scope::Project => (old.trusting(), old.with_project(new.clone())),
        };
        let (before, wanted, after) = match (
            old.policy(host, &name),
            old.policy_with(host, &name, rule.text()),
            new.policy(host, &name),
        ) {
            (Ok(before), Ok(wanted), Ok(after)) => (before, wanted, after),
            (Err(refusal), ..) if name == chosen => return Err(refused(refusal)),
            (Err(_), ..) => continue,
            (_, Err(refusal), _) | (.., Err(refusal)) => return Err(refused(refusal)),
        };
        if !before.allows_no_more_than(&after) {
            return Err(no(
                format!("in this file the rule would take something away from policy `{name}`"),
                "allow it for one run, or write it into a policy of your own",
            ));
        }
        if !is_same(&after, &wanted) {
            let (key, place) = (rule.key(), after.origin(&rule.key()).unwrap_or_default());
            return Err(no(
                format!(
                    "the rule would not be in force under policy `{name}`: `{key}` is what {place} says"
                ),
                "what denies stands above what allows; change it there",
            ));
        }
        if name == chosen && is_same(&before, &after) {
            return Err(no(
                format!("policy `{name}` allows this already"),
                "run it again; if it is refused still, something else refuses it",
            ));
        }
    }
    Ok(())
}

/// What the names of secrets look like, beside those that the policy `default` hides in projects.
const SECRETS: &[&str] = &[
    ".password-store",
    ".mozilla",
    ".thunderbird",
    ".config/google-chrome",
    ".config/chromium",
    ".local/share/keyrings",
    ".config/op",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".node_repl_history",
    ".psql_history",
    ".netrc",
    ".config/gh",
    ".config/git",
    ".config/gcloud",
    ".docker",
    ".gnupg",
    ".ssh",
    ".aws",
    ".azure",
    ".kube",
    "shadow",
    "gshadow",
    "sudoers",
];

/// The first path of a rule that by its name holds a secret, or lies in a directory that does; or else the first secret
/// of the user's that a path of the rule would show with everything else in it.
pub fn secret_in(host: &dyn Host, rule: &Rule) -> Option<String> {
    if rule.key() != "files.read" {
        return None;
    }
    let shipped = PolicyFiles::default().policy(host, "default").ok();
    let hide = shipped.map(|policy| policy.files.hide).unwrap_or_default();
    let hidden = crate::views::hidden(&hide);
    let home = host.home().unwrap_or_default();
    let is_secret = |path: &Path| {
        let below = path.strip_prefix(&home).or_else(|_| path.strip_prefix("/"));
        let below = below.unwrap_or(path);
        let parts = below
            .ancestors()
            .filter(|part| !part.as_os_str().is_empty());
        parts.into_iter().any(|part| {
            hidden.is_match(part) || SECRETS.iter().any(|secret| part.ends_with(secret))
        })
    };
    let real_home = host.resolve(&home);
    let homes = || {
        [Some(&home), real_home.as_ref()]
            .into_iter()
            .flatten()
            .filter(|home| home.is_absolute())
    };
    // The whole of somebody's home is never only what a program needs.
    let kept_below = |path: &Path| {
        if homes().any(|home| home.starts_with(path)) {
            return Some("~".to_owned());
        }
        let mut kept = SECRETS.iter().filter(|secret| {
            homes().any(|home| home.join(secret).starts_with(path))
                && host.kind(&home.join(secret)).is_some()
        });
        kept.next().map(|secret| format!("~/{secret}"))
    };
    rule.items().unwrap_or_default().iter().find_map(|item| {
        let path = paths::of_policy(host, item).unwrap_or_default();
        let real = host.resolve(&path);
        let mut places = [Some(path), real].into_iter().flatten();
        places.find_map(|place| {
            is_secret(&place)
                .then(|| item.clone())
                .or_else(|| kept_below(&place))
        })
    })
}

fn no(reason: impl Into<String>, hint: &str) -> Refusal {
    Refusal {
        reason: reason.into(),
        hint: hint.to_owned(),
    }
}

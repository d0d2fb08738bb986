//! From the layers that have a say to the one policy that holds.
//!
//! | layer | who speaks | a single value | a list of what is allowed | `hide` |
//! |---|---|---|---|---|
//! | the policy NAME: shipped, or the user's `policies/NAME.toml` instead | Belljar, the user | sets | sets | sets |
//! | the user's `policy.toml`, for whichever policy is chosen | the user | sets | adds | adds |
//! | `.belljar.toml`, not trusted | whoever wrote the project | the narrower of both | what both allow | adds |
//! | `.belljar.toml`, trusted | the user, who read it | sets | sets | adds |
//! | the document, in comments | whoever wrote it | the narrower of both | what both allow | adds |
//! | the request, by the user's own hand | the user | sets | adds | adds |
//! | the request, from a document | whoever wrote it | narrower or an error | nothing new, or an error | adds |
//!
//! An empty list allows nothing, in every layer. A policy of the user's that is silent on a key has the value of
//! `strict`, so that a line which is missing never opens anything.

use std::sync::OnceLock;

use crate::adjust::Lists;
use crate::adjustment::Adjustment;
use crate::document::DocumentWord;
use crate::error::{Notice, PolicyError, quoted};
use crate::policy::Policy;
use crate::said::said;

/// A policy file that somebody has read.
#[derive(Clone, Debug)]
pub struct PolicyFile<'a> {
    /// What it is called in messages: the `file` of `file:line`.
    pub name: String,
    /// What it holds, not necessarily UTF-8.
    pub text: &'a [u8],
}

/// What the user asks for in one run alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// Rules, each a line of a policy file: `files.read = ["/srv/data"]`.
    pub allow: &'a [String],
    /// Limits by name: `("wall", "3s")`. They are applied after the rules, in order.
    pub limits: &'a [(String, String)],
    /// This is the user's own word. What comes from a document or a project may only narrow.
    pub may_widen: bool,
}

/// Everybody who has a say.
#[derive(Clone, Debug, Default)]
pub struct Layers<'a> {
    /// Which policy is chosen.
    pub name: &'a str,
    /// The user's own definition of it: `$XDG_CONFIG_HOME/belljar/policies/NAME.toml`. It stands instead of the shipped one.
    pub user_named: Option<PolicyFile<'a>>,
    /// The user's adjustments to whichever policy is chosen: `$XDG_CONFIG_HOME/belljar/policy.toml`.
    pub user: Option<PolicyFile<'a>>,
    /// The project's file: `.belljar.toml`.
    pub project: Option<PolicyFile<'a>>,
    /// The user trusts the project's file with exactly this content: see [`crate::content_hash`].
    pub project_trusted: bool,
    /// What the document says that is run.
    pub document: DocumentWord<'a>,
    /// The request.
    pub request: Request<'a>,
}

/// The policy that holds, and what was said in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The policy.
    pub policy: Policy,
    /// What the project's file or the document would allow beyond the user's policy, and may not. Belongs on its lines.
    pub notices: Vec<Notice>,
}

/// Finds the policy that holds.
///
/// # Errors
/// There is no such policy, a file or a rule is wrong, or a request that may only narrow would widen. Nothing may run then.
pub fn resolve(layers: &Layers<'_>) -> Result<Resolved, PolicyError> {
    let mut policy = named(layers.name, layers.user_named.as_ref())?;
    let mut notices = Vec::new();
    if let Some(file) = &layers.user {
        policy = policy.adjusted_by(&read(file)?, Lists::Add);
    }
    if let Some(file) = &layers.project {
        let said = read(file)?;
        if layers.project_trusted {
            policy = policy.adjusted_by(&said, Lists::Replace);
        } else {
            (policy, notices) = policy.narrowed_by(&said);
        }
    }
    let (held, in_vain) = policy.held_by(&layers.document)?;
    policy = held;
    notices.extend(in_vain);
    let rules = layers
        .request
        .allow
        .iter()
        .map(|rule| Adjustment::of_rule(rule));
    let limits = layers
        .request
        .limits
        .iter()
        .map(|(name, value)| Adjustment::of_limit(name, value));
    let given = policy.clone();
    for said in rules.chain(limits) {
        let said = said?;
        policy = policy.adjusted_by(&said, Lists::Add);
        if !layers.request.may_widen && !policy.allows_no_more_than(&given) {
            return Err(too_wide(&given, &said));
        }
    }
    Ok(Resolved { policy, notices })
}

/// What a policy's own file says.
pub(crate) fn policy_named(
    name: &str,
    user_named: Option<&PolicyFile<'_>>,
) -> Result<Adjustment, PolicyError> {
    let unknown = |message: String| PolicyError {
        file: String::new(),
        line: 0,
        key: String::new(),
        message,
        hint: "`belljar policy list` names the policies there are".to_string(),
    };
    if !is_policy_name(name) {
        return Err(unknown(format!(
            "{} cannot be the name of a policy",
            quoted(name)
        )));
    }
    match user_named {
        Some(file) => read(file),
        None => said(name).ok_or_else(|| unknown(format!("there is no policy {}", quoted(name)))),
    }
}

/// What the narrowest policy's own file says.
pub(crate) fn strict_file() -> Result<Adjustment, PolicyError> {
    policy_named("strict", None)
}

/// Reads a policy file for its own sake.
///
/// # Errors
/// What is wrong with it, by line. Never empty.
pub fn check(file: &PolicyFile<'_>) -> Result<Vec<Notice>, Vec<PolicyError>> {
    Adjustment::read(file).map(|said| said.remarks())
}

/// Whether a policy can have this name: small letters, digits, `-` and `_`, so that it is a file name everywhere and
/// never a path.
pub fn is_policy_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(allowed) && !name.starts_with('-')
}

fn read(file: &PolicyFile<'_>) -> Result<Adjustment, PolicyError> {
    Adjustment::read(file).map_err(|mut errors| errors.remove(0))
}

fn named(name: &str, user_named: Option<&PolicyFile<'_>>) -> Result<Policy, PolicyError> {
    Ok(defined(name, &policy_named(name, user_named)?))
}

/// The policy that its own file defines. What the file leaves out is as in `strict`, which is not read for nothing.
fn defined(name: &str, said: &Adjustment) -> Policy {
    if said.says_everything() {
        return Policy::nothing(name).redefined_by(name, said);
    }
    strict().redefined_by(name, said)
}

/// What a policy starts from. Made once: it is in the binary and never changes.
fn strict() -> &'static Policy {
    static STRICT: OnceLock<Policy> = OnceLock::new();
    STRICT.get_or_init(|| {
        let nothing = Policy::nothing("strict");
        // If it were not known nothing would be allowed, and with limits of 0 nothing can run.
        match said("strict") {
            Some(said) => nothing.redefined_by("strict", &said),
            None => nothing,
        }
    })
}

/// Which part of a request would widen the policy: what the policy's own narrowing would have left without effect.
fn too_wide(policy: &Policy, said: &Adjustment) -> PolicyError {
    let (_, notices) = policy.narrowed_by(said);
    let first = notices.into_iter().next();
    let (key, message) = first.map_or_else(Default::default, |notice| (notice.key, notice.message));
    let what = message.split(" is more than").next().unwrap_or_default();
    PolicyError {
        file: "request".to_string(),
        line: 0,
        key,
        message: format!("{what} is more than policy {} allows here", quoted(&policy.name)),
        hint: "a document or a project may only narrow a policy; you can widen it on the command line, in your own \
               policy, or by trusting the project's file"
            .to_string(),
    }
}

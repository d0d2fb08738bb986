//! What the document that is run says of its own run. It is whoever wrote it that speaks, so it narrows or has no effect.

use crate::adjustment::Adjustment;
use crate::error::{Notice, PolicyError, quoted};
use crate::layers::{PolicyFile, policy_named, strict_file};
use crate::limit::Limit;
use crate::policy::Policy;

/// What a document says. Lines count from 1.
#[derive(Clone, Debug, Default)]
pub struct DocumentWord<'a> {
    /// What it is called in messages.
    pub name: &'a str,
    /// Policies that it wants to be held by.
    pub policies: Vec<DocumentPolicy<'a>>,
    /// Limits that it wants to be held by, by name.
    pub limits: Vec<(u32, &'a str, &'a str)>,
}

/// A policy that a document names.
#[derive(Clone, Debug)]
pub struct DocumentPolicy<'a> {
    /// Where.
    pub line: u32,
    /// Its name.
    pub name: &'a str,
    /// The user's own definition of it.
    pub user_named: Option<PolicyFile<'a>>,
}

impl Policy {
    /// This policy, narrowed by what a document says, and what that says in vain.
    pub(crate) fn held_by(
        &self,
        word: &DocumentWord<'_>,
    ) -> Result<(Policy, Vec<Notice>), PolicyError> {
        let mut policy = self.clone();
        let mut notices = Vec::new();
        let at = |line: u32, error: PolicyError| PolicyError {
            file: word.name.to_string(),
            line,
            ..error
        };
        let notice = |line: u32, key: &str, message: String| Notice {
            file: word.name.to_string(),
            line,
            key: key.to_string(),
            message: format!("{message}; a document may only narrow, so this has no effect"),
        };
        for named in &word.policies {
            let said = policy_named(named.name, named.user_named.as_ref())
                .map_err(|error| at(named.line, error))?;
            let (narrowed, in_vain) = policy.narrowed_by(&said);
            // What its file leaves out is as in `strict`.
            let (narrowed, _) = narrowed.narrowed_by(&strict_file()?.where_silent(&said));
            policy = narrowed;
            if let Some(first) = in_vain.first() {
                let more = format!(
                    "{} allows more than {} (`{}`)",
                    quoted(named.name),
                    quoted(&self.name),
                    first.key
                );
                notices.push(notice(named.line, "policy", more));
            }
        }
        for (line, name, value) in &word.limits {
            let mut said = Adjustment::of_limit(name, value).map_err(|error| at(*line, error))?;
            said.file = word.name.to_string();
            said.limits
                .values_mut()
                .for_each(|limit| limit.line = *line);
            let (narrowed, in_vain) = policy.narrowed_by(&said);
            if !in_vain.is_empty() {
                let (limit, given) = (Limit::named(name), quoted(value));
                let mine = limit.map_or(String::new(), |limit| limit.show(policy.limit(limit)));
                let more = format!(
                    "{given} is more than the policy allows, which is {}",
                    quoted(&mine)
                );
                notices.push(notice(*line, name, more));
            }
            policy = narrowed;
        }
        Ok((policy, notices))
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;

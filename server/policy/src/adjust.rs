//! How a policy changes under what a policy file says: by the user's own word, or by that of a project that may only
//! narrow.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::adjustment::{Adjustment, Listed};
use crate::error::{Notice, quoted};
use crate::network_rule::NetworkRule;
use crate::places::{covers_path, covers_program};
use crate::policy::{Origins, Policy};

/// What a list means in the layer it stands in. In every layer an empty list allows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lists {
    /// The whole of it: a policy's own definition, and a project's file once it is trusted.
    Replace,
    /// More of the same: the user's adjustments to every policy, and requests.
    Add,
}

impl Policy {
    /// This policy as `said` defines it anew: where it is silent, this policy's value stays.
    pub(crate) fn redefined_by(&self, name: &str, said: &Adjustment) -> Policy {
        let mut policy = self.clone();
        policy.name = name.to_string();
        policy.description = said
            .description
            .as_ref()
            .map(|at| at.value.clone())
            .unwrap_or_default();
        if said.hide.is_some() {
            policy.files.hide.clear();
            policy.origins.0.remove("files.hide");
        }
        policy.adjusted_by(said, Lists::Replace)
    }

    /// This policy after the user's own word, which may widen it. Only what is hidden stays hidden.
    pub(crate) fn adjusted_by(&self, said: &Adjustment, lists: Lists) -> Policy {
        let mut policy = self.clone();
        let mut join = Join {
            said,
            origins: &mut policy.origins,
        };
        let wide_path = |wide: &String, narrow: &String| covers_path(wide, narrow);
        let wide_program = |wide: &String, narrow: &String| covers_program(wide, narrow);
        let (files, environment) = (&mut policy.files, &mut policy.environment);
        join.list("files.read", &mut files.read, &said.read, lists, wide_path);
        join.list(
            "network.allow",
            &mut policy.network.allow,
            &said.network,
            lists,
            NetworkRule::covers,
        );
        join.list(
            "programs.allow",
            &mut policy.programs.allow,
            &said.programs,
            lists,
            wide_program,
        );
        join.list(
            "environment.pass",
            &mut environment.pass,
            &said.pass,
            lists,
            String::eq,
        );
        join.variables(&mut environment.set, &said.set, lists);
        join.hide(&mut files.hide, &said.hide);
        if let Some(project) = &said.project {
            files.project = project.value;
            join.sets("files.project", project.line);
        }
        for (limit, value) in &said.limits {
            join.sets(limit.key(), value.line);
        }
        for (limit, value) in &said.limits {
            policy.set_limit(*limit, value.value);
        }
        policy.settled()
    }

    /// This policy after the word of somebody who may only narrow it. What `said` allows beyond this policy is without
    /// effect, and told.
    pub fn narrowed_by(&self, said: &Adjustment) -> (Policy, Vec<Notice>) {
        let mut policy = self.clone();
        let mut notices = Vec::new();
        let mut join = Join {
            said,
            origins: &mut policy.origins,
        };
        let wide_path = |wide: &String, narrow: &String| covers_path(wide, narrow);
        let wide_program = |wide: &String, narrow: &String| covers_program(wide, narrow);
        let (files, environment) = (&mut policy.files, &mut policy.environment);
        notices.extend(join.meet("files.read", &mut files.read, &said.read, wide_path));
        notices.extend(join.meet(
            "network.allow",
            &mut policy.network.allow,
            &said.network,
            NetworkRule::covers,
        ));
        notices.extend(join.meet(
            "programs.allow",
            &mut policy.programs.allow,
            &said.programs,
            wide_program,
        ));
        notices.extend(join.meet(
            "environment.pass",
            &mut environment.pass,
            &said.pass,
            String::eq,
        ));
        notices.extend(join.meet_variables(&mut environment.set, &said.set));
        join.hide(&mut files.hide, &said.hide);
        if let Some(project) = &said.project {
            if project.value < files.project {
                files.project = project.value;
                join.sets("files.project", project.line);
            } else if project.value > files.project {
                let (theirs, mine) = (project.value.as_str(), files.project.as_str());
                notices.push(join.in_vain("files.project", project.line, theirs, mine));
            }
        }
        for (limit, said_value) in &said.limits {
            let (mine, theirs) = (self.limit(*limit), said_value.value);
            if theirs < mine {
                join.sets(limit.key(), said_value.line);
            } else if theirs > mine {
                let (theirs, mine) = (limit.show(theirs), limit.show(mine));
                notices.push(join.in_vain(limit.key(), said_value.line, &theirs, &mine));
            }
        }
        for (limit, said_value) in &said.limits {
            policy.set_limit(*limit, said_value.value.min(self.limit(*limit)));
        }
        notices.sort_by_key(|notice| notice.line);
        (policy.settled(), notices)
    }

    /// A variable with a value of the policy's own is not passed on as well: then nobody can reveal the user's value by
    /// taking the policy's away.
    fn settled(mut self) -> Policy {
        let set = &self.environment.set;
        self.environment.pass.retain(|name| !set.contains_key(name));
        self
    }
}

/// Joins what a file says to the values of a policy, and keeps account of where each value comes from.
struct Join<'a> {
    said: &'a Adjustment,
    origins: &'a mut Origins,
}

impl Join<'_> {
    fn sets(&mut self, key: &'static str, line: u32) {
        self.origins.0.insert(key, vec![self.said.place(line)]);
    }

    fn adds(&mut self, key: &'static str, line: u32) {
        self.origins
            .0
            .entry(key)
            .or_default()
            .push(self.said.place(line));
    }

    fn list<T: Clone>(
        &mut self,
        key: &'static str,
        mine: &mut Vec<T>,
        said: &Listed<T>,
        lists: Lists,
        covers: impl Fn(&T, &T) -> bool,
    ) {
        let Some(said) = said else { return };
        if lists == Lists::Replace || said.value.is_empty() {
            mine.clear();
            self.origins.0.remove(key);
        }
        let before = mine.len();
        for item in &said.value {
            if !mine.iter().any(|mine| covers(mine, &item.value)) {
                mine.push(item.value.clone());
            }
        }
        if before == 0 || mine.len() > before {
            self.adds(key, said.line);
        }
    }

    fn variables(
        &mut self,
        mine: &mut BTreeMap<String, String>,
        said: &Listed<(String, String)>,
        lists: Lists,
    ) {
        let Some(said) = said else { return };
        if lists == Lists::Replace || said.value.is_empty() {
            mine.clear();
            self.origins.0.remove("environment.set");
        }
        mine.extend(said.value.iter().map(|variable| variable.value.clone()));
        self.adds("environment.set", said.line);
    }

    fn hide(&mut self, mine: &mut Vec<String>, said: &Listed<String>) {
        let Some(said) = said else { return };
        let before = mine.len();
        for glob in &said.value {
            if !mine.contains(&glob.value) {
                mine.push(glob.value.clone());
            }
        }
        if mine.len() > before || self.origins.of("files.hide").is_empty() {
            self.adds("files.hide", said.line);
        }
    }

    /// Leaves in `mine` what both allow. Of two rules that overlap, one always covers the other.
    fn meet<T: Clone + PartialEq + Display>(
        &mut self,
        key: &'static str,
        mine: &mut Vec<T>,
        said: &Listed<T>,
        covers: impl Fn(&T, &T) -> bool,
    ) -> Vec<Notice> {
        let Some(said) = said else { return Vec::new() };
        let mut both: Vec<T> = Vec::new();
        for rule in mine.iter() {
            for theirs in said.value.iter().map(|theirs| &theirs.value) {
                let narrower = match (covers(rule, theirs), covers(theirs, rule)) {
                    (true, _) => theirs,
                    (false, true) => rule,
                    (false, false) => continue,
                };
                if !both.contains(narrower) {
                    both.push(narrower.clone());
                }
            }
        }
        let wider = said
            .value
            .iter()
            .filter(|theirs| !mine.iter().any(|rule| covers(rule, &theirs.value)));
        let notices = wider
            .map(|theirs| self.in_vain_item(key, theirs.line, &theirs.value.to_string()))
            .collect();
        if both.len() != mine.len() || both.iter().any(|rule| !mine.contains(rule)) {
            *mine = both;
            self.sets(key, said.line);
        }
        notices
    }

    fn meet_variables(
        &mut self,
        mine: &mut BTreeMap<String, String>,
        said: &Listed<(String, String)>,
    ) -> Vec<Notice> {
        let Some(said) = said else { return Vec::new() };
        let key = "environment.set";
        let wider = said
            .value
            .iter()
            .filter(|at| mine.get(&at.value.0) != Some(&at.value.1));
        let notices = wider
            .map(|at| self.in_vain_item(key, at.line, &at.value.0))
            .collect();
        let before = mine.len();
        mine.retain(|name, value| {
            said.value
                .iter()
                .any(|at| at.value.0 == *name && at.value.1 == *value)
        });
        if mine.len() < before {
            self.sets(key, said.line);
        }
        notices
    }

    fn in_vain(&self, key: &str, line: u32, theirs: &str, mine: &str) -> Notice {
        let (theirs, mine) = (quoted(theirs), quoted(mine));
        self.notice(
            key,
            line,
            format!("{theirs} is more than your policy allows, which is {mine}"),
        )
    }

    fn in_vain_item(&self, key: &str, line: u32, theirs: &str) -> Notice {
        self.notice(
            key,
            line,
            format!("{} is more than your policy allows", quoted(theirs)),
        )
    }

    fn notice(&self, key: &str, line: u32, message: String) -> Notice {
        Notice {
            file: self.said.file.clone(),
            line,
            key: key.to_string(),
            message: format!("{message}; it has no effect until you trust this file"),
        }
    }
}

//! Which policies there are, and which one runs have that name none.

use std::sync::Arc;

use belljar_policy::{Layers, PolicyFile, resolve};
use belljar_report::displayable_line;
use belljar_runs::{LocalHost, read_policy_files};
use serde_json::Value;
use tower_lsp::ls_types::MessageType;

use crate::actor::Actor;
use crate::commands::to_value;
use crate::inbox::{Answer, Problem};
use crate::wire::{PoliciesReply, PolicyChoice, PolicyEntry};

const LONGEST: usize = 500;

impl Actor {
    /// Answers with all policies, in a task of its own, because it reads their files.
    pub(crate) fn list_policies(&self, answer: Answer<Result<Value, Problem>>) {
        let runner = Arc::clone(&self.runner);
        let active = self.profile.policy().to_owned();
        tokio::task::spawn_blocking(move || {
            let policies = runner.policy_names().into_iter();
            let policies = policies
                .map(|name| PolicyEntry {
                    description: displayable_line(&description(&name), LONGEST),
                    active: name == active,
                    name,
                })
                .collect();
            let _ = answer.send(to_value(&PoliciesReply { policies }));
        });
    }

    /// Tells the user which policy is in force and which there are.
    pub(crate) fn tell_policies(&self) {
        let names = self.runner.policy_names().join("`, `");
        let policy = self.profile.policy();
        let text = format!("Runs have policy `{policy}`. There are `{names}`.");
        self.say(MessageType::INFO, text);
    }

    /// Chooses the policy of runs that name none, or tells the user what there is to choose from.
    pub(crate) fn use_policy(&mut self, choice: PolicyChoice) -> Result<Value, Problem> {
        let names = self.runner.policy_names();
        match choice.policy {
            Some(name) if !names.contains(&name) => {
                let name = displayable_line(&name, LONGEST);
                let there_are = names.join("`, `");
                return Err(Problem(format!(
                    "There is no policy `{name}`. There are `{there_are}`."
                )));
            }
            Some(name) => {
                // Our own plugins show it themselves.
                if !self.profile.own_ui {
                    let text = format!("Runs now have policy `{name}`.");
                    self.say(MessageType::INFO, text);
                }
                self.profile.settings.policy = Some(name);
            }
            None => self.tell_policies(),
        }
        to_value(&PolicyChoice {
            policy: Some(self.profile.policy().to_owned()),
        })
    }
}

/// What the policy `name` says that it is for. Reads its file, if it is the user's own.
fn description(name: &str) -> String {
    let Ok([own, ..]) = read_policy_files(&LocalHost, name, None) else {
        return String::new();
    };
    let layers = Layers {
        name,
        user_named: own.as_ref().map(|own| PolicyFile {
            name: own.name.clone(),
            text: &own.content,
        }),
        ..Layers::default()
    };
    resolve(&layers).map_or_else(
        |error| format!("wrong: {error}"),
        |resolved| resolved.policy.description.clone(),
    )
}

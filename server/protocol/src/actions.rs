//! What can be done at a place. Every action is whole when it is sent, because Helix stands still while it asks for
//! the rest of one.

use belljar_report::displayable_line;
use belljar_runs::Catalogue;
use serde_json::{Value, json};
use tower_lsp::ls_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, CodeActionTriggerKind,
    Command, Diagnostic, Position, Range,
};

use crate::diagnostics::{allowable, place};
use crate::documents::Document;
use crate::expectations;
use crate::granting::Pending;
use crate::positions::{char_at, line_text, number};
use crate::profile::Profile;
use crate::selection::chosen_lines;
use crate::shown::ShownRun;
use crate::wire::{self, Scope, What};

/// What can be run, the likeliest first.
const PARTS: [What; 7] = [
    What::Selection,
    What::Block,
    What::Cell,
    What::UpTo,
    What::File,
    What::Function,
    What::Line,
];

/// What there is to know for a menu.
pub struct Menu<'a> {
    /// The document.
    pub document: &'a Document,
    /// The languages that can be run.
    pub languages: &'a Catalogue,
    /// Its runs, the oldest first.
    pub runs: Vec<&'a ShownRun>,
    /// The policies that the user has.
    pub policies: &'a [String],
    /// The change of a policy file that the user is asked about.
    pub pending: Option<&'a Pending>,
    /// The client.
    pub profile: &'a Profile,
}

impl Menu<'_> {
    /// The menu that the client asked for.
    pub fn make(&self, asked: &CodeActionParams) -> Vec<CodeActionOrCommand> {
        let text = &self.document.text;
        let encoding = self.profile.encoding;
        let chosen = chosen_lines(text, asked.range, encoding);
        let at = |position| text.char_to_line(char_at(text, position, encoding));
        let (first, last) = chosen.unwrap_or((at(asked.range.start), at(asked.range.start)));
        let wants = |kind: &str| {
            let only = asked.context.only.as_ref();
            only.is_none_or(|only| only.iter().any(|wanted| includes(wanted.as_str(), kind)))
        };
        let mut actions = Vec::new();
        if wants(CodeActionKind::QUICKFIX.as_str()) {
            self.allow(&mut actions, &asked.context.diagnostics, first, last);
            self.update(&mut actions, &asked.context.diagnostics, first, last);
        }
        // An editor that asks on every move of the cursor would show its sign for our menu on every line.
        let automatic = asked.context.trigger_kind == Some(CodeActionTriggerKind::AUTOMATIC);
        if wants(wire::ACTION_KIND) && !(automatic && chosen.is_none()) {
            self.run(&mut actions, chosen, (first, last));
            self.results(&mut actions, first, last);
        }
        actions
    }

    /// "Run …" for every part that there is at the lines `at`, and the first of them with each other policy.
    fn run(
        &self,
        actions: &mut Vec<CodeActionOrCommand>,
        chosen: Option<(usize, usize)>,
        at: (usize, usize),
    ) {
        if !self.document.is_runnable(self.languages, at.0, at.1) {
            return;
        }
        let is_program = self.document.kind.runtime.is_some();
        let is_there = |what: What| match what {
            What::Selection => chosen.is_some(),
            What::Line => chosen.is_none() && !self.is_blank(at.0),
            What::File => is_program && self.document.in_notebook.is_none(),
            what => self.document.part_at(self.languages, what, at.0).is_some(),
        };
        let uri = &self.document.uri;
        let arguments = |what: What| match (what, chosen) {
            (What::File, _) => json!({"uri": uri, "what": what}),
            (What::Selection, Some((first, last))) => {
                let (start, end) = (number(first), number(last + 1));
                let range = Range::new(Position::new(start, 0), Position::new(end, 0));
                json!({"uri": uri, "what": what, "range": range})
            }
            _ => json!({"uri": uri, "what": what, "position": Position::new(number(at.0), 0)}),
        };
        let mut parts = PARTS.into_iter().filter(|what| is_there(*what)).peekable();
        let usual = parts.peek().copied();
        for what in parts {
            let title = format!("Run {} in sandbox", what.noun());
            self.add(actions, title, wire::RUN, arguments(what));
        }
        let Some(what) = usual else { return };
        for policy in self.policies {
            if policy != self.profile.policy() {
                let mut arguments = arguments(what);
                arguments["policy"] = json!(policy);
                let title = format!("Run {} in sandbox ({policy})", what.noun());
                self.add(actions, title, wire::RUN, arguments);
            }
        }
    }

    fn is_blank(&self, line: usize) -> bool {
        let text = line_text(&self.document.text, line);
        text.chars().all(char::is_whitespace)
    }

    /// What can be done with runs that there are.
    fn results(&self, actions: &mut Vec<CodeActionOrCommand>, first: usize, last: usize) {
        let live: Vec<_> = self.runs.iter().filter(|run| run.is_live()).collect();
        for run in &live {
            let lines = if live.len() > 1 {
                lines_of(run)
            } else {
                String::new()
            };
            let title = format!("Stop sandbox run{lines}");
            self.add(actions, title, wire::CANCEL, json!({"run": run.id.0}));
        }
        let over = || self.runs.iter().rev().filter(|run| !run.is_live());
        let Some(run) = over()
            .find(|run| run.touches(first, last))
            .or_else(|| over().next())
        else {
            return;
        };
        let this = json!({"run": run.id.0});
        self.add(
            actions,
            "Run again in sandbox".into(),
            wire::RERUN,
            this.clone(),
        );
        self.add(
            actions,
            "Show full sandbox output".into(),
            wire::SHOW_OUTPUT,
            this,
        );
        let here = json!({"uri": self.document.uri});
        self.add(actions, "Clear sandbox results".into(), wire::CLEAR, here);
    }

    /// "Allow once …" for violations on the lines `first` to `last`.
    fn allow(
        &self,
        actions: &mut Vec<CodeActionOrCommand>,
        marked: &[Diagnostic],
        first: usize,
        last: usize,
    ) {
        self.agree(actions, first, last);
        let mut offered: Vec<&str> = Vec::new();
        for run in self.runs.iter().rev().filter(|run| !run.is_live()) {
            for (index, violation) in run.violations().iter().enumerate() {
                let (line, _) = place(run, violation);
                let Some(rule) = allowable(run, index) else {
                    continue;
                };
                if line < first || line > last || offered.contains(&rule) {
                    continue;
                }
                offered.push(rule);
                let lasting = run.lasting.get(rule).map_or(&[][..], Vec::as_slice);
                let fixes: Vec<Diagnostic> = marked
                    .iter()
                    .filter(|diagnostic| is_about(diagnostic, &run.id.0, index))
                    .cloned()
                    .collect();
                for (scope, words) in SCOPES {
                    if scope != Scope::Once && !lasting.contains(&scope) {
                        continue;
                    }
                    let title = format!("{words}: {rule}");
                    let arguments = json!({"run": run.id.0, "violation": index, "scope": scope});
                    let command = Command::new(title, wire::ALLOW.into(), Some(vec![arguments]));
                    actions.push(self.finish(command, CodeActionKind::QUICKFIX, fixes.clone()));
                }
            }
        }
    }

    /// "Update expectation" for what was printed on the lines `first` to `last` and not expected. Only an editor that takes an
    /// edit with the action can do that.
    fn update(
        &self,
        actions: &mut Vec<CodeActionOrCommand>,
        marked: &[Diagnostic],
        first: usize,
        last: usize,
    ) {
        if !self.profile.action_literals {
            return;
        }
        for run in self.runs.iter().rev() {
            let unmet = run.report().into_iter().flat_map(|report| report.unmet());
            let here =
                unmet.filter(|(_, one)| run.now(one.line) <= last && first <= run.now(one.last));
            for (index, one) in here {
                let encoding = self.profile.encoding;
                let Some(edit) = expectations::update(self.document, run, one, encoding) else {
                    continue;
                };
                let about = |diagnostic: &&Diagnostic| {
                    data_of(diagnostic)
                        .is_some_and(|data| data.run == run.id.0 && data.expectation == Some(index))
                };
                let fixes: Vec<Diagnostic> = marked.iter().filter(about).cloned().collect();
                let action = CodeAction {
                    title: "Update expectation".to_owned(),
                    kind: Some(CodeActionKind::QUICKFIX),
                    diagnostics: (!fixes.is_empty()).then_some(fixes),
                    edit: Some(edit),
                    ..CodeAction::default()
                };
                actions.push(action.into());
            }
        }
    }

    /// "Write it …" for a change that the user was shown and not asked about, because the client does not ask.
    fn agree(&self, actions: &mut Vec<CodeActionOrCommand>, first: usize, last: usize) {
        let Some(pending) = self.pending else { return };
        let mut runs = self.runs.iter();
        let Some(run) = runs.find(|run| run.id == pending.run) else {
            return;
        };
        let violation = run.violations().get(pending.violation);
        let line = violation.map_or(run.first(), |violation| place(run, violation).0);
        if line < first || line > last {
            return;
        }
        let path = pending.proposal.path.display().to_string();
        let title = format!(
            "Write it: {} to {}",
            pending.proposal.rule,
            displayable_line(&path, 200)
        );
        let arguments = json!({
            "run": pending.run.0,
            "violation": pending.violation,
            "scope": pending.scope,
            "agreed": pending.name,
        });
        let command = Command::new(title, wire::ALLOW.into(), Some(vec![arguments]));
        actions.push(self.finish(command, CodeActionKind::QUICKFIX, Vec::new()));
    }

    fn add(
        &self,
        actions: &mut Vec<CodeActionOrCommand>,
        title: String,
        command: &str,
        arguments: Value,
    ) {
        let command = Command::new(title, command.into(), Some(vec![arguments]));
        actions.push(self.finish(command, CodeActionKind::from(wire::ACTION_KIND), Vec::new()));
    }

    fn finish(
        &self,
        command: Command,
        kind: CodeActionKind,
        fixes: Vec<Diagnostic>,
    ) -> CodeActionOrCommand {
        if !self.profile.action_literals {
            return command.into();
        }
        CodeAction {
            title: command.title.clone(),
            kind: Some(kind),
            diagnostics: (!fixes.is_empty()).then_some(fixes),
            command: Some(command),
            ..CodeAction::default()
        }
        .into()
    }
}

/// What the user can agree to, from the narrowest to the widest.
const SCOPES: [(Scope, &str); 3] = [
    (Scope::Once, "Allow once and run again"),
    (Scope::Project, "Allow in this project"),
    (Scope::User, "Allow for me everywhere"),
];

fn lines_of(run: &ShownRun) -> String {
    format!(" (lines {} to {})", run.first() + 1, run.last() + 1)
}

/// Whether somebody who wants actions of the kind `wanted` wants those of the kind `kind`.
fn includes(wanted: &str, kind: &str) -> bool {
    wanted.is_empty()
        || kind
            .strip_prefix(wanted)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn is_about(diagnostic: &Diagnostic, run: &str, violation: usize) -> bool {
    data_of(diagnostic).is_some_and(|data| data.run == run && data.violation == Some(violation))
}

fn data_of(diagnostic: &Diagnostic) -> Option<wire::DiagnosticData> {
    serde_json::from_value(diagnostic.data.clone()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_includes_itself_and_what_is_below_it() {
        assert!(includes("", "belljar.run"));
        assert!(includes("belljar", "belljar.run"));
        assert!(includes("belljar.run", "belljar.run"));
        assert!(!includes("belljar.r", "belljar.run"));
        assert!(!includes("source.fixAll", "quickfix"));
    }
}

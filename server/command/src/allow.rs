//! `belljar policy allow`: writes a rule into a policy file, after it was shown what that changes.

use std::io::{self, BufRead, IsTerminal, Write};

use belljar_report::displayable_line;
use belljar_runs::{
    LocalHost, Proposal, Refusal, Scope, Trust, Written, find_project, propose, write,
};

use crate::options::AllowOptions;
use crate::policy::{Problem, working_directory};

const LONGEST_LINE: usize = 1000;

/// Shows the change, asks, and writes it. What is left to say, and whether all is well.
pub fn allow(options: &AllowOptions) -> Result<(String, bool), Problem> {
    let refused = |refusal: Refusal| (refusal.reason, refusal.hint);
    let scope = if options.project {
        Scope::Project
    } else {
        Scope::User
    };
    let project = find_project(
        &LocalHost,
        options.directory.as_deref(),
        working_directory().as_deref(),
    )
    .map_err(refused)?;
    let proposal = propose(
        &LocalHost,
        &options.policy,
        project.as_deref(),
        &options.rule,
        scope,
    )
    .map_err(refused)?;
    let mut text = shown(&proposal.diff());
    if proposal.trust == Trust::Needed {
        text.push_str(
            "You do not trust this file as it is, so the rule has no effect until you have read all of it and said: \
             belljar policy trust\n",
        );
    }
    if !options.yes {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            let what = format!("{text}Not written: there is nobody to ask.");
            return Err((what, "to write it without being asked: --yes".to_owned()));
        }
        eprint!("{text}Write it? [y/N] ");
        if !agrees() {
            return Ok(("Not written.\n".to_owned(), false));
        }
        text.clear();
    }
    text.push_str(&written(&proposal, write(&proposal).map_err(refused)?));
    Ok((text, true))
}

fn agrees() -> bool {
    let _ = io::stderr().flush();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

fn written(proposal: &Proposal, written: Written) -> String {
    let path = proposal.path.display();
    match written {
        Written::InForce => format!("Written: {path}\n"),
        Written::Inert => format!(
            "Written: {path}\nIt has no effect until you trust that file: belljar policy trust\n"
        ),
    }
}

/// A diff line by line, so that no line of a file can look like two or hide another.
pub fn shown(diff: &str) -> String {
    let lines = diff
        .lines()
        .map(|line| displayable_line(line, LONGEST_LINE));
    lines.map(|line| line + "\n").collect()
}

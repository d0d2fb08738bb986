//! `belljar runtimes`: each language, what runs it and where that was found, or how to install it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use belljar_report::{Ending, displayable_line};
use belljar_runs::{Conductor, Host, LocalHost, LocalPlanner, Run, Source};
use belljar_runtime::Places;
use belljar_sandbox::Launcher;
use serde::Serialize;

use crate::canary;
use crate::options::{RuntimesCommand, RuntimesOptions};
use crate::own_runs;
use crate::pages::print;

/// A language, as `--json` prints it.
#[derive(Serialize)]
struct Language {
    id: String,
    name: String,
    extensions: Vec<String>,
    /// Where it is described.
    file: String,
    /// Nobody has seen it run anything.
    untested: bool,
    /// What runs it; empty if something is missing.
    tools: Vec<Tool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Missing>,
}

#[derive(Serialize)]
struct Tool {
    name: String,
    path: PathBuf,
    version: Option<String>,
    #[serde(skip)]
    ask: Vec<String>,
}

#[derive(Serialize)]
struct Missing {
    tool: String,
    install: String,
}

/// Lists them all, or checks files.
pub fn runtimes(launcher: Launcher, options: &RuntimesOptions) -> ExitCode {
    if let Some(RuntimesCommand::Check { files }) = &options.command {
        return canary::check(launcher, files);
    }
    let planner = LocalPlanner::default();
    let (catalogue, errors) = planner.catalogue();
    for error in errors {
        eprintln!("belljar: {}", displayable_line(&error.to_string(), 1000));
    }
    let directory = LocalHost.working_directory();
    let places = Places {
        project: directory.as_deref(),
        directory: directory.as_deref(),
        root: directory.as_deref(),
    };
    let mut languages: Vec<Language> = catalogue
        .iter()
        .map(|runtime| {
            let found = runtime.find(&LocalHost, &places);
            let tool = |tool: belljar_runtime::FoundTool| Tool {
                name: tool.id,
                path: tool.path,
                version: None,
                ask: tool.version,
            };
            let (tools, missing) = match found {
                Ok(way) => (way.tools.into_iter().map(tool).collect(), None),
                Err(missing) => (
                    Vec::new(),
                    Some(Missing {
                        tool: missing.tool,
                        install: missing.install,
                    }),
                ),
            };
            Language {
                id: runtime.id().to_owned(),
                name: runtime.name().to_owned(),
                extensions: runtime.extensions().to_vec(),
                file: runtime.file().to_owned(),
                untested: runtime.is_untested(),
                tools,
                missing,
            }
        })
        .collect();
    if !options.no_versions
        && let Err(error) = ask_versions(launcher, &mut languages)
    {
        eprintln!("belljar: could not ask the tools for their versions: {error}");
    }
    let text = if options.json {
        let mut json = serde_json::to_string_pretty(&languages).unwrap_or_default();
        json.push('\n');
        json
    } else {
        in_words(&languages)
    };
    print(text.as_bytes())
}

/// Asks every tool for its version, in a cell: a tool of a project is a stranger's program.
fn ask_versions(launcher: Launcher, languages: &mut [Language]) -> std::io::Result<()> {
    own_runs::block_on(async {
        let conductor = Conductor::new(launcher, 0);
        let tools = languages
            .iter_mut()
            .flat_map(|language| &mut language.tools);
        let asked: Vec<_> = tools
            .filter(|tool| !tool.ask.is_empty())
            .map(|tool| {
                let argv = tool.ask.clone();
                let run = conductor.submit(own_runs::request(Source::Command { argv }));
                (tool, run)
            })
            .collect();
        for (tool, run) in asked {
            tool.version = version(run).await;
        }
    })
}

async fn version(run: Run) -> Option<String> {
    let report = own_runs::report(run).await?;
    if report.ending != Some(Ending::Exited { code: 0 }) {
        return None;
    }
    // Some print it to the one, some to the other.
    let text = if report.stdout.trim().is_empty() {
        report.stderr
    } else {
        report.stdout
    };
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    Some(displayable_line(line.trim(), 100))
}

fn in_words(languages: &[Language]) -> String {
    let mut text = String::new();
    let width = languages
        .iter()
        .map(|language| language.id.len())
        .max()
        .unwrap_or(0);
    for language in languages {
        let mut start = language.id.as_str();
        let mut untested = if language.untested {
            "  (untested)"
        } else {
            ""
        };
        if let Some(Missing { tool, install }) = &language.missing {
            let _ = writeln!(
                text,
                "{start:<width$}  missing: {tool}; {install}{untested}"
            );
        }
        for tool in &language.tools {
            let path = displayable_line(&tool.path.to_string_lossy(), 500);
            let version = tool
                .version
                .as_deref()
                .map_or(String::new(), |version| format!("  ({version})"));
            let _ = writeln!(text, "{start:<width$}  {path}{version}{untested}");
            (start, untested) = ("", "");
        }
        if language.missing.is_none() && language.tools.is_empty() {
            let _ = writeln!(text, "{start:<width$}  needs nothing");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_says_how_to_get_it() {
        let language = |id: &str, tools, missing| Language {
            id: id.into(),
            name: id.into(),
            extensions: vec![],
            file: String::new(),
            untested: id == "ruby",
            tools,
            missing,
        };
        let tool = Tool {
            name: "python".into(),
            path: "/usr/bin/python3".into(),
            version: Some("Python 3.13.5".into()),
            ask: vec![],
        };
        let missing = Missing {
            tool: "ruby".into(),
            install: "run `apt install ruby`".into(),
        };
        let text = in_words(&[
            language("python", vec![tool], None),
            language("ruby", vec![], Some(missing)),
        ]);
        assert_eq!(
            text,
            "python  /usr/bin/python3  (Python 3.13.5)\nruby    missing: ruby; run `apt install ruby`  (untested)\n"
        );
    }
}

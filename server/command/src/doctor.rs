//! `belljar doctor`: what protects a run on this machine, what does not and why, and the command that mends it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use belljar_report::{Ending, Posture, Report, ending_words};
use belljar_runs::{Conductor, LocalHost, Part, Source, kept_in};
use belljar_sandbox::{Launcher, Stock, doctor, stock};
use serde::Serialize;

use crate::options::DoctorOptions;
use crate::own_runs;
use crate::pages::print;

/// Since 24.04 Ubuntu lets only programs with a profile make user namespaces. This one gives Belljar that and takes
/// nothing away from it.
const APPARMOR_PROFILE: &str = "\
# Lets Belljar make sandboxes. Install it with:
#   belljar doctor --apparmor-profile | sudo tee /etc/apparmor.d/belljar
#   sudo apparmor_parser -r /etc/apparmor.d/belljar
abi <abi/4.0>,
include <tunables/global>

profile belljar {PATH} flags=(unconfined) {
  userns,

  include if exists <local/belljar>
}
";

/// Everything that the doctor found, as `--json` prints it.
#[derive(Serialize)]
struct Diagnosis<'a> {
    /// A program was run under glass.
    works: bool,
    ending: &'a Option<Ending>,
    posture: Option<&'a Posture>,
    layers: Vec<Layer>,
    kept: Option<Kept>,
}

/// What is kept of programs that were compiled.
#[derive(Serialize)]
struct Kept {
    directory: PathBuf,
    programs: u64,
    bytes: u64,
}

impl Kept {
    fn look() -> Option<Kept> {
        let directory = kept_in(&LocalHost)?;
        let Stock { programs, bytes } = stock(&directory);
        Some(Kept {
            directory,
            programs,
            bytes,
        })
    }
}

#[derive(Serialize)]
struct Layer {
    layer: String,
    on: bool,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// Examines this machine. Succeeds if a program can be run.
pub fn doctor(launcher: Launcher, options: &DoctorOptions) -> ExitCode {
    if options.apparmor_profile {
        return print(profile().as_bytes());
    }
    let layers: Vec<Layer> = doctor::examine()
        .into_iter()
        .map(|finding| Layer {
            layer: finding.layer.to_string(),
            on: finding.on,
            detail: finding.detail.to_string(),
            remedy: finding.remedy.map(|remedy| remedy.to_string()),
        })
        .collect();
    let report = match try_out(launcher) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("belljar: could not try a run: {error}");
            return ExitCode::FAILURE;
        }
    };
    let works = report.ending == Some(Ending::Exited { code: 0 });
    let text = if options.json {
        let posture = works.then_some(&report.posture);
        let diagnosis = Diagnosis {
            works,
            ending: &report.ending,
            posture,
            layers,
            kept: Kept::look(),
        };
        let mut json = serde_json::to_string_pretty(&diagnosis).unwrap_or_default();
        json.push('\n');
        json
    } else {
        in_words(&layers, &report, works) + &kept_in_words(Kept::look().as_ref())
    };
    let printed = print(text.as_bytes());
    if works { printed } else { ExitCode::FAILURE }
}

/// What to do about a failure that the layers may explain.
const UNEXPLAINED: &str = "if nothing that is OFF above explains it, please report it, with what `belljar doctor --json` prints";

/// Runs the smallest program there is, under the default policy.
fn try_out(launcher: Launcher) -> std::io::Result<Report> {
    // A text that lies nowhere belongs to no project: the doctor looks at the machine alone.
    let request = own_runs::request(Source::Document {
        path: None,
        name: "<doctor>".to_owned(),
        language: Some("sh".to_owned()),
        text: std::sync::Arc::from(&b":\n"[..]),
        lines: None,
        part: Part::default(),
    });
    own_runs::block_on(async {
        let run = Conductor::new(launcher, 1).submit(request);
        own_runs::report(run).await.unwrap_or_default()
    })
}

fn in_words(layers: &[Layer], report: &Report, works: bool) -> String {
    let mut text = String::new();
    let width = layers
        .iter()
        .map(|layer| layer.layer.chars().count())
        .max()
        .unwrap_or(0);
    for Layer {
        layer,
        on,
        detail,
        remedy,
    } in layers
    {
        let state = if *on { "on " } else { "OFF" };
        let _ = writeln!(text, "{state}  {layer:<width$}  {detail}");
        if let Some(remedy) = remedy {
            let _ = writeln!(text, "     {:<width$}  mend it: {remedy}", "");
        }
    }
    text.push('\n');
    if works {
        let _ = writeln!(
            text,
            "A program was run under glass. What it found around it:"
        );
        for (name, value) in posture(&report.posture) {
            let _ = writeln!(text, "     {name}: {value}");
        }
        for note in &report.posture.notes {
            let _ = writeln!(
                text,
                "     note: {}",
                belljar_report::displayable_line(note, 1000)
            );
        }
    } else {
        let _ = writeln!(
            text,
            "No program can be run under glass here, and none is run without."
        );
        if let Some((what, hint)) = ending_words(report) {
            let _ = writeln!(text, "     {what}");
            // Whoever reads this has asked the doctor already.
            let hint = hint.map(|hint| match hint.contains("`belljar doctor`") {
                true => UNEXPLAINED.to_owned(),
                false => hint,
            });
            if let Some(hint) = hint {
                let _ = writeln!(text, "     hint: {hint}");
            }
        }
    }
    text
}

fn kept_in_words(kept: Option<&Kept>) -> String {
    let Some(kept) = kept else {
        return "Compiled programs are not kept: there is no home directory.\n".to_owned();
    };
    let place = belljar_report::displayable_line(&kept.directory.to_string_lossy(), 500);
    let size = kept.bytes.div_ceil(1 << 20);
    format!(
        "Compiled programs are kept in {place}: {} now, {size} MiB.\n",
        kept.programs
    )
}

/// The posture as names and values, in the order of its declaration.
fn posture(posture: &Posture) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(posture) else {
        return Vec::new();
    };
    let words = |value: &serde_json::Value| match value {
        serde_json::Value::Bool(true) => "yes".to_owned(),
        serde_json::Value::Bool(false) => "no".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let shown = fields.iter().filter(|(name, _)| *name != "notes");
    shown
        .map(|(name, value)| (name.replace('_', " "), words(value)))
        .collect()
}

fn profile() -> String {
    let path = std::env::current_exe().ok();
    let path = path
        .as_ref()
        .and_then(|path| path.to_str())
        .unwrap_or("/usr/bin/belljar");
    // In a profile some characters mean something; quoting takes care of blanks only.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    let path = if path.chars().all(is_plain) {
        path
    } else {
        "/usr/bin/belljar"
    };
    APPARMOR_PROFILE.replace("{PATH}", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_is_on_or_off_and_says_how_to_mend_it() {
        let layers = [
            Layer {
                layer: "seccomp".into(),
                on: true,
                detail: "filters are there".into(),
                remedy: None,
            },
            Layer {
                layer: "user namespace".into(),
                on: false,
                detail: "EPERM".into(),
                remedy: Some("sysctl x".into()),
            },
        ];
        let report = Report {
            ending: Some(Ending::Exited { code: 0 }),
            ..Report::default()
        };
        let text = in_words(&layers, &report, true);
        assert!(
            text.contains("on   seccomp         filters are there\n"),
            "{text}"
        );
        assert!(text.contains("OFF  user namespace  EPERM\n"), "{text}");
        assert!(text.contains("mend it: sysctl x\n"), "{text}");
        assert!(text.contains("network namespace: no\n"), "{text}");
    }

    #[test]
    fn nobody_who_asks_the_doctor_is_sent_to_the_doctor() {
        let failed = |hint: &str| Report {
            ending: Some(Ending::Failed {
                step: "make namespaces".into(),
                errno: "EPERM".into(),
                hint: hint.into(),
            }),
            ..Report::default()
        };
        let text = in_words(&[], &failed("`belljar doctor` shows which layer"), false);
        assert!(text.contains("step `make namespaces` failed"), "{text}");
        assert!(text.ends_with(&format!("hint: {UNEXPLAINED}\n")), "{text}");
        let text = in_words(&[], &failed("raise the limit"), false);
        assert!(text.ends_with("hint: raise the limit\n"), "{text}");
    }

    #[test]
    fn the_profile_names_this_program() {
        let path = std::env::current_exe().expect("this test");
        assert!(profile().contains(&format!(
            "profile belljar {} flags=(unconfined)",
            path.display()
        )));
    }
}

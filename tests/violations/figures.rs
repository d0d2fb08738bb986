//! Adds up verdicts, prints them, and says whether they are good enough.

use std::collections::BTreeMap;

use crate::score::{Came, Verdict, in_words};
use crate::snippet::Snippet;
use crate::told::Told;

/// However much was told instead of what is missing, so many are enough to see why.
const TOLD_INSTEAD: usize = 5;

/// How many of a class came how near.
#[derive(Default, Clone, Copy)]
pub struct Count {
    pub all: u32,
    pub found: u32,
    pub on_line: u32,
    pub preferred: u32,
}

impl Count {
    fn add(&mut self, came: Came) {
        self.all += 1;
        self.found += u32::from(came > Came::Missed);
        self.on_line += u32::from(came > Came::Elsewhere);
        self.preferred += u32::from(came == Came::Preferred);
    }

    fn recall(&self) -> f64 {
        percent(self.found, self.all)
    }

    fn placed(&self) -> f64 {
        percent(self.on_line, self.found)
    }
}

fn percent(part: u32, all: u32) -> f64 {
    if all == 0 {
        100.0
    } else {
        f64::from(part) * 100.0 / f64::from(all)
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "found {}/{} ({:.1} %), of those on an accepted line {} ({:.1} %), on the preferred one {} ({:.1} %)",
            self.found,
            self.all,
            self.recall(),
            self.on_line,
            self.placed(),
            self.preferred,
            percent(self.preferred, self.found)
        )
    }
}

/// The sums of one set.
pub struct Figures {
    set: String,
    pub snippets: u32,
    /// By class, such as `must` or `must python`. What is held back from the environment is counted apart: it has no line.
    counts: BTreeMap<String, Count>,
    pub misses: Vec<String>,
    pub alarms: Vec<String>,
    pub claims: Vec<String>,
    pub leaks: Vec<String>,
    unfinished: Vec<String>,
}

impl Figures {
    pub fn new(set: &str) -> Self {
        Figures {
            set: set.to_owned(),
            snippets: 0,
            counts: BTreeMap::new(),
            misses: Vec::new(),
            alarms: Vec::new(),
            claims: Vec::new(),
            leaks: Vec::new(),
            unfinished: Vec::new(),
        }
    }

    /// Takes one snippet's verdict in.
    pub fn add(&mut self, snippet: &Snippet, told: &Told, verdict: Verdict) {
        self.snippets += 1;
        let name = snippet.name();
        if !told.ran() {
            self.unfinished.push(format!(
                "{name}: {} {}",
                told.ending,
                told.raw.chars().take(400).collect::<String>()
            ));
        }
        let here = |text: String| format!("{name}:{text}");
        self.alarms.extend(verdict.alarms.into_iter().map(here));
        self.claims.extend(verdict.claims.into_iter().map(here));
        if verdict.leaks {
            self.leaks.push(name.to_owned());
        }
        for finding in verdict.findings {
            let Some(expected) = snippet.violations.get(finding.expected) else {
                continue;
            };
            let classes = if expected.kind == "env-secret" {
                vec!["env-secret".to_owned()]
            } else {
                let certainty = &expected.certainty;
                vec![
                    certainty.clone(),
                    format!("{certainty} {}", expected.attribution),
                    format!("{certainty} in {}", snippet.language),
                ]
            };
            for class in classes {
                self.counts.entry(class).or_default().add(finding.came);
            }
            if finding.came < Came::Accepted {
                let instead: Vec<String> = told
                    .violations
                    .iter()
                    .take(TOLD_INSTEAD)
                    .map(in_words)
                    .collect();
                self.misses.push(format!(
                    "{name}:{} {} {} {} {:?} {}: told was [{}]",
                    expected.line,
                    expected.kind,
                    expected.certainty,
                    expected.attribution,
                    expected.targets,
                    if finding.came == Came::Missed {
                        "missed"
                    } else {
                        "elsewhere"
                    },
                    instead.join("; ")
                ));
            }
        }
    }

    /// Says all of it.
    pub fn print(&self) {
        let set = &self.set;
        println!("violations: {set}: {} snippets", self.snippets);
        for (class, count) in &self.counts {
            println!("violations: {set}: {class}: {count}");
        }
        println!(
            "violations: {set}: {} false alarms, {} false claims, {} leaks",
            self.alarms.len(),
            self.claims.len(),
            self.leaks.len()
        );
        for (what, list) in [
            ("not run", &self.unfinished),
            ("miss", &self.misses),
            ("false alarm", &self.alarms),
            ("false claim", &self.claims),
            ("leak", &self.leaks),
        ] {
            for one in list {
                println!("violations: {what}: {one}");
            }
        }
    }

    /// What is not good enough, in words.
    pub fn shortcomings(&self, recall: f64, near: &[&str]) -> Vec<String> {
        let count = |class: &str| self.counts.get(class).copied().unwrap_or_default();
        let mut short = Vec::new();
        let must = count("must");
        if must.recall() < recall || must.placed() < recall {
            short.push(format!("what must be met: {must}"));
        }
        for class in near {
            let count = count(&format!("must {class}"));
            if count.on_line < count.all {
                short.push(format!("{class}: {count}"));
            }
        }
        let secrets = count("env-secret");
        if secrets.found < secrets.all {
            short.push(format!("secrets of the environment: {secrets}"));
        }
        for (what, list) in [
            ("not run", &self.unfinished),
            ("false alarms", &self.alarms),
            ("false claims", &self.claims),
            ("leaks", &self.leaks),
        ] {
            if !list.is_empty() {
                short.push(format!("{what}: {}", list.join(", ")));
            }
        }
        short
    }

    /// Fails where they are not good enough.
    pub fn hold(&self, recall: f64, near: &[&str]) {
        let short = self.shortcomings(recall, near);
        assert!(
            short.is_empty(),
            "{}: {}\nmisses:\n{}",
            self.set,
            short.join("\n"),
            self.misses.join("\n")
        );
    }
}

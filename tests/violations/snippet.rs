//! A snippet of the ground truth: a file that tries what it may not, and what is known of its lines.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where the ground truth lies.
pub const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/violations");

/// One row of a set.
#[derive(Deserialize)]
pub struct Snippet {
    pub id: String,
    pub language: String,
    /// Below the fixtures.
    pub path: String,
    pub violations: Vec<Expected>,
}

/// One thing that the file tries.
#[derive(Deserialize)]
pub struct Expected {
    /// The preferred lines: from `line` to `end_line`, which differ where a statement or a loop has several.
    pub line: u32,
    pub end_line: u32,
    pub accept_lines: Vec<u32>,
    pub kind: String,
    #[serde(default)]
    pub targets: Vec<String>,
    pub certainty: String,
    pub reached: bool,
    pub also_ok: Vec<String>,
    pub attribution: String,
}

/// The rows of `set`, which is a folder with a file of JSON lines beside it.
pub fn rows(set: &str) -> Vec<Snippet> {
    let file = Path::new(FIXTURES).join(format!("{set}.jsonl"));
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

impl Snippet {
    /// The file among the fixtures.
    pub fn file(&self) -> PathBuf {
        Path::new(FIXTURES).join(&self.path)
    }

    /// The file's own name.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// What is in it.
    pub fn text(&self) -> String {
        std::fs::read_to_string(self.file())
            .unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    /// The program without which the language does not run.
    pub fn tool(&self) -> &str {
        match self.language.as_str() {
            "python" => "python3",
            "javascript" => "node",
            "typescript" => "tsx",
            "shellscript" => "bash",
            "c" => "gcc",
            "cpp" => "g++",
            "rust" => "rustc",
            "lua" => "lua5.4",
            "r" => "Rscript",
            other => other,
        }
    }

    /// Limits of the run. Where a limit is what is tried, the default policy's hold; elsewhere a busy machine gets time.
    pub fn limits(&self) -> &'static [&'static str] {
        let tries_a_limit =
            |expected: &Expected| matches!(expected.kind.as_str(), "limit-wall" | "limit-cpu");
        if self.violations.iter().any(tries_a_limit) {
            &[]
        } else {
            &["--limit", "wall=60s", "--limit", "cpu=60s"]
        }
    }
}

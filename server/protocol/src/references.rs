//! What diagnostics lead to: the chapter on a kind of violation, and the line of the policy that refused it. What is
//! inside the binary is written to the session's own directory, because that is what every editor can open.

use std::io;
use std::path::{Path, PathBuf};

use belljar_policy::shipped;
use belljar_report::{Kind, Violation};
use belljar_runs::{LocalHost, find_project};
use tower_lsp::ls_types::{
    CodeDescription, DiagnosticRelatedInformation, Location, Position, Range, Uri,
};

use crate::output_files::OutputFiles;

/// What is known about each kind.
const VIOLATIONS: &str = include_str!("../../../policies/VIOLATIONS.md");

/// Where it all is for one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct References {
    /// Holds `KIND.md` and the policies that come with Belljar.
    directory: PathBuf,
    /// The project that the document belongs to.
    project: Option<PathBuf>,
}

impl References {
    /// Writes what is not there yet, and finds the project of the document at `path`. Takes time.
    ///
    /// # Errors
    /// What the file system says.
    pub fn find(files: &OutputFiles, path: Option<&Path>) -> io::Result<References> {
        let mut directory = PathBuf::new();
        for kind in Kind::ALL {
            let name = format!("{}.md", kind.as_str());
            directory = files.keep(&name, chapter(*kind).unwrap_or(VIOLATIONS))?;
        }
        for (name, text) in shipped() {
            directory = files.keep(&format!("{name}.toml"), text)?;
        }
        let place = path.and_then(Path::parent);
        Ok(References {
            directory,
            project: find_project(&LocalHost, None, place).ok().flatten(),
        })
    }

    /// The chapter on violations of this kind.
    pub fn description(&self, kind: Kind) -> Option<CodeDescription> {
        let href = Uri::from_file_path(self.directory.join(format!("{}.md", kind.as_str())))?;
        Some(CodeDescription { href })
    }

    /// The line of the policy that refused it.
    pub fn refused_by(&self, violation: &Violation) -> Option<DiagnosticRelatedInformation> {
        let (file, line) = violation.rule.as_deref()?.rsplit_once(':')?;
        let line: u32 = line.parse().ok()?;
        let path = match file {
            ".belljar.toml" => self.project.as_ref()?.join(file),
            _ if shipped().iter().any(|(name, _)| is_file_of(file, name)) => {
                self.directory.join(file)
            }
            _ => PathBuf::from(file),
        };
        // A rule is a line of the policy room's, but what it names may be any file of the user's.
        let uri = Uri::from_file_path(&path).filter(|_| path.is_absolute())?;
        let start = Position::new(line.saturating_sub(1), 0);
        let end = Position::new(line, 0);
        Some(DiagnosticRelatedInformation {
            location: Location::new(uri, Range::new(start, end)),
            message: "This line of the policy refused it.".to_owned(),
        })
    }
}

fn is_file_of(file: &str, policy: &str) -> bool {
    file.strip_suffix(".toml") == Some(policy)
}

/// The chapter on `kind`, with its heading.
fn chapter(kind: Kind) -> Option<&'static str> {
    let heading = format!("\n## {}\n", kind.as_str());
    let start = VIOLATIONS.find(&heading)? + 1;
    let rest = VIOLATIONS.get(start..)?;
    let end = rest.find("\n## ").map_or(rest.len(), |end| end + 1);
    rest.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use belljar_report::{Confidence, Layer};

    #[test]
    fn every_kind_has_a_chapter_that_says_whether_it_can_be_allowed() {
        for kind in Kind::ALL {
            let chapter = chapter(*kind).unwrap_or_else(|| panic!("{}", kind.as_str()));
            assert!(chapter.starts_with(&format!("## {}\n", kind.as_str())));
            assert_eq!(chapter.matches("\n## ").count(), 0);
            let words = [
                "To allow it",
                "No policy allows it",
                "for one run",
                "can allow it",
            ];
            assert!(
                words.iter().any(|words| chapter.contains(words)),
                "{chapter}"
            );
        }
        let headings = VIOLATIONS.matches("\n## ").count();
        assert_eq!(headings, Kind::ALL.len(), "a chapter on no kind");
    }

    fn refused_by(rule: &str) -> Option<(String, u32)> {
        let references = References {
            directory: "/run/belljar".into(),
            project: Some("/srv/project".into()),
        };
        let violation = Violation {
            kind: Kind::FilesRead,
            target: String::new(),
            access: String::new(),
            errno: None,
            file: None,
            line: None,
            column: None,
            confidence: Confidence::File,
            count: 1,
            program: String::new(),
            rule: Some(rule.into()),
            layer: Layer::Mount,
            allow: None,
        };
        let related = references.refused_by(&violation)?;
        let line = related.location.range.start.line;
        Some((related.location.uri.to_string(), line))
    }

    #[test]
    fn a_rule_leads_to_the_file_that_has_it() {
        let at = |path: &str, line| Some((format!("file://{path}"), line));
        assert_eq!(
            refused_by("default.toml:37"),
            at("/run/belljar/default.toml", 36)
        );
        assert_eq!(
            refused_by(".belljar.toml:2"),
            at("/srv/project/.belljar.toml", 1)
        );
        assert_eq!(refused_by("/home/ann/p.toml:1"), at("/home/ann/p.toml", 0));
        assert_eq!(refused_by("request"), None);
        assert_eq!(refused_by("other.toml:3"), None);
        assert_eq!(refused_by("default.toml:x"), None);
    }
}

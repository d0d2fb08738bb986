//! The full output of a run as a file that an editor can open: only for this user, and gone when the session ends.

use std::fmt::Write as _;
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use belljar_report::{Report, Stream, displayable, displayable_line};
use belljar_runs::can_be_allowed;
use tempfile::TempDir;

use crate::results::LONGEST_NAME;
use crate::{summary, words};

/// The directory of one session, made when it is first needed.
#[derive(Clone, Default)]
pub struct OutputFiles(Arc<Mutex<Option<TempDir>>>);

impl OutputFiles {
    /// Writes `text` to the file of the run `run` of the document `name`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, name: &str, run: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.directory()?.join(file_name(name, run));
        // A second request for the same run replaces the file whole, and follows nothing that might lie there.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(path)
    }

    /// Writes a file that stays as it is for the whole session, unless it is there, and says where the directory is.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let directory = self.directory()?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(directory.join(name));
        match file {
            Ok(mut file) => file.write_all(text.as_bytes())?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        Ok(directory)
    }

    /// Removes everything that was written.
    pub fn remove(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn directory(&self) -> io::Result<PathBuf> {
        let mut directory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if directory.is_none() {
            *directory = Some(make_directory()?);
        }
        Ok(directory
            .as_ref()
            .map(|d| d.path().to_owned())
            .unwrap_or_default())
    }
}

fn make_directory() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    // Said, and not left to the umask, which lets others look at names and times.
    let private = Permissions::from_mode(0o700);
    builder.prefix("belljar-").permissions(private);
    // The user's own runtime directory is private and in memory; the system's temporary one is the fallback.
    if let Some(runtime) = std::env::var_os("XDG_RUNTIME_DIR")
        && let Ok(directory) = builder.tempdir_in(runtime)
    {
        return Ok(directory);
    }
    builder.tempdir()
}

fn file_name(name: &str, run: &str) -> String {
    let plain = |text: &str| -> String {
        text.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') {
                    c
                } else {
                    '_'
                }
            })
            .take(60)
            .collect()
    };
    let base = Path::new(name)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    format!("{}-{}.txt", plain(&base), plain(run))
}

/// Everything that a report tells, as text that is harmless to show. Without an ending the run is not over.
pub fn full_text(report: &Report, name: &str) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} · policy {}\n{}",
        displayable_line(name, LONGEST_NAME),
        displayable_line(&report.policy, LONGEST_NAME),
        match report.ending {
            Some(_) => summary::ending(report),
            None => "It is not over. This is what it has told so far.".to_owned(),
        }
    );
    if !report.violations.is_empty() {
        text.push_str("\nBlocked:\n");
        for (index, violation) in report.violations.iter().enumerate() {
            let line = violation
                .line
                .map(|line| format!("line {line}: "))
                .unwrap_or_default();
            let _ = writeln!(
                text,
                "  {line}{}",
                words::violation(violation, &report.policy)
            );
            let allow = report.rule_for(index);
            if let Some(allow) = allow.filter(|allow| can_be_allowed(allow)) {
                let _ = writeln!(text, "    would be allowed by: {}", displayable(allow));
            }
        }
    }
    let parts = [("Output", Stream::Stdout), ("Errors", Stream::Stderr)];
    for (title, stream) in parts {
        let printed = match stream {
            Stream::Stdout => &report.stdout,
            Stream::Stderr => &report.stderr,
        };
        if !printed.is_empty() {
            let _ = writeln!(
                text,
                "\n{title}:\n{}",
                displayable(printed).trim_end_matches('\n')
            );
        }
    }
    if report.truncated {
        text.push_str("\nSome output was left out, because it was more than a report keeps.\n");
    }
    if report.replaced {
        text.push_str("\nSome output was not UTF-8 and was replaced.\n");
    }
    for note in &report.posture.notes {
        let _ = writeln!(text, "\nNote: {}", displayable(note));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_private_and_gone_at_the_end() {
        let files = OutputFiles::default();
        let path = files.write("a/b c.py", "run/1", "text").unwrap();
        assert_eq!(path.file_name().unwrap(), "b_c.py-run_1.txt");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let directory = std::fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!(directory.permissions().mode() & 0o777, 0o700);
        assert_eq!(files.write("a/b c.py", "run/1", "new").unwrap(), path);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        files.remove();
        assert!(!path.parent().unwrap().exists());
    }
}

//! Trust in a project's policy file, as it is now: kept as a record where no cell and no project can write.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use belljar_policy::check;
use belljar_report::system_words;
use belljar_runs::{Host, LocalHost, TrustRecord, keep_trust, trust_record};

use crate::policy::{LARGEST, Problem, as_file, project_file};

/// Trusts the file with exactly the content that it has now.
pub fn trust(file: Option<PathBuf>) -> Result<String, Problem> {
    let file = project_file(file)?;
    if let Err(errors) = check(&as_file(&file)) {
        let what = errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        return Err((
            what,
            "a file with mistakes is not trusted; mend it first".to_owned(),
        ));
    }
    let record = record(&file.path, &file.content)?;
    keep_trust(&record).map_err(|error| cannot("write", &record.path, &error))?;
    Ok(format!(
        "Trusted: {}\nIt may now allow more than your own policy, until it changes by a single byte.\n\
         See what is in force with `belljar policy explain`; take it back with `belljar policy untrust`.\n",
        file.path.display()
    ))
}

/// Trusts the file no longer, whatever its content was when it was trusted.
pub fn untrust(file: Option<PathBuf>) -> Result<String, Problem> {
    let file = project_file(file)?;
    let current = record(&file.path, &file.content)?;
    let mut removed = 0;
    for (path, trusted) in records(&current.path) {
        if trusted == current.content {
            fs::remove_file(&path).map_err(|error| cannot("remove", &path, &error))?;
            removed += 1;
        }
    }
    let what = if removed > 0 {
        "No longer trusted"
    } else {
        "Was not trusted"
    };
    Ok(format!("{what}: {}\n", file.path.display()))
}

/// Every file that was trusted; those that have changed since say so.
pub fn list() -> Result<String, Problem> {
    let any = record(Path::new("/"), b"")?;
    let mut lines: Vec<String> = records(&any.path)
        .into_iter()
        .map(|(path, trusted)| {
            let now = LocalHost.read(Path::new(&trusted), LARGEST);
            let holds =
                now.and_then(|content| trust_record(&LocalHost, Path::new(&trusted), &content));
            match holds {
                Some(record) if record.path == path => trusted,
                Some(_) => format!("{trusted}  (has changed since, and is not trusted as it is)"),
                None => format!("{trusted}  (is gone)"),
            }
        })
        .collect();
    lines.sort();
    lines.push(String::new());
    Ok(lines.join("\n"))
}

fn record(path: &Path, content: &[u8]) -> Result<TrustRecord, Problem> {
    trust_record(&LocalHost, path, content).ok_or_else(|| {
        let what = "There is no place to keep your trust, or the path is not UTF-8.".to_owned();
        (
            what,
            "set HOME or XDG_STATE_HOME to a directory of yours".to_owned(),
        )
    })
}

/// All records beside this one: each file, and the path that it holds.
fn records(beside: &Path) -> Vec<(PathBuf, String)> {
    let Some(directory) = beside.parent() else {
        return Vec::new();
    };
    let paths = LocalHost
        .list(directory)
        .into_iter()
        .map(|name| directory.join(name));
    let read = paths.filter_map(|path| {
        let content = String::from_utf8(LocalHost.read(&path, LARGEST)?).ok()?;
        Some((path, content.trim_end_matches('\n').to_owned()))
    });
    read.collect()
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Problem {
    (
        format!(
            "Cannot {what} `{}`: {}.",
            path.display(),
            system_words(error)
        ),
        "nothing was changed; see whether its directory is yours and has room".to_owned(),
    )
}

//! Reads the source file that was named.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use belljar_report::system_words;

/// No source is larger; what is, was named by mistake.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The content of `file`, `-` being standard input; or what and why not, and a hint.
pub fn read(file: &Path) -> Result<Vec<u8>, (String, String)> {
    let name = belljar_report::displayable_line(&file.to_string_lossy(), 200);
    let cannot = |error: io::Error| {
        (
            format!("`{name}` cannot be read: {}.", system_words(&error)),
            hint(&error).to_owned(),
        )
    };
    let mut text = Vec::new();
    if file == Path::new("-") {
        io::stdin()
            .lock()
            .take(LARGEST + 1)
            .read_to_end(&mut text)
            .map_err(cannot)?;
    } else {
        let mut opened = File::open(file).map_err(cannot)?;
        if opened.metadata().map_err(cannot)?.is_dir() {
            return Err((
                format!("`{name}` is a directory."),
                "name the source file in it that is to be run".into(),
            ));
        }
        opened
            .by_ref()
            .take(LARGEST + 1)
            .read_to_end(&mut text)
            .map_err(cannot)?;
    }
    if text.len() as u64 > LARGEST {
        return Err((
            format!("`{name}` is larger than 64 MiB."),
            "this does not look like source text".into(),
        ));
    }
    Ok(text)
}

/// What to do if a file cannot be read.
pub fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check how it is spelled, and from which directory",
        io::ErrorKind::PermissionDenied => {
            "make it readable for you, with `chmod u+r` if it is yours"
        }
        io::ErrorKind::IsADirectory => "name a file",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_said_in_words() {
        let (what, hint) = read(Path::new("/nowhere/a.py")).expect_err("there is none");
        assert_eq!(
            what,
            "`/nowhere/a.py` cannot be read: no such file or directory."
        );
        assert!(hint.contains("spelled"), "{hint}");
        let (what, _) = read(Path::new("/")).expect_err("a directory");
        assert_eq!(what, "`/` is a directory.");
        let (what, _) = read(Path::new("/dev/zero")).expect_err("endless");
        assert_eq!(what, "`/dev/zero` is larger than 64 MiB.");
    }
}

//! Whether what is compiled may be kept for the next run, and which files say what it was made of.

use std::path::{Path, PathBuf};

use regex_lite::Regex;

use crate::find::Places;
use crate::{Host, Invocation, Runtime, expand};

impl Runtime {
    /// The files in which the compile steps say what they read besides `text`, the program's; none if all that they read is
    /// in the text. `None` if it cannot be known, or if the program is not what they make.
    pub fn inputs(
        &self,
        host: &dyn Host,
        places: &Places<'_>,
        invocation: &Invocation<'_>,
        text: &[u8],
    ) -> Option<Vec<PathBuf>> {
        let kept = self.definition.kept.as_ref()?;
        let fits = |pattern: &Option<String>, text: &str| {
            let pattern = pattern.as_ref().map(|pattern| Regex::new(pattern));
            pattern.is_some_and(|pattern| pattern.is_ok_and(|pattern| pattern.is_match(text)))
        };
        if fits(&kept.unless, &String::from_utf8_lossy(text)) {
            return None;
        }
        if kept.unless_file.is_some() {
            let own = Path::new(invocation.source);
            let mut others = places.upward().flat_map(|directory| {
                let names = host.list(directory).into_iter();
                names.filter(move |name| directory.join(name) != own)
            });
            if others.any(|name| fits(&kept.unless_file, &name.to_string_lossy())) {
                return None;
            }
        }
        let fill = |template: &String| {
            let scratch = |name: &str| (name == "scratch").then(|| invocation.scratch.to_owned());
            PathBuf::from(expand::fill(template, scratch))
        };
        Some(kept.inputs.iter().map(fill).collect())
    }
}

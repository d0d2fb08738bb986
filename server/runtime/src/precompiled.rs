//! What a program begins with, if that can be compiled ahead for the next program that begins so.

use std::path::PathBuf;

use regex_lite::Regex;
use serde::Deserialize;

use crate::{FoundWay, Invocation, Runtime, expand};

/// A longer beginning is compiled with the rest.
const MOST_LINES: usize = 2000;

/// How a runtime file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    /// Which compiler can do it: what the first of the way's tools is called, links followed.
    pub with: String,
    /// A line that belongs to the beginning: its first group is what is compiled of it.
    pub line: String,
    /// Such a line too, but a beginning has others besides.
    pub also: Option<String>,
    /// A line between them that says nothing.
    pub blank: String,
    /// The first line of several that say nothing.
    pub opens: String,
    /// The last of those: its first group is what stands behind them, which must say nothing either.
    pub closes: String,
    /// Where the beginning lies in the cell: a template of `{scratch}`, as the next two.
    pub source: String,
    /// What it becomes.
    pub makes: String,
    /// Where the compiler lists what it read for it, as rules for `make`.
    pub inputs: String,
    /// The command that compiles it.
    pub compile: Vec<String>,
}

impl Definition {
    /// Every regular expression.
    pub fn patterns(&self) -> impl Iterator<Item = &String> {
        let own = [
            &self.with,
            &self.line,
            &self.blank,
            &self.opens,
            &self.closes,
        ];
        own.into_iter().chain(&self.also)
    }
}

/// The beginning of a program, and how it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precompiled {
    /// The command.
    pub command: Vec<String>,
    /// What it compiles, and its text.
    pub source: (PathBuf, String),
    /// What it makes.
    pub makes: PathBuf,
    /// Where it lists what it read.
    pub inputs: PathBuf,
}

impl Runtime {
    /// What `text`, a program's, begins with. `command` is what compiles a beginning.
    pub fn precompiled(
        &self,
        found: &FoundWay,
        invocation: &Invocation<'_>,
        command: Vec<String>,
        text: &[u8],
    ) -> Option<Precompiled> {
        let definition = self.definition.precompiled.as_ref()?;
        let name = found.tools.first()?.real.file_name()?.to_str()?;
        if !Regex::new(&definition.with).ok()?.is_match(name) {
            return None;
        }
        let directive = self.definition.selection.line_directive.as_ref()?;
        let source = invocation.source.replace('\\', r"\\").replace('"', "\\\"");
        let directive = expand::fill(directive, |name| match name {
            "line" => Some("1".to_owned()),
            "source" => Some(source.clone()),
            _ => None,
        });
        let beginning = beginning(definition, std::str::from_utf8(text).ok()?)?;
        let fill = |template: &String| {
            let scratch = |name: &str| (name == "scratch").then(|| invocation.scratch.to_owned());
            PathBuf::from(expand::fill(template, scratch))
        };
        Some(Precompiled {
            command,
            source: (
                fill(&definition.source),
                format!("{directive}\n{beginning}"),
            ),
            makes: fill(&definition.makes),
            inputs: fill(&definition.inputs),
        })
    }
}

/// The lines that `text` begins with, each on its own line, up to the last of them; `None` if there are none.
fn beginning(definition: &Definition, text: &str) -> Option<String> {
    let pattern = |pattern: &String| Regex::new(pattern).ok();
    let (line, blank) = (pattern(&definition.line)?, pattern(&definition.blank)?);
    let (opens, closes) = (pattern(&definition.opens)?, pattern(&definition.closes)?);
    let also = definition.also.as_ref().and_then(pattern);
    let group = |pattern: &Regex, line: &'_ str| -> Option<std::ops::Range<usize>> {
        Some(pattern.captures(line)?.get(1)?.range())
    };
    let mut lines: Vec<&str> = Vec::new();
    let (mut count, mut is_open) = (0, false);
    for one in text.lines().take(MOST_LINES) {
        let mut kept = "";
        if is_open {
            if let Some(rest) = group(&closes, one) {
                if !blank.is_match(&one[rest]) {
                    break;
                }
                is_open = false;
            }
        } else if let Some(range) = group(&line, one) {
            kept = &one[range];
            count = lines.len() + 1;
        } else if let Some(range) = also.as_ref().and_then(|also| group(also, one)) {
            kept = &one[range];
        } else if opens.is_match(one) {
            is_open = true;
        } else if !blank.is_match(one) {
            break;
        }
        lines.push(kept);
    }
    lines.truncate(count);
    (count > 0).then(|| lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalogue;

    fn of_text(text: &str) -> Option<String> {
        let catalogue = Catalogue::shipped();
        let runtime = catalogue.by_id("cpp").expect("it is shipped");
        beginning(
            runtime.definition.precompiled.as_ref().expect("it has one"),
            text,
        )
    }

    #[test]
    fn a_beginning_has_only_standard_headers_and_each_on_its_line() {
        for (text, expected) in [
            ("#include <map>\nint x;\n", "#include <map>\n"),
            (
                "// A comment.\r\n\r\n  #  include <map> // why\r\n#include <set>\r\n\r\nint x;",
                "\n\n  #  include <map>\n#include <set>\n",
            ),
            (
                "/* One */ /* two */\n/*\n * #include <list>\n **/ // end\n#include <map>\n#include \"own.h\"\n#include <set>",
                "\n\n\n\n#include <map>\n",
            ),
            (
                "#include <bits/stdc++.h>\nusing namespace std;\n#include <set>",
                "#include <bits/stdc++.h>\n",
            ),
            (
                "#include <vector>\n#line 1 \"/p/a.cpp\"\n\n#include <map>\n",
                "#include <vector>\n#line 1 \"/p/a.cpp\"\n\n#include <map>\n",
            ),
        ] {
            assert_eq!(of_text(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_a_header_could_notice_ends_a_beginning() {
        for text in [
            "",
            "int x;\n#include <map>\n",
            "#define _GLIBCXX_DEBUG\n#include <map>\n",
            "#ifdef X\n#include <map>\n#endif\n",
            "/* \n */ #define X\n#include <map>\n",
            "/* */ #define X\n#include <map>\n",
            "/* \n #define X\n#include <map>\n",
            "// goes on \\\n#include <map>\n",
            "// goes on \\ \n#include <map>\n",
            "#include \"map\"\n",
            "#include <own.h>\n",
            "#include <../map>\n",
            "#include <sys/map>\n",
            "#include <map> int x;\n",
            "#include <map>\\\n",
            "#pragma pack(1)\n#include <map>\n",
            "\u{feff}#include <map>\n",
        ] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }
}

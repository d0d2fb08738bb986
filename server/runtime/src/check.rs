//! What a runtime file must keep besides its form: patterns that are patterns, templates that can be filled.

use regex_lite::Regex;

use crate::RuntimeError;
use std::time::{Duration, Instant};

use crate::definition::{Choice, Definition, Finder};
use crate::{Runtime, catalogue, expand, project};

/// A pattern that takes so many times as long as a simple one is too slow for every line of output.
const SLOW: u32 = 300;

/// The line, from 1, of the byte at `offset`.
pub(crate) fn line_of(text: &[u8], offset: usize) -> u32 {
    let before = &text[..offset.min(text.len())];
    u32::try_from(before.iter().filter(|byte| **byte == b'\n').count() + 1).unwrap_or(u32::MAX)
}

/// The error about the first line of `text` that holds `about`. The file is small: that is the one to show.
fn error(file: &str, text: &str, about: &str, message: String) -> RuntimeError {
    let offset = text
        .find(about)
        .or_else(|| text.find(&about.replace('\\', r"\\")));
    RuntimeError {
        file: file.to_owned(),
        line: offset.map(|offset| line_of(text.as_bytes(), offset)),
        message,
    }
}

impl Runtime {
    /// Says which patterns of its file, which holds `text`, take very long on a long line.
    pub fn slow_patterns(&self, text: &str) -> Vec<RuntimeError> {
        let simple = time(r"^a.*\d+: b$", 3);
        let is_slow = |pattern: &&String| {
            time(pattern, 1) > simple * SLOW && time(pattern, 3) > simple * SLOW
        };
        let slow = patterns(&self.definition).filter(is_slow);
        let complaint = |pattern: &String| {
            let message = format!("`{pattern}` is slow; counted repetitions are");
            error(self.file(), text, pattern, message)
        };
        slow.map(complaint).collect()
    }
}

/// `pattern` with a word for what is put into it.
fn plain_pattern(pattern: &str) -> String {
    pattern.replace("{name}", "x").replace("{path}", "x")
}

/// How long a pattern takes on the worst of some lines. What else the machine does can only add, so the least of some times
/// counts.
fn time(pattern: &str, times: usize) -> Duration {
    let Ok(pattern) = Regex::new(&plain_pattern(pattern)) else {
        return Duration::ZERO;
    };
    let lines = ["a", " ", "a: ", "/a.b:1: "].map(|part| part.repeat(2000 / part.len()));
    let once = |line: &String| {
        let start = Instant::now();
        std::hint::black_box(pattern.is_match(line));
        start.elapsed()
    };
    let least = |line: &String| (0..times).map(|_| once(line)).min();
    lines.iter().filter_map(least).max().unwrap_or_default()
}

/// Says the first thing that is wrong.
pub(crate) fn check(definition: &Definition, file: &str, text: &str) -> Result<(), RuntimeError> {
    let wrong = |about: &str, message: String| error(file, text, about, message);
    let plain = |id: &str| {
        !id.is_empty()
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_+.".contains(&byte))
    };
    if !plain(&definition.id) {
        return Err(wrong(
            &definition.id,
            format!(
                "`{}` is no id: use letters, digits, `-`, `_`, `+`",
                definition.id
            ),
        ));
    }
    if definition.way.is_empty() {
        return Err(wrong(
            "way",
            "there is no [[way]] to run a program".to_owned(),
        ));
    }
    for pattern in patterns(definition) {
        if let Err(error) = Regex::new(&plain_pattern(pattern)) {
            return Err(wrong(
                pattern,
                format!("`{pattern}` is no pattern: {error}"),
            ));
        }
    }
    for tool in definition.tool.values() {
        for finder in &tool.find {
            if let Err(message) = one_kind(finder) {
                return Err(wrong("find", message));
            }
        }
        let leads_out =
            |mark: &&String| mark.split('/').any(|part| matches!(part, "" | "." | ".."));
        if let Some(mark) = tool.marks.iter().find(leads_out) {
            return Err(wrong(
                mark,
                format!("the mark `{mark}` is no path below an installation"),
            ));
        }
        if tool.names.is_empty()
            || tool
                .names
                .iter()
                .any(|name| name.is_empty() || name.contains('/'))
        {
            return Err(wrong(
                "names",
                "a tool needs names, and none with a `/`".to_owned(),
            ));
        }
    }
    for file in definition.file.values() {
        if let Some(name) = &file.shipped
            && catalogue::support(name).is_none()
        {
            return Err(wrong(name, "no file of this name is shipped".to_owned()));
        }
    }
    let ahead = definition.precompiled.as_ref();
    let inputs = definition.kept.iter().flat_map(|kept| &kept.inputs);
    let of_ahead = ahead.map(|ahead| [&ahead.source, &ahead.makes, &ahead.inputs]);
    for template in inputs.chain(of_ahead.into_iter().flatten()) {
        let is_in_scratch = template.starts_with("{scratch}/");
        if !is_in_scratch || expand::names(template).count() != 1 {
            return Err(wrong(
                template,
                format!("`{template}` is no file below `{{scratch}}`"),
            ));
        }
    }
    let unbuffered = &definition.unbuffered;
    for way in &definition.way {
        for tool in &way.needs {
            if !definition.tool.contains_key(tool) {
                return Err(wrong(
                    &format!("needs = [\"{tool}\""),
                    format!("there is no [tool.{tool}]"),
                ));
            }
        }
        for name in way.files.iter().chain(&unbuffered.files) {
            if !definition.file.contains_key(name) {
                return Err(wrong(name, format!("there is no [file.{name}]")));
            }
        }
        let ahead_of = ahead.map(|ahead| &ahead.compile);
        let mut commands = way.compile.iter().chain(ahead_of);
        if way.run.is_empty() || commands.any(Vec::is_empty) {
            return Err(wrong("run", "a command needs a program".to_owned()));
        }
        let known = |name: &str| {
            way.needs
                .iter()
                .any(|tool| name == tool || name == format!("{tool}.real"))
                || definition.define.contains_key(name)
                || expand::USUAL.contains(&name)
        };
        let templates = way
            .compile
            .iter()
            .flatten()
            .chain(&way.run)
            .chain(definition.environment.values())
            .chain(unbuffered.environment.values())
            .chain(&unbuffered.add)
            .chain(definition.flags.iter().flat_map(|flags| &flags.add))
            .chain(definition.faster.iter().flat_map(|faster| &faster.add))
            .chain(ahead.iter().flat_map(|ahead| &ahead.compile));
        for template in templates {
            for name in expand::names(template) {
                if !known(name) {
                    return Err(wrong(
                        &format!("{{{name}}}"),
                        format!("`{{{name}}}` stands for nothing here"),
                    ));
                }
            }
        }
    }
    let tools: Vec<_> = definition.tool.keys().collect();
    if let Some((about, message)) = project::check(&definition.project, &tools, &definition.file) {
        return Err(wrong(&about, message));
    }
    Ok(())
}

fn one_kind(finder: &Finder) -> Result<(), String> {
    let kinds = usize::from(finder.project.is_some())
        + usize::from(!finder.directory.is_empty())
        + usize::from(finder.path);
    if kinds != 1 {
        return Err(
            "a place to look has exactly one of `project`, `directory` and `path`".to_owned(),
        );
    }
    if finder
        .each
        .as_ref()
        .is_some_and(|each| each.matches('*').count() != 1)
    {
        return Err("`each` has exactly one `*`, in its last part".to_owned());
    }
    let sources = |choice: &Choice| {
        usize::from(choice.variable.is_some())
            + usize::from(choice.project_file.is_some())
            + usize::from(choice.file.is_some())
    };
    if finder.choose.iter().any(|choice| sources(choice) != 1) {
        return Err("a choice has exactly one of `variable`, `project_file` and `file`".to_owned());
    }
    Ok(())
}

/// Every regular expression of a file.
fn patterns(definition: &Definition) -> impl Iterator<Item = &String> {
    let choices = definition
        .tool
        .values()
        .flat_map(|tool| &tool.find)
        .flat_map(|finder| &finder.choose)
        .map(|choice| &choice.pattern);
    let selection = &definition.selection;
    let keep = selection.keep.iter().flat_map(|keep| {
        [
            Some(&keep.line),
            keep.until.as_ref(),
            keep.goes_on.as_ref(),
            keep.each.as_ref(),
            keep.used_as.as_ref(),
        ]
        .into_iter()
        .flatten()
    });
    let wrap = selection.wrap.iter().flat_map(|wrap| {
        [
            Some(&wrap.unless),
            Some(&wrap.item),
            wrap.statement.as_ref(),
            wrap.when.as_ref(),
        ]
        .into_iter()
        .flatten()
    });
    let outline = &definition.outline;
    let forms = outline.function.iter().chain(&outline.definition);
    let outline = forms
        .flat_map(|form| {
            [
                Some(&form.starts),
                form.within.as_ref(),
                form.whole.as_ref(),
                form.optional.as_ref(),
            ]
        })
        .chain([
            outline.above.as_ref(),
            outline.without.as_ref(),
            outline.closes.as_ref(),
            outline.goes_on.as_ref(),
            outline.whole.as_ref(),
            outline.optional.as_ref(),
        ])
        .flatten();
    let errors = definition.error.iter().flat_map(|rule| {
        [
            Some(&rule.starts),
            rule.frame.as_ref(),
            rule.message.as_ref(),
            rule.ends.as_ref(),
            rule.ignore.as_ref(),
        ]
        .into_iter()
        .flatten()
    });
    let notes = definition.note.iter().flat_map(|note| {
        [Some(&note.when), note.unless.as_ref()]
            .into_iter()
            .flatten()
    });
    definition
        .shebangs
        .iter()
        .chain(&definition.begins)
        .chain(choices)
        .chain(definition.define.values().map(|define| &define.pattern))
        .chain(definition.flags.iter().map(|flags| &flags.when))
        .chain(notes)
        .chain(definition.kept.iter().flat_map(|kept| {
            [kept.unless.as_ref(), kept.unless_file.as_ref()]
                .into_iter()
                .flatten()
        }))
        .chain(
            definition
                .precompiled
                .iter()
                .flat_map(|ahead| ahead.patterns()),
        )
        .chain(selection.complete.as_ref())
        .chain(keep)
        .chain(
            selection
                .imply
                .iter()
                .flat_map(|imply| [&imply.uses, &imply.unless]),
        )
        .chain(selection.header.as_ref().map(|header| &header.unless))
        .chain(wrap)
        .chain(
            selection
                .embedded
                .iter()
                .flat_map(|embedded| [&embedded.open, &embedded.close]),
        )
        .chain(outline)
        .chain(errors)
        .chain(project::patterns(&definition.project))
}

//! What the shipped policies say, known when this is compiled: a command that runs one program should not wait for a file to
//! be read that cannot have changed. The table in `shipped.rs` is written by a test, from the files.

use crate::adjustment::{Adjustment, At, Listed};
use crate::limit::Limit;
use crate::policy::ProjectAccess;
use crate::shipped::SAID;

/// A line, and what a value on it says.
pub(crate) type On<T> = (u32, T);
/// The line on which a list begins, and what is in it.
pub(crate) type ListOn = On<&'static [On<&'static str>]>;

/// What a shipped policy's file says. It says everything; no list of network rules or variables has anything in it.
#[derive(Debug)]
pub(crate) struct Said {
    pub file: &'static str,
    pub description: On<&'static str>,
    pub project: On<ProjectAccess>,
    pub read: ListOn,
    pub hide: ListOn,
    pub network: u32,
    pub programs: ListOn,
    pub pass: ListOn,
    pub set: u32,
    pub limits: &'static [(Limit, u32, u64)],
}

/// What the shipped policy of this name says.
pub(crate) fn said(name: &str) -> Option<Adjustment> {
    let (_, said) = SAID.iter().find(|(shipped, _)| *shipped == name)?;
    Some(said.into())
}

impl From<&Said> for Adjustment {
    fn from(said: &Said) -> Adjustment {
        Adjustment {
            file: said.file.to_owned(),
            description: Some(at(said.description.0, said.description.1.to_owned())),
            project: Some(at(said.project.0, said.project.1)),
            read: list(said.read),
            hide: list(said.hide),
            network: Some(at(said.network, Vec::new())),
            programs: list(said.programs),
            pass: list(said.pass),
            set: Some(at(said.set, Vec::new())),
            limits: said
                .limits
                .iter()
                .map(|(limit, line, value)| (*limit, at(*line, *value)))
                .collect(),
        }
    }
}

fn at<T>(line: u32, value: T) -> At<T> {
    At { value, line }
}

fn list((line, items): ListOn) -> Listed<String> {
    let items = items
        .iter()
        .map(|(line, text)| at(*line, (*text).to_owned()));
    Some(at(line, items.collect()))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::{PolicyFile, shipped};

    const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/shipped.rs");
    const HEAD: &str = "\
//! What the files of the shipped policies say, with the lines of it. Written by a test of `said.rs`:
//! `BLESS=1 cargo test -p belljar-policy known` after a change of one of them.

use crate::limit::Limit;
use crate::policy::ProjectAccess;
use crate::said::Said;

#[rustfmt::skip]
pub(crate) const SAID: &[(&str, Said)] = &[
";

    fn written_list(list: &Listed<String>) -> String {
        let list = list.as_ref().expect("a shipped policy says everything");
        let items: Vec<_> = list.value.iter().map(|at| (at.line, &at.value)).collect();
        format!("({}, &{items:?})", list.line)
    }

    fn written(name: &str, read: &Adjustment) -> String {
        let nothing = "a shipped policy says everything";
        let description = read.description.as_ref().expect(nothing);
        let project = read.project.as_ref().expect(nothing);
        let network = read.network.as_ref().expect(nothing);
        let set = read.set.as_ref().expect(nothing);
        assert!(network.value.is_empty() && set.value.is_empty());
        let mut text = format!("    ({name:?}, Said {{\n        file: {:?},\n", read.file);
        let mut line = |key: &str, value: String| {
            writeln!(text, "        {key}: {value},").expect("a string takes text");
        };
        line(
            "description",
            format!("({}, {:?})", description.line, description.value),
        );
        line(
            "project",
            format!("({}, ProjectAccess::{:?})", project.line, project.value),
        );
        line("read", written_list(&read.read));
        line("hide", written_list(&read.hide));
        line("network", network.line.to_string());
        line("programs", written_list(&read.programs));
        line("pass", written_list(&read.pass));
        line("set", set.line.to_string());
        let limits = read.limits.iter();
        let limits =
            limits.map(|(limit, at)| format!("(Limit::{limit:?}, {}, {})", at.line, at.value));
        line(
            "limits",
            format!("&[{}]", limits.collect::<Vec<_>>().join(", ")),
        );
        text + "    }),\n"
    }

    #[test]
    fn what_is_known_of_the_shipped_policies_is_what_their_files_say() {
        let mut table = HEAD.to_owned();
        let mut read_all = Vec::new();
        for (name, text) in shipped() {
            let file = PolicyFile {
                name: format!("{name}.toml"),
                text: text.as_bytes(),
            };
            let read = Adjustment::read(&file).expect("a shipped policy is right");
            assert!(read.says_everything(), "{name}");
            table += &written(name, &read);
            read_all.push((name, read));
        }
        table += "];\n";
        if std::env::var_os("BLESS").is_some() {
            return std::fs::write(TABLE, table).expect("the table is written");
        }
        let known = std::fs::read_to_string(TABLE).expect("the table can be read");
        assert_eq!(
            known, table,
            "a shipped policy has changed: run this test with BLESS=1"
        );
        for (name, read) in read_all {
            assert_eq!(
                format!("{:?}", said(name)),
                format!("{:?}", Some(read)),
                "{name}"
            );
        }
    }
}

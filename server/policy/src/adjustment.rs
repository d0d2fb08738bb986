//! The second step: what one policy file says, checked. It may be silent on any key; what silence means is for the
//! layer it stands in (`layers.rs`).

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use crate::error::{Notice, PolicyError, Wrong, quoted};
use crate::layers::PolicyFile;
use crate::limit::{self, Limit};
use crate::network_rule::NetworkRule;
use crate::policy::ProjectAccess;
use crate::raw::{self, Count, List, RawPolicy, Text};
use crate::{places, variables};

/// A value and the line it stands on; line 0 in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub value: T,
    pub line: u32,
}

/// A list, and the line it begins on.
pub(crate) type Listed<T> = Option<At<Vec<At<T>>>>;

/// What one policy file or one rule of a request says, checked.
#[derive(Clone, Debug, Default)]
pub struct Adjustment {
    pub(crate) file: String,
    pub(crate) description: Option<At<String>>,
    pub(crate) project: Option<At<ProjectAccess>>,
    pub(crate) read: Listed<String>,
    pub(crate) hide: Listed<String>,
    pub(crate) network: Listed<NetworkRule>,
    pub(crate) programs: Listed<String>,
    pub(crate) pass: Listed<String>,
    pub(crate) set: Listed<(String, String)>,
    pub(crate) limits: BTreeMap<Limit, At<u64>>,
}

impl Adjustment {
    /// Reads and checks a policy file.
    ///
    /// # Errors
    /// Everything that is wrong with its values; but only the first thing if it is not TOML, or has a key or a type
    /// that we do not know. The list is never empty.
    pub fn read(file: &PolicyFile<'_>) -> Result<Adjustment, Vec<PolicyError>> {
        let (raw, text) = raw::read(&file.name, file.text).map_err(|error| vec![error])?;
        let mut reader = Reader {
            file: &file.name,
            text: text.as_bytes(),
            place: (0, 1),
            errors: Vec::new(),
        };
        let adjustment = reader.policy(raw);
        if reader.errors.is_empty() {
            Ok(adjustment)
        } else {
            reader.errors.sort_by_key(|error| error.line);
            Err(reader.errors)
        }
    }

    /// Whether the file leaves no key out, so that nothing of another policy would stay.
    pub(crate) fn says_everything(&self) -> bool {
        let lists = [&self.read, &self.hide, &self.programs, &self.pass];
        self.description.is_some()
            && self.project.is_some()
            && lists.into_iter().all(Option::is_some)
            && self.network.is_some()
            && self.set.is_some()
            && Limit::ALL
                .iter()
                .all(|limit| self.limits.contains_key(limit))
    }

    /// Only those keys on which `other` is silent.
    pub(crate) fn where_silent(self, other: &Adjustment) -> Adjustment {
        fn unless<T, U>(mine: Option<T>, theirs: &Option<U>) -> Option<T> {
            mine.filter(|_| theirs.is_none())
        }
        let mut limits = self.limits;
        limits.retain(|limit, _| !other.limits.contains_key(limit));
        Adjustment {
            file: self.file,
            description: None,
            project: unless(self.project, &other.project),
            read: unless(self.read, &other.read),
            hide: unless(self.hide, &other.hide),
            network: unless(self.network, &other.network),
            programs: unless(self.programs, &other.programs),
            pass: unless(self.pass, &other.pass),
            set: unless(self.set, &other.set),
            limits,
        }
    }

    /// Reads one rule of a request, which is a line of a policy file. It has no line number.
    pub(crate) fn of_rule(rule: &str) -> Result<Adjustment, PolicyError> {
        let file = PolicyFile {
            name: "request".to_string(),
            text: rule.as_bytes(),
        };
        let wrong = |error: PolicyError| PolicyError {
            line: 0,
            message: format!("{}, in the rule {}", error.message, quoted(rule)),
            ..error
        };
        if rule.contains('\n') {
            return Err(wrong(PolicyError {
                file: file.name,
                line: 0,
                key: String::new(),
                message: "a rule is one line".to_string(),
                hint: "give each rule by itself".to_string(),
            }));
        }
        let adjustment = Adjustment::read(&file).map_err(|mut errors| wrong(errors.remove(0)))?;
        Ok(adjustment.without_lines())
    }

    fn without_lines(mut self) -> Adjustment {
        fn list<T>(list: &mut Listed<T>) {
            if let Some(list) = list {
                list.line = 0;
                list.value.iter_mut().for_each(|item| item.line = 0);
            }
        }
        list(&mut self.read);
        list(&mut self.hide);
        list(&mut self.network);
        list(&mut self.programs);
        list(&mut self.pass);
        list(&mut self.set);
        self.project.iter_mut().for_each(|at| at.line = 0);
        self.limits.values_mut().for_each(|at| at.line = 0);
        self
    }

    /// One limit of a request.
    pub(crate) fn of_limit(name: &str, value: &str) -> Result<Adjustment, PolicyError> {
        let error = |key: &str, wrong: Wrong| PolicyError {
            file: "request".to_string(),
            line: 0,
            key: key.to_string(),
            message: wrong.message,
            hint: wrong.hint,
        };
        let Some(limit) = Limit::named(name) else {
            let names: Vec<_> = Limit::ALL.into_iter().map(Limit::name).collect();
            let hint = format!("the limits are {}", names.join(", "));
            return Err(error(
                "",
                Wrong::new(format!("there is no limit {}", quoted(name)), hint),
            ));
        };
        let value = limit
            .parse(value)
            .map_err(|wrong| error(limit.key(), wrong))?;
        Ok(Adjustment {
            file: "request".to_string(),
            limits: BTreeMap::from([(limit, At { value, line: 0 })]),
            ..Adjustment::default()
        })
    }

    /// `file:line` of something it says.
    pub(crate) fn place(&self, line: u32) -> String {
        match line {
            0 => self.file.clone(),
            line => format!("{}:{line}", self.file),
        }
    }

    /// What it says that is allowed, and still worth a second look.
    pub(crate) fn remarks(&self) -> Vec<Notice> {
        let passed = self.pass.iter().flat_map(|list| &list.value);
        passed
            .filter(|name| variables::looks_secret(&name.value))
            .map(|name| Notice {
                file: self.file.clone(),
                line: name.line,
                key: "environment.pass".to_string(),
                message: format!(
                    "{} looks like a secret, and every run will be able to read it",
                    quoted(&name.value)
                ),
            })
            .collect()
    }
}

/// Checks values one by one, and remembers what is wrong and where.
struct Reader<'a> {
    file: &'a str,
    text: &'a [u8],
    /// A place in the text and its line: what is asked about next lies near it.
    place: (usize, u32),
    errors: Vec<PolicyError>,
}

impl Reader<'_> {
    fn policy(&mut self, raw: RawPolicy) -> Adjustment {
        let mut adjustment = Adjustment {
            file: self.file.to_string(),
            description: self.one("description", raw.description, description),
            project: self.one("files.project", raw.files.project, project),
            read: self.list("files.read", raw.files.read, places::readable_path),
            hide: self.list("files.hide", raw.files.hide, places::hide_glob),
            network: self.list("network.allow", raw.network.allow, NetworkRule::parse),
            programs: self.list("programs.allow", raw.programs.allow, places::program),
            pass: self.list(
                "environment.pass",
                raw.environment.pass,
                variables::name_to_pass,
            ),
            set: self.variables(raw.environment.set),
            limits: BTreeMap::new(),
        };
        let limits = raw.limits;
        let texts = [
            (Limit::Scratch, raw.files.scratch),
            (Limit::Wall, limits.wall),
            (Limit::Cpu, limits.cpu),
            (Limit::Memory, limits.memory),
            (Limit::FileSize, limits.file_size),
            (Limit::Output, limits.output),
        ];
        for (limit, text) in texts {
            let value = self.one(limit.key(), text, |text| limit.parse(text));
            adjustment.limits.extend(value.map(|value| (limit, value)));
        }
        for (limit, number) in [
            (Limit::Processes, limits.processes),
            (Limit::OpenFiles, limits.open_files),
        ] {
            let value = self.count(limit.key(), number);
            adjustment.limits.extend(value.map(|value| (limit, value)));
        }
        adjustment
    }

    /// The line of the byte at `offset`, counted from the last one that was asked for.
    fn line_of(&mut self, offset: usize) -> u32 {
        let (known, line) = self.place;
        let between = self.text.get(known..offset);
        let line = between.map_or_else(
            || raw::line_of(self.text, offset),
            |between| raw::line_of(between, between.len()) - 1 + line,
        );
        self.place = (offset, line);
        line
    }

    fn at<T>(&mut self, key: &str, span: Range<usize>, value: Result<T, Wrong>) -> Option<At<T>> {
        let line = self.line_of(span.start);
        match value {
            Ok(value) => Some(At { value, line }),
            Err(Wrong { message, hint }) => {
                self.errors.push(PolicyError {
                    file: self.file.to_string(),
                    line,
                    key: key.to_string(),
                    message,
                    hint,
                });
                None
            }
        }
    }

    fn one<T>(
        &mut self,
        key: &str,
        text: Text,
        check: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<At<T>> {
        let text = text?;
        self.at(key, text.span(), check(text.get_ref()))
    }

    fn count(&mut self, key: &str, number: Count) -> Option<At<u64>> {
        let number = number?;
        self.at(key, number.span(), limit::count(*number.get_ref()))
    }

    fn list<T: PartialEq>(
        &mut self,
        key: &str,
        list: List,
        check: fn(&str) -> Result<T, Wrong>,
    ) -> Listed<T> {
        const LONGEST: usize = 1000;
        let list = list?;
        let span = list.span();
        let items = list.into_inner();
        if items.len() > LONGEST {
            let wrong = Wrong::new(
                format!("a list of more than {LONGEST} is too long"),
                "make it shorter",
            );
            return self.at(key, span, Err(wrong));
        }
        let mut checked: Vec<At<T>> = Vec::new();
        for item in items {
            if let Some(item) = self.at(key, item.span(), check(item.get_ref()))
                && checked.iter().all(|earlier| earlier.value != item.value)
            {
                checked.push(item);
            }
        }
        self.at(key, span, Ok(checked))
    }

    fn variables(
        &mut self,
        table: Option<Spanned<BTreeMap<String, Spanned<String>>>>,
    ) -> Listed<(String, String)> {
        let table = table?;
        let span = table.span();
        let mut checked = Vec::new();
        for (name, text) in table.into_inner() {
            let key = format!("environment.set.{}", crate::error::printable(&name));
            let value = variables::name_to_set(&name)
                .and_then(|name| Ok((name, variables::value(text.get_ref())?)));
            checked.extend(self.at(&key, text.span(), value));
        }
        self.at("environment.set", span, Ok(checked))
    }
}

fn description(text: &str) -> Result<String, Wrong> {
    if text.len() > 500 || text.chars().any(char::is_control) {
        return Err(Wrong::new(
            "a description is one line of at most 500 letters",
            "use a comment for more",
        ));
    }
    Ok(text.to_string())
}

fn project(text: &str) -> Result<ProjectAccess, Wrong> {
    ProjectAccess::ALL
        .into_iter()
        .find(|access| access.as_str() == text)
        .ok_or_else(|| {
            let hint = "write \"hidden\", \"read\" or \"overlay\"";
            Wrong::new(
                format!("{} is no way to show the project", quoted(text)),
                hint,
            )
        })
}

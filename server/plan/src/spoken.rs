//! What a document says of its own run, and how far that is taken over. Whoever wrote it speaks, and not the user: it chooses
//! what its program is given, as far as the program could have it anyway, and what holds it, as far as that is narrower.

use std::borrow::Cow;
use std::path::Path;

use belljar_policy::check_variable;
use belljar_runtime::{
    Catalogue, Directives, Expectation, FileKind, Front, Host, Input, Piece, Said,
};

use crate::document::{Document, Means, Pieces};
use crate::refused::{Fault, Refused};
use crate::{LineRange, Project, Refusal, RunRequest, paths, views};

/// No input for a program is larger, if its document names it.
const LARGEST_INPUT: u64 = 8 * 1024 * 1024;

/// What a document says of a run.
#[derive(Debug, Default)]
pub(crate) struct Spoken {
    /// What it is called in messages.
    pub name: String,
    pub directives: Directives,
    pub expectations: Vec<Expectation>,
}

impl Spoken {
    /// What the document says that `request` would run; nothing if that could not be run.
    pub fn of(request: &RunRequest, catalogue: &Catalogue) -> Spoken {
        let document = Document::of(request);
        let read = document.and_then(|document| {
            let means = document.means(catalogue).ok()?;
            Some(Spoken::read(&document, &means))
        });
        read.unwrap_or_default()
    }

    /// Whether it narrows what its run may do.
    pub fn narrows(&self, request: &RunRequest) -> Option<u32> {
        let policy = self.directives.policies.first().map(|said| said.line);
        let limit = self.directives.limits.first().map(|said| said.line);
        policy.filter(|_| !request.names_policy).or(limit)
    }

    /// What `document` says where it runs by `means`.
    pub fn read(document: &Document<'_>, means: &Means<'_>) -> Spoken {
        let text = match &means.text {
            Some(text) => Cow::Borrowed(&**text),
            None => String::from_utf8_lossy(document.text),
        };
        let whole = [Piece {
            lines: 0..=usize::MAX,
            front: Front::default(),
        }];
        let everything = LineRange {
            first: 1,
            last: u32::MAX,
        };
        let (pieces, lines) = match &means.pieces {
            Some(Pieces { pieces, lines, .. }) => (pieces.as_slice(), *lines),
            None => (&whole[..], document.lines.unwrap_or(everything)),
        };
        let (runtime, lines) = (&means.runtime, (lines.first, lines.last));
        Spoken {
            name: document.name.to_owned(),
            directives: runtime.directives(&text, pieces, lines),
            expectations: runtime.expectations(&text, pieces, lines),
        }
    }

    /// Says no where the document does, or where it says what nobody understands.
    pub fn check(&self) -> Result<(), Refused> {
        let Directives {
            environment,
            skip,
            wrong,
            ..
        } = &self.directives;
        let mut faults: Vec<Fault> = wrong
            .iter()
            .map(|said| fault(said.line, said.value.clone()))
            .collect();
        for Said { line, value } in environment {
            let (name, value) = value;
            faults.extend(
                check_variable(name, value)
                    .err()
                    .map(|why| fault(*line, why)),
            );
        }
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.line);
            return Err(Refused::for_faults(&self.name, faults));
        }
        let Some(Said { line, value }) = skip else {
            return Ok(());
        };
        let why = match value.is_empty() {
            true => String::new(),
            false => format!(": {}", value.chars().take(200).collect::<String>()),
        };
        Err(Refusal {
            reason: format!(
                "line {line} of `{}` says that this is not to be run{why}",
                self.name
            ),
            hint: "select other lines, or take the comment `belljar: skip` away".to_owned(),
        }
        .into())
    }

    /// `request` with what the document adds to it. What the user says counts more.
    pub fn complete<'r>(&self, request: &'r RunRequest, has_input: bool) -> Cow<'r, RunRequest> {
        let arguments = self.directives.arguments.as_ref();
        let arguments = arguments.filter(|_| request.arguments.is_empty());
        if arguments.is_none() && !has_input && self.expectations.is_empty() {
            return Cow::Borrowed(request);
        }
        let mut request = request.clone();
        request.has_input |= has_input;
        // What a line prints can be compared only where that is known.
        request.output_lines |= !self.expectations.is_empty();
        if let Some(Said { value, .. }) = arguments {
            request.arguments.clone_from(value);
        }
        Cow::Owned(request)
    }

    /// The input that it names, if the user gives none.
    pub fn input(
        &self,
        request: &RunRequest,
        host: &dyn Host,
        directory: Option<&Path>,
        project: Option<&Project>,
    ) -> Result<Option<Vec<u8>>, Refused> {
        match self
            .directives
            .input
            .as_ref()
            .filter(|_| !request.has_input)
        {
            None => Ok(None),
            Some(Said {
                value: Input::Text(text),
                ..
            }) => Ok(Some(text.clone().into_bytes())),
            Some(Said {
                line,
                value: Input::File(name),
            }) => file(host, name, directory, project)
                .map(Some)
                .map_err(|why| Refused::for_faults(&self.name, vec![fault(*line, why)])),
        }
    }
}

/// The content of a file of the project that its programs see. We read it, and not the cell, so that it is there before
/// anything runs; therefore it is looked at as the cell would see it.
fn file(
    host: &dyn Host,
    name: &str,
    directory: Option<&Path>,
    project: Option<&Project>,
) -> Result<Vec<u8>, String> {
    let Some(project) = project else {
        return Err("an input is a file of the project, and this run sees no project".to_owned());
    };
    let Some(directory) = directory else {
        return Err("this document lies nowhere, so no file lies beside it".to_owned());
    };
    let shown: String = name.chars().take(200).collect();
    let outside =
        || format!("`{shown}` is not in the project, and a document may name nothing else");
    let named = paths::normal(&directory.join(name));
    let real = host.resolve(&named).ok_or_else(|| {
        match named.starts_with(&project.root) {
            true => format!("there is no file `{shown}`"),
            // What is elsewhere, and what is not, is nobody's business.
            false => outside(),
        }
    })?;
    let hidden = views::hidden(&project.hide);
    for path in [&named, &real] {
        let below = path.strip_prefix(&project.root).map_err(|_| outside())?;
        if below.ancestors().any(|part| hidden.is_match(part)) {
            return Err(format!("the policy hides `{shown}`"));
        }
    }
    if host.kind(&real) != Some(FileKind::File) {
        return Err(format!("`{shown}` is no file"));
    }
    if !host.is_same_file_system(&real, &project.root) {
        return Err(outside());
    }
    host.read(&real, LARGEST_INPUT)
        .ok_or_else(|| format!("`{shown}` cannot be read, or is larger than 8 MiB"))
}

fn fault(line: u32, message: String) -> Fault {
    Fault { line, message }
}

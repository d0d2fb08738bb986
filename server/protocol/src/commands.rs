//! The commands: what the user wants done with documents and runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use belljar_report::{Report, displayable_line};
use belljar_runs::{LineRange, Part as Kind, RunId, RunRequest, Source};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower_lsp::ls_types::notification::ShowMessage;
use tower_lsp::ls_types::request::ShowDocument;
use tower_lsp::ls_types::{
    ExecuteCommandParams, MessageType, ShowDocumentParams, ShowMessageParams, Uri,
};

use crate::actor::Actor;
use crate::arguments::read;
use crate::diagnostics::{LOST, allowable};
use crate::documents::Document;
use crate::inbox::{Answer, Problem};
use crate::output_files::full_text;
use crate::parts::Part;
use crate::positions::number;
use crate::profile::path_of;
use crate::results::LONGEST_NAME;
use crate::run_stream::follow;
use crate::shown::{Asked, ShownRun, State};
use crate::wire::{
    self, AllowArguments, OutputReply, RunArguments, RunChoice, RunEventKind, RunReply, Scope,
    Transcript, What,
};
use crate::words::count;

/// How long opening a file may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Standard input is written in pieces of this size.
const PIECE: usize = 64 << 10;
/// The results of so many runs are kept per session; older ones go when new ones come.
const MOST_RUNS: usize = 64;

/// A run that is wanted.
struct Wanted {
    uri: Uri,
    asked: Asked,
}

impl Actor {
    /// Does a command. Whatever takes time goes on by itself.
    pub(crate) fn command(
        &mut self,
        command: ExecuteCommandParams,
        answer: Answer<Result<Value, Problem>>,
    ) {
        let arguments = command.arguments;
        let result = match command.command.as_str() {
            wire::RUN => read(arguments, "path").and_then(|arguments| self.run(&arguments)),
            wire::RERUN => self
                .choice(arguments)
                .and_then(|choice| self.rerun(&choice)),
            wire::ALLOW => read(arguments, "run").and_then(|arguments| self.allow(&arguments)),
            wire::CANCEL => self.choice(arguments).map(|choice| self.cancel(&choice)),
            wire::CLEAR => self.choice(arguments).map(|choice| self.clear(&choice)),
            wire::SHOW_OUTPUT => {
                match self
                    .choice(arguments)
                    .and_then(|choice| self.told_by(&choice))
                {
                    Ok((run, report)) => return self.show_output(run, report, answer),
                    Err(problem) => Err(problem),
                }
            }
            wire::POLICIES => {
                if self.is_mute() {
                    self.tell_policies();
                }
                return self.list_policies(answer);
            }
            wire::USE_POLICY => {
                read(arguments, "policy").and_then(|choice| self.use_policy(choice))
            }
            other => Err(Problem(format!("There is no command `{other}`."))),
        };
        if let Err(problem) = &result
            && self.is_mute()
        {
            self.say(MessageType::WARNING, problem.0.clone());
        }
        let _ = answer.send(result);
    }

    /// Which run is meant, with a document that is named by its path.
    fn choice(&self, arguments: Vec<Value>) -> Result<RunChoice, Problem> {
        let mut choice: RunChoice = read(arguments, "run")?;
        if let (None, Some(path)) = (&choice.uri, &choice.path) {
            choice.uri = Some(self.open_at(path)?);
        }
        Ok(choice)
    }

    /// Whether the client tells its user nothing of what a command gives, not even of an error.
    pub(crate) fn is_mute(&self) -> bool {
        self.profile.client == "helix"
    }

    /// A line for the user.
    pub(crate) fn say(&self, typ: MessageType, message: String) {
        self.outbox
            .notify::<ShowMessage>(ShowMessageParams { typ, message });
    }

    fn run(&mut self, arguments: &RunArguments) -> Result<Value, Problem> {
        let uri = match (&arguments.uri, &arguments.path) {
            (_, Some(path)) => self.open_at(path)?,
            (Some(uri), None) => uri.clone(),
            (None, None) => self
                .active
                .clone()
                .ok_or_else(|| Problem("No document is open that could be run.".into()))?,
        };
        let (languages, encoding) = (self.runner.languages(), self.profile.encoding);
        let part = self.document(&uri)?.part(languages, arguments, encoding)?;
        let policy = arguments.policy.as_deref();
        self.begin(Wanted {
            uri,
            asked: Asked {
                part,
                policy: policy.unwrap_or(self.profile.policy()).to_owned(),
                // Plugins name the usual one too, when they run something again.
                names_policy: policy.is_some_and(|policy| policy != self.profile.policy()),
                allow: Vec::new(),
                arguments: arguments.arguments.clone(),
                stdin: arguments.stdin.as_deref().map(Arc::from),
            },
        })
    }

    fn rerun(&mut self, choice: &RunChoice) -> Result<Value, Problem> {
        let run = self.chosen(choice)?;
        let wanted = again(run, Vec::new());
        self.begin(wanted)
    }

    fn allow(&mut self, arguments: &AllowArguments) -> Result<Value, Problem> {
        let choice = RunChoice {
            run: arguments.run.clone(),
            ..RunChoice::default()
        };
        let run = self.chosen(&choice)?;
        if arguments.violation >= run.violations().len() {
            return Err(Problem("This run was not refused such a thing.".into()));
        }
        if let Some(name) = &arguments.agreed {
            return self.agree(name);
        }
        let rule = allowable(run, arguments.violation)
            .ok_or_else(|| Problem("No rule can allow this one thing.".into()))?
            .to_owned();
        if arguments.scope != Scope::Once {
            let id = run.id.clone();
            return self.propose(&id, arguments.violation, arguments.scope);
        }
        let mut allow = run.asked.allow.clone();
        allow.push(rule);
        let wanted = again(run, allow);
        self.begin(wanted)
    }

    fn cancel(&mut self, choice: &RunChoice) -> Value {
        let chosen = |run: &&ShownRun| {
            choice.run.as_ref().is_none_or(|id| run.id.0 == *id)
                && choice.uri.as_ref().is_none_or(|uri| run.uri == *uri)
        };
        let live = self.runs.iter().filter(|run| run.is_live()).filter(chosen);
        let cancelled = live.filter(|run| self.runner.cancel(&run.id)).count();
        if self.is_mute() {
            let told = match cancelled {
                0 => "Nothing is running.".to_owned(),
                n => format!("Stopped {}.", count(n, "run")),
            };
            self.say(MessageType::INFO, told);
        }
        json!({"cancelled": cancelled > 0})
    }

    fn clear(&mut self, choice: &RunChoice) -> Value {
        let uri = choice.uri.as_ref().or(self.active.as_ref());
        let chosen = |run: &&ShownRun| match &choice.run {
            Some(id) => run.id.0 == *id,
            // Whoever clears a document wants its results gone, not its work.
            None => !run.is_live() && (choice.all || uri.is_none_or(|uri| run.uri == *uri)),
        };
        let gone: Vec<RunId> = self
            .runs
            .iter()
            .filter(chosen)
            .map(|run| run.id.clone())
            .collect();
        if gone.is_empty() && self.is_mute() {
            self.say(MessageType::INFO, "There is no result to take away.".into());
        }
        for id in &gone {
            self.runner.cancel(id);
            self.forget(id);
        }
        json!({"cleared": gone.len()})
    }

    /// The run that is meant: the named one, or the last one of the named document, or the last one.
    fn chosen(&self, choice: &RunChoice) -> Result<&ShownRun, Problem> {
        let mut runs = self.runs.iter().rev();
        match (&choice.run, &choice.uri) {
            (Some(id), _) => runs
                .find(|run| run.id.0 == *id)
                .ok_or_else(|| Problem("This run is not known any more.".into())),
            (None, Some(uri)) => runs
                .find(|run| run.uri == *uri)
                .ok_or_else(|| Problem("Nothing was run in this document.".into())),
            (None, None) => runs
                .next()
                .ok_or_else(|| Problem("Nothing was run yet.".into())),
        }
    }

    /// What the run that is meant told, or has told so far.
    fn told_by(&self, choice: &RunChoice) -> Result<(&ShownRun, Report), Problem> {
        let run = self.chosen(choice)?;
        match run.state {
            State::Lost => Err(Problem(LOST.into())),
            _ => Ok((run, run.told())),
        }
    }

    /// Answers with everything that a run told, put into words in a task of its own.
    pub(crate) fn transcript(&self, run: String, answer: Answer<Result<Transcript, Problem>>) {
        let choice = RunChoice {
            run: Some(run),
            ..RunChoice::default()
        };
        match self.told_by(&choice) {
            Err(problem) => drop(answer.send(Err(problem))),
            Ok((run, report)) => {
                let (name, done) = (run.name.clone(), !run.is_live());
                tokio::task::spawn_blocking(move || {
                    let _ = answer.send(Ok(Transcript {
                        title: format!("Output of {}", displayable_line(&name, LONGEST_NAME)),
                        text: full_text(&report, &name),
                        done,
                    }));
                });
            }
        }
    }

    fn document(&self, uri: &Uri) -> Result<&Document, Problem> {
        let document = self
            .documents
            .get(uri)
            .ok_or_else(|| Problem(format!("`{}` is not open in the editor.", self.name(uri))))?;
        if document.out_of_step {
            return Err(Problem(format!(
                "A change of `{}` was lost on the way here. Close it and open it again, so that what you see is what runs.",
                self.name(uri)
            )));
        }
        Ok(document)
    }

    /// The open document at `path`, as the user would write it.
    fn open_at(&self, path: &str) -> Result<Uri, Problem> {
        let path = path.trim();
        let open = || {
            self.documents
                .keys()
                .filter_map(|uri| Some((uri, path_of(uri)?)))
        };
        // Editors that know only paths paste them as they are into what they send. A name that can end its string says there
        // what it likes, so nothing is believed while a document with such a name is open.
        let speaks = |path: &Path| path.to_string_lossy().contains(['"', '\\']);
        if let Some((uri, _)) = open().find(|(_, path)| speaks(path)) {
            return Err(Problem(format!(
                "Not done: `{}` is open, and a name with a quotation mark or a backslash could change what its path is sent \
                 with. Choose it in the menu of code actions.",
                displayable_line(&self.name(uri), LONGEST_NAME)
            )));
        }
        let at_home = path
            .strip_prefix("~/")
            .and_then(|rest| Some(Path::new(&std::env::var_os("HOME")?).join(rest)));
        // An editor's own directory comes first: it is what its user's paths begin at.
        let bases = self
            .profile
            .directory()
            .into_iter()
            .chain(self.profile.folders.iter().cloned())
            .chain(std::env::current_dir().ok());
        let mut candidates = at_home
            .into_iter()
            .chain(bases.map(|base| base.join(path)))
            .map(|path| tidy(&path));
        let named = candidates.find_map(|path| open().find(|(_, open)| *open == path));
        let found = named.or_else(|| {
            let mut alike = open().filter(|(_, open)| open.ends_with(path));
            alike.next().filter(|_| alike.next().is_none())
        });
        found.map(|(uri, _)| uri.clone()).ok_or_else(|| {
            Problem(if path.starts_with('[') {
                format!("`{path}` has no name: this editor tells servers only of documents that have one. Write it to a file, and run again.")
            } else {
                format!("`{path}` is not open in the editor.")
            })
        })
    }

    /// What the user calls a document: its path, below the folder that it is in if that is open.
    fn name(&self, uri: &Uri) -> String {
        let Some(path) = path_of(uri) else {
            return uri.path().as_str().to_owned();
        };
        let folders = self.profile.folders.iter();
        let inside = folders.filter_map(|folder| path.strip_prefix(folder).ok());
        let shortest = inside.min_by_key(|path| path.as_os_str().len());
        shortest.unwrap_or(&path).display().to_string()
    }

    /// Copies the text, submits the run and makes its place in the document, all before anything else can happen.
    fn begin(&mut self, wanted: Wanted) -> Result<Value, Problem> {
        let whole = self.whole(&wanted.uri);
        let (name, path) = (self.name(whole), path_of(whole));
        let document = self.document(&wanted.uri)?;
        let part = kind_of(&wanted.asked.part);
        let end = document.last_line();
        let lines = wanted.asked.part.lines.map(|(first, last)| {
            let first = first.min(end);
            (first, last.clamp(first, end))
        });
        // Cells of a notebook are lines of one program here, and planning sees nothing else.
        let is_cell = document.in_notebook.is_some();
        let (before, n_before) = match part {
            Kind::UpTo if is_cell => self.text_before(&wanted.uri),
            _ => (Vec::new(), 0),
        };
        let program_lines = lines.map(|(first, last)| LineRange {
            first: if n_before > 0 { 1 } else { number(first + 1) },
            last: number(last + 1) + n_before,
        });
        let request = RunRequest {
            source: Source::Document {
                path,
                name: name.clone(),
                language: Some(document.language.clone()).filter(|language| !language.is_empty()),
                text: if before.is_empty() {
                    document.copy()
                } else {
                    [before.as_slice(), &document.copy()].concat().into()
                },
                lines: program_lines,
                part: if is_cell && part == Kind::UpTo {
                    Kind::Lines
                } else {
                    part
                },
            },
            arguments: wanted.asked.arguments.clone(),
            policy: wanted.asked.policy.clone(),
            names_policy: wanted.asked.names_policy,
            project: None,
            // The only rules here are those that the user has picked from a menu, one by one.
            may_widen: !wanted.asked.allow.is_empty(),
            allow: wanted.asked.allow.clone(),
            limits: Vec::new(),
            has_input: wanted.asked.stdin.is_some(),
            output_lines: true,
        };
        let text = document.text.clone();
        let mut run = self.runner.submit(request);
        if let (Some(input), Some(stdin)) = (run.input.take(), wanted.asked.stdin.clone()) {
            feed(input, stdin);
        }
        let id = run.id.clone();
        let (first, last) = lines.unwrap_or((0, end));
        self.make_room(&wanted.uri, first, last);
        let mut shown = ShownRun::new(
            id.clone(),
            wanted.uri.clone(),
            name,
            wanted.asked,
            text,
            (first, last),
        );
        shown.lines_before = n_before;
        self.runs.push(shown);
        self.tell(&id, RunEventKind::Queued { ahead: 0 });
        follow(run, self.inbox.clone());
        self.find_references(&id, &wanted.uri);
        self.begin_progress(&id);
        self.active = Some(wanted.uri.clone());
        self.touch(&wanted.uri);
        to_value(&RunReply { run: id.0 })
    }

    /// Takes older results away from where a new one will stand.
    fn make_room(&mut self, uri: &Uri, first: usize, last: usize) {
        let over = self.runs.iter().filter(|run| !run.is_live());
        let n_over = over.clone().count();
        let oldest = n_over.saturating_sub(MOST_RUNS - 1);
        let gone: Vec<RunId> = over
            .enumerate()
            .filter(|(n, run)| *n < oldest || (run.uri == *uri && run.touches(first, last)))
            .map(|(_, run)| run.id.clone())
            .collect();
        for id in gone {
            self.forget(&id);
        }
    }

    /// Writes the full output to a file and has the editor open it, in a task of its own.
    fn show_output(&self, run: &ShownRun, report: Report, answer: Answer<Result<Value, Problem>>) {
        let (files, name, id) = (self.files.clone(), run.name.clone(), run.id.0.clone());
        let (outbox, can_show) = (self.outbox.clone(), self.profile.show_document);
        tokio::spawn(async move {
            let file_of = id.clone();
            let written = tokio::task::spawn_blocking(move || {
                files.write(&name, &file_of, &full_text(&report, &name))
            });
            let path = match written.await.map_err(std::io::Error::other).flatten() {
                Ok(path) => path,
                Err(error) => {
                    let _ = answer.send(Err(Problem(format!(
                        "The output could not be written: {error}."
                    ))));
                    return;
                }
            };
            let path_text = path.display().to_string();
            let reply = OutputReply {
                path: path_text.clone(),
                run: id,
            };
            let _ = answer.send(to_value(&reply));
            let mut shown = false;
            if let Some(uri) = Uri::from_file_path(&path).filter(|_| can_show) {
                let asked = outbox.ask::<ShowDocument>(
                    ShowDocumentParams {
                        uri,
                        external: Some(false),
                        take_focus: Some(true),
                        selection: None,
                    },
                    PATIENCE,
                );
                shown = asked.await.is_some_and(|result| result.success);
            }
            if !shown {
                outbox.notify::<ShowMessage>(ShowMessageParams {
                    typ: MessageType::INFO,
                    message: format!("The full output is in {path_text}"),
                });
            }
        });
    }
}

/// The same lines, where they are now, under the same policy.
fn again(run: &ShownRun, allow: Vec<String>) -> Wanted {
    let part = Part {
        lines: (!run.is_whole()).then(|| (run.first(), run.last())),
        ..run.asked.part.clone()
    };
    Wanted {
        uri: run.uri.clone(),
        asked: Asked {
            part,
            allow,
            ..run.asked.clone()
        },
    }
}

/// What planning has to know about a part of a document.
fn kind_of(part: &Part) -> Kind {
    match part.what {
        What::Function => Kind::Function,
        What::Block => Kind::Block,
        What::UpTo => Kind::UpTo,
        _ => Kind::Lines,
    }
}

/// Writes a run's standard input in a task of its own, as fast as the program reads it.
fn feed(input: mpsc::Sender<Vec<u8>>, stdin: Arc<str>) {
    tokio::spawn(async move {
        for piece in stdin.as_bytes().chunks(PIECE) {
            // The program may end without reading it all.
            if input.send(piece.to_vec()).await.is_err() {
                return;
            }
        }
    });
}

/// A path without `.` and `..`, which editors leave in.
fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                tidy.pop();
            }
            component => tidy.push(component),
        }
    }
    tidy
}

pub(crate) fn to_value(reply: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(reply).map_err(|error| Problem(error.to_string()))
}

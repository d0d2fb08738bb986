//! What is executed in a run: the tools and steps of a document's runtime, or a command.

use std::path::{Path, PathBuf};

use belljar_runtime::{Catalogue, FoundTool, Host, Invocation, Messages, Places};

use crate::document::{Document, Means, Pieces};
use crate::{CELL_HOME, CellFile, Precompiled, Product, Refusal, RunRequest, Step, command, paths};

/// Where programs put what they make while they are prepared.
const SCRATCH: &str = "/tmp";

/// What differs between running a document and running a command.
pub(crate) struct Job {
    pub document: Option<PathBuf>,
    pub steps: Vec<Step>,
    pub product: Option<Product>,
    pub files: Vec<CellFile>,
    pub tools: Vec<FoundTool>,
    /// What else the run's own commands execute.
    pub executes: Vec<PathBuf>,
    pub environment: Vec<(String, String)>,
    pub libraries: Vec<PathBuf>,
    pub work_dir: PathBuf,
    pub messages: Messages,
    pub language: Option<String>,
    pub file: Option<String>,
    pub first_line: u32,
    /// What to say before the run.
    pub notices: Vec<String>,
}

/// How a document runs.
pub(crate) fn document_job(
    request: &RunRequest,
    document: &Document<'_>,
    means: &Means<'_>,
    host: &dyn Host,
    places: &Places<'_>,
    root: Option<&Path>,
) -> Result<Job, Refusal> {
    let runtime = &means.runtime;
    let target = document.target(host, means, places)?;
    let is_whole = target.as_ref().is_some_and(|target| target.is_whole);
    let source = document.source(host, means, is_whole)?;
    let place = target
        .as_ref()
        .map(|target| (target.work_dir.clone(), target.base.clone()));
    let found = match target {
        Some(target) => runtime.find_target(host, places, target),
        None => runtime.find(host, places),
    };
    let found = found.map_err(|missing| Refusal {
        reason: format!(
            "{} needs `{}`, which was not found",
            runtime.name(),
            missing.tool
        ),
        hint: missing.install,
    })?;
    for tool in &found.tools {
        tool.sees
            .iter()
            .chain([&tool.path, &tool.real])
            .try_for_each(|path| paths::text(path).map(|_| ()))?;
    }
    let directory = source.path.parent().unwrap_or(Path::new("/"));
    let stem = source
        .path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("program");
    let mut binary = format!("{SCRATCH}/{stem}");
    if Path::new(&binary) == source.path {
        binary.push_str(".bin");
    }
    let invocation = Invocation {
        source: paths::text(&source.path)?,
        binary: &binary,
        scratch: SCRATCH,
        directory: paths::text(directory)?,
        arguments: &request.arguments,
        flags: &source.flags,
        unbuffered: request.output_lines,
    };
    let commands = runtime.commands(host, places, &found, &invocation);
    let compiles = !commands.compile.is_empty();
    // Of a project, what its tool reads besides cannot be told.
    let is_made = place.is_none() && compiles && commands.run.first() == Some(&binary);
    let inputs = is_made.then(|| runtime.inputs(host, places, &invocation, &source.content));
    let precompiled = commands.precompile.clone().and_then(|command| {
        let ahead = runtime.precompiled(&found, &invocation, command, &source.content)?;
        let (path, text) = ahead.source;
        Some(Precompiled {
            step: step(ahead.command, false, false),
            source: CellFile {
                path,
                content: text.into_bytes(),
                executable: false,
            },
            makes: ahead.makes,
            inputs: ahead.inputs,
        })
    });
    let product = inputs.flatten().and_then(|inputs| {
        Some(Product {
            binary: PathBuf::from(&binary),
            inputs,
            tools: made_of(&found.tools),
            kept_in: kept_in(host)?,
            precompiled,
        })
    });
    let prepared = commands
        .compile
        .into_iter()
        .map(|command| step(command, false, false));
    let steps = prepared
        .chain([step(commands.run, request.has_input, true)])
        .collect();
    let own = document.place(host);
    let executable = own.is_some_and(|path| host.is_executable(&path));
    // In no project, a program starts in a home of its own, and not in a directory whose files it cannot see.
    let in_project = root.is_some_and(|root| source.path.starts_with(root));
    let (work_dir, base) = place.unwrap_or_else(|| {
        let work_dir = if in_project {
            directory.to_path_buf()
        } else {
            PathBuf::from(CELL_HOME)
        };
        (work_dir.clone(), work_dir)
    });
    let messages = Messages::new(
        runtime,
        &source.path,
        &base,
        source.map,
        document.text.clone(),
    );
    let notices = runtime.notes(&source.content);
    let path = source.path;
    let mut files = vec![CellFile {
        path: path.clone(),
        content: source.content,
        executable,
    }];
    files.extend(commands.files.into_iter().map(|file| CellFile {
        path: file.path,
        content: file.content.into_bytes(),
        executable: false,
    }));
    Ok(Job {
        document: Some(path),
        steps,
        product,
        files,
        tools: found.tools,
        executes: if compiles {
            vec![PathBuf::from(SCRATCH)]
        } else {
            Vec::new()
        },
        environment: commands.environment,
        libraries: commands.libraries,
        work_dir,
        messages,
        language: Some(runtime.id().to_owned()),
        file: Some(document.name.to_owned()),
        first_line: match (&means.pieces, document.lines) {
            (Some(Pieces { lines, .. }), _) => lines.first,
            (None, Some(lines)) => lines.first,
            (None, None) => 1,
        },
        notices,
    })
}

/// What else of the host than what it reads decides what a compiler makes.
fn made_of(tools: &[FoundTool]) -> Vec<PathBuf> {
    let executes = |tool: &FoundTool| tool.executes.iter().map(PathBuf::from).collect::<Vec<_>>();
    let of_tool = |tool: &FoundTool| {
        let own = [tool.path.clone(), tool.real.clone()].into_iter();
        let others = tool.sees.iter().cloned().chain(executes(tool));
        own.chain(others.filter(|path| path.is_absolute()))
            .collect::<Vec<_>>()
    };
    tools.iter().flat_map(of_tool).collect()
}

/// The user's directory for programs that were compiled.
pub fn kept_in(host: &dyn Host) -> Option<PathBuf> {
    Some(paths::of_user(host, "XDG_CACHE_HOME", ".cache")?.join("compiled"))
}

/// How a command runs.
pub(crate) fn command_job(
    request: &RunRequest,
    argv: &[String],
    catalogue: &Catalogue,
    host: &dyn Host,
    places: &Places<'_>,
) -> Result<Job, Refusal> {
    let name = argv.first().map_or("", String::as_str);
    let tools = command::programs(host, catalogue, name, places)?;
    let program = &tools[0];
    let mut arguments = argv.to_vec();
    arguments.extend_from_slice(&request.arguments);
    let standing = places.directory.filter(|directory| {
        places
            .project
            .is_some_and(|project| directory.starts_with(project))
    });
    let work_dir = standing.map_or_else(|| PathBuf::from(CELL_HOME), Path::to_path_buf);
    paths::text(&work_dir)?;
    let step = Step {
        program: program.path.clone(),
        arguments,
        reads_input: request.has_input,
        is_program: true,
    };
    Ok(Job {
        document: None,
        steps: vec![step],
        product: None,
        files: Vec::new(),
        tools,
        executes: Vec::new(),
        environment: Vec::new(),
        libraries: Vec::new(),
        work_dir,
        messages: Messages::none(),
        language: None,
        file: None,
        first_line: 1,
        notices: Vec::new(),
    })
}

fn step(command: Vec<String>, reads_input: bool, is_program: bool) -> Step {
    let program = command.first().map(PathBuf::from).unwrap_or_default();
    Step {
        program,
        arguments: command,
        reads_input,
        is_program,
    }
}

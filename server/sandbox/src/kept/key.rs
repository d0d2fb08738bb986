//! The name under which a program is kept: a hash over everything that its compiler could know, except what it read of the
//! host's files.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

use belljar_plan::{CellFile, Precompiled, Product, ProjectAccess, RunPlan};
use sha2::{Digest, Sha256};

use super::entry::{State, state};

/// Where programs and libraries come and go. A compiler does not say which of them it took, and in one of these something
/// changes with each package that is installed.
const SYSTEM: &[&str] = &[
    "/usr/bin",
    "/usr/include",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/bin",
    "/usr/local/include",
    "/usr/local/lib",
];

/// The key of a plan's program. `None` if not all of it can be written down.
pub fn of(plan: &RunPlan, product: &Product) -> Option<String> {
    let steps: Vec<_> = plan.steps.iter().filter(|step| !step.is_program).collect();
    let conditions = (
        (&steps, product, &plan.document, &plan.work_dir),
        (&plan.environment, &plan.executables, &plan.home_links),
        (&plan.views, &plan.project, plan.output_lines),
        (machine(product), neighbours(plan)),
    );
    let conditions = serde_json::to_vec(&conditions).ok()?;
    Some(hash(&conditions, &plan.files))
}

/// The key of what its program begins with. Of the run it has all that a compiler could know, but for the document and where that
/// lies: there is none when it is made.
pub fn of_beginning(plan: &RunPlan, product: &Product, ahead: &Precompiled) -> Option<String> {
    let conditions = (
        (&ahead.step, &ahead.makes, &ahead.inputs),
        (&plan.environment, &plan.executables),
        (&plan.views, &plan.project),
        machine(product),
    );
    let conditions = serde_json::to_vec(&conditions).ok()?;
    Some(hash(&conditions, std::slice::from_ref(&ahead.source)))
}

/// What there is of the compiler.
fn machine(product: &Product) -> Vec<Option<State>> {
    let facts = |path: &Path| fs::metadata(path).ok().map(|facts| state(&facts));
    let tools = product.tools.iter().map(PathBuf::as_path);
    let libraries = format!("/usr/lib/{ARCH}-linux-gnu");
    let system = SYSTEM.iter().map(Path::new).chain([libraries.as_ref()]);
    tools.chain(system).map(facts).collect()
}

fn hash(conditions: &[u8], files: &[CellFile]) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for part in [
        env!("CARGO_PKG_VERSION").as_bytes(),
        ARCH.as_bytes(),
        conditions,
    ] {
        add(part);
    }
    for file in files {
        add(file.path.as_os_str().as_encoded_bytes());
        add(&[u8::from(file.executable)]);
        add(&file.content);
    }
    let hash = hash.finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The names beside the document: a new one may be found before what the compiler found until now.
fn neighbours(plan: &RunPlan) -> Vec<Vec<u8>> {
    let directory = plan.document.as_deref().and_then(Path::parent);
    let seen = plan
        .project
        .as_ref()
        .filter(|project| project.access != ProjectAccess::Hidden)
        .map(|project| project.root.as_path());
    let directory =
        directory.filter(|directory| seen.is_some_and(|root| directory.starts_with(root)));
    let entries = directory.and_then(|directory| fs::read_dir(directory).ok());
    let mut names: Vec<Vec<u8>> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().into_encoded_bytes())
        .collect();
    names.sort();
    names
}

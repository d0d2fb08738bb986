//! CPython 3.8 to 3.14: its frames are read from outside, beginning at the symbol `_PyRuntime`.
//!
//! Which build it is, is not believed but checked: every thread must name its interpreter, every code object must be of
//! a type called `code` and have a file's name and a table of lines that reaches the instruction. A build that is laid
//! out otherwise fails that, and then there are no frames.

mod layout;
mod lines;
mod objects;
mod tasks;
mod threads;
mod walk;

use std::path::Path;

use self::layout::Layout;
use crate::frame::Frame;
use crate::memory::Memory;
use crate::process::Process;
use crate::reader::Reader;

/// An interpreter that is still being loaded is looked for so many times.
const MOST_TRIES: u32 = 200;

/// The reader of a process that runs Python.
#[derive(Debug)]
struct Python {
    found: Option<Interpreter>,
    tries: u32,
}

/// Where the interpreter's state lies, and how it is laid out.
#[derive(Clone, Copy, Debug)]
struct Interpreter {
    runtime: u64,
    layout: Layout,
}

/// A reader, if this is Python 3.
pub(crate) fn recognise(process: &Process) -> Option<Box<dyn Reader>> {
    let name = |path: &Path| {
        path.file_name()
            .is_some_and(|name| is_program(&name.to_string_lossy()))
    };
    if !name(&process.path)
        && process.mapping_of(is_library).is_none()
        && process.mapping_of(is_program).is_none()
    {
        return None;
    }
    Some(Box::new(Python {
        found: Interpreter::find(process),
        tries: 0,
    }))
}

impl Reader for Python {
    fn frames(&mut self, process: &Process, thread: i32, frames: &mut Vec<Frame>) {
        if self.found.is_none() && self.tries < MOST_TRIES {
            self.tries += 1;
            // The library comes after the start.
            self.found = Process::look(process.pid).and_then(|process| Interpreter::find(&process));
        }
        if let Some(Interpreter { runtime, layout }) = self.found
            && let Some(state) = layout.state_of(process, runtime, thread)
        {
            let document = process.document.as_deref();
            let memory = process.memory();
            layout.walk(&memory, state, document, frames);
            let is_found = |frame: &Frame| Some(frame.file.as_path()) == document;
            if thread != process.pid && !frames.iter().any(is_found) {
                // A thread that runs a library's function alone serves whoever waits for it.
                let mut waiting = Vec::new();
                if let Some(state) = layout.main_state(process, runtime) {
                    layout.walk(&memory, state, document, &mut waiting);
                }
                if waiting.first().is_some_and(waits_for_threads) {
                    frames.push(Frame::gap());
                    frames.append(&mut waiting);
                }
            }
        }
    }
}

impl Interpreter {
    fn find(process: &Process) -> Option<Interpreter> {
        let names = ["_PyRuntime", "Py_Version"];
        let symbols = if process.mapping_of(is_library).is_some() {
            process.symbols(&names, is_library)?
        } else {
            // By this name, too, when the dynamic linker was told to run it.
            process.symbols(&names, is_program)?
        };
        let [runtime, version] = symbols.as_slice() else {
            return None;
        };
        let runtime = (*runtime)?;
        let memory = process.memory();
        let layout = Layout::of_runtime(&memory, runtime).or_else(|| {
            let minor = match version {
                Some(address) => minor_of(memory.half(*address)?),
                None => minor_of_name(process),
            };
            Layout::of_version(minor?)
        })?;
        Some(Interpreter { runtime, layout })
    }
}

/// Whether this is a call that waits for what other threads do.
fn waits_for_threads(frame: &Frame) -> bool {
    ["threading.py", "selectors.py"]
        .iter()
        .any(|name| frame.file.ends_with(name))
}

/// From `PY_VERSION_HEX`.
fn minor_of(version: u32) -> Option<u8> {
    let [major, minor, ..] = version.to_be_bytes();
    (major == 3).then_some(minor)
}

/// Before 3.11 only the file's name tells: `libpython3.9.so.1.0`, `python3.9`.
fn minor_of_name(process: &Process) -> Option<u8> {
    let library = process.mapping_of(is_library);
    let path = library.map_or(process.path.as_path(), |mapping| mapping.path.as_path());
    let name = path.file_name()?.to_string_lossy().into_owned();
    let digits = name.split_once("python3.")?.1;
    let end = digits
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

fn is_library(name: &str) -> bool {
    name.starts_with("libpython3.")
}

fn is_program(name: &str) -> bool {
    name == "python" || name.starts_with("python3")
}

#[cfg(test)]
#[path = "cpython_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "cpython/hostile_tests.rs"]
mod hostile_tests;

//! Which file's code lies where in one process.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use super::module::Module;
use super::registers::Registers;
use super::unwind::Step;
use crate::frame::Frame;
use crate::memory::Memory;
use crate::process::{Mapping, Process};

/// The code of one process.
#[derive(Default)]
pub(super) struct Code {
    /// Parts of memory that can be executed.
    mappings: Vec<Mapping>,
    /// By first address; nothing for code without a file that can be read.
    loaded: HashMap<u64, Option<Part>>,
}

/// A file's code in memory.
#[derive(Clone)]
pub(super) struct Part {
    /// What is known of the file.
    pub module: Rc<Module>,
    /// What must be added to an address in the file to get the one in memory.
    pub bias: u64,
    /// Whether to enter it is to enter the kernel: the C library, or what is linked into the program itself. What
    /// another library does is its own doing.
    pub is_thin: bool,
}

impl Part {
    /// An address in memory as the file has it.
    pub fn in_file(&self, address: u64) -> u64 {
        address.wrapping_sub(self.bias)
    }

    /// The calls at an address in memory that have lines, innermost first.
    pub fn frames(
        &self,
        address: u64,
        document: Option<&Path>,
        memory: &dyn Memory,
    ) -> Rc<[Frame]> {
        let in_file = self.in_file(address);
        if let Some(go) = self.module.go() {
            return go.frames(in_file, self.bias, memory);
        }
        let lines = self.module.lines();
        lines
            .map(|lines| lines.frames(in_file, document))
            .unwrap_or_default()
    }

    /// From the frame whose registers these are, one frame back. `address` is where it is.
    pub fn step(&self, address: u64, registers: &Registers, memory: &dyn Memory) -> Step {
        let in_file = self.in_file(address);
        if let Some(go) = self.module.go()
            && go.entry(in_file).is_some()
        {
            return go.step(in_file, registers, memory);
        }
        let unwind = self.module.unwind();
        unwind.map_or(Step::Uncovered, |unwind| {
            unwind.step(in_file, registers, memory)
        })
    }

    /// The function that an address in memory lies in.
    pub fn function(&self, address: u64) -> Option<(u64, u64)> {
        if let Some(entry) = self
            .module
            .go()
            .and_then(|go| go.entry(self.in_file(address)))
        {
            return Some((entry.wrapping_add(self.bias), address.wrapping_add(1)));
        }
        let (start, end) = self.module.unwind()?.function(self.in_file(address))?;
        Some((start.wrapping_add(self.bias), end.wrapping_add(self.bias)))
    }
}

impl Code {
    /// Makes sure that the code at `address` is known, if there is any.
    pub fn look(&mut self, process: &Process, address: u64) {
        if self.mapping(address).is_some() {
            return;
        }
        self.mappings = process.mappings_now();
        self.mappings.retain(|mapping| mapping.is_code);
        let starts: Vec<u64> = self.mappings.iter().map(|mapping| mapping.start).collect();
        self.loaded
            .retain(|start, _| starts.binary_search(start).is_ok());
        // What every stack needs comes first, since not everything may find room.
        let is_thin = |mapping: &&Mapping| is_thin(process, &mapping.path);
        let (first, then): (Vec<_>, Vec<_>) = self.mappings.iter().partition(is_thin);
        for mapping in first.into_iter().chain(then) {
            let part = || load(process, mapping);
            self.loaded.entry(mapping.start).or_insert_with(part);
        }
    }

    /// Whether any of the code says on which lines it lies.
    pub fn has_lines(&self) -> bool {
        self.loaded
            .values()
            .flatten()
            .any(|part| part.module.may_have_lines)
    }

    /// Whether there is code at an address.
    pub fn is_code(&self, address: u64) -> bool {
        self.mapping(address).is_some()
    }

    /// Whether a function may begin at an address, for all that is known without debug information.
    pub fn may_begin(&self, address: u64) -> bool {
        let Some(part) = self.part(address) else {
            return true;
        };
        match part.module.go() {
            Some(go) => go.entry(part.in_file(address)) == Some(part.in_file(address)),
            None => part.function(address).is_none(),
        }
    }

    /// The file whose code lies at an address.
    pub fn part(&self, address: u64) -> Option<&Part> {
        self.loaded.get(&self.mapping(address)?.start)?.as_ref()
    }

    /// Where Go's runtime lists its goroutines, if this is a program in Go, and the part that has the list.
    pub fn goroutines(&self) -> Option<(&Part, u64)> {
        let mut parts = self.loaded.values().flatten();
        parts.find_map(|part| Some((part, part.module.goroutines()?)))
    }

    fn mapping(&self, address: u64) -> Option<&Mapping> {
        let after = self
            .mappings
            .partition_point(|mapping| mapping.end <= address);
        self.mappings
            .get(after)
            .filter(|mapping| mapping.start <= address)
    }
}

fn load(process: &Process, mapping: &Mapping) -> Option<Part> {
    if mapping.inode == 0 {
        return None;
    }
    let image = process.image(&mapping.path)?;
    let bias = process.bias(mapping, &image)?;
    let module = process.modules.of(image)?;
    Some(Part {
        module,
        bias,
        is_thin: is_thin(process, &mapping.path),
    })
}

fn is_thin(process: &Process, path: &Path) -> bool {
    if path == process.path {
        return true;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let starts = [
        "libc.so",
        "libc-2",
        "libc.musl",
        "libpthread",
        "ld-linux",
        "ld-musl",
        "ld-2",
    ];
    starts.iter().any(|start| name.starts_with(start))
}

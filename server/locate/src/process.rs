//! What the kernel tells of a process: which files it has mapped where, and where its threads stand.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::image::Image;
use crate::memory::Remote;
use crate::native::Modules;

/// More mappings than this are not looked at.
const MOST_MAPPINGS: usize = 20_000;
/// So much is read of a list of mappings, and of files that tell of one process or thread.
const MOST_OF_MAPPINGS: usize = 4 << 20;
const SMALL: usize = 4096;
/// So much room is made for what is read.
const ROOM: usize = 32 << 10;
/// More threads than this are not looked at.
const MOST_THREADS: usize = 4096;

/// A part of a process's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// First address.
    pub start: u64,
    /// First address behind it.
    pub end: u64,
    /// Whether it can be executed.
    pub is_code: bool,
    /// Where in the file it begins.
    pub offset: u64,
    /// Inode of the file; 0 if there is none.
    pub inode: u64,
    /// The file, as the program sees it; or a name in brackets; or nothing.
    pub path: PathBuf,
}

/// Where a thread stands: `/proc/TID/syscall`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    /// The call that it is in; -1 if it was stopped outside of one.
    pub call: i64,
    /// The arguments of the call, in the registers in which the kernel takes them; nothing outside of a call.
    pub arguments: Option<[u64; 6]>,
    /// Stack pointer.
    pub sp: u64,
    /// Program counter.
    pub pc: u64,
}

/// One process, as it was when its program started. Looked up again when the program changes.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its id, as we see it.
    pub pid: i32,
    /// Which program it runs: device and inode.
    pub program: (u64, u64),
    /// Its program's path, as the program sees it.
    pub path: PathBuf,
    /// The document, by its path in the cell: no stack need be followed further than to its innermost call there.
    pub document: Option<Rc<Path>>,
    /// What is known of machine code in files; shared by all processes of a run.
    pub modules: Rc<Modules>,
    mappings: Vec<Mapping>,
}

impl Process {
    /// Looks at the process `pid`.
    pub fn look(pid: i32) -> Option<Process> {
        let exe = PathBuf::from(format!("/proc/{pid}/exe"));
        let mut process = Process {
            pid,
            program: program_of(pid)?,
            path: fs::read_link(exe).ok()?,
            document: None,
            modules: Rc::default(),
            mappings: Vec::new(),
        };
        process.look_again();
        Some(process)
    }

    /// Reads its mappings again: libraries come after the start.
    pub fn look_again(&mut self) {
        self.mappings = self.mappings_now();
    }

    /// Its mappings as they are at this moment.
    pub fn mappings_now(&self) -> Vec<Mapping> {
        let text = text_of(&format!("/proc/{}/maps", self.pid), MOST_OF_MAPPINGS);
        parse_mappings(&text.unwrap_or_default())
    }

    /// Its memory.
    pub fn memory(&self) -> Remote {
        Remote(self.pid)
    }

    /// All of its mappings, by address.
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// The mapping that an address lies in.
    pub fn mapping_at(&self, address: u64) -> Option<&Mapping> {
        let index = self
            .mappings
            .partition_point(|mapping| mapping.end <= address);
        self.mappings
            .get(index)
            .filter(|mapping| mapping.start <= address)
    }

    /// The first mapping of the first file whose name `is` likes.
    pub fn mapping_of(&self, is: impl Fn(&str) -> bool) -> Option<&Mapping> {
        self.mappings.iter().find(|mapping| {
            mapping.inode != 0
                && mapping
                    .path
                    .file_name()
                    .is_some_and(|name| is(&name.to_string_lossy()))
        })
    }

    /// Opens the file of a mapping.
    pub fn image(&self, path: &Path) -> Option<Image> {
        if path == self.path {
            return Image::of_executable(self.pid).ok();
        }
        Image::of_process(self.pid, path).ok()
    }

    /// What must be added to an address in the file of `mapping` to get the one in memory.
    pub fn bias(&self, mapping: &Mapping, image: &Image) -> Option<u64> {
        let address = if mapping.is_code {
            image.code_address_of(mapping.offset)?
        } else {
            image.address_of(mapping.offset)?
        };
        Some(mapping.start.wrapping_sub(address))
    }

    /// Addresses in memory of symbols of the program or, if it has none of them, of the library that `is` likes.
    pub fn symbols(&self, names: &[&str], is: impl Fn(&str) -> bool) -> Option<Vec<Option<u64>>> {
        let own = self
            .mappings
            .iter()
            .find(|mapping| mapping.path == self.path);
        let library = self.mapping_of(is);
        [own, library].into_iter().flatten().find_map(|mapping| {
            let image = self.image(&mapping.path)?;
            let found = self.modules.symbols(&image, names);
            found.iter().any(Option::is_some).then_some(())?;
            let bias = self.bias(mapping, &image)?;
            Some(
                found
                    .into_iter()
                    .map(|address| address.map(|address| address.wrapping_add(bias)))
                    .collect(),
            )
        })
    }
}

/// Device and inode of the program that a process runs.
pub(crate) fn program_of(pid: i32) -> Option<(u64, u64)> {
    let facts = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    Some((facts.dev(), facts.ino()))
}

/// What a file of `/proc` says, up to `most` bytes. Room is made at once: such files do not tell how large they are, and
/// would be read in a dozen growing pieces.
fn text_of(path: &str, most: usize) -> Option<String> {
    let mut bytes = Vec::with_capacity(most.min(ROOM));
    let file = File::open(path).ok()?;
    file.take(most as u64).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A number from a process's `status`.
pub(crate) fn status_number(thread: i32, key: &str) -> Option<i32> {
    let text = text_of(&format!("/proc/{thread}/status"), SMALL)?;
    text.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix(':')?;
        value.split_whitespace().last()?.parse().ok()
    })
}

/// The threads of a process.
pub(crate) fn threads_of(pid: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    entries
        .take(MOST_THREADS)
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// The process that a thread belongs to.
pub(crate) fn process_of(thread: i32) -> Option<i32> {
    // Most often it is the first one, and to ask that is a hundred times cheaper.
    match belljar_sys::is_first_of_process(thread) {
        true => Some(thread),
        false => status_number(thread, "Tgid"),
    }
}

/// The process that started a process.
pub(crate) fn parent_of(pid: i32) -> Option<i32> {
    status_number(pid, "PPid")
}

/// When a process was made, in ticks since the machine was started: together with its id this is one process for ever.
pub(crate) fn birth_of(pid: i32) -> Option<u64> {
    stat_number(pid, 19)?.try_into().ok()
}

/// The session of a process, by its leader's id.
pub(crate) fn session_of(pid: i32) -> Option<i32> {
    stat_number(pid, 3)?.try_into().ok()
}

/// A number of `/proc/PID/stat`, counted from the state, which is 0. The name before that may hold anything.
pub(crate) fn stat_number(pid: i32, index: usize) -> Option<i64> {
    let text = text_of(&format!("/proc/{pid}/stat"), SMALL)?;
    let (_, numbers) = text.rsplit_once(')')?;
    numbers.split_whitespace().nth(index)?.parse().ok()
}

/// A thread's id as the program itself sees it.
pub(crate) fn own_id(thread: i32) -> Option<i32> {
    status_number(thread, "NSpid")
}

/// So long threads are waited for that go to their rest. On a busy machine they need a turn for that.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

/// Where a thread stands that waits for us. We hear what it asks before it rests, and a signal wakes it once more.
pub(crate) fn rest_of(thread: i32) -> Option<Stand> {
    stand_of(thread).or_else(|| {
        wait_for_rest(thread);
        stand_of(thread)
    })
}

/// Waits until a thread rests that asked for something and will wait for the answer, or is gone; not for ever, though.
pub fn wait_for_rest(thread: i32) {
    wait_until_it_stands(thread, Instant::now() + PATIENCE);
}

/// Returns when `thread` does not run, or is gone; at `deadline` in any case.
pub(crate) fn wait_until_it_stands(thread: i32, deadline: Instant) {
    while runs(thread) && Instant::now() < deadline {
        std::thread::yield_now();
    }
}

/// Whether a thread runs, or would if it had its turn.
pub(crate) fn runs(thread: i32) -> bool {
    fs::read(format!("/proc/{thread}/syscall")).is_ok_and(|text| text.starts_with(b"running"))
}

/// Where a thread that stands still stands. A thread that runs does not stand anywhere.
pub(crate) fn stand_of(thread: i32) -> Option<Stand> {
    let text = text_of(&format!("/proc/{thread}/syscall"), SMALL)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let call = words.first()?.parse().ok()?;
    let number = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    let [.., sp, pc] = words.as_slice() else {
        return None;
    };
    let arguments = words.get(1..7).filter(|_| words.len() == 9);
    let arguments = arguments.and_then(|words| {
        let numbers: Option<Vec<u64>> = words.iter().map(|word| number(word)).collect();
        numbers?.try_into().ok()
    });
    Some(Stand {
        call,
        arguments,
        sp: number(sp)?,
        pc: number(pc)?,
    })
}

pub(crate) fn parse_mappings(text: &str) -> Vec<Mapping> {
    text.lines()
        .take(MOST_MAPPINGS)
        .filter_map(|line| {
            let mut words = line.splitn(6, ' ');
            let (start, end) = words.next()?.split_once('-')?;
            let hexadecimal = |text: &str| u64::from_str_radix(text, 16).ok();
            let is_code = words.next()?.contains('x');
            let offset = hexadecimal(words.next()?)?;
            words.next()?;
            let inode = words.next()?.parse().ok()?;
            let path = words.next().unwrap_or_default().trim_start();
            Some(Mapping {
                start: hexadecimal(start)?,
                end: hexadecimal(end)?,
                is_code,
                offset,
                inode,
                path: PathBuf::from(path.strip_suffix(" (deleted)").unwrap_or(path)),
            })
        })
        .collect()
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;

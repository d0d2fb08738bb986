//! Dash, the `sh` of Debian and Ubuntu, from outside. It exports nothing and is shipped without symbols, so the variable
//! with the line of the running command is found in its code: the pieces that run a command copy the line from the
//! command's node to the same two variables, first the line in the file and then that in the function.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

use nix::libc;

use crate::frame::Frame;
use crate::image::{FileId, Image};
use crate::memory::{Memory, Remote};
use crate::process::Process;
use crate::reader::Reader;
use crate::script::{command_line, is_file_name, line_in_reason, script_path, text_of};

/// No dash has more code.
const MOST_CODE: u64 = 1 << 20;
/// The line stands behind the kind, at the begin of every node.
const NODE_LINE: u8 = 4;
/// So many bytes may lie between the pieces of one place.
const NEAR: usize = 64;
/// So many shells are remembered.
const MOST_KNOWN: usize = 16;
/// So many places must agree.
const FEWEST_PLACES: usize = 3;
/// What ends a compound command, so that its redirections follow.
const ENDS: [&str; 5] = ["done", "}", "fi", "esac", ")"];
/// What dash keeps ready for the variable `LINENO`; other shells have other names before it.
const MARK: &[u8] = b"LINENO=\0";

struct Dash {
    line: u64,
    script: PathBuf,
    text: Text,
}

/// A script's text.
struct Text {
    /// Its lines, without the blanks around them.
    lines: Vec<String>,
    /// Lines with commands in a string, whose own lines are counted from the string's begin.
    strings: Vec<u32>,
    /// Whether it reads commands from other files too, which the running line does not say.
    has_others: bool,
}

/// Dash is known by its name, and by its code.
pub(crate) fn recognise(process: &Process) -> Option<Box<dyn Reader>> {
    is_file_name(process, |name| matches!(name, "dash" | "sh" | "ash")).then_some(())?;
    let script = script_of(&command_line(process.pid))?;
    let script = script_path(process, &script);
    let text = Text::of(&text_of(process, &script)?);
    let mapping = process
        .mappings()
        .iter()
        .find(|mapping| mapping.path == process.path)?;
    let image = process.image(&mapping.path)?;
    let line = known_line_variable(&image)?.wrapping_add(process.bias(mapping, &image)?);
    Some(Box::new(Dash { line, script, text }))
}

impl Reader for Dash {
    fn frames(&mut self, process: &Process, thread: i32, frames: &mut Vec<Frame>) {
        let line = process.memory().half(self.line).and_then(line_in_reason);
        let place = line.and_then(|line| self.text.place(line));
        let Some((mut line, is_sure)) = place else {
            return;
        };
        if let Some(file) = opened_file(thread) {
            line = self.text.end(line, &file).unwrap_or(line);
        }
        if !is_sure {
            frames.push(Frame::gap());
        }
        let file = self.script.clone();
        frames.push(Frame {
            file,
            line,
            column: None,
            function: None,
        });
    }
}

impl Text {
    fn of(text: &str) -> Text {
        let lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
        let runs_string = |line: &String| line.contains('`') || runs(line, &["eval ", "trap "]);
        Text {
            strings: (1..)
                .zip(&lines)
                .filter(|(_, line)| runs_string(line))
                .map(|(number, _)| number)
                .collect(),
            has_others: lines.iter().any(|line| runs(line, &[". "])),
            lines,
        }
    }

    fn line(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.lines.get(index).map(String::as_str)
    }

    /// A compound command counts as being on its first line. If the shell opens a file that only the line of its end
    /// names, it is there.
    fn end(&self, begin: u32, file: &str) -> Option<u32> {
        let name = file.rsplit('/').next().filter(|name| !name.is_empty())?;
        (!self.line(begin)?.contains(name)).then_some(())?;
        let later = (1..).zip(&self.lines).filter(|(line, _)| *line > begin);
        let mut ends = later.filter(|(_, line)| ENDS.iter().any(|end| line.starts_with(end)));
        let redirects = |line: &str| {
            let behind = line.find(['<', '>']).and_then(|at| line.get(at..));
            behind.is_some_and(|behind| behind.contains(name))
        };
        ends.find(|(_, line)| redirects(line)).map(|(line, _)| line)
    }

    /// The line of the script for one that the shell counts, and whether it is sure.
    fn place(&self, line: u32) -> Option<(u32, bool)> {
        let text = self.line(line).unwrap_or_default();
        let is_code = !text.is_empty() && !text.starts_with('#');
        let is_low = line == 1 && !self.strings.is_empty();
        match self.strings.as_slice() {
            _ if is_code => Some((line, !self.has_others && !is_low)),
            [only] => Some((*only, false)),
            _ => None,
        }
    }
}

/// The file that a thread is about to open, as its call says.
fn opened_file(thread: i32) -> Option<String> {
    let call = std::fs::read_to_string(format!("/proc/{thread}/syscall")).ok()?;
    let words: Vec<&str> = call.split_whitespace().collect();
    let argument = match words.first()?.parse().ok()? {
        libc::SYS_openat => words.get(2)?,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => words.get(1)?,
        _ => return None,
    };
    let address = u64::from_str_radix(argument.strip_prefix("0x")?, 16).ok()?;
    String::from_utf8(Remote(thread).text(address)?).ok()
}

/// Whether a line begins a command with one of these.
fn runs(line: &str, names: &[&str]) -> bool {
    line.split([';', '&', '|', '(', '{'])
        .map(str::trim_start)
        .any(|command| names.iter().any(|name| command.starts_with(name)))
}

/// The script among a shell's arguments: the first that is no option, unless commands are given or read otherwise.
fn script_of(arguments: &[String]) -> Option<PathBuf> {
    let mut arguments = arguments.iter().skip(1);
    while let Some(argument) = arguments.next() {
        let Some(letters) = argument
            .strip_prefix(['-', '+'])
            .filter(|rest| !rest.is_empty())
        else {
            return Some(PathBuf::from(argument));
        };
        if letters == "-" {
            return arguments.next().map(PathBuf::from);
        }
        if letters.contains(['c', 's']) && argument.starts_with('-') {
            return None;
        }
        if letters.ends_with('o') {
            arguments.next()?;
        }
    }
    None
}

thread_local! {
    /// What was found in shells that were seen before: each subshell is a process of its own.
    static KNOWN: RefCell<HashMap<FileId, Option<u64>>> = RefCell::new(HashMap::new());
}

fn known_line_variable(image: &Image) -> Option<u64> {
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        *known
            .entry(image.id)
            .or_insert_with(|| line_variable(image))
    })
}

/// The address, before loading, of the line of the command that runs.
fn line_variable(image: &Image) -> Option<u64> {
    let data = image.section(".data", MOST_CODE)?;
    data.windows(MARK.len())
        .any(|part| part == MARK)
        .then_some(())?;
    let address = image.section_address(".text")?;
    let code = image.section(".text", MOST_CODE)?;
    most_agreed(&places(&code, address))
}

/// Pairs of variables to which a line of a node goes.
fn places(code: &[u8], address: u64) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    for at in 0..code.len() {
        let Some(register) = loads_line(code, at) else {
            continue;
        };
        let near = at + 3..at + NEAR;
        let first = near
            .clone()
            .find_map(|at| stores(code, at, address, Some(register)));
        let Some((behind, first)) = first else {
            continue;
        };
        let second = (behind..behind + NEAR)
            .filter_map(|at| stores(code, at, address, None))
            .find(|(_, second)| *second != first);
        found.extend(second.map(|(_, second)| (first, second)));
    }
    found
}

fn most_agreed(places: &[(u64, u64)]) -> Option<u64> {
    let mut counts: HashMap<(u64, u64), usize> = HashMap::new();
    for place in places {
        *counts.entry(*place).or_default() += 1;
    }
    let (place, count) = counts.iter().max_by_key(|(_, count)| **count)?;
    let is_single = counts.values().filter(|other| *other == count).count() == 1;
    (*count >= FEWEST_PLACES && is_single).then_some(place.0)
}

/// `mov line(node), register` of x86-64, and which register.
fn loads_line(code: &[u8], at: usize) -> Option<u8> {
    let [0x8b, operands, rest @ ..] = code.get(at..at + 4)? else {
        return None;
    };
    let (mode, register, base) = (operands >> 6, operands >> 3 & 7, operands & 7);
    // A base of four has a byte more, which names it. It is the stack only without that.
    let offset = if base == 4 { rest[1] } else { rest[0] };
    let is_stack = base == 4 && rest[0] == 0x24 && !is_extended(code, at);
    (mode == 1 && offset == NODE_LINE && !is_stack).then_some(register)
}

/// Whether the base of the instruction at `at` is one of the upper registers.
fn is_extended(code: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|before| code.get(before))
        .is_some_and(|prefix| *prefix == 0x41)
}

/// `mov register, variable`, of this register if one is given: where the next instruction is, and the variable.
fn stores(code: &[u8], at: usize, address: u64, register: Option<u8>) -> Option<(usize, u64)> {
    let [0x89, operands, a, b, c, d] = *code.get(at..at + 6)? else {
        return None;
    };
    let is_wide = at
        .checked_sub(1)
        .and_then(|before| code.get(before))
        .is_some_and(|prefix| prefix & 0xf8 == 0x48);
    let fits = register.is_none_or(|register| register == operands >> 3 & 7);
    (operands & 0xc7 == 5 && fits && !is_wide).then_some(())?;
    let behind = address.checked_add(at as u64 + 6)?;
    let distance = i32::from_le_bytes([a, b, c, d]);
    Some((at + 6, behind.checked_add_signed(i64::from(distance))?))
}

#[cfg(test)]
#[path = "dash_tests.rs"]
mod tests;

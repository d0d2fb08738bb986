//! Where the fields of CPython's structures lie: tables for 3.8 to 3.12, written from its headers (64-bit, no debug
//! build); since 3.13 the interpreter carries a table of its own.

use crate::memory::Memory;

/// How the place of an instruction is turned into a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineTable {
    /// `co_lnotab`, until 3.9.
    Lnotab,
    /// The ranges of PEP 626, in 3.10.
    Ranges,
    /// Locations with columns, since 3.11.
    Locations,
}

/// How calls are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calls {
    /// `PyFrameObject`s; where they are is counted in units of `unit` bytes.
    Objects {
        /// Bytes of one step of `f_lasti`.
        unit: u64,
    },
    /// `_PyInterpreterFrame`s, which point to an instruction.
    Interpreter {
        /// Where the code begins in a code object.
        code: usize,
        /// Who owns the frame; from 3 on nobody's code runs in it.
        owner: usize,
        /// Since 3.11.. 3.12 the thread's frame is found through `cframe`: where in that.
        cframe: Option<usize>,
        /// Copies of the code for each thread, in builds without a global lock.
        copies: Option<Copies>,
    },
}

/// Where builds without a global lock keep the code that a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copies {
    /// In a frame: which copy.
    pub index: usize,
    /// In a code object: the list of copies.
    pub list: usize,
}

/// How a coroutine that was left tells what it awaits: the value on top of its frame's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Top {
    /// A pointer behind it, in the frame.
    Pointer(usize),
    /// How many values there are, in the frame, and a pointer to the first.
    Depth { values: usize, depth: usize },
    /// How many values there are, in the frame, with the variables, which come before.
    Index(usize),
}

/// Where coroutines keep their frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CoroutineFrame {
    /// Elsewhere.
    Pointer(usize),
    /// Inside.
    Inside(usize),
}

/// Offsets in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub interpreters: usize,
    pub main_thread: Option<usize>,
    pub next_interpreter: usize,
    pub threads: usize,
    pub next_thread: usize,
    pub interpreter_of_thread: usize,
    pub thread_id: usize,
    pub native_thread_id: Option<usize>,
    /// The innermost frame, or what leads to it.
    pub current: usize,
    pub calls: Calls,
    pub code_of_frame: usize,
    pub previous: usize,
    pub instruction: usize,
    /// Where the variables of a call begin in its frame.
    pub variables: usize,
    pub top: Top,
    pub coroutine: Option<CoroutineFrame>,
    pub type_of_object: usize,
    pub type_name: usize,
    pub filename: usize,
    pub name: usize,
    pub first_line: usize,
    pub line_table: usize,
    pub lines: LineTable,
    /// In a text object: its length, its kind, and where its characters begin if they are ASCII, or not.
    pub text_length: usize,
    pub text_state: usize,
    pub kind_shift: u32,
    pub ascii: usize,
    pub characters: usize,
    /// In a bytes object.
    pub bytes_length: usize,
    pub bytes: usize,
}

const OLD: Layout = Layout {
    interpreters: 32,
    main_thread: Some(72),
    next_interpreter: 0,
    threads: 8,
    next_thread: 8,
    interpreter_of_thread: 16,
    thread_id: 176,
    native_thread_id: None,
    current: 24,
    calls: Calls::Objects { unit: 1 },
    code_of_frame: 32,
    previous: 24,
    instruction: 104,
    variables: 360,
    top: Top::Pointer(72),
    coroutine: Some(CoroutineFrame::Pointer(16)),
    type_of_object: 8,
    type_name: 24,
    filename: 104,
    name: 112,
    first_line: 40,
    line_table: 120,
    lines: LineTable::Lnotab,
    text_length: 16,
    text_state: 32,
    kind_shift: 2,
    ascii: 48,
    characters: 72,
    bytes_length: 16,
    bytes: 32,
};

const V3_10: Layout = Layout {
    calls: Calls::Objects { unit: 2 },
    instruction: 96,
    variables: 352,
    top: Top::Depth {
        values: 64,
        depth: 80,
    },
    lines: LineTable::Ranges,
    ..OLD
};

const V3_11: Layout = Layout {
    interpreters: 40,
    main_thread: Some(80),
    threads: 16,
    thread_id: 152,
    native_thread_id: Some(160),
    current: 56,
    calls: Calls::Interpreter {
        code: 184,
        owner: 69,
        cframe: Some(8),
        copies: None,
    },
    code_of_frame: 32,
    previous: 48,
    instruction: 56,
    variables: 72,
    top: Top::Index(64),
    coroutine: Some(CoroutineFrame::Inside(80)),
    filename: 112,
    name: 120,
    first_line: 72,
    line_table: 136,
    lines: LineTable::Locations,
    ..OLD
};

const V3_12: Layout = Layout {
    main_thread: Some(64),
    threads: 72,
    thread_id: 136,
    native_thread_id: Some(144),
    calls: Calls::Interpreter {
        code: 192,
        owner: 70,
        cframe: Some(0),
        copies: None,
    },
    code_of_frame: 0,
    previous: 8,
    first_line: 68,
    coroutine: Some(CoroutineFrame::Inside(72)),
    ascii: 40,
    characters: 56,
    ..V3_11
};

impl Layout {
    /// Of version 3.`minor`, if we have a table of it.
    pub fn of_version(minor: u8) -> Option<Layout> {
        match minor {
            8 | 9 => Some(OLD),
            10 => Some(V3_10),
            11 => Some(V3_11),
            12 => Some(V3_12),
            _ => None,
        }
    }

    /// By the table that interpreters since 3.13 begin their state with.
    pub fn of_runtime(memory: &impl Memory, runtime: u64) -> Option<Layout> {
        let table: [u8; 1024] = memory.bytes(runtime)?;
        if table.get(..8)? != b"xdebugpy" {
            return None;
        }
        let entry = |index: usize| {
            let start = index.checked_mul(8)?;
            let bytes = table.get(start..start.checked_add(8)?)?;
            usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok()
        };
        let [major, minor] = [24, 16].map(|shift| entry(1).map(|hex| (hex >> shift) & 0xff));
        // Where each structure's entries begin: what was added is known only for these versions.
        let starts = match (major?, minor?) {
            (3, 13) => [6, 19, 28, 34, 44, 46, 64, 67],
            (3, 14) => [6, 22, 31, 39, 50, 52, 74, 77],
            _ => return None,
        };
        let [interpreter, thread, frame, code, object, kind, bytes, text] = starts;
        let is_newest = minor == Some(14);
        let has_copies = entry(2)? != 0 && is_newest;
        let layout = Layout {
            interpreters: entry(5)?,
            main_thread: None,
            next_interpreter: entry(interpreter + 2)?,
            threads: entry(interpreter + 3)?,
            next_thread: entry(thread + 2)?,
            interpreter_of_thread: entry(thread + 3)?,
            thread_id: entry(thread + 5)?,
            native_thread_id: Some(entry(thread + 6)?),
            current: entry(thread + 4)?,
            calls: Calls::Interpreter {
                code: entry(code + 9)?,
                owner: entry(frame + 5)?,
                cframe: None,
                copies: if has_copies {
                    Some(Copies {
                        index: entry(frame + 7)?,
                        list: entry(code + 10)?,
                    })
                } else {
                    None
                },
            },
            code_of_frame: entry(frame + 2)?,
            previous: entry(frame + 1)?,
            instruction: entry(frame + 3)?,
            variables: entry(frame + 4)?,
            top: if is_newest {
                Top::Pointer(entry(frame + 6)?)
            } else {
                Top::Index(64)
            },
            coroutine: match (is_newest, entry(2)?) {
                (true, _) => Some(CoroutineFrame::Inside(entry(text + 8)?)),
                // The table of 3.13 does not say, but then its headers do.
                (false, 0) => Some(CoroutineFrame::Inside(72)),
                (false, _) => None,
            },
            type_of_object: entry(object + 1)?,
            type_name: entry(kind + 1)?,
            filename: entry(code + 1)?,
            name: entry(code + 2)?,
            first_line: entry(code + 5)?,
            line_table: entry(code + 4)?,
            lines: LineTable::Locations,
            text_length: entry(text + 2)?,
            text_state: entry(text + 1)?,
            kind_shift: if has_copies { 8 } else { 2 },
            ascii: entry(text + 3)?,
            // The length and the pointer of a UTF-8 copy follow.
            characters: entry(text + 3)?.checked_add(16)?,
            bytes_length: entry(bytes + 1)?,
            bytes: entry(bytes + 2)?,
        };
        layout.is_sane().then_some(layout)
    }

    /// The table is the program's word: no offset in it may make us read large pieces.
    fn is_sane(&self) -> bool {
        let small = [
            self.next_thread,
            self.interpreter_of_thread,
            self.thread_id,
            self.native_thread_id.unwrap_or(0),
            self.current,
            self.code_of_frame,
            self.previous,
            self.instruction,
            self.variables,
            match self.top {
                Top::Pointer(offset) | Top::Index(offset) => offset,
                Top::Depth { values, depth } => values.max(depth),
            },
            match self.coroutine {
                Some(CoroutineFrame::Pointer(offset) | CoroutineFrame::Inside(offset)) => offset,
                None => 0,
            },
            self.type_of_object,
            self.type_name,
            self.filename,
            self.name,
            self.first_line,
            self.line_table,
            self.text_length,
            self.text_state,
            self.ascii,
            self.bytes_length,
            self.bytes,
        ];
        let large = [self.interpreters, self.next_interpreter, self.threads];
        let frame = match self.calls {
            Calls::Interpreter {
                code,
                owner,
                copies,
                ..
            } => {
                code <= LARGEST
                    && owner <= LARGEST
                    && copies.is_none_or(|copies| copies.index <= LARGEST && copies.list <= LARGEST)
            }
            Calls::Objects { .. } => true,
        };
        frame
            && small.iter().all(|offset| *offset <= LARGEST)
            && large.iter().all(|offset| *offset <= 1 << 24)
    }
}

/// No field that is read lies further inside its structure, but for the interpreter's own state.
pub(super) const LARGEST: usize = 1024;

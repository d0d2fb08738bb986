//! R's objects, from outside: references to the source, compiled code, environments. Every one of them is looked at before
//! it is believed.

use std::cell::Cell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::memory::Memory;
use crate::script::{half_in, is_name, line_in_reason, word_in};

/// Kinds of objects. A closure is a function that is written in R.
const SYMBOL: u8 = 1;
const LIST: u8 = 2;
const CLOSURE: u8 = 3;
const ENVIRONMENT: u8 = 4;
const CHARACTERS: u8 = 9;
const INTEGERS: u8 = 13;
const STRINGS: u8 = 16;
const VECTOR: u8 = 19;
const BYTECODE: u8 = 21;
/// In the first word: the kind, and a mark of objects that keep their content elsewhere.
const KIND: u64 = 0x1f;
const ELSEWHERE: u64 = 0x80;
/// Parts of every object; of lists, symbols, closures, environments and code, which have three more; of vectors.
const ATTRIBUTES: u64 = 8;
const FIRST: u64 = 32;
const SECOND: u64 = 40;
const THIRD: u64 = 48;
const LENGTH: u64 = 32;
const DATA: u64 = 48;
/// An object of three parts.
const SIZE: usize = 56;
/// A reference to the source has so many numbers, the first of which is the line.
const NUMBERS: std::ops::RangeInclusive<u64> = 4..=8;
/// An instruction and each of its arguments take so much.
const INSTRUCTION: u64 = 8;
/// So much is looked at of a list, of a table of an environment, of what is around an environment, and of the end of the
/// constants of code, where its tables are.
const MOST_ENTRIES: usize = 64;
const MOST_BUCKETS: u64 = 256;
const MOST_AROUND: usize = 64;
const MOST_TABLES: u64 = 8;
/// And so many objects are looked at for one stack.
const MOST_OBJECTS: usize = 20_000;

/// What an expression's reference to the source says.
pub(super) struct Lines {
    pub file: PathBuf,
    pub first: u32,
    pub last: u32,
}

/// Memory with objects of R in it.
pub(super) struct Objects<'a, M> {
    pub memory: &'a M,
    /// What stands for nothing.
    pub nil: u64,
    /// The environment of R's own functions.
    base: u64,
    left: Cell<usize>,
}

impl<M: Memory> Objects<'_, M> {
    /// With the addresses of what stands for nothing, and of the environment of R's own functions.
    pub fn new(memory: &M, nil: u64, base: u64) -> Objects<'_, M> {
        Objects {
            memory,
            nil,
            base,
            left: Cell::new(MOST_OBJECTS),
        }
    }

    /// Whether a function is R's own, or was made by one of those. A library's has an environment with attributes between.
    pub fn is_base(&self, function: u64) -> bool {
        self.is_in_base(function).unwrap_or(false)
    }

    /// Whether a function is written in R and not R's own.
    pub fn is_of_library(&self, function: u64) -> bool {
        self.object(function, CLOSURE).is_some() && !self.is_base(function)
    }

    fn is_in_base(&self, function: u64) -> Option<bool> {
        let mut at = word_in(&self.object(function, CLOSURE)?, THIRD)?;
        for _ in 0..MOST_AROUND {
            if at == self.base {
                return Some(true);
            }
            let environment = self.object(at, ENVIRONMENT)?;
            if word_in(&environment, ATTRIBUTES)? != self.nil {
                return Some(false);
            }
            at = word_in(&environment, SECOND)?;
        }
        None
    }

    /// Whether this can be a reference to the source.
    pub fn is_reference(&self, object: u64) -> bool {
        let length = self.length(object, INTEGERS);
        length.is_some_and(|length| NUMBERS.contains(&length))
            && self.attribute(object, b"srcfile").is_some()
    }

    /// What a reference to the source refers to.
    pub fn lines(&self, reference: u64) -> Option<Lines> {
        let length = self.length(reference, INTEGERS)?;
        NUMBERS.contains(&length).then_some(())?;
        let numbers = self.memory.bytes::<12>(reference.checked_add(DATA)?)?;
        let first = line_in_reason(half_in(&numbers, 0)?)?;
        let source = self.attribute(reference, b"srcfile")?;
        let name = self.variable(source, b"filename")?;
        (self.length(name, STRINGS)? == 1).then_some(())?;
        let name = self.text(self.memory.pointer(name.checked_add(DATA)?)?)?;
        is_name(&name).then_some(())?;
        Some(Lines {
            file: PathBuf::from(OsStr::from_bytes(&name)),
            first,
            last: half_in(&numbers, 8)?,
        })
    }

    /// Whether this is compiled code.
    pub fn is_code(&self, object: u64) -> bool {
        self.parts_of_code(object).is_some()
    }

    /// The number of the instruction in `code` at which a counter is that lies at `counter`.
    pub fn instruction(&self, code: u64, counter: u64) -> Option<u64> {
        let (instructions, _) = self.parts_of_code(code)?;
        let at = self.memory.pointer(self.aligned(counter)?)?;
        let offset = at.checked_sub(instructions.checked_add(DATA)?)?;
        // The vector has two numbers for each.
        let is_inside = offset / INSTRUCTION < self.length(instructions, INTEGERS)? / 2;
        is_inside.then_some(offset / INSTRUCTION)
    }

    /// The lines of an instruction, if the code was compiled from something with references.
    pub fn lines_of_instruction(&self, code: u64, number: u64) -> Option<Lines> {
        let (_, constants) = self.parts_of_code(code)?;
        let length = self.length(constants, VECTOR)?;
        let constant = |index: u64| {
            (index < length).then_some(())?;
            let place = constants
                .checked_add(DATA)?
                .checked_add(index.checked_mul(8)?)?;
            self.memory.pointer(place)
        };
        let mut last = (length.saturating_sub(MOST_TABLES)..length).rev();
        let table = last.find_map(|index| {
            let table = constant(index)?;
            let n_entries = self.length(table, INTEGERS)?;
            let classes = self.attribute(table, b"class")?;
            let class = self.memory.pointer(classes.checked_add(DATA)?)?;
            (self.length(classes, STRINGS)? > 0).then_some(())?;
            (self.text(class)? == b"srcrefsIndex" && number < n_entries).then_some(table)
        })?;
        let entry = table
            .checked_add(DATA)?
            .checked_add(number.checked_mul(4)?)?;
        self.lines(constant(u64::from(self.memory.half(entry)?))?)
    }

    /// The instructions and the constants of code.
    fn parts_of_code(&self, code: u64) -> Option<(u64, u64)> {
        let object = self.object(code, BYTECODE)?;
        let (instructions, constants) = (word_in(&object, FIRST)?, word_in(&object, SECOND)?);
        self.length(instructions, INTEGERS)?;
        self.length(constants, VECTOR)?;
        Some((instructions, constants))
    }

    /// An attribute of an object.
    fn attribute(&self, object: u64, name: &[u8]) -> Option<u64> {
        let attributes = self.memory.pointer(object.checked_add(ATTRIBUTES)?)?;
        self.in_list(attributes, name)
    }

    /// What a list has under a name.
    fn in_list(&self, list: u64, name: &[u8]) -> Option<u64> {
        let mut at = list;
        for _ in 0..MOST_ENTRIES {
            let entry = self.object(at, LIST)?;
            let symbol = self.object(word_in(&entry, THIRD)?, SYMBOL);
            let is_it = symbol
                .and_then(|symbol| self.text(word_in(&symbol, FIRST)?))
                .is_some_and(|text| text == name);
            if is_it {
                return word_in(&entry, FIRST);
            }
            at = word_in(&entry, SECOND)?;
        }
        None
    }

    /// A variable of an environment: they lie in a list, or in a table of lists.
    fn variable(&self, environment: u64, name: &[u8]) -> Option<u64> {
        let environment = self.object(environment, ENVIRONMENT)?;
        let table = word_in(&environment, THIRD)?;
        let Some(length) = self.length(table, VECTOR) else {
            return self.in_list(word_in(&environment, FIRST)?, name);
        };
        (0..length.min(MOST_BUCKETS)).find_map(|index| {
            let list = self.memory.pointer(table.checked_add(DATA + index * 8)?)?;
            self.in_list(list, name)
        })
    }

    fn text(&self, characters: u64) -> Option<Vec<u8>> {
        self.length(characters, CHARACTERS)?;
        self.memory.text(characters.checked_add(DATA)?)
    }

    /// The length of a vector of this kind whose content lies behind it.
    fn length(&self, object: u64, kind: u8) -> Option<u64> {
        let head = self.memory.bytes::<40>(self.aligned(object)?)?;
        let first = word_in(&head, 0)?;
        (first & KIND == u64::from(kind) && first & ELSEWHERE == 0).then_some(())?;
        word_in(&head, LENGTH)
    }

    /// An object of this kind that has three parts.
    fn object(&self, object: u64, kind: u8) -> Option<[u8; SIZE]> {
        let bytes = self.memory.bytes::<SIZE>(self.aligned(object)?)?;
        (half_in(&bytes, 0)? & KIND as u32 == u32::from(kind)).then_some(bytes)
    }

    /// An address at which an object may be, as long as there are objects left to look at.
    fn aligned(&self, address: u64) -> Option<u64> {
        self.left.set(self.left.get().checked_sub(1)?);
        (address.is_multiple_of(8) && address != 0 && address != self.nil).then_some(address)
    }
}

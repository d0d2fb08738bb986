//! Walks one frame back by call frame information.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, EvaluationResult, Expression,
    FrameDescriptionEntry, LittleEndian, Register, RegisterRule, UnwindContext, UnwindExpression,
    UnwindSection, UnwindTableRow, Value,
};

use super::registers::{RETURN_ADDRESS, Registers};
use crate::image::Image;
use crate::memory::Memory;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// No table that is larger is read.
const LARGEST: u64 = 32 << 20;
/// Without an index in the file, so many entries are listed.
const MOST_ENTRIES: usize = 1 << 17;
/// The longest description of one function's frame; it is gone through for each call on a stack.
const LONGEST: usize = 64 << 10;
/// The longest calculation of a rule.
const MOST_OPERATIONS: u32 = 256;

/// How to walk back from the code of one file.
pub(super) struct Unwind {
    header: Option<Vec<u8>>,
    frames: Vec<u8>,
    bases: BaseAddresses,
    /// Where `frames` lie.
    start: u64,
    /// Start, end and entry of each function, if the file has no index of its own.
    listed: Vec<(u64, u64, usize)>,
}

/// What one step back came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the caller.
    Caller(Registers),
    /// Out of a signal handler: what follows was interrupted, and called nothing.
    Interrupted(Registers),
    /// This was the outermost frame.
    Outermost,
    /// The frame hangs on a register that is not known; `usual` if it lies as compilers usually lay frames out.
    Unknown {
        /// The frame pointer points below the return address and the saved frame pointer.
        usual: bool,
    },
    /// Nothing is said about this address.
    Uncovered,
}

impl Unwind {
    /// Reads the tables of a file: those for exceptions, or else those for debuggers.
    pub fn read(image: &Image) -> Option<Unwind> {
        let mut unwind = Unwind {
            header: image.section(".eh_frame_hdr", LARGEST),
            frames: image.section(".eh_frame", LARGEST)?,
            bases: BaseAddresses::default(),
            start: image.section_address(".eh_frame")?,
            listed: Vec::new(),
        };
        let address = |name| image.section_address(name).unwrap_or_default();
        unwind.bases = unwind
            .bases
            .set_eh_frame_hdr(address(".eh_frame_hdr"))
            .set_eh_frame(address(".eh_frame"))
            .set_text(address(".text"))
            .set_got(address(".got"));
        if !unwind.has_index() {
            unwind.listed = unwind.list();
        }
        Some(unwind)
    }

    fn section(&self) -> EhFrame<Slice<'_>> {
        let mut section = EhFrame::new(&self.frames, LittleEndian);
        section.set_address_size(8);
        section
    }

    fn has_index(&self) -> bool {
        let header = self.header.as_ref();
        let parsed = header.map(|bytes| EhFrameHdr::new(bytes, LittleEndian).parse(&self.bases, 8));
        matches!(parsed, Some(Ok(parsed)) if parsed.table().is_some())
    }

    fn list(&self) -> Vec<(u64, u64, usize)> {
        let section = self.section();
        let mut listed = Vec::new();
        let mut entries = section.entries(&self.bases);
        while listed.len() < MOST_ENTRIES
            && let Ok(Some(entry)) = entries.next()
        {
            if let gimli::CieOrFde::Fde(partial) = entry
                && let Ok(entry) = partial.parse(EhFrame::cie_from_offset)
            {
                listed.push((entry.initial_address(), entry.end_address(), entry.offset()));
            }
        }
        listed.sort_unstable();
        listed
    }

    fn entry_at(&self, offset: usize) -> Option<FrameDescriptionEntry<Slice<'_>>> {
        let offset = gimli::EhFrameOffset(offset);
        let section = self.section();
        let entry = section
            .fde_from_offset(&self.bases, offset, EhFrame::cie_from_offset)
            .ok()?;
        (entry.entry_len().max(entry.cie().entry_len()) <= LONGEST).then_some(entry)
    }

    fn entry(&self, address: u64) -> Option<FrameDescriptionEntry<Slice<'_>>> {
        let entry = if let Some(header) = self.header.as_ref().filter(|_| self.listed.is_empty()) {
            let parsed = EhFrameHdr::new(header, LittleEndian)
                .parse(&self.bases, 8)
                .ok()?;
            let pointer = parsed.table()?.lookup(address, &self.bases).ok()?;
            let offset = pointer.direct().ok()?.checked_sub(self.start)?;
            self.entry_at(usize::try_from(offset).ok()?)?
        } else {
            let after = self.listed.partition_point(|(start, ..)| *start <= address);
            let (_, _, offset) = self.listed.get(after.checked_sub(1)?)?;
            self.entry_at(*offset)?
        };
        entry.contains(address).then_some(entry)
    }

    /// The function that an address lies in: its first address and the one behind it.
    pub fn function(&self, address: u64) -> Option<(u64, u64)> {
        let entry = self.entry(address)?;
        Some((entry.initial_address(), entry.end_address()))
    }

    /// From the frame whose registers these are, one frame back. `address` is where it is, before loading.
    pub fn step(&self, address: u64, registers: &Registers, memory: &dyn Memory) -> Step {
        let Some(entry) = self.entry(address) else {
            return Step::Uncovered;
        };
        let section = self.section();
        let mut context = UnwindContext::new();
        let Ok(row) = entry.unwind_info_for_address(&section, &self.bases, &mut context, address)
        else {
            return Step::Uncovered;
        };
        let frame = Walk {
            section: &section,
            entry: &entry,
            registers,
            memory,
        };
        frame.back(row)
    }
}

struct Walk<'a> {
    section: &'a EhFrame<Slice<'a>>,
    entry: &'a FrameDescriptionEntry<Slice<'a>>,
    registers: &'a Registers,
    memory: &'a dyn Memory,
}

impl Walk<'_> {
    fn back(&self, row: &UnwindTableRow<usize>) -> Step {
        let Some(frame) = self.frame_address(row.cfa()) else {
            let usual = matches!(row.cfa(), CfaRule::RegisterAndOffset { register, offset: 16 }
                if register.0 == super::registers::RBP);
            return Step::Unknown { usual };
        };
        let mut caller = Registers::new(0, frame);
        for register in Registers::general() {
            caller.set(register, self.restored(row, register, frame));
        }
        if matches!(
            row.register(Register(RETURN_ADDRESS)),
            RegisterRule::Undefined
        ) {
            return Step::Outermost;
        }
        match self.restored(row, RETURN_ADDRESS, frame) {
            None => Step::Unknown { usual: false },
            Some(0) => Step::Outermost,
            Some(pc) => {
                caller.pc = pc;
                if self.entry.is_signal_trampoline() {
                    // The stack pointer is among what a signal frame keeps.
                    if let Some(sp) = self.restored(row, super::registers::RSP, frame) {
                        caller.sp = sp;
                    }
                    return Step::Interrupted(caller);
                }
                // Stacks grow downwards: a caller's frame lies above.
                if caller.sp < self.registers.sp {
                    return Step::Unknown { usual: false };
                }
                Step::Caller(caller)
            }
        }
    }

    fn frame_address(&self, rule: &CfaRule<usize>) -> Option<u64> {
        match rule {
            CfaRule::RegisterAndOffset { register, offset } => self
                .registers
                .get(register.0)
                .map(|value| value.wrapping_add_signed(*offset)),
            CfaRule::Expression(expression) => self.evaluate(expression, None),
        }
    }

    fn restored(&self, row: &UnwindTableRow<usize>, register: u16, frame: u64) -> Option<u64> {
        let said = row.registers().find(|(said, _)| said.0 == register);
        let Some((_, rule)) = said else {
            return self
                .registers
                .get(register)
                .filter(|_| Registers::is_preserved(register));
        };
        match rule {
            RegisterRule::SameValue => self.registers.get(register),
            RegisterRule::Offset(offset) => self.memory.word(frame.wrapping_add_signed(*offset)),
            RegisterRule::ValOffset(offset) => Some(frame.wrapping_add_signed(*offset)),
            RegisterRule::Register(other) => self.registers.get(other.0),
            RegisterRule::Expression(expression) => {
                self.memory.word(self.evaluate(expression, Some(frame))?)
            }
            RegisterRule::ValExpression(expression) => self.evaluate(expression, Some(frame)),
            RegisterRule::Constant(value) => Some(*value),
            _ => None,
        }
    }

    /// Calculates what a rule says; the frame's address, if there is one, lies on the stack of the calculation.
    fn evaluate(&self, expression: &UnwindExpression<usize>, frame: Option<u64>) -> Option<u64> {
        let expression: Expression<Slice<'_>> = expression.get(self.section).ok()?;
        let mut evaluation = expression.evaluation(self.entry.cie().encoding());
        evaluation.set_max_iterations(MOST_OPERATIONS);
        if let Some(frame) = frame {
            evaluation.set_initial_value(frame);
        }
        let mut result = evaluation.evaluate().ok()?;
        // Each round takes at least one operation, of which there are not endlessly many.
        while !matches!(result, EvaluationResult::Complete) {
            result = match result {
                EvaluationResult::RequiresRegister { register, .. } => evaluation
                    .resume_with_register(Value::Generic(self.registers.get(register.0)?))
                    .ok()?,
                EvaluationResult::RequiresMemory { address, size, .. } => {
                    let word = self.memory.word(address)?;
                    let bits = u32::from(size.min(8)) * 8;
                    let value = word & u64::MAX.checked_shr(64 - bits).unwrap_or(0);
                    evaluation.resume_with_memory(Value::Generic(value)).ok()?
                }
                _ => return None,
            };
        }
        match evaluation.as_result().first()?.location {
            gimli::Location::Address { address } => Some(address),
            gimli::Location::Value { value } => value.to_u64(u64::MAX).ok(),
            _ => None,
        }
    }
}

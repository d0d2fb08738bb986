//! What a row of the table may ask about the arguments of a call. A filter sees registers only, never what they point to.

/// One question about one argument; a row's questions must all be answered with yes.
///
/// All but [`Condition::Given`] look at the low 32 bits alone, because the kernel reads these arguments as an `int`:
/// a filter that compared all 64 bits was passed by setting a high one (CVE-2019-7303).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// At least one bit of `mask` is set.
    AnyBit {
        /// Which argument, from 0.
        argument: u8,
        /// The bits.
        mask: u32,
    },
    /// What is left by `mask` is one of `values`.
    OneOf {
        /// Which argument, from 0.
        argument: u8,
        /// The bits that count.
        mask: u32,
        /// The values.
        values: &'static [u32],
    },
    /// What is left by `mask` is none of `values`.
    NoneOf {
        /// Which argument, from 0.
        argument: u8,
        /// The bits that count.
        mask: u32,
        /// The values.
        values: &'static [u32],
    },
    /// The pointer is not null, in all of its 64 bits.
    Given {
        /// Which argument, from 0.
        argument: u8,
    },
}

impl Condition {
    /// Whether a call with these arguments meets the condition.
    pub fn holds(&self, arguments: &[u64; 6]) -> bool {
        let low = |argument: u8| arguments[usize::from(argument)] as u32;
        match *self {
            Condition::AnyBit { argument, mask } => low(argument) & mask != 0,
            Condition::OneOf {
                argument,
                mask,
                values,
            } => values.contains(&(low(argument) & mask)),
            Condition::NoneOf {
                argument,
                mask,
                values,
            } => !values.contains(&(low(argument) & mask)),
            Condition::Given { argument } => arguments[usize::from(argument)] != 0,
        }
    }
}

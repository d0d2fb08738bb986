//! Why we will not run something.

/// We will not run this. Nothing was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is refused and why, as one or two sentences.
    pub reason: String,
    /// What the user can do about it.
    pub hint: String,
}

//! What a way of reading stacks must be able to do, and the list of all ways.

use crate::frame::Frame;
use crate::process::Process;

/// Reads the stacks of one process.
pub(crate) trait Reader {
    /// The calls that `thread` of `process` is in, innermost first, appended to `frames`. The thread stands still. What
    /// cannot be told is left out; nothing is guessed.
    fn frames(&mut self, process: &Process, thread: i32, frames: &mut Vec<Frame>);

    /// The calls of whatever waits in a process and is on no thread, each innermost first; the program's own before what
    /// it has started.
    fn parked(&mut self, process: &Process) -> Vec<Vec<Frame>> {
        let _ = process;
        Vec::new()
    }

    /// The calls that a thread was in when a signal interrupted it, whose registers the kernel keeps at `context`
    /// (`struct ucontext`). For compiled code only: interpreters tell of their errors themselves.
    fn frames_at(&mut self, process: &Process, context: u64, frames: &mut Vec<Frame>) {
        let _ = (process, context, frames);
    }
}

/// Looks at a process, and gives a reader if it is of the right kind. Called again later if no way was found, because
/// an interpreter may not have loaded its library yet.
pub(crate) type Recognise = fn(&Process) -> Option<Box<dyn Reader>>;

/// Every way that knows a language.
pub(crate) const READERS: &[Recognise] = &[
    crate::cpython::recognise,
    crate::bash::recognise,
    crate::dash::recognise,
    crate::perl::recognise,
    crate::php::recognise,
    crate::lua::recognise,
    crate::ruby::recognise,
    crate::r::recognise,
];

/// The way that fits every program, for those that no other way knows.
pub(crate) const LAST_RESORT: Recognise = crate::native::recognise;

/// No stack is followed further.
pub(crate) const DEEPEST: usize = 512;

//! Makes a set-up step fail, so that tests can see that nothing is executed then.

use std::sync::OnceLock;

use belljar_child::Step;

/// What a test wants to see fail: the name of a step, or `overlay`, `listener`, `tracer`, `stub` or
/// `opens` (to stop them all) to see the other way taken. Making
/// something fail can only stop a run or take the way that the posture tells of, so anyone may ask for it.
static TO_FAIL: OnceLock<String> = OnceLock::new();

/// Reads `BELLJAR_FAIL_AT`, before the launcher erases its environment.
pub fn read_what_to_make_fail() {
    if let Ok(wanted) = std::env::var("BELLJAR_FAIL_AT") {
        let _ = TO_FAIL.set(wanted);
    }
}

/// The step that is to fail.
pub fn step_to_fail() -> Option<Step> {
    let wanted = TO_FAIL.get()?;
    Step::ALL.iter().copied().find(|step| step.name() == wanted)
}

/// Whether the way called `way` is to be taken for closed.
pub fn is_closed(way: &str) -> bool {
    TO_FAIL.get().is_some_and(|wanted| wanted == way)
}

//! Tests of the list of known builds against the readers.

use super::*;

#[test]
fn what_is_said_to_be_known_is_what_the_tables_have() {
    let said = |program| {
        let known = known_builds().iter().find(|known| known.program == program);
        known.expect("a row").versions.to_owned()
    };
    let span = |mut versions: Vec<&str>| {
        versions.sort_unstable();
        let [first, .., last] = versions[..] else {
            panic!("a table of several versions");
        };
        format!("{first} to {last}")
    };
    assert_eq!(said("Lua"), span(crate::lua::versions()));
    assert_eq!(said("Ruby"), span(crate::ruby::versions()));
}

//! Arguments -> protocol, command, or the launcher of cells.
fn main() {}

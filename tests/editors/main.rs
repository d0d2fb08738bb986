//! Real editors: each plays every scenario of `scenarios.toml` with the shipped integration, as a person would.
//!
//! The driver of an editor, `tests/editors/EDITOR/drive`, starts the editor with files of real projects and prints one line
//! for each check. Here those lines are held against the table, and what the driver started must be gone at its end.

mod driver;
#[allow(dead_code)] // Each test program uses a part of it.
#[path = "../ordinary_user/mod.rs"]
mod ordinary_user;
#[allow(dead_code)] // Each test program uses a part of it.
mod table;

use std::time::Duration;

/// What a driver may take on a machine that has other work.
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn neovim_0_11_plays_every_scenario() {
    driver::play("neovim", "neovim-0.11", LIMIT);
}

#[test]
fn the_newest_neovim_plays_every_scenario() {
    driver::play("neovim", "neovim-newest", LIMIT);
}

#[test]
fn the_helix_of_debian_stable_plays_every_scenario() {
    driver::play("helix", "helix-stable", LIMIT);
}

#[test]
fn the_newest_helix_plays_every_scenario() {
    driver::play("helix", "helix-newest", LIMIT);
}

#[test]
fn vscode_plays_every_scenario() {
    driver::play("vscode", "vscode", LIMIT);
}

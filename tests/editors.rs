//! Real editors: they start the shipped configuration, run real files, and their buffers are read.

#[allow(dead_code)] // Each test program uses a part of it.
mod ordinary_user;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use ordinary_user::{OrdinaryUser, copy_folder, skipped};

const TREE: &str = env!("CARGO_MANIFEST_DIR");

/// Other people's documents and programs that the editors open, below `tests/fixtures`.
const REAL: &[&str] = &[
    "demo/fetch_token.py",
    "documents/jupytext--text_outputs_and_images.py",
    "documents/rust-by-example--and_then.md",
    "programs/python/sample-programs/even_odd.py",
    "programs/python/sample-programs/fibonacci.py",
];

/// Somebody who has the files that the editors open, a home with notes that no program may see, and `belljar` on the
/// search path.
fn somebody_with_files() -> OrdinaryUser {
    let user = OrdinaryUser::new();
    let fixtures = Path::new(TREE).join("tests/fixtures");
    copy_folder(&fixtures.join("editors/work"), &user.work());
    copy_folder(&fixtures.join("editors/home"), &user.home());
    for file in REAL {
        let from = fixtures.join(file);
        std::fs::copy(&from, user.work().join(from.file_name().expect("a name"))).expect("a copy");
    }
    copy_folder(
        &Path::new(TREE).join("editors"),
        &user.home().join("editors"),
    );
    std::fs::create_dir(user.home().join("bin")).expect("a folder");
    user.own_everything();
    symlink(user.belljar(), user.home().join("bin/belljar")).expect("a link");
    user
}

#[test]
fn neovim_shows_runs_of_real_files_in_the_buffer() {
    let user = somebody_with_files();
    let Some(nvim) = user.find("nvim") else {
        return skipped("`nvim` is not installed");
    };
    let script = user.home().join("neovim.lua");
    std::fs::copy(Path::new(TREE).join("tests/editors/neovim.lua"), &script).expect("a copy");
    user.own_everything();
    let output = user
        .command("timeout")
        .args(["--signal=KILL", "400"])
        .arg(nvim)
        .args(["--headless", "-l"])
        .arg(&script)
        .env(
            "PATH",
            format!(
                "{}:{}",
                user.home().join("bin").display(),
                user.search_path()
            ),
        )
        .env("BELLJAR_EDITORS", user.home().join("editors"))
        .env("BELLJAR_WORK", user.work())
        .env("XDG_CONFIG_HOME", user.home().join("config"))
        .env("XDG_STATE_HOME", user.home().join("state"))
        .env("XDG_DATA_HOME", user.home().join("data"))
        .stdin(Stdio::null())
        .output()
        .expect("Neovim starts");
    let checks = String::from_utf8_lossy(&output.stdout);
    let messages = String::from_utf8_lossy(&output.stderr);
    println!("{checks}");
    assert!(output.status.success(), "{checks}\n{messages}");
    let figures = checks.lines().last().unwrap_or_default();
    assert!(
        figures.ends_with(", 0 failed") && !figures.starts_with("0 "),
        "no checks were made: {checks}\n{messages}"
    );
}

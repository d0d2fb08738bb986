//! Lists the shipped runtime files, so that a language is added by a file alone.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo names the crate's directory");
    let folder = Path::new(&here).join("../../policies/runtimes");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("policies/runtimes can be read")
        .map(|entry| entry.expect("policies/runtimes can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    let mut table = String::from("&[\n");
    for path in files {
        let path = path.canonicalize().expect("a listed file is there");
        let name = path
            .file_name()
            .expect("a listed file has a name")
            .to_string_lossy();
        writeln!(table, "    ({name:?}, include_str!({path:?})),").expect("a string takes text");
    }
    table.push_str("]\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo names a place")).join("shipped.rs");
    fs::write(out, table).expect("the place can be written");
}

//! Lists the shipped runtime files and those that they put into a cell, so that a language is added by files alone.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo names the crate's directory");
    let folder = Path::new(&here).join("../../policies/runtimes");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut runtimes = String::from("pub(crate) const SHIPPED: &[(&str, &str)] = &[\n");
    let mut support = String::from("pub(crate) const SUPPORT: &[(&str, &str)] = &[\n");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("policies/runtimes can be read")
        .map(|entry| entry.expect("policies/runtimes can be listed").path())
        .collect();
    files.sort();
    for path in files {
        let path = path.canonicalize().expect("a listed file is there");
        let name = path
            .file_name()
            .expect("a listed file has a name")
            .to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        // What is no runtime file is one that a runtime puts into the cell.
        let table = if name.ends_with(".toml") {
            &mut runtimes
        } else {
            &mut support
        };
        writeln!(table, "    ({name:?}, include_str!({path:?})),").expect("a string takes text");
    }
    let table = format!("{runtimes}];\n{support}];\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo names a place")).join("shipped.rs");
    fs::write(out, table).expect("the place can be written");
}

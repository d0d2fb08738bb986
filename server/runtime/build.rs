//! Lists the shipped runtime files and those that they put into a cell, so that a language is added by files alone; and what
//! each runtime file has between quotes, so that it is only read when it may be needed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo names the crate's directory");
    let folder = Path::new(&here).join("../../policies/runtimes");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut runtimes = String::from("pub(crate) const SHIPPED: &[(&str, &str, &[&str])] = &[\n");
    let mut tools = BTreeSet::new();
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
        if !name.ends_with(".toml") {
            writeln!(support, "    ({name:?}, include_str!({path:?})),")
                .expect("a string takes text");
            continue;
        }
        let text = fs::read_to_string(&path).expect("a listed file can be read");
        // Whatever stands between two quotes of a kind, in or out of a comment: too many words do no harm, one too few would.
        let words: BTreeSet<&str> = ['"', '\'']
            .into_iter()
            .flat_map(|quote| text.split(quote))
            .filter(|word| !word.contains(char::is_whitespace))
            .collect();
        let words: Vec<&str> = words.into_iter().collect();
        tools.extend(tool_names(&text).map(str::to_owned));
        writeln!(
            runtimes,
            "    ({name:?}, include_str!({path:?}), &{words:?}),"
        )
        .expect("a string takes text");
    }
    let tools: Vec<String> = tools.into_iter().collect();
    let table =
        format!("{runtimes}];\n{support}];\npub(crate) const TOOLS: &[&str] = &{tools:?};\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo names a place")).join("shipped.rs");
    fs::write(out, table).expect("the place can be written");
}

/// What is between quotes in the lists that `names` begins, wherever they stand: again, too many would do no harm.
fn tool_names(text: &str) -> impl Iterator<Item = &str> {
    let lists = text.split("names").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix('=')?;
        let list = rest.trim_start().strip_prefix('[')?;
        Some(list.split(']').next().unwrap_or(list))
    });
    lists.flat_map(|list| list.split(['"', '\'']).skip(1).step_by(2))
}

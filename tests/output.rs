//! What a line prints stands at that line, in every language that runs; and watching changes nothing of what is printed.
//!
//! Each program of `tests/fixtures/output` says behind a line what it prints (`prints: one | another`) or complains of on
//! standard error (`complains: ...`). A value counts as found if it was printed, and every piece of output that it is in has
//! that line. The control is the same program without Belljar: it prints the same lines, in whatever order, since outside
//! some languages keep them in a buffer.
//!
//! Each test prints a line of figures, such as `output: python found 29/29 as ordinary user`.

#[allow(dead_code)] // Each test program uses a part of it.
mod ordinary_user;

use std::path::Path;
use std::process::Stdio;

use ordinary_user::{OrdinaryUser, skipped};
use serde::Deserialize;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/output");
/// Of the values, so many percent at least.
const FOUND: usize = 99;

#[derive(Deserialize)]
struct Report {
    ending: serde_json::Value,
    stdout: String,
    output: Vec<Piece>,
}

#[derive(Deserialize)]
struct Piece {
    stream: String,
    text: String,
    line: Option<u32>,
}

/// Something that a line prints.
struct Value {
    line: u32,
    stream: &'static str,
    text: String,
}

fn values(program: &str) -> Vec<Value> {
    let mut values = Vec::new();
    for (line, text) in (1..).zip(program.lines()) {
        for (mark, stream) in [(" prints: ", "stdout"), (" complains: ", "stderr")] {
            let said = text.split_once(mark).map(|(_, said)| said);
            let said = said.map(|said| said.trim_end_matches("*/").trim_end());
            values.extend(
                said.into_iter()
                    .flat_map(|said| said.split(" | "))
                    .map(|text| Value {
                        line,
                        stream,
                        text: text.to_owned(),
                    }),
            );
        }
    }
    values
}

/// Whether a value was printed by its line and by no other.
fn is_found(value: &Value, report: &Report) -> bool {
    let pieces = || {
        report
            .output
            .iter()
            .filter(|one| one.stream == value.stream)
    };
    let text: String = pieces().map(|piece| piece.text.as_str()).collect();
    let lines: Vec<Option<u32>> = pieces()
        .flat_map(|piece| vec![piece.line; piece.text.len()])
        .collect();
    text.match_indices(&value.text).any(|(at, found)| {
        lines[at..at + found.len()]
            .iter()
            .all(|line| *line == Some(value.line))
    })
}

/// The lines of an output, sorted.
fn lines_of(output: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    lines
}

/// Runs a fixture, as an ordinary user and as whoever runs the tests. `outside` is the command that does it without
/// Belljar, for a shell; `$1` is the program.
fn check(language: &str, name: &str, tools: &[&str], outside: Option<&str>) {
    let program = std::fs::read_to_string(Path::new(FIXTURES).join(name)).expect("the fixture");
    let values = values(&program);
    assert!(values.len() > 10, "{name} says too little");
    let home = std::env::home_dir().unwrap_or_default();
    let managers = [("RUSTUP_HOME", ".rustup"), ("PYENV_ROOT", ".pyenv")];
    let managers = managers.map(|(name, folder)| (name, home.join(folder)));
    let mut users = vec![("ordinary user", OrdinaryUser::new())];
    if OrdinaryUser::is_made_by_root() {
        users.push(("root", OrdinaryUser::whoever_we_are()));
    }
    for (who, user) in users {
        if let Some(tool) = tools.iter().find(|tool| user.find(tool).is_none()) {
            skipped(&format!("output: {language}: `{tool}` is not installed"));
            continue;
        }
        std::fs::write(user.work().join(name), &program).expect("a copy of the fixture");
        user.own_everything();
        let command = |program: &Path| {
            let mut command = user.command(program);
            command.stdin(Stdio::null());
            // Its home has no toolchains, and ours may have.
            command.envs(
                managers
                    .iter()
                    .filter(|(_, folder)| folder.is_dir())
                    .cloned(),
            );
            command
        };
        let watched = command(&user.belljar())
            .args([
                "run",
                "--json",
                "--limit",
                "wall=120s",
                "--limit",
                "cpu=60s",
                name,
            ])
            .output()
            .expect("belljar starts");
        let report: Report = serde_json::from_slice(&watched.stdout).expect("a report");
        assert_eq!(report.ending["code"], 0, "{name}: {}", report.ending);
        let missed: Vec<String> = values
            .iter()
            .filter(|value| !is_found(value, &report))
            .map(|value| format!("{name}:{} {} {}", value.line, value.stream, value.text))
            .collect();
        let found = values.len() - missed.len();
        println!("output: {language} found {found}/{} as {who}", values.len());
        missed
            .iter()
            .for_each(|one| println!("output: missed: {one}"));
        assert!(
            found * 100 >= values.len() * FOUND,
            "{language}: {} values are not on their lines",
            missed.len()
        );
        let plain = command(&user.belljar())
            .args(["run", "--limit", "wall=120s", "--limit", "cpu=60s", name])
            .output()
            .expect("belljar starts");
        let plain = String::from_utf8_lossy(&plain.stdout).into_owned();
        assert_eq!(
            lines_of(&report.stdout),
            lines_of(&plain),
            "{name}, not watched"
        );
        let Some(outside) = outside else { continue };
        let alone = command(Path::new("sh"))
            .args(["-c", outside, "sh", name])
            .output()
            .expect("a shell starts");
        let alone = String::from_utf8_lossy(&alone.stdout).into_owned();
        assert_eq!(
            lines_of(&report.stdout),
            lines_of(&alone),
            "{name}, outside"
        );
    }
}

#[test]
fn what_python_prints_stands_at_its_line() {
    check("python", "prints.py", &["python3"], Some("python3 $1"));
}

#[test]
fn what_node_prints_stands_at_its_line() {
    check("javascript", "prints.js", &["node"], Some("node $1"));
}

#[test]
fn what_typescript_prints_stands_at_its_line() {
    check("typescript", "prints.ts", &["node", "tsc"], None);
}

#[test]
fn what_shells_print_stands_at_its_line() {
    check("bash", "prints.bash", &["bash"], Some("bash $1"));
    check("sh", "prints.sh", &["sh"], Some("sh $1"));
}

#[test]
fn what_c_and_cpp_print_stands_at_its_line() {
    let c = "gcc -pthread $1 -o $TMPDIR/c && $TMPDIR/c";
    check("c", "prints.c", &["gcc"], Some(c));
    let cpp = "g++ -std=gnu++20 -pthread $1 -o $TMPDIR/cpp && $TMPDIR/cpp";
    check("cpp", "prints.cpp", &["g++"], Some(cpp));
}

#[test]
fn what_rust_prints_stands_at_its_line() {
    let rust = "rustc --edition 2021 $1 -o $TMPDIR/rust && $TMPDIR/rust";
    check("rust", "prints.rs", &["rustc"], Some(rust));
}

#[test]
fn what_go_prints_stands_at_its_line() {
    let go = "GOCACHE=$TMPDIR/cache GOPATH=$TMPDIR/go go run $1";
    check("go", "prints.go", &["go"], Some(go));
}

#[test]
fn what_ruby_perl_php_and_lua_print_stands_at_its_line() {
    check("ruby", "prints.rb", &["ruby"], Some("ruby $1"));
    check("perl", "prints.pl", &["perl"], Some("perl $1"));
    check("php", "prints.php", &["php"], Some("php $1"));
    check("lua", "prints.lua", &["lua5.4"], Some("lua5.4 $1"));
}

#[test]
fn what_r_prints_stands_at_its_line() {
    check("r", "prints.R", &["Rscript"], Some("Rscript $1"));
}

#[test]
fn what_fortran_and_assembly_print_stands_at_its_line() {
    let fortran = "gfortran $1 -o $TMPDIR/fortran && $TMPDIR/fortran";
    check("fortran", "prints.f90", &["gfortran"], Some(fortran));
    let nasm = "nasm -felf64 $1 -o $TMPDIR/o && ld $TMPDIR/o -o $TMPDIR/nasm && $TMPDIR/nasm";
    check("nasm", "prints.asm", &["nasm"], Some(nasm));
}

#[test]
#[ignore = "its tools are large"]
fn what_ada_prints_stands_at_its_line() {
    let ada = "cd $TMPDIR && cp $OLDPWD/$1 . && gnatmake -q $1 -o ada && ./ada";
    check("ada", "prints.adb", &["gnatmake"], Some(ada));
}

#[test]
#[ignore = "its tools are large"]
fn what_d_and_nim_print_stands_at_its_line() {
    let d = "gdc $1 -o $TMPDIR/d && $TMPDIR/d";
    check("d", "prints.d", &["gdc"], Some(d));
    let nim =
        "nim c --hints:off --verbosity:0 --nimcache:$TMPDIR/n -o:$TMPDIR/nim $1 && $TMPDIR/nim";
    check("nim", "prints.nim", &["nim"], Some(nim));
}

#[test]
#[ignore = "its tools are large"]
fn what_crystal_vala_and_objective_c_print_stands_at_its_line() {
    let crystal =
        "CRYSTAL_CACHE_DIR=$TMPDIR/c crystal build -o $TMPDIR/crystal $1 && $TMPDIR/crystal";
    check("crystal", "prints.cr", &["crystal"], Some(crystal));
    let vala = "valac -d $TMPDIR -o vala $1 && $TMPDIR/vala";
    check("vala", "prints.vala", &["valac"], Some(vala));
    let objective_c = "gcc -x objective-c $1 -o $TMPDIR/m -lobjc && $TMPDIR/m";
    check("objective-c", "prints.m", &["gcc"], Some(objective_c));
}

#[test]
#[ignore = "its tools are large"]
fn what_zig_prints_stands_at_its_line() {
    // All of it goes to standard error, which the control does not look at.
    check("zig", "prints.zig", &["zig"], None);
}

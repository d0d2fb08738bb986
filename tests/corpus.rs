//! Real programs of the supported languages behave under Belljar as they do without it: same output, same exit status.
//!
//! A plain `cargo test` takes every program of the cheap languages and a sample of the others; `tests/corpus/run` takes
//! them all. Each test prints a line of figures, such as `corpus: programs python 53/53`. What may differ, and why, is in
//! `tests/fixtures/differs.jsonl`; it counts as wrong in the figures.

#[path = "corpus/case.rs"]
mod case;
#[allow(dead_code)] // Each test program uses a part of it.
mod ordinary_user;

use std::path::Path;

use case::{Block, Fault, Known, Mistake, Outcome, Program, Task, rows};
use ordinary_user::{OrdinaryUser, copy_folder, skipped};
use serde::de::DeserializeOwned;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// Every item when all are wanted, else every `stride`th.
fn sampled<T>(items: Vec<T>, stride: usize) -> Vec<T> {
    let all = std::env::var("BELLJAR_CORPUS").is_ok_and(|which| which == "all");
    items
        .into_iter()
        .step_by(if all { 1 } else { stride })
        .collect()
}

/// Prints the figures, and lists what differed.
fn conclude(section: &str, language: &str, outcomes: &[(String, Outcome)], left_out: &str) {
    let known: Vec<Known> = rows(&Path::new(FIXTURES).join("differs.jsonl"));
    let explained = |name: &str| {
        let mut known = known.iter();
        known.find(|known| known.section == section && known.case == name)
    };
    let mut differing = 0;
    let mut failed = Vec::new();
    for (name, outcome) in outcomes {
        match (&outcome.wrong, explained(name)) {
            (None, None) => {}
            (Some(_), Some(known)) => {
                differing += 1;
                println!("corpus: differs: {name}: {}", known.why);
            }
            (Some(why), None) => {
                differing += 1;
                failed.push(format!("{name}: {why}"));
            }
            (None, Some(_)) => failed.push(format!("{name} is in differs.jsonl and does not")),
        }
    }
    let slow = outcomes
        .iter()
        .filter(|(_, outcome)| outcome.needed_more_time)
        .count();
    let slow = if slow > 0 {
        format!(", {slow} needed more than the default time")
    } else {
        String::new()
    };
    println!(
        "corpus: {section} {language} {}/{}{slow}{left_out}",
        outcomes.len() - differing,
        outcomes.len()
    );
    for line in &failed {
        println!("corpus: differs: {line}");
    }
    assert!(!outcomes.is_empty(), "nothing was run");
    assert!(
        failed.is_empty(),
        "{} of {} differ:\n{}",
        failed.len(),
        outcomes.len(),
        failed.join("\n")
    );
}

/// Whether the tool of the language is there; says so if it is not.
fn has_tool(user: &OrdinaryUser, tool: &str) -> bool {
    let found = user.find(tool).is_some();
    if !found {
        skipped(&format!("`{tool}` is not installed"));
    }
    found
}

fn check_programs(language: &str, tool: &str, stride: usize) {
    let user = OrdinaryUser::new();
    if !has_tool(&user, tool) {
        return;
    }
    let folder = Path::new(FIXTURES).join("programs");
    let programs: Vec<Program> = rows(&folder.join("manifest.jsonl"));
    copy_folder(&folder.join(language), &user.work().join(language));
    user.own_everything();
    let cases = programs
        .iter()
        .filter(|program| program.language == language)
        .flat_map(|program| program.cases.iter().map(move |case| (program, case)))
        .collect();
    let outcomes: Vec<_> = sampled(cases, stride)
        .into_iter()
        .map(|(program, case)| {
            (
                format!("{} {:?}", program.path, case.args),
                case::run_program(&user, program, case),
            )
        })
        .collect();
    conclude("programs", language, &outcomes, "");
}

/// Its programs; and an error in a document of its own, where one can be had, stands on its line, also in a selection.
fn check_language(language: &str, tool: &str) {
    let user = OrdinaryUser::new();
    if !has_tool(&user, tool) {
        return;
    }
    let programs = Path::new(FIXTURES).join("programs").join(language);
    if programs.exists() {
        check_programs(language, tool, 1);
    }
    let folder = Path::new(FIXTURES).join("languages");
    let faults: Vec<Fault> = rows(&folder.join("rows.jsonl"));
    let mut faults = faults.iter().filter(|fault| fault.language == language);
    let Some(fault) = faults.next() else {
        assert!(programs.exists(), "there is nothing to try");
        return;
    };
    copy_folder(&folder, &user.work());
    user.own_everything();
    let outcome = case::run_fault(&user, fault);
    conclude("errors", language, &[(fault.file.clone(), outcome)], "");
}

fn check_tasks(language: &str, tool: &str, stride: usize) {
    let user = OrdinaryUser::new();
    if !has_tool(&user, tool) {
        return;
    }
    let tasks: Vec<Task> = rows(
        &Path::new(FIXTURES)
            .join("humaneval")
            .join(format!("{language}.jsonl")),
    );
    let (wanting, tasks): (Vec<_>, Vec<_>) =
        tasks.into_iter().partition(|task| task.requires.is_some());
    let mut outcomes = Vec::new();
    for task in sampled(tasks, stride) {
        outcomes.push((task.id.clone(), case::run_task(&user, &task, true)));
        outcomes.push((
            format!("{} with a fault", task.id),
            case::run_task(&user, &task, false),
        ));
    }
    let left_out = format!(", {} left out for want of a library", wanting.len());
    conclude("humaneval", language, &outcomes, &left_out);
}

/// Somebody who has the tool and the documents of a folder, in which the cases of `list` are; nobody without the tool.
fn somebody_with<T: DeserializeOwned>(
    tool: &str,
    folder: &str,
    list: &str,
) -> Option<(OrdinaryUser, Vec<T>)> {
    let user = OrdinaryUser::new();
    if !has_tool(&user, tool) {
        return None;
    }
    let folder = Path::new(FIXTURES).join(folder);
    copy_folder(&folder, &user.work());
    user.own_everything();
    Some((user, rows(&folder.join(list))))
}

/// The blocks that stand for themselves, and those that need what is before them.
fn check_blocks(language: &str, tool: &str, stride: usize) {
    let Some((user, blocks)) = somebody_with::<Block>(tool, "documents", "blocks.jsonl") else {
        return;
    };
    let blocks = blocks.into_iter().filter(|one| one.language == language);
    let (later, alone): (Vec<_>, Vec<_>) = blocks.partition(|block| block.up_to);
    for (section, blocks) in [("documents", alone), ("up-to-here", later)] {
        if blocks.is_empty() {
            continue;
        }
        let name = |block: &Block| format!("{} lines {}-{}", block.path, block.first, block.last);
        let outcomes: Vec<_> = sampled(blocks, stride)
            .iter()
            .map(|block| (name(block), case::run_block(&user, block)))
            .collect();
        conclude(section, language, &outcomes, "");
    }
}

/// One snippet of a document is selected, and the error that is in it stands on the document's line.
fn check_mistakes(language: &str, tool: &str) {
    let Some((user, mistakes)) = somebody_with::<Mistake>(tool, "errors", "rows.jsonl") else {
        return;
    };
    let outcomes: Vec<_> = mistakes
        .iter()
        .filter(|mistake| mistake.language == language)
        .map(|mistake| (mistake.file.clone(), case::run_mistake(&user, mistake)))
        .collect();
    conclude("errors", language, &outcomes, "");
}

/// One test for each row: name, what to check, language, its tool, and how many to take when not all are wanted.
macro_rules! corpus {
    ($($name:ident: $check:ident($($argument:expr),*);)*) => { $(#[test] fn $name() { $check($($argument),*); })* };
}

corpus! {
    programs_in_bash_behave_as_they_do_alone: check_programs("bash", "bash", 1);
    programs_in_c_behave_as_they_do_alone: check_programs("c", "gcc", 1);
    programs_in_cpp_behave_as_they_do_alone: check_programs("cpp", "g++", 3);
    programs_in_go_behave_as_they_do_alone: check_programs("go", "go", 3);
    programs_in_javascript_behave_as_they_do_alone: check_programs("javascript", "node", 1);
    programs_in_lua_behave_as_they_do_alone: check_programs("lua", "lua5.4", 1);
    programs_in_perl_behave_as_they_do_alone: check_programs("perl", "perl", 1);
    programs_in_php_behave_as_they_do_alone: check_programs("php", "php", 1);
    programs_in_python_behave_as_they_do_alone: check_programs("python", "python3", 1);
    programs_in_ruby_behave_as_they_do_alone: check_programs("ruby", "ruby", 1);
    programs_in_rust_behave_as_they_do_alone: check_programs("rust", "rustc", 2);
    programs_in_sh_behave_as_they_do_alone: check_programs("sh", "sh", 1);
    programs_in_typescript_behave_as_they_do_alone: check_programs("typescript", "tsx", 2);
    generated_python_passes_where_it_should: check_tasks("python", "python3", 4);
    generated_javascript_passes_where_it_should: check_tasks("javascript", "node", 4);
    generated_rust_passes_where_it_should: check_tasks("rust", "rustc", 8);
    generated_cpp_passes_where_it_should: check_tasks("cpp", "g++", 27);
    generated_go_passes_where_it_should: check_tasks("go", "go", 16);
    bash_blocks_of_documents_print_what_they_should: check_blocks("bash", "bash", 1);
    javascript_blocks_of_documents_print_what_they_should: check_blocks("javascript", "node", 1);
    lua_blocks_of_documents_print_what_they_should: check_blocks("lua", "lua5.4", 1);
    python_blocks_of_documents_print_what_they_should: check_blocks("python", "python3", 3);
    rust_blocks_of_documents_print_what_they_should: check_blocks("rust", "rustc", 1);
    r_blocks_of_documents_print_what_they_should: check_blocks("r", "Rscript", 1);
    mistakes_in_bash_stand_on_their_lines: check_mistakes("bash", "bash");
    mistakes_in_c_stand_on_their_lines: check_mistakes("c", "gcc");
    mistakes_in_cpp_stand_on_their_lines: check_mistakes("cpp", "g++");
    mistakes_in_go_stand_on_their_lines: check_mistakes("go", "go");
    mistakes_in_javascript_stand_on_their_lines: check_mistakes("javascript", "node");
    mistakes_in_lua_stand_on_their_lines: check_mistakes("lua", "lua5.4");
    mistakes_in_perl_stand_on_their_lines: check_mistakes("perl", "perl");
    mistakes_in_php_stand_on_their_lines: check_mistakes("php", "php");
    mistakes_in_python_stand_on_their_lines: check_mistakes("python", "python3");
    mistakes_in_ruby_stand_on_their_lines: check_mistakes("ruby", "ruby");
    mistakes_in_rust_stand_on_their_lines: check_mistakes("rust", "rustc");
}

corpus! {
    algol68_behaves_as_it_does_alone: check_language("algol68", "a68g");
    awk_behaves_as_it_does_alone: check_language("awk", "gawk");
    basic_behaves_as_it_does_alone: check_language("basic", "yabasic");
    bc_behaves_as_it_does_alone: check_language("bc", "bc");
    brainfuck_behaves_as_it_does_alone: check_language("brainfuck", "beef");
    cobol_behaves_as_it_does_alone: check_language("cobol", "cobc");
    coffeescript_behaves_as_it_does_alone: check_language("coffeescript", "coffee");
    commonlisp_behaves_as_it_does_alone: check_language("commonlisp", "sbcl");
    elvish_behaves_as_it_does_alone: check_language("elvish", "elvish");
    erlang_behaves_as_it_does_alone: check_language("erlang", "escript");
    fish_behaves_as_it_does_alone: check_language("fish", "fish");
    forth_behaves_as_it_does_alone: check_language("forth", "gforth");
    fortran_behaves_as_it_does_alone: check_language("fortran", "gfortran");
    jq_behaves_as_it_does_alone: check_language("jq", "jq");
    ksh_behaves_as_it_does_alone: check_language("ksh", "ksh93");
    m4_behaves_as_it_does_alone: check_language("m4", "m4");
    make_behaves_as_it_does_alone: check_language("make", "make");
    mksh_behaves_as_it_does_alone: check_language("mksh", "mksh");
    nasm_behaves_as_it_does_alone: check_language("nasm", "nasm");
    newlisp_behaves_as_it_does_alone: check_language("newlisp", "newlisp");
    picolisp_behaves_as_it_does_alone: check_language("picolisp", "picolisp");
    prolog_behaves_as_it_does_alone: check_language("prolog", "swipl");
    r_behaves_as_it_does_alone: check_language("r", "Rscript");
    rexx_behaves_as_it_does_alone: check_language("rexx", "rexx");
    scheme_behaves_as_it_does_alone: check_language("scheme", "guile");
    sed_behaves_as_it_does_alone: check_language("sed", "sed");
    sqlite_behaves_as_it_does_alone: check_language("sqlite", "sqlite3");
    tcl_behaves_as_it_does_alone: check_language("tcl", "tclsh");
    yash_behaves_as_it_does_alone: check_language("yash", "yash");
    zsh_behaves_as_it_does_alone: check_language("zsh", "zsh");
}

/// Languages whose tools are large or slow: only `tests/corpus/run` and `tests/run --long` try them.
macro_rules! large {
    ($($name:ident: $check:ident($($argument:expr),*);)*) => {
        $(#[test] #[ignore = "takes long"] fn $name() { $check($($argument),*); })*
    };
}

large! {
    ada_behaves_as_it_does_alone: check_language("ada", "gnatmake");
    clojure_behaves_as_it_does_alone: check_language("clojure", "clojure");
    crystal_behaves_as_it_does_alone: check_language("crystal", "crystal");
    csharp_behaves_as_it_does_alone: check_language("csharp", "mcs");
    d_behaves_as_it_does_alone: check_language("d", "gdc");
    elixir_behaves_as_it_does_alone: check_language("elixir", "elixir");
    emacs_lisp_behaves_as_it_does_alone: check_language("emacs-lisp", "emacs");
    groovy_behaves_as_it_does_alone: check_language("groovy", "groovy");
    haskell_behaves_as_it_does_alone: check_language("haskell", "runghc");
    java_behaves_as_it_does_alone: check_language("java", "java");
    nim_behaves_as_it_does_alone: check_language("nim", "nim");
    ocaml_behaves_as_it_does_alone: check_language("ocaml", "ocaml");
    octave_behaves_as_it_does_alone: check_language("octave", "octave-cli");
    pascal_behaves_as_it_does_alone: check_language("pascal", "fpc");
    racket_behaves_as_it_does_alone: check_language("racket", "racket");
    raku_behaves_as_it_does_alone: check_language("raku", "raku");
    haxe_behaves_as_it_does_alone: check_language("haxe", "haxe");
    kotlin_behaves_as_it_does_alone: check_language("kotlin", "kotlinc");
    livescript_behaves_as_it_does_alone: check_language("livescript", "lsc");
    scala_behaves_as_it_does_alone: check_language("scala", "scala");
    gnuplot_behaves_as_it_does_alone: check_language("gnuplot", "gnuplot");
    icon_behaves_as_it_does_alone: check_language("icon", "icont");
    less_behaves_as_it_does_alone: check_language("less", "lessc");
    nushell_behaves_as_it_does_alone: check_language("nushell", "nu");
    pkl_behaves_as_it_does_alone: check_language("pkl", "pkl");
    sass_behaves_as_it_does_alone: check_language("sass", "sassc");
    vala_behaves_as_it_does_alone: check_language("vala", "valac");
    zig_behaves_as_it_does_alone: check_language("zig", "zig");
    bun_behaves_as_it_does_alone: check_language("bun", "bun");
    chicken_behaves_as_it_does_alone: check_language("chicken", "csi");
    deno_behaves_as_it_does_alone: check_language("deno", "deno");
    pypy_behaves_as_it_does_alone: check_language("pypy", "pypy3");
    tcc_behaves_as_it_does_alone: check_language("tcc", "tcc");
    generated_java_passes_where_it_should: check_tasks("java", "java", 16);
    mistakes_in_haskell_stand_on_their_lines: check_mistakes("haskell", "runghc");
    // The types are looked at beside the program, and given up on a machine that is very busy.
    mistakes_in_typescript_stand_on_their_lines: check_mistakes("typescript", "tsx");
    mistakes_in_java_stand_on_their_lines: check_mistakes("java", "java");
    groovy_blocks_of_documents_print_what_they_should: check_blocks("groovy", "groovy", 1);
    haskell_blocks_of_documents_print_what_they_should: check_blocks("haskell", "runghc", 1);
    ocaml_blocks_of_documents_print_what_they_should: check_blocks("ocaml", "ocaml", 1);
}

//! Programs that were compiled and are kept: what a second run takes, what makes it compile again, and what no program can
//! do to it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::ordinary_user::skipped;
use crate::person::{Person, Ran, for_everybody, output};

const PROGRAM: &str = "#include <stdio.h>\nint main(void) { puts(\"made\"); }\n";

/// However busy the machine is, a compiler has the time that it takes.
const RUN: &[&str] = &["run", "--json", "--limit", "wall=50s"];
/// Longer than a few runs take then.
const LONG: Duration = Duration::from_secs(180);

/// Does a test for everybody, where there is a compiler.
fn with_gcc(test: impl Fn(&Person)) {
    if !PathBuf::from("/usr/bin/gcc").exists() {
        return skipped("there is no gcc");
    }
    for_everybody(test);
}

fn run(person: &Person, options: &[&str], file: &str) -> Ran {
    let arguments = [RUN, options, &[file]].concat();
    Ran::of(output(&mut person.belljar(&arguments)))
}

/// A compiler that does something else first: a search path where it is found.
fn compiler(person: &Person, first: &str) -> String {
    let script = format!("#!/bin/sh\n{first}\nexec /usr/bin/gcc \"$@\"\n");
    let compiler = person.put("tools/gcc", script);
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).expect("set");
    let directory = compiler.parent().expect("a folder");
    format!("{}:/usr/bin:/bin", directory.display())
}

fn was_kept(ran: &Ran) -> bool {
    let notes = ran.report["posture"]["notes"].as_array();
    notes.into_iter().flatten().any(|note| {
        let note = note.as_str().expect("a text");
        note.starts_with("compiled by an earlier run")
    })
}

/// Runs until nothing was compiled. What changed just before a run is not trusted, so that can take a few runs.
#[track_caller]
fn until_kept(run: impl Fn() -> Ran) -> Ran {
    let begun = Instant::now();
    loop {
        let ran = run().succeeded();
        if was_kept(&ran) {
            return ran;
        }
        assert!(begun.elapsed() < LONG, "never kept: {}", ran.report);
    }
}

#[track_caller]
fn run_until_kept(person: &Person, file: &str) -> Ran {
    until_kept(|| run(person, &[], file))
}

/// The kept programs of a person, which are files of theirs.
fn kept(person: &Person) -> Vec<PathBuf> {
    let directory = person.user.home().join(".cache/belljar/compiled");
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    // Of a program that could not be made root's runs leave an empty file.
    let whole = files.filter(|file| file.metadata().is_ok_and(|facts| facts.len() > 0));
    whole.map(|file| file.path()).collect()
}

#[test]
fn a_second_run_of_the_same_text_does_not_compile() {
    with_gcc(|person| {
        // It says something else each time.
        let path = compiler(person, "cat /proc/sys/kernel/random/uuid >&2");
        person.put("program.c", PROGRAM);
        let said = |options: &[&str]| {
            let arguments = [RUN, options, &["program.c"]].concat();
            let ran = Ran::of(output(person.belljar(&arguments).env("PATH", &path))).succeeded();
            assert_eq!(ran.stdout(), "made\n");
            let stderr = ran.report["stderr"].as_str().expect("text").to_owned();
            assert!(stderr.len() > 30, "{}", ran.report);
            (stderr, was_kept(&ran))
        };
        let begun = Instant::now();
        let (first, second) = loop {
            let (first, second) = (said(&[]), said(&[]));
            if second.1 {
                break (first.0, second.0);
            }
            assert!(begun.elapsed() < LONG, "never kept: {second:?}");
        };
        assert_eq!(first, second, "what the compiler said is said again");
        let (again, is_kept) = said(&["--no-cache"]);
        assert!(
            again != first && !is_kept,
            "it was not compiled again: {again}"
        );
        assert_eq!(said(&[]), (first.clone(), true), "that changed nothing");
        person.put("program.c", PROGRAM.replace('{', "{ "));
        let (other, is_kept) = said(&[]);
        assert!(other != first && !is_kept, "another text was not compiled");
    });
}

#[test]
fn a_run_of_a_kept_program_is_told_like_the_one_that_compiled_it() {
    with_gcc(|person| {
        let secret = person.user.home().join("secret");
        fs::write(&secret, "x").expect("written");
        person.user.own_everything();
        let secret = "/home/sandbox/secret";
        person.put(
            "program.c",
            format!(
                "#include <stdio.h>\n#warning said\nint main(int count, char **words) {{\n    puts(words[0]);\n    \
                 FILE *secret = fopen(\"{secret}\", \"r\");\n    fprintf(stderr, \"%p\\n\", (void *)secret);\n    \
                 return count + 4;\n}}\n"
            ),
        );
        let told = |ran: &Ran| {
            let mut report = ran.report.clone();
            let fields = report.as_object_mut().expect("an object");
            for changing in ["run", "usage", "posture"] {
                fields.remove(changing);
            }
            report
        };
        let first = run(person, &[], "program.c");
        assert!(!was_kept(&first));
        let second = run(person, &[], "program.c");
        assert!(was_kept(&second), "{}", second.report);
        assert_eq!(told(&first), told(&second));
        assert_eq!(first.report["violations"][0]["line"], 5, "{}", first.report);
        assert_eq!(first.code, Some(5));
    });
}

/// Puts another program in the place of its own, and of everything that is kept, as far as it finds it.
const POISON: &str = r##"
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static const char other[] = "#!/bin/sh\necho poisoned\n";
static int put(const char *path) {
    unlink(path);
    FILE *file = fopen(path, "w");
    if (!file) return 0;
    fputs(other, file);
    fclose(file);
    return chmod(path, 0755) == 0;
}
int main(int count, char **words) {
    puts("made");
    fflush(stdout);
    DIR *kept = opendir("KEPT");
    for (struct dirent *one; kept && (one = readdir(kept));) {
        char path[4096];
        snprintf(path, sizeof path, "KEPT/%s", one->d_name);
        if (one->d_name[0] != '.' && put(path)) puts("put");
    }
    fflush(stdout);
    if (put(words[0])) execl(words[0], words[0], (char *)0);
    puts("could not");
}
"##;

#[test]
fn a_program_cannot_change_what_the_next_run_starts() {
    with_gcc(|person| {
        let directory = person.user.home().join(".cache/belljar/compiled");
        let text = POISON.replace("KEPT", directory.to_str().expect("text"));
        let source = person.put("program.c", &text);
        run_until_kept(person, "program.c");
        let contents = || -> Vec<_> {
            let read = |path| fs::read(path).expect("read");
            kept(person).into_iter().map(read).collect()
        };
        let before = contents();
        assert_eq!(before.len(), 1);
        for _ in 0..3 {
            let ran = run(person, &[], "program.c").succeeded();
            assert!(was_kept(&ran));
            // Its own copy it could change, and that went with it.
            assert_eq!(ran.stdout(), "made\npoisoned\n", "{}", ran.report);
        }
        assert_eq!(before, contents());
        // Outside it finds what is kept, and changes it.
        let binary = person.user.work().join("outside");
        let mut gcc = person.outside("/usr/bin/gcc");
        let made = output(gcc.arg("-o").arg(&binary).arg(&source));
        assert!(made.status.success(), "{made:?}");
        let said = output(&mut person.outside(&binary)).stdout;
        assert_eq!(String::from_utf8_lossy(&said), "made\nput\npoisoned\n");
        let ran = run(person, &[], "program.c").succeeded();
        assert!(
            !was_kept(&ran),
            "what was put there is no program that was kept"
        );
        assert_eq!(ran.stdout(), "made\npoisoned\n");
    });
}

#[test]
fn what_the_compiler_read_must_be_as_it_was() {
    with_gcc(|person| {
        person.put("own/value.h", "#define VALUE 1\n");
        let text = "#include <stdio.h>\n#include \"own/value.h\"\n#include \"limits.h\"\n#ifndef EXTRA\n#define EXTRA 0\n\
                    #endif\nint main(void) { printf(\"%d\\n\", VALUE + EXTRA); }\n";
        person.put("program.c", text);
        assert_eq!(run_until_kept(person, "program.c").stdout(), "1\n");
        let header = person.put("own/value.h", "#define VALUE 2\n");
        assert_eq!(run(person, &[], "program.c").stdout(), "2\n");
        assert_eq!(run_until_kept(person, "program.c").stdout(), "2\n");
        // As long as before, and by its time as old.
        let old = header
            .metadata()
            .and_then(|facts| facts.modified())
            .expect("a time");
        fs::write(&header, "#define VALUE 3\n").expect("written");
        let file = fs::File::options()
            .append(true)
            .open(&header)
            .expect("opened");
        file.set_modified(old).expect("set");
        assert_eq!(run(person, &[], "program.c").stdout(), "3\n");
        assert_eq!(run_until_kept(person, "program.c").stdout(), "3\n");
        // Found from now on before the system's.
        person.put("limits.h", "#define EXTRA 40\n");
        assert_eq!(run(person, &[], "program.c").stdout(), "43\n");
        assert_eq!(run_until_kept(person, "program.c").stdout(), "43\n");
        fs::remove_file(header).expect("removed");
        let ran = run(person, &[], "program.c");
        assert_eq!((ran.code, ran.stdout()), (Some(1), ""), "{}", ran.report);
    });
}

#[test]
fn what_is_damaged_or_cannot_be_kept_is_compiled() {
    with_gcc(|person| {
        person.put("program.c", PROGRAM);
        run_until_kept(person, "program.c");
        let file = kept(person).pop().expect("what is kept");
        let mut content = fs::read(&file).expect("read");
        let middle = content.len() / 2;
        content[middle] ^= 0x20;
        fs::write(&file, content).expect("written");
        let ran = run(person, &[], "program.c").succeeded();
        assert_eq!((ran.stdout(), was_kept(&ran)), ("made\n", false));
        assert!(was_kept(&run(person, &[], "program.c")), "it is mended");
        for _ in 0..2 {
            let mut belljar = person.belljar(&[RUN, &["program.c"]].concat());
            let ran = Ran::of(output(belljar.env("XDG_CACHE_HOME", "/dev/null"))).succeeded();
            assert_eq!((ran.stdout(), was_kept(&ran)), ("made\n", false));
        }
    });
}

#[test]
fn what_failed_or_was_refused_something_is_not_kept() {
    with_gcc(|person| {
        person.put("broken.c", PROGRAM.replace("puts", "missing + "));
        assert_eq!(run(person, &[], "broken.c").code, Some(1));
        let path = compiler(person, "bash -c ': > /dev/tcp/192.0.2.7/443' 2>/dev/null");
        person.put("program.c", PROGRAM);
        for _ in 0..2 {
            let mut belljar = person.belljar(&[RUN, &["program.c"]].concat());
            let ran = Ran::of(output(belljar.env("PATH", &path))).succeeded();
            assert_eq!(
                ran.violations("network.connect"),
                ["192.0.2.7:443"],
                "{}",
                ran.report
            );
            assert!(!was_kept(&ran));
        }
        assert_eq!(kept(person), Vec::<PathBuf>::new());
    });
}

#[test]
fn what_one_policy_let_a_compiler_see_no_other_policy_takes() {
    with_gcc(|person| {
        person.put("program.c", PROGRAM);
        run_until_kept(person, "program.c");
        let ran = run(person, &["--policy", "strict"], "program.c").succeeded();
        assert!(!was_kept(&ran));
        let ran = run(person, &["--limit", "cpu=9s"], "program.c").succeeded();
        assert!(was_kept(&ran), "how long it may take changes no program");
    });
}

#[test]
fn several_runs_of_one_text_at_once_do_not_disturb_each_other() {
    with_gcc(|person| {
        person.put("program.c", PROGRAM);
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| run(person, &[], "program.c").succeeded()))
                .collect();
            for ran in runs {
                assert_eq!(ran.join().expect("a run").stdout(), "made\n");
            }
        });
        run_until_kept(person, "program.c");
        assert_eq!(kept(person).len(), 1);
    });
}

#[test]
fn a_program_in_go_is_kept_unless_a_module_of_the_project_has_a_say() {
    for_everybody(|person| {
        if person.user.find("go").is_none() {
            return skipped("there is no go");
        }
        person.put(
            "program.go",
            "package main\nfunc main() { println(\"made\") }\n",
        );
        run_until_kept(person, "program.go");
        person.put("go.mod", "module example\n");
        for _ in 0..2 {
            assert!(!was_kept(&run(person, &[], "program.go").succeeded()));
        }
    });
}

#[test]
fn a_program_in_rust_is_kept_with_what_its_modules_say() {
    for_everybody(|person| {
        if person.user.find("rustc").is_none() {
            return skipped("there is no rustc");
        }
        let toolchains = std::env::home_dir().unwrap_or_default().join(".rustup");
        let run = || {
            let mut belljar = person.belljar(&[RUN, &["program.rs"]].concat());
            // Its own home has no toolchains, and ours may have.
            if toolchains.is_dir() {
                belljar.env("RUSTUP_HOME", &toolchains);
            }
            Ran::of(output(&mut belljar)).succeeded()
        };
        person.put(
            "program.rs",
            "mod part;\nfn main() { print!(\"{}\", part::WORD); }\n",
        );
        person.put("part.rs", "pub const WORD: &str = \"made\";\n");
        until_kept(run);
        assert_eq!(run().stdout(), "made");
        person.put("part.rs", "pub const WORD: &str = \"other\";\n");
        assert_eq!(run().stdout(), "other");
    });
}

/// What the compiler says when it takes what was compiled ahead.
const TAKEN: &str = "! /tmp/.belljar-ready.h.gch";
const HEADERS: &str =
    "// A comment.\n#include <iostream>\n\n#include <algorithm> // Another.\n#include <list>\n";

/// Does a test for everybody, where there is a compiler, with a compiler that says what it takes, and a run of a program that
/// begins with these headers and has this for the rest.
fn with_headers(test: impl Fn(&Person, &dyn Fn(&str) -> Ran)) {
    if !PathBuf::from("/usr/bin/g++").exists() {
        return skipped("there is no g++");
    }
    for_everybody(|person| {
        // Whoever takes it over may change what it finds.
        let script = "#!/bin/sh\nlast=; for word do case $word in *.cpp) last=$word;; esac; done\n\
                      /usr/bin/g++ -H \"$@\" || exit\n\
                      if [ \"$last\" ] && grep -q 'take it over' \"$last\"; then\n\
                      printf changed > /tmp/.belljar-ready.h.gch && cat /tmp/.belljar-ready.h.gch >&2; fi\n";
        // In the project nothing is seen when headers are compiled.
        let directory = person.user.home().join("tools");
        fs::create_dir(&directory).expect("made");
        let compiler = directory.join("g++");
        fs::write(&compiler, script).expect("written");
        fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).expect("set");
        let path = format!("{}:/usr/bin:/bin", directory.display());
        let source = person.put("program.cpp", "");
        test(person, &|rest| {
            // Not by `put`: another owner, if only the same again, makes another compiler of it.
            fs::write(&source, format!("{HEADERS}{rest}")).expect("written");
            let mut belljar = person.belljar(&[RUN, &["program.cpp"]].concat());
            Ran::of(output(belljar.env("PATH", &path)))
        });
    });
}

fn stderr(ran: &Ran) -> &str {
    ran.report["stderr"].as_str().expect("text")
}

fn prints(number: u32) -> String {
    format!("int main() {{ std::cout << {number} << __LINE__; }}\n")
}

/// Runs other texts until one takes what was compiled ahead. What changed just before is not trusted, so that can take a few.
#[track_caller]
fn until_taken(run: &dyn Fn(&str) -> Ran) {
    let begun = Instant::now();
    for number in 100.. {
        let ran = run(&prints(number)).succeeded();
        assert_eq!(ran.stdout(), format!("{number}6"), "{}", ran.report);
        if stderr(&ran).contains(TAKEN) {
            return;
        }
        assert!(begun.elapsed() < LONG, "never taken: {}", ran.report);
    }
}

#[test]
fn headers_are_compiled_once_and_messages_stay_what_they_are() {
    with_headers(|person, run| {
        let wrong = "int main() {\n  std::list<int> some;\n  std::sort(some.begin(), some.end());\n  missing();\n}\n";
        let said = |ran: Ran| {
            assert_eq!(ran.code, Some(1), "{}", ran.report);
            let lines = stderr(&ran).lines();
            // What the compiler says about the files that it reads.
            let lines =
                lines.filter(|line| !line.starts_with(['.', '!', 'M']) && line.contains(':'));
            (
                lines.collect::<Vec<_>>().join("\n"),
                ran.report["errors"].clone(),
            )
        };
        let first = run(wrong);
        assert!(!stderr(&first).contains(TAKEN), "nothing is there yet");
        let first = said(first);
        until_taken(run);
        let second = run(wrong);
        assert!(stderr(&second).contains(TAKEN), "{}", second.report);
        let second = said(second);
        assert!(
            first.0.contains("program.cpp:4"),
            "it names the header's line"
        );
        assert_eq!(first, second);
        // What comes before the headers may change what they are.
        person.put(
            "other.cpp",
            format!("#define ONE 1\n{HEADERS}{}", prints(1)),
        );
        for _ in 0..3 {
            let ran = Ran::of(output(&mut person.belljar(&[RUN, &["other.cpp"]].concat())));
            assert_eq!(ran.succeeded().stdout(), "17");
        }
    });
}

#[test]
fn nothing_that_a_compiler_does_to_headers_reaches_the_next_run() {
    with_headers(|person, run| {
        until_taken(run);
        let contents = || -> Vec<Vec<u8>> {
            let large = |path: &PathBuf| path.metadata().is_ok_and(|facts| facts.len() > 5 << 20);
            let files = kept(person).into_iter().filter(large);
            files.map(|path| fs::read(path).expect("read")).collect()
        };
        let before = contents();
        assert_eq!(before.len(), 1);
        let ran = run(&format!("// take it over\n{}", prints(1))).succeeded();
        // It has changed its own copy.
        assert!(stderr(&ran).ends_with("changed"), "{}", ran.report);
        assert_eq!(before, contents());
        let ran = run(&prints(2)).succeeded();
        assert!(stderr(&ran).contains(TAKEN), "{}", ran.report);
        assert_eq!(ran.stdout(), "26");
    });
}

#[test]
fn headers_that_are_damaged_are_compiled_again() {
    with_headers(|person, run| {
        until_taken(run);
        for file in kept(person) {
            let mut content = fs::read(&file).expect("read");
            let middle = content.len() / 2;
            content[middle] ^= 0x20;
            fs::write(&file, content).expect("written");
        }
        let ran = run(&prints(1)).succeeded();
        assert!(!stderr(&ran).contains(TAKEN), "{}", ran.report);
        assert_eq!(ran.stdout(), "16");
        until_taken(run);
    });
}

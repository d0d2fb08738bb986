//! Documents that are compiled first, and documents in every place where a user may keep one.

use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::noticing::{furnish_home, told};
use crate::ordinary_user::skipped;
use crate::person::{Person, Ran, for_everybody, output};

const PROGRAM: &str =
    "#include <stdio.h>\nint main(void) {\n    puts(\"compiled\");\n    return 3;\n}\n";

fn run(person: &Person, file: impl AsRef<OsStr>) -> Ran {
    let mut command = person.belljar(&["run", "--json"]);
    Ran::of(output(command.arg(file)))
}

fn compiles(person: &Person) -> bool {
    let found = person.user.find("gcc").is_some();
    if !found {
        skipped("there is no gcc");
    }
    found
}

#[test]
fn a_program_is_compiled_and_run_and_its_status_is_its_own() {
    for_everybody(|person| {
        if !compiles(person) {
            return;
        }
        person.put("program.c", PROGRAM);
        let ran = run(person, "program.c");
        assert_eq!(
            (ran.stdout(), ran.code),
            ("compiled\n", Some(3)),
            "{}",
            ran.report
        );
        assert_eq!(ran.report["ending"]["code"], 3);
        let left: Vec<_> = std::fs::read_dir(person.user.work())
            .expect("the folder")
            .flatten()
            .collect();
        assert_eq!(left.len(), 1, "the binary is gone with the run: {left:?}");
    });
}

#[test]
fn what_does_not_compile_ends_with_the_compilers_status_and_is_not_run() {
    for_everybody(|person| {
        if !compiles(person) {
            return;
        }
        person.put("broken.c", PROGRAM.replace("return 3", "return missing"));
        let ran = run(person, "broken.c");
        assert_eq!(
            (ran.ending(), ran.code, ran.stdout()),
            ("exited", Some(1), ""),
            "{}",
            ran.report
        );
        assert_eq!(ran.report["errors"][0]["line"], 4, "{}", ran.report);
        let message = ran.report["errors"][0]["message"]
            .as_str()
            .expect("a message");
        assert!(message.contains("missing"), "{message}");
    });
}

// Where else a crash has no line yet.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_crash_is_said_on_its_line_and_what_the_compiler_said_is_not_said_again() {
    for_everybody(|person| {
        if !compiles(person) {
            return;
        }
        let crash = "int main(void) {\n    int *nothing = 0;\n    *nothing = 1;\n}\n";
        person.put("crash.c", crash);
        person.put("broken.c", PROGRAM.replace("return 3", "return missing"));
        let said = |file| {
            let output = output(&mut person.belljar(&["run", file]));
            String::from_utf8_lossy(&output.stderr).into_owned()
        };
        let crashed = said("crash.c");
        assert!(
            crashed.starts_with("crash.c:3:") && crashed.contains(": SIGSEGV: "),
            "{crashed}"
        );
        let broken = said("broken.c");
        let is_ours = |line: &str| line.starts_with("broken.c:");
        assert!(
            broken.contains("missing") && !broken.lines().any(is_ours),
            "{broken}"
        );
    });
}

/// A program that reads the user's `secret.txt` again and again, each time on a line of its own, while signals wake it all
/// the time, also on its way to its rest; and these lines.
pub fn woken() -> (String, RangeInclusive<u64>) {
    let start = "#include <fcntl.h>\n#include <signal.h>\n#include <stdio.h>\n\
                 #include <stdlib.h>\n#include <sys/time.h>\n\
                 static void quiet(int signal) { (void)signal; }\n\
                 int main(void) {\n\
                 struct sigaction action = {.sa_handler = quiet, .sa_flags = SA_RESTART};\n\
                 sigaction(SIGALRM, &action, 0);\n\
                 struct itimerval often = {{0, 50}, {0, 50}};\n\
                 setitimer(ITIMER_REAL, &often, 0);\n\
                 char file[4096];\n\
                 snprintf(file, sizeof file, \"%s/secret.txt\", getenv(\"HOME\"));\n";
    let read = "if (open(file, O_RDONLY) >= 0) putchar('r');\n";
    let text = start.to_owned() + &read.repeat(180) + "return 0;\n}\n";
    (text, 14..=193)
}

#[cfg(target_arch = "x86_64")]
#[test]
fn what_is_refused_stands_on_its_line_also_if_signals_wake_the_program_all_the_time() {
    for_everybody(|person| {
        if !compiles(person) {
            return;
        }
        let home = furnish_home(person);
        let (text, lines) = woken();
        person.put("woken.c", text);
        let compiled = person.user.work().join("woken");
        let mut compiler = person.user.command("gcc");
        let compiler = compiler.arg("-o").arg(&compiled).arg("woken.c");
        assert!(output(compiler).status.success());
        let outside = output(person.user.command(&compiled).env("HOME", &home)).stdout;
        assert_eq!(outside, "r".repeat(180).as_bytes(), "outside");
        let ran = run(person, "woken.c").succeeded();
        assert_eq!(ran.stdout(), "", "{}", ran.report);
        let read = |line| (line, "files.read".to_owned(), "~/secret.txt".to_owned());
        let expected = lines.map(read).collect();
        assert_eq!(told(&ran), expected);
    });
}

#[test]
fn limits_hold_for_the_compiler_and_the_program_together() {
    for_everybody(|person| {
        if !compiles(person) {
            return;
        }
        person.put(
            "waits.c",
            "#include <unistd.h>\nint main(void) { sleep(60); }\n",
        );
        let mut command = person.belljar(&["run", "--json", "--limit", "wall=2s", "waits.c"]);
        let ran = Ran::of(output(&mut command));
        assert_eq!(
            (ran.ending(), ran.code),
            ("limit", Some(124)),
            "{}",
            ran.report
        );
        let wall = ran.report["usage"]["wall_ms"].as_f64().expect("a time");
        assert!((2000.0..4000.0).contains(&wall), "{wall} ms");
    });
}

#[test]
fn a_document_runs_whatever_its_folders_are_called() {
    for_everybody(|person| {
        let folders = [
            "with space",
            "comma,colon:and=sign",
            "ünï-ключ-鍵",
            "new\nline",
            "back\\slash\"quotes'",
            "upperdir=x,lowerdir=y",
            "$HOME `id` %s {x} [y] *",
        ];
        for folder in folders {
            let path = person.put(
                Path::new(folder).join("a b,c:d.sh"),
                "echo \"$(cat beside.txt)\"; { echo new > new; } 2>&-; true\n",
            );
            person.put(Path::new(folder).join("beside.txt"), "beside");
            let mut command = person.belljar(&["run", "--json", "a b,c:d.sh"]);
            let place = path.parent().expect("a folder");
            let ran = Ran::of(output(command.current_dir(place))).succeeded();
            assert_eq!(ran.stdout(), "beside\n", "{folder:?}: {}", ran.report);
            assert_eq!(ran.report["posture"]["project"], "overlay", "{folder:?}");
            let mut command = person.belljar(&["run", "--json", "a b,c:d.sh"]);
            command.current_dir(place).env("BELLJAR_FAIL_AT", "overlay");
            let ran = Ran::of(output(&mut command)).succeeded();
            assert_eq!(ran.stdout(), "beside\n", "{folder:?}: {}", ran.report);
            assert!(!place.join("new").exists());
        }
        if compiles(person) {
            let path = person.put("with space/comma,colon:\n鍵/pro gram.c", PROGRAM);
            let ran = run(person, path);
            assert_eq!(
                (ran.stdout(), ran.code),
                ("compiled\n", Some(3)),
                "{}",
                ran.report
            );
        }
    });
}

#[test]
fn a_document_in_the_folder_for_temporary_files_is_seen_alone() {
    for_everybody(|person| {
        let made = tempfile::Builder::new()
            .prefix("belljar-document-")
            .suffix(".sh")
            .tempfile_in("/tmp");
        let document = made.expect("a document");
        let beside = tempfile::Builder::new()
            .prefix("belljar-beside-")
            .tempfile_in("/tmp")
            .expect("a file");
        for file in [&document, &beside] {
            let all = std::fs::Permissions::from_mode(0o644);
            std::fs::set_permissions(file.path(), all).expect("open to all");
        }
        std::fs::write(
            document.path(),
            "ls -A /tmp; ls -A \"$(dirname \"$0\")\" | wc -l\n",
        )
        .expect("a document");
        let ran = run(person, document.path()).succeeded();
        let name = document
            .path()
            .file_name()
            .expect("a name")
            .to_string_lossy();
        assert!(ran.stdout().starts_with(&*name), "{}", ran.report);
        let beside = beside.path().file_name().expect("a name").to_string_lossy();
        assert!(!ran.report.to_string().contains(&*beside), "{}", ran.report);
        assert_eq!(ran.report["posture"]["project"], "none", "{}", ran.report);
    });
}

#[test]
fn a_project_in_the_other_folder_for_temporary_files_is_seen() {
    // In a cell that folder is only another name of the first one.
    for_everybody(|person| {
        let made = tempfile::Builder::new()
            .prefix("belljar-project-")
            .tempdir_in("/var/tmp");
        let project = made.expect("a project");
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(project.path(), all).expect("open to all");
        std::fs::write(project.path().join("beside.txt"), "beside\n").expect("a file");
        std::fs::write(project.path().join("shows.sh"), "cat beside.txt \"$0\"\n").expect("a file");
        let mut command = person.belljar(&["run", "--json", "shows.sh"]);
        let ran = Ran::of(output(command.current_dir(project.path()))).succeeded();
        let wanted = "beside\ncat beside.txt \"$0\"\n";
        assert_eq!(ran.stdout(), wanted, "by its name and by its whole path");

        // Some languages know a document by its real path only.
        let script =
            "pwd -P; echo 1 >/tmp/one; cat /var/tmp/one; echo 2 >/var/tmp/two; cat /tmp/two";
        std::fs::write(project.path().join("shows.sh"), script).expect("a file");
        let mut command = person.belljar(&["run", "--json", "shows.sh"]);
        let ran = Ran::of(output(command.current_dir(project.path()))).succeeded();
        let wanted = format!("{}\n1\n2\n", project.path().display());
        assert_eq!(
            ran.stdout(),
            wanted,
            "by its real path; and both folders are one"
        );
        assert!(ran.violations("files.write").is_empty(), "{}", ran.told());

        let made = tempfile::Builder::new()
            .prefix("belljar-document-")
            .suffix(".sh")
            .tempfile_in("/var/tmp");
        let document = made.expect("a document");
        std::fs::set_permissions(document.path(), std::fs::Permissions::from_mode(0o644))
            .expect("open to all");
        std::fs::write(document.path(), "echo alone\n").expect("a document");
        assert_eq!(run(person, document.path()).succeeded().stdout(), "alone\n");
    });
}

#[test]
fn a_document_in_a_home_without_a_project_is_seen_alone() {
    for_everybody(|person| {
        let home = person.user.home();
        std::fs::create_dir_all(home.join(".ssh")).expect("a folder");
        std::fs::write(home.join(".ssh/id_ed25519"), "a key").expect("a file");
        std::fs::write(home.join("letter.txt"), "a letter").expect("a file");
        std::fs::write(
            home.join("note.sh"),
            "cd \"$(dirname \"$0\")\"; ls -A; cat letter.txt .ssh/id_ed25519\n",
        )
        .expect("a document");
        person.user.own_everything();
        let control = output(person.outside("sh").arg(home.join("note.sh")));
        assert!(
            String::from_utf8_lossy(&control.stdout).ends_with("a lettera key"),
            "outside: {control:?}"
        );
        let ran = run(person, home.join("note.sh"));
        assert_eq!(
            (ran.stdout(), ran.code),
            ("note.sh\n", Some(1)),
            "{}",
            ran.report
        );
        assert_eq!(ran.report["posture"]["project"], "none", "{}", ran.report);
    });
}

#[test]
fn a_project_of_five_thousand_files_is_seen_whole_but_for_what_is_hidden() {
    for_everybody(|person| {
        for folder in 0..50 {
            let folder = person.user.work().join(format!("large/folder{folder}"));
            std::fs::create_dir_all(&folder).expect("a folder");
            for file in 0..100 {
                std::fs::write(folder.join(format!("file{file}")), "x").expect("a file");
            }
            std::fs::write(folder.join(".env"), "a secret").expect("a file");
        }
        let script = "find . -type f -name 'file*' | wc -l; cat folder*/file* | wc -c; cat folder*/.env; rm -r folder7; ls | wc -l\n";
        let document = person.put("large/count.sh", script);
        let place = document.parent().expect("a folder");
        for (fail, told) in [("", "5000\n5000\n50\n"), ("overlay", "5000\n5000\n51\n")] {
            let mut command = person.belljar(&[
                "run",
                "--json",
                "--limit",
                "wall=60s",
                "--project",
                ".",
                "count.sh",
            ]);
            command.current_dir(place).env("BELLJAR_FAIL_AT", fail);
            let ran = Ran::of(output(&mut command));
            assert_eq!(ran.stdout(), told, "{fail}: {}", ran.report);
            assert!(
                !ran.report.to_string().contains("a secret"),
                "{}",
                ran.report
            );
        }
        assert!(place.join("folder7/file99").exists());
    });
}

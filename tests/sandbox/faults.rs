//! Each step of the set-up made to fail: the run ends as failed, names the step, and nothing is executed.

use std::time::Instant;

use belljar_child::Step;

use crate::lifetime::nothing_is_left;
use crate::person::{Ran, for_everybody, output};

/// Prints, and makes a file that the caller's folder must never get.
const PROGRAM: &str = "echo executed; echo executed > executed";

#[test]
fn a_step_that_fails_ends_the_run_before_anything_is_executed() {
    for_everybody(|person| {
        let marker = format!("belljar-fault-{}-{}", std::process::id(), person.is_root);
        let words = ["sh", "-c", PROGRAM, &marker];
        let run = |step: &str| person.exec_with(&[("BELLJAR_FAIL_AT", step)], &[], &words);
        let control = run("a step that there is not").succeeded();
        assert_eq!(control.stdout(), "executed\n");

        let mounts = || std::fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
        let (mounts_before, home) = (mounts(), person.user.home());
        for step in Step::ALL {
            let ran = run(step.name());
            let report = &ran.report;
            assert_eq!(report["ending"]["kind"], "failed", "{report}");
            let told = report["ending"]["step"].as_str().expect("a step");
            assert!(told.starts_with(step.name()), "{step:?}: {report}");
            assert_eq!(report["ending"]["errno"], "EIO", "{report}");
            assert_ne!(report["ending"]["hint"], "", "{report}");
            assert_eq!(ran.code, Some(125), "{report}");
            assert_eq!(ran.stdout(), "", "{report}");
            assert_eq!(report["stderr"], "", "{report}");
            nothing_is_left(&marker, Instant::now());
        }
        assert!(!person.user.work().join("executed").exists());
        for place in [person.user.work(), home.clone(), home.with_file_name("tmp")] {
            let left: Vec<_> = std::fs::read_dir(place).expect("a folder").collect();
            assert!(left.is_empty(), "{left:?}");
        }
        assert_eq!(mounts(), mounts_before);
    });
}

#[test]
fn a_step_that_fails_before_the_compiler_leaves_nothing_compiled_and_nothing_run() {
    for_everybody(|person| {
        let source = person.put(
            "prints.c",
            "#include <stdio.h>\nint main(void) { puts(\"executed\"); }\n",
        );
        let run = |step: &str| {
            let mut command = person.belljar(&["run", "--json", "prints.c"]);
            Ran::of(output(command.env("BELLJAR_FAIL_AT", step)))
        };
        assert_eq!(run("").succeeded().stdout(), "executed\n");
        for step in [Step::Seccomp, Step::Limits, Step::Exec] {
            let ran = run(step.name());
            assert_eq!(ran.ending(), "failed", "{}", ran.report);
            assert_eq!((ran.code, ran.stdout()), (Some(125), ""), "{}", ran.report);
        }
        assert!(source.exists());
    });
}

#[test]
fn a_program_that_the_kernel_does_not_start_is_a_failure_with_its_error() {
    use std::os::unix::fs::PermissionsExt;
    for_everybody(|person| {
        for (name, content, errno) in [
            ("script", "#!/bin/sh\necho executed\n", None),
            (
                "no-interpreter",
                "#!/none/such\necho executed\n",
                Some("ENOENT"),
            ),
            ("no-program", "\u{1}echo executed\n", Some("ENOEXEC")),
        ] {
            let path = person.put(name, content);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
                .expect("a mode");
            let ran = person.exec(&[], &[&format!("./{name}")]);
            let Some(errno) = errno else {
                assert_eq!(ran.succeeded().stdout(), "executed\n");
                continue;
            };
            let ending = &ran.report["ending"];
            assert_eq!(ending["kind"], "failed", "{name}: {ending}");
            assert_eq!(ending["errno"], errno, "{name}: {ending}");
            assert!(
                ending["step"]
                    .as_str()
                    .is_some_and(|step| step.starts_with(Step::Exec.name())),
                "{name}: {ending}"
            );
            assert_eq!((ran.code, ran.stdout()), (Some(125), ""), "{name}");
        }
    });
}

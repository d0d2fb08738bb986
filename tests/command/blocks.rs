//! Blocks, cells and sessions of documents, run by their lines.

use super::*;

const NOTES: &str = "# Notes\n\n```sh\nx=6\n```\n\n- a list\n  ```sh\n  echo $((x * 7))\n  ```\n\n```{sh, eval=FALSE}\necho no\n```\n";
const STEPS: &str = "x=6\n# %% one\ny=7\n# %% [markdown]\n# words\n# %% two\necho $((x * y))\n";

/// What `belljar run` prints, with what it says besides.
fn run(shell: &Shell, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = shell.belljar(&[&["run"], arguments].concat());
    let code = output.status.code();
    (code, text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_block_or_cell_is_run_by_its_lines_or_with_all_before_it() {
    let shell = Shell::with("notes.md", NOTES);
    fs::write(shell.user.work().join("steps.sh"), STEPS).expect("a file");
    shell.user.own_everything();
    let prints = |arguments: &[&str], expected: &str| {
        let (code, printed, said) = run(&shell, arguments);
        assert_eq!((code, printed.as_str()), (Some(0), expected), "{said}");
    };
    prints(&["--lines", "9", "notes.md"], "0\n");
    prints(&["--up-to", "9", "notes.md"], "42\n");
    prints(&["--up-to", "7", "steps.sh"], "42\n");
    prints(&["--lines", "7", "steps.sh"], "0\n");
    // A selection goes over several blocks, and not over what stands between them.
    prints(&["--lines", "1-10", "notes.md"], "42\n");
    prints(&["--lines", "3-14", "notes.md"], "42\n");
    // The document does not want this, and its user may.
    prints(&["--lines", "13", "notes.md"], "no\n");
    for (arguments, why) in [
        (
            &["--up-to", "13", "notes.md"][..],
            "`eval=FALSE` says that this block is not to be run",
        ),
        (
            &["--up-to", "1", "notes.md"],
            "there is no cell and no block",
        ),
        (
            &["--lines", "1", "notes.md"],
            "is no program, but has blocks of code in it: 3",
        ),
        (&["notes.md"], "`--lines 4-4`"),
    ] {
        let (code, _, said) = run(&shell, arguments);
        assert_eq!(code, Some(125), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_selection_that_goes_over_blocks_in_several_languages_is_refused() {
    let shell = Shell::with(
        "notes.md",
        "```sh\necho 1\n```\n\n```awk\nBEGIN { print 2 }\n```\n",
    );
    let (code, _, said) = run(&shell, &["--lines", "1-7", "notes.md"]);
    assert_eq!(code, Some(125), "{said}");
    assert!(said.contains("several languages: "), "{said}");
}

#[test]
fn what_was_typed_runs_as_it_was_typed_and_is_expected_to_do_the_same() {
    let text = "\"\"\"Numbers.\n\n>>> twice(4)\n8\n>>> for n in range(2):\n...     n\n0\n2\n>>> twice()\nTraceback (most recent call last):\n\
        \x20 ...\nTypeError\n>>> 1 / 0\n\"\"\"\ndef twice(n):\n    return n * 2\nif __name__ == \"__main__\":\n    print(\"no\")\n";
    let shell = Shell::with("numbers.py", text);
    if shell.user.find("python3").is_none() {
        skipped("there is no python3");
        return;
    }
    let (code, printed, said) = run(&shell, &["--lines", "3-13", "numbers.py"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(printed.starts_with("8\n0\n1\nTypeError: "), "{printed}");
    assert!(said.contains("line 13, in <module>"), "{said}");
    let (_, printed, _) = run(&shell, &["--json", "--lines", "3-13", "numbers.py"]);
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    let met: Vec<bool> = report["expectations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["met"] == true)
        .collect();
    assert_eq!(met, [true, false], "{printed}");
}

//! Documents of projects, built by the projects' own tools with what is there already.

use super::*;

/// Writes the files of a project, and says what `belljar run` prints of one of them.
struct Tree {
    shell: Shell,
}

impl Tree {
    fn new(files: &[(&str, &str)]) -> Tree {
        let shell = Shell::new();
        for (name, text) in files {
            let path = shell.user.work().join(name);
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        shell.user.own_everything();
        Tree { shell }
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        // Compilers take their time on a busy machine.
        let output = self.shell.belljar(
            &[
                &["run", "--policy", "build", "--limit", "wall=5m"],
                arguments,
            ]
            .concat(),
        );
        let code = output.status.code();
        (code, text(&output.stdout), text(&output.stderr))
    }

    fn prints(&self, arguments: &[&str], expected: &str) {
        let (code, printed, said) = self.run(arguments);
        assert_eq!((code, printed.as_str()), (Some(0), expected), "{said}");
    }

    fn has(&self, tools: &[&str]) -> bool {
        let missing = tools
            .iter()
            .find(|tool| self.shell.user.find(tool).is_none());
        if let Some(tool) = missing {
            skipped(&format!("there is no {tool}"));
        }
        missing.is_none()
    }
}

const MEMBER: &str = "[package]\nname = \"my-app\"\nversion = \"0.1.0\"\nedition.workspace = true\n\n[dependencies]\n\
                      helper = { path = \"../helper\" }\nshelf = \"1\"\n";
const HELPER: &str =
    "[package]\nname = \"helper\"\nversion = \"0.1.0\"\nedition.workspace = true\n";
const SHELF: &str = "[package]\nname = \"shelf\"\nversion = \"1.2.0\"\nedition = \"2021\"\n";
const LOCK: &str = "version = 3\n\n[[package]]\nname = \"helper\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"my-app\"\n\
                    version = \"0.1.0\"\ndependencies = [\n \"helper\",\n \"shelf\",\n]\n\n[[package]]\nname = \"shelf\"\n\
                    version = \"1.2.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n";

#[test]
fn a_document_of_a_package_is_built_with_the_workspace_and_what_was_downloaded() {
    let tree = Tree::new(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"app\", \"helper\"]\nresolver = \"2\"\n\n[workspace.package]\nedition = \"2021\"\n",
        ),
        ("Cargo.lock", LOCK),
        // A directory of sources stands for the registry, as after `cargo vendor`.
        (
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \"vendor\"\n",
        ),
        ("vendor/shelf/Cargo.toml", SHELF),
        ("vendor/shelf/.cargo-checksum.json", "{\"files\":{}}"),
        ("vendor/shelf/src/lib.rs", "pub fn size() -> i32 { 3 }\n"),
        ("helper/Cargo.toml", HELPER),
        ("helper/src/lib.rs", "pub fn seven() -> i32 { 7 }\n"),
        ("app/Cargo.toml", MEMBER),
        (
            "app/src/main.rs",
            "mod util;\n\nfn six() -> i32 {\n    util::six()\n}\n\nfn main() {\n    println!(\"{}\", six() * helper::seven());\n    \
             println!(\"{}\", shelf::size());\n    let none: Vec<i32> = vec![];\n    println!(\"{}\", none[six() as usize]);\n}\n",
        ),
        (
            "app/src/util.rs",
            "pub fn six() -> i32 {\n    6\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn right() {\n        \
             println!(\"tried {}\", super::six());\n    }\n    #[test]\n    fn wrong() {\n        assert_eq!(super::six(), 7);\n    }\n}\n",
        ),
        (
            "app/examples/shown.rs",
            "fn main() {\n    println!(\"{}\", std::env::args().nth(1).unwrap());\n    let x: i32 = \"\";\n}\n",
        ),
    ]);
    if !tree.has(&["cargo", "rustc", "cc"]) {
        return;
    }
    let (code, printed, said) = tree.run(&["app/src/main.rs"]);
    assert_eq!((code, printed.as_str()), (Some(101), "42\n3\n"), "{said}");
    let (_, report, said) = tree.run(&["--json", "app/src/main.rs"]);
    let report: Value =
        serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(report["errors"][0]["line"], 11, "{report}");
    assert_eq!(
        report["errors"][0]["message"]
            .as_str()
            .map(|it| it.starts_with("index out of bounds")),
        Some(true)
    );
    // A part of it, in its place.
    tree.prints(&["--lines", "9-9", "app/src/main.rs"], "3\n");
    // A module runs by its tests, and only by its own.
    let (code, printed, said) = tree.run(&["--json", "app/src/util.rs"]);
    assert_eq!(code, Some(101), "{said}");
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    let printed = report["stdout"].as_str().expect("text");
    assert!(
        printed.contains("tried 6") && printed.contains("1 passed; 1 failed"),
        "{printed}"
    );
    assert_eq!(report["errors"][0]["line"], 13, "{report}");
    // The compiler's errors are the document's, too.
    let (code, report, _) = tree.run(&["--json", "app/examples/shown.rs", "--", "x"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(
        (code, &report["errors"][0]["line"]),
        (Some(101), &Value::from(3)),
        "{report}"
    );
    // A library has nothing to run.
    let (code, _, said) = tree.run(&["helper/src/lib.rs"]);
    assert_eq!(code, Some(125), "{said}");
    assert!(!tree.shell.user.work().join("target").exists());
}

#[test]
fn what_is_not_downloaded_is_named_with_the_way_to_get_it() {
    let tree = Tree::new(&[
        (
            "Cargo.toml",
            "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nno-such-one = \"1\"\n",
        ),
        ("src/main.rs", "fn main() {\n    no_such_one::f();\n}\n"),
    ]);
    if !tree.has(&["cargo", "rustc", "cc"]) {
        return;
    }
    let (code, _, said) = tree.run(&["src/main.rs"]);
    assert_eq!(code, Some(101), "{said}");
    assert!(
        said.contains("src/main.rs:2: `no-such-one`") && said.contains("cargo fetch"),
        "{said}"
    );
}

#[test]
fn what_lies_above_a_project_is_seen_only_if_it_names_the_project() {
    let files = |manifest| {
        Tree::new(&[
            ("package.json", manifest),
            ("secret.txt", "secret"),
            ("packages/a/package.json", "{}"),
            (
                "packages/a/a.sh",
                "cat ../../secret.txt 2>/dev/null || echo hidden\n",
            ),
        ])
    };
    files("{ \"workspaces\": [\"packages/*\"] }").prints(&["packages/a/a.sh"], "secret");
    files("{ \"workspaces\": [\"apps/*\"] }").prints(&["packages/a/a.sh"], "hidden\n");
    files("{ \"files\": [\"packages/*\"] }").prints(&["packages/a/a.sh"], "hidden\n");
    // What has a history of its own is somebody else's.
    let tree = files("{ \"workspaces\": [\"packages/*\"] }");
    fs::create_dir(tree.shell.user.work().join("packages/a/.git")).expect("a directory");
    tree.prints(&["packages/a/a.sh"], "hidden\n");
}

#[test]
fn a_program_of_several_files_and_its_tests_are_built_as_a_package() {
    let tree = Tree::new(&[
        ("go.mod", "module example.org/x\n\ngo 1.18\n"),
        (
            "main.go",
            "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.org/x/internal/six\"\n)\n\nfunc main() {\n\tfmt.Println(six.Six() * seven())\n}\n",
        ),
        (
            "seven.go",
            "package main\n\nfunc seven() int { return 7 }\n",
        ),
        (
            "seven_test.go",
            "package main\n\nimport \"testing\"\n\nfunc TestSeven(t *testing.T) {\n\tif seven() != 8 {\n\t\tt.Fatal(\"no\")\n\t}\n}\n",
        ),
        (
            "internal/six/six.go",
            "package six\n\nfunc Six() int { return 6 }\n",
        ),
    ]);
    if !tree.has(&["go"]) {
        return;
    }
    tree.prints(&["main.go"], "42\n");
    tree.prints(&["seven.go"], "42\n");
    let (code, printed, said) = tree.run(&["seven_test.go"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(printed.contains("--- FAIL: TestSeven"), "{printed}{said}");
    let (code, _, said) = tree.run(&["internal/six/six.go"]);
    assert_eq!(code, Some(125), "{said}");
}

#[test]
fn modules_of_a_package_find_their_neighbours() {
    let tree = Tree::new(&[
        ("pyproject.toml", "[project]\nname = \"p\"\n"),
        ("src/p/__init__.py", ""),
        ("src/p/six.py", "def six():\n    return 6\n"),
        (
            "src/p/main.py",
            "import sys\nfrom . import six\nfrom p.six import six as again\n\nprint(six.six() + again(), sys.argv[1:])\nraise ValueError\n",
        ),
        ("tests/test_six.py", "import p.six\n\nprint(p.six.six())\n"),
    ]);
    if !tree.has(&["python3"]) {
        return;
    }
    let (code, printed, said) = tree.run(&["--json", "src/p/main.py", "--", "a"]);
    let report: Value =
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(
        (code, report["stdout"].as_str()),
        (Some(1), Some("12 ['a']\n")),
        "{report}"
    );
    assert_eq!(report["errors"][0]["line"], 6, "{report}");
    tree.prints(&["--lines", "5-5", "src/p/main.py"], "12 []\n");
    tree.prints(&["tests/test_six.py"], "6\n");
}

#[test]
fn packages_that_lie_in_the_project_are_found() {
    let tree = Tree::new(&[
        ("package.json", "{ \"type\": \"module\" }"),
        (
            "node_modules/six/package.json",
            "{ \"name\": \"six\", \"type\": \"module\", \"exports\": \"./six.js\" }",
        ),
        ("node_modules/six/six.js", "export const six = 6;\n"),
        (
            "src/main.js",
            "import { six } from \"six\";\nimport { seven } from \"./seven.js\";\nconsole.log(six * seven);\n",
        ),
        ("src/seven.js", "export const seven = 7;\n"),
        (
            "vendor/autoload.php",
            "<?php\nspl_autoload_register(function ($name) { require __DIR__ . \"/$name.php\"; });\n",
        ),
        ("vendor/Six.php", "<?php\nclass Six { const VALUE = 6; }\n"),
        (
            "main.php",
            "<?php\nrequire __DIR__ . '/vendor/autoload.php';\necho Six::VALUE, \"\\n\";\n",
        ),
    ]);
    if tree.has(&["node"]) {
        tree.prints(&["src/main.js"], "42\n");
    }
    if tree.has(&["php"]) {
        tree.prints(&["main.php"], "6\n");
    }
}

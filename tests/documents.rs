//! What the documents say and a program can check: lists that mirror the code, commands, links, and the transcript.

#[allow(dead_code)] // Each test program uses a part of it.
mod ordinary_user;
#[allow(dead_code)] // This test program uses a part of it.
#[path = "editors/table.rs"]
mod table;
#[allow(dead_code)] // This test program uses a part of it.
#[path = "tidy/tree.rs"]
mod tree;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use belljar_child::Step;
use ordinary_user::{OrdinaryUser, copy_folder, skipped};
use tree::{ROOT, complain, files, read};

const ARCHITECTURE: &str = "server/ARCHITECTURE.md";
const DOCUMENTS: &[&str] = &[
    "README.md",
    "SECURITY.md",
    "CHANGELOG.md",
    ARCHITECTURE,
    ".github/CONTRIBUTING.md",
    "editors/helix/README.md",
    "editors/neovim/README.md",
    "editors/vscode/README.md",
    "policies/VIOLATIONS.md",
];

/// What stands below the heading `title`, up to the next heading of any kind.
fn section(document: &str, title: &str) -> String {
    let text = read(document);
    let mut inside = false;
    let mut in_fence = false;
    let mut found = String::new();
    for line in text.lines() {
        in_fence ^= line.starts_with("```");
        if line.starts_with('#') && !in_fence {
            inside = line.trim_start_matches('#').trim() == title;
            continue;
        }
        if inside {
            found.push_str(line);
            found.push('\n');
        }
    }
    assert!(!found.is_empty(), "{document} has no section {title:?}");
    found
}

/// The lines in the fences of a text.
fn fenced(text: &str) -> Vec<String> {
    let mut in_fence = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_fence = !in_fence;
        } else if in_fence {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// A text without its fences.
fn prose(text: &str) -> String {
    let parts = text.split("\n```");
    parts.step_by(2).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_order_of_the_child_is_the_one_that_is_explained() {
    let explained: Vec<String> = section(ARCHITECTURE, "Order")
        .lines()
        .filter_map(|line| {
            let (number, rest) = line.split_once(". **")?;
            let number: usize = number.parse().ok()?;
            let (name, reason) = rest.split_once("**: ")?;
            assert!(reason.len() > 10, "{name} has no reason");
            Some(format!("{number}. {name}"))
        })
        .collect();
    let made: Vec<String> = Step::ALL
        .iter()
        .enumerate()
        .map(|(index, step)| format!("{}. {}", index + 1, step.name()))
        .collect();
    assert_eq!(explained, made);
}

#[test]
fn the_child_takes_its_steps_in_the_order_of_their_names() {
    let mut last = 0;
    let source = read("server/sandbox/child/src/enter.rs");
    // What can be done without a plan, and then the rest.
    let (_, body) = source
        .split_once("pub fn break_ground")
        .expect("the list of steps");
    let (body, _) = body.split_once("\nfn map_ids(").expect("its end");
    let mut seen = 0;
    for step in Step::ALL {
        let name = format!("Step::{step:?}");
        // The last two are each program's own, in `init.rs`.
        if matches!(step, Step::Limits | Step::Exec) {
            assert!(!body.contains(&name), "{name} is made elsewhere");
            continue;
        }
        let at = body
            .find(&name)
            .unwrap_or_else(|| panic!("{name} is never made"));
        assert!(at > last, "{name} is made too early");
        last = at;
        seen += 1;
    }
    assert!(seen > 15);
}

#[test]
fn the_arrows_are_those_that_are_held_against_cargo() {
    let listed = |names: &str| -> Vec<String> {
        let mut names: Vec<String> = names
            .split(',')
            .map(|name| name.trim().trim_matches('"').to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        names.sort();
        names
    };
    let explained: BTreeMap<String, Vec<String>> = fenced(&section(ARCHITECTURE, "Arrows"))
        .iter()
        .map(|line| {
            let (from, to) = line.split_once(" -> ").expect("an arrow");
            (from.to_owned(), listed(to))
        })
        .collect();
    let test = read("tests/tidy.rs");
    let (_, rest) = test.split_once("const ARROWS:").expect("the arrows");
    let (_, rest) = rest.split_once("= &[").expect("their beginning");
    let (list, _) = rest.split_once("\n];").expect("their end");
    let list: String = list.split_whitespace().collect();
    let held: BTreeMap<String, Vec<String>> = list
        .split("(\"")
        .skip(1)
        .map(|arrow| {
            let (from, rest) = arrow.split_once("\",&[").expect("an arrow");
            let (to, _) = rest.split_once(']').expect("its end");
            (from.to_owned(), listed(to))
        })
        .collect();
    assert!(held.len() >= 7, "{held:?}");
    assert_eq!(explained, held);
}

#[test]
fn every_room_is_on_the_map() {
    let map = fenced(&section(ARCHITECTURE, "Map"));
    let missing = files("server")
        .filter_map(|path| Some(path.strip_suffix("/Cargo.toml")?.to_owned()))
        .filter(|path| {
            let name = format!(
                "{}/",
                Path::new(path).file_name().expect("a name").display()
            );
            !map.iter().any(|line| line.trim_start().starts_with(&name))
        });
    complain("is not on the map", missing.collect());
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let mut seen = 0;
    let mut broken = Vec::new();
    for document in DOCUMENTS {
        let text = prose(&read(document));
        let folder = Path::new(ROOT).join(document);
        let folder = folder.parent().expect("a folder");
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if target.starts_with("https://") {
                continue;
            }
            seen += 1;
            if !folder
                .join(target.split('#').next().unwrap_or_default())
                .exists()
            {
                broken.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(seen > 5, "only {seen} links were found");
    complain("a link that leads nowhere", broken);
}

#[test]
fn every_file_that_the_documents_name_is_there() {
    let places = ["editors/", "policies/", "server/", "tests/", ".github/"];
    let mut seen = 0;
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        for quoted in prose(&read(document)).split('`').skip(1).step_by(2) {
            let path = quoted.split_whitespace().next().unwrap_or_default();
            if places.iter().any(|place| path.starts_with(place)) {
                seen += 1;
                if !Path::new(ROOT).join(path).exists() {
                    missing.push(format!("{document}: {path}"));
                }
            }
        }
    }
    assert!(seen > 10, "only {seen} paths were found");
    complain("a file that is not there", missing);
}

/// The commands with our own program in a document: those in fences, and those in backticks.
fn commands(document: &str) -> Vec<String> {
    let text = read(document);
    let prose = prose(&text);
    let quoted = prose.split('`').skip(1).step_by(2);
    let quoted = quoted.map(|quoted| quoted.split_whitespace().collect::<Vec<_>>().join(" "));
    let ours = |line: &str| {
        let line = line.trim_start_matches("$ ");
        let line = line.replace("cargo run -- ", "belljar ");
        let (line, _) = line.split_once(" #").unwrap_or((&line, ""));
        let (line, _) = line.split_once(" |").unwrap_or((line, ""));
        // Two spaces: a drawing.
        let is_ours = line.starts_with("belljar ") && !line.starts_with("belljar  ");
        is_ours.then(|| line.trim().to_owned())
    };
    let all = fenced(&text).into_iter().chain(quoted);
    all.filter_map(|line| ours(&line)).collect()
}

#[test]
fn every_command_in_the_documents_exists_with_its_options() {
    let help = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_belljar"))
            .args(words)
            .arg("--help")
            .output()
            .expect("belljar starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    };
    let mut seen = 0;
    let mut wrong = Vec::new();
    for document in DOCUMENTS {
        for line in commands(document) {
            // What stands behind two dashes is for the program that is run.
            let ours = line.split(" -- ").next().unwrap_or_default();
            let words: Vec<&str> = ours.split_whitespace().skip(1).collect();
            let Some(first) = words.first().filter(|word| !word.starts_with('-')) else {
                continue;
            };
            let depth = if ["editor", "policy", "runtimes"].contains(first) && words.len() > 1 {
                2
            } else {
                1
            };
            let Some(known) = help(&words[..depth]) else {
                wrong.push(format!("{document}: {line}"));
                continue;
            };
            seen += 1;
            let options = words.iter().filter(|word| word.starts_with("--"));
            let unknown = options.filter(|option| !known.contains(**option));
            wrong.extend(unknown.map(|option| format!("{document}: {line}: {option}")));
        }
    }
    assert!(seen > 15, "only {seen} commands were found");
    complain("no such command", wrong);
}

#[test]
fn the_readme_names_every_policy_and_every_language() {
    let mut missing = Vec::new();
    let policies = section("README.md", "Policies");
    for (name, _) in belljar_policy::shipped() {
        if !policies.contains(&format!("| `{name}` |")) {
            missing.push(format!("policy {name}"));
        }
    }
    let languages = section("README.md", "Languages");
    let runtimes = files("policies/runtimes");
    for path in runtimes.filter(|path| path.ends_with(".toml")) {
        let text = read(&path);
        let file: toml::Table = text.parse().expect("a runtime file is TOML");
        let name = file["name"].as_str().expect("a name").to_owned();
        if !languages.contains(&format!("{name},")) && !languages.contains(&format!("{name}.")) {
            missing.push(format!("language {name}"));
        }
    }
    complain("is not in the README", missing);
}

/// The fence with this tag in a text.
fn fence(text: &str, tag: &str) -> String {
    let (_, rest) = text
        .split_once(&format!("\n```{tag}\n"))
        .expect("the fence");
    let (content, _) = rest.split_once("\n```\n").expect("its end");
    format!("{content}\n")
}

/// Does what the README says, word by word.
#[test]
fn a_language_is_added_as_the_readme_says() {
    let told = section("README.md", "One more");
    let words = prose(&told);
    let quoted = |start: &str| {
        let mut quoted = words.split('`').skip(1).step_by(2);
        let found = quoted.find(|quoted| quoted.starts_with(start));
        found
            .unwrap_or_else(|| panic!("{start} is not there"))
            .to_owned()
    };
    let user = OrdinaryUser::new();
    if user.find("pike").or_else(|| user.find("pike8.0")).is_none() {
        return skipped("`pike` is not installed");
    }
    let file = quoted("~/.config/");
    let file = user.home().join(file.trim_start_matches("~/"));
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("the folder");
    std::fs::write(&file, fence(&told, "toml")).expect("the runtime file");
    let program = fence(&told, "pike");
    std::fs::write(user.work().join("sum.pike"), &program).expect("the program");

    let said = |command: &str| {
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        let output = said(&user, &words)?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Some((output.status.success(), text))
    };
    let Some((is_right, text)) = said(&quoted("belljar runtimes check")) else {
        return;
    };
    assert!(
        is_right && text.ends_with("/pike.toml: right, and its canary ran\n"),
        "{text}"
    );
    let (_, text) = said("belljar runtimes --no-versions").expect("a list");
    let listed = text.lines().find(|line| line.starts_with("pike "));
    assert!(listed.is_some_and(|line| line.contains("/pike")), "{text}");
    let run = quoted("belljar run sum.pike");
    assert_eq!(said(&run), Some((true, "42\n".to_owned())));
    // An error stands on its line.
    let broken = program.replace("argv[1..]", "nothing");
    assert_ne!(broken, program);
    std::fs::write(user.work().join("sum.pike"), broken).expect("the program");
    let (runs, text) = said(&run.replace("run ", "run --json ")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(!runs && report["errors"][0]["line"] == 2, "{report}");
}

/// `BELLJAR_REWRITE=1` writes it instead.
#[test]
fn what_the_readme_says_of_each_editor_is_what_the_scenarios_say() {
    let readme = read("README.md");
    let (from, to) = (
        "<!-- From tests/editors/scenarios.toml: -->\n",
        "<!-- So far. -->",
    );
    let (before, rest) = readme.split_once(from).expect("its beginning");
    let (written, after) = rest.split_once(to).expect("its end");
    let meant = table::markdown();
    if std::env::var_os("BELLJAR_REWRITE").is_some() {
        let text = format!("{before}{from}{meant}{to}{after}");
        std::fs::write(Path::new(ROOT).join("README.md"), text).expect("the README is written");
        return;
    }
    assert_eq!(written, meant, "BELLJAR_REWRITE=1 writes it");
}

/// The lines of a transcript that do not depend on the version of Python: the program's own, and Belljar's.
fn steady(text: &str) -> Vec<String> {
    let ours = ["signature:", "tests/", "belljar:", "PermissionError"];
    text.lines()
        .filter(|line| ours.iter().any(|start| line.starts_with(start)))
        .map(str::to_owned)
        .collect()
}

/// What `belljar` says as this user, if there can be a run here.
fn said(user: &OrdinaryUser, arguments: &[&str]) -> Option<Output> {
    if user.find("python3").is_none() {
        skipped("`python3` is not installed");
        return None;
    }
    user.own_everything();
    let output = user
        .command(user.belljar())
        .args(arguments)
        .output()
        .expect("belljar starts");
    if output.status.code() == Some(125) {
        skipped(&String::from_utf8_lossy(&output.stderr));
        return None;
    }
    Some(output)
}

#[test]
fn the_transcript_in_the_readme_is_what_a_run_prints() {
    let written = fenced(&read("README.md"));
    let command = "$ belljar run tests/fixtures/demo/fetch_token.py";
    let from = written
        .iter()
        .position(|line| line == command)
        .expect("the transcript");
    let to = written
        .iter()
        .rposition(|line| line.contains(": Blocked by policy"))
        .expect("its end");
    let written = steady(&written[from..=to].join("\n"));
    assert_eq!(written.len(), 4, "{written:?}");

    let user = OrdinaryUser::new();
    let demo = Path::new("tests/fixtures/demo");
    copy_folder(&Path::new(ROOT).join(demo), &user.work().join(demo));
    std::fs::write(user.work().join("Cargo.toml"), "").expect("the mark of a project");
    std::fs::create_dir(user.home().join(".ssh")).expect("a folder");
    std::fs::write(user.home().join(".ssh/id_rsa"), "none\n").expect("something to look for");
    let Some(output) = said(&user, &["run", "tests/fixtures/demo/fetch_token.py"]) else {
        return;
    };
    assert!(output.status.success(), "{}", output.status);
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(steady(&String::from_utf8_lossy(&said)), written);
}

#[test]
fn a_document_says_what_the_readme_says_that_it_says() {
    let told = section("README.md", "What a document says itself");
    let user = OrdinaryUser::new();
    let program = fence(&told, "python");
    std::fs::write(user.work().join("sum.py"), program).expect("the program");
    let Some(output) = said(&user, &["run", "sum.py"]) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let printed = [output.stdout, output.stderr].concat();
    let transcript = fenced(&told).join("\n");
    let (_, written) = transcript
        .split_once("$ belljar run sum.py\n")
        .expect("the transcript");
    assert_eq!(String::from_utf8_lossy(&printed).trim_end(), written);
    let checked = said(&user, &["run", "--check", "sum.py"]).expect("it ran before");
    assert_eq!(checked.status.code(), Some(1));
}

/// What the README learns from.
const REPORT: &str = "import os, socket

def numbers():
    with open(os.path.expanduser('~/data/in.csv')) as file:
        return file.read()

def key():
    try:
        return open(os.path.expanduser('~/.ssh/id_rsa')).read()
    except OSError:
        return socket.socket().connect(('192.0.2.7', 443))

for tried in numbers, key:
    try:
        tried()
    except OSError:
        pass
";

#[test]
fn what_is_learnt_in_the_readme_is_what_is_learnt() {
    let written = fenced(&read("README.md"));
    let command = "$ belljar learn report.py";
    let from = written.iter().position(|line| line == command);
    let written = &written[from.expect("the transcript") + 1..];
    let to = written.iter().position(|line| line.contains("--again"));
    let written = &written[..=to.expect("its end")];

    let user = OrdinaryUser::new();
    for (name, text) in [
        ("work/report.py", REPORT),
        ("work/Makefile", ""),
        ("home/data/in.csv", "1\n"),
        ("home/.ssh/id_rsa", "none\n"),
    ] {
        let path = user.home().join("..").join(name);
        let folder = path.parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let Some(output) = said(&user, &["learn", "report.py"]) else {
        return;
    };
    let learnt = String::from_utf8_lossy(&output.stdout);
    let learnt: Vec<&str> = learnt.lines().collect();
    assert_eq!(learnt, written);
}

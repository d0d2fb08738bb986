//! Tools are found where users have them, and never as a version manager's stand-in.

mod fake_host;

use std::path::{Path, PathBuf};

use belljar_runtime::{Catalogue, FoundWay, MissingTool, Places};
use fake_host::FakeHost;

fn find_in(host: &FakeHost, runtime: &str, project: Option<&str>) -> Result<FoundWay, MissingTool> {
    let catalogue = Catalogue::shipped();
    let project = project.map(Path::new);
    catalogue.by_id(runtime).expect("a shipped runtime").find(
        host,
        &Places {
            project,
            directory: project,
            root: project,
        },
    )
}

/// The first tool's path and what it must see.
fn first(host: &FakeHost, runtime: &str, project: Option<&str>) -> (String, Vec<PathBuf>) {
    let found = find_in(host, runtime, project).expect("a tool");
    (
        found.tools[0].path.display().to_string(),
        found.tools[0].sees.clone(),
    )
}

fn pyenv() -> FakeHost {
    FakeHost::new()
        .program("/usr/bin/python3")
        .script(
            "/home/ann/.pyenv/shims/python3",
            "#!/usr/bin/env bash\nexec pyenv exec\n",
        )
        .program("/home/ann/.pyenv/versions/3.9.18/bin/python3")
        .program("/home/ann/.pyenv/versions/3.11.7/bin/python3")
        .program("/home/ann/.pyenv/versions/3.12.1/bin/python3")
        .variable("PATH", "/home/ann/.pyenv/shims:/usr/bin")
}

#[test]
fn the_system_tool_is_taken_and_needs_to_see_nothing_more() {
    let host = FakeHost::new()
        .program("/usr/bin/python3.11")
        .link_to("/usr/bin/python3", "python3.11");
    assert_eq!(
        first(&host, "python", None),
        ("/usr/bin/python3".to_owned(), vec![])
    );
}

#[test]
fn the_version_that_the_user_chose_is_taken() {
    let host = pyenv().file("/home/ann/.pyenv/version", "3.11.7\n");
    let (path, sees) = first(&host, "python", None);
    assert_eq!(path, "/home/ann/.pyenv/versions/3.11.7/bin/python3");
    assert_eq!(sees, [PathBuf::from("/home/ann/.pyenv/versions/3.11.7")]);
}

#[test]
fn the_project_chooses_before_the_user_and_may_name_a_series() {
    let host = pyenv()
        .file("/home/ann/.pyenv/version", "3.11.7\n")
        .file("/home/ann/x/.python-version", "3.9\n")
        .file("/home/ann/x/sub/a.py", "");
    let catalogue = Catalogue::shipped();
    let places = Places {
        project: Some(Path::new("/home/ann/x")),
        directory: Some(Path::new("/home/ann/x/sub")),
        root: Some(Path::new("/home/ann/x")),
    };
    let found = catalogue
        .by_id("python")
        .unwrap()
        .find(&host, &places)
        .unwrap();
    assert_eq!(
        found.tools[0].path,
        Path::new("/home/ann/.pyenv/versions/3.9.18/bin/python3")
    );
    // A project that the run does not see has no say.
    assert_eq!(
        first(&host, "python", None).0,
        "/home/ann/.pyenv/versions/3.11.7/bin/python3"
    );
}

#[test]
fn a_stand_in_on_path_is_passed_over() {
    assert_eq!(first(&pyenv(), "python", None).0, "/usr/bin/python3");
    let system = pyenv().file("/home/ann/.pyenv/version", "system\n");
    assert_eq!(first(&system, "python", None).0, "/usr/bin/python3");
}

#[test]
fn without_any_other_the_newest_installed_version_is_taken() {
    let host = pyenv().variable("PATH", "/home/ann/.pyenv/shims");
    assert_eq!(
        first(&host, "python", None).0,
        "/home/ann/.pyenv/versions/3.12.1/bin/python3"
    );
}

#[test]
fn a_projects_virtual_environment_comes_first_and_shows_what_it_is_made_of() {
    let host = pyenv()
        .link_to(
            "/home/ann/x/.venv/bin/python",
            "/home/ann/.pyenv/versions/3.12.1/bin/python3",
        )
        .link_to("/home/ann/x/.venv/bin/python3", "python");
    let (path, sees) = first(&host, "python", Some("/home/ann/x"));
    assert_eq!(path, "/home/ann/x/.venv/bin/python3");
    assert!(
        sees.contains(&PathBuf::from("/home/ann/.pyenv/versions/3.12.1")),
        "{sees:?}"
    );
    assert_eq!(first(&host, "python", None).0, "/usr/bin/python3");
}

#[test]
fn a_link_in_a_directory_with_other_things_is_executed_as_what_it_leads_to() {
    let host = FakeHost::new()
        .program("/home/ann/.local/share/uv/python/cpython-3.12/bin/python3.12")
        .link_to(
            "/home/ann/.local/bin/python3",
            "../share/uv/python/cpython-3.12/bin/python3.12",
        )
        .variable("PATH", "/home/ann/.local/bin");
    let (path, sees) = first(&host, "python", None);
    assert_eq!(
        path,
        "/home/ann/.local/share/uv/python/cpython-3.12/bin/python3.12"
    );
    assert_eq!(
        sees,
        [PathBuf::from(
            "/home/ann/.local/share/uv/python/cpython-3.12"
        )]
    );
}

#[test]
fn a_program_in_a_home_is_shown_alone() {
    let host = FakeHost::new()
        .program("/home/ann/bin/lua")
        .variable("PATH", "/home/ann/bin");
    assert_eq!(
        first(&host, "lua", None),
        (
            "/home/ann/bin/lua".to_owned(),
            vec!["/home/ann/bin/lua".into()]
        )
    );
}

#[test]
fn a_toolchain_is_found_behind_its_stand_in() {
    let toolchain = "/home/ann/.rustup/toolchains/stable-x86_64-unknown-linux-gnu";
    let host = FakeHost::new()
        .program("/usr/bin/cc")
        .program("/home/ann/.cargo/bin/rustc")
        .program(&format!("{toolchain}/bin/rustc"))
        .program("/home/ann/.rustup/toolchains/1.95.0-x86_64-unknown-linux-gnu/bin/rustc")
        .file(
            "/home/ann/.rustup/settings.toml",
            "version = \"12\"\ndefault_toolchain = \"stable-x86_64-unknown-linux-gnu\"\n",
        )
        .file(
            "/home/ann/x/rust-toolchain.toml",
            "[toolchain]\nchannel = \"1.95\"\n",
        )
        .variable("PATH", "/home/ann/.cargo/bin:/usr/bin");
    assert_eq!(
        first(&host, "rust", None),
        (format!("{toolchain}/bin/rustc"), vec![toolchain.into()])
    );
    let pinned = first(&host, "rust", Some("/home/ann/x")).0;
    assert_eq!(
        pinned,
        "/home/ann/.rustup/toolchains/1.95.0-x86_64-unknown-linux-gnu/bin/rustc"
    );
}

#[test]
fn another_name_of_a_version_is_followed_and_cannot_lead_elsewhere() {
    let host = FakeHost::new()
        .program("/home/ann/.nvm/versions/node/v18.20.0/bin/node")
        .program("/home/ann/.nvm/versions/node/v20.11.1/bin/node")
        .file("/home/ann/.nvm/alias/default", "lts/*\n")
        .file("/home/ann/.nvm/alias/lts/*", "lts/hydrogen\n")
        .file("/home/ann/.nvm/alias/lts/hydrogen", "v18.20.0\n")
        .file("/home/ann/x/.nvmrc", "20\n")
        .file("/home/ann/y/.nvmrc", "../../../../etc/passwd\n")
        .file("/etc/passwd", "v20.11.1");
    assert_eq!(
        first(&host, "javascript", None).0,
        "/home/ann/.nvm/versions/node/v18.20.0/bin/node"
    );
    assert_eq!(
        first(&host, "javascript", Some("/home/ann/x")).0,
        "/home/ann/.nvm/versions/node/v20.11.1/bin/node"
    );
    assert_eq!(
        first(&host, "javascript", Some("/home/ann/y")).0,
        "/home/ann/.nvm/versions/node/v18.20.0/bin/node"
    );
}

#[test]
fn the_first_way_whose_tools_are_all_there_is_taken() {
    let host = FakeHost::new()
        .program("/usr/bin/node")
        .program("/usr/bin/tsc");
    assert_eq!(find_in(&host, "typescript", None).unwrap().way, 2);
    let host = host.program("/home/ann/x/node_modules/tsx/dist/cli.mjs");
    assert_eq!(
        find_in(&host, "typescript", Some("/home/ann/x"))
            .unwrap()
            .way,
        0
    );
    assert_eq!(find_in(&host, "typescript", None).unwrap().way, 2);
}

#[test]
fn a_missing_tool_is_named_with_this_systems_way_to_get_it() {
    let missing = |release: &str| {
        let host = FakeHost::new().file("/etc/os-release", release);
        find_in(&host, "ruby", None).unwrap_err()
    };
    let debian = missing("ID=ubuntu\nID_LIKE=debian\n");
    assert_eq!(debian.tool, "ruby");
    assert!(
        debian.install.contains("apt install ruby"),
        "{}",
        debian.install
    );
    assert!(
        missing("ID=\"fedora\"\n")
            .install
            .contains("dnf install ruby")
    );
    assert!(missing("").install.contains("ruby-lang.org"));
}

#[test]
fn every_shipped_tool_says_how_to_get_it() {
    let host = FakeHost::new();
    for runtime in Catalogue::shipped().iter() {
        let missing = runtime
            .find(&host, &Places::default())
            .expect_err("an empty machine");
        assert!(!missing.install.is_empty(), "{}", runtime.id());
    }
}

#[test]
fn what_is_no_program_is_not_taken_for_one() {
    let host = FakeHost::new()
        .file("/usr/local/bin/lua5.4", "not executable")
        .file("/usr/bin/lua5.4/readme", "a directory")
        .program("/bin/lua5.4");
    assert_eq!(first(&host, "lua", None).0, "/bin/lua5.4");
    let host = FakeHost::new()
        .program("/srv/lua")
        .variable("PATH", ".:srv:/usr/bin")
        .standing_in("/srv");
    assert!(
        find_in(&host, "lua", None).is_err(),
        "a directory of PATH that is not absolute was searched"
    );
}

/// A project whose virtual environment is a link to a program in another directory.
fn linked_to(program: &str) -> FakeHost {
    FakeHost::new()
        .program("/usr/bin/python3")
        .file("/home/ann/x/a.py", "")
        .link_to("/home/ann/x/.venv/bin/python3", program)
}

#[test]
fn a_projects_link_does_not_decide_which_folder_outside_it_is_shown() {
    let app = |marks: &[&str]| {
        let host = linked_to("/srv/app/bin/python3");
        marks
            .iter()
            .fold(host, |host, mark| {
                host.file(&format!("/srv/app/{mark}"), "")
            })
            .link_to("/srv/app/bin/python3", "/usr/bin/python3")
    };
    let alone = [
        PathBuf::from("/home/ann/x/.venv/bin"),
        PathBuf::from("/srv/app/bin/python3"),
    ];
    for marks in [
        &["notes"][..],
        &["pyvenv.cfg", ".env"],
        &["pyvenv.cfg", ".ENV.local"],
        &["conda-meta/history", ".git/HEAD"],
        &["lib/python3.12/os.py", "pyproject.toml"],
    ] {
        let (_, sees) = first(&app(marks), "python", Some("/home/ann/x"));
        assert_eq!(sees, alone, "{marks:?}");
    }
    // What is an installation by its own marks, and nothing else by its marks, is shown: without it nothing would run.
    for mark in ["pyvenv.cfg", "conda-meta/history", "lib/python3.12/os.py"] {
        let found = find_in(&app(&[mark]), "python", Some("/home/ann/x")).expect("a tool");
        let app = PathBuf::from("/srv/app");
        assert!(
            found.tools[0].sees.contains(&app),
            "{mark}: {:?}",
            found.tools[0].sees
        );
        assert_eq!(found.tools[0].lent, [app], "{mark}");
    }
    // The user's own PATH may name any.
    let host = app(&["notes"]).variable("PATH", "/srv/app/bin");
    assert_eq!(first(&host, "python", None).1, [PathBuf::from("/srv/app")]);
}

#[test]
fn a_projects_link_to_a_program_in_a_home_shows_the_program_alone() {
    let host = linked_to("/home/ann/h/bin/python3")
        .link_to("/home/ann/h", "/home/ann")
        .program("/home/ann/bin/python3");
    let (_, sees) = first(&host, "python", Some("/home/ann/x"));
    assert!(
        !sees.contains(&"/home/ann/h".into()) && !sees.contains(&"/home/ann".into()),
        "{sees:?}"
    );
}

#[test]
fn a_project_named_bin_does_not_show_what_lies_above_it() {
    let host = FakeHost::new()
        .program("/home/ann/y/bin/python3")
        .file("/home/ann/y/diary", "")
        .link_to("/home/ann/y/bin/.venv/bin/python3", "../../python3");
    let (_, sees) = first(&host, "python", Some("/home/ann/y/bin"));
    assert!(
        sees.iter().all(|one| one.starts_with("/home/ann/y/bin")),
        "{sees:?}"
    );
}

#[test]
fn a_projects_tool_that_a_user_names_or_has_on_path_is_no_more_trusted() {
    let host = linked_to("/srv/app/bin/python3")
        .program("/srv/app/bin/python3")
        .file("/srv/app/.env", "")
        .variable("PATH", "/home/ann/x/.venv/bin:/usr/bin");
    let root = Some(Path::new("/home/ann/x"));
    for project in [root, None] {
        let places = Places {
            project,
            directory: root,
            root,
        };
        for name in [
            "python3",
            ".venv/bin/python3",
            "../x/.venv/bin/python3",
            "/home/ann/x/.venv/bin/python3",
        ] {
            let found = Catalogue::shipped()
                .find_command(&host, name, &places)
                .expect("a tool");
            assert!(
                !found.sees.contains(&"/srv/app".into())
                    && !found.sees.contains(&"/home/ann/x".into()),
                "{name}: {:?}",
                found.sees
            );
        }
    }
}

#[test]
fn a_version_managers_installation_is_shown_without_a_word() {
    let host = pyenv().link_to(
        "/home/ann/x/.venv/bin/python3",
        "/home/ann/.pyenv/versions/3.12.1/bin/python3",
    );
    let found = find_in(&host, "python", Some("/home/ann/x")).unwrap();
    assert!(
        found.tools[0]
            .sees
            .contains(&"/home/ann/.pyenv/versions/3.12.1".into())
    );
    assert!(found.tools[0].lent.is_empty());
}

#[test]
fn a_package_of_node_is_shown_with_its_neighbours() {
    let host = FakeHost::new()
        .program("/usr/bin/node")
        .program("/srv/t/node_modules/tsx/dist/cli.mjs")
        .file("/srv/t/node_modules/esbuild/index.js", "")
        .link_to("/srv/t/node_modules/.bin/tsx", "../tsx/dist/cli.mjs")
        .variable("PATH", "/srv/t/node_modules/.bin:/usr/bin");
    let found = find_in(&host, "typescript", None).unwrap();
    assert_eq!(found.way, 1);
    assert_eq!(found.tools[0].sees, [PathBuf::from("/srv/t/node_modules")]);
    // Installed for everybody, or by a package manager that links: what is shown is the outermost directory.
    let host = FakeHost::new()
        .program("/usr/bin/node")
        .program("/srv/t/node_modules/.pnpm/tsx@4/node_modules/tsx/dist/cli.mjs")
        .link_to(
            "/home/ann/.local/bin/tsx",
            "/srv/t/node_modules/.pnpm/tsx@4/node_modules/tsx/dist/cli.mjs",
        )
        .variable("PATH", "/home/ann/.local/bin:/usr/bin");
    let found = find_in(&host, "typescript", None).unwrap();
    assert_eq!(found.tools[0].sees, [PathBuf::from("/srv/t/node_modules")]);
}

#[test]
fn a_fence_that_asks_for_any_shell_gets_the_one_that_most_are_written_for() {
    let catalogue = Catalogue::shipped();
    let fence = |tag: &str| {
        catalogue
            .by_fence_tag(tag)
            .expect("a language")
            .id()
            .to_owned()
    };
    let tool = |host: &FakeHost, runtime: &str| {
        let found = find_in(host, runtime, None).ok()?;
        Some(found.tools[0].path.display().to_string())
    };
    let small = FakeHost::new().program("/bin/sh").variable("PATH", "/bin");
    let usual = FakeHost::new()
        .program("/bin/sh")
        .program("/bin/bash")
        .variable("PATH", "/bin");
    for (tag, on_usual, on_small) in [
        ("sh", Some("/bin/bash"), Some("/bin/sh")),
        ("shell", Some("/bin/bash"), Some("/bin/sh")),
        // What says which one it is for is run by no other.
        ("bash", Some("/bin/bash"), None),
        ("posix", Some("/bin/sh"), Some("/bin/sh")),
    ] {
        let runtime = fence(tag);
        assert_eq!(tool(&usual, &runtime).as_deref(), on_usual, "{tag}");
        assert_eq!(tool(&small, &runtime).as_deref(), on_small, "{tag}");
    }
    // A file is no fence: what its name and its first line say counts.
    let file = |path: &str, line: &str| {
        let found = catalogue.detect(None, Some(Path::new(path)), line);
        found.map(|runtime| runtime.id().to_owned())
    };
    assert_eq!(file("/p/a.sh", "#!/bin/sh").as_deref(), Some("sh"));
    assert_eq!(file("/p/a.sh", "echo").as_deref(), Some("bash"));
}

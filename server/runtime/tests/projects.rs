//! A project's own tools come before the user's, and what it has already downloaded is seen.

#[allow(dead_code)] // Each test program uses a part of it.
mod fake_host;

use std::path::Path;

use belljar_runtime::{Catalogue, Invocation, Places};
use fake_host::FakeHost;

const PROJECT: &str = "/home/ann/x";

/// The first tool that is found for a document in the project.
fn tool(host: &FakeHost, runtime: &str) -> String {
    let catalogue = Catalogue::shipped();
    let runtime = catalogue.by_id(runtime).expect("a shipped runtime");
    let found = runtime.find(host, &places()).expect("a tool");
    found.tools[0].path.display().to_string()
}

fn places() -> Places<'static> {
    Places {
        project: Some(Path::new(PROJECT)),
        directory: Some(Path::new("/home/ann/x/sub")),
        root: Some(Path::new(PROJECT)),
    }
}

#[test]
fn a_list_of_versions_chooses_for_each_language() {
    let host = [
        "/home/ann/.asdf/installs",
        "/home/ann/.local/share/mise/installs",
    ]
    .into_iter()
    .fold(FakeHost::new(), |host, installs| {
        host.program(&format!("{installs}/python/3.11.7/bin/python3"))
            .program(&format!("{installs}/python/3.12.1/bin/python3"))
    })
    .program("/usr/bin/python3")
    .program("/usr/bin/node")
    .program("/usr/bin/go")
    .program("/usr/bin/ruby")
    .program("/home/ann/.asdf/installs/nodejs/18.20.0/bin/node")
    .program("/home/ann/.asdf/installs/nodejs/20.11.1/bin/node")
    .program("/home/ann/.asdf/installs/golang/1.21.0/go/bin/go")
    .program("/home/ann/.asdf/installs/golang/1.22.0/go/bin/go")
    .file(
        "/home/ann/x/.tool-versions",
        "# what we use\npython 3.11.7\nnodejs 18.20.0\ngolang 1.21.0\n",
    );
    assert!(tool(&host, "python").ends_with("/python/3.11.7/bin/python3"));
    assert!(tool(&host, "javascript").ends_with("/nodejs/18.20.0/bin/node"));
    assert!(tool(&host, "go").ends_with("/golang/1.21.0/go/bin/go"));
    // It says nothing of this one.
    assert_eq!(tool(&host, "ruby"), "/usr/bin/ruby");
}

#[test]
fn packages_of_the_project_come_before_those_on_path() {
    for (runtime, own, installed) in [
        ("typescript", "node_modules/tsx/dist/cli.mjs", "tsx"),
        (
            "coffeescript",
            "node_modules/coffeescript/bin/coffee",
            "coffee",
        ),
        ("livescript", "node_modules/livescript/bin/lsc", "lsc"),
        ("less", "node_modules/less/bin/lessc", "lessc"),
        ("deno", "node_modules/deno/deno", "deno"),
        ("bun", "node_modules/bun/bin/bun.exe", "bun"),
    ] {
        let host = FakeHost::new()
            .program("/usr/bin/node")
            .program(&format!("/usr/bin/{installed}"));
        assert_eq!(tool(&host, runtime), format!("/usr/bin/{installed}"));
        let own = format!("{PROJECT}/{own}");
        assert_eq!(tool(&host.program(&own), runtime), own);
    }
}

#[test]
fn modules_that_are_downloaded_are_seen_where_the_project_asks_for_modules() {
    let host = FakeHost::new()
        .program("/usr/bin/go")
        .file("/home/ann/go/pkg/mod/cache/lock", "");
    let libraries = |host: &FakeHost| {
        let catalogue = Catalogue::shipped();
        let runtime = catalogue.by_id("go").expect("a shipped runtime");
        let found = runtime.find(host, &places()).expect("a tool");
        let commands = runtime.commands(
            host,
            &places(),
            &found,
            &Invocation {
                source: "/home/ann/x/sub/a.go",
                binary: "/tmp/a",
                scratch: "/tmp",
                directory: "/home/ann/x/sub",
                arguments: &[],
                flags: &[],
                unbuffered: false,
            },
        );
        let variable = commands.environment.iter();
        let mut variable = variable.filter(|(name, _)| name == "GOMODCACHE");
        let variable = variable.next().map(|(_, value)| value.clone());
        (commands.libraries, variable)
    };
    assert_eq!(libraries(&host), (vec![], None));
    let host = host.file("/home/ann/x/go.mod", "module x\n");
    let modules = "/home/ann/go/pkg/mod";
    assert_eq!(
        libraries(&host),
        (vec![modules.into()], Some(modules.to_owned()))
    );
}

#[test]
fn an_installation_without_a_bin_is_shown_whole_if_it_is_one_by_its_marks() {
    let zig = |marks: &[&str]| {
        let host = FakeHost::new()
            .program("/srv/zig-0.15/zig")
            .variable("PATH", "/srv/zig-0.15");
        let host = marks.iter().fold(host, |host, mark| {
            host.file(&format!("/srv/zig-0.15/{mark}"), "")
        });
        let catalogue = Catalogue::shipped();
        let runtime = catalogue.by_id("zig").expect("a shipped runtime");
        let found = runtime.find(&host, &Places::default()).expect("a tool");
        found.tools[0].sees.clone()
    };
    assert_eq!(zig(&[]), [Path::new("/srv/zig-0.15/zig")]);
    assert_eq!(zig(&["lib/std/std.zig"]), [Path::new("/srv/zig-0.15")]);
}

//! Of which programs it is expected that they open many files.

mod asked;
#[path = "../../runtime/tests/fake_host/mod.rs"]
mod fake_host;

use asked::{document, request};
use belljar_plan::{Catalogue, RunRequest, Source, build};
use fake_host::FakeHost;

fn command(name: &str) -> RunRequest {
    let argv = vec![name.to_owned()];
    request(Source::Command { argv })
}

#[test]
fn many_are_expected_of_what_is_known_for_it_and_of_what_nobody_knows() {
    let host = ["ruby", "python3", "bash", "gcc", "as", "true"]
        .iter()
        .fold(FakeHost::new(), |host, name| {
            host.program(&format!("/usr/bin/{name}"))
        })
        .file("/home/ann/x/.git/HEAD", "")
        .program("/home/ann/x/test")
        .standing_in("/home/ann/x");
    let many = |request: &RunRequest| {
        let planned = build(request, &Catalogue::shipped(), &host);
        let planned = planned.unwrap_or_else(|refusal| panic!("{refusal:?}"));
        planned.plan.many_files
    };
    assert!(many(&document("/home/ann/x/a.rb", "puts 1\n")));
    assert!(many(&document("/home/ann/x/a.c", "int main() {}\n")));
    assert!(!many(&document("/home/ann/x/a.py", "print(1)\n")));
    assert!(!many(&document("/home/ann/x/a.sh", "echo\n")));
    for name in ["ruby", "gcc", "./test"] {
        assert!(many(&command(name)), "{name}");
    }
    for name in ["true", "bash", "python3"] {
        assert!(!many(&command(name)), "{name}");
    }
}

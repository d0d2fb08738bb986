//! Whether a compiled program may be kept, on a machine that is only a table.

mod asked;
#[path = "../../runtime/tests/fake_host/mod.rs"]
mod fake_host;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use asked::document;
use belljar_plan::{Catalogue, build};
use fake_host::FakeHost;

#[test]
fn programs_that_cannot_be_hidden_are_not_kept() {
    let request = document("/home/ann/x/a.c", "int main(void) { return 0; }\n");
    let kept = |cache: &[u8]| {
        let host = FakeHost::new()
            .program("/usr/bin/gcc")
            .program("/usr/bin/as")
            .file("/home/ann/x/.git/HEAD", "")
            .variable("XDG_CACHE_HOME", OsStr::from_bytes(cache));
        let plan = build(&request, &Catalogue::shipped(), &host)
            .unwrap_or_else(|refusal| panic!("{refusal:?}"))
            .plan;
        let project = plan.project.expect("a project");
        (plan.product.is_some(), project.hide)
    };
    let (is_kept, hide) = kept(b"/home/ann/x/[c]");
    let hidden = r"\[c\]/belljar/compiled".to_owned();
    assert!(is_kept && hide.contains(&hidden), "{hide:?}");
    assert!(!kept(b"/home/ann/x/\xff").0);
    assert!(kept(b"/home/ann/\xff").0, "no run sees that");
}

//! The programs in words, kept beside the source: whoever changes the table sees in the review what the kernel will do differently.

use std::path::Path;

use super::super::listing::listing;
use super::super::table::UnixSockets;
use super::super::{Told, program};
use super::{BOTH, every_look};

#[test]
fn the_programs_are_the_ones_that_were_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/filter/golden");
    for arch in BOTH {
        let kinds = [
            ("alone", Told::Nobody),
            ("asking", Told::Listener(every_look())),
            ("traced", Told::Tracer(every_look())),
        ];
        for (name, told) in kinds {
            let path = folder.join(format!("{}-{name}.txt", format!("{arch:?}").to_lowercase()));
            let text = listing(&program(arch, UnixSockets::Open, told));
            if std::env::var_os("BLESS").is_some() {
                std::fs::write(&path, &text).expect("the listing can be written");
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                kept == text,
                "{} differs; look at the change, then run with BLESS=1",
                path.display()
            );
        }
    }
}

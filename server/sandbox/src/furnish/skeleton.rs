//! Splits what furnishes a cell in two: what it is made of, which the stub shows, and what is mounted onto that.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use belljar_child::Operation;
use belljar_plan::{ProjectAccess, RunPlan};

use super::{FOUNDATION, Furniture, lies_in, own_places};
use crate::fault::is_closed;
use crate::stub::{Kind, Tree};

/// Larger files are not passed on by us whenever they are read.
const LARGEST: usize = 64 << 10;

impl<'a> Furniture<'a> {
    /// Whether a stub is worth while: it takes a millisecond or two to set up, and each file that is opened or asked for is
    /// 10 to 50 us cheaper then.
    pub fn is_worth_a_stub(plan: &RunPlan) -> bool {
        plan.many_files || is_closed("opens")
    }

    /// Whether a stub would see every look at something hidden. It does not see those that begin in a directory that lies
    /// above it, as the working directory may: what is hidden there would not be seen.
    pub fn can_have_stub(&self, plan: &RunPlan) -> bool {
        let shows_work = plan.project.as_ref().is_some_and(|project| {
            project.access != ProjectAccess::Hidden && plan.work_dir.starts_with(&project.root)
        });
        let is_own = own_places().any(|own| plan.work_dir.starts_with(own));
        Self::is_worth_a_stub(plan) && shows_work && !self.hides_in_project && !is_own
    }

    /// What the stub shows, and which paths are mounted onto it, each with whether it is a mount. `None` if the cell is
    /// not made of such things.
    pub fn skeleton(&self) -> Option<(Tree, Vec<(&'a CStr, bool)>)> {
        let mut tree = Tree::new();
        let mut mounted: Vec<(&'a CStr, bool)> = Vec::new();
        for operation in FOUNDATION.iter().chain(&self.operations) {
            let is_ours = |path: &CStr| {
                let mut places = mounted.iter().map(|(place, _)| path_of(place));
                let path = path_of(path);
                path.is_absolute() && !places.any(|place| lies_in(path, place))
            };
            match *operation {
                Operation::Directory { path, mode } if is_ours(path) => {
                    tree.put(path_of(path), Kind::Directory(BTreeMap::new()), mode)?;
                }
                Operation::Link { target, path } if is_ours(path) => {
                    let target = Kind::Link(target.to_bytes().to_vec());
                    tree.put(path_of(path), target, 0o777)?;
                }
                Operation::File {
                    path,
                    content,
                    mode,
                } if is_ours(path) => {
                    let is_served = content.len() <= LARGEST && mode & 0o111 == 0;
                    let shown = if is_served { content } else { &[] };
                    tree.put(path_of(path), Kind::File(shown.to_vec()), mode)?;
                    if !is_served {
                        mounted.push((path, false));
                    }
                }
                Operation::View { path: to, .. }
                | Operation::Bind { to, .. }
                | Operation::Mount { path: to, .. }
                    if is_ours(to) =>
                {
                    tree.find(path_of(to))?;
                    mounted.push((to, true));
                }
                _ => {}
            }
        }
        for (path, _) in &mounted {
            tree.note_mount(path_of(path))?;
        }
        for gate in own_places() {
            tree.make_gate(Path::new(gate))?;
        }
        Some((tree, mounted))
    }
}

fn path_of(path: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(path.to_bytes()))
}

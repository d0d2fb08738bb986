//! The user's project in the cell: through an overlay, as a plain view, or covered.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use belljar_child::Operation;
use belljar_plan::{CellFile, Project, ProjectAccess};
use belljar_report::system_words;

use super::walk::{self, Found};
use super::{Furniture, ProjectMount, ancestors, file_mode, relative};
use crate::failure::Failure;

impl Furniture<'_> {
    /// Puts the project into the cell, with those of the plan's `files` that lie in it.
    pub(super) fn project(
        &mut self,
        project: &Project,
        files: &[CellFile],
        mount: ProjectMount,
    ) -> Result<(), Failure> {
        let inside: Vec<(&Path, &CellFile)> = files
            .iter()
            .filter_map(|file| Some((file.path.strip_prefix(&project.root).ok()?, file)))
            .collect();
        if project.access == ProjectAccess::Hidden {
            self.cover(project, &inside);
            return Ok(());
        }
        let found = walk::walk(&project.root, &project.hide).map_err(|error| Failure {
            step: format!("list what is hidden in {}", project.root.display()),
            errno: crate::failure::errno_name(&error),
            hint: format!(
                "{}; name a smaller directory with --project, or use a policy whose project is hidden",
                system_words(&error)
            ),
        })?;
        self.hides_in_project = !found.hidden.is_empty();
        self.directory(&project.root);
        match mount {
            ProjectMount::Overlay => self.overlay(project, &found.hidden, &inside),
            ProjectMount::View => self.plain_view(project, &found, &inside),
        }
        self.covered.push(project.root.clone());
        Ok(())
    }

    /// A hidden project is in the plan because a view shows what is around it: in its place is a directory with nothing
    /// but the plan's own files.
    fn cover(&mut self, project: &Project, files: &[(&Path, &CellFile)]) {
        self.staged_directory("cover");
        self.staged_files("cover", files, &mut BTreeSet::new());
        self.directory(&project.root);
        self.bind("cover", &project.root, true);
    }

    /// What is hidden is a whiteout, and what is replaced is a file, in the layer above the project's own.
    fn overlay(&mut self, project: &Project, hidden: &[PathBuf], files: &[(&Path, &CellFile)]) {
        for directory in ["lower", "upper", "work"] {
            self.staged_directory(directory);
        }
        self.view_at("lower", &project.root, true);
        let mut made = BTreeSet::new();
        self.staged_files("upper", files, &mut made);
        for path in hidden
            .iter()
            .filter(|path| !files.iter().any(|(file, _)| file == path))
        {
            self.staged_parents("upper", path, &mut made);
            let path = self.path(&Path::new("upper").join(relative(path)));
            self.operations.push(Operation::Whiteout { path });
        }
        let options = match project.access {
            ProjectAccess::Overlay => "userxattr,lowerdir=lower,upperdir=upper,workdir=work",
            // Two lower layers and no upper one: nothing can be written.
            ProjectAccess::Read | ProjectAccess::Hidden => "userxattr,lowerdir=upper:lower",
        };
        self.overlay_mount(options, &project.root);
    }

    /// Where there is no overlay: the project read-only, with empty things over what is hidden, and over pipes and
    /// sockets, whose other ends are outside.
    fn plain_view(&mut self, project: &Project, found: &Found, files: &[(&Path, &CellFile)]) {
        self.view(&project.root, true);
        self.staged_directory("files");
        for (number, (path, file)) in files.iter().enumerate() {
            let from = format!("files/{number}");
            self.staged_file(Path::new(&from), file);
            self.bind(&from, &project.root.join(path), true);
        }
        for path in found.hidden.iter().chain(&found.special) {
            let on_host = project.root.join(path);
            let is_directory =
                std::fs::symlink_metadata(&on_host).is_ok_and(|metadata| metadata.is_dir());
            let to = self.in_root(&on_host);
            self.operations.push(Operation::Bind {
                from: if is_directory {
                    c"/var/empty"
                } else {
                    c"/dev/null"
                },
                to,
                optional: true,
                read_only: false,
            });
        }
    }

    /// Makes files below a directory of the staging place.
    fn staged_files<'f>(
        &mut self,
        below: &str,
        files: &[(&'f Path, &CellFile)],
        made: &mut BTreeSet<&'f Path>,
    ) {
        for (path, file) in files {
            self.staged_parents(below, path, made);
            self.staged_file(&Path::new(below).join(relative(path)), file);
        }
    }

    fn staged_parents<'p>(&mut self, below: &str, path: &'p Path, made: &mut BTreeSet<&'p Path>) {
        for parent in ancestors(path) {
            if made.insert(parent) {
                let path = self.path(&Path::new(below).join(relative(parent)));
                self.operations
                    .push(Operation::Directory { path, mode: 0o755 });
            }
        }
    }

    pub(super) fn staged_file(&mut self, path: &Path, file: &CellFile) {
        let path = self.path(path);
        let content = self.content(&file.content);
        self.operations.push(Operation::File {
            path,
            content,
            mode: file_mode(file),
        });
    }
}

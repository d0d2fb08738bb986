//! Which calls on files a cell refuses: what it hides, and what it shows but does not let be changed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use belljar_locate::Operation;
use belljar_plan::{CELL_HOME, Project, ProjectAccess, Rules, RunPlan};
use belljar_report::{Kind, Layer};
use belljar_sys::Notification;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::argument::{argument, path_of, word_at};
use super::inside::{Found, Inside, There};
use super::outside::{OnHost, Outside};
use super::quiet::{is_quiet, is_quiet_to_read, is_quiet_to_write};
use super::storm::{Storm, Writable};
use super::{Finding, Judgement, program_of, rule_for, told};
use crate::disk::cut_off_at;
use crate::filter::{Follow, NO_FOLLOW, Touch, Want};
use crate::furnish::{TEMPORARY, own_places};

/// Places in a cell that are its own and tell nothing of the host.
const OWN: &[&str] = &[
    "/proc",
    "/dev/fd",
    "/dev/stdin",
    "/dev/stdout",
    "/dev/stderr",
];

/// Where the preloads of language runtimes say what they are about to do. Nothing is ever there.
const MESSAGES: &str = "/.belljar";

/// What is shown just as it lies on the host: what is not there in the cell is not there outside.
const FIXED: &[&[u8]] = &[
    b"/usr/", b"/lib/", b"/lib64/", b"/bin/", b"/sbin/", b"/nix/", b"/gnu/",
];

/// The files of a cell and of the host around it.
pub struct Files {
    inside: Option<Rc<Inside>>,
    outside: Outside,
    /// Where the cell may write.
    writable: Vec<PathBuf>,
    project: Option<Project>,
    /// The project's hidden names, as globs in lower case.
    hidden: Vec<String>,
    rules: Rules,
    has_written: bool,
    /// What was last opened, or made, to be written.
    opened: Option<PathBuf>,
    /// The size of a file that became too large.
    cut_off_at: u64,
    /// The first that was seen to have it.
    cut_off: Option<PathBuf>,
    storm: Storm<(i32, &'static str, PathBuf, Wish)>,
    /// Directories of the program's own, not in its home, in which it makes files.
    own: Writable,
}

/// What a call wants of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Read,
    /// Change what is there.
    Change,
    /// Make it if it is not there, and change it.
    Create,
    /// Make it.
    Make,
    Remove,
    Put,
}

impl Files {
    /// Of the cell of `plan`.
    pub fn new(plan: &RunPlan, inside: Option<Rc<Inside>>, outside: Outside) -> Files {
        let mut writable: Vec<PathBuf> = own_places()
            .chain(["/dev/null", "/dev/full"])
            .map(PathBuf::from)
            .collect();
        if let Some(project) = &plan.project
            && project.access == ProjectAccess::Overlay
        {
            writable.push(project.root.clone());
        }
        let hide = plan.project.iter().flat_map(|project| &project.hide);
        Files {
            inside,
            outside,
            writable,
            hidden: hide.map(|glob| glob.to_ascii_lowercase()).collect(),
            project: plan.project.clone(),
            rules: plan.rules.clone(),
            has_written: false,
            opened: None,
            cut_off_at: cut_off_at(plan.limits.file_size),
            cut_off: None,
            storm: Storm::default(),
            own: Writable::default(),
        }
    }

    /// Of the files that a call touches, the first that the cell refuses. Whether something is there `asks_of_all` only a
    /// program that another one started; what the document asks counts where it is about the user's home.
    pub fn judge(
        &mut self,
        call: &Notification,
        touches: &[Touch],
        name: &'static str,
        asks_of_all: bool,
    ) -> Judgement {
        for touch in touches {
            let Some(path) = path_of(call, touch.at) else {
                continue;
            };
            if OWN.iter().any(|own| path.starts_with(own)) {
                continue;
            }
            if path.starts_with(MESSAGES) {
                return Judgement::Message(path.into_os_string().into_vec());
            }
            if touch.want == Want::Look && !asks_of_all && !self.is_in_home(&path) {
                continue;
            }
            let Some((wish, follow)) = wish_of(call, touch) else {
                continue;
            };
            if wish == Wish::Read && (is_fixed(&path) || is_quiet(&path)) {
                continue;
            }
            if is_making(wish) && path.parent().is_some_and(|parent| self.own.has(parent)) {
                self.writes(path, wish);
                continue;
            }
            let this = (call.thread, name, path.clone(), wish);
            if let Some(finding) = self.storm.again(&this) {
                return Judgement::Tell(finding);
            }
            let finding = self
                .refused(call, &path, wish, follow, name)
                .map(|finding| Finding {
                    asked: Some((Operation::File, path.into_os_string().into_vec())),
                    is_question: is_question(call, touch, wish),
                    ..finding
                });
            self.storm.note(this, finding.as_ref());
            if let Some(finding) = finding {
                return Judgement::Tell(finding);
            }
        }
        Judgement::GoOn
    }

    /// Whether something was opened where the cell may write since this was last asked.
    pub fn has_written(&mut self) -> bool {
        std::mem::take(&mut self.has_written)
    }

    /// What was opened or made where the cell may write since this was last asked, if anything; of several the last.
    pub fn opened(&mut self) -> Option<PathBuf> {
        self.opened.take()
    }

    /// A file in scratch space that had become too large when it was to be removed or changed.
    pub fn cut_off(&self) -> Option<&Path> {
        self.cut_off.as_deref()
    }

    fn writes(&mut self, path: PathBuf, wish: Wish) {
        self.has_written = true;
        // What a program does with a file that is too large already did not make it so.
        let is_cut_off = self.cut_off.as_ref() == Some(&path);
        if matches!(wish, Wish::Change | Wish::Create | Wish::Make) && !is_cut_off {
            self.opened = Some(path);
        }
    }

    /// What is at `path` in the cell.
    pub fn find(&self, path: &Path) -> Option<Found> {
        Some(self.inside.as_ref()?.find(path, true))
    }

    /// The name by which the user knows a path that is not in the cell, and whether it is on the host.
    pub fn on_host(&mut self, above: &Path, below: &Path) -> (String, OnHost) {
        let counterpart = self.counterpart(above, below);
        let found = self.outside.find(&counterpart, true);
        (told(&counterpart, self.outside.home()), found)
    }

    fn refused(
        &mut self,
        call: &Notification,
        path: &Path,
        wish: Wish,
        follow: bool,
        name: &'static str,
    ) -> Option<Finding> {
        let found = self.inside.as_ref()?.find(path, follow);
        match (wish, found) {
            (_, Found::Unknown) | (Wish::Make | Wish::Read, Found::There(_)) => None,
            (Wish::Read, Found::Missing { above, below }) => {
                self.hidden_read(call, &above, &below, follow, access_word(wish, name))
            }
            (_, Found::There(there)) => self.write_to(&there, wish, name),
            (_, Found::Missing { above, below }) => {
                self.write_to_missing(path, &above, &below, wish, follow, name)
            }
        }
    }

    /// A file that is not in the cell was to be read. It is a refusal if the host has it, and no accident that it was
    /// asked for.
    fn hidden_read(
        &mut self,
        call: &Notification,
        above: &Path,
        below: &Path,
        follow: bool,
        access: &'static str,
    ) -> Option<Finding> {
        if OWN.iter().any(|own| above.starts_with(own)) {
            return None;
        }
        let in_project = self.in_project(above, below);
        // A project may lie in scratch space, too.
        if in_project.is_none() && is_own_work(above) {
            return None;
        }
        if let Some(name) = &in_project
            && !self.is_hidden(name)
        {
            // Everything else of the project was shown. The program took it away itself.
            return None;
        }
        let counterpart = self.counterpart(above, below);
        let found = self.outside.find(&counterpart, follow);
        if found == OnHost::Nothing {
            return None;
        }
        let home = self.outside.home();
        let in_home = counterpart.strip_prefix(home.unwrap_or(Path::new("-")));
        if is_quiet_to_read(&program_of(call.thread), &counterpart, in_home.ok()) {
            return None;
        }
        let target = told(&counterpart, home);
        let (rule, allow) = match in_project {
            // What a policy hides in a project stays hidden, whatever another rule shows.
            Some(_) => (self.rules.hide.clone(), None),
            None => {
                let rule = rule_for("files.read", &target);
                (
                    self.rules.files.clone(),
                    rule.filter(|_| self.can_be_shown(&counterpart, found)),
                )
            }
        };
        Some(Finding {
            kind: Kind::FilesRead,
            target,
            access,
            errno: Some(Errno::ENOENT),
            layer: Layer::Mount,
            rule,
            allow,
            asked: None,
            is_question: false,
        })
    }

    /// Whether the user may read it, so that it could be shown to a program.
    fn can_be_shown(&self, path: &Path, found: OnHost) -> bool {
        let may_read =
            || nix::unistd::access(path, nix::unistd::AccessFlags::R_OK) != Err(Errno::EACCES);
        self.outside.is_blind() || (found != OnHost::Closed && may_read())
    }

    /// Something that is in the cell was to be changed.
    fn write_to(&mut self, there: &There, wish: Wish, name: &'static str) -> Option<Finding> {
        let path = there.path()?;
        if OWN.iter().any(|own| path.starts_with(own)) || path.starts_with("/dev/pts") {
            return None;
        }
        if self.is_writable(&path) {
            // A program that was told that its file is too large may tidy it up before anybody else has looked. Its call waits
            // for us, so here it cannot be missed.
            if self.cut_off.is_none() && there.is_file_of(self.cut_off_at) {
                self.cut_off = Some(path.clone());
            }
            if !path.starts_with("/dev/null") {
                self.writes(path.clone(), wish);
            }
            return self.home_write(&path, wish, name);
        }
        let errno = match wish {
            // The permissions of the file come first, then those of the mount.
            Wish::Create | Wish::Change if name.contains("open") || name == "creat" => {
                there.refuses_to_be_written().unwrap_or(Errno::EACCES)
            }
            _ => Errno::EROFS,
        };
        self.write_finding(&path, wish, name, errno)
    }

    fn write_to_missing(
        &mut self,
        asked: &Path,
        above: &Path,
        below: &Path,
        wish: Wish,
        follow: bool,
        name: &'static str,
    ) -> Option<Finding> {
        let path = above.join(below);
        if OWN.iter().any(|own| path.starts_with(own)) {
            return None;
        }
        let makes = matches!(wish, Wish::Create | Wish::Make | Wish::Put);
        let is_last = below.components().nth(1).is_none();
        if makes && is_last {
            if self.is_writable(above) {
                self.writes(path.clone(), wish);
                if !above.starts_with(CELL_HOME)
                    && let Some(parent) = asked.parent()
                {
                    self.own.note(parent);
                }
                return self.home_write(&path, wish, name);
            }
            return self.write_finding(&path, wish, name, Errno::EROFS);
        }
        // It cannot be there in the cell. It is a refusal if outside it could have been done.
        let in_project = self.in_project(above, below);
        if in_project.is_some_and(|name| !self.is_hidden(&name)) {
            return None;
        }
        let counterpart = self.counterpart(above, below);
        let wanted = if makes {
            counterpart.parent()?.to_path_buf()
        } else {
            counterpart.clone()
        };
        match self.outside.find(&wanted, follow || makes) {
            OnHost::Nothing => None,
            OnHost::File if makes => None,
            _ => self.write_finding(&counterpart, wish, name, Errno::ENOENT),
        }
    }

    /// A write in the cell's own home succeeds and is gone with the run. It is told if it was meant for something that
    /// the user has.
    fn home_write(&mut self, path: &Path, wish: Wish, name: &'static str) -> Option<Finding> {
        let below = path.strip_prefix(CELL_HOME).ok()?;
        let home = self.outside.home()?.to_path_buf();
        let on_host = home.join(below);
        let is_there = match self.outside.find(&on_host, false) {
            OnHost::Nothing => {
                // A new file in a directory that the user has, and that is not the home directory itself.
                let parent = below.parent().filter(|parent| *parent != Path::new(""))?;
                self.outside.find(&home.join(parent), true) == OnHost::Directory
            }
            found => found != OnHost::Directory || matches!(wish, Wish::Remove | Wish::Put),
        };
        if !is_there || is_quiet_to_write(&on_host, Some(below)) {
            return None;
        }
        Some(Finding {
            kind: Kind::FilesWrite,
            target: told(&on_host, Some(&home)),
            access: access_word(wish, name),
            errno: None,
            layer: Layer::Mount,
            rule: self.rules.files.clone(),
            allow: None,
            asked: None,
            is_question: false,
        })
    }

    fn write_finding(
        &self,
        path: &Path,
        wish: Wish,
        name: &'static str,
        errno: Errno,
    ) -> Option<Finding> {
        // Between two file systems the kernel says that first.
        let errno = (!name.starts_with("rename")).then_some(errno);
        if is_quiet_to_write(path, None) {
            return None;
        }
        let in_project = self
            .project
            .as_ref()
            .is_some_and(|project| path.starts_with(&project.root));
        let (rule, allow) = if in_project {
            let rule = "files.project = \"overlay\"".to_owned();
            (self.rules.project.clone(), Some(rule))
        } else {
            (self.rules.files.clone(), None)
        };
        Some(Finding {
            kind: Kind::FilesWrite,
            target: told(path, self.outside.home()),
            access: access_word(wish, name),
            errno,
            layer: Layer::Mount,
            rule,
            allow,
            asked: None,
            is_question: false,
        })
    }

    fn is_writable(&self, path: &Path) -> bool {
        self.writable.iter().any(|place| path.starts_with(place))
    }

    /// Whether a path leads, as far as can be seen from it, into the user's home.
    fn is_in_home(&self, path: &Path) -> bool {
        path.starts_with(CELL_HOME)
            || self
                .outside
                .home()
                .is_some_and(|home| path.starts_with(home))
    }

    /// The name in the project, if it is a name in the project.
    fn in_project(&self, above: &Path, below: &Path) -> Option<PathBuf> {
        let project = self.project.as_ref()?;
        let path = above.join(below);
        let name = path.strip_prefix(&project.root).ok()?;
        (project.access != ProjectAccess::Hidden).then(|| name.to_path_buf())
    }

    /// Whether the policy hides this name of the project, or something above it.
    fn is_hidden(&self, name: &Path) -> bool {
        name.ancestors().any(|part| {
            let text = part.as_os_str().as_encoded_bytes().to_ascii_lowercase();
            self.hidden
                .iter()
                .any(|glob| fast_glob::glob_match(glob, &text))
        })
    }

    /// Where the host would have what the program looked for. The cell's home stands for the user's.
    fn counterpart(&self, above: &Path, below: &Path) -> PathBuf {
        let path = normal(&above.join(below));
        match (path.strip_prefix(CELL_HOME), self.outside.home()) {
            (Ok(below), Some(home)) => home.join(below),
            _ => path,
        }
    }
}

/// A path without `.` and `..`; none of it is there, so there is no link that they could lead back from.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.iter() {
        if part == OsStr::new("..") {
            normal.pop();
        } else if part != OsStr::new(".") {
            normal.push(part);
        }
    }
    normal
}

/// What a call wants of a file, and whether it follows a link at the end of its path.
fn wish_of(call: &Notification, touch: &Touch) -> Option<(Wish, bool)> {
    let follow = match touch.follow {
        Follow::Yes => true,
        Follow::No => false,
        Follow::Unless(flags) => argument(call, flags) as u32 & NO_FOLLOW == 0,
    };
    let open = |flags: u64| {
        let flags = OFlag::from_bits_truncate(flags as i32);
        let writes = !flags.contains(OFlag::O_PATH)
            && (flags.intersects(OFlag::O_WRONLY | OFlag::O_RDWR | OFlag::O_TRUNC));
        let creates = flags.contains(OFlag::O_CREAT) && !flags.contains(OFlag::O_PATH);
        let temporary = flags.contains(OFlag::O_TMPFILE);
        let wish = match (creates, writes) {
            _ if temporary => Wish::Change,
            (true, _) if flags.contains(OFlag::O_EXCL) => Wish::Make,
            (true, _) => Wish::Create,
            (false, true) => Wish::Change,
            (false, false) => Wish::Read,
        };
        (wish, follow && !flags.contains(OFlag::O_NOFOLLOW))
    };
    Some(match touch.want {
        Want::Look => (Wish::Read, follow),
        Want::Open(flags) => open(argument(call, flags)),
        Want::OpenHow(how) => open(word_at(call.thread, argument(call, how))?),
        Want::Create => (Wish::Create, follow),
        Want::Change => (Wish::Change, follow),
        Want::Make => (Wish::Make, follow),
        Want::Remove => (Wish::Remove, follow),
        Want::Put => (Wish::Put, follow),
    })
}

/// Whether a path leads, as far as can be seen from it, into what is shown just as it lies on the host.
fn is_fixed(path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    FIXED.iter().any(|fixed| path.starts_with(fixed)) && !path.windows(3).any(|part| part == b"/..")
}

/// Whether something new may come of it.
fn is_making(wish: Wish) -> bool {
    matches!(wish, Wish::Create | Wish::Make)
}

/// Whether a call only asks whether something is there.
fn is_question(call: &Notification, touch: &Touch, wish: Wish) -> bool {
    let opens = match touch.want {
        Want::Open(flags) => argument(call, flags) as i32 & OFlag::O_PATH.bits() == 0,
        Want::OpenHow(_) => true,
        _ => false,
    };
    wish == Wish::Read && !opens
}

/// Whether this is a directory that the program made for itself in scratch space: what is not in it is nobody's.
fn is_own_work(directory: &Path) -> bool {
    TEMPORARY
        .iter()
        .any(|place| directory.starts_with(place) && directory != Path::new(place))
}

/// What a call does, in a word.
fn access_word(wish: Wish, name: &str) -> &'static str {
    let is = |part: &str| name.contains(part);
    match wish {
        Wish::Read if is("open") => "open",
        Wish::Read if is("chdir") => "enter",
        Wish::Read if is("link") && !is("readlink") => "link",
        Wish::Read => "look at",
        Wish::Change | Wish::Create if is("open") || is("creat") => "write",
        Wish::Change if is("chmod") => "chmod",
        Wish::Change if is("chown") => "chown",
        Wish::Change if is("truncate") => "truncate",
        Wish::Change | Wish::Create => "change",
        Wish::Make if is("open") => "write",
        Wish::Make if is("mkdir") => "make",
        Wish::Make if is("link") => "link",
        Wish::Make => "make",
        Wish::Remove if is("rename") => "rename",
        Wish::Remove => "remove",
        Wish::Put => "rename",
    }
}

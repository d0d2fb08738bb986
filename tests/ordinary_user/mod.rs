//! Starts programs as somebody without any privilege, also when root runs the tests.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Somebody with a home, a folder to work in, and nothing else. All of it goes when this goes.
pub struct OrdinaryUser {
    folder: tempfile::TempDir,
    /// Who root turns into; `None` if the tests run as an ordinary user already.
    uid: Option<u32>,
}

/// What a program is put behind for [`OrdinaryUser::listened`]; then comes which calls are asked about.
pub const LISTENED: [&str; 3] = ["python3", "-c", include_str!("listened.py")];

/// Where [`OrdinaryUser::with_device`] shows the user's folder: not below `/tmp`, which a cell has itself, so a project there has
/// no stub. A folder that every system has, and that most keep empty.
pub const SHOWN: &str = "/mnt";

/// Becomes somebody for whom there is a device, and whose folder is also elsewhere.
const WITH_DEVICE: &str = r#"
user=$1; folder=$2; here=$3; shift 3
mount --make-rprivate / && mount -t tmpfs device "$folder/tmp" && mknod -m 666 "$folder/tmp/fuse" c 10 229 &&
mount --bind "$folder/tmp/fuse" /dev/fuse && mount --bind "$folder" "$here" && cd "$here/work" &&
exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
"#;

impl OrdinaryUser {
    /// A new home and a new folder.
    pub fn new() -> Self {
        let uid = Self::is_made_by_root().then(|| {
            std::env::var("BELLJAR_TEST_UID")
                .ok()
                .and_then(|uid| uid.parse().ok())
                .unwrap_or(64123)
        });
        Self::with_uid(uid)
    }

    /// Likewise, but who runs the tests: for what must also hold when that is root.
    pub fn whoever_we_are() -> Self {
        Self::with_uid(None)
    }

    /// Whether the tests are run by root, who turns into somebody else for an ordinary user.
    pub fn is_made_by_root() -> bool {
        Path::new("/proc/self").metadata().expect("/proc").uid() == 0
    }

    fn with_uid(uid: Option<u32>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("belljar-user-")
            .tempdir()
            .expect("a temporary folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
            .expect("its mode");
        let user = OrdinaryUser { folder, uid };
        for name in ["home", "work", "tmp"] {
            std::fs::create_dir(user.folder.path().join(name)).expect("a folder");
        }
        user.own_everything();
        user
    }

    /// Where this user keeps what it works on.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// This user's home.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Makes this user the owner of everything below its folder.
    pub fn own_everything(&self) {
        if let Some(uid) = self.uid {
            own(self.folder.path(), uid);
        }
    }

    /// The search path of this user's programs.
    pub fn search_path(&self) -> String {
        let ours = std::env::var("PATH").unwrap_or_default();
        match self.uid {
            // Root's path leads through root's home, where this user finds closed doors.
            Some(_) => std::env::var("BELLJAR_TEST_USER_PATH").unwrap_or_else(|_| {
                "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin".to_owned()
            }),
            None => ours,
        }
    }

    /// The program `name` on this user's search path, if there is one.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let path = self.search_path();
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| {
                file.metadata()
                    .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
            })
    }

    /// The binary under test, at a place where this user can read it.
    pub fn belljar(&self) -> PathBuf {
        let built = PathBuf::from(env!("CARGO_BIN_EXE_belljar"));
        let open_to_all = |path: &Path| {
            path.metadata()
                .is_ok_and(|meta| meta.permissions().mode() & 0o005 == 0o005)
        };
        if self.uid.is_none() || built.ancestors().all(open_to_all) {
            return built;
        }
        let copy = self.folder.path().join("belljar");
        if !copy.exists() {
            std::fs::copy(&built, &copy).expect("a copy of the binary");
        }
        copy
    }

    /// Like [`OrdinaryUser::command`], but the program, which is the first argument to add, runs below a filter with a listener
    /// that another program holds. That one is asked about the calls `asked` (numbers with commas between, or `none`), and
    /// lets all of them be made.
    pub fn listened(&self, asked: &str) -> Command {
        let [program, arguments @ ..] = LISTENED;
        let mut command = self.command(program);
        command.args(arguments).arg(asked);
        command
    }

    /// Likewise, where everybody may open `/dev/fuse`, and the user's folder is at [`SHOWN`]: in a mount namespace of its own,
    /// which only root can make.
    pub fn with_device(&self, program: impl AsRef<OsStr>) -> Command {
        let folder = self.folder.path();
        let user = folder.metadata().expect("a folder").uid();
        let mut command = self.command("unshare");
        command
            .args(["--mount", "sh", "-c", WITH_DEVICE, "sh", &user.to_string()])
            .arg(folder)
            .arg(SHOWN)
            .arg(program)
            .env("HOME", format!("{SHOWN}/home"))
            .env("TMPDIR", "/tmp")
            .uid(0)
            .gid(0);
        command
    }

    /// `program`, ready to start as this user, with an environment that holds nothing of ours.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", self.search_path())
            .env("LANG", "C.UTF-8");
        command
            .env("USER", "nobody")
            .env("TMPDIR", self.folder.path().join("tmp"))
            .current_dir(self.work());
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command
    }
}

fn own(path: &Path, uid: u32) {
    // The link itself, not what it points to: that may be the binary in the build folder.
    lchown(path, Some(uid), Some(uid)).expect("a new owner");
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path).expect("a folder's names") {
            own(&entry.expect("a name").path(), uid);
        }
    }
}

/// Copies the folder `from` to `to`, which is made.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the fixtures") {
        let entry = entry.expect("a name");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Says that something cannot be tested here. Where everything must be tested, that is a failure.
pub fn skipped(why: &str) {
    println!("skipped: {why}");
    assert!(
        std::env::var_os("BELLJAR_MUST").is_none(),
        "BELLJAR_MUST is set, and this cannot run here: {why}"
    );
}

//! A small world with something to steal: a home, a project, secrets, and somebody listening at every door.
//! Controls happen in one world and runs in another, so that nothing a control did can be taken for an escape.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Who a world belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// The user that root turns into, with a supplementary group; `None` to stay who we are.
    pub becomes: Option<(u32, u32)>,
}

/// The world. Dropping it closes the doors and removes the files.
pub struct World {
    folder: tempfile::TempDir,
    owner: Owner,
    /// What nobody may see.
    pub secret: String,
    words: BTreeMap<&'static str, String>,
    heard: Arc<Mutex<Vec<String>>>,
    pipes: Vec<(String, fs::File)>,
    victims: [Child; 2],
    victim_heard: Arc<AtomicU64>,
}

const O_NONBLOCK: i32 = 0o4000;

impl World {
    /// Builds one. `probe` is the probe, `belljar` the binary under test.
    pub fn new(owner: Owner, probe: &Path, belljar: &Path) -> World {
        let folder = tempfile::Builder::new()
            .prefix("belljar-escapes-")
            .tempdir()
            .expect("a temporary folder");
        let root = folder.path().canonicalize().expect("its real name");
        let mark = format!(
            "{}{:09}",
            std::process::id(),
            NEXT.fetch_add(7, Ordering::Relaxed) + now_nanos()
        );
        let secret = format!("SECRET-{mark}");
        let home = root.join("home");
        let project = home.join("src/project");
        let outside = root.join("outside");
        make_files(&root, &secret);
        fs::create_dir(root.join("bin")).expect("bin");
        for (from, name) in [(probe, "probe"), (belljar, "belljar")] {
            fs::copy(from, root.join("bin").join(name)).expect("a copy of a program");
        }
        fs::copy(probe, project.join("tool")).expect("the project's own program");

        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut words = BTreeMap::new();
        listen_tcp("127.0.0.1:0", "tcp", &secret, &heard, &mut words);
        listen_tcp("[::1]:0", "tcp6", &secret, &heard, &mut words);
        listen_udp(&secret, &heard, &mut words);
        listen_unix(&project.join("s"), &secret, &heard);
        listen_unix(&project.join("own/s"), &secret, &heard);
        listen_unix(&outside.join("s"), &secret, &heard);
        listen_datagrams(&project.join("d"), &heard);
        let abstract_name = format!("belljar-escapes-{mark}");
        let address = SocketAddr::from_abstract_name(&abstract_name).expect("an abstract name");
        answer_unix(
            UnixListener::bind_addr(&address).expect("an abstract socket"),
            "abstract socket",
            &secret,
            &heard,
        );
        make_loose_project(&root, words.get("tcp").map_or("", String::as_str));
        let mut pipes = Vec::new();
        for (name, content) in [("f", ""), ("f_out", secret.as_str())] {
            pipes.push((name.to_owned(), make_pipe(&project.join(name), content)));
        }
        if let Some((uid, group)) = owner.becomes {
            own(&root, uid);
            for file in [outside.join("group.txt"), project.join("group.txt")] {
                lchown(&file, Some(0), Some(group)).expect("the group's file");
                fs::set_permissions(&file, fs::Permissions::from_mode(0o640))
                    .expect("the group's file");
            }
        }
        words.insert("caller", root.join("bin/probe").display().to_string());
        // The project's own copy: scripts in a cell see nothing of the world but the project.
        words.insert("probe", project.join("tool").display().to_string());
        words.insert("belljar", root.join("bin/belljar").display().to_string());
        words.insert("world", root.display().to_string());
        words.insert("home", home.display().to_string());
        words.insert("project", project.display().to_string());
        words.insert("outside", outside.display().to_string());
        words.insert("tmp", root.join("tmp").display().to_string());
        words.insert("abstract", format!("@{abstract_name}"));
        // Keys of System V, ports and names that no other world uses at this moment.
        let number =
            std::process::id() % 10_000 * 4 + NEXT.fetch_add(1, Ordering::Relaxed) as u32 % 4;
        words.insert("key", format!("{}", 0x4245_0000_u64 + u64::from(number)));
        for (word, first) in [
            ("port", 15_000),
            ("port_two", 20_000),
            ("port_three", 25_000),
        ] {
            words.insert(word, format!("{}", first + number % 5000));
        }
        words.insert("name", format!("belljar-escapes-{number}"));

        words.insert("hostname", first_line("/proc/sys/kernel/hostname"));
        words.insert("boot_id", first_line("/proc/sys/kernel/random/boot_id"));
        words.insert("command_line", first_line("/proc/cmdline"));

        let victim_heard = Arc::new(AtomicU64::new(0));
        let names = [
            ("victim", "victim_memory"),
            ("victim_two", "victim_two_memory"),
        ];
        let victims = names
            .map(|names| start_victim(owner, &root, &secret, names, &mut words, &victim_heard));
        World {
            folder,
            owner,
            secret,
            words,
            heard,
            pipes,
            victims,
            victim_heard,
        }
    }

    /// The world's own folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// `text` with every `{word}` of this world replaced.
    pub fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (word, value) in &self.words {
            text = text.replace(&format!("{{{word}}}"), value);
        }
        text
    }

    /// The command line that starts something the way a careless user would, told by the caller's `options`.
    pub fn caller(&self, options: &[String]) -> Command {
        let mut command = Command::new(self.word("caller"));
        command.arg("caller");
        if let Some((uid, group)) = self.owner.becomes {
            command.args(["--become", &uid.to_string(), &group.to_string()]);
        }
        command.args([
            "--careless",
            self.word("home"),
            &format!("{}/secret.txt", self.word("outside")),
        ]);
        command.args(options).arg("--");
        command
            .env_clear()
            .env("HOME", self.word("home"))
            .env("USER", "careless")
            .env("LANG", "C.UTF-8")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("TMPDIR", self.word("tmp"))
            .env("XDG_RUNTIME_DIR", self.word("tmp"))
            .current_dir(self.word("project"));
        command
    }

    /// Gives what lies at `path` to the world's owner.
    pub fn own(&self, path: &Path) {
        if let Some((uid, _)) = self.owner.becomes {
            own(path, uid);
        }
    }

    /// Whether a process is one of the victims, which are the world's own.
    pub fn is_victim(&self, pid: u32) -> bool {
        self.victims.iter().any(|victim| victim.id() == pid)
    }

    fn word(&self, word: &str) -> &str {
        self.words.get(word).map_or("", String::as_str)
    }

    /// What came in by any door since the last time this was asked.
    pub fn heard(&mut self) -> Vec<String> {
        let mut all = std::mem::take(&mut *self.heard.lock().expect("the doors"));
        for (name, pipe) in &mut self.pipes {
            let mut text = Vec::new();
            // The pipe is not waited on: what is in it now is all that counts.
            let _ = pipe.read_to_end(&mut text);
            let expected: &[u8] = if name == "f" {
                b""
            } else {
                self.secret.as_bytes()
            };
            if text != expected {
                all.push(format!("pipe {name}: {}", String::from_utf8_lossy(&text)));
            }
            if name != "f" {
                let _ = pipe.write_all(self.secret.as_bytes());
            }
        }
        let signals = self.victim_heard.swap(0, Ordering::Relaxed);
        if signals > 0 {
            all.push(format!("the victim got {signals} signals"));
        }
        for victim in &mut self.victims {
            if let Ok(Some(status)) = victim.try_wait() {
                all.push(format!("a victim ended: {status}"));
            }
        }
        all
    }

    /// Every file below the world's folder with all that can be seen of it from outside.
    pub fn picture(&self) -> BTreeMap<PathBuf, String> {
        let mut picture = BTreeMap::new();
        take_picture(self.root(), &mut picture);
        picture
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for victim in &mut self.victims {
            let _ = victim.kill();
            let _ = victim.wait();
        }
    }
}

const OWN_FILES: [&str; 14] = [
    "write",
    "remove",
    "rename",
    "one",
    "other",
    "mode",
    "times",
    "owner",
    "attribute",
    "cut",
    "map",
    "reopen",
    "turn",
    "lock",
];

static NEXT: AtomicU64 = AtomicU64::new(0);

fn now_nanos() -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a clock");
    u64::from(now.subsec_nanos())
}

/// A fact of this machine, or a word that is nowhere where the machine does not tell it.
fn first_line(file: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .next()
        .filter(|line| !line.is_empty())
        .unwrap_or("this machine does not tell")
        .to_owned()
}

fn make_files(root: &Path, secret: &str) {
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("the world's mode");
    for name in [
        "home/.ssh",
        "home/.config/tool",
        "home/.aws",
        "home/src/project/.git/hooks",
        "home/src/project/sub/deeper",
        "home/src/other",
        "home/src/project/own",
        "outside",
        "tmp",
    ] {
        fs::create_dir_all(root.join(name)).expect("a folder");
    }
    let config =
        format!("[remote \"origin\"]\n\turl = https://me:{secret}-git@example.invalid/r.git\n");
    for (name, content) in [
        ("home/.ssh/id_rsa", secret),
        ("home/.aws/credentials", secret),
        ("home/.netrc", secret),
        ("home/.bash_history", secret),
        ("home/.config/tool/token", secret),
        ("home/src/other/notes.txt", secret),
        ("outside/secret.txt", secret),
        ("outside/group.txt", secret),
        ("home/src/project/group.txt", "the group's\n"),
        ("home/src/project/hello.txt", "hello\n"),
        ("home/src/project/sub/deeper/file.txt", "deep\n"),
        ("home/src/project/-rf", "a name like an option\n"),
        ("home/src/project/line\nbreak", "a name of two lines\n"),
        ("home/src/project/.git/hooks/pre-commit", "#!/bin/sh\n"),
        ("home/src/project/.git/config", config.as_str()),
        ("home/src/project/.env", &format!("TOKEN={secret}-env\n")),
        ("home/src/project/key.pem", &format!("{secret}-pem\n")),
    ] {
        fs::write(root.join(name), content).expect("a file");
    }
    let project = root.join("home/src/project");
    // A file for each row that changes one, so that controls do not get into each other's way.
    for name in OWN_FILES {
        fs::write(project.join("own").join(name), "own\n").expect("a file");
    }
    for (name, mark) in [(".env", "env"), ("key.pem", "pem")] {
        fs::write(
            project.join("own").join(name),
            format!("TOKEN={secret}-{mark}\n"),
        )
        .expect("a file");
    }
    let links: [(&Path, &str); 8] = [
        (&root.join("outside/secret.txt"), "link_absolute"),
        (Path::new("../../.ssh/id_rsa"), "link_relative"),
        (&root.join("home"), "link_to_home"),
        (Path::new("/"), "link_to_root"),
        (Path::new("link_to_home/.ssh"), "link_to_link"),
        (Path::new("/proc/self/root"), "link_to_proc_root"),
        (Path::new("/proc/1/root"), "link_to_root_of_init"),
        (&root.join("outside/secret.txt"), "secrets.pem"),
    ];
    for (target, name) in links {
        symlink(target, project.join(name)).expect("a link");
    }
    symlink(&project, root.join("project_link")).expect("a link");
    let trap = root.join("trap");
    for folder in ["", "home", "var"] {
        fs::create_dir(trap.join(folder)).expect("a folder");
    }
    for name in [
        "tmp",
        "usr",
        "etc",
        "proc",
        "dev",
        "home/sandbox",
        "var/tmp",
        ".git",
        ".ssh",
    ] {
        symlink(root.join("home"), trap.join(name)).expect("a link");
    }
    fs::set_permissions(root.join("home/.ssh"), fs::Permissions::from_mode(0o700)).expect("a mode");
}

/// A project whose own policy would allow everything, if anybody trusted it.
fn make_loose_project(root: &Path, server: &str) {
    fs::create_dir(root.join("loose")).expect("a folder");
    let world = root.display();
    let policy = format!(
        "[files]\nread = [\"{world}/outside\", \"{world}/home\"]\n\n[network]\nallow = [\"{server}\", \"192.0.2.7:443\"]\n"
    );
    fs::write(root.join("loose/.belljar.toml"), policy).expect("a policy");
    fs::copy(root.join("bin/probe"), root.join("loose/tool")).expect("the project's own program");
}

fn own(path: &Path, uid: u32) {
    lchown(path, Some(uid), Some(uid)).expect("a new owner");
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).expect("a folder") {
            own(&entry.expect("a name").path(), uid);
        }
    }
}

fn take_picture(path: &Path, picture: &mut BTreeMap<PathBuf, String>) {
    use std::os::unix::fs::FileTypeExt;
    let meta = fs::symlink_metadata(path).expect("a file of the world");
    let kind = meta.file_type();
    let mut told = format!(
        "inode {} mode {:o} owner {}:{} links {} size {} changed {}.{}",
        meta.ino(),
        meta.mode(),
        meta.uid(),
        meta.gid(),
        meta.nlink(),
        meta.size(),
        meta.ctime(),
        meta.ctime_nsec()
    );
    if kind.is_fifo() || kind.is_socket() {
        // Their times move when somebody looks at them; what came through is counted elsewhere.
        told = format!(
            "inode {} mode {:o} owner {}:{}",
            meta.ino(),
            meta.mode(),
            meta.uid(),
            meta.gid()
        );
    } else if kind.is_symlink() {
        told += &format!(" -> {}", fs::read_link(path).expect("a link").display());
    } else if kind.is_file() && meta.size() < 1 << 16 {
        told += &format!(" holds {:?}", fs::read(path).expect("a file"));
    }
    picture.insert(path.to_owned(), told);
    if kind.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            take_picture(&entry.expect("a name").path(), picture);
        }
    }
}

type Heard = Arc<Mutex<Vec<String>>>;

fn hear(heard: &Heard, door: &str) {
    heard.lock().expect("the doors").push(door.to_owned());
}

fn listen_tcp(
    address: &str,
    word: &'static str,
    secret: &str,
    heard: &Heard,
    words: &mut BTreeMap<&'static str, String>,
) {
    // A machine without IPv6 has no ::1; rows that need it are then not provable.
    let Ok(listener) = TcpListener::bind(address) else {
        words.insert(word, "[::1]:9".to_owned());
        return;
    };
    words.insert(word, listener.local_addr().expect("an address").to_string());
    words.insert(
        if word == "tcp" {
            "tcp_port"
        } else {
            "tcp6_port"
        },
        listener
            .local_addr()
            .expect("an address")
            .port()
            .to_string(),
    );
    let (secret, heard) = (secret.to_owned(), heard.clone());
    std::thread::spawn(move || {
        for peer in listener.incoming().flatten() {
            hear(&heard, word);
            let mut peer = peer;
            let _ = peer.write_all(secret.as_bytes());
        }
    });
}

fn listen_udp(secret: &str, heard: &Heard, words: &mut BTreeMap<&'static str, String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP port");
    words.insert("udp", socket.local_addr().expect("an address").to_string());
    let (secret, heard) = (secret.to_owned(), heard.clone());
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
            hear(&heard, "udp");
            let _ = socket.send_to(secret.as_bytes(), peer);
        }
    });
}

fn listen_unix(path: &Path, secret: &str, heard: &Heard) {
    let listener = UnixListener::bind(path).expect("a socket");
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("the socket's mode");
    answer_unix(listener, &path.display().to_string(), secret, heard);
}

fn answer_unix(listener: UnixListener, door: &str, secret: &str, heard: &Heard) {
    let (door, secret, heard) = (door.to_owned(), secret.to_owned(), heard.clone());
    std::thread::spawn(move || {
        for mut peer in listener.incoming().flatten() {
            hear(&heard, &door);
            let _ = peer.write_all(secret.as_bytes());
        }
    });
}

fn listen_datagrams(path: &Path, heard: &Heard) {
    let socket = UnixDatagram::bind(path).expect("a socket");
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("the socket's mode");
    let (door, heard) = (path.display().to_string(), heard.clone());
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while socket.recv(&mut buffer).is_ok() {
            hear(&heard, &door);
        }
    });
}

fn make_pipe(path: &Path, content: &str) -> fs::File {
    let made = Command::new("mkfifo")
        .arg("-m")
        .arg("666")
        .arg(path)
        .status()
        .expect("mkfifo");
    assert!(made.success(), "mkfifo {}", path.display());
    let mut pipe = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(O_NONBLOCK)
        .open(path)
        .expect("the pipe");
    pipe.write_all(content.as_bytes())
        .expect("room in the pipe");
    pipe
}

/// Somebody of the same user, on the host, with a secret in its memory.
fn start_victim(
    owner: Owner,
    root: &Path,
    secret: &str,
    (name, memory): (&'static str, &'static str),
    words: &mut BTreeMap<&'static str, String>,
    heard: &Arc<AtomicU64>,
) -> Child {
    let mut command = Command::new(root.join("bin/probe"));
    command
        .args(["victim", secret])
        .env_clear()
        .env("VICTIM", secret);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some((uid, _)) = owner.becomes {
        use std::os::unix::process::CommandExt;
        command.uid(uid).gid(uid);
    }
    let mut victim = command.spawn().expect("the victim");
    let mut lines = BufReader::new(victim.stdout.take().expect("its output")).lines();
    let first = lines
        .next()
        .expect("the victim's first line")
        .expect("the victim's first line");
    let (pid, place) = first.split_once(' ').expect("pid and address");
    words.insert(name, pid.to_owned());
    words.insert(memory, place.to_owned());
    let count = heard.clone();
    std::thread::spawn(move || {
        for _ in lines.map_while(Result::ok) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    victim
}

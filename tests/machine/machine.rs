//! Boots a machine with a kernel of its own, in which there is nothing but busybox, Belljar and the probe of the escape
//! table, and takes down what it says on its console.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::Value;

use crate::archive::Archive;
use crate::probe;

/// It takes 40 seconds on one idle core, without any help of the processor's.
const PATIENCE: Duration = Duration::from_secs(400);

/// What one thing that was tried in the machine said, and its exit status.
#[derive(Debug)]
pub struct Said {
    pub text: String,
    pub status: i32,
}

impl Said {
    /// As JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// One JSON text a line.
    pub fn reports(&self) -> Vec<Value> {
        let lines = self.text.lines().filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect()
    }
}

/// What was said in the machine, by the name of what was tried.
pub struct Machine {
    said: BTreeMap<String, Said>,
    console: String,
}

impl Machine {
    /// What `name` said. It must have been tried.
    pub fn said(&self, name: &str) -> &Said {
        self.said
            .get(name)
            .unwrap_or_else(|| panic!("{name} was not tried:\n{}", self.console))
    }

    /// The report that `name` printed.
    pub fn report(&self, name: &str) -> Value {
        self.said(name).json()
    }
}

/// The machine after everything was tried in it, once for all tests; or why there can be none.
pub fn machine() -> Result<&'static Machine, &'static str> {
    static MACHINE: OnceLock<Result<Machine, String>> = OnceLock::new();
    MACHINE
        .get_or_init(|| Parts::find().map(|parts| boot(&parts)))
        .as_ref()
        .map_err(String::as_str)
}

/// What a machine is made of. `tests/tools` gets it.
struct Parts {
    folder: PathBuf,
}

impl Parts {
    fn find() -> Result<Parts, String> {
        if std::env::consts::ARCH != "x86_64" {
            return Err("the second kernel is one for x86_64".to_owned());
        }
        let found = Command::new("qemu-system-x86_64").arg("--version").output();
        if !found.is_ok_and(|output| output.status.success()) {
            return Err("qemu-system-x86_64 is not installed".to_owned());
        }
        let folder = std::env::var_os("BELLJAR_TEST_MACHINE").map(PathBuf::from);
        folder
            .filter(|folder| folder.join("vmlinuz").is_file())
            .map(|folder| Parts { folder })
            .ok_or_else(|| {
                "there is no second kernel (BELLJAR_TEST_MACHINE, which tests/run sets)".to_owned()
            })
    }

    fn read(&self, name: &str) -> Vec<u8> {
        read(&self.folder.join(name))
    }

    /// The file system that the machine begins with.
    fn first_files(&self, workshop: &Path) -> Vec<u8> {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine");
        let mut archive = Archive::default();
        for directory in ["bin", "dev", "etc", "lib", "new"] {
            archive.directory(directory);
        }
        archive.program("init", &read(&ours.join("init.sh")));
        archive.file("inside.sh", &read(&ours.join("inside.sh")));
        archive.file(
            "etc/passwd",
            b"root:x:0:0::/:/bin/sh\nuser:x:1001:1001::/home/user:/bin/sh\n",
        );
        archive.file("etc/group", b"root:x:0:\nuser:x:1001:\n");
        archive.program("bin/busybox", &self.read("busybox"));
        archive.program("bin/belljar", &belljar(workshop));
        archive.program("bin/probe", &probe(workshop));
        for entry in self.folder.read_dir().expect("the parts") {
            let name = entry.expect("a part").file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".ko") {
                archive.file(&format!("lib/{name}"), &self.read(&name));
            }
        }
        archive.finish()
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The binary under test, without the part of it that only debuggers read, if that can be taken off.
fn belljar(workshop: &Path) -> Vec<u8> {
    let built = Path::new(env!("CARGO_BIN_EXE_belljar"));
    let small = workshop.join("belljar");
    let stripped = Command::new("strip")
        .arg("-o")
        .arg(&small)
        .arg(built)
        .status();
    read(if stripped.is_ok_and(|status| status.success()) {
        &small
    } else {
        built
    })
}

/// The probe of the escape table.
fn probe(workshop: &Path) -> Vec<u8> {
    let probe = workshop.join("probe");
    probe::build(&probe);
    read(&probe)
}

fn boot(parts: &Parts) -> Machine {
    let workshop = tempfile::Builder::new()
        .prefix("belljar-machine-")
        .tempdir()
        .expect("a temporary folder");
    let files = workshop.path().join("files");
    std::fs::write(&files, parts.first_files(workshop.path())).expect("the first files");
    // The processor is imitated: whether another machine may use the real one's help differs everywhere.
    let mut qemu = Command::new("qemu-system-x86_64")
        .args([
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-smp",
            "2",
            "-m",
            "1024",
        ])
        .args([
            "-nodefaults",
            "-display",
            "none",
            "-serial",
            "stdio",
            "-no-reboot",
        ])
        .args([
            "-append",
            "console=ttyS0 loglevel=1 panic=-1 mitigations=off",
        ])
        .arg("-kernel")
        .arg(parts.folder.join("vmlinuz"))
        .arg("-initrd")
        .arg(&files)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("qemu");
    let mut output = qemu.stdout.take().expect("a console");
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = output.read_to_end(&mut text);
        let _ = sender.send(text);
    });
    let heard = receiver.recv_timeout(PATIENCE).or_else(|_| {
        let _ = qemu.kill();
        receiver.recv()
    });
    let _ = qemu.wait();
    let console = String::from_utf8_lossy(&heard.expect("a console")).replace('\r', "");
    Machine {
        said: parse(&console),
        console,
    }
}

/// What was said as a whole; what lost something on the way out is left out.
fn parse(console: &str) -> BTreeMap<String, Said> {
    let mut said = BTreeMap::new();
    let mut text = String::new();
    for line in console.lines() {
        if line.starts_with("@begin ") {
            text.clear();
        } else if let Some(end) = line.strip_prefix("@end ").and_then(read_end) {
            // The line end before it is not what was said.
            if text.len() == end.bytes + 1 {
                let (text, status) = (text.trim().to_owned(), end.status);
                said.insert(end.name.to_owned(), Said { text, status });
            }
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    said
}

struct End<'a> {
    name: &'a str,
    status: i32,
    bytes: usize,
}

fn read_end(rest: &str) -> Option<End<'_>> {
    let mut words = rest.split(' ');
    Some(End {
        name: words.next()?,
        status: words.next()?.parse().ok()?,
        bytes: words.next()?.parse().ok()?,
    })
}

//! The two ways round what a machine may lack, the overlay and the listener: the posture says which was taken, and as
//! little gets out as before.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::person::{Person, for_everybody, output};

const REACH_OUT: &str = include_str!("payloads/reach_out.py");
pub const DENIED: &str = include_str!("payloads/denied.py");
const SECRET: &str = "only the host may know";
/// O_NONBLOCK of include/uapi/asm-generic/fcntl.h.
const NONBLOCKING: i32 = 0o4000;

/// A folder with doors to this process in it: sockets and pipes that it listens on.
struct Doors {
    folder: PathBuf,
    stream: UnixListener,
    datagram: UnixDatagram,
    given: std::fs::File,
    taken: std::fs::File,
}

impl Doors {
    fn new(person: &Person, name: &str) -> Doors {
        let notes = person.put(Path::new(name).join("notes.txt"), "a note");
        let folder = notes.parent().expect("a folder").to_owned();
        for hidden in [".env", "below/.aws/credentials"] {
            person.put(Path::new(name).join(hidden), SECRET);
        }
        let stream = UnixListener::bind(folder.join("stream.sock")).expect("a socket");
        let datagram = UnixDatagram::bind(folder.join("datagram.sock")).expect("a socket");
        stream
            .set_nonblocking(true)
            .expect("a socket that does not wait");
        datagram
            .set_nonblocking(true)
            .expect("a socket that does not wait");
        let pipe = |name: &str| {
            let path = folder.join(name);
            let mut made = Command::new("mkfifo");
            assert!(output(made.arg(&path)).status.success(), "mkfifo");
            let options = OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(NONBLOCKING)
                .open(&path);
            options.expect("a pipe")
        };
        let (given, taken) = (pipe("given.fifo"), pipe("taken.fifo"));
        for door in ["stream.sock", "datagram.sock", "given.fifo", "taken.fifo"] {
            let all = std::fs::Permissions::from_mode(0o777);
            std::fs::set_permissions(folder.join(door), all).expect("open to all");
        }
        person.user.own_everything();
        let doors = Doors {
            folder,
            stream,
            datagram,
            given,
            taken,
        };
        doors.fill();
        doors
    }

    fn path(&self) -> &str {
        self.folder.to_str().expect("text")
    }

    fn fill(&self) {
        (&self.taken)
            .write_all(SECRET.as_bytes())
            .expect("room in the pipe");
    }

    /// What came through, and what was taken away.
    fn reached(&self) -> Vec<&'static str> {
        let waits = |error: std::io::Error| {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            false
        };
        let mut buffer = [0; 100];
        let mut reached = vec![
            ("connect", self.stream.accept().map_or_else(waits, |_| true)),
            (
                "send",
                self.datagram.recv(&mut buffer).map_or_else(waits, |_| true),
            ),
            (
                "give",
                (&self.given).read(&mut buffer).map_or_else(waits, |_| true),
            ),
            (
                "take",
                (&self.taken)
                    .read(&mut buffer)
                    .map_or_else(|error| !waits(error), |n| n == 0),
            ),
        ];
        self.fill();
        reached.retain(|(_, is_reached)| *is_reached);
        reached.into_iter().map(|(door, _)| door).collect()
    }

    /// Outside every attempt gets through, so one that does not was refused.
    fn prove(&self, person: &Person) {
        let outside = person.python_outside(REACH_OUT, &[self.path()]);
        for door in ["connect", "send", "give"] {
            assert_eq!(outside[door], "reached", "outside: {outside}");
        }
        for name in ["take", "hidden", "hidden below"] {
            assert_eq!(outside[name], SECRET, "outside: {outside}");
        }
        assert_eq!(outside["write"], "wrote", "outside: {outside}");
        assert_eq!(self.reached(), ["connect", "send", "give", "take"]);
        std::fs::write(self.folder.join("notes.txt"), "a note").expect("as it was");
    }

    /// That an attempt from inside reached nothing.
    #[track_caller]
    fn check(&self, told: &Value) {
        assert_eq!(self.reached(), [""; 0], "doors that were reached: {told}");
        for door in ["connect", "send"] {
            assert_ne!(told[door], "reached", "{told}");
        }
        assert!(!told.to_string().contains(SECRET), "{told}");
        let note = told["notes"].as_str().expect("a note");
        assert!(note.starts_with("a note"), "the folder is there: {told}");
        let notes = std::fs::read_to_string(self.folder.join("notes.txt"));
        assert_eq!(
            notes.expect("the note"),
            "a note",
            "the host's file has changed"
        );
    }
}

#[test]
fn no_door_in_a_project_leads_out_with_an_overlay() {
    for_everybody(|person| {
        let doors = Doors::new(person, "project");
        doors.prove(person);
        let ran = person
            .python(&["--project", doors.path()], REACH_OUT, &[doors.path()])
            .succeeded();
        let posture = &ran.report["posture"];
        assert_eq!(posture["project"], "overlay", "{posture}");
        assert!(posture.get("notes").is_none(), "{posture}");
        let told = ran.told();
        assert_eq!(told["write"], "wrote", "{told}");
        doors.check(&told);
    });
}

#[test]
fn no_door_in_a_project_leads_out_without_an_overlay_and_the_posture_says_so() {
    for_everybody(|person| {
        let doors = Doors::new(person, "project");
        doors.prove(person);
        let options = ["--project", doors.path()];
        let words = ["python3", "-c", REACH_OUT, doors.path()];
        let ran = person
            .exec_with(&[("BELLJAR_FAIL_AT", "overlay")], &options, &words)
            .succeeded();
        let posture = &ran.report["posture"];
        assert_eq!(posture["project"], "read", "{posture}");
        let notes = posture["notes"].to_string();
        assert!(
            notes.contains("overlay") && notes.contains("read-only"),
            "{posture}"
        );
        assert_eq!(posture["located"], true, "{posture}");
        let told = ran.told();
        assert!(
            told["write"] == "EROFS" || told["write"] == "EACCES",
            "{told}"
        );
        doors.check(&told);
    });
}

#[test]
fn no_door_in_a_folder_that_may_be_read_leads_out() {
    for_everybody(|person| {
        let doors = Doors::new(person, "data");
        doors.prove(person);
        let project = person.put("project/main.py", "").with_file_name("");
        let allow = format!("files.read = [{:?}]", doors.path());
        let options = [
            "--project",
            project.to_str().expect("text"),
            "--allow",
            &allow,
        ];
        let ran = person
            .python(&options, REACH_OUT, &[doors.path()])
            .succeeded();
        let mut told = ran.told();
        assert_ne!(told["write"], "wrote", "{told}");
        // What the user names is shown whole; hiding is for projects.
        for hidden in ["hidden", "hidden below"] {
            told[hidden] = Value::Null;
        }
        doors.check(&told);
    });
}

#[test]
fn what_is_refused_is_refused_with_the_same_error_when_nobody_listens() {
    for_everybody(|person| {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        server
            .set_nonblocking(true)
            .expect("a server that does not wait");
        let address = server.local_addr().expect("an address").to_string();
        let outside = person.python_outside(DENIED, &[&address, "as root of a namespace"]);
        for (name, answer) in outside.as_object().expect("answers") {
            // Nobody need answer at that address; but somebody must be asked.
            let may_ask = name == "connect out" && answer != "EACCES" && answer != "EPERM";
            assert!(answer == "ok" || may_ask, "outside, {name}: {answer}");
        }
        assert!(
            server.accept().is_ok(),
            "the server was reached from outside"
        );

        let words = ["python3", "-c", DENIED, &address];
        let heard = person.exec(&[], &words).succeeded();
        let unheard = person
            .exec_with(&[("BELLJAR_FAIL_AT", "listener")], &[], &words)
            .succeeded();
        let wanted = json!({
            "mount": "EPERM", "user namespace": "EPERM", "trace": "EPERM", "virtual machine socket": "EAFNOSUPPORT",
            "keys": "ENOSYS", "personality": "EPERM",
        });
        for (ran, located) in [(&heard, true), (&unheard, false)] {
            let posture = &ran.report["posture"];
            assert_eq!(posture["located"], located, "{posture}");
            let told = ran.told();
            for (name, errno) in wanted.as_object().expect("errors") {
                assert_eq!(&told[name], errno, "{name}, located: {located}: {told}");
            }
            for name in ["connect out", "connect to a server of the host"] {
                let answer = told[name].as_str().expect("an answer");
                assert!(
                    answer.starts_with('E') && answer != "ETIMEDOUT",
                    "{name}, located: {located}: {told}"
                );
            }
        }
        assert!(
            server.accept().is_err(),
            "the server was reached from inside"
        );

        assert_eq!(
            heard.violations("network.connect"),
            ["192.0.2.7:443"],
            "{}",
            heard.report
        );
        let mut calls = heard.violations("syscall");
        calls.sort_unstable();
        assert_eq!(
            calls,
            ["keyctl", "mount", "personality", "socket", "unshare"]
        );
        assert_eq!(
            heard.violations("process.trace").len(),
            1,
            "{}",
            heard.report
        );
        assert_eq!(unheard.report["violations"], json!([]));
        let notes = unheard.report["posture"]["notes"].to_string();
        assert!(notes.contains("enforced but not located"), "{notes}");
        assert!(heard.report["posture"].get("notes").is_none());
    });
}

#[test]
fn what_lies_behind_a_link_in_a_view_is_shown_and_stays_as_it_is() {
    for_everybody(|person| {
        let text = "#!/bin/sh\necho hello\n";
        let script = person.put("elsewhere/tools/hello", text);
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&script, all).expect("a program");
        let project = person.put("here/main.py", "").with_file_name("");
        let elsewhere = script.parent().and_then(Path::parent).expect("a folder");
        let link = elsewhere.with_file_name("linked");
        std::os::unix::fs::symlink(elsewhere, &link).expect("a link");
        let through = link.join("tools/hello");
        let allow = format!("files.read = [{:?}]", link.to_str().expect("text"));
        let options = [
            "--project",
            project.to_str().expect("text"),
            "--allow",
            &allow,
        ];
        let ran = person.exec(&options, &[through.to_str().expect("text")]);
        assert_eq!(ran.stdout(), "hello\n", "{}", ran.report);
        assert_eq!(std::fs::read_to_string(&script).expect("a file"), text);
    });
}

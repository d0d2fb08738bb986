//! The preload of Node in real Nodes: what it tells, joined to what the kernel would be asked for.

// The programs that are looked at are started here, and in no cell.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Operation, Told};
use crate::{Certainty, Place};

const PRELOAD: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../policies/runtimes/node-places.cjs"
);

/// Loaded before the preload: shows what that opens.
const SPY: &str = r#"
const { writeSync } = require("fs");
const files = process.binding("fs");
const { open } = files;
files.open = (path, ...rest) => {
  if (String(path).startsWith("/.belljar/")) writeSync(1, `${process.pid} ${JSON.stringify(String(path))}\n`);
  return open(path, ...rest);
};
"#;

/// As the runtime files have it.
fn preload(directory: &Path) -> PathBuf {
    let stub = directory.join("preload.cjs");
    let code = format!(
        "module._compile(require('fs').readFileSync('{PRELOAD}', 'utf8'), 'node:internal/belljar');"
    );
    fs::write(&stub, code).expect("a file");
    stub
}

/// A document for each way of loading modules. A line that asks for something ends in `//: OPERATION TARGET`.
const DOCUMENTS: &[(&str, &str)] = &[
    (
        "document.cjs",
        r#"
const fs = require("fs"), net = require("net"), http = require("http"), cp = require("child_process");
const dns = require("dns"), dgram = require("dgram"), quiet = () => {};
try { fs.readFileSync("/opt/belljar/1"); } catch {}  //: file /opt/belljar/1
fs.readFile("/opt/belljar/2", quiet);  //: file /opt/belljar/2
fs.promises.readFile("/opt/belljar/3").catch(quiet);  //: file /opt/belljar/3
fs.createReadStream("/opt/belljar/4").on("error", quiet);  //: file /opt/belljar/4
fs.createWriteStream("/opt/belljar/5").on("error", quiet);  //: file /opt/belljar/5
try { fs.writeFileSync("/usr/belljar/6", ""); } catch {}  //: file /usr/belljar/6
fs.rename("/opt/belljar/7", "/opt/belljar/8", quiet);  //: file /opt/belljar/8
net.connect(443, "127.0.0.2").on("error", quiet);  //: connect 127.0.0.2:443
http.get("http://127.0.0.3:9/x").on("error", quiet);  //: connect 127.0.0.3:9
fetch("http://127.0.0.4:8080/").catch(quiet);  //: connect 127.0.0.4:8080
fetch("http://127.0.0.5:8080/").catch(quiet);  //: connect 127.0.0.5:8080
net.connect("/opt/belljar/socket").on("error", quiet);  //: connect /opt/belljar/socket
dns.lookup("one.invalid", quiet);  //: resolve one.invalid
dns.promises.resolve4("two.invalid").catch(quiet);  //: resolve two.invalid
const socket = dgram.createSocket("udp4");
socket.send("x", 9, "127.0.0.6", () => socket.close());  //: connect 127.0.0.6:9
cp.spawnSync("/bin/true");  //: spawn /bin/true
cp.exec("true", quiet);  //: spawn /bin/sh
try { process.kill(999999999, "SIGTERM"); } catch {}  //: signal 999999999
class Library { call() { return fs.promises.mkdir("/opt/belljar/9").catch(quiet); } }  //: file /opt/belljar/9
fs.cp("/usr/bin/env", "/usr/belljar/10", quiet);  //: file /usr/belljar/10
(async () => { await null; await new Library().call(); })();
setTimeout(() => process.exit(), 5000).unref();
setTimeout(() => net.connect(443, "127.0.0.7").on("error", quiet), 1);  //: connect 127.0.0.7:443
"#,
    ),
    (
        "document.mjs",
        r#"
import fs, { readFileSync } from "node:fs";
import { connect } from "net";
import { exec } from "node:child_process";
import * as dns from "node:dns/promises";
const quiet = () => {};
setTimeout(() => process.exit(), 5000).unref();
try { readFileSync("/opt/belljar/1") } catch {}  //: file /opt/belljar/1
await dns.lookup("one.invalid").catch(quiet);  //: resolve one.invalid
connect(443, "127.0.0.2").on("error", quiet);  //: connect 127.0.0.2:443
exec("true");  //: spawn /bin/sh
const http = await import("http");
http.get("http://127.0.0.3:9").on("error", quiet);  //: connect 127.0.0.3:9
await fetch("http://127.0.0.4:8080").catch(quiet);  //: connect 127.0.0.4:8080
"#,
    ),
    (
        "worker.cjs",
        r#"
const { Worker, isMainThread } = require("worker_threads");
if (isMainThread) new Worker(__filename);
else require("net").connect(443, "127.0.0.2").on("error", () => {});  //: connect 127.0.0.2:443
"#,
    ),
];

fn nodes() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::env::var_os("BELLJAR_TEST_NODES")
        .map(|list| std::env::split_paths(&list).collect())
        .unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.extend(
        std::env::split_paths(&path)
            .map(|directory| directory.join("node"))
            .find(|node| node.exists()),
    );
    found
}

struct Run {
    told: Told,
    pids: Vec<i32>,
    stderr: String,
}

fn run(node: &Path, directory: &Path, document: &Path) -> Run {
    let spy = directory.join("spy.cjs");
    fs::write(&spy, SPY).expect("a file");
    let output = Command::new(node)
        .arg(document)
        .env(
            "NODE_OPTIONS",
            format!(
                "--require={} --require={}",
                spy.display(),
                preload(directory).display()
            ),
        )
        .stdin(Stdio::null())
        .output()
        .expect("node starts");
    let mut run = Run {
        told: Told::default(),
        pids: Vec::new(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((pid, path)) = line.split_once(' ') else {
            continue;
        };
        let pid = pid.parse().expect("a number");
        run.told
            .take(pid, document, path.trim_matches('"').as_bytes());
        run.pids.push(pid);
    }
    run
}

fn place(run: &Run, operation: &str, target: &str) -> Option<Place> {
    let operation = Operation::of(operation.as_bytes()).expect("an operation");
    run.pids
        .iter()
        .find_map(|pid| run.told.place(*pid, operation, target.as_bytes()))
}

#[test]
fn what_is_asked_for_later_or_elsewhere_has_the_line_that_asked() {
    let nodes = nodes();
    if nodes.is_empty() {
        assert!(std::env::var_os("BELLJAR_MUST").is_none(), "no Node here");
        println!("skipped: no Node here");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut wrong = Vec::new();
    let mut n_lines = 0;
    for node in &nodes {
        for (name, text) in DOCUMENTS {
            let document = directory.path().join(name);
            fs::write(&document, text).expect("a document");
            let run = run(node, directory.path(), &document);
            for (index, line) in text.lines().enumerate() {
                let Some((_, mark)) = line.split_once("//: ") else {
                    continue;
                };
                n_lines += 1;
                let (operation, target) = mark.split_once(' ').expect("two words");
                let found = place(&run, operation, target);
                let found = found.map(|place| (place.line, place.certainty));
                let wanted = (u32::try_from(index + 1).ok(), Certainty::Exact);
                if found != Some(wanted) {
                    wrong.push(format!("{} {name} {line}: {found:?}", node.display()));
                }
            }
        }
    }
    println!("{n_lines} lines in {} versions", nodes.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_library_is_told_apart_and_the_preload_stays_out_of_errors() {
    let directory = tempfile::tempdir().expect("a directory");
    let library = directory.path().join("library.cjs");
    let text = "exports.go = () => require('net').connect(443, '127.0.0.2').on('error', () => {});\n\
                exports.fail = () => require('fs').readFileSync('/opt/belljar/1');\n";
    fs::write(&library, text).expect("a library");
    let document = directory.path().join("document.cjs");
    let text = "const library = require('./library.cjs');\nlibrary.go();\nlibrary.fail();\n";
    fs::write(&document, text).expect("a document");
    for node in nodes() {
        let run = run(&node, directory.path(), &document);
        let found = |operation, target| {
            place(&run, operation, target).map(|place| (place.line, place.certainty))
        };
        let go = found("connect", "127.0.0.2:443");
        assert_eq!(go, None, "it fails before it gets that far");
        let fail = found("file", "/opt/belljar/1");
        assert_eq!(fail, Some((Some(3), Certainty::Caller)));
        assert!(run.stderr.contains("ENOENT") && run.stderr.contains("document.cjs:3"));
        assert!(!run.stderr.contains("at Object.open (node:internal/belljar"));
        assert!(!run.stderr.contains("node-places"), "{}", run.stderr);
    }
}

/// Changes what the preload uses, and does what it looks at.
const BREAKER: &str = r#"
const { log } = console;
log("begins");
const fs = require("fs"), net = require("net"), dgram = require("dgram"), fail = () => { throw "broken"; };
Object.defineProperty(process, "argv", { get: fail });
for (const prototype of [Map.prototype, WeakMap.prototype]) prototype.get = prototype.set = fail;
String.prototype.includes = RegExp.prototype.test = fail;
Object.freeze(Error);
try { fs.readFileSync("/opt/belljar/1"); } catch (error) { log(error.code); }
fs.createReadStream("/opt/belljar/2").on("error", (error) => log(error.code));
net.connect(9, "127.0.0.2").on("error", (error) => log(error.code));
const socket = dgram.createSocket("udp4");
socket.send("x", 9, "127.0.0.6", (error) => { log(error); socket.close(); });
"#;

#[test]
fn a_program_that_changes_what_the_preload_uses_sees_nothing_of_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let document = directory.path().join("document.cjs");
    fs::write(&document, BREAKER).expect("a document");
    for node in nodes() {
        let run = |options: &str| {
            let output = Command::new(&node)
                .arg(&document)
                .env("NODE_OPTIONS", options)
                .stdin(Stdio::null())
                .output()
                .expect("node starts");
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let mut lines: Vec<String> = text(&output.stdout).lines().map(String::from).collect();
            lines.sort();
            (lines, text(&output.stderr))
        };
        let without = run("");
        let with = run(&format!(
            "--require={}",
            preload(directory.path()).display()
        ));
        assert!(without.0.len() >= 2, "the control: {without:?}");
        assert_eq!(with, without, "{}", node.display());
    }
}

/// Prints what a program can see of the modules that the preload changes.
const SIGHTSEER: &str = r#"
const fs = require("fs"), http = require("http"), net = require("net"), dgram = require("dgram"), cp = require("child_process");
const os = require("os"), path = require("path"), util = require("util"), { Worker } = require("worker_threads");
const log = (...rest) => console.log(util.format(...rest));
if (process.argv[2] === "child") {
  process.send({ argv: process.argv.length, options: process.execArgv });
} else (async () => {
  const server = http.createServer((asked, answer) => answer.end(`hi ${asked.url}`));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  log(await (await fetch(`http://127.0.0.1:${port}/a`)).text());
  log(await (await fetch(new URL(`http://localhost:${port}/b`), { method: "POST", body: "x" })).text());
  server.close();
  const socket = dgram.createSocket("udp4"), other = dgram.createSocket("udp4");
  await new Promise((done) => socket.bind(0, "127.0.0.1", done));
  await new Promise((done) => {
    socket.on("message", (text) => { log(String(text)); socket.close(done); });
    other.send("datagram", socket.address().port, "127.0.0.1", () => other.close());
  });
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "belljar-"));
  const at = (name) => path.join(directory, name);
  fs.writeFileSync(at("a"), "1");
  await fs.promises.appendFile(at("a"), "2");
  fs.copyFileSync(at("a"), at("b"));
  fs.renameSync(at("b"), at("c"));
  fs.symlinkSync("c", at("l"));
  log(fs.readFileSync(at("l"), "utf8"), fs.readdirSync(directory), fs.lstatSync(at("l")).isSymbolicLink(), fs.existsSync(at("x")));
  await require("stream/promises").pipeline(fs.createReadStream(at("a")), fs.createWriteStream(at("z")));
  log(fs.readFileSync(at("z"), "utf8"), await util.promisify(fs.exists)(directory));
  const handle = await fs.promises.open(at("a"), "r+");
  log(await handle.readFile("utf8"));
  await handle.close();
  fs.rmSync(directory, { recursive: true });
  log(cp.execSync("echo sync").toString(), cp.spawnSync("sh", ["-c", "exit 3"]).status, (await util.promisify(cp.exec)("echo async")).stdout);
  await new Promise((done) => cp.fork(__filename, ["child"]).on("message", (message) => { log(message); done(); }));
  try { process.kill(2 ** 30, 0); } catch (error) { log(error.code); }
  try { fs.readFileSync("/nope"); } catch (error) { log(error.stack, Object.keys(error)); }
  await fs.promises.readFile("/nope").catch((error) => log(error.message));
  log(typeof fetch, fetch.name, fetch.length, fs.readFile.length, fs.createReadStream.name, process.execArgv.length);
  log(Object.hasOwn(Error, "prepareStackTrace"), Error.stackTraceLimit, new net.Socket() instanceof require("stream").Duplex);
  const code = "require('worker_threads').parentPort.postMessage(require('fs').existsSync('/tmp'))";
  await new Promise((done) => new Worker(code, { eval: true }).on("message", (message) => { log(message); done(); }));
})().catch((error) => { console.log(error); process.exit(1); });
"#;

#[test]
fn a_program_sees_the_same_with_the_preload_and_without() {
    let directory = tempfile::tempdir().expect("a directory");
    let document = directory.path().join("document.cjs");
    fs::write(&document, SIGHTSEER).expect("a document");
    let options = [
        String::new(),
        format!(
            "--require={} --trace-sigint",
            preload(directory.path()).display()
        ),
    ];
    for node in nodes() {
        let seen = options.each_ref().map(|options| {
            let output = Command::new(&node)
                .arg(&document)
                .env("NODE_OPTIONS", options)
                .output()
                .expect("node starts");
            assert!(output.status.success(), "{output:?}");
            String::from_utf8_lossy(&output.stdout).into_owned()
        });
        let [without, with] = &seen;
        assert!(without.lines().count() > 15, "{without}");
        assert_eq!(without, with, "{}", node.display());
    }
}

#[test]
fn code_that_is_no_document_runs_as_if_nothing_were_loaded() {
    let code =
        "if (Object.getPrototypeOf(process.moduleLoadList) !== Array.prototype) process.exit(1)";
    let directory = tempfile::tempdir().expect("a directory");
    let preload = preload(directory.path());
    for node in nodes() {
        let status = Command::new(&node)
            .args(["-e", code])
            .env("NODE_OPTIONS", format!("--require={}", preload.display()))
            .status()
            .expect("node starts");
        assert!(status.success(), "{}", node.display());
    }
}

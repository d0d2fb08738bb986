//! Real interpreters, each held in a system call on a line that is marked `# here`.

// The programs that are looked at are started here, and in no cell.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Certainty, Locator, Place};

const READ: i64 = if cfg!(target_arch = "aarch64") { 63 } else { 0 };

/// Every Python 3.8 or newer that can be found.
fn interpreters() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::env::var_os("BELLJAR_TEST_PYTHONS")
        .map(|list| std::env::split_paths(&list).collect())
        .unwrap_or_default();
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let versions = root.and_then(|root| fs::read_dir(root.join("versions")).ok());
    for version in versions.into_iter().flatten().flatten() {
        let name = version.file_name().to_string_lossy().into_owned();
        let minor = name
            .strip_prefix("3.")
            .and_then(|rest| rest.split('.').next()?.parse().ok());
        if minor.is_some_and(|minor: u32| minor >= 8) {
            found.push(version.path().join("bin/python3"));
        }
    }
    found.push(PathBuf::from("/usr/bin/python3"));
    found.retain(|path| path.exists());
    found
}

struct Running {
    child: Child,
    directory: PathBuf,
}

impl Running {
    fn start(python: &Path, name: &str, text: &str) -> Running {
        let directory = std::env::temp_dir().join(format!(
            "belljar-cpython-{}-{}",
            std::process::id(),
            COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
        ));
        fs::create_dir_all(&directory).expect("a directory");
        let script = directory.join(name);
        fs::write(&script, text).expect("a script");
        let child = Command::new(python)
            .arg(&script)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python starts");
        Running { child, directory }
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a small number")
    }

    /// The thread, of this process or one that it made, that reads from standard input.
    fn reader(&self) -> Option<i32> {
        let mut pids = vec![self.pid()];
        while let Some(pid) = pids.pop() {
            for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
                let base = task.path();
                let call = fs::read_to_string(base.join("syscall")).unwrap_or_default();
                if call.starts_with(&format!("{READ} 0x0 ")) {
                    return task.file_name().to_str()?.parse().ok();
                }
                let children = fs::read_to_string(base.join("children")).unwrap_or_default();
                pids.extend(
                    children
                        .split_whitespace()
                        .filter_map(|pid| pid.parse::<i32>().ok()),
                );
            }
        }
        None
    }

    fn wait_for_reader(&mut self) -> i32 {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(thread) = self.reader() {
                return thread;
            }
            let ended = self.child.try_wait().expect("our child");
            assert!(
                ended.is_none() && Instant::now() < end,
                "it never read: {ended:?}"
            );
            std::thread::yield_now();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What it made reads the end of its input when we go, or is ended with it.
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

static COUNTER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

fn marked(text: &str) -> u32 {
    let index = text
        .lines()
        .position(|line| line.contains("# here"))
        .expect("a mark");
    u32::try_from(index + 1).expect("a small number")
}

fn place_of(python: &Path, name: &str, text: &str) -> Place {
    let mut running = Running::start(python, name, text);
    let thread = running.wait_for_reader();
    let document = running.directory.join(name);
    let mut locator = Locator::new(Some(&document));
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let place = locator.place(thread);
        // The thread that waits for this one may not have got there yet.
        if place.line.is_some() || Instant::now() >= end {
            return place;
        }
    }
}

const SNIPPETS: &[(&str, Certainty, &str)] = &[
    (
        "at the top",
        Certainty::Exact,
        "import os\nx = 1\nos.read(0, 1)  # here\ny = 2\n",
    ),
    (
        "in calls",
        Certainty::Exact,
        "import os\ndef inner(n):\n    if n:\n        return inner(n - 1)\n    return os.read(0, 1)  # here\n\n\ndef outer():\n    inner(9)\nouter()\n",
    ),
    (
        "over several lines",
        Certainty::Exact,
        "import os\nvalue = str(\n    os.read(  # here\n        0,\n        1,\n    )\n)\n",
    ),
    (
        "in a comprehension, a lambda and a property",
        Certainty::Exact,
        "import os\nclass A:\n    @property\n    def p(self):\n        f = lambda: [\n            os.read(0, n)  # here\n            for n in range(1, 2)]\n        return f()\nA().p\n",
    ),
    (
        "in a generator",
        Certainty::Exact,
        "import os\ndef g():\n    yield 1\n    os.read(0, 1)  # here\n    yield 2\ndef h():\n    yield from g()\nfor x in h():\n    pass\n",
    ),
    (
        "after an exception",
        Certainty::Exact,
        "import os\ntry:\n    try:\n        1 / 0\n    finally:\n        x = 1\nexcept ZeroDivisionError:\n    with open(os.devnull) as f:\n        os.read(0, 1)  # here\n",
    ),
    (
        "in a task",
        Certainty::Exact,
        "import asyncio, os\nasync def leaf():\n    await asyncio.sleep(0)\n    os.read(0, 1)  # here\nasync def branch():\n    await asyncio.wait_for(leaf(), 99)\nasync def main():\n    await asyncio.gather(asyncio.create_task(branch()), asyncio.sleep(9))\nasyncio.run(main())\n",
    ),
    (
        "in a thread",
        Certainty::Exact,
        "import os, threading\ndef work():\n    os.read(0, 1)  # here\nothers = [threading.Thread(target=threading.Event().wait, daemon=True) for _ in range(3)]\nfor t in others: t.start()\nt = threading.Thread(target=work)\nt.start()\nt.join()\n",
    ),
    (
        "in a pool",
        Certainty::Exact,
        "import os\nfrom concurrent.futures import ThreadPoolExecutor\ndef work(n):\n    return os.read(0, n)  # here\nwith ThreadPoolExecutor(4) as pool:\n    list(pool.map(work, [1]))\n",
    ),
    (
        "in a library",
        Certainty::Caller,
        "import json, sys\ndef load():\n    return json.load(sys.stdin)  # here\nload()\n",
    ),
    (
        "in a callback of a library",
        Certainty::Exact,
        "import json, os\ndef hook(pairs):\n    os.read(0, 1)  # here\njson.loads('{\"a\": 1}', object_hook=hook)\n",
    ),
    (
        "in a child that was forked",
        Certainty::Exact,
        "import os\ndef child():\n    os.read(0, 1)  # here\npid = os.fork()\nif pid == 0:\n    child()\nelse:\n    os.waitpid(pid, 0)\n",
    ),
    (
        "in a child that a thread forked",
        Certainty::Exact,
        "import os, threading\ndef work():\n    pid = os.fork()\n    if pid == 0:\n        os.read(0, 1)  # here\n        os._exit(0)\n    os.waitpid(pid, 0)\nt = threading.Thread(target=work)\nt.start()\nt.join()\n",
    ),
    (
        "in a worker process",
        Certainty::Exact,
        "import multiprocessing, os\ndef work(fd):\n    os.dup2(fd, 0)\n    os.read(0, 1)  # here\nif __name__ == '__main__':\n    context = multiprocessing.get_context('fork')\n    p = context.Process(target=work, args=(os.dup(0),))\n    p.start()\n    p.join()\n",
    ),
    (
        "in a string that is executed",
        Certainty::Caller,
        "import os\nexec('import os\\nos.read(0, 1)')  # here\n",
    ),
    (
        "in a task of a library that the document awaits",
        Certainty::Caller,
        "import asyncio, json, sys\nasync def inner():\n    await asyncio.sleep(0)\n    await asyncio.create_task(library())  # here\nasync def outer():\n    await inner()\nexec(compile('async def library():\\n    import json, sys\\n    json.load(sys.stdin)', '/lib/library.py', 'exec'))\nasyncio.run(outer())\n",
    ),
    (
        "in a task among others of a library",
        Certainty::Caller,
        "import asyncio\nexec(compile('async def library():\\n    import json, sys\\n    json.load(sys.stdin)', '/lib/library.py', 'exec'))\nasync def main():\n    await asyncio.gather(library(), asyncio.sleep(9))  # here\nasyncio.run(main())\n",
    ),
    (
        "in a thread that the event loop made for a library",
        Certainty::Caller,
        "import asyncio, json, sys\nasync def inner():\n    loop = asyncio.get_event_loop()\n    return await loop.run_in_executor(None, json.load, sys.stdin)  # here\nasync def main():\n    await asyncio.wait_for(inner(), 99)\nasync def outer():\n    await inner()\nasyncio.run(outer())\n",
    ),
    (
        "in a thread that runs a library",
        Certainty::Caller,
        "import json, sys, threading\nt = threading.Thread(target=json.load, args=(sys.stdin,))\nt.start()\nt.join()  # here\n",
    ),
    (
        "in a pool that runs a library",
        Certainty::Caller,
        "import json, sys\nfrom concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as pool:\n    one = pool.submit(json.load, sys.stdin)\n    one.result()  # here\n",
    ),
    (
        "in an import's caller",
        Certainty::Exact,
        "import sys, os\nclass Finder:\n    def find_spec(self, *rest):\n        os.read(0, 1)  # here\nsys.meta_path.insert(0, Finder())\nimport nothing\n",
    ),
];

#[test]
fn every_interpreter_here_tells_the_line_that_it_is_on() {
    let interpreters = interpreters();
    if interpreters.is_empty() {
        assert!(std::env::var_os("BELLJAR_MUST").is_none(), "no Python here");
        println!("skipped: no Python here");
        return;
    }
    let mut wrong = Vec::new();
    for python in &interpreters {
        for (name, certainty, text) in SNIPPETS {
            let place = place_of(python, "document.py", text);
            if (place.line, place.certainty) != (Some(marked(text)), *certainty) {
                wrong.push(format!("{} {name}: {place:?}", python.display()));
            }
        }
        println!("{}: {} snippets", python.display(), SNIPPETS.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn long_functions_far_lines_and_foreign_names_are_no_hindrance() {
    let mut text = String::from("import os\ndef f(x):\n");
    for line in 0..700 {
        text.push_str(&format!(
            "    x = [x,\n\n{}{line}]\n",
            "\n".repeat(line % 300)
        ));
    }
    text.push_str("    return os.read(0, 1)  # here\nf(1)\n");
    for python in interpreters() {
        for name in [
            "d\u{e9}j\u{e0} vu.py",
            "\u{6587}\u{5b57}.py",
            "\u{1f980}.py",
            "with space.py",
        ] {
            let place = place_of(&python, name, &text);
            let found = (place.line, place.certainty);
            assert_eq!(
                found,
                (Some(marked(&text)), Certainty::Exact),
                "{python:?} {name}"
            );
        }
    }
}

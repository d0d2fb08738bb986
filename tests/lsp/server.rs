//! Starts `belljar lsp` as somebody without any privilege, and sees to its end.

use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Client, PATIENCE};
use crate::ordinary_user::{OrdinaryUser, skipped};

/// The `initialize` of each editor, with its name.
pub const PROFILES: [(&str, &str); 6] = [
    ("vscode", include_str!("capabilities/vscode.json")),
    ("neovim-0.11", include_str!("capabilities/neovim-0.11.json")),
    ("neovim-0.12", include_str!("capabilities/neovim-0.12.json")),
    ("helix-25.01", include_str!("capabilities/helix-25.01.json")),
    ("helix-25.07", include_str!("capabilities/helix-25.07.json")),
    ("eglot", include_str!("capabilities/eglot.json")),
];

/// What the editor `name` says of itself.
pub fn profile(name: &str) -> &'static str {
    let found = PROFILES.iter().find(|(known, _)| *known == name);
    found.expect("a profile of that name").1
}

/// A server, the editor that it serves, and the user who sits there.
pub struct Editor {
    /// Speaks to the server.
    pub client: Client,
    /// The server's process.
    pub server: Child,
    /// Whose files are edited.
    pub user: OrdinaryUser,
}

impl Editor {
    /// Starts a server, and says nothing to it yet.
    pub fn start() -> Editor {
        Editor::start_as(OrdinaryUser::new())
    }

    /// Starts a server for somebody, and says nothing to it yet.
    pub fn start_as(user: OrdinaryUser) -> Editor {
        let mut server = user
            .command(user.belljar())
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the server starts");
        let input = server.stdin.take().expect("its input");
        let output = server.stdout.take().expect("its output");
        Editor {
            client: Client::new(input, output),
            server,
            user,
        }
    }

    /// Starts a server and introduces the editor `name`.
    pub fn introduced(name: &str) -> Editor {
        let mut editor = Editor::start();
        let folder = uri(&editor.user.work());
        editor
            .client
            .initialize(profile(name), Some(&folder), Value::Null);
        editor
    }

    /// Writes a file, opens it, and returns its name in the protocol.
    pub fn open(&mut self, file: &str, language: &str, text: &str) -> String {
        let path = self.user.work().join(file);
        std::fs::write(&path, text).expect("a file");
        self.user.own_everything();
        let uri = uri(&path);
        self.client.open(&uri, language, text);
        uri
    }

    /// Waits for the end of the process.
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.server.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the session in order, and checks that nothing was left over.
    pub fn finish(mut self) {
        let client = std::mem::replace(
            &mut self.client,
            Client::new(std::io::sink(), std::io::empty()),
        );
        client.finish();
        assert_eq!(self.ended().code(), Some(0));
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // A failing test must leave nothing behind.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The name of a path in the protocol. Our paths have no characters that would be written otherwise.
pub fn uri(path: &std::path::Path) -> String {
    format!("file://{}", path.display())
}

/// Whether Python runs in a sandbox here; if not, the test is skipped, and says why.
pub fn python_runs() -> bool {
    let mut editor = Editor::introduced("neovim-0.12");
    if editor.user.find("python3").is_none() {
        skipped("there is no python3");
        return false;
    }
    let uri = editor.open("first.py", "python", "print(6 * 7)\n");
    editor
        .client
        .command("belljar.run", serde_json::json!({"uri": uri}));
    let all = editor
        .client
        .wait_for_diagnostics(&uri, "any result", |all| !all.is_empty());
    let message = all[0]["message"].as_str().unwrap_or_default();
    if message.starts_with("Could not run") {
        skipped(message);
        return false;
    }
    true
}

/// Processes whose command line holds `marker`.
pub fn processes_with(marker: &str) -> Vec<PathBuf> {
    let processes = std::fs::read_dir("/proc").expect("/proc");
    let holds = |path: &PathBuf| {
        std::fs::read(path.join("cmdline")).is_ok_and(|line| {
            line.windows(marker.len())
                .any(|part| part == marker.as_bytes())
        })
    };
    processes
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(holds)
        .collect()
}

/// Waits until `wanted` holds.
pub fn wait_until(what: &str, mut wanted: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !wanted() {
        assert!(start.elapsed() < PATIENCE, "waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}

//! A small editor for tests: it speaks the protocol over a pair of streams, waits with deadlines, and fails on a
//! second answer, on none, and on messages that nobody expected.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longer than anything here takes on a busy machine; only a failing test waits so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The editor.
pub struct Client {
    input: Option<Box<dyn Write + Send>>,
    incoming: Receiver<Value>,
    /// Notifications that no test has looked at.
    unread: VecDeque<Value>,
    answers: HashMap<i64, Value>,
    waiting: HashSet<i64>,
    last_id: i64,
    /// The last diagnostics of each document, as the editor would show them.
    shown: HashMap<String, Value>,
    /// Requests of the server's that are not answered, to play an editor that does not.
    pub never_answers: HashSet<&'static str>,
    /// What the user chooses when asked, in this order; then nothing.
    pub choices: VecDeque<&'static str>,
    /// Every request that the server made, by method.
    pub asked: Vec<(String, Value)>,
}

/// An error answer, as its code and message.
#[derive(Debug)]
pub struct Refused {
    /// The number of the error.
    pub code: i64,
    /// What it says.
    pub message: String,
}

impl Client {
    /// Speaks to a server that reads `input` and writes `output`.
    pub fn new(input: impl Write + Send + 'static, output: impl Read + Send + 'static) -> Client {
        let (send, incoming) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = read_message(&mut output) {
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        Client {
            input: Some(Box::new(input)),
            incoming,
            unread: VecDeque::new(),
            answers: HashMap::new(),
            waiting: HashSet::new(),
            last_id: 0,
            shown: HashMap::new(),
            never_answers: HashSet::new(),
            choices: VecDeque::new(),
            asked: Vec::new(),
        }
    }

    /// Introduces itself as `profile` (a file of `capabilities/`), with `folder` open, and returns what the server can.
    pub fn initialize(&mut self, profile: &str, folder: Option<&str>, options: Value) -> Value {
        let profile: Value = serde_json::from_str(profile).expect("a profile is JSON");
        let folders = folder.map(|folder| json!([{"uri": folder, "name": "test"}]));
        let answer = self.ask(
            "initialize",
            json!({
                "processId": std::process::id(),
                "clientInfo": profile["clientInfo"],
                "capabilities": profile["capabilities"],
                "rootUri": folder,
                "workspaceFolders": folders,
                "initializationOptions": options,
            }),
        );
        self.notify("initialized", json!({}));
        answer["capabilities"].clone()
    }

    /// Asks, and waits for the answer. An error is a failure of the test.
    pub fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.try_ask(method, parameters)
            .unwrap_or_else(|refused| panic!("{method}: {refused:?}"))
    }

    /// Asks, and waits for the answer, whichever it is.
    pub fn try_ask(&mut self, method: &str, parameters: Value) -> Result<Value, Refused> {
        let id = self.begin(method, parameters);
        self.answer(id)
    }

    /// Asks, and does not wait.
    pub fn begin(&mut self, method: &str, parameters: Value) -> i64 {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method});
        if !parameters.is_null() {
            message["params"] = parameters;
        }
        self.waiting.insert(id);
        self.send(&message);
        id
    }

    /// Waits for the answer to a question that was asked before.
    pub fn answer(&mut self, id: i64) -> Result<Value, Refused> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(mut answer) = self.answers.remove(&id) {
                return match answer.get_mut("error") {
                    None => Ok(answer["result"].take()),
                    Some(error) => Err(Refused {
                        code: error["code"].as_i64().expect("an error has a code"),
                        message: error["message"].as_str().unwrap_or_default().to_owned(),
                    }),
                };
            }
            assert!(self.step(deadline), "no answer to request {id}");
        }
    }

    /// Tells the server something.
    pub fn notify(&mut self, method: &str, parameters: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": parameters}));
    }

    /// Runs a command.
    pub fn command(&mut self, command: &str, arguments: Value) -> Value {
        self.try_command(command, arguments)
            .unwrap_or_else(|refused| panic!("{command}: {refused:?}"))
    }

    /// Runs a command that may be refused.
    pub fn try_command(&mut self, command: &str, arguments: Value) -> Result<Value, Refused> {
        let arguments = if arguments.is_null() {
            json!([])
        } else {
            json!([arguments])
        };
        self.try_ask(
            "workspace/executeCommand",
            json!({"command": command, "arguments": arguments}),
        )
    }

    /// Opens a document.
    pub fn open(&mut self, uri: &str, language: &str, text: &str) {
        self.notify(
            "textDocument/didOpen",
            json!({"textDocument": {"uri": uri, "languageId": language, "version": 1, "text": text}}),
        );
    }

    /// Replaces a part of a document: from line and column to line and column.
    pub fn edit(&mut self, uri: &str, version: i32, from: (u32, u32), to: (u32, u32), text: &str) {
        self.notify(
            "textDocument/didChange",
            json!({
                "textDocument": {"uri": uri, "version": version},
                "contentChanges": [{"range": range(from, to), "text": text}],
            }),
        );
    }

    /// The actions for a range, in the order of the menu.
    pub fn actions(&mut self, uri: &str, from: (u32, u32), to: (u32, u32)) -> Vec<Value> {
        let diagnostics = self.shown.get(uri).cloned().unwrap_or_else(|| json!([]));
        let answer = self.ask(
            "textDocument/codeAction",
            json!({
                "textDocument": {"uri": uri},
                "range": range(from, to),
                "context": {"diagnostics": diagnostics, "triggerKind": 1},
            }),
        );
        answer.as_array().cloned().unwrap_or_default()
    }

    /// Picks the action with that title for a range.
    pub fn pick(&mut self, uri: &str, from: (u32, u32), to: (u32, u32), title: &str) -> Value {
        let actions = self.actions(uri, from, to);
        let action = actions
            .iter()
            .find(|action| action["title"] == title)
            .unwrap_or_else(|| panic!("no {title:?} in {actions:#?}"));
        // A command stands for itself; an action carries one.
        let command = action.get("kind").map_or(action, |_| &action["command"]);
        self.ask(
            "workspace/executeCommand",
            json!({"command": command["command"], "arguments": command["arguments"]}),
        )
    }

    /// The hover at a place, as text.
    pub fn hover(&mut self, uri: &str, line: u32, character: u32) -> Option<String> {
        let answer = self.ask(
            "textDocument/hover",
            json!({"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}),
        );
        answer["contents"]["value"].as_str().map(str::to_owned)
    }

    /// The titles of the code lenses of a document, each with its line.
    pub fn lenses(&mut self, uri: &str) -> Vec<(u64, String)> {
        let answer = self.ask(
            "textDocument/codeLens",
            json!({"textDocument": {"uri": uri}}),
        );
        let lenses = answer.as_array().cloned().unwrap_or_default();
        let title = |lens: &Value| {
            lens["command"]["title"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        lenses
            .iter()
            .map(|lens| (line_of(lens), title(lens)))
            .collect()
    }

    /// The labels of the inlay hints of a document, each with its line.
    pub fn hints(&mut self, uri: &str) -> Vec<(u64, String)> {
        let answer = self.ask(
            "textDocument/inlayHint",
            json!({"textDocument": {"uri": uri}, "range": range((0, 0), (10_000, 0))}),
        );
        let hints = answer.as_array().cloned().unwrap_or_default();
        let line = |hint: &Value| hint["position"]["line"].as_u64().unwrap_or_default();
        hints
            .iter()
            .map(|hint| {
                (
                    line(hint),
                    hint["label"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect()
    }

    /// What the editor shows of a document now.
    pub fn diagnostics(&self, uri: &str) -> Vec<Value> {
        let shown = self.shown.get(uri).and_then(Value::as_array);
        shown.cloned().unwrap_or_default()
    }

    /// Waits until what is shown of a document is as wanted.
    pub fn wait_for_diagnostics(
        &mut self,
        uri: &str,
        what: &str,
        wanted: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let diagnostics = self.diagnostics(uri);
            if wanted(&diagnostics) {
                return diagnostics;
            }
            assert!(
                self.step(deadline),
                "waiting for {what}, but there is {diagnostics:#?}"
            );
        }
    }

    /// Waits for a diagnostic whose message has `text` in it.
    pub fn wait_for_message(&mut self, uri: &str, text: &str) -> Value {
        let has = |diagnostic: &Value| message_of(diagnostic).contains(text);
        let all = self.wait_for_diagnostics(uri, text, |all| all.iter().any(has));
        all.into_iter().find(has).expect("it was there")
    }

    /// Waits for a notification.
    pub fn wait_for(&mut self, method: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self
                .unread
                .iter()
                .position(|message| message["method"] == method && wanted(&message["params"]));
            if let Some(mut message) = found.and_then(|at| self.unread.remove(at)) {
                return message["params"].take();
            }
            assert!(
                self.step(deadline),
                "waiting for {method}, but there is {:#?}",
                self.unread
            );
        }
    }

    /// Waits until the server has made a request.
    pub fn wait_for_request(&mut self, method: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((_, parameters)) = self.asked.iter().find(|(asked, _)| asked == method) {
                return parameters.clone();
            }
            assert!(self.step(deadline), "waiting for the request {method}");
        }
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("the input is open");
        input
            .write_all(bytes)
            .and_then(|()| input.flush())
            .expect("the server reads");
    }

    /// Waits for an answer to nothing that was asked: what a server says to what is no message.
    pub fn wait_for_complaint(&mut self) -> i64 {
        let complaint = self.wait_for("complaint", |_| true);
        complaint["error"]["code"]
            .as_i64()
            .expect("an error has a code")
    }

    /// Ends the session as it should be ended, and checks that nothing was left over.
    pub fn finish(mut self) {
        self.ask("shutdown", Value::Null);
        self.send(&json!({"jsonrpc": "2.0", "method": "exit"}));
        self.expect_end();
    }

    /// Closes the server's input.
    pub fn hang_up(&mut self) {
        self.input = None;
    }

    /// Waits for the end of the server's output, and checks that nothing was left over.
    pub fn expect_end(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.step(deadline) {}
        assert!(
            Instant::now() < deadline,
            "the server did not end its output"
        );
        assert!(self.waiting.is_empty(), "no answer to {:?}", self.waiting);
        assert!(self.answers.is_empty(), "unread answers {:?}", self.answers);
        // Progress and events are news, which a reader may miss; everything else was meant for somebody.
        let news = |message: &&Value| {
            !matches!(
                message["method"].as_str(),
                Some("$/progress" | "belljar/runEvent")
            )
        };
        let left: Vec<&Value> = self.unread.iter().filter(news).collect();
        assert!(left.is_empty(), "nobody expected {left:#?}");
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let frame = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.send_bytes(frame.as_bytes());
    }

    /// Takes one message. `false` at the end of the output or the deadline.
    fn step(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.incoming.recv_timeout(left) {
            Ok(message) => {
                self.take(message);
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    fn take(&mut self, message: Value) {
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        match (
            message.get("method").and_then(Value::as_str),
            message.get("id"),
        ) {
            (Some(method), Some(id)) => {
                let (method, id) = (method.to_owned(), id.clone());
                self.asked.push((method.clone(), message["params"].clone()));
                if self.never_answers.contains(method.as_str()) {
                    return;
                }
                let answer = match method.as_str() {
                    "window/showDocument" => json!({"success": true}),
                    "window/showMessageRequest" => match self.choices.pop_front() {
                        Some(title) => json!({"title": title}),
                        None => Value::Null,
                    },
                    _ => Value::Null,
                };
                // A server that is on its way out need not read it.
                if self.input.is_some() {
                    let body = json!({"jsonrpc": "2.0", "id": id, "result": answer}).to_string();
                    let frame = format!("Content-Length: {}\r\n\r\n{body}", body.len());
                    if let Some(input) = self.input.as_mut() {
                        let _ = input
                            .write_all(frame.as_bytes())
                            .and_then(|()| input.flush());
                    }
                }
            }
            (Some("textDocument/publishDiagnostics"), None) => {
                let parameters = &message["params"];
                let uri = parameters["uri"].as_str().expect("a uri").to_owned();
                self.shown.insert(uri, parameters["diagnostics"].clone());
            }
            (Some(_), None) => self.unread.push_back(message),
            (None, Some(Value::Null)) => {
                self.unread
                    .push_back(json!({"method": "complaint", "params": message}));
            }
            (None, Some(id)) => {
                let id = id.as_i64().expect("our ids are numbers");
                assert!(
                    self.waiting.remove(&id),
                    "a second answer to {id}: {message}"
                );
                self.answers.insert(id, message);
            }
            (None, None) => panic!("neither question nor answer: {message}"),
        }
    }
}

/// A range of the protocol.
pub fn range(from: (u32, u32), to: (u32, u32)) -> Value {
    json!({
        "start": {"line": from.0, "character": from.1},
        "end": {"line": to.0, "character": to.1},
    })
}

/// The message of a diagnostic.
pub fn message_of(diagnostic: &Value) -> &str {
    diagnostic["message"].as_str().unwrap_or_default()
}

/// The line, from 0, that something with a range starts on.
pub fn line_of(ranged: &Value) -> u64 {
    ranged["range"]["start"]["line"].as_u64().expect("a line")
}

fn read_message(output: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.parse().ok();
        }
    }
    let mut body = vec![0; length.expect("a frame has a length")];
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("a frame holds JSON"))
}

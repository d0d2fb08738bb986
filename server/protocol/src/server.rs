//! The handlers. Each does one thing at once: it puts its message into the actor's inbox, before it ever waits. So
//! messages are handled in the order in which they came, and no handler can hold up another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp::LanguageServer;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{
    CodeActionParams, CodeActionResponse, CodeLens, CodeLensParams, DidChangeConfigurationParams,
    DidChangeNotebookDocumentParams, DidChangeTextDocumentParams, DidChangeWorkspaceFoldersParams,
    DidCloseNotebookDocumentParams, DidCloseTextDocumentParams, DidOpenNotebookDocumentParams,
    DidOpenTextDocumentParams, DidSaveNotebookDocumentParams, DidSaveTextDocumentParams,
    ExecuteCommandParams, Hover, HoverParams, InitializeParams, InitializeResult,
    InitializedParams, InlayHint, InlayHintParams, ServerInfo, WorkDoneProgressCancelParams,
};

use crate::inbox::{Answer, Inbox, Message};
use crate::profile::Profile;
use crate::wire::{OutputParameters, Transcript};

/// Forwards what the client says.
pub struct Server {
    inbox: Inbox,
    was_shut_down: Arc<AtomicBool>,
}

impl Server {
    /// Forwards to `inbox`, and notes in `was_shut_down` that the client asked for the end.
    pub fn new(inbox: Inbox, was_shut_down: Arc<AtomicBool>) -> Server {
        Server {
            inbox,
            was_shut_down,
        }
    }

    /// The user ended a run where the editor shows its progress.
    pub async fn cancel_progress(&self, parameters: WorkDoneProgressCancelParams) {
        self.tell(Message::CancelProgress(parameters.token));
    }

    /// A plugin of ours shows everything that a run told.
    pub async fn output(&self, parameters: OutputParameters) -> Result<Transcript> {
        self.ask(|answer| Message::Transcript(parameters.run, answer))
            .get()
            .await?
            .map_err(|problem| Error::invalid_params(problem.0))
    }

    fn tell(&self, message: Message) {
        // The actor lives as long as the session.
        let _ = self.inbox.send(message);
    }

    /// Not async itself: the message is sent before anybody can wait.
    fn ask<T>(&self, message: impl FnOnce(Answer<T>) -> Message) -> Answered<T> {
        let (answer, answered) = oneshot::channel();
        self.tell(message(answer));
        Answered(answered)
    }
}

/// The answer that the actor will give.
struct Answered<T>(oneshot::Receiver<T>);

impl<T> Answered<T> {
    /// No answer means that the actor met a defect, and went on with the next message.
    async fn get(self) -> Result<T> {
        self.0.await.map_err(|_| Error::internal_error())
    }
}

impl LanguageServer for Server {
    async fn initialize(&self, parameters: InitializeParams) -> Result<InitializeResult> {
        let profile = Profile::read(&parameters);
        let capabilities = profile.answer();
        self.tell(Message::Initialize(Box::new(profile)));
        Ok(InitializeResult {
            capabilities,
            server_info: Some(ServerInfo {
                name: "belljar".into(),
                version: Some(env!("CARGO_PKG_VERSION").into()),
            }),
            offset_encoding: None,
        })
    }

    async fn initialized(&self, _: InitializedParams) {}

    async fn shutdown(&self) -> Result<()> {
        self.was_shut_down.store(true, Ordering::SeqCst);
        self.ask(Message::Shutdown).get().await
    }

    async fn did_open(&self, parameters: DidOpenTextDocumentParams) {
        self.tell(Message::Open(parameters.text_document));
    }

    async fn did_change(&self, parameters: DidChangeTextDocumentParams) {
        self.tell(Message::Change(parameters));
    }

    async fn did_save(&self, _: DidSaveTextDocumentParams) {}

    async fn did_close(&self, parameters: DidCloseTextDocumentParams) {
        self.tell(Message::Close(parameters.text_document.uri));
    }

    async fn notebook_did_open(&self, parameters: DidOpenNotebookDocumentParams) {
        self.tell(Message::OpenNotebook(Box::new(parameters)));
    }

    async fn notebook_did_change(&self, parameters: DidChangeNotebookDocumentParams) {
        self.tell(Message::ChangeNotebook(Box::new(parameters)));
    }

    async fn notebook_did_save(&self, _: DidSaveNotebookDocumentParams) {}

    async fn notebook_did_close(&self, parameters: DidCloseNotebookDocumentParams) {
        self.tell(Message::CloseNotebook(parameters));
    }

    async fn did_change_configuration(&self, parameters: DidChangeConfigurationParams) {
        self.tell(Message::Settings(parameters.settings));
    }

    async fn did_change_workspace_folders(&self, parameters: DidChangeWorkspaceFoldersParams) {
        self.tell(Message::Folders(parameters));
    }

    async fn code_action(
        &self,
        parameters: CodeActionParams,
    ) -> Result<Option<CodeActionResponse>> {
        self.ask(|answer| Message::CodeActions(Box::new(parameters), answer))
            .get()
            .await
            .map(Some)
    }

    async fn code_lens(&self, parameters: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        self.ask(|answer| Message::Lenses(parameters.text_document.uri, answer))
            .get()
            .await
            .map(Some)
    }

    async fn inlay_hint(&self, parameters: InlayHintParams) -> Result<Option<Vec<InlayHint>>> {
        self.ask(|answer| Message::Hints(parameters, answer))
            .get()
            .await
            .map(Some)
    }

    async fn hover(&self, parameters: HoverParams) -> Result<Option<Hover>> {
        self.ask(|answer| Message::Hover(parameters, answer))
            .get()
            .await
    }

    async fn execute_command(&self, parameters: ExecuteCommandParams) -> Result<Option<Value>> {
        self.ask(|answer| Message::Command(parameters, answer))
            .get()
            .await?
            .map(Some)
            .map_err(|problem| Error::invalid_params(problem.0))
    }
}

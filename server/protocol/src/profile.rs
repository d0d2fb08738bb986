//! What the client can show, read once from `initialize`, and what the user prefers. Decides the display ladder.

use std::path::PathBuf;

use serde_json::Value;
use tower_lsp::ls_types::{
    CodeActionKind, CodeActionOptions, CodeLensOptions, DiagnosticSeverity, ExecuteCommandOptions,
    HoverProviderCapability, InitializeParams, InlayHintOptions, InlayHintServerCapabilities,
    MarkupKind, Notebook, NotebookDocumentSyncOptions, NotebookSelector, OneOf, ServerCapabilities,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, Uri,
    WorkDoneProgressOptions, WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
};

use crate::positions::Encoding;
use crate::wire::{ACTION_KIND, COMMANDS, ResultSeverity, Settings};

/// The policy of a user who has chosen none.
const DEFAULT_POLICY: &str = "default";

/// What the client can show.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// What a column counts.
    pub encoding: Encoding,
    /// The client offered encodings, so it wants to be told which.
    encodings_offered: bool,
    /// The editor's name in lower case.
    pub client: String,
    /// It shows code lenses.
    pub lenses: bool,
    /// It asks again for code lenses when told to.
    pub lens_refresh: bool,
    /// It shows inlay hints, and asks again for them when told to. Without the second they come too late to be used.
    pub hints: bool,
    /// It shows progress that the server begins.
    pub progress: bool,
    /// It shows what else has to do with a diagnostic.
    pub related: bool,
    /// It opens what a diagnostic's code stands for.
    pub code_pages: bool,
    /// It asks the user a question with buttons for us.
    pub questions: bool,
    /// It opens a file when asked to.
    pub show_document: bool,
    /// It knows code actions, not only commands.
    pub action_literals: bool,
    /// Its hovers understand Markdown.
    pub markdown: bool,
    /// It tells of notebooks.
    notebooks: bool,
    /// It is one of our own plugins and draws results itself.
    pub own_ui: bool,
    /// What the user prefers.
    pub settings: Settings,
    /// The folders that are open, absolute.
    pub folders: Vec<PathBuf>,
    /// The editor's process.
    process: Option<u32>,
}

impl Profile {
    /// What `initialize` tells.
    pub fn read(parameters: &InitializeParams) -> Profile {
        let capabilities = &parameters.capabilities;
        let text = capabilities.text_document.as_ref();
        let workspace = capabilities.workspace.as_ref();
        let window = capabilities.window.as_ref();
        let diagnostics = text.and_then(|text| text.publish_diagnostics.as_ref());
        let offered = capabilities
            .general
            .as_ref()
            .and_then(|general| general.position_encodings.as_deref())
            .unwrap_or_default();
        let client = parameters
            .client_info
            .as_ref()
            .map(|info| info.name.to_lowercase())
            .unwrap_or_default();
        // Released Helix, and Neovim before 0.12, open documents without saying so.
        let opens_quietly = client == "helix" || client == "neovim";
        Profile {
            encoding: Encoding::negotiate(offered),
            encodings_offered: !offered.is_empty(),
            lenses: text.is_some_and(|text| text.code_lens.is_some()),
            lens_refresh: workspace
                .and_then(|workspace| workspace.code_lens.as_ref()?.refresh_support)
                .unwrap_or(false),
            hints: text.is_some_and(|text| text.inlay_hint.is_some())
                && workspace
                    .and_then(|workspace| workspace.inlay_hint.as_ref()?.refresh_support)
                    .unwrap_or(false),
            progress: window
                .and_then(|window| window.work_done_progress)
                .unwrap_or(false),
            related: diagnostics.is_some_and(|shown| shown.related_information == Some(true)),
            code_pages: diagnostics
                .is_some_and(|shown| shown.code_description_support == Some(true)),
            questions: window
                .and_then(|window| window.show_message.as_ref())
                .is_some_and(|message| message.message_action_item.is_some()),
            show_document: opens_quietly
                || window
                    .and_then(|window| window.show_document.as_ref())
                    .is_some_and(|show| show.support),
            action_literals: text
                .and_then(|text| {
                    text.code_action
                        .as_ref()?
                        .code_action_literal_support
                        .as_ref()
                })
                .is_some(),
            markdown: text
                .and_then(|text| text.hover.as_ref()?.content_format.as_ref())
                .is_some_and(|formats| formats.contains(&MarkupKind::Markdown)),
            notebooks: capabilities.notebook_document.is_some(),
            own_ui: capabilities
                .experimental
                .as_ref()
                .and_then(|experimental| experimental.get("belljarUi"))
                .is_some_and(|ui| ui.as_bool() != Some(false) && !ui.is_null()),
            settings: parameters
                .initialization_options
                .as_ref()
                .map(read_settings)
                .unwrap_or_default(),
            folders: folders(parameters),
            process: parameters.process_id,
            client,
        }
    }

    /// Takes over settings that the user changed; what they do not name stays.
    pub fn change_settings(&mut self, settings: &Value) {
        let new = read_settings(settings);
        let old = &mut self.settings;
        old.policy = new.policy.or(old.policy.take());
        old.result_severity = new.result_severity.or(old.result_severity);
        old.hints = new.hints.or(old.hints);
        old.lenses = new.lenses.or(old.lenses);
    }

    /// The policy of a run that names none.
    pub fn policy(&self) -> &str {
        self.settings.policy.as_deref().unwrap_or(DEFAULT_POLICY)
    }

    /// The directory that the editor stands in now.
    pub fn directory(&self) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{}/cwd", self.process?)).ok()
    }

    /// Whether results are shown as code lenses.
    pub fn shows_lenses(&self) -> bool {
        self.lenses && self.settings.lenses.unwrap_or(true)
    }

    /// Whether results are shown as inlay hints. Our own plugins draw them better.
    pub fn shows_hints(&self) -> bool {
        self.hints && self.settings.hints.unwrap_or(!self.own_ui)
    }

    /// How a result that is no problem is marked, if it is.
    pub fn result_severity(&self) -> Option<DiagnosticSeverity> {
        let severity = self.settings.result_severity.unwrap_or_else(|| {
            if self.own_ui {
                ResultSeverity::None
            } else if self.client.contains("visual studio code")
                || self.client.contains("code")
                || self.client == "neovim"
            {
                ResultSeverity::Hint
            } else {
                // Helix and Emacs do not show hints without further settings.
                ResultSeverity::Information
            }
        });
        match severity {
            ResultSeverity::Hint => Some(DiagnosticSeverity::HINT),
            ResultSeverity::Information => Some(DiagnosticSeverity::INFORMATION),
            ResultSeverity::None => None,
        }
    }

    /// What this server does for such a client.
    pub fn answer(&self) -> ServerCapabilities {
        ServerCapabilities {
            position_encoding: self.encodings_offered.then(|| self.encoding.kind()),
            text_document_sync: Some(TextDocumentSyncCapability::Options(
                TextDocumentSyncOptions {
                    open_close: Some(true),
                    change: Some(TextDocumentSyncKind::INCREMENTAL),
                    ..TextDocumentSyncOptions::default()
                },
            )),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            code_action_provider: Some(
                CodeActionOptions {
                    code_action_kinds: Some(vec![
                        CodeActionKind::from(ACTION_KIND),
                        CodeActionKind::QUICKFIX,
                    ]),
                    resolve_provider: Some(false),
                    work_done_progress_options: WorkDoneProgressOptions::default(),
                }
                .into(),
            ),
            code_lens_provider: self.lenses.then_some(CodeLensOptions {
                resolve_provider: Some(false),
            }),
            inlay_hint_provider: self.hints.then(|| {
                OneOf::Right(InlayHintServerCapabilities::Options(InlayHintOptions {
                    resolve_provider: Some(false),
                    work_done_progress_options: WorkDoneProgressOptions::default(),
                }))
            }),
            notebook_document_sync: self.notebooks.then(|| {
                OneOf::Left(NotebookDocumentSyncOptions {
                    notebook_selector: vec![NotebookSelector::ByNotebook {
                        notebook: Notebook::String("*".into()),
                        cells: None,
                    }],
                    save: None,
                })
            }),
            execute_command_provider: Some(ExecuteCommandOptions {
                commands: COMMANDS.iter().map(ToString::to_string).collect(),
                work_done_progress_options: WorkDoneProgressOptions::default(),
            }),
            workspace: Some(WorkspaceServerCapabilities {
                workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                    supported: Some(true),
                    change_notifications: Some(OneOf::Left(true)),
                }),
                file_operations: None,
            }),
            ..ServerCapabilities::default()
        }
    }
}

/// The path of a `file:` URI.
pub fn path_of(uri: &Uri) -> Option<PathBuf> {
    uri.scheme()
        .as_str()
        .eq_ignore_ascii_case("file")
        .then(|| uri.to_file_path())
        .flatten()
        .map(std::borrow::Cow::into_owned)
        .filter(|path| path.is_absolute())
}

#[expect(
    deprecated,
    reason = "older clients name their folder only in the old fields"
)]
fn folders(parameters: &InitializeParams) -> Vec<PathBuf> {
    let open = parameters.workspace_folders.as_deref().unwrap_or_default();
    let mut folders: Vec<PathBuf> = open
        .iter()
        .filter_map(|folder| path_of(&folder.uri))
        .collect();
    if folders.is_empty() {
        let root = parameters
            .root_uri
            .as_ref()
            .and_then(path_of)
            .or_else(|| parameters.root_path.as_ref().map(PathBuf::from));
        folders.extend(root.filter(|root| root.is_absolute()));
    }
    folders
}

/// Settings as clients send them: alone, or below our name. A key of a wrong type is left out and said, so that one
/// mistake does not undo the rest.
fn read_settings(value: &Value) -> Settings {
    let value = value.get("belljar").unwrap_or(value);
    let Some(keys) = value.as_object() else {
        return Settings::default();
    };
    let mut good = serde_json::Map::new();
    for (key, value) in keys {
        let alone = Value::Object([(key.clone(), value.clone())].into_iter().collect());
        match serde_json::from_value::<Settings>(alone) {
            Ok(_) => {
                good.insert(key.clone(), value.clone());
            }
            Err(error) => tracing::warn!(key, %error, "setting not understood"),
        }
    }
    serde_json::from_value(Value::Object(good)).unwrap_or_default()
}

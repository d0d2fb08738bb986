//! `belljar editor`: what to write where, so that an editor starts the language server.

mod defaults;
mod helix;

use std::process::ExitCode;

use crate::options::EditorCommand;
use crate::pages::print;

/// Every editor that has a recipe.
const EDITORS: &str = "\
vscode   the extension in editors/vscode
neovim   the plugin in editors/neovim
helix    languages.toml and keys, for the languages that can be run and beside what you have
zed, emacs, kakoune, sublime
         short recipes
`belljar editor NAME` prints what to write where. In any other editor the server is `belljar lsp`, on standard input and
output.
";

/// Prints the recipe.
pub fn editor(command: Option<&EditorCommand>) -> ExitCode {
    let recipe = match command {
        None => EDITORS,
        Some(EditorCommand::Helix(options)) => return helix::helix(options),
        Some(EditorCommand::Vscode) => include_str!("../../../editors/other/vscode.md"),
        Some(EditorCommand::Neovim) => include_str!("../../../editors/other/neovim.md"),
        Some(EditorCommand::Zed) => include_str!("../../../editors/other/zed.md"),
        Some(EditorCommand::Emacs) => include_str!("../../../editors/other/emacs.md"),
        Some(EditorCommand::Kakoune) => include_str!("../../../editors/other/kakoune.md"),
        Some(EditorCommand::Sublime) => include_str!("../../../editors/other/sublime.md"),
    };
    print(recipe.as_bytes())
}

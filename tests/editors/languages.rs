//! The lists of languages that the extension for VS Code and the plugin for Neovim bring: what an editor does not know of, it
//! never asks the server for.

use std::collections::BTreeSet;

use belljar_runtime::Catalogue;

fn read(file: &str) -> String {
    let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a shipped file")
}

/// What stands between quotation marks in the first list behind `start`.
fn listed(text: &str, start: &str, quote: char, end: char) -> BTreeSet<String> {
    let (_, list) = text.split_once(start).expect("the list");
    let (list, _) = list.split_once(end).expect("its end");
    let words = list.split(quote).skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// The names of texts around code.
fn texts() -> BTreeSet<String> {
    let forms: toml::Table = read("server/runtime/src/forms.toml").parse().expect("TOML");
    let documents = forms["document"].as_array().expect("a list");
    let ids = documents.iter().filter_map(|it| it.get("language_ids"));
    let ids = ids.flat_map(|ids| ids.as_array().expect("a list"));
    ids.map(|id| id.as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn the_extension_for_vscode_serves_every_language() {
    let catalogue = Catalogue::shipped();
    let ids = catalogue.iter().flat_map(|runtime| runtime.language_ids());
    let meant: BTreeSet<String> = ids.cloned().chain(texts()).collect();
    let source = read("editors/vscode/src/server.ts");
    assert_eq!(listed(&source, "LANGUAGES = [", '"', ']'), meant);
}

#[test]
fn the_plugin_for_neovim_serves_every_language() {
    let catalogue = Catalogue::shipped();
    let texts = texts();
    let mut wrong = Vec::new();
    for file in [
        "editors/neovim/lsp/belljar.lua",
        "editors/neovim/registries/nvim-lspconfig.lua",
    ] {
        let filetypes = listed(&read(file), "filetypes = {", '\'', '}');
        for name in &filetypes {
            if catalogue.detect(Some(name), None, "").is_none() && !texts.contains(name) {
                wrong.push(format!("{file}: nothing runs `{name}`"));
            }
        }
        for runtime in catalogue.iter() {
            let names = [runtime.language_ids(), runtime.fence_tags()].concat();
            let is_it = |name: &String| filetypes.contains(&name.to_lowercase());
            if !names.iter().any(is_it) && !filetypes.contains(runtime.id()) {
                wrong.push(format!("{file}: no filetype is `{}`", runtime.id()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

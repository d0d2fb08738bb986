//! The table of scenarios and editors, as `scenarios.toml` has it, and the same for a reader of the README.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

/// The editors as the table names them, and as a reader knows them.
pub const EDITORS: [(&str, &str); 3] = [
    ("vscode", "VS Code"),
    ("neovim", "Neovim"),
    ("helix", "Helix"),
];

/// One scenario, and how each editor fares.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What drivers call it.
    pub id: String,
    /// What a person does or sees.
    pub says: String,
    vscode: Cell,
    neovim: Cell,
    helix: Cell,
}

/// How one editor fares in one scenario.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// It works.
    Passed(Passed),
    /// It works, and looks different there.
    Differs {
        /// How.
        differs: String,
    },
    /// The editor has no place for it.
    Impossible {
        /// Why, and where that is to be read.
        impossible: String,
    },
}

/// The one word for what works.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Passed {
    /// It works.
    Passed,
}

#[derive(Deserialize)]
struct Table {
    scenario: Vec<Scenario>,
}

impl Scenario {
    /// How that editor fares.
    pub fn cell(&self, editor: &str) -> &Cell {
        match editor {
            "vscode" => &self.vscode,
            "neovim" => &self.neovim,
            "helix" => &self.helix,
            _ => panic!("{editor} has no column"),
        }
    }
}

/// All scenarios, in their order.
pub fn scenarios() -> Vec<Scenario> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/editors/scenarios.toml");
    let text = std::fs::read_to_string(&path).expect("the table of scenarios");
    let table: Table =
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let ids: BTreeSet<&String> = table.scenario.iter().map(|row| &row.id).collect();
    assert_eq!(ids.len(), table.scenario.len(), "an id stands twice");
    table.scenario
}

/// The same for a reader of the README.
pub fn markdown() -> String {
    let names = EDITORS.map(|(_, name)| name).join(" | ");
    let mut text = format!("| | {names} |\n|---|---|---|---|\n");
    for row in scenarios() {
        let cells = EDITORS.map(|(editor, _)| match row.cell(editor) {
            Cell::Passed(_) => "yes".to_owned(),
            Cell::Differs { differs } => differs.clone(),
            Cell::Impossible { impossible } => format!("no: {impossible}"),
        });
        text += &format!("| {} | {} |\n", row.says, cells.join(" | "));
    }
    text
}

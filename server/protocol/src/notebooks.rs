//! Notebooks: which cells belong together, and in which order. Each cell is a document of its own; to run up to one, the
//! text of the earlier ones in its language is put before its own.

use std::collections::HashSet;

use belljar_report::Report;
use belljar_runs::RunId;
use tower_lsp::ls_types::{
    DidChangeNotebookDocumentParams, DidChangeTextDocumentParams, DidCloseNotebookDocumentParams,
    DidOpenNotebookDocumentParams, NotebookCell, NotebookCellKind, Uri,
};

use crate::actor::Actor;
use crate::documents::Document;
use crate::inbox::Telling;
use crate::positions::number;

/// A notebook that is open.
pub struct Notebook {
    /// All its cells, in order, and whether they hold code.
    cells: Vec<(Uri, bool)>,
}

/// Where a cell is.
pub struct InNotebook {
    /// Its notebook.
    pub notebook: Uri,
    /// There are earlier cells in its language.
    pub has_earlier: bool,
}

impl Actor {
    pub(crate) fn open_notebook(&mut self, opened: DidOpenNotebookDocumentParams) {
        for item in opened.cell_text_documents {
            self.open(item);
        }
        let cells = opened.notebook_document.cells.iter().map(entry).collect();
        let uri = opened.notebook_document.uri;
        self.notebooks.insert(uri.clone(), Notebook { cells });
        self.place_cells(&uri);
    }

    pub(crate) fn change_notebook(&mut self, changed: DidChangeNotebookDocumentParams) {
        let uri = changed.notebook_document.uri;
        let Some(change) = changed.change.cells else {
            return;
        };
        if let Some(structure) = change.structure {
            for closed in structure.did_close.unwrap_or_default() {
                self.close(&closed.uri);
            }
            for item in structure.did_open.unwrap_or_default() {
                self.open(item);
            }
            if let Some(notebook) = self.notebooks.get_mut(&uri) {
                let cells = &mut notebook.cells;
                let first = (structure.array.start as usize).min(cells.len());
                let behind = first.saturating_add(structure.array.delete_count as usize);
                let new = structure.array.cells.unwrap_or_default();
                cells.splice(first..behind.min(cells.len()), new.iter().map(entry));
            }
            self.place_cells(&uri);
        }
        for content in change.text_content.unwrap_or_default() {
            self.change(DidChangeTextDocumentParams {
                text_document: content.document,
                content_changes: content.changes,
            });
        }
    }

    pub(crate) fn close_notebook(&mut self, closed: DidCloseNotebookDocumentParams) {
        self.notebooks.remove(&closed.notebook_document.uri);
        for cell in closed.cell_text_documents {
            self.close(&cell.uri);
        }
    }

    /// Tells the cells of a notebook where they are.
    fn place_cells(&mut self, notebook: &Uri) {
        let cells = match self.notebooks.get(notebook) {
            Some(found) => found.cells.clone(),
            None => return,
        };
        let mut languages: HashSet<String> = HashSet::new();
        for (cell, is_code) in &cells {
            if let Some(document) = self.documents.get_mut(cell) {
                let id = document.kind.runtime.as_ref().map(|runtime| runtime.id());
                let has_earlier = id.is_some_and(|id| languages.contains(id));
                languages.extend(id.filter(|_| *is_code && !has_earlier).map(str::to_owned));
                document.in_notebook = Some(InNotebook {
                    notebook: notebook.clone(),
                    has_earlier,
                });
                self.touch(cell);
            }
        }
    }

    /// The code before `cell` that is in its language.
    fn earlier_cells(&self, notebook: &Uri, cell: &Uri) -> Vec<&Document> {
        let id = |document: &Document| Some(document.kind.runtime.as_ref()?.id().to_owned());
        let wanted = self.documents.get(cell).and_then(id);
        let cells = self.notebooks.get(notebook).map(|it| it.cells.iter());
        let before = cells.into_iter().flatten().take_while(|(it, _)| it != cell);
        let code = before.filter_map(|(it, is_code)| self.documents.get(it).filter(|_| *is_code));
        code.filter(|it| wanted.is_some() && id(it) == wanted)
            .collect()
    }

    /// What has to run before `cell` so that it finds what earlier cells made, and how many lines that is.
    pub(crate) fn text_before(&self, cell: &Uri) -> (Vec<u8>, u32) {
        let place = self
            .documents
            .get(cell)
            .and_then(|it| it.in_notebook.as_ref());
        let cells = place.map(|place| self.earlier_cells(&place.notebook, cell));
        let mut text = Vec::new();
        let mut lines = 0;
        for cell in cells.unwrap_or_default() {
            text.extend(cell.text.bytes());
            lines += cell.text.len_lines();
            text.push(b'\n');
        }
        (text, number(lines))
    }

    /// What a document belongs to as its user sees it: the notebook of a cell, else itself.
    pub(crate) fn whole<'a>(&'a self, uri: &'a Uri) -> &'a Uri {
        let place = self
            .documents
            .get(uri)
            .and_then(|it| it.in_notebook.as_ref());
        place.map_or(uri, |place| &place.notebook)
    }

    /// How many lines of other cells ran before those of the run's own.
    pub(crate) fn lines_before(&self, run: &RunId) -> u32 {
        let run = self.runs.iter().find(|it| it.id == *run);
        run.map_or(0, |run| run.lines_before)
    }
}

fn entry(cell: &NotebookCell) -> (Uri, bool) {
    (cell.document.clone(), cell.kind == NotebookCellKind::CODE)
}

/// The line of a cell that runs after so many lines of others; none if it is one of theirs.
fn own(line: Option<u32>, before: u32) -> Option<u32> {
    line?.checked_sub(before).filter(|line| *line > 0)
}

/// Puts the lines of what was told to where they are in their cell.
pub fn move_telling(telling: &mut Telling, before: u32) {
    if before == 0 {
        return;
    }
    for (_, line, _) in &mut telling.output {
        *line = own(*line, before);
    }
    for violation in &mut telling.violations {
        violation.line = own(violation.line, before);
    }
}

/// The same for a report. An error in an earlier cell stands on the first line.
pub fn move_report(report: &mut Report, before: u32) {
    if before == 0 {
        return;
    }
    for output in &mut report.output {
        output.line = own(output.line, before);
    }
    for violation in &mut report.violations {
        violation.line = own(violation.line, before);
    }
    for error in &mut report.errors {
        let line = own(Some(error.line), before);
        error.column = error.column.filter(|_| line.is_some());
        error.line = line.unwrap_or(1);
    }
    report.expectations.retain_mut(|expected| {
        expected.last = expected.last.saturating_sub(before);
        let line = own(Some(expected.line), before);
        expected.line = line.unwrap_or(1);
        line.is_some()
    });
}

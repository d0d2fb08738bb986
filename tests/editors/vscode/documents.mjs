// Parts of documents that need earlier ones, what documents say of their own run, and notebooks.
import { check, eventually } from "./checks.mjs";

const CALL = 22; // steps.py: `print("area"`, whose cell begins a line above it
const SUM = 10; // says.py: `print("sum"`
const DOUBLE = 11; // says.py: `print("double"`, which is expected to print something else

export const documents = {
  "run-up-to": async (screen) => {
    await screen.openFile("steps.py");
    await screen.clearHere();
    await screen.go(CALL);
    await screen.chord("c");
    check("run-up-to", "a cell by itself lacks what an earlier one made", await screen.behind(CALL, "✗ NameError"), await screen.seen());
    await screen.clickLens(CALL - 1, "Run up to here");
    check("run-up-to", "its code lens runs the earlier ones first", await screen.behind(CALL, "⇒ area 12"), await screen.seen());
    check("run-up-to", "which print on their own lines", await screen.behind(6, "⇒ number 5 ×5"), await screen.seen());
    await screen.openFile("notes.md");
    await screen.go(40);
    await screen.chord("u");
    check("run-up-to", "a key runs a block of Markdown", await screen.behind(40, "⇒ open end"), await screen.seen());
    await screen.go(8);
    check("run-up-to", "after the earlier ones", await screen.behind(8, "⇒ python 120"), await screen.seen());
    const shell = (await screen.lines())[15];
    check("run-up-to", "and none of another language", !shell.includes("⇒"), shell);
    await screen.clearHere();
    await screen.go(40);
    await screen.page.locator(".view-line", { hasText: "open end" }).first().click({ button: "right", position: { x: 30, y: 8 } });
    await screen.menu("Run in Sandbox", "Run up to Here in Sandbox");
    check("run-up-to", "the context menu does likewise", await screen.behind(40, "⇒ open end"), await screen.seen());
    await screen.go(8);
    check("run-up-to", "with the earlier ones", await screen.behind(8, "⇒ python 120"), await screen.seen());
  },

  directives: async (screen) => {
    await screen.openFile("says.py");
    await screen.go(1);
    await screen.chord("a");
    check("directives", "the program gets the arguments and the input of its comments", await screen.behind(SUM, "⇒ sum 7 km"), await screen.seen());
    await screen.ended();
    await screen.editLine(2, "# belljar: argz --unit km");
    await screen.chord("a");
    check("directives", "a word that is not known is an error on its line", await screen.behind(2, "✗ `argz` is nothing that a document can say"), await screen.seen());
    const lines = await screen.text();
    check("directives", "and nothing runs", !lines.includes("⇒ sum"), lines);
    await screen.undo();
    await screen.clearHere();
  },

  expectations: async (screen, { onDisk }) => {
    await screen.openFile("says.py");
    await screen.go(1);
    await screen.chord("a");
    check("expectations", "a comment that does not hold is underlined", await screen.sees(".squiggly-warning"), await screen.seen());
    await screen.command("View: Toggle Problems");
    const listed = screen.page.locator(".markers-panel .monaco-list-row", { hasText: "Expected" });
    check("expectations", "the Problems view says what was printed", await screen.sees(".markers-panel .monaco-list-row", "Expected `double 9`, got `double 8`."), await screen.seen());
    check("expectations", "and lists none that holds", (await listed.count()) === 1, (await listed.allInnerTexts()).join("\n"));
    await screen.command("View: Toggle Problems");
    await screen.go(DOUBLE, 40);
    const titles = await screen.offered();
    check("expectations", "the light bulb offers to write what was printed", titles.includes("Update expectation"), titles);
    await screen.act("Update expectation");
    check("expectations", "which changes the comment", await screen.behind(DOUBLE, "# => double 8"), await screen.seen());
    check("expectations", "in the editor and not in the file", onDisk("says.py").includes("# => double 9"));
    await screen.chord("a");
    check("expectations", "and the next run finds nothing to mark", await screen.lacks(".squiggly-warning"), await screen.seen());
    await screen.undo();
    await screen.clearHere();
  },

  notebooks: async (screen) => {
    await screen.openFile("steps.py");
    // An editor that does not know all its extensions yet opens a notebook as text.
    await screen.sees(".codelens-decoration a", "Run in sandbox");
    await screen.page.locator(".explorer-folders-view .monaco-list-row[aria-label^='cells.ipynb']").first().dblclick();
    await screen.clickLensOfCell("alone", "Run cell");
    const seen = async () => JSON.stringify(await screen.lines("alone"));
    check("notebooks", "the code lens of a cell runs it", await screen.behind(2, "⇒ alone", "alone"), await seen());
    check("notebooks", "a refusal stands on the line of the cell that tried", await screen.behind(3, "⊘ Blocked by policy `default`: read `~/notes/diary.txt`", "alone"), await seen());
    check("notebooks", "and so does the error", await screen.behind(3, "✗ FileNotFoundError", "alone"), await seen());
    await screen.goToCell("height");
    await screen.chord("c");
    const area = async () => JSON.stringify(await screen.lines("height"));
    check("notebooks", "a cell by itself lacks what an earlier one made", await screen.behind(3, "✗ NameError", "height"), await area());
    await screen.chord("u");
    check("notebooks", "a key runs the earlier cells first", await screen.behind(3, "⇒ area 42", "height"), await area());
    const others = await screen.lines("alone");
    check("notebooks", "and none that comes later", others[2].endsWith("⇒ alone"), JSON.stringify(others));
    await screen.picture("notebook");
    await screen.goToCell("height");
    const titles = await screen.offered();
    check("notebooks", "the light bulb's menu offers both", ["Run cell in sandbox", "Run up to here in sandbox"].every((title) => titles.includes(title)), titles);
    await screen.press("Escape");
    await screen.chord("d");
    const cleared = await eventually(async () => !JSON.stringify(await screen.lines("height")).includes("⇒"));
    check("notebooks", "a key takes the results of the cell away", cleared, await area());
    await screen.command("View: Close Editor");
  },
};

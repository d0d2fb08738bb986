// Running: what is run, how it is asked for, and under which conditions.
import { check } from "./checks.mjs";

const NOTEBOOK = "jupytext--text_outputs_and_images.py";
const BULB = ".codicon-light-bulb, .codicon-lightbulb, [class*='gutter-lightbulb']";

export const running = {
  "run-selection": async (screen) => {
    await screen.openFile(NOTEBOOK);
    await screen.lens(1, "Run in sandbox");
    await screen.select(18, 20);
    check("run-selection", "a selection gets a light bulb", await screen.sees(BULB));
    const titles = await screen.offered();
    check("run-selection", "whose menu offers to run it", titles.includes("Run selection in sandbox"), titles);
    await screen.act("Run selection in sandbox");
    check("run-selection", "what it prints stands behind its lines", await screen.behind(19, "⇒ using print"), await screen.seen());
    check("run-selection", "of both ways to print", await screen.behind(20, "⇒ using sys.stdout.write"), await screen.seen());
    const below = (await screen.lines())[21];
    check("run-selection", "and nothing that was not selected ran", !below.includes("⇒"), below);
    await screen.picture("selection");
  },

  "run-cell": async (screen) => {
    await screen.openFile(NOTEBOOK);
    await screen.go(26);
    await screen.chord("c");
    check("run-cell", "the cell around the cursor runs", await screen.behind(27, "stderr ⇒ WARNING:root:Warning"), await screen.seen());
    const other = (await screen.lines())[36];
    check("run-cell", "and no other", !other.includes("✗"), other);
    await screen.openFile("steps.py");
    await screen.clickLens(4, "Run cell");
    check("run-cell", "its code lens runs it", await screen.behind(7, "⇒ done"), await screen.seen());
  },

  "run-file": async (screen) => {
    await screen.openFile("steps.py");
    await screen.clickLens(1, "Run in sandbox");
    check("run-file", "the code lens above the first line runs all of it", await screen.behind(22, "⇒ area 12"), await screen.seen());
  },

  "run-line": async (screen) => {
    await screen.openFile("steps.py");
    await screen.clearHere();
    await screen.go(19);
    await screen.page.locator(".view-line", { hasText: 'print("root"' }).first().click({ button: "right", position: { x: 30, y: 8 } });
    await screen.menu("Run in Sandbox", "Run Line in Sandbox");
    check("run-line", "the context menu runs the line", await screen.behind(19, "⇒ root 4.0"), await screen.seen());
    const below = (await screen.lines())[22];
    check("run-line", "and only it", !below.includes("⇒"), below);
  },

  "run-function": async (screen) => {
    await screen.openFile("steps.py");
    await screen.clearHere();
    await screen.go(11);
    await screen.chord("f");
    check("run-function", "the function around the cursor is called", await screen.behind(12, "⇒ hello from the function"), await screen.seen());
    await screen.go(16);
    await screen.chord("f");
    check("run-function", "one that needs arguments is not, and why is said", await screen.sees(".notification-toast", "area"), await screen.seen());
    await screen.closeToasts();
  },

  "run-block": async (screen) => {
    await screen.openFile("notes.md");
    await screen.go(15);
    await screen.chord("b");
    check("run-block", "the block around the cursor runs in its language", await screen.behind(15, "⇒ shell two ×2"), await screen.seen());
    await screen.clickLens(5, "Run block");
    check("run-block", "the code lens of a block runs it", await screen.behind(8, "⇒ python 120"), await screen.seen());
    await screen.go(34);
    await screen.chord("b");
    check("run-block", "of a block that is no program that is said", await screen.toastSaid(), await screen.seen());
    await screen.closeToasts();
  },

  stdin: async (screen) => {
    await screen.openFile("ask.py");
    await screen.go(1);
    await screen.chord("i");
    await screen.answer("Type one line", { pick: true });
    await screen.answer("ada", {});
    check("stdin", "the program reads what was typed", await screen.behind(5, "⇒ hello ada"), await screen.seen());
    check("stdin", "and the end after it", await screen.behind(6, "⇒ lines left: 0"), await screen.seen());
  },

  arguments: async (screen) => {
    await screen.openFile("fibonacci.py");
    await screen.go(1);
    await screen.chord("g");
    await screen.answer("5", {});
    check("arguments", "the program gets its arguments", await screen.anywhere("⇒ 5: 5"), await screen.seen());
  },

  "choose-policy": async (screen) => {
    await screen.openFile("steps.py");
    await screen.clearHere();
    await screen.chord("p");
    await screen.answer("strict", { pick: true });
    await screen.behind(22, "⇒ area 12");
    const said = await screen.hover(22, "policy strict");
    check("choose-policy", "one run gets another policy", said.includes("policy strict"), said);
    await screen.command("Belljar: Choose Policy…");
    await screen.answer("build", { pick: true });
    await screen.clearHere();
    await screen.chord("a");
    await screen.behind(22, "⇒ area 12");
    const now = await screen.hover(22, "policy build");
    check("choose-policy", "all further runs of the window get one", now.includes("policy build"), now);
    const status = await screen.status();
    check("choose-policy", "which the language status says", status.includes("Policy build"), status);
    await screen.command("Belljar: Choose Policy…");
    await screen.answer("default", { pick: true });
  },

  unsaved: async (screen, { onDisk }) => {
    await screen.openFile("spin.py");
    await screen.go(1);
    await screen.press("Control+a");
    await screen.page.keyboard.insertText('print("not on the disk")\n');
    await screen.chord("a");
    check("unsaved", "a changed document runs as it is on the screen", await screen.behind(1, "⇒ not on the disk"), await screen.seen());
    check("unsaved", "and its file is as it was", onDisk("spin.py").includes("itertools"));
    await screen.undo();
    await screen.clearHere();
  },

  untitled: async (screen) => {
    await screen.command("File: New Untitled Text File");
    await screen.page.locator(".tab.active", { hasText: "Untitled" }).first().waitFor();
    await screen.command("Change Language Mode");
    await screen.answer("Python", {});
    await screen.press("Control+1");
    await screen.page.keyboard.insertText("print(6 * 7)");
    await screen.lens(1, "Run in sandbox");
    await screen.chord("a");
    check("untitled", "a document that was never saved runs", await screen.behind(1, "⇒ 42"), await screen.seen());
    await screen.press("Control+a", "Delete");
  },
};

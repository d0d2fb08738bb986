// Results: where they stand, that they come while the program runs, and what can be done with them.
import { check, eventually, patience } from "./checks.mjs";

/** Runs the selection under the policy that has the time of a slow machine: it is stopped, and does not stop by itself. */
async function runForLong(screen) {
  await screen.chord("p");
  await screen.answer("build", { pick: true });
}

export const results = {
  "output-on-line": async (screen) => {
    await screen.openFile("steps.py");
    await screen.go(1);
    await screen.chord("a");
    for (const [line, text] of [[6, "⇒ number 5 ×5"], [7, "⇒ done"], [19, "⇒ root 4.0"], [22, "⇒ area 12"]]) {
      check("output-on-line", `line ${line} has what it printed`, await screen.behind(line, text), await screen.seen());
    }
    const said = await screen.hover(6, "number 1");
    check("output-on-line", "hovering over a loop's value shows them all", said.startsWith("number 1\nnumber 2\nnumber 3"), said);
    await screen.picture("output-on-line");
  },

  "error-on-line": async (screen) => {
    await screen.openFile("jupytext--text_outputs_and_images.py");
    await screen.go(36);
    await screen.chord("l");
    check("error-on-line", "an error stands on its line", await screen.behind(36, "✗ ModuleNotFoundError"), await screen.seen());
    check("error-on-line", "which is underlined", await screen.sees(".squiggly-error"));
  },

  "full-output": async (screen) => {
    await screen.openFile("steps.py");
    await screen.clickLens(1, "Output");
    check("full-output", "a document has all of the output", await screen.anywhere("number 3"), await screen.seen());
    const before = await screen.text();
    await screen.press("Control+1");
    await screen.page.keyboard.type("x");
    check("full-output", "and can only be read", (await screen.text()) === before, await screen.text());
    await screen.command("View: Close Editor");
  },

  "live-output": async (screen) => {
    await screen.openFile("twins.py");
    await screen.select(5, 7);
    await runForLong(screen);
    check("live-output", "what is printed is there while the program runs", await screen.behind(5, "⇒ left is running"), await screen.seen());
    check("live-output", "which still runs", await screen.sees(".codelens-decoration a", "■ Stop"));
    await screen.chord("o");
    check("live-output", "the full output can be read meanwhile", await screen.anywhere("still running"), await screen.seen());
    await screen.command("View: Close Editor");
  },

  // Goes on where `live-output` has left a run.
  "two-runs": async (screen) => {
    await screen.openFile("twins.py");
    await screen.select(10, 12);
    await runForLong(screen);
    check("two-runs", "a second run of the same document prints on its own lines", await screen.behind(10, "⇒ right is running"), await screen.seen());
    const first = (await screen.lines())[5];
    check("two-runs", "and the first one's stand", first.includes("⇒ left is running"), first);
    const bar = await screen.bar();
    check("two-runs", "both are counted in the status bar", bar.includes("+1"), bar);
    await screen.picture("two-runs");
  },

  status: async (screen) => {
    const bar = await screen.bar();
    check("status", "the status bar says how long it runs, and under which policy", /Belljar [\d.]+ (ms|s|min).* · build/.test(bar), bar);
    const status = await screen.status();
    check("status", "the language status says what runs", /twins\.py:\d+-\d+: running/.test(status), status);
    check("status", "and how strong the sandbox is", /Policy default\s*.*(layer|off: |ready)/.test(status), status);
  },

  stop: async (screen) => {
    await screen.chord("x");
    await screen.answer("twins.py:10-12", { pick: true });
    check("stop", "one of two is chosen, and stops", await screen.behind(12, "stopped"), await screen.seen());
    // Both runs had one, and that of the run that stopped takes its time to go.
    await screen.toast("twins.py:10-12").waitFor({ state: "hidden" });
    const button = screen.toast("twins.py:5-7").locator(".monaco-button", { hasText: "Cancel" }).first();
    check("stop", "a run that takes longer has a notification", await button.waitFor().then(() => true, () => false), await screen.seen());
    await button.click();
    check("stop", "whose button stops it", await screen.behind(7, "stopped"), await screen.seen());
    check("stop", "and nothing runs any more", (await eventually(async () => (await screen.bar()) === "")), await screen.bar());
  },

  rerun: async (screen) => {
    await screen.openFile("steps.py");
    await screen.clearHere();
    await screen.go(19);
    await screen.chord("l");
    await screen.behind(19, "⇒ root 4.0");
    const before = await screen.seen();
    await screen.editLine(19, 'print("again")');
    await screen.chord("r");
    check("rerun", "the same line runs again, with its new text", await screen.behind(19, "⇒ again"), before + "\n--\n" + (await screen.seen()));
    await screen.undo();
  },

  stale: async (screen) => {
    await screen.openFile("steps.py");
    await screen.clearHere();
    await screen.go(19);
    await screen.chord("l");
    await screen.behind(19, "⇒ root 4.0");
    await screen.go(1);
    await screen.page.keyboard.insertText("#\n");
    check("stale", "a result moves with its line", await screen.behind(20, "⇒ root 4.0"), await screen.seen());
    await screen.go(20, 100);
    await screen.page.keyboard.insertText(" # x");
    check("stale", "when its text has changed it is marked as old", await screen.behind(20, "(old) ⇒ root 4.0"), await screen.seen());
    await screen.undo();
    check("stale", "and no longer when the text is as it was", await screen.behind(19, /  ⇒ root 4.0/), await screen.seen());
    await screen.chord("a");
    await screen.behind(22, "⇒ area 12");
    await screen.ended();
    await screen.editLine(2, "import math  # x");
    await screen.editLine(21, "# %% the call");
    check("stale", "two changes mark what stands between them", await screen.behind(7, "(old) ⇒ done"), await screen.seen());
    await screen.command("File: Revert File");
    check("stale", "and reverting the file brings it back as it was", await screen.behind(7, /  ⇒ done/), await screen.seen());
    check("stale", "on every line", await screen.behind(19, /  ⇒ root 4.0/), await screen.seen());
  },

  clear: async (screen) => {
    await screen.openFile("steps.py");
    await screen.go(1);
    await screen.chord("a");
    await screen.behind(22, "⇒ area 12");
    await screen.go(1);
    await screen.chord("d");
    check("clear", "the results of a document go", await screen.without("⇒"), await screen.seen());
  },

  "clear-all": async (screen) => {
    for (const [name, line, text] of [["ask.py", 5, "⇒ hello nobody"], ["steps.py", 7, "⇒ done"]]) {
      await screen.openFile(name);
      await screen.go(1);
      await screen.chord("a");
      await screen.behind(line, text);
    }
    await screen.command("Belljar: Clear All Sandbox Results");
    check("clear-all", "the results of this document go", await screen.without("⇒"), await screen.seen());
    await screen.openFile("ask.py");
    check("clear-all", "and those of the others", await screen.without("⇒"), await screen.seen());
  },

  "hostile-output": async (screen) => {
    let asked = "";
    screen.page.on("dialog", (dialog) => {
      asked += dialog.message();
      void dialog.dismiss();
    });
    await screen.openFile("hostile.py");
    await screen.go(1);
    await screen.chord("a");
    check("hostile-output", "the last line is reached", await screen.behind(19, "⇒ last line"), await screen.seen());
    const lines = Object.values(await screen.lines()).map((line) => line.split("⇒").slice(1).join("⇒")).join("\n");
    check("hostile-output", "no escape, control or bidi character is drawn", !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069]/.test(lines), JSON.stringify(lines));
    const link = await screen.hover(11, "link:");
    check("hostile-output", "a link is text", link.includes("link: [click](command:workbench.action.quit)"), link);
    const markup = await screen.hover(12, "markup:");
    check("hostile-output", "markup is text", markup.includes("markup: <img src=x onerror=alert(1)> <b>bold</b> $(bell)"), markup);
    const found = await screen.page.locator(".monaco-hover img, .monaco-hover b, .monaco-hover [data-href*='quit'], .monaco-hover .codicon-bell").count();
    check("hostile-output", "and nothing is made of it", found === 0 && asked === "", `${found} ${asked}`);
    const long = (await screen.lines())[18];
    check("hostile-output", "a long line is cut", long.length < 300 && long.includes("…"), long.length);
  },

  "hostile-name": async (screen) => {
    await screen.page.locator(".explorer-folders-view .monaco-list-row", { hasText: "named" }).first().dblclick();
    await screen.page.locator(".editor-group-container.active .view-line", { hasText: "'any'" }).first().waitFor();
    await screen.go(1);
    await screen.chord("a");
    check("hostile-name", "it runs", await screen.behind(2, "⇒ by any name"), await screen.seen());
    check("hostile-name", "what it is refused stands on its line", await screen.behind(3, "⊘ Blocked by policy `default`: read `~/notes/diary.txt`"), await screen.seen());
    await screen.ended();
    const [said, made] = await screen.status(async (box) => [
      (await box.allInnerTexts()).join("\n"),
      await box.locator("img, .codicon-bell, a[data-href*='command:d']").count(),
    ]);
    check("hostile-name", "the language status has it as text", said.includes("<img src=x>") && made === 0, `${made} ${said}`);
    await screen.chord("o");
    check("hostile-name", "all of its output opens", await screen.anywhere("by any name"), await screen.seen());
    await screen.command("View: Close Editor");
  },

  flood: async (screen) => {
    await screen.openFile("flood/flood.py");
    await screen.go(1);
    await screen.chord("a");
    check("flood", "the line that prints shows its last value", await screen.behind(5, /⇒ drop \d+ ×\d+/), await screen.seen());
    const began = Date.now();
    await screen.openFile("ask.py");
    await screen.openFile("flood/flood.py");
    check("flood", "the editor stays usable", Date.now() - began < patience, `${Date.now() - began} ms for opening two files`);
    const ended = await screen.anywhere("Limit `wall`");
    check("flood", "it ends at its limit", ended, await screen.seen());
  },
};

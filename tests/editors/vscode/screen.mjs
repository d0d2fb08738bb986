// A window of the editor, as a person uses it: keys, clicks, and what can be read on it.
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, patience } from "./checks.mjs";

const { BELLJAR_EDITOR: installed, BELLJAR_ARTEFACTS: artefacts } = process.env;
const { chromium } = createRequire(import.meta.url)(join(installed, "driver/node_modules/playwright-core"));

/** Starts the browser that all windows are in. */
export async function openBrowser() {
  const folder = mkdtempSync(join(tmpdir(), "cr-"));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    viewport: { width: 1280, height: 1000 },
    permissions: ["clipboard-read", "clipboard-write"],
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    ],
  });
  context.setDefaultTimeout(patience);
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export class Screen {
  constructor(page) {
    this.page = page;
  }

  /** A new window on a folder. */
  static async open(browser, url, folder) {
    const page = await browser.context.newPage();
    // The first window of an editor takes as long as it takes.
    const timeout = 4 * patience;
    await page.goto(`${url}/?folder=${encodeURIComponent(folder)}`, { timeout });
    // The names of files come from where the files are, so that is connected when they are there.
    await page.locator(".explorer-folders-view .monaco-list-row").first().waitFor({ timeout });
    return new Screen(page);
  }

  async picture(name) {
    await this.page.screenshot({ path: join(artefacts, `${name}.png`) });
  }

  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Keys of ours begin with a chord. */
  async chord(letter) {
    await this.press("Control+Alt+j");
    await this.press(letter);
  }

  /** Waits until something can be seen; says whether it could. */
  async sees(selector, text) {
    const found = this.page.locator(selector, text === undefined ? {} : { hasText: text }).first();
    return (await found.waitFor({ state: "visible" }).then(() => true, () => false));
  }

  /** Waits until something can not be seen any more; says whether it went. */
  async lacks(selector) {
    return eventually(async () => (await this.page.locator(selector).count()) === 0);
  }

  /** Opens the list or question that a key is for, and types a text there. What takes the focus meanwhile closes it: then it
   *  is opened again. */
  async ask(key, text) {
    const input = this.page.locator(".quick-input-widget input").first();
    await this.press(...key);
    const asked = await eventually(async () => {
      if (!(await input.waitFor({ timeout: patience / 6 }).then(() => true, () => false))) await this.press(...key);
      return input.fill(text, { timeout: 1000 }).then(() => true, () => false);
    });
    if (!asked) throw new Error(`${key} opens nothing`);
    return input;
  }

  /** Opens a file of the folder by its name, and waits for its text. */
  async openFile(name) {
    const short = name.split("/").at(-1);
    const row = this.page.locator(`.quick-input-widget .monaco-list-row[aria-label^="${short}"]`).first();
    const input = this.page.locator(".quick-input-widget input").first();
    await this.putMouseAway();
    // A list that is asked for while another closes does not come, and one that is asked for too early stays empty.
    let pause = 2000;
    const found = await eventually(async () => {
      if (!(await input.isVisible())) await this.press("Control+p");
      for (const text of ["", name]) {
        if (!(await input.fill(text, { timeout: 1000 }).then(() => true, () => false))) return false;
      }
      pause *= 2;
      return row.waitFor({ timeout: pause }).then(() => true, () => false);
    }, 2 * patience);
    if (!found) throw new Error(`the editor does not find ${name}`);
    await row.click();
    await this.page.locator(".tab.active", { hasText: short }).first().waitFor();
    await this.page.locator(".editor-group-container.active .view-line").first().waitFor();
  }

  /** Moves the mouse to where nothing is, so that no hover covers anything. */
  async putMouseAway() {
    await this.page.mouse.move(640, 990);
    await this.page.mouse.move(640, 995);
  }

  /** Puts the cursor to a line, from 1, and the focus into the text. */
  async go(line, column = 1) {
    const input = await this.ask(["Control+1", "Control+g"], `:${line}:${column}`);
    await this.press("Enter");
    await input.waitFor({ state: "hidden" });
  }

  /** Selects whole lines with the keyboard. */
  async select(first, last) {
    await this.go(first);
    for (let line = first; line < last; line++) await this.press("Shift+ArrowDown");
    await this.press("Shift+End");
  }

  /** Carries out a command by its whole title, from the palette. */
  async command(title) {
    const row = (end) => `.quick-input-widget .monaco-list-row[aria-label${end}]`;
    const found = this.page.locator(`${row(`="${title}"`)}, ${row(`^="${title},"`)}`).first();
    const done = await eventually(async () => {
      await this.ask(["F1"], `>${title}`);
      return found.click({ timeout: patience / 3 }).then(() => true, () => false);
    });
    if (!done) throw new Error(`there is no command ${title}`);
  }

  /** Picks the entry of a menu of choices, or types the answer to a question. */
  async answer(text, { pick }) {
    const input = this.page.locator(".quick-input-widget input").first();
    await input.waitFor();
    if (pick) {
      await this.page.locator(".quick-input-widget .monaco-list-row", { hasText: text }).first().click();
    } else {
      await input.fill(text);
      await this.press("Enter");
    }
  }

  /** Whether a code lens with that text comes above a line in sight; the server is ready then. */
  async lens(line, text) {
    return (await this.lensAbove(line, text)) !== undefined;
  }

  async clickLens(line, text) {
    await this.putMouseAway();
    // One that was drawn anew meanwhile is another element, and may stand elsewhere.
    const clicked = await eventually(async () => {
      const lens = await this.lensAbove(line, text);
      return lens?.click({ timeout: 3000 }).then(() => true, () => false);
    });
    if (!clicked) throw new Error(`no lens "${text}" above line ${line}`);
  }

  async lensAbove(line, text) {
    return eventually(async () => {
      for (const lens of await this.page.locator(".codelens-decoration a", { hasText: text }).elementHandles()) {
        if ((await this.lineBelow(lens)) === line) return lens;
      }
      return undefined;
    });
  }

  /** The number of the line that stands below an element. */
  async lineBelow(element) {
    const box = await element.boundingBox().catch(() => null);
    if (box === null) return undefined;
    return this.page.evaluate((bottom) => {
      const numbers = [...document.querySelectorAll(".editor-group-container.active .line-numbers")];
      const below = numbers.map((number) => ({ number, top: number.getBoundingClientRect().top })).filter(({ top }) => top >= bottom - 4);
      below.sort((a, b) => a.top - b.top);
      return below.length > 0 ? Number(below[0].number.textContent) : undefined;
    }, box.y + box.height);
  }

  /** Goes through a menu that is open. */
  async menu(submenu, entry) {
    const items = this.page.locator(".monaco-menu .action-item");
    await items.filter({ hasText: submenu }).first().hover();
    await // A menu takes no click in its first tenth of a second.
    await items.filter({ hasText: entry }).last().click({ delay: 200 });
  }

  /** Takes the results of the active document away. */
  async clearHere() {
    await this.go(1);
    await this.chord("d");
    await this.without("⇒");
  }

  /** Waits until nothing runs. */
  async ended() {
    return eventually(async () => (await this.bar()) === "");
  }

  /** Puts another text in the place of a line. */
  async editLine(line, text) {
    await this.go(line);
    await this.press("Shift+End");
    await this.page.keyboard.insertText(text);
  }

  /** Takes all changes of the active document back, one after the other. */
  async undo() {
    await this.press("Control+1");
    const undone = await eventually(async () => {
      if ((await this.page.locator(".tab.active.dirty").count()) === 0) return true;
      await this.press("Control+z");
      return false;
    });
    if (!undone) throw new Error("a change stays");
  }

  /** Our text in the status bar; empty if nothing runs. */
  async bar() {
    const texts = await this.page.locator(".statusbar-item:visible", { hasText: "Belljar" }).allInnerTexts();
    return texts.join(" ").trim();
  }

  /** What the language status says, or what else `look` finds in it. Its lines come in one if it goes while they are read. */
  async status(look = async (box) => (await box.allInnerTexts()).join("\n")) {
    const box = this.page.locator(".hover-language-status");
    // It is drawn anew each second while something runs, which can take the hover away.
    const seen = await eventually(async () => {
      await this.page.mouse.move(640, 500);
      await this.page.locator("#status\\.languageStatus").hover();
      if (!(await box.first().waitFor({ timeout: 3000 }).then(() => true, () => false))) return undefined;
      const found = await look(box);
      return (await box.first().isVisible()) ? found : undefined;
    });
    await this.page.mouse.move(640, 500);
    await box.first().waitFor({ state: "hidden" }).catch(() => undefined);
    return seen;
  }

  /** The text of the active editor as far as it is in sight. */
  async text() {
    return Object.values(await this.lines()).join("\n");
  }

  /** Whether anything was said. */
  async toastSaid() {
    return this.sees(".notification-toast");
  }

  /** Opens the light bulb's menu, and gives the titles that it has here. */
  async offered() {
    const rows = this.page.locator(".action-widget .monaco-list-row");
    // A menu that is asked for while the focus still returns to the text does not come.
    await eventually(async () => {
      await this.press("Control+.");
      return rows.first().waitFor({ timeout: 4000 }).then(() => true, () => false);
    });
    return rows.allInnerTexts();
  }

  /** Picks an entry of the light bulb's menu, which is open. */
  async act(title) {
    await this.page.locator(".action-widget .monaco-list-row", { hasText: title }).first().click();
  }

  /** The lines of the active editor, or of a notebook's cell that has a text, as they are drawn: number -> text with what
   *  stands behind it. */
  lines(cell) {
    return this.page.evaluate((wanted) => {
      const lines = {};
      const plain = (text) => text.replace(/\u00a0/g, " ");
      const cells = () => [...document.querySelectorAll(".notebookOverlay .code-cell-row .monaco-editor")];
      const editor = wanted
        ? cells().find((one) => plain(one.querySelector(".view-lines").textContent).includes(wanted))
        : (document.querySelector(".editor-group-container.active .monaco-editor") ?? document.querySelector(".monaco-editor"));
      if (!editor) return lines;
      const drawnLines = [...editor.querySelectorAll(".view-lines > .view-line")];
      const tops = new Map();
      // A cell has no numbers, and is in sight as a whole.
      if (wanted) {
        const inOrder = drawnLines.map((line) => line.style.top).sort((a, b) => parseFloat(a) - parseFloat(b));
        inOrder.forEach((top, at) => tops.set(top, at + 1));
      }
      for (const number of editor.querySelectorAll(".margin-view-overlays > div")) {
        const shown = number.querySelector(".line-numbers")?.textContent;
        if (shown) tops.set(number.style.top, Number(shown));
      }
      // What stands behind a line is drawn by style sheets, as text of no element.
      const drawn = (span) => {
        const text = getComputedStyle(span, "::after").content;
        return text.startsWith('"') ? "  " + text.slice(1, -1).replace(/\\(["\\])/g, "$1") : "";
      };
      for (const line of drawnLines) {
        const number = tops.get(line.style.top);
        if (number === undefined) continue;
        const behind = [...line.querySelectorAll("span[class*='TextEditorDecorationType']")].map(drawn).join("");
        lines[number] = plain(line.textContent + behind);
      }
      return lines;
    }, cell);
  }

  /** Waits until the line has that text, or a text that matches; gives the line. */
  async behind(line, text, cell) {
    const fits = (shown) => (text instanceof RegExp ? text.test(shown) : shown.includes(text));
    return eventually(async () => {
      const shown = (await this.lines(cell))[line];
      return shown !== undefined && fits(shown) ? shown : undefined;
    });
  }

  /** The cell of a notebook that has that text. */
  cell(text) {
    return this.page.locator(".notebookOverlay .code-cell-row .monaco-editor", { hasText: text }).first();
  }

  /** Puts the cursor into a cell, at the end of its last line. */
  async goToCell(text) {
    await this.cell(text).locator(".view-line").last().click();
    await this.cell(text).and(this.page.locator(".focused")).waitFor();
  }

  async clickLensOfCell(text, lens) {
    await this.cell(text).locator(".codelens-decoration a", { hasText: lens }).first().click();
  }

  /** Waits until any line in sight has that text. */
  async anywhere(text) {
    const fits = (shown) => (text instanceof RegExp ? text.test(shown) : shown.includes(text));
    return eventually(async () => Object.values(await this.lines()).find(fits));
  }

  /** Waits until no line has that text. */
  async without(text) {
    return eventually(async () => !Object.values(await this.lines()).some((line) => line.includes(text)));
  }

  /** Moves the mouse onto what stands behind a line, and gives what the hover says. */
  async hover(line, text) {
    const box = this.page.locator(".monaco-resizable-hover, .monaco-hover", { hasText: text }).first();
    const said = await eventually(async () => {
      // Looked for each time: lenses that come above it move the line.
      const place = await this.markBehind(line);
      if (place === undefined) return undefined;
      await this.page.mouse.move(place.x, 600);
      await this.page.mouse.move(place.x, place.y, { steps: 3 });
      return box.waitFor({ timeout: 3000 }).then(() => box.innerText(), () => undefined);
    });
    return said ?? "";
  }

  /** Where the last mark behind a line is drawn. */
  markBehind(line) {
    return this.page.evaluate((wanted) => {
      const editor = document.querySelector(".editor-group-container.active .monaco-editor");
      const number = [...editor.querySelectorAll(".margin-view-overlays > div")].find(
        (one) => one.querySelector(".line-numbers")?.textContent === String(wanted),
      );
      const drawn = [...editor.querySelectorAll(".view-line")].find((one) => one.style.top === number?.style.top);
      const spans = [...(drawn?.querySelectorAll("span[class*='TextEditorDecorationType']") ?? [])];
      const shown = spans.filter((span) => getComputedStyle(span, "::after").content.startsWith('"')).at(-1);
      if (shown === undefined) return undefined;
      const { left, top, height } = shown.getBoundingClientRect();
      return { x: left + 30, y: top + height / 2 };
    }, line);
  }

  async seen() {
    const lines = await this.lines();
    const said = await this.page.locator(".notification-toast .notification-list-item-message").allInnerTexts();
    return [...Object.entries(lines).map(([n, text]) => `${n}: ${text}`), ...said.map((text) => `said: ${text}`)].join("\n");
  }

  /** The toast with that text. */
  toast(text) {
    return this.page.locator(".notification-toast", { hasText: text }).first();
  }

  async closeToasts() {
    await this.command("Notifications: Clear All Notifications");
  }
}

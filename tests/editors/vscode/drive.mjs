// Plays every scenario in a real VS Code, as a person would: with keys, the mouse, and what can be read on the screen.
// BELLJAR_ONLY=id,id plays only those; `portrait`, the picture of the README, is only taken so.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { check, finish } from "./checks.mjs";
import { documents } from "./documents.mjs";
import { Editor, makePackages } from "./editor.mjs";
import { keys } from "./keys.mjs";
import { measure } from "./measure.mjs";
import { portrait } from "./portrait.mjs";
import { refusals } from "./refusals.mjs";
import { results } from "./results.mjs";
import { running } from "./running.mjs";
import { openBrowser, Screen } from "./screen.mjs";
import { trouble } from "./trouble.mjs";

const { BELLJAR_WORK: work, HOME: home, BELLJAR_ONLY: only } = process.env;
const folder = mkdtempSync(join(tmpdir(), "late-"));
const onDisk = (name) => readFileSync(join(work, name), "utf8");

/** Plays scenarios one after the other; one that breaks does not keep the others from being played. */
async function play(screen, scenes, around) {
  for (const [id, scene] of Object.entries(scenes)) {
    if (only && !only.split(",").includes(id)) continue;
    const began = Date.now();
    try {
      await scene(screen, { onDisk, folder, ...around });
    } catch (error) {
      check(id, "is played to its end", false, `${error.stack}\n${await screen.seen().catch(() => "")}`);
      await screen.picture(`failed-${id}`).catch(() => undefined);
      await screen.press("Escape", "Escape").catch(() => undefined);
    }
    console.error(`${id} took ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
}

/** One editor with a fresh user and this package; `scenes` play in it. */
async function withEditor(name, vsix, options, browser, scenes) {
  const editor = new Editor(name);
  try {
    await editor.start(vsix, options);
    const screen = await Screen.open(browser, editor.url, options.folder);
    await scenes(screen, editor);
    editor.keepLogs(name);
    await screen.page.close();
  } finally {
    await editor.stop();
  }
}

/** What a project would like its visitor's editor to believe. */
function temptWithSettings(project) {
  mkdirSync(join(project, ".vscode"));
  const wishes = { "belljar.policy": "build", "belljar.server.path": "/bin/false", "belljar.languages": ["plaintext"] };
  writeFileSync(join(project, ".vscode/settings.json"), JSON.stringify(wishes));
}

mkdirSync(join(home, ".ssh"));
writeFileSync(join(home, ".ssh/id_rsa"), "not a key\n");
let browser;
let packages;
try {
  packages = makePackages();
  browser = await openBrowser();
  // The package brings the program: there is none on this machine, and no Rust.
  const bare = process.env.PATH.split(delimiter).filter((entry) => entry !== join(home, "bin")).join(delimiter);
  await withEditor("trusted", packages.withProgram, { path: bare, trusted: true, folder: work }, browser, async (screen, editor) => {
    await play(screen, { ...running, ...documents, ...results, ...refusals, remote: trouble.remote }, { editor });
    await play(screen, { measure, ...(only ? { portrait } : {}), "server-restart": trouble["server-restart"], keys }, { editor });
  });
  const stranger = join(work, "stranger");
  temptWithSettings(stranger);
  await withEditor("untrusted", packages.universal, { path: bare, trusted: false, folder: stranger }, browser, async (screen, editor) => {
    const { "no-server": missing, untrusted, "cannot-sandbox": cannot } = trouble;
    await play(screen, { "no-server": missing, untrusted, "cannot-sandbox": cannot }, { editor });
  });
} catch (error) {
  check("run-file", "the editor can be driven", false, error.stack);
} finally {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
  if (packages) rmSync(packages.folder, { recursive: true, force: true });
}
process.exit(finish());

// What the user can ask for. Each command asks the server, which decides.
import {
  commands, env, l10n, Range, window, workspace, type Disposable, type LogOutputChannel, type QuickPickItem, type TextEditor,
} from "vscode";
import { joinArguments, splitArguments } from "./arguments";
import type { Doctor } from "./doctor";
import type { Run, Runs } from "./runs";
import { NOTEBOOK_CELL, SCHEMES, Server, TEXTS } from "./server";
import type { Status } from "./status";
import { OUTPUT_SCHEME, runOf, type Transcripts } from "./transcripts";
import { Commands, type PolicyEntry, type RunArguments, type What } from "./wire";
import { inert, oneLine, place, state } from "./words";

export interface Parts {
  server: Server;
  runs: Runs;
  transcripts: Transcripts;
  doctor: Doctor;
  status: Status;
  log: LogOutputChannel;
}

/** Makes every command of package.json, and those that hovers offer. */
export function registerCommands(parts: Parts): Disposable[] {
  const { server, runs, transcripts, doctor, log } = parts;
  const asked = new Asked();
  const table: Record<string, (...args: never[]) => unknown> = {
    "belljar.runSelection": () => runHere(server, isSelected() ? "selection" : "line"),
    "belljar.runLine": () => runHere(server, "line"),
    "belljar.runFunction": () => runHere(server, "function"),
    "belljar.runCell": () => runHere(server, "cell"),
    "belljar.runBlock": () => runHere(server, "block"),
    "belljar.runUpTo": () => runHere(server, "upTo"),
    "belljar.runFile": () => runHere(server, "file"),
    "belljar.runWithPolicy": async () => {
      const policy = await pickPolicy(server, l10n.t("Run once under which policy?"));
      if (policy !== undefined) await runHere(server, usual(), { policy });
    },
    "belljar.runWithInput": async () => {
      const stdin = await asked.input();
      if (stdin !== undefined) await runHere(server, usual(), { stdin });
    },
    "belljar.runWithArguments": async () => {
      const args = await asked.arguments();
      if (args !== undefined) await runHere(server, usual(), { arguments: args });
    },
    "belljar.choosePolicy": async () => {
      const policy = await pickPolicy(server, l10n.t("Policy of runs that name none, in this window"));
      if (policy === undefined) return;
      await server.carryOut(Commands.usePolicy, { policy });
      parts.status.policy = policy;
      parts.status.update();
    },
    "belljar.stop": () => stopOne(server, runs),
    "belljar.stopAll": () => server.carryOut(Commands.cancel, {}),
    "belljar.stopRun": (run: string) => server.carryOut(Commands.cancel, { run }),
    "belljar.rerunLast": () => server.carryOut(Commands.rerun, {}),
    "belljar.rerunRun": (run: string) => server.carryOut(Commands.rerun, { run }),
    "belljar.clearRun": (run: string) => server.carryOut(Commands.clear, { run }),
    "belljar.clearResults": () => {
      const uri = window.activeTextEditor?.document.uri.toString();
      return server.carryOut(Commands.clear, uri === undefined ? {} : { uri });
    },
    "belljar.clearAllResults": () => server.carryOut(Commands.clear, { all: true }),
    "belljar.openOutput": async (id?: string) => {
      const run = typeof id === "string" ? runs.get(id) : runAtCursor(runs);
      if (run !== undefined) await transcripts.open(run);
      else void window.showInformationMessage(l10n.t("Nothing was run yet."));
    },
    "belljar.copyOutput": () => copyOutput(),
    "belljar.doctor": async () => {
      if ((await server.ready()) !== undefined) await doctor.open();
    },
    "belljar.showLog": () => log.show(),
    "belljar.restartServer": () => server.restart(),
    "belljar.openWalkthrough": () => commands.executeCommand("workbench.action.openWalkthrough", "belljar.belljar#start", false),
  };
  return Object.entries(table).map(([id, handler]) => commands.registerCommand(id, handler as (...args: unknown[]) => unknown));
}

function isSelected(): boolean {
  return window.activeTextEditor?.selection.isEmpty === false;
}

/** What is run when the user names nothing: what is selected, else the block around the cursor or the file. */
function usual(): What {
  if (isSelected()) return "selection";
  const document = window.activeTextEditor?.document;
  if (document?.uri.scheme === NOTEBOOK_CELL) return "cell";
  return TEXTS.includes(document?.languageId ?? "") ? "block" : "file";
}

async function runHere(server: Server, what: What, more: Partial<RunArguments> = {}): Promise<void> {
  const editor = window.activeTextEditor;
  if (editor === undefined || !SCHEMES.includes(editor.document.uri.scheme)) {
    void window.showInformationMessage(l10n.t("Open a file to run something of it."));
    return;
  }
  const language = editor.document.languageId;
  if (!Server.languages().includes(language)) {
    void window.showInformationMessage(
      l10n.t("Belljar brings no runtime for `{0}`. If you have written one, add it to the setting belljar.languages.", language),
    );
    return;
  }
  const { start, end } = what === "file" ? new Range(0, 0, 0, 0) : editor.selection;
  const range = {
    start: { line: start.line, character: start.character },
    end: { line: end.line, character: end.character },
  };
  await server.carryOut(Commands.run, { uri: editor.document.uri.toString(), what, range, ...more });
}

async function pickPolicy(server: Server, title: string): Promise<string | undefined> {
  const reply = await server.carryOut<{ policies: PolicyEntry[] }>(Commands.policies);
  if (reply === undefined) return undefined;
  const items = reply.policies.map((policy) => ({
    name: policy.name,
    label: inert(policy.name),
    detail: inert(oneLine(policy.description, 200)),
    ...(policy.active ? { description: l10n.t("in force") } : {}),
  }));
  return (await window.showQuickPick(items, { title, matchOnDetail: true }))?.name;
}

async function stopOne(server: Server, runs: Runs): Promise<void> {
  const [first, ...others] = runs.live;
  if (first === undefined) {
    void window.showInformationMessage(l10n.t("Nothing is running."));
  } else if (others.length === 0) {
    await server.carryOut(Commands.cancel, { run: first.id });
  } else {
    const now = Date.now();
    const item = (run: Run): QuickPickItem & { run: string } => ({
      label: inert(oneLine(place(run), 100)), description: inert(`${state(run, now)} · ${oneLine(run.policy, 40)}`), run: run.id,
    });
    const all = { label: l10n.t("Stop all {0}", runs.live.length), run: undefined };
    const choice = await window.showQuickPick([...runs.live.map(item), all], { title: l10n.t("Stop which run?") });
    if (choice !== undefined) await server.carryOut(Commands.cancel, choice.run === undefined ? {} : { run: choice.run });
  }
}

/** The run whose result the cursor is on, else the last of this document, else the last. */
function runAtCursor(runs: Runs): Run | undefined {
  const editor = window.activeTextEditor;
  if (editor === undefined) return runs.last;
  const here = runs.of(editor.document.uri.toString());
  const line = editor.selection.active.line;
  return here.findLast((run) => run.first <= line && line <= run.last) ?? here.at(-1) ?? runs.last;
}

async function copyOutput(): Promise<void> {
  const document = transcriptOf(window.activeTextEditor);
  if (document === undefined) return;
  await env.clipboard.writeText(document.getText());
  window.setStatusBarMessage(l10n.t("Output copied"), 3000);
}

function transcriptOf(editor: TextEditor | undefined) {
  const document = editor?.document;
  return document?.uri.scheme === OUTPUT_SCHEME && runOf(document.uri) !== "" ? document : undefined;
}

/** What the user is asked for before a run. What they said last is offered again, for as long as the window is open. */
class Asked {
  private lastInput = "";
  private lastArguments: string[] = [];

  async arguments(): Promise<string[] | undefined> {
    const line = await window.showInputBox({
      title: l10n.t("Arguments of the program"),
      prompt: l10n.t("Apart by spaces; quotes hold words together, and nothing else is expanded."),
      value: joinArguments(this.lastArguments),
      validateInput: (text) => (splitArguments(text) === undefined ? l10n.t("A quote is not closed.") : undefined),
    });
    const args = line === undefined ? undefined : splitArguments(line);
    if (args !== undefined) this.lastArguments = args;
    return args;
  }

  /** The program's standard input: typed, or from the clipboard or a file. */
  async input(): Promise<string | undefined> {
    const typed = { label: l10n.t("Type one line…") };
    const clipboard = { label: l10n.t("What is on the clipboard") };
    const file = { label: l10n.t("A file…") };
    const choice = await window.showQuickPick([typed, clipboard, file], { title: l10n.t("Standard input of the program") });
    if (choice === typed) {
      const line = await window.showInputBox({ title: l10n.t("Standard input of the program"), value: this.lastInput });
      if (line === undefined) return undefined;
      this.lastInput = line;
      return line + "\n";
    }
    if (choice === clipboard) return env.clipboard.readText();
    if (choice !== file) return undefined;
    const [chosen] = (await window.showOpenDialog({ title: l10n.t("Standard input of the program") })) ?? [];
    return chosen && new TextDecoder().decode(await workspace.fs.readFile(chosen));
  }
}

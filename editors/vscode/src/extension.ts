// Belljar for Visual Studio Code: starts the server, shows what it tells, and decides nothing about security.
import { commands, window, workspace, type CodeAction, type Command, type ExtensionContext } from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import { registerCommands } from "./commands";
import { Decorations } from "./decorations";
import { Doctor } from "./doctor";
import { Runs } from "./runs";
import { Server } from "./server";
import { Status } from "./status";
import { Transcripts } from "./transcripts";
import { Commands } from "./wire";

/** Settings that need another server, and those that it is told of. */
const STARTED_WITH = ["belljar.server", "belljar.languages"];
const TOLD = ["belljar.policy", "belljar.lenses", "belljar.resultSeverity"];
const DRAWN_WITH = ["belljar.inlineResults", "belljar.inlineLength"];

let server: Server | undefined;

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel("Belljar", { log: true });
  const runs = new Runs();
  const middleware: Middleware = {
    executeCommand: (command, args) => {
      const [argument] = args as (object | undefined)[];
      // The full output has a document of its own here, which grows; the server would write a file.
      if (command === Commands.showOutput) {
        return commands.executeCommand("belljar.openOutput", (argument as { run?: string } | undefined)?.run);
      }
      return started.carryOut(command, argument);
    },
    provideCodeActions: async (document, range, context, token, next) => {
      const actions = await next(document, range, context, token);
      return workspace.isTrusted ? actions : actions?.filter((action) => !writesForGood(action));
    },
    // What is said on hover stands behind the lines that it is about, and not on every line of a run.
    provideHover: () => undefined,
    // Progress is shown by `Status`, with how long and under which policy.
    handleWorkDoneProgress: () => undefined,
  };
  const started = new Server(context, log, middleware);
  server = started;
  const decorations = new Decorations(runs);
  const transcripts = new Transcripts(started, runs);
  const doctor = new Doctor(() => started.program, log);
  const stop = (run: string) => void started.carryOut(Commands.cancel, { run });
  const status = new Status(runs, doctor, Server.languages(), stop, () => decorations.touchAll());
  const updateKeys = () => {
    const language = window.activeTextEditor?.document.languageId;
    void commands.executeCommand("setContext", "belljar.runnable", language !== undefined && Server.languages().includes(language));
    void commands.executeCommand("setContext", "belljar.running", runs.live.length > 0);
  };

  context.subscriptions.push(
    log, started, decorations, transcripts, doctor, status,
    ...registerCommands({ server: started, runs, transcripts, doctor, status, log }),
    started.onRunEvent((event) => {
      const uri = runs.get(event.run)?.uri ?? event.uri;
      if (event.kind === "output" && runs.get(event.run)?.printed.isEmpty) {
        log.info(`first output ${Math.round(performance.now() - started.asked)} ms after it was asked for`);
      }
      const run = runs.apply(event, Date.now());
      if (run === undefined) return;
      decorations.touch(uri);
      if (event.kind === "stale" || event.kind === "cleared") return status.update();
      transcripts.touch(run);
      if (event.kind === "output") return;
      status.update();
      updateKeys();
      if (run.end?.ending.kind === "failed") void doctor.look();
    }),
    started.onGone(() => {
      runs.forgetAll();
      decorations.touchAll();
      status.policy = undefined;
      status.update();
      updateKeys();
    }),
    started.onReady(() => void doctor.look()),
    doctor.onFound(() => status.update()),
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      const uri = document.uri.toString();
      if (contentChanges.length === 0 || runs.of(uri).length === 0) return;
      runs.move(uri, document.version, contentChanges);
      decorations.touch(uri);
    }),
    window.onDidChangeVisibleTextEditors(() => decorations.touchAll()),
    window.onDidChangeActiveTextEditor(updateKeys),
    workspace.onDidOpenTextDocument(updateKeys),
    workspace.onDidChangeConfiguration(async (change) => {
      const affects = (names: string[]) => names.some((name) => change.affectsConfiguration(name));
      if (affects(STARTED_WITH)) await started.restart();
      else if (affects(TOLD)) await started.tellPreferences();
      if (affects(DRAWN_WITH)) decorations.touchAll();
      status.update();
    }),
  );
  updateKeys();
  void started.ready();
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}

/** Whether an action writes a rule that stays: in a folder that is not trusted only what lasts for one run is offered. */
function writesForGood(action: CodeAction | Command): boolean {
  const command = typeof action.command === "string" ? (action as Command) : action.command;
  const [argument] = (command?.arguments ?? []) as { scope?: string }[];
  return command?.command === Commands.allow && argument?.scope !== undefined && argument.scope !== "once";
}

// The language server of this window: finds it, starts it, says when it is missing or has died, and starts it again.
import { homedir } from "node:os";
import { commands, EventEmitter, l10n, window, workspace, type Disposable, type ExtensionContext, type LogOutputChannel } from "vscode";
import { CloseAction, ErrorAction, LanguageClient, ResponseError, RevealOutputChannelOn, State, type Middleware } from "vscode-languageclient/node";
import { findProgram } from "./where";
import { RUN_EVENT, type RunEvent } from "./wire";
import { inert, inertMessage } from "./words";

/** What VS Code and its extensions call the languages that Belljar runs; the activation events in package.json are the same, and
 *  the runtime files name them, which tests compare. */
export const LANGUAGES = [
  "acucobol", "ada", "algol68", "asciidoc", "asm", "asm-intel-x86-generic", "awk", "bash", "basic", "bc", "brainfuck", "c",
  "c++", "clojure", "cobol", "coffeescript", "commonlisp", "cpp", "crystal", "csharp", "cuda", "cuda-cpp", "d", "dart", "dc",
  "elisp", "elixir", "elvish", "emacs-lisp", "erlang", "fish", "forth", "fortran", "fortran-modern", "fortran_fixed-form",
  "fortranfreeform", "fsharp", "gleam", "gnucobol", "gnuplot", "go", "groovy", "haskell", "haxe", "icon", "java",
  "javascript", "javascriptreact", "jq", "julia", "kotlin", "ksh", "less", "lhaskell", "lisp", "literate haskell",
  "livescript", "lua", "m4", "make", "makefile", "markdown", "mathematica", "matlab", "mdx", "mksh", "mojo", "myst", "nasm",
  "newlisp", "nim", "nu", "nushell", "objective-c", "objectpascal", "ocaml", "octave", "odin", "org", "pascal", "perl",
  "perl6", "php", "picolisp", "pkl", "powershell", "prolog", "python", "quarto", "r", "racket", "raku", "restructuredtext",
  "rexx", "ring", "rmarkdown", "rmd", "rscript", "rst", "ruby", "rust", "sagemath", "sass", "scala", "scheme", "scss", "sed",
  "sh", "shellscript", "sml", "sql", "sqlite", "swift", "tcl", "typescript", "typescriptreact", "v", "vala", "wolfram",
  "yabasic", "yash", "zig", "zsh",
];
/** Those that are texts around code. */
export const TEXTS: readonly string[] = [
  "asciidoc", "markdown", "mdx", "myst", "org", "quarto", "restructuredtext", "rmarkdown", "rmd", "rst",
];
export const NOTEBOOK_CELL = "vscode-notebook-cell";
/** Where documents are that can be run. */
export const SCHEMES: readonly string[] = ["file", "untitled", NOTEBOOK_CELL];

/** A server that dies more often than this within `CRASH_SPAN` is not started again by itself. */
const MOST_CRASHES = 4;
const CRASH_SPAN_MS = 3 * 60 * 1000;

export class Server implements Disposable {
  private client: LanguageClient | undefined;
  private starting: Promise<LanguageClient | undefined> | undefined;
  private crashes: number[] = [];
  private readonly told = new EventEmitter<RunEvent>();
  private readonly ended = new EventEmitter<void>();
  private readonly began = new EventEmitter<void>();
  /** What the server tells of runs. */
  readonly onRunEvent = this.told.event;
  /** The server is gone, and all that it knew. */
  readonly onGone = this.ended.event;
  /** A server is ready. */
  readonly onReady = this.began.event;
  /** The program, as it was found last. */
  program: string | undefined;
  /** When the user asked for the last run, in milliseconds. */
  asked = 0;

  constructor(
    private readonly context: ExtensionContext,
    private readonly log: LogOutputChannel,
    private readonly middleware: Middleware,
  ) {}

  /** All languages that can be run: ours, and those for which the user has runtime files. */
  static languages(): string[] {
    return [...LANGUAGES, ...workspace.getConfiguration("belljar").get<string[]>("languages", [])];
  }

  /** The running server; starts it if need be. `undefined` if there is none, and the user was told so. */
  ready(): Promise<LanguageClient | undefined> {
    this.starting ??= this.start().then((client) => {
      if (client === undefined) this.starting = undefined;
      return client;
    });
    return this.starting;
  }

  /** Has the server do one of its commands. */
  async execute<T>(command: string, argument?: object): Promise<T | undefined> {
    this.asked = performance.now();
    const client = await this.ready();
    const parameters = { command, arguments: argument === undefined ? [] : [argument] };
    return client?.sendRequest<T>("workspace/executeCommand", parameters);
  }

  /** As `execute`, for commands of the user's: what the server has to object is shown. */
  async carryOut<T>(command: string, argument?: object): Promise<T | undefined> {
    try {
      return await this.execute<T>(command, argument);
    } catch (error) {
      this.log.warn(`${command}: ${String(error)}`);
      const why = error instanceof ResponseError ? error.message : l10n.t("The server does not answer: {0}", String(error));
      void window.showWarningMessage(inert(`Belljar: ${why}`));
      return undefined;
    }
  }

  async request<T>(method: string, parameters: object): Promise<T | undefined> {
    const client = await this.ready();
    return client?.sendRequest<T>(method, parameters);
  }

  async restart(): Promise<void> {
    this.crashes = [];
    await this.stop();
    await this.ready();
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.starting = undefined;
    if (client === undefined) return;
    await client.stop(2000).catch((error: unknown) => this.log.warn(String(error)));
    await client.dispose();
    this.ended.fire();
  }

  dispose(): void {
    void this.stop();
    for (const emitter of [this.told, this.ended, this.began]) emitter.dispose();
  }

  private async start(): Promise<LanguageClient | undefined> {
    const settings = workspace.getConfiguration("belljar");
    const found = findProgram({
      setting: settings.get<string>("server.path", "").trim(),
      extension: this.context.extensionPath,
      home: homedir(),
      path: process.env["PATH"] ?? "",
    });
    if ("looked" in found) {
      this.program = undefined;
      this.sayMissing(found.looked);
      return undefined;
    }
    this.program = found.program;
    const [command = found.program, ...rest] = [...settings.get<string[]>("server.wrapper", []), found.program, "lsp"];
    this.log.info(`starting ${[command, ...rest].join(" ")}`);
    const client = new LanguageClient("belljar", "Belljar", { command, args: rest }, {
      documentSelector: Server.languages().flatMap((language) => SCHEMES.map((scheme) => ({ scheme, language }))),
      initializationOptions: preferences(),
      outputChannel: this.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      middleware: this.middleware,
      connectionOptions: { messageStrategy: { handleMessage: (message, next) => next(inertMessage(message)) } },
      initializationFailedHandler: () => false,
      errorHandler: {
        error: (_error, _message, count) => ({
          action: (count ?? 0) <= 3 ? ErrorAction.Continue : ErrorAction.Shutdown,
          handled: true,
        }),
        closed: () => this.died(),
      },
    });
    client.registerFeature({
      fillClientCapabilities: (capabilities) => {
        capabilities.experimental = { ...(capabilities.experimental as object | undefined), belljarUi: true };
      },
      initialize: () => undefined,
      getState: () => ({ kind: "static" }),
      clear: () => undefined,
    });
    client.onNotification(RUN_EVENT, (event: RunEvent) => this.told.fire(event));
    client.onDidChangeState(({ newState }) => {
      if (newState === State.Running) this.began.fire();
    });
    try {
      await client.start();
    } catch (error) {
      this.log.error(String(error));
      void client.dispose();
      this.sayBroken(l10n.t("Belljar's server could not be started: {0}", String(error)));
      return undefined;
    }
    this.client = client;
    return client;
  }

  /** Sends the settings that the server knows. */
  async tellPreferences(): Promise<void> {
    await this.client?.sendNotification("workspace/didChangeConfiguration", { settings: { belljar: preferences() } });
  }

  private died(): { action: CloseAction; handled: boolean; message: string } {
    const now = Date.now();
    this.crashes = [...this.crashes.filter((then) => now - then < CRASH_SPAN_MS), now];
    this.ended.fire();
    if (this.crashes.length < MOST_CRASHES) {
      void window.showWarningMessage(
        l10n.t("Belljar's server ended unexpectedly, and its sandboxes with it. It was started again; earlier results are gone."),
      );
      return { action: CloseAction.Restart, handled: true, message: "the server ended unexpectedly and is started again" };
    }
    this.client = undefined;
    this.starting = undefined;
    this.sayBroken(l10n.t("Belljar's server ended unexpectedly {0} times, and is not started again.", this.crashes.length));
    return { action: CloseAction.DoNotRestart, handled: true, message: "the server ended too often" };
  }

  private sayBroken(message: string): void {
    const restart = l10n.t("Restart Server");
    const showLog = l10n.t("Show Log");
    void window.showErrorMessage(inert(message), restart, showLog).then((choice) => {
      if (choice === restart) void this.restart();
      if (choice === showLog) this.log.show();
    });
  }

  private sayMissing(looked: string[]): void {
    this.log.error(`belljar was not found: ${looked.join(", ")}`);
    const settings = l10n.t("Open Settings");
    const again = l10n.t("Try Again");
    const message =
      looked.length === 1
        ? l10n.t("Belljar was not found at {0}, where the setting belljar.server.path says that it is.", looked[0] ?? "")
        : l10n.t("Belljar is not installed where this window runs: there is no program `belljar` on PATH or in ~/.cargo/bin. Nothing was run.");
    void window.showErrorMessage(inert(message), again, settings).then((choice) => {
      if (choice === again) void this.ready();
      if (choice === settings) void commands.executeCommand("workbench.action.openSettings", "belljar.server.path");
    });
  }
}

/** The settings that the server knows. Those of a folder that is not trusted are left out by VS Code. */
function preferences(): object {
  const settings = workspace.getConfiguration("belljar");
  return {
    policy: settings.get<string>("policy"),
    lenses: settings.get<boolean>("lenses"),
    resultSeverity: settings.get<string>("resultSeverity"),
    hints: false,
  };
}

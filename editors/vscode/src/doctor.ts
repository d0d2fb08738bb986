// Asks `belljar doctor` whether a program can be sandboxed on this machine, and when it cannot, says what mends it.
import { execFile } from "node:child_process";
import { env, EventEmitter, l10n, Uri, window, workspace, type Disposable, type LogOutputChannel, type TextDocumentContentProvider } from "vscode";
import { firstToMend, readFindings, type Findings } from "./findings";
import { inert, oneLine } from "./words";

export const DOCTOR_SCHEME = "belljar-doctor";

const PATIENCE_MS = 60_000;
const REPORT = Uri.from({ scheme: DOCTOR_SCHEME, path: "/Belljar doctor" });

export class Doctor implements TextDocumentContentProvider, Disposable {
  private readonly changed = new EventEmitter<Uri>();
  readonly onDidChange = this.changed.event;
  private readonly found = new EventEmitter<void>();
  /** There are new findings. */
  readonly onFound = this.found.event;
  private readonly registered = workspace.registerTextDocumentContentProvider(DOCTOR_SCHEME, this);
  private told = "";
  findings: Findings | undefined;

  constructor(
    private readonly program: () => string | undefined,
    private readonly log: LogOutputChannel,
  ) {}

  /** Looks at this machine, and tells the user once if nothing can be run on it. `again` tells them in any case. */
  async look(again = false): Promise<void> {
    const json = await this.ask(["doctor", "--json"]);
    const findings = json === undefined ? undefined : readFindings(json);
    if (findings === undefined) return;
    this.findings = findings;
    this.found.fire();
    if (findings.works) {
      this.told = "";
      return;
    }
    const layer = firstToMend(findings);
    const why = layer === undefined ? "" : oneLine(`${layer.layer}: ${layer.detail}`, 300);
    if (why === this.told && !again) return;
    this.told = why;
    await this.tell(why, layer?.remedy);
  }

  /** Shows all that the doctor says. */
  async open(): Promise<void> {
    const document = await workspace.openTextDocument(REPORT);
    this.changed.fire(REPORT);
    await window.showTextDocument(document, { preview: true });
    await this.look();
  }

  async provideTextDocumentContent(): Promise<string> {
    return (await this.ask(["doctor"])) ?? l10n.t("`belljar doctor` could not be started. The log says more.");
  }

  dispose(): void {
    for (const one of [this.registered, this.changed, this.found]) one.dispose();
  }

  private async tell(why: string, remedy: string | undefined): Promise<void> {
    const copy = l10n.t("Copy Command");
    const open = l10n.t("Open Doctor");
    const said = l10n.t("Belljar cannot sandbox programs on this machine, so it runs none.");
    const mend = remedy === undefined ? "" : " " + l10n.t("To mend it: {0}", oneLine(remedy, 300));
    const choices = remedy === undefined ? [open] : [copy, open];
    const choice = await window.showErrorMessage(inert(`${said} ${why}.${mend}`), ...choices);
    if (choice === copy && remedy !== undefined) await env.clipboard.writeText(remedy);
    if (choice === open) await this.open();
  }

  /** What the program prints; its exit status says the same as its words. */
  private ask(words: string[]): Promise<string | undefined> {
    const program = this.program();
    if (program === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      execFile(program, words, { timeout: PATIENCE_MS, env: { ...process.env, NO_COLOR: "1" } }, (error, stdout, stderr) => {
        if (stdout === "") this.log.warn(`${words.join(" ")}: ${error?.message ?? ""} ${stderr}`);
        resolve(stdout === "" ? undefined : stdout);
      });
    });
  }
}

// Says what goes on: in the language status what runs, how long, under which policy, and how strong the sandbox is; in the
// status bar only while something runs; and a notification with a way to stop for what takes longer.
import {
  l10n, languages, LanguageStatusSeverity, MarkdownString, ProgressLocation, StatusBarAlignment, window, workspace, type Disposable,
} from "vscode";
import type { Doctor } from "./doctor";
import { missing } from "./findings";
import type { Run, Runs } from "./runs";
import { fenced, inert, oneLine, place, state, strength, time } from "./words";

const TICK_MS = 1000;

export class Status implements Disposable {
  private readonly sandbox;
  private readonly running;
  private readonly bar = window.createStatusBarItem("belljar.runs", StatusBarAlignment.Left, 10);
  private readonly notified = new Map<string, () => void>();
  private timer: NodeJS.Timeout | undefined;
  policy: string | undefined;

  constructor(
    private readonly runs: Runs,
    private readonly doctor: Doctor,
    languageIds: string[],
    private readonly stop: (run: string) => void,
    private readonly tick: () => void,
  ) {
    const selector = languageIds.map((language) => ({ language }));
    this.sandbox = languages.createLanguageStatusItem("belljar.sandbox", selector);
    this.running = languages.createLanguageStatusItem("belljar.runs", selector);
    this.bar.name = l10n.t("Belljar runs");
    this.update();
  }

  update(): void {
    this.showSandbox();
    this.showRuns();
    for (const run of this.runs.live) this.notifyLater(run);
    for (const [id, end] of this.notified) {
      if (this.runs.get(id)?.end !== undefined || this.runs.get(id) === undefined) {
        this.notified.delete(id);
        end();
      }
    }
    const isLive = this.runs.live.length > 0;
    if (isLive && this.timer === undefined) {
      this.timer = setInterval(() => {
        this.showRuns();
        this.tick();
      }, TICK_MS);
    } else if (!isLive) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
  }

  dispose(): void {
    clearInterval(this.timer);
    for (const end of this.notified.values()) end();
    for (const item of [this.sandbox, this.running, this.bar]) item.dispose();
  }

  private showSandbox(): void {
    const item = this.sandbox;
    const findings = this.doctor.findings;
    const last = this.runs.all.findLast((run) => run.end?.posture !== undefined);
    const policy = this.policy ?? workspace.getConfiguration("belljar").get<string>("policy", "default");
    item.name = l10n.t("Belljar sandbox");
    if (findings?.works === false) {
      item.text = l10n.t("Cannot sandbox here");
      item.detail = l10n.t("nothing is run");
      item.severity = LanguageStatusSeverity.Error;
      item.command = { command: "belljar.doctor", title: l10n.t("Open Doctor") };
    } else {
      const strong = last === undefined ? undefined : strength(last);
      const off = findings === undefined ? [] : missing(findings).map((layer) => layer.layer);
      item.text = inert(l10n.t("Policy {0}", oneLine(policy, 40)));
      item.detail = inert(strong ?? (off.length > 0 ? l10n.t("off: {0}", off.join(", ")) : l10n.t("sandbox ready")));
      item.severity = last?.end?.posture?.full === false ? LanguageStatusSeverity.Warning : LanguageStatusSeverity.Information;
      item.command = { command: "belljar.choosePolicy", title: l10n.t("Choose Policy") };
    }
    item.accessibilityInformation = { label: `${item.name}: ${item.text}, ${item.detail}` };
  }

  private showRuns(): void {
    const now = Date.now();
    const live = this.runs.live;
    const last = this.runs.last;
    const item = this.running;
    item.name = l10n.t("Belljar runs");
    item.busy = live.length > 0;
    const shown = live[0] ?? last;
    item.text = shown === undefined ? l10n.t("Nothing was run yet") : inert(`${oneLine(place(shown), 60)}: ${state(shown, now)}`);
    const under = shown === undefined ? "" : inert(l10n.t("policy {0}", shown.policy));
    item.detail = live.length > 1 ? l10n.t("and {0} more", live.length - 1) : under;
    item.severity = last?.end?.ok === false && live.length === 0 ? LanguageStatusSeverity.Warning : LanguageStatusSeverity.Information;
    if (live.length > 0) item.command = { command: "belljar.stop", title: l10n.t("Stop") };
    else if (last !== undefined) item.command = { command: "belljar.openOutput", title: l10n.t("Full output") };
    item.accessibilityInformation = { label: `${item.name}: ${item.text} ${item.detail}` };
    const first = live[0];
    if (first === undefined) {
      this.bar.hide();
      return;
    }
    const more = live.length > 1 ? ` +${live.length - 1}` : "";
    this.bar.text = `$(loading~spin) Belljar ${time(first, now)}${more} · ${inert(oneLine(first.policy, 30))}`;
    this.bar.command = "belljar.stop";
    const lines = live.map((run) => `${place(run)}: ${state(run, now)}, ${l10n.t("policy {0}", run.policy)}`);
    this.bar.tooltip = new MarkdownString(fenced([...lines, l10n.t("Click to stop")].join("\n")));
    const about = l10n.t("Belljar runs {0}, {1}, policy {2}. Press Enter to stop.", place(first), state(first, now), first.policy);
    this.bar.accessibilityInformation = { label: about, role: "button" };
    this.bar.show();
  }

  /** A run that takes longer gets a notification with a button that stops it. */
  private notifyLater(run: Run): void {
    const after = workspace.getConfiguration("belljar").get<number>("progressAfter", 3) * 1000;
    if (after === 0 || this.notified.has(run.id)) return;
    const timer = setTimeout(() => {
      const title = inert(l10n.t("Belljar: {0}, policy {1}", oneLine(place(run), 60), oneLine(run.policy, 40)));
      const options = { location: ProgressLocation.Notification, cancellable: true, title };
      void window.withProgress(options, (progress, token) => {
        // It may have ended while the notification was made, and nobody would take that away.
        if (run.end !== undefined || this.runs.get(run.id) === undefined) return Promise.resolve();
        token.onCancellationRequested(() => this.stop(run.id));
        const clock = setInterval(() => progress.report({ message: inert(state(run, Date.now())) }), TICK_MS);
        return new Promise<void>((resolve) => {
          this.notified.set(run.id, () => {
            clearInterval(clock);
            resolve();
          });
        });
      });
    }, after);
    this.notified.set(run.id, () => clearTimeout(timer));
  }
}

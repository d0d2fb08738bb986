// Draws the marks of runs behind the lines of every editor that shows their documents.
import {
  DecorationRangeBehavior, l10n, MarkdownString, OverviewRulerLane, Range, ThemeColor, window, workspace,
  type DecorationOptions, type Disposable, type TextEditor,
} from "vscode";
import { marks, type Mark, type MarkKind } from "./marks";
import type { Runs } from "./runs";
import { fenced, state, strength } from "./words";

/** More marks than this in one document have nothing to read any more, and make an editor slow. */
const MOST_MARKS = 500;
/** An editor is not drawn more often. */
const HOW_OFTEN_MS = 30;
/** So much of what a mark stands for is shown on hover. */
const LONGEST_HOVER = 20_000;
/** Commands that a hover may offer. */
const OFFERED = ["belljar.openOutput", "belljar.rerunRun", "belljar.clearRun", "belljar.stopRun"];

const COLOURS: Record<MarkKind, string> = {
  output: "belljar.outputForeground",
  stderr: "belljar.stderrForeground",
  refusal: "belljar.refusalForeground",
  error: "belljar.errorForeground",
  status: "belljar.statusForeground",
};

export class Decorations implements Disposable {
  private readonly behind = window.createTextEditorDecorationType({ rangeBehavior: DecorationRangeBehavior.ClosedClosed });
  private readonly refused = window.createTextEditorDecorationType({
    overviewRulerColor: new ThemeColor(COLOURS.refusal),
    overviewRulerLane: OverviewRulerLane.Right,
  });
  private readonly due = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private drawn = 0;

  constructor(private readonly runs: Runs) {}

  /** Draws the document anew: at once, unless that was done only just now. */
  touch(uri: string): void {
    this.due.add(uri);
    const wait = this.drawn + HOW_OFTEN_MS - Date.now();
    if (wait <= 0) this.draw();
    else this.timer ??= setTimeout(() => this.draw(), wait);
  }

  touchAll(): void {
    for (const editor of window.visibleTextEditors) this.touch(editor.document.uri.toString());
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.behind.dispose();
    this.refused.dispose();
  }

  private draw(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.drawn = Date.now();
    const due = [...this.due];
    this.due.clear();
    for (const editor of window.visibleTextEditors) {
      if (due.includes(editor.document.uri.toString())) this.drawIn(editor);
    }
  }

  private drawIn(editor: TextEditor): void {
    const settings = workspace.getConfiguration("belljar", editor.document);
    const shown = settings.get<string>("inlineResults", "all");
    const length = settings.get<number>("inlineLength", 200);
    const now = Date.now();
    const all = this.runs
      .of(editor.document.uri.toString())
      .flatMap((run) => marks(run, length, now))
      .filter((mark) => mark.line < editor.document.lineCount)
      .filter((mark) => shown === "all" || (shown === "problems" && isProblem(mark)))
      .slice(0, MOST_MARKS);
    editor.setDecorations(this.behind, all.map((mark) => decoration(editor, mark, now)));
    editor.setDecorations(
      this.refused,
      all.filter((mark) => mark.kind === "refusal").map((mark) => editor.document.lineAt(mark.line).range),
    );
  }
}

function isProblem(mark: Mark): boolean {
  return mark.kind === "refusal" || mark.kind === "error" || (mark.kind === "status" && mark.run.end?.ok === false);
}

function decoration(editor: TextEditor, mark: Mark, now: number): DecorationOptions {
  const end = editor.document.lineAt(mark.line).range.end;
  return {
    range: new Range(end, end),
    hoverMessage: hover(mark, now),
    renderOptions: {
      after: {
        contentText: mark.text,
        margin: "0 0 0 2ch",
        color: new ThemeColor(COLOURS[mark.kind]),
        fontStyle: mark.stale ? "italic" : "normal",
      },
    },
  };
}

/** All that a mark stands for. What the program printed stands in a string of its own that no link is made from. */
function hover(mark: Mark, now: number): MarkdownString[] {
  const { run } = mark;
  const about = [l10n.t("policy {0}", run.policy), state(run, now), strength(run)].filter((part) => part !== undefined);
  if (run.end?.truncated || run.omittedBytes > 0) about.push(l10n.t("more in the full output"));
  if (mark.stale) about.unshift(l10n.t("the text has changed since this run"));
  const ours = [`Belljar · ${about.join(" · ")}`, ...(run.end?.notes ?? [])].join("\n");
  const texts = [mark.all.slice(-LONGEST_HOVER), ours].filter((text) => text !== "");
  const shown = texts.map((text) => new MarkdownString(fenced(text)));
  const argument = encodeURIComponent(JSON.stringify([run.id]));
  const link = (title: string, command: string) => `[${title}](command:${command}?${argument})`;
  const links = [link(l10n.t("Full output"), "belljar.openOutput")];
  if (run.end === undefined) links.push(link(l10n.t("Stop"), "belljar.stopRun"));
  else links.push(link(l10n.t("Run again"), "belljar.rerunRun"), link(l10n.t("Clear"), "belljar.clearRun"));
  const offers = new MarkdownString(links.join(" · "));
  offers.isTrusted = { enabledCommands: OFFERED };
  return [...shown, offers];
}

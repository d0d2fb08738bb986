// What stands behind which line: a run as marks. Knows nothing of how they are drawn.
import { l10n } from "vscode";
import type { Run } from "./runs";
import { oneLine, printedText, restText, state } from "./words";

export type MarkKind = "output" | "stderr" | "refusal" | "error" | "status";

export interface Mark {
  line: number;
  kind: MarkKind;
  text: string;
  stale: boolean;
  /** All that a mark stands for: text of the program's, which is never markup. */
  all: string;
  run: Run;
}

/** The marks of `run`, none longer than `length` characters. */
export function marks(run: Run, length: number, now: number): Mark[] {
  const all: Mark[] = [];
  const add = (line: number, kind: MarkKind, text: string, whole: string) =>
    all.push({ line, kind, text: run.stale ? l10n.t("(old) {0}", text) : text, stale: run.stale, all: whole, run });
  for (const printed of run.printed.all) {
    // The end of what a program that failed says without a line is the error, which has its line.
    if (printed.line === undefined && printed.stream === "stderr" && run.errors.length > 0) continue;
    const kind = printed.stream === "stderr" ? "stderr" : "output";
    const forgotten = printed.count - printed.values.length;
    const values = forgotten > 0 ? [l10n.t("… {0} earlier values", forgotten), ...printed.values] : printed.values;
    const text = printed.line === undefined ? restText(printed, length) : printedText(printed, length);
    add(printed.line ?? run.last, kind, text, values.join("\n"));
  }
  for (const violation of run.violations) {
    add(violation.line, "refusal", "⊘ " + oneLine(firstSentence(violation.message), length), violation.message);
  }
  const complaint = run.printed.all.find((printed) => printed.line === undefined && printed.stream === "stderr");
  for (const error of run.errors) {
    add(error.line, "error", "✗ " + oneLine(error.message, length), complaint?.values.join("\n") ?? error.message);
  }
  const status = statusText(run, all.length === 0, now);
  if (status !== undefined) add(run.last, "status", oneLine(status, length), run.end?.hint ?? "");
  return all;
}

/** What was refused, without what the program saw of it and how sure the line is. */
function firstSentence(message: string): string {
  return /^.*?`\.(?= |$)/s.exec(message)?.[0] ?? message;
}

/** What a run says about itself behind its last line: that it goes on, or how it ended if nothing else says so. */
function statusText(run: Run, alone: boolean, now: number): string | undefined {
  if (run.end === undefined) return alone ? "… " + state(run, now) : undefined;
  if (run.end.ok) return alone ? l10n.t("✓ no output") : undefined;
  const { kind } = run.end.ending;
  const isSaid =
    run.errors.length > 0 ||
    (run.violations.length > 0 && kind === "exited") ||
    (kind === "limit" && run.violations.some((violation) => violation.code.startsWith("limit.")));
  return isSaid ? undefined : run.end.summary;
}

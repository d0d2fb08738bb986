// The words of this extension for what the server tells, each short enough for the place where it stands.
import { l10n } from "vscode";
import type { Printed } from "./fold";
import type { Run } from "./runs";

/** Characters that would not be seen, or would change how others are seen. The server has taken them out; this is the
 *  second fence, and makes one line of several. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/** `text` as one line of at most `length` characters. */
export function oneLine(text: string, length: number): string {
  const line = text.replace(/\t/g, "  ").replace(UNSEEN, " ").trim();
  const characters = [...line.slice(0, 2 * length + 2)];
  return characters.length <= length ? line : characters.slice(0, Math.max(1, length - 1)).join("") + "…";
}

/** `text` for a place of the editor's where `[x](command:y)` becomes a link and `$(x)` an icon: notifications, the language
 *  status, the status bar and lists to choose from. */
export function inert(text: string): string {
  return text.replaceAll("](", "] (").replaceAll("$(", "$ (");
}

/** What the server sends, with the words inert that the language client shows by itself: messages, and why a request failed. */
export function inertMessage<M extends object>(message: M): M {
  const { method, params, error } = message as { method?: unknown; params?: { message?: unknown }; error?: { message?: unknown } };
  if (typeof error?.message === "string") return { ...message, error: { ...error, message: inert(error.message) } };
  const isShown = method === "window/showMessage" || method === "window/showMessageRequest";
  if (!isShown || typeof params?.message !== "string") return message;
  return { ...message, params: { ...params, message: inert(params.message) } };
}

/** `340 ms`, `3.2 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}

/** What a line printed, as it stands behind it. What goes to standard error is told by its mark, not only by its colour. */
export function printedText(printed: Printed, length: number): string {
  const mark = printed.stream === "stderr" ? l10n.t("stderr") + " ⇒" : "⇒";
  const times = printed.count > 1 ? ` ×${printed.count}` : "";
  return `${mark} ${oneLine(printed.values.at(-1) ?? "", length)}${times}`;
}

/** What a run printed without a line of its own: its end, and how much more there is. */
export function restText(printed: Printed, length: number): string {
  const mark = printed.stream === "stderr" ? l10n.t("stderr") + " ⇒" : "⇒";
  const more = printed.count > 1 ? "  " + l10n.t("({0} lines)", printed.count) : "";
  return `${mark} ${oneLine(printed.values.at(-1) ?? "", length)}${more}`;
}

/** Which lines of which document. */
export function place(run: Run): string {
  if (run.what === "file") return run.name;
  return run.first === run.last ? `${run.name}:${run.first + 1}` : `${run.name}:${run.first + 1}-${run.last + 1}`;
}

/** How long a run has taken so far. */
export function time(run: Run, now: number): string {
  return duration(now - (run.started ?? run.asked));
}

/** A run in a few words: what it does, or in the server's words how it ended. */
export function state(run: Run, now: number): string {
  if (run.end !== undefined) return oneLine(run.end.summary, 100);
  if (run.state === "running") return l10n.t("running {0}", time(run, now));
  return run.ahead > 0 ? l10n.t("waiting for {0}", run.ahead) : l10n.t("starting");
}

/** How strong the sandbox of a run was, in one line. */
export function strength(run: Run): string | undefined {
  return run.end?.posture && oneLine(run.end.posture.summary, 200);
}

/** `text` between fences that it cannot close, so that none of it is taken for markup. */
export function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((ticks) => ticks[0].length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}

// The whole output of a run as a document that can only be read. It grows while the run lives, and stays at its end if
// that is where the reader is.
import {
  EventEmitter, l10n, Range, TextEditorRevealType, Uri, window, workspace,
  type CancellationToken, type Disposable, type TextDocumentContentProvider, type TextEditor,
} from "vscode";
import type { Run, Runs } from "./runs";
import type { Server } from "./server";
import { OUTPUT, type Transcript } from "./wire";

export const OUTPUT_SCHEME = "belljar-output";

/** A document is not asked for more often; one that takes long to get, even less often. */
const HOW_OFTEN_MS = 300;
const PATIENCE_FACTOR = 10;
/** So many finished transcripts can still be read when the server has forgotten them. */
const MOST_KEPT = 20;

export class Transcripts implements TextDocumentContentProvider, Disposable {
  private readonly changed = new EventEmitter<Uri>();
  readonly onDidChange = this.changed.event;
  private readonly kept = new Map<string, string>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly following = new Set<TextEditor>();
  private readonly registered: Disposable[];
  private pause = HOW_OFTEN_MS;

  constructor(
    private readonly server: Server,
    private readonly runs: Runs,
  ) {
    this.registered = [
      workspace.registerTextDocumentContentProvider(OUTPUT_SCHEME, this),
      workspace.onDidChangeTextDocument(({ document }) => {
        if (document.uri.scheme === OUTPUT_SCHEME) this.follow(document.uri);
      }),
    ];
  }

  /** Shows the transcript of a run. */
  async open(run: Run): Promise<void> {
    const uri = uriOf(run);
    const document = await workspace.openTextDocument(uri);
    this.changed.fire(uri);
    const editor = await window.showTextDocument(document, { preview: true });
    if (run.end === undefined) toEnd(editor);
  }

  /** There is more of a run, if somebody reads it. */
  touch(run: Run): void {
    const uri = uriOf(run);
    if (this.timers.has(run.id) || !workspace.textDocuments.some((document) => same(document.uri, uri))) return;
    const timer = setTimeout(() => {
      this.timers.delete(run.id);
      for (const editor of window.visibleTextEditors) {
        const seen = editor.visibleRanges.at(-1)?.end.line ?? 0;
        if (same(editor.document.uri, uri) && seen >= editor.document.lineCount - 2) this.following.add(editor);
      }
      this.changed.fire(uri);
    }, run.end === undefined ? this.pause : 0);
    this.timers.set(run.id, timer);
  }

  async provideTextDocumentContent(uri: Uri, token: CancellationToken): Promise<string> {
    const id = runOf(uri);
    const began = Date.now();
    try {
      // A run that was taken away is not asked for: a server that was started again would give the number to another.
      const transcript = this.runs.get(id) && (await this.server.request<Transcript>(OUTPUT, { run: id }));
      this.pause = Math.max(HOW_OFTEN_MS, PATIENCE_FACTOR * (Date.now() - began));
      if (transcript !== undefined && !token.isCancellationRequested) {
        this.keep(id, transcript.text);
        return transcript.done ? transcript.text : transcript.text + "\n" + l10n.t("… still running");
      }
    } catch {
      // Said below: the run is not known any more.
    }
    return this.kept.get(id) ?? l10n.t("This run is not known any more.");
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const one of [...this.registered, this.changed]) one.dispose();
  }

  private keep(id: string, text: string): void {
    this.kept.delete(id);
    this.kept.set(id, text);
    const oldest = this.kept.keys().next().value;
    if (this.kept.size > MOST_KEPT && oldest !== undefined) this.kept.delete(oldest);
  }

  private follow(uri: Uri): void {
    for (const editor of [...this.following]) {
      if (!same(editor.document.uri, uri)) continue;
      this.following.delete(editor);
      toEnd(editor);
    }
  }
}

/** The run whose transcript this is. */
export function runOf(uri: Uri): string {
  return new URLSearchParams(uri.query).get("run") ?? "";
}

function uriOf(run: Run): Uri {
  const name = run.name.split("/").at(-1) ?? run.name;
  return Uri.from({ scheme: OUTPUT_SCHEME, path: `/${l10n.t("{0} output", name)}`, query: `run=${encodeURIComponent(run.id)}` });
}

function same(one: Uri, other: Uri): boolean {
  return one.toString() === other.toString();
}

function toEnd(editor: TextEditor): void {
  const end = editor.document.lineAt(Math.max(0, editor.document.lineCount - 1)).range.end;
  editor.revealRange(new Range(end, end), TextEditorRevealType.Default);
}

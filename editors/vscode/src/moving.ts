// Where a line is after an edit. The server says so too, with its next event; this keeps what is drawn in place until then.

/** An edit, as VS Code tells it: the lines that were replaced, and the text that came in their place. */
export interface Edit {
  range: { start: { line: number; character: number }; end: { line: number; character: number } };
  text: string;
}

/** The number of `line` after `edit`; `undefined` if the edit took the line away. */
export function movedLine(line: number, edit: Edit): number | undefined {
  const { start, end } = edit.range;
  const removed = end.line - start.line;
  const added = edit.text.split("\n").length - 1;
  if (line < start.line) return line;
  if (line > end.line) return line + added - removed;
  if (line === start.line && line < end.line) return start.character === 0 && end.character === 0 ? undefined : line;
  // New lines before the whole of a line push it down; within or behind it they leave it where it begins.
  if (line === start.line) return start.character === 0 && edit.text.endsWith("\n") ? line + added : line;
  // The last line of several: what is left of it joins the first.
  if (line === end.line && end.character === 0) return start.line + added;
  return undefined;
}

/** The same for several edits of one change, which VS Code orders from the bottom up. */
export function movedBy(line: number, edits: readonly Edit[]): number | undefined {
  let now: number | undefined = line;
  for (const edit of [...edits].sort((a, b) => b.range.start.line - a.range.start.line)) {
    if (now === undefined) return undefined;
    now = movedLine(now, edit);
  }
  return now;
}

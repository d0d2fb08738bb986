// The runs that the server has told of, folded from its events. Knows no editor.
import { Folded } from "./fold";
import { movedBy, type Edit } from "./moving";
import type { Ending, OutputPiece, Posture, RunEvent, ShownError, ShownViolation, What } from "./wire";

export interface Run {
  id: string;
  uri: string;
  /** The document as the user names it. */
  name: string;
  policy: string;
  what: What;
  /** First and last line, from 0. */
  first: number;
  last: number;
  state: "waiting" | "running" | "over";
  /** How many it waits for. */
  ahead: number;
  /** When it was taken on and when its program started, in milliseconds of the editor's clock. */
  asked: number;
  started: number | undefined;
  printed: Folded;
  /** So much was printed too fast to be shown. */
  omittedBytes: number;
  violations: ShownViolation[];
  errors: ShownError[];
  stale: boolean;
  end: RunEnd | undefined;
  /** What was told when it ended, if its text was there then. */
  told: Ended | undefined;
}

type Ended = RunEvent & { kind: "ended" };

export interface RunEnd {
  ok: boolean;
  ending: Ending;
  summary: string;
  hint: string | undefined;
  truncated: boolean;
  posture: Posture | undefined;
  /** What else is to be known of it. */
  notes: string[];
}

/** So many edits of a document are remembered, for events that the server sent before it knew of them. */
const MOST_EDITS = 200;

export class Runs {
  private readonly byId = new Map<string, Run>();
  private readonly edits = new Map<string, { version: number; edits: readonly Edit[] }[]>();

  /** All runs, oldest first. */
  get all(): readonly Run[] {
    return [...this.byId.values()];
  }

  get live(): readonly Run[] {
    return this.all.filter((run) => run.state !== "over");
  }

  get last(): Run | undefined {
    return this.all.at(-1);
  }

  get(id: string): Run | undefined {
    return this.byId.get(id);
  }

  of(uri: string): readonly Run[] {
    return this.all.filter((run) => run.uri === uri);
  }

  /** Takes over what the server says. `now` is the editor's clock. Gives the run, as it was if it is gone now. */
  apply(told: RunEvent, now: number): Run | undefined {
    const event = this.caughtUp(told);
    const run = this.byId.get(event.run) ?? this.begin(event, now);
    if (run === undefined) return undefined;
    [run.first, run.last] = event.lines;
    switch (event.kind) {
      case "queued":
        run.ahead = event.ahead;
        break;
      case "started":
        run.state = "running";
        run.started = now;
        break;
      case "output":
        run.printed.add(event.output);
        run.omittedBytes += event.omittedBytes;
        break;
      case "violation":
        run.violations.push(event.violation);
        break;
      case "ended":
        this.end(run, event);
        run.told = run.stale ? undefined : event;
        break;
      case "stale":
        if (!event.stale && run.told !== undefined) this.end(run, movedTo(event.lines, run.told));
        run.stale = event.stale;
        break;
      case "cleared":
        this.byId.delete(run.id);
        break;
    }
    return run;
  }

  /** The text of a document was edited, and has this version now. */
  move(uri: string, version: number, edits: readonly Edit[]): void {
    if (this.of(uri).length === 0) return;
    this.edits.set(uri, [...(this.edits.get(uri) ?? []), { version, edits }].slice(-MOST_EDITS));
    const moved = (line: number) => movedBy(line, edits);
    for (const run of this.of(uri)) {
      run.first = moved(run.first) ?? run.first;
      run.last = Math.max(run.first, moved(run.last) ?? run.last);
      run.printed.move(moved);
      run.violations = withLines(run.violations, moved);
      run.errors = withLines(run.errors, moved);
    }
  }

  /** The server is gone, and every run and result with it. Gives those that were lost while they ran. */
  forgetAll(): readonly Run[] {
    const lost = this.live;
    this.byId.clear();
    this.edits.clear();
    return lost;
  }

  /** The event with every line where it is now: it may have been sent before the server knew of the last edits. */
  private caughtUp(event: RunEvent): RunEvent {
    const later = (this.edits.get(event.uri) ?? []).filter((edit) => edit.version > event.version);
    if (later.length === 0) return event;
    const moved = (line: number) =>
      later.reduce<number | undefined>((now, { edits }) => (now === undefined ? now : movedBy(now, edits)), line);
    const first = moved(event.lines[0]) ?? event.lines[0];
    const lines: [number, number] = [first, Math.max(first, moved(event.lines[1]) ?? first)];
    switch (event.kind) {
      case "output":
        return { ...event, lines, output: movedPieces(event.output, moved) };
      case "violation":
        return { ...event, lines, violation: { ...event.violation, line: moved(event.violation.line) ?? first } };
      case "ended":
        return {
          ...event,
          lines,
          output: movedPieces(event.output, moved),
          violations: withLines(event.violations, moved),
          errors: withLines(event.errors, moved),
        };
      default:
        return { ...event, lines };
    }
  }

  private begin(event: RunEvent, now: number): Run | undefined {
    // What is said of a run that was cleared before comes too late.
    if (event.kind === "cleared" || event.kind === "stale") return undefined;
    const run: Run = {
      id: event.run,
      uri: event.uri,
      name: event.name,
      policy: event.policy,
      what: event.what,
      first: event.lines[0],
      last: event.lines[1],
      state: "waiting",
      ahead: 0,
      asked: now,
      started: undefined,
      printed: new Folded(),
      omittedBytes: 0,
      violations: [],
      errors: [],
      stale: false,
      end: undefined,
      told: undefined,
    };
    this.byId.set(run.id, run);
    return run;
  }

  private end(run: Run, event: Ended): void {
    run.state = "over";
    const { ok, ending, summary, hint, truncated, posture, notes = [] } = event;
    run.end = { ok, ending, summary, hint, truncated, posture, notes };
    run.violations = event.violations;
    run.errors = event.errors;
    // The report knows lines that were not known while the program ran; what it leaves out was shown already.
    if (run.omittedBytes === 0 && !truncated && event.output.length > 0) {
      run.printed = new Folded();
      run.printed.add(event.output);
    } else if (run.printed.isEmpty) {
      run.printed.add(event.output);
    }
  }
}

/** What was told of a run whose text stands at `lines` now, as it was: what edits have taken away meanwhile comes back. */
function movedTo(lines: [number, number], told: Ended): Ended {
  const moved = (line: number) => line + lines[0] - told.lines[0];
  return {
    ...told,
    lines,
    output: movedPieces(told.output, moved),
    violations: withLines(told.violations, moved),
    errors: withLines(told.errors, moved),
  };
}

/** What stands on lines that are still there, where they are now. */
function withLines<T extends { line: number }>(marks: readonly T[], moved: (line: number) => number | undefined): T[] {
  return marks.flatMap((mark) => {
    const line = moved(mark.line);
    return line === undefined ? [] : [{ ...mark, line }];
  });
}

/** What a line printed that is not there any more is shown as what has no line. */
function movedPieces(pieces: readonly OutputPiece[], moved: (line: number) => number | undefined): OutputPiece[] {
  return pieces.map(({ line, ...piece }) => {
    const now = line === undefined ? undefined : moved(line);
    return now === undefined ? piece : { ...piece, line: now };
  });
}

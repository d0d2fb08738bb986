// Folds what a run printed into what can stand behind lines: of each line and stream the last value, how many there were,
// and as many of them as anybody will read.
import type { OutputPiece } from "./wire";

/** More values of one line are counted, and the first of them forgotten. */
const MOST_VALUES = 200;
/** A longer value is cut here; the full output has it. */
const LONGEST_VALUE = 2000;
/** More places than this have nothing to read any more. */
const MOST_PLACES = 2000;

/** What one line printed to one stream. */
export interface Printed {
  /** From 0; `undefined` if it is not known which line it was. */
  line: number | undefined;
  stream: "stdout" | "stderr";
  /** The last values, oldest first; without empty lines. */
  values: string[];
  /** How many values there were. */
  count: number;
}

interface Place extends Printed {
  /** The last value has not been ended by a new line yet. */
  open: boolean;
}

export class Folded {
  private readonly places = new Map<string, Place>();

  /** All places, by line; what has no line comes last. */
  get all(): readonly Printed[] {
    const line = (place: Place) => place.line ?? Number.MAX_SAFE_INTEGER;
    return [...this.places.values()].filter((place) => place.count > 0).sort((a, b) => line(a) - line(b));
  }

  get isEmpty(): boolean {
    return this.all.length === 0;
  }

  add(pieces: readonly OutputPiece[]): void {
    for (const piece of pieces) {
      const place = this.place(piece);
      if (place !== undefined) append(place, piece.text);
    }
  }

  /** Moves every place as the text moved; a place whose line is gone goes with it. */
  move(moved: (line: number) => number | undefined): void {
    const places = [...this.places.values()];
    this.places.clear();
    for (const place of places) {
      const line = place.line === undefined ? undefined : moved(place.line);
      if (place.line !== undefined && line === undefined) continue;
      place.line = line;
      const key = keyOf(place);
      if (!this.places.has(key)) this.places.set(key, place);
    }
  }

  private place(piece: OutputPiece): Place | undefined {
    const key = keyOf(piece);
    let place = this.places.get(key);
    if (place === undefined && this.places.size < MOST_PLACES) {
      place = { line: piece.line, stream: piece.stream, values: [], count: 0, open: false };
      this.places.set(key, place);
    }
    return place;
  }
}

function keyOf(place: { line?: number | undefined; stream: string }): string {
  return `${place.stream} ${place.line ?? ""}`;
}

function append(place: Place, text: string): void {
  const parts = text.split("\n");
  parts.forEach((part, n) => {
    const goesOn = n === 0 && place.open;
    const ended = n < parts.length - 1;
    if (goesOn) {
      const last = place.values.length - 1;
      place.values[last] = ((place.values[last] ?? "") + part).slice(0, LONGEST_VALUE);
    } else if (part.trim() !== "") {
      place.values.push(part.slice(0, LONGEST_VALUE));
      place.count += 1;
      if (place.values.length > MOST_VALUES) place.values.shift();
    } else {
      if (ended) place.open = false;
      return;
    }
    place.open = !ended;
  });
}

// What is printed, folded by line.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Folded } from "../src/fold";

function folded(...pieces: [string, number?, ("stdout" | "stderr")?][]) {
  const fold = new Folded();
  fold.add(pieces.map(([text, line, stream = "stdout"]) => ({ stream, text, ...(line === undefined ? {} : { line }) })));
  return fold.all.map(({ line, stream, values, count }) => ({ line, stream, values, count }));
}

test("a loop shows its last value and how many there were", () => {
  assert.deepEqual(folded(["0\n", 4], ["1\n", 4], ["4\n", 4]), [{ line: 4, stream: "stdout", values: ["0", "1", "4"], count: 3 }]);
});

test("several values in one piece are several values", () => {
  assert.equal(folded(["a\nb\nc\n", 1])[0]?.count, 3);
});

test("a value that comes in parts is one value", () => {
  assert.deepEqual(folded(["he", 2], ["llo\n", 2], ["you", 2])[0]?.values, ["hello", "you"]);
});

test("the streams of a line are kept apart", () => {
  const places = folded(["out\n", 1], ["err\n", 1, "stderr"]);
  assert.deepEqual(places.map((place) => place.stream), ["stdout", "stderr"]);
});

test("empty lines are no values", () => {
  assert.deepEqual(folded(["\n\n", 1], ["  \n", 1]), []);
  assert.deepEqual(folded(["a", 1], ["\n\n", 1], ["b\n", 1])[0]?.values, ["a", "b"]);
});

test("what has no line comes last", () => {
  assert.deepEqual(folded(["x\n"], ["y\n", 7]).map((place) => place.line), [7, undefined]);
});

test("an endless loop is counted and not kept", () => {
  const fold = new Folded();
  for (let n = 0; n < 10_000; n++) fold.add([{ stream: "stdout", text: `${n}\n`, line: 3 }]);
  const [place] = fold.all;
  assert.equal(place?.count, 10_000);
  assert.equal(place?.values.length, 200);
  assert.equal(place?.values.at(-1), "9999");
});

test("an endless line is cut", () => {
  const fold = new Folded();
  for (let n = 0; n < 1000; n++) fold.add([{ stream: "stdout", text: "x".repeat(100), line: 3 }]);
  assert.equal(fold.all[0]?.values[0]?.length, 2000);
});

test("places move with their lines, and go with them", () => {
  const fold = new Folded();
  fold.add([{ stream: "stdout", text: "a\n", line: 1 }, { stream: "stdout", text: "b\n", line: 5 }]);
  fold.move((line) => (line === 1 ? undefined : line + 2));
  assert.deepEqual(fold.all.map((place) => place.line), [7]);
});

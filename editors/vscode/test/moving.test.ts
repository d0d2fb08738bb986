// Where lines are after edits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { movedBy, movedLine, type Edit } from "../src/moving";

function edit(from: [number, number], to: [number, number], text: string): Edit {
  return { range: { start: { line: from[0], character: from[1] }, end: { line: to[0], character: to[1] } }, text };
}

test("an edit below a line leaves it alone", () => {
  assert.equal(movedLine(3, edit([4, 0], [9, 0], "x\ny\n")), 3);
});

test("new lines above push a line down, and removed ones pull it up", () => {
  assert.equal(movedLine(5, edit([0, 0], [0, 0], "a\nb\n")), 7);
  assert.equal(movedLine(5, edit([1, 0], [3, 0], "")), 3);
});

test("a line that begins where whole lines are put in goes down", () => {
  assert.equal(movedLine(5, edit([5, 0], [5, 0], "new\n")), 6);
});

test("typing in a line, or a new line at its end, leaves it where it is", () => {
  assert.equal(movedLine(5, edit([5, 3], [5, 4], "x")), 5);
  assert.equal(movedLine(5, edit([5, 8], [5, 8], "\n")), 5);
});

test("a removed line is gone, and the one behind it takes its place", () => {
  const removed = edit([5, 0], [6, 0], "");
  assert.equal(movedLine(5, removed), undefined);
  assert.equal(movedLine(6, removed), 5);
});

test("several edits of one change count together", () => {
  assert.equal(movedBy(9, [edit([7, 0], [8, 0], ""), edit([0, 0], [0, 0], "a\n")]), 9);
});

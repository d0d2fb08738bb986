// Runs, folded from what the server tells.
import assert from "node:assert/strict";
import { test } from "node:test";
import { marks } from "../src/marks";
import { Runs } from "../src/runs";
import type { RunEvent, RunEventKind } from "../src/wire";

const URI = "file:///a.py";

function event(kind: RunEventKind, run = "1", version = 1): RunEvent {
  return { run, uri: URI, name: "a.py", policy: "default", what: "file", version, lines: [0, 9], ...kind };
}

const ENDED: RunEventKind & { kind: "ended" } = {
  kind: "ended", ok: true, ending: { kind: "exited", code: 0 }, summary: "✓ 3 ms", output: [], truncated: false,
  violations: [], errors: [], wallMs: 3, posture: { full: true, summary: "full" },
};

function texts(runs: Runs): string[] {
  return runs.all.flatMap((run) => marks(run, 200, 1000)).map((mark) => `${mark.line}: ${mark.text}`);
}

test("a run is told from its beginning to its end", () => {
  const runs = new Runs();
  runs.apply(event({ kind: "queued", ahead: 2 }), 0);
  assert.deepEqual(texts(runs), ["9: … waiting for 2"]);
  runs.apply(event({ kind: "started" }), 500);
  assert.deepEqual(texts(runs), ["9: … running 500 ms"]);
  runs.apply(event({ kind: "output", output: [{ stream: "stdout", text: "1\n2\n", line: 3 }], omittedBytes: 0 }), 600);
  assert.deepEqual(texts(runs), ["3: ⇒ 2 ×2"]);
  runs.apply(event(ENDED), 700);
  assert.deepEqual(texts(runs), ["3: ⇒ 2 ×2"]);
  assert.equal(runs.live.length, 0);
});

test("standard error is told by more than its colour", () => {
  const runs = new Runs();
  runs.apply(event({ kind: "output", output: [{ stream: "stderr", text: "oops\n", line: 3 }], omittedBytes: 0 }), 0);
  assert.deepEqual(texts(runs), ["3: stderr ⇒ oops"]);
});

test("a stale result says so", () => {
  const runs = new Runs();
  runs.apply(event({ ...ENDED, output: [{ stream: "stdout", text: "1\n", line: 3 }] }), 0);
  runs.apply(event({ kind: "stale", stale: true }), 0);
  assert.deepEqual(texts(runs), ["3: (old) ⇒ 1"]);
  runs.apply(event({ kind: "stale", stale: false }), 0);
  assert.deepEqual(texts(runs), ["3: ⇒ 1"]);
});

test("a run that printed nothing says that, and one that ended badly how", () => {
  const runs = new Runs();
  runs.apply(event(ENDED), 0);
  assert.deepEqual(texts(runs), ["9: ✓ no output"]);
  const limit = { kind: "limit", limit: "wall" } as const;
  runs.apply(event({ ...ENDED, ok: false, ending: limit, summary: "✗ wall limit · 10 s" }, "2"), 0);
  assert.deepEqual(texts(runs), ["9: ✓ no output", "9: ✗ wall limit · 10 s"]);
  const violation = { index: 0, code: "limit.wall", message: "Limit reached", line: 4, located: true };
  runs.apply(event({ ...ENDED, ok: false, ending: limit, summary: "✗", violations: [violation] }, "2"), 0);
  assert.deepEqual(texts(runs), ["9: ✓ no output", "4: ⊘ Limit reached"]);
});

test("refusals and errors stand on their lines", () => {
  const runs = new Runs();
  const violation = { index: 0, code: "files.read", message: "Blocked: read\nmore", line: 4, located: true };
  runs.apply(event({ ...ENDED, ok: false, violations: [violation], errors: [{ message: "E", line: 6 }] }), 0);
  assert.deepEqual(texts(runs), ["4: ⊘ Blocked: read more", "6: ✗ E"]);
});

test("behind a line stands what was refused, and on hover all about it", () => {
  const runs = new Runs();
  const message = "Blocked by policy `default`: read `~/a. b`. The program saw \"permission denied\".";
  runs.apply(event({ ...ENDED, ok: false, violations: [{ index: 0, code: "files.read", message, line: 4, located: true }] }), 0);
  assert.deepEqual(texts(runs), ["4: ⊘ Blocked by policy `default`: read `~/a. b`."]);
  assert.equal(runs.all.flatMap((run) => marks(run, 200, 0))[0]?.all, message);
});

test("a traceback is said once, where its error stands", () => {
  const runs = new Runs();
  const output = [{ stream: "stderr", text: "Traceback\nE: no\n" }] as const;
  runs.apply(event({ ...ENDED, ok: false, output: [...output], errors: [{ message: "E: no", line: 6 }] }), 0);
  assert.deepEqual(texts(runs), ["6: ✗ E: no"]);
  assert.equal(runs.all.flatMap((run) => marks(run, 200, 0))[0]?.all, "Traceback\nE: no");
});

test("what the server said before it knew of an edit is put where the text is now", () => {
  const runs = new Runs();
  runs.apply(event({ kind: "queued", ahead: 0 }), 0);
  const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };
  runs.move(URI, 2, [{ range, text: "new\n" }]);
  const output = { kind: "output", output: [{ stream: "stdout", text: "1\n", line: 3 }], omittedBytes: 0 } as const;
  runs.apply(event({ ...output, output: [...output.output] }), 0);
  assert.deepEqual(texts(runs), ["4: ⇒ 1"]);
  runs.apply(event({ ...output, output: [{ stream: "stdout", text: "2\n", line: 4 }] }, "1", 2), 0);
  assert.deepEqual(texts(runs), ["4: ⇒ 2 ×2"]);
});

test("the report of a run may know lines that were not known before", () => {
  const runs = new Runs();
  runs.apply(event({ kind: "output", output: [{ stream: "stdout", text: "1\n" }], omittedBytes: 0 }), 0);
  runs.apply(event({ ...ENDED, output: [{ stream: "stdout", text: "1\n", line: 2 }] }), 0);
  assert.deepEqual(texts(runs), ["2: ⇒ 1"]);
});

test("a flood keeps what was shown live", () => {
  const runs = new Runs();
  runs.apply(event({ kind: "output", output: [{ stream: "stdout", text: "last\n", line: 2 }], omittedBytes: 9 }), 0);
  runs.apply(event({ ...ENDED, truncated: true, output: [{ stream: "stdout", text: "first\n", line: 2 }] }), 0);
  assert.deepEqual(texts(runs), ["2: ⇒ last"]);
});

test("a text that is put back as a whole has its results where they were", () => {
  const runs = new Runs();
  const violation = { index: 0, code: "files.read", message: "Blocked", line: 5, located: true };
  const ended = { ...ENDED, ok: false, output: [{ stream: "stdout" as const, text: "1\n", line: 4 }], violations: [violation] };
  runs.apply(event(ended), 0);
  const whole = { start: { line: 0, character: 0 }, end: { line: 9, character: 0 } };
  runs.move(URI, 2, [{ range: whole, text: "something else\n" }]);
  runs.apply(event({ kind: "stale", stale: true }, "1", 2), 0);
  assert.ok(!texts(runs).join().includes("1"), texts(runs).join());
  runs.move(URI, 3, [{ range: { ...whole, end: { line: 1, character: 0 } }, text: "all that was there before" }]);
  runs.apply(event({ kind: "stale", stale: false }, "1", 3), 0);
  assert.deepEqual(texts(runs), ["4: ⇒ 1", "5: ⊘ Blocked"]);
});

test("a cleared run is gone, and a server that dies takes all with it", () => {
  const runs = new Runs();
  runs.apply(event(ENDED), 0);
  runs.apply(event({ kind: "queued", ahead: 0 }, "2"), 0);
  runs.apply(event({ kind: "cleared" }), 0);
  runs.apply(event({ kind: "cleared" }), 0);
  assert.deepEqual(runs.all.map((run) => run.id), ["2"]);
  assert.deepEqual(runs.forgetAll().map((run) => run.id), ["2"]);
  assert.equal(runs.last, undefined);
});

// The words for a person, and that hostile text stays text.
import assert from "node:assert/strict";
import { test } from "node:test";
import { joinArguments, splitArguments } from "../src/arguments";
import { duration, fenced, inert, inertMessage, oneLine } from "../src/words";

test("durations are read at a glance", () => {
  assert.deepEqual([0.4, 340, 3210, 9960, 65_000].map(duration), ["0 ms", "340 ms", "3.2 s", "10 s", "1 min 5 s"]);
});

test("text behind a line is one line, without what cannot be seen", () => {
  assert.equal(oneLine("a\r\n\u001b[31mb\u202ec\u2066d\u200be", 100), "a [31mb c d e");
  assert.equal(oneLine("x".repeat(300), 10), "xxxxxxxxx…");
  assert.equal(oneLine("😀".repeat(30), 5), "😀😀😀😀…");
});

test("a name makes no link and no icon where the editor makes some", () => {
  assert.equal(inert("[Update](command:workbench.action.quit).py"), "[Update] (command:workbench.action.quit).py");
  assert.equal(inert("[a]([b](command:c) $(check) all layers on $&.py"), "[a] ([b] (command:c) $ (check) all layers on $&.py");
  assert.equal(inert(oneLine("[a]\u200b(command:b) $\u200b(check)", 100)), "[a] (command:b) $ (check)");
  assert.equal(inert("list[0] f(x) $HOME"), "list[0] f(x) $HOME");
});

test("what the language client shows by itself is inert, and every other message as it was", () => {
  const message = "[x](command:y) $(bell)";
  for (const method of ["window/showMessage", "window/showMessageRequest"]) {
    const sent = { jsonrpc: "2.0", id: 7, method, params: { type: 3, message, actions: [{ title: "Allow" }] } };
    const params = { type: 3, message: "[x] (command:y) $ (bell)", actions: [{ title: "Allow" }] };
    assert.deepEqual(inertMessage(sent), { ...sent, params });
  }
  const failed = { jsonrpc: "2.0", id: 7, error: { code: -32803, message } };
  assert.equal(inertMessage(failed).error.message, "[x] (command:y) $ (bell)");
  for (const other of [{ method: "belljar/run", params: { message } }, { id: 1, result: { message } }, { method: "window/showMessage" }]) {
    assert.equal(inertMessage(other), other);
  }
});

test("no text closes its fence", () => {
  for (const text of ["", "x", "```", "a ```` b `", "``````````\n```\n[x](command:y)"]) {
    const [opening = "", ...rest] = fenced(text).split("\n");
    const fence = opening.replace("text", "");
    assert.ok(fence.length >= 3);
    assert.equal(rest.pop(), fence);
    assert.ok(!rest.join("\n").includes(fence));
  }
});

test("arguments are taken apart as a shell does", () => {
  assert.deepEqual(splitArguments(`-n 3 'two words' "a \\"b\\" $HOME" x\\ y ''`), ["-n", "3", "two words", 'a "b" $HOME', "x y", ""]);
  assert.deepEqual(splitArguments("   "), []);
  assert.equal(splitArguments("'open"), undefined);
});

test("joined arguments are taken apart into the same", () => {
  const all = ["plain", "two words", "it's", "", "$(rm)", "-x=1", "\\"];
  assert.deepEqual(splitArguments(joinArguments(all)), all);
});

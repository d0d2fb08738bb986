// Where the program is looked for, and what its doctor says.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { firstToMend, readFindings } from "../src/findings";
import { findProgram } from "../src/where";

const home = mkdtempSync(join(tmpdir(), "belljar-where-"));
after(() => rmSync(home, { recursive: true }));

function program(...path: string[]): string {
  const file = join(home, ...path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "");
  chmodSync(file, 0o755);
  return file;
}

const around = { setting: "", extension: join(home, "extension"), home, path: `relative:${join(home, "bin")}` };

test("the program is the one of the setting, of the extension, of PATH, or cargo's", () => {
  const nothing = findProgram(around);
  assert.ok("looked" in nothing && nothing.looked.length === 3);
  const cargo = program(".cargo", "bin", "belljar");
  assert.deepEqual(findProgram(around), { program: cargo });
  const onPath = program("bin", "belljar");
  assert.deepEqual(findProgram(around), { program: onPath });
  const inside = program("extension", "server", "belljar");
  assert.deepEqual(findProgram(around), { program: inside });
  const chosen = program("mine", "belljar");
  assert.deepEqual(findProgram({ ...around, setting: "~/mine/belljar" }), { program: chosen });
});

test("a setting that leads nowhere is said, and nothing else is started", () => {
  assert.deepEqual(findProgram({ ...around, setting: "/nowhere" }), { looked: ["/nowhere"] });
  assert.ok("looked" in findProgram({ ...around, setting: home }), "a folder is no program");
});

test("the doctor's first remedy is what is offered", () => {
  const findings = readFindings(
    JSON.stringify({
      works: false,
      layers: [
        { layer: "a", on: true, detail: "" },
        { layer: "b", on: false, detail: "no remedy" },
        { layer: "c", on: false, detail: "0", remedy: "sudo sysctl" },
      ],
    }),
  );
  assert.ok(findings);
  assert.equal(firstToMend(findings)?.layer, "c");
});

test("what is no answer of the doctor's is none", () => {
  for (const text of ["", "{}", "null", "[]", "panic", '{"works": 1}']) assert.equal(readFindings(text), undefined);
});

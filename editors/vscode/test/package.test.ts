// The packages: each brings the program of its platform, ready to be started, and no other.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { inflateRawSync } from "node:zlib";

const MACHINES = { x64: 62, arm64: 183 };
const PROGRAM = "extension/server/belljar";
const folder = mkdtempSync(join(tmpdir(), "packages-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A file that is no more than the head of a program for a machine. */
function program(name: string, machine: number, segment = 1): string {
  const elf = Buffer.alloc(64 + 56);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeUInt16LE(2, 16);
  elf.writeUInt16LE(machine, 18);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(segment, 64);
  const path = join(folder, name);
  writeFileSync(path, elf, { mode: 0o600 });
  return path;
}

function makePackages(programs: Record<string, string>) {
  const env = { ...process.env, BELLJAR_LINUX_X64: "", BELLJAR_LINUX_ARM64: "", ...programs };
  return spawnSync(process.execPath, ["package.mjs", folder], { env, encoding: "utf8" });
}

/** The files of a package: name -> mode and content. */
function unpacked(name: string): Map<string, { mode: number; content: Buffer }> {
  const zip = readFileSync(join(folder, `belljar-${name}.vsix`));
  const files = new Map<string, { mode: number; content: Buffer }>();
  let at = zip.readUInt32LE(zip.lastIndexOf("PK\x05\x06", undefined, "latin1") + 16);
  while (zip.readUInt32LE(at) === 0x02014b50) {
    const [n, extra, comment] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset)) as [number, number, number];
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const packed = zip.subarray(start, start + zip.readUInt32LE(at + 20));
    const content = zip.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed);
    files.set(zip.toString("utf8", at + 46, at + 46 + n), { mode: zip.readUInt32LE(at + 38) >>> 16, content });
    at += 46 + n + extra + comment;
  }
  return files;
}

test("each package brings the program of its platform, which can be started", () => {
  const [x64, arm64] = [program("for-x64", MACHINES.x64), program("for-arm64", MACHINES.arm64)];
  const { status, stdout, stderr } = makePackages({ BELLJAR_LINUX_X64: x64, BELLJAR_LINUX_ARM64: arm64 });
  assert.equal(status, 0, stdout + stderr);
  for (const [target, path] of [["linux-x64", x64], ["linux-arm64", arm64]] as const) {
    const files = unpacked(target);
    assert.ok(files.get("extension.vsixmanifest")?.content.includes(`TargetPlatform="${target}"`), target);
    assert.deepEqual(files.get(PROGRAM)?.content, readFileSync(path), target);
    assert.equal((files.get(PROGRAM)?.mode ?? 0) & 0o777, 0o755, target);
    assert.ok(files.has("extension/dist/extension.js"), target);
  }
  const universal = unpacked("universal");
  assert.ok(!universal.has(PROGRAM));
  assert.ok(!universal.get("extension.vsixmanifest")?.content.includes("TargetPlatform"));
});

test("a program that would not start where the package is for is not packed", () => {
  const wrong = [
    ["is not for linux-arm64", { BELLJAR_LINUX_ARM64: program("for-x64", MACHINES.x64) }],
    ["is not for linux-x64", { BELLJAR_LINUX_X64: program("for-arm64", MACHINES.arm64) }],
    ["is not static", { BELLJAR_LINUX_ARM64: program("linked", MACHINES.arm64, 3) }],
    ["is no program", { BELLJAR_LINUX_X64: "package.json" }],
  ] as const;
  for (const [why, programs] of wrong) {
    const { status, stderr } = makePackages(programs);
    assert.equal(status, 1, why);
    assert.ok(stderr.includes(why), stderr);
  }
});

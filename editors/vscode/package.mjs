// Makes the packages: a universal one that finds `belljar` on the machine, and for each platform whose program is given
// one with the program inside.
//   node package.mjs [OUT]                 BELLJAR_LINUX_X64, BELLJAR_LINUX_ARM64: paths of static programs
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const out = process.argv[2] ?? ".";
const programs = { "linux-x64": process.env.BELLJAR_LINUX_X64, "linux-arm64": process.env.BELLJAR_LINUX_ARM64 };
// What the header of a program says of its machine (ELF's `e_machine`).
const machines = { "linux-x64": 62, "linux-arm64": 183 };
const INTERPRETER = 3;
const vsce = join(dirname(createRequire(import.meta.url).resolve("@vscode/vsce/package.json")), "vsce");

function run(...words) {
  const { status } = spawnSync(process.execPath, words, { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
}

function pack(name, ...options) {
  const file = join(out, `belljar-${name}.vsix`);
  run(vsce, "package", "--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "-o", file, ...options);
}

/** Why a program must not be in the package of a platform, where it would not start. */
function objection(program, target) {
  const elf = readFileSync(program);
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) return "is no program of 64 bits for Linux";
  if (elf.readUInt16LE(18) !== machines[target]) return `is not for ${target}`;
  const [start, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)];
  for (let n = 0; n < count; n++) if (elf.readUInt32LE(start + n * size) === INTERPRETER) return "is not static";
  return undefined;
}

for (const [target, program] of Object.entries(programs)) {
  const why = program && objection(program, target);
  if (!why) continue;
  console.error(`${program} ${why}`);
  process.exit(1);
}
mkdirSync(out, { recursive: true });
run("build.mjs");
rmSync("server", { recursive: true, force: true });
pack("universal");
for (const [target, program] of Object.entries(programs)) {
  if (!program) continue;
  mkdirSync("server");
  copyFileSync(program, "server/belljar");
  chmodSync("server/belljar", 0o755);
  pack(target, "--target", target);
  rmSync("server", { recursive: true });
}

// Makes the packages: a universal one that finds `belljar` on the machine, and for each platform whose program is given
// one with the program inside.
//   node package.mjs [OUT]                 BELLJAR_LINUX_X64, BELLJAR_LINUX_ARM64: paths of static programs
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const out = process.argv[2] ?? ".";
const programs = { "linux-x64": process.env.BELLJAR_LINUX_X64, "linux-arm64": process.env.BELLJAR_LINUX_ARM64 };
const vsce = join(dirname(createRequire(import.meta.url).resolve("@vscode/vsce/package.json")), "vsce");

function run(...words) {
  const { status } = spawnSync(process.execPath, words, { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
}

function pack(name, ...options) {
  const file = join(out, `belljar-${name}.vsix`);
  run(vsce, "package", "--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "-o", file, ...options);
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

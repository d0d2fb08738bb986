// package.json, its words and the source say the same.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import * as wire from "../src/wire";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const source = readdirSync("src").map((name) => readFileSync(`src/${name}`, "utf8")).join("\n");
const contributed: string[] = manifest.contributes.commands.map((one: { command: string }) => one.command);

test("every command of package.json is made, and no other", () => {
  const made = [...source.matchAll(/^ {4}"(belljar\.\w+)": /gm)].map((match) => match[1]);
  // Only hovers offer these, with the run that they are about.
  const offered = ["belljar.stopRun", "belljar.rerunRun", "belljar.clearRun"];
  assert.deepEqual(made.sort(), [...contributed, ...offered].sort());
});

test("every command that a menu, a key or a walkthrough names is there", () => {
  const menus = Object.values(manifest.contributes.menus).flat() as { command?: string }[];
  const named = [...menus, ...manifest.contributes.keybindings].flatMap((one) => one.command ?? []);
  const linked = [...readFileSync("package.nls.json", "utf8").matchAll(/command:(belljar\.\w+)/g)].map((match) => match[1]!);
  for (const command of [...named, ...linked]) assert.ok(contributed.includes(command), command);
});

test("no command has the name of one of the server's, which the client makes", () => {
  for (const command of Object.values(wire.Commands)) assert.ok(!contributed.includes(command), command);
});

test("every word of package.nls.json is used, and every used one is there", () => {
  const words = Object.keys(JSON.parse(readFileSync("package.nls.json", "utf8"))).sort();
  const used = [...readFileSync("package.json", "utf8").matchAll(/"%([\w.]+)%"/g)].map((match) => match[1]!);
  assert.deepEqual(words, [...new Set(used)].sort());
});

test("the extension wakes for the languages that it serves", () => {
  const served = [.../LANGUAGES = \[([^\]]*)\]/.exec(source)![1]!.matchAll(/"([^"]+)"/g)].map((match) => match[1]);
  assert.deepEqual(manifest.activationEvents, served.map((language) => `onLanguage:${language}`));
});

test("every setting that is read is declared, and every declared one is used", () => {
  const declared = Object.keys(manifest.contributes.configuration.properties).filter((name) => !name.includes(".trace."));
  const read = [...source.matchAll(/\.get<[^>]+>\(\s*"([\w.]+)"/g)].map((match) => `belljar.${match[1]}`);
  assert.deepEqual([...new Set(read)].sort(), declared.sort());
});

test("a folder cannot loosen anything by its settings while it is not trusted", () => {
  const restricted: string[] = manifest.capabilities.untrustedWorkspaces.restrictedConfigurations;
  for (const [name, setting] of Object.entries<{ scope: string }>(manifest.contributes.configuration.properties)) {
    if (setting.scope.startsWith("machine")) assert.ok(restricted.includes(name), name);
  }
  for (const name of ["belljar.server.path", "belljar.server.wrapper"]) {
    assert.equal(manifest.contributes.configuration.properties[name].scope, "machine", name);
  }
});

test("no key is used twice", () => {
  const keys = manifest.contributes.keybindings.map((one: { key: string }) => one.key);
  assert.equal(new Set(keys).size, keys.length);
});

test("the files that package.json and the README name are there", () => {
  const media = manifest.contributes.walkthroughs[0].steps.map((step: { media: { markdown: string } }) => step.media.markdown);
  const images = [...readFileSync("README.md", "utf8").matchAll(/\]\((images\/[^)]+)\)/g)].map((match) => match[1]);
  for (const file of [...media, ...images, manifest.icon]) assert.ok(existsSync(file), file);
});

test("the wire is the server's", (context) => {
  const path = process.env["BELLJAR_WIRE"] ?? "../../server/protocol/src/wire.rs";
  if (!existsSync(path)) return context.skip("wire.rs is not here");
  const rust = readFileSync(path, "utf8");
  const commands = [...rust.matchAll(/^pub const \w+: &str = "(belljar\.\w+)";/gm)].map((match) => match[1]);
  assert.deepEqual(Object.values(wire.Commands).sort(), [...new Set(commands)].sort());
  for (const method of [wire.RUN_EVENT, wire.OUTPUT]) assert.ok(rust.includes(`"${method}"`), method);
  // Every field that this side reads is one that the other side writes.
  const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const fields = new Set([...rust.matchAll(/^\s+(?:pub )?(\w+): /gm)].map((match) => camel(match[1]!)));
  const mirrored = [...readFileSync("src/wire.ts", "utf8").matchAll(/(?:^|[{;] ?)\s*(\w+)\??: (?!")/gm)].map((match) => match[1]!);
  assert.ok(mirrored.length > 30);
  for (const field of mirrored) assert.ok(fields.has(field) || ["start", "end", "line", "character"].includes(field), field);
});

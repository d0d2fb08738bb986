// A real VS Code: code-server with a fresh user, an extension installed from its package, and no way out.
import { spawn, spawnSync } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./checks.mjs";

const { BELLJAR_EDITOR: installed, BELLJAR_EDITORS: editors, BELLJAR_ARTEFACTS: artefacts } = process.env;

/** What keeps the screen still: nothing that asks, moves, or looks something up. */
const QUIET = {
  "chat.disableAIFeatures": true,
  "editor.accessibilitySupport": "off",
  "editor.minimap.enabled": false,
  "editor.lightbulb.enabled": "on",
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "files.autoSave": "off",
  "files.simpleDialog.enable": true,
  "git.enabled": false,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "window.restoreWindows": "none",
  "workbench.reduceMotion": "on",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
};

/** Makes the packages of the extension from its sources, with the program inside the one for this machine. */
export function makePackages() {
  const folder = join(editors, "vscode");
  const out = mkdtempSync(join(tmpdir(), "vsix-"));
  spawnSync("ln", ["-sfn", join(installed, "extension/node_modules"), join(folder, "node_modules")]);
  // What is shipped has no debug information, and packing it takes its time.
  const program = join(out, "belljar");
  if (spawnSync("strip", ["-o", program, process.env.BELLJAR_BIN]).status !== 0) {
    spawnSync("cp", [process.env.BELLJAR_BIN, program]);
  }
  const made = spawnSync(join(installed, "bin/node"), ["package.mjs", out], {
    cwd: folder,
    env: { ...process.env, [`BELLJAR_LINUX_${process.arch.toUpperCase()}`]: program, PATH: `${join(installed, "bin")}:${process.env.PATH}` },
    encoding: "utf8",
  });
  const files = { folder: out, withProgram: join(out, `belljar-linux-${process.arch}.vsix`), universal: join(out, "belljar-universal.vsix") };
  if (made.status !== 0 || ![files.withProgram, files.universal].every(existsSync)) throw new Error(made.stdout + made.stderr);
  return files;
}

export class Editor {
  constructor(name) {
    this.folder = mkdtempSync(join(tmpdir(), "vs-"));
    this.log = createWriteStream(join(artefacts, `code-server-${name}.log`));
  }

  /** Writes settings of the user, or those of the machine where the files are; a running window notices. */
  set(settings, whose = "User") {
    const folder = join(this.folder, "user", whose);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "settings.json"), JSON.stringify(settings, null, 1));
  }

  /** Installs the extension and starts the server. `path` is the search path of all that it starts. */
  async start(vsix, { path, trusted }) {
    this.set(QUIET);
    const env = { ...process.env, PATH: path };
    const common = [
      "--user-data-dir", join(this.folder, "user"), "--extensions-dir", join(this.folder, "extensions"),
      "--config", join(this.folder, "config.yaml"),
    ];
    writeFileSync(join(this.folder, "config.yaml"), "auth: none\ncert: false\n");
    const program = join(installed, "bin/code-server");
    const put = spawnSync(program, [...common, "--install-extension", vsix], { env, encoding: "utf8" });
    if (put.status !== 0) throw new Error(`the package cannot be installed: ${put.stdout}${put.stderr}`);
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    const quiet = ["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"];
    const trust = trusted ? ["--disable-workspace-trust"] : [];
    // Its own session, so that the whole of it can be ended.
    this.process = spawn(program, [...common, "--bind-addr", `127.0.0.1:${port}`, ...quiet, ...trust], {
      env, detached: true, stdio: ["ignore", "pipe", "pipe"],
    });
    this.process.stdout.pipe(this.log);
    this.process.stderr.pipe(this.log);
    if (!(await eventually(() => isUp(`${this.url}/healthz`), 60_000))) throw new Error("code-server does not come up");
  }

  /** What the extension has written into its log. */
  readLogs() {
    return this.logs().map((file) => readFileSync(file, "utf8")).join("\n");
  }

  keepLogs(name) {
    writeFileSync(join(artefacts, `belljar-${name}.log`), this.readLogs());
  }

  logs() {
    const all = readdirSync(join(this.folder, "user/logs"), { recursive: true, withFileTypes: true });
    return all.filter((file) => file.name === "Belljar.log").map((file) => join(file.parentPath, file.name));
  }

  async stop() {
    if (this.process) {
      const ended = new Promise((resolve) => this.process.once("exit", resolve));
      for (const signal of ["SIGTERM", "SIGKILL"]) {
        try {
          process.kill(-this.process.pid, signal);
        } catch {
          break; // Nothing is left of it.
        }
        if (signal === "SIGTERM") await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))]);
      }
      if (this.process.exitCode === null && this.process.signalCode === null) await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function isUp(url) {
  return new Promise((resolve) => {
    get(url, (answer) => {
      answer.resume();
      resolve(answer.statusCode < 500);
    }).on("error", () => resolve(false));
  });
}

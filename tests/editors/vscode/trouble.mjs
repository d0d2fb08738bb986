// Trouble: no server, a server that dies, a machine that cannot sandbox, a folder that is not trusted; and being far away.
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { check, eventually } from "./checks.mjs";

/** Where `cargo install` puts the program. VS Code takes the search path of a login shell, so that is no place to put it. */
const CARGOS = join(process.env.HOME, ".cargo/bin/belljar");

/** The servers that were started below this driver: pid and the pids above it. */
function servers() {
  const found = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      const ours = environment.includes(`TMPDIR=${process.env.TMPDIR}\0`);
      if (ours && words[0].endsWith("/belljar") && words[1] === "lsp") found.push({ pid: Number(pid), above: above(pid), program: words[0] });
    } catch {
      // Gone by now, or somebody else's.
    }
  }
  return found;
}

function above(pid) {
  const pids = [];
  for (let next = pid; Number(next) > 1; ) {
    next = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${next}/status`, "utf8"))[1];
    pids.push(Number(next));
  }
  return pids;
}

export const trouble = {
  remote: async (screen, { editor }) => {
    await screen.openFile("steps.py");
    await screen.lens(1, "Run in sandbox");
    const all = servers();
    check("remote", "one server runs for the window", all.length === 1, JSON.stringify(all));
    check("remote", "where the files are and not where the window is", all[0]?.above.includes(editor.process.pid), JSON.stringify(all));
    check("remote", "and it is the one that came with the package", all[0]?.program.includes("/extensions/belljar.belljar-"), JSON.stringify(all));
  },

  "server-restart": async (screen) => {
    await screen.openFile("steps.py");
    await screen.go(1);
    await screen.chord("a");
    await screen.behind(22, "⇒ area 12");
    const [{ pid }] = servers();
    process.kill(pid, "SIGKILL");
    check("server-restart", "that the server died is said", await screen.sees(".notification-toast", "server ended unexpectedly"), await screen.seen());
    check("server-restart", "results that it knew are gone", await screen.without("⇒"), await screen.seen());
    await screen.lens(1, "Run in sandbox");
    await screen.go(1);
    await screen.chord("a");
    check("server-restart", "and the next run works", await screen.behind(22, "⇒ area 12"), await screen.seen());
    check("server-restart", "in a new server", servers().length === 1 && servers()[0].pid !== pid, JSON.stringify(servers()));
  },

  "no-server": async (screen) => {
    await screen.openFile("read.py");
    check("no-server", "that Belljar is not installed is said", await screen.sees(".notification-toast", "Belljar is not installed"), await screen.seen());
    await screen.picture("no-server");
    await screen.go(1);
    await screen.chord("a");
    const lines = Object.values(await screen.lines()).join("\n");
    check("no-server", "and nothing runs", servers().length === 0 && !lines.includes("⇒"), lines);
    mkdirSync(dirname(CARGOS), { recursive: true });
    symlinkSync(process.env.BELLJAR_BIN, CARGOS);
    await screen.toast("Belljar is not installed").locator(".monaco-button", { hasText: "Try Again" }).first().click();
    check("no-server", "once it is, trying again finds it", await screen.lens(1, "Run in sandbox"), await screen.seen());
  },

  untrusted: async (screen) => {
    await screen.openFile("read.py");
    check("untrusted", "the window is restricted", await screen.sees(".statusbar-item", "Restricted Mode"));
    await screen.go(1);
    await screen.chord("a");
    check("untrusted", "what the project asks for is not given", await screen.behind(8, "⇒ not read"), await screen.seen());
    check("untrusted", "and the refusal stands on its line", await screen.behind(6, "⊘ Blocked by policy `default`: read `~/notes/diary.txt`"), await screen.seen());
    const status = await screen.status();
    check("untrusted", "the folder's settings choose no policy", status.includes("Policy default"), status);
    check("untrusted", "and no program", servers().every(({ program }) => program === CARGOS), JSON.stringify(servers()));
    await screen.go(6, 25);
    const titles = await screen.offered();
    check("untrusted", "to allow it once is offered", titles.some((title) => title.startsWith("Allow once and run again:")), titles);
    check("untrusted", "and nothing that is written for good", !titles.some((title) => /^Allow (in this project|for me)/.test(title)), titles);
    await screen.press("Escape");
    await screen.picture("untrusted");
  },

  "cannot-sandbox": async (screen, { editor, folder }) => {
    const wrapper = `${folder}/cannot`;
    const forbid = "echo 0 > /proc/sys/user/max_user_namespaces";
    writeFileSync(wrapper, `#!/bin/sh\nexec unshare -Ur sh -c '${forbid}; exec "$0" "$@"' "${process.env.BELLJAR_BIN}" "$@"\n`, { mode: 0o755 });
    await screen.clearHere();
    editor.set({ "belljar.server.path": wrapper }, "Machine");
    const said = screen.toast("cannot sandbox");
    check("cannot-sandbox", "it is said before anything runs, with what mends it", await said.waitFor().then(() => true, () => false), await screen.seen());
    const text = await said.innerText();
    check("cannot-sandbox", "by its name and the command", text.includes("max_user_namespaces is 0") && text.includes("sudo sysctl"), text);
    await screen.picture("cannot-sandbox");
    await said.locator(".monaco-button", { hasText: "Copy Command" }).first().click();
    const copied = await eventually(async () => {
      const clipboard = await screen.page.evaluate(() => navigator.clipboard.readText());
      return clipboard.startsWith("sudo sysctl") && clipboard;
    });
    check("cannot-sandbox", "which a button copies", copied);
    await screen.lens(1, "Run in sandbox");
    await screen.go(1);
    await screen.chord("a");
    check("cannot-sandbox", "a run says that it could not be", await screen.behind(8, "could not run"), await screen.seen());
    const lines = Object.values(await screen.lines()).join("\n");
    check("cannot-sandbox", "and nothing was run without a sandbox", !lines.includes("⇒"), lines);
    await screen.command("Belljar: Doctor: Can This Machine Sandbox?");
    check("cannot-sandbox", "the doctor has the whole story", await screen.anywhere("OFF  user namespaces"), await screen.seen());
  },
};

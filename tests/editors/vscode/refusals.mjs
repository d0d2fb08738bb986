// Refusals: on the line that tried, and what allows them.
import { check, eventually } from "./checks.mjs";

const RULE = 'files.read = ["~/notes/settings.json"]';
const HIDDEN = 10; // settings.py: `with open(`

export const refusals = {
  "violation-on-line": async (screen) => {
    await screen.openFile("fetch_token.py");
    await screen.page.locator(".editor-actions .action-label[aria-label^='Run File in Sandbox']").first().click();
    check("violation-on-line", "a refused connection stands on the line that connects", await screen.behind(22, "⊘ Blocked by policy `default`: connect to `192.0.2.7:443`"), await screen.seen());
    check("violation-on-line", "a hidden key on the line that looks for it", await screen.behind(14, "⊘ Blocked by policy `default`: read `~/.ssh/id_rsa`"), await screen.seen());
    check("violation-on-line", "what was printed before is there too", await screen.anywhere("⇒ signature:"), await screen.seen());
    check("violation-on-line", "they are underlined", await screen.sees(".squiggly-warning"));
    await screen.picture("violation-on-line");
    await screen.command("View: Toggle Problems");
    check("violation-on-line", "and the Problems view lists them", await screen.sees(".markers-panel .monaco-list-row", "192.0.2.7"));
    await screen.command("View: Toggle Problems");
  },

  "allow-once": async (screen, { onDisk }) => {
    await screen.openFile("quick/settings.py");
    await screen.go(1);
    await screen.chord("a");
    check("allow-once", "a swallowed refusal stands on its line", await screen.behind(HIDDEN, "⊘ Blocked by policy `default`: read `~/notes/settings.json`"), await screen.seen());
    await screen.ended();
    await screen.go(HIDDEN, 14);
    const titles = await screen.offered();
    check("allow-once", "the light bulb offers the one rule", titles.includes(`Allow once and run again: ${RULE}`), titles);
    await screen.act(`Allow once and run again: ${RULE}`);
    check("allow-once", "with it the file is read", await screen.anywhere("⇒ colour: green"), await screen.seen());
    await screen.ended();
    check("allow-once", "the other file stays hidden", await screen.anywhere("diary.txt"), await screen.seen());
    check("allow-once", "nothing was written", !onDisk("quick/.belljar.toml").includes("settings.json"));
    await screen.chord("r");
    check("allow-once", "it was once", await screen.anywhere("⇒ colour: unknown"), await screen.seen());
    await screen.ended();
  },

  "allow-in-project": async (screen, { onDisk }) => {
    await screen.openFile("quick/settings.py");
    await screen.go(HIDDEN, 14);
    const title = `Allow in this project: ${RULE}`;
    const titles = await screen.offered();
    check("allow-in-project", "the light bulb offers to allow it in the project", titles.includes(title), titles);
    await screen.act(title);
    const question = screen.toast(RULE);
    check("allow-in-project", "what would be written is asked", await question.waitFor().then(() => true, () => false), await screen.seen());
    check("allow-in-project", "before it is written", !onDisk("quick/.belljar.toml").includes("settings.json"));
    await question.locator(".monaco-button", { hasText: "Write it" }).first().click();
    const written = await eventually(() => onDisk("quick/.belljar.toml").includes("~/notes/settings.json") && onDisk("quick/.belljar.toml"));
    check("allow-in-project", "and then it stands in the project's file, beside what was there", written?.includes('limits.wall = "4s"'), onDisk("quick/.belljar.toml"));
  },
};

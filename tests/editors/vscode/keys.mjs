// Our keys, among all that VS Code brings.
import { check } from "./checks.mjs";

/** Reads the list of all default keys as its document has it, by the clipboard. */
export async function keys(screen) {
  await screen.command("Preferences: Open Default Keyboard Shortcuts (JSON)");
  await screen.page.locator(".tab.active", { hasText: "Keybindings" }).first().waitFor();
  await screen.press("Control+1", "Control+a", "Control+c");
  const text = await screen.page.evaluate(() => navigator.clipboard.readText());
  const all = [...text.matchAll(/\{ "key": "([^"]+)",\s+"command": "([^"]+)"/g)].map(([, key, command]) => ({ key, command }));
  const ours = all.filter(({ command }) => command.startsWith("belljar."));
  const others = all.filter(({ key, command }) => key.startsWith("ctrl+alt+j") && !command.startsWith("belljar."));
  check("run-file", "our keys are known to the editor", ours.length >= 10, `${all.length} keys, ${ours.length} of ours`);
  check("run-file", "and nobody else's begin as they do", all.length > 500 && others.length === 0, JSON.stringify(others));
  await screen.command("View: Close Editor");
}

// Our keys, among all that VS Code brings.
import { check, eventually } from "./checks.mjs";

export async function keys(screen) {
  await screen.command("Preferences: Open Keyboard Shortcuts");
  await screen.page.locator(".keybindings-editor input:visible").first().fill('"ctrl+alt+j"');
  const rows = screen.page.locator(".keybindings-editor .monaco-list-row");
  const found = await eventually(async () => {
    const texts = await rows.allInnerTexts();
    return texts.length > 0 && texts.length < 20 && texts;
  });
  check("run-file", "our keys are known to the editor", found?.length >= 10, found);
  check("run-file", "and nobody else's begin as they do", found?.every((text) => text.includes("Belljar")), found);
}

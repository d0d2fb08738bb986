// The picture of the extension's README: the program of the main README, just run.
export async function portrait(screen) {
  await screen.command("Preferences: Toggle between Light/Dark Themes");
  await screen.page.locator(".monaco-workbench.vs-dark").waitFor();
  await screen.command("View: Close All Editors");
  await screen.openFile("fetch_token.py");
  await screen.press("Control+b");
  await screen.page.setViewportSize({ width: 1180, height: 640 });
  await screen.go(1);
  await screen.chord("a");
  await screen.behind(22, "⊘ Blocked");
  await screen.ended();
  await screen.page.mouse.move(600, 600);
  await screen.picture("readme");
}

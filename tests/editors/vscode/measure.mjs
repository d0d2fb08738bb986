// From the key to the first value behind a line, as the screen shows it, and how much of it the server took.
const TIMES = 3;

function median(figures) {
  return [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 2)];
}

export async function measure(screen, { editor }) {
  await screen.openFile("steps.py");
  const figures = [];
  for (let n = 0; n < TIMES; n++) {
    await screen.clearHere();
    await screen.go(19);
    await screen.page.evaluate(() => {
      window.belljar = {};
      window.addEventListener("keydown", () => (window.belljar.pressed = performance.now()), { capture: true });
      const look = () => {
        const spans = document.querySelectorAll(".view-line span[class*='TextEditorDecorationType']");
        const shown = [...spans].some((span) => getComputedStyle(span, "::after").content.includes("⇒"));
        if (shown) window.belljar.shown = performance.now();
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    });
    await screen.chord("l");
    await screen.page.waitForFunction(() => window.belljar.shown !== undefined);
    figures.push(await screen.page.evaluate(() => window.belljar.shown - window.belljar.pressed));
  }
  const server = editor.readLogs().matchAll(/first output (\d+) ms after/g);
  const shares = [...server].map((match) => Number(match[1])).slice(-TIMES);
  const key = `median of ${TIMES}: ${Math.round(median(figures))} ms`;
  console.log(`measured: VS Code, from the key to the first output behind its line, Python, ${key}, of which the server ${median(shares)} ms`);
}

// What was checked, one line each, and how long anything may take.

export const patience = Number(process.env.BELLJAR_PATIENCE_MS || 60_000);

let passed = 0;
let failed = 0;

/** Says how a check of the scenario `id` went. */
export function check(id, words, good, seen) {
  if (good) passed += 1;
  else failed += 1;
  console.log(`${good ? "ok" : "not ok"} - [${id}] ${words}`);
  if (good || seen === undefined) return;
  for (const line of String(seen).split("\n").slice(0, 40)) console.log(`    seen: ${line}`);
}

/** Prints the figures, and gives the exit status. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Asks again and again until there is an answer; `undefined` if there was none in time. */
export async function eventually(ask, time = patience) {
  const deadline = Date.now() + time;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

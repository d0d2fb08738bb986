// Splits what the user types as arguments the way a shell does, without doing anything else that a shell does.

/** The arguments in `line`; `undefined` if a quote is not closed. */
export function splitArguments(line: string): string[] | undefined {
  const found: string[] = [];
  let current: string | undefined;
  let quote: string | undefined;
  for (let n = 0; n < line.length; n++) {
    const c = line.charAt(n);
    const escapes = c === "\\" && quote !== "'" && n + 1 < line.length;
    if (escapes && (quote === undefined || '"\\'.includes(line.charAt(n + 1)))) {
      current = (current ?? "") + line.charAt(++n);
    } else if (quote !== undefined) {
      if (c === quote) quote = undefined;
      else current += c;
    } else if (c === "'" || c === '"') {
      quote = c;
      current ??= "";
    } else if (/\s/.test(c)) {
      if (current !== undefined) found.push(current);
      current = undefined;
    } else {
      current = (current ?? "") + c;
    }
  }
  if (quote !== undefined) return undefined;
  if (current !== undefined) found.push(current);
  return found;
}

/** The line that `splitArguments` takes apart into `args`. */
export function joinArguments(args: readonly string[]): string {
  return args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`)).join(" ");
}

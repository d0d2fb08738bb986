// What `belljar doctor --json` says, as far as this extension shows it.

export interface Layer {
  layer: string;
  on: boolean;
  detail: string;
  remedy?: string;
}

export interface Findings {
  /** A program can be sandboxed here. */
  works: boolean;
  layers: Layer[];
}

/** Reads the doctor's answer; `undefined` if it is none. */
export function readFindings(json: string): Findings | undefined {
  try {
    const answer = JSON.parse(json) as Partial<Findings> | null;
    return typeof answer?.works === "boolean" && Array.isArray(answer.layers) ? (answer as Findings) : undefined;
  } catch {
    return undefined;
  }
}

/** The layers that are off. */
export function missing(findings: Findings): Layer[] {
  return findings.layers.filter((layer) => !layer.on);
}

/** The layer to mend first, if there is one to mend. */
export function firstToMend(findings: Findings): Layer | undefined {
  const off = missing(findings);
  return off.find((layer) => layer.remedy !== undefined) ?? off[0];
}

// What crosses between the server and this extension beyond the Language Server Protocol. Mirrors
// server/protocol/src/wire.rs, where everything is explained; a test compares the names.

export const Commands = {
  run: "belljar.run",
  cancel: "belljar.cancel",
  rerun: "belljar.rerun",
  clear: "belljar.clear",
  showOutput: "belljar.showOutput",
  allow: "belljar.allow",
  policies: "belljar.policies",
  usePolicy: "belljar.usePolicy",
} as const;

export const RUN_EVENT = "belljar/runEvent";
export const OUTPUT = "belljar/output";

export type What = "selection" | "line" | "function" | "cell" | "block" | "upTo" | "file";

export interface Position {
  line: number;
  character: number;
}

export interface RunArguments {
  uri: string;
  what: What;
  range?: { start: Position; end: Position };
  policy?: string;
  arguments?: string[];
  stdin?: string;
}

export interface PolicyEntry {
  name: string;
  description: string;
  active: boolean;
}

export interface Transcript {
  title: string;
  text: string;
  done: boolean;
}

export interface OutputPiece {
  stream: "stdout" | "stderr";
  text: string;
  line?: number;
}

export interface ShownViolation {
  index: number;
  code: string;
  message: string;
  line: number;
  located: boolean;
  allow?: string;
}

export interface ShownError {
  message: string;
  line: number;
}

export type Ending =
  | { kind: "exited"; code: number }
  | { kind: "signaled"; signal: number }
  | { kind: "limit"; limit: string }
  | { kind: "cancelled" }
  | { kind: "refused"; reason: string; hint: string }
  | { kind: "failed"; step: string; errno: string; hint: string }
  | { kind: "lost" };

export interface Posture {
  full: boolean;
  summary: string;
}

export type RunEventKind =
  | { kind: "queued"; ahead: number }
  | { kind: "started" }
  | { kind: "output"; output: OutputPiece[]; omittedBytes: number }
  | { kind: "violation"; violation: ShownViolation }
  | {
      kind: "ended";
      ok: boolean;
      ending: Ending;
      summary: string;
      hint?: string;
      output: OutputPiece[];
      truncated: boolean;
      violations: ShownViolation[];
      errors: ShownError[];
      wallMs: number;
      posture?: Posture;
      notes?: string[];
    }
  | { kind: "stale"; stale: boolean }
  | { kind: "cleared" };

export type RunEvent = {
  run: string;
  uri: string;
  name: string;
  policy: string;
  what: What;
  version: number;
  lines: [number, number];
} & RunEventKind;

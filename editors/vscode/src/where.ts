// Finds the program `belljar`: where the user says, inside this extension, on PATH, or where cargo puts it.
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface Surroundings {
  /** The setting `belljar.server.path`; empty if the user has said nothing. */
  setting: string;
  /** The folder of this extension. */
  extension: string;
  home: string;
  path: string;
}

/** The program's path, or every place where it was looked for. */
export function findProgram(around: Surroundings): { program: string } | { looked: string[] } {
  const candidates = around.setting === "" ? usual(around) : [expandHome(around.setting, around.home)];
  const program = candidates.find(isProgram);
  return program === undefined ? { looked: candidates } : { program };
}

function usual(around: Surroundings): string[] {
  const onPath = around.path.split(delimiter).filter((folder) => folder.startsWith("/"));
  return [
    join(around.extension, "server", "belljar"),
    ...onPath.map((folder) => join(folder, "belljar")),
    join(around.home, ".cargo", "bin", "belljar"),
  ];
}

function expandHome(path: string, home: string): string {
  return path === "~" || path.startsWith("~/") ? join(home, path.slice(1)) : path;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

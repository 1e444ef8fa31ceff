import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Files and directories that only their owner can read. */

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** Creates parents one by one, because `recursive` never returns where no directory can be created, as under /proc. */
export function createPrivateDirectory(directory: string): void {
  const missing: string[] = [];
  for (let path = resolve(directory); !existsSync(path); path = dirname(path)) missing.unshift(path);
  for (const path of missing) {
    try {
      mkdirSync(path, { mode: DIRECTORY_MODE });
    } catch (cause) {
      // Another process may have created it at the same moment.
      if (!existsSync(path)) throw cause;
    }
  }
}

/**
 * Replaces a file in one step, so that no reader finds half of it, and a crash leaves either the old or the new text.
 * Writers of one file must exclude each other.
 */
export function replacePrivateFile(path: string, text: string): void {
  const next = `${path}.new`;
  // Left over from a process that was killed: its mode is not trusted.
  rmSync(next, { force: true });
  const file = openSync(next, 'wx', FILE_MODE);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
}

/** Creates an empty file, unless it exists. */
export function touchPrivateFile(path: string): void {
  closeSync(openSync(path, 'a', FILE_MODE));
}

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { FileLock } from '../files/file-lock.ts';
import { CliError } from './terminal.ts';

/** The folder in which `wrangler dev` keeps the tenants' databases, relative to the project. */
const STATE_FOLDER = join('.wrangler', 'state');
const LOCK_FILE = 'bulkhead.lock';
const RECORD_FILE = 'bulkhead.json';

const recordSchema = z.object({ pid: z.int().positive(), url: z.url({ protocol: /^http$/ }) });

/** The server that was started last on a state folder: the process of `npm start`, and where it listens. */
export type ServerRecord = z.infer<typeof recordSchema>;

/** The right to run a server on a state folder: two servers on one folder would both report that they are ready, and the second would then fail every write. */
export class StateLock {
  readonly #lock: FileLock;

  private constructor(lock: FileLock) {
    this.#lock = lock;
  }

  /**
   * Locks the state folder of the project in `root` and records who holds it.
   * @throws CliError `locked` that names the other process and its URL; `state` when the folder cannot be used
   */
  static acquire(root: string, server: ServerRecord): StateLock {
    const folder = join(root, STATE_FOLDER);
    let lock: FileLock | undefined;
    try {
      mkdirSync(folder, { recursive: true });
      lock = FileLock.tryAcquire(join(folder, LOCK_FILE));
      if (lock !== undefined) writeRecord(folder, server);
    } catch (error) {
      lock?.release();
      const reason = error instanceof Error ? error.message : String(error);
      throw new CliError('state', `The state folder ${folder} cannot be used: ${reason}.`);
    }
    if (lock === undefined) throw lockedError(readServerRecord(root));
    return new StateLock(lock);
  }

  release(): void {
    this.#lock.release();
  }
}

/** The server that was started last in this project, running or not; undefined if there is no record of one. */
export function readServerRecord(root: string): ServerRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(join(root, STATE_FOLDER, RECORD_FILE), 'utf8')));
  } catch {
    // A missing or damaged record only means that the defaults are used.
    return undefined;
  }
}

/** Replaces the record in one step, so that no reader finds half of it. */
function writeRecord(folder: string, server: ServerRecord): void {
  const path = join(folder, RECORD_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(server)}\n`);
  renameSync(`${path}.new`, path);
}

function lockedError(owner: ServerRecord | undefined): CliError {
  const which = owner === undefined ? '' : `: process ${owner.pid}, at ${owner.url}`;
  return new CliError(
    'locked',
    `A server already runs on the data of this folder${which}. Use that one, or stop it before you start another.`,
  );
}

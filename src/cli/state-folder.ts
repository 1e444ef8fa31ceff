import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { CliError } from './terminal.ts';

/** The folder in which `wrangler dev` keeps the tenants' databases, relative to the project. */
const STATE_FOLDER = join('.wrangler', 'state');
const LOCK_FILE = 'bulkhead.lock';
const RECORD_FILE = 'bulkhead.json';
/** https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

const recordSchema = z.object({ pid: z.int().positive(), url: z.url({ protocol: /^http$/ }) });

/** The server that was started last on a state folder: the process of `npm start`, and where it listens. */
export type ServerRecord = z.infer<typeof recordSchema>;

/**
 * The right to run a server on a state folder.
 *
 * Two servers on one folder would both report that they are ready, and the second would then fail every write. The lock
 * is an open SQLite transaction, so the operating system itself grants it to one process and takes it back when that
 * process ends, however it ends: a lock cannot be left behind, and a reused process id cannot be mistaken for its owner.
 */
export class StateLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * Locks the state folder of the project in `root` and records who holds it.
   * @throws CliError `locked` that names the other process and its URL; `state` when the folder cannot be used
   */
  static acquire(root: string, server: ServerRecord): StateLock {
    const folder = join(root, STATE_FOLDER);
    let database: DatabaseSync | undefined;
    try {
      mkdirSync(folder, { recursive: true });
      database = new DatabaseSync(join(folder, LOCK_FILE), { timeout: 0 });
      database.exec('BEGIN EXCLUSIVE');
      writeRecord(folder, server);
      return new StateLock(database);
    } catch (error) {
      database?.close();
      if (isBusy(error)) throw lockedError(readServerRecord(root));
      const reason = error instanceof Error ? error.message : String(error);
      throw new CliError('state', `The state folder ${folder} cannot be used: ${reason}.`);
    }
  }

  release(): void {
    this.#database.close();
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

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function lockedError(owner: ServerRecord | undefined): CliError {
  const which = owner === undefined ? '' : `: process ${owner.pid}, at ${owner.url}`;
  return new CliError(
    'locked',
    `A server already runs on the data of this folder${which}. Use that one, or stop it before you start another.`,
  );
}

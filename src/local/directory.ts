import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type LocalDatabase, openDatabase } from './database.ts';

/** The data can be read by its owner alone. */
const OWNER_ONLY = 0o700;
const NOT_FOR_OTHERS = 0o077;
const FILE = 'bulkhead.db';

/** The data directory cannot be used; the message is one sentence for whoever started the server. */
export class DataError extends Error {
  override readonly name = 'DataError';
}

type Env = Readonly<Record<string, string | undefined>>;

/** Where a user's data is kept: the XDG base directories, or what the platform has in their place. */
export function dataDirectory(platform: NodeJS.Platform, env: Env, home: string = homedir()): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'bulkhead');
  if (platform === 'win32')
    return join(given(env.LOCALAPPDATA) ?? join(home, 'AppData', 'Local'), 'bulkhead');
  return join(given(env.XDG_DATA_HOME) ?? join(home, '.local', 'share'), 'bulkhead');
}

/** An empty variable is as good as none. */
const given = (value: string | undefined) => (value === '' ? undefined : value);

/** Step by step: where no directory can be made, as under /proc, `recursive` tries for ever. */
function makeDirectory(directory: string): void {
  const missing: string[] = [];
  for (let path = resolve(directory); !existsSync(path); path = dirname(path)) missing.unshift(path);
  for (const path of missing) {
    try {
      mkdirSync(path, { mode: OWNER_ONLY });
    } catch (cause) {
      // Another process that starts now makes it too.
      if (!existsSync(path)) throw cause;
    }
  }
}

/**
 * Opens the database in a directory, which is made when it is not there.
 * @throws DataError when it cannot be used
 */
export function openDirectory(directory: string): LocalDatabase {
  // The files beside the database, too, are made by SQLite.
  process.umask(NOT_FOR_OTHERS);
  try {
    makeDirectory(directory);
    const db = openDatabase(join(directory, FILE));
    try {
      // A file that may not be written, or that is no database, is found out now and not by the first call.
      db.begin();
      db.rollback();
    } catch (cause) {
      db.close();
      throw cause;
    }
    return db;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`The data directory ${directory} cannot be used: ${why}.`);
  }
}

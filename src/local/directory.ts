import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { StorageFailure } from '../tenant/storage/database.ts';
import { requireOwnSchema } from '../tenant/storage/migrate.ts';
import { type LocalDatabase, openDatabase } from './database.ts';
import { DiskReserve } from './disk-reserve.ts';
import { readMigrations } from './migrations.ts';

/** Only the owner can read the data. */
const DIRECTORY_MODE = 0o700;
const UMASK = 0o077;
const FILE = 'bulkhead.db';
const RESERVE_FILE = 'bulkhead.reserve';

/** The data directory cannot be used. The message is one sentence for the user. */
export class DataError extends Error {
  override readonly name = 'DataError';
}

type Env = Readonly<Record<string, string | undefined>>;

/** The default data directory of a user: XDG base directories on Linux, the platform's convention elsewhere. */
export function dataDirectory(platform: NodeJS.Platform, env: Env, home: string = homedir()): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'bulkhead');
  if (platform === 'win32')
    return join(nonEmpty(env.LOCALAPPDATA) ?? join(home, 'AppData', 'Local'), 'bulkhead');
  return join(nonEmpty(env.XDG_DATA_HOME) ?? join(home, '.local', 'share'), 'bulkhead');
}

/** The XDG specification treats an empty variable as unset. */
const nonEmpty = (value: string | undefined) => (value === '' ? undefined : value);

/** Creates parents one by one, because `recursive` never returns where no directory can be created, as under /proc. */
function createDirectory(directory: string): void {
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

/** The disk space that is set aside beside the database of a directory. */
export const reserveIn = (directory: string) => new DiskReserve(join(directory, RESERVE_FILE));

/**
 * Opens the database in a directory, and creates both if they do not exist.
 * @throws DataError when it cannot be used
 */
export function openDirectory(directory: string): LocalDatabase {
  // SQLite creates the database and the files beside it with this mask.
  process.umask(UMASK);
  try {
    createDirectory(directory);
    // Checked first: a file of another program, or of a newer version, is not changed.
    const db = openDatabase(join(directory, FILE), (opened) => requireOwnSchema(opened, readMigrations()));
    try {
      // Fails now, instead of in the first call, if the file is read-only or not a database.
      db.begin();
      db.rollback();
    } catch (cause) {
      db.close();
      throw cause;
    }
    return db;
  } catch (cause) {
    throw new DataError(`The data directory ${directory} cannot be used: ${reasonOf(cause)}.`, {
      cause,
    });
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof StorageFailure && cause.reason === 'full') return 'its disk is full';
  return cause instanceof Error ? cause.message : String(cause);
}

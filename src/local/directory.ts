import { join } from 'node:path';
import { createPrivateDirectory } from '../files/private-files.ts';
import { StorageFailure } from '../tenant/storage/database.ts';
import { ForeignDatabaseError, NewerSchemaError, requireOwnSchema } from '../tenant/storage/migrate.ts';
import { type LocalDatabase, openDatabase } from './database.ts';
import { DiskReserve } from './disk-reserve.ts';
import { readMigrations } from './migrations.ts';

/** Only the owner can read the data. */
const UMASK = 0o077;
const FILE = 'bulkhead.db';
const RESERVE_FILE = 'bulkhead.reserve';

/** The data directory cannot be used. The message is one sentence for the user. */
export class DataError extends Error {
  override readonly name = 'DataError';
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
    createPrivateDirectory(directory);
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

/** Why a file that was open can be used no more: another process has made it one of a newer version, or of another program. */
export function foreignReason(db: LocalDatabase): string | undefined {
  try {
    requireOwnSchema(db, readMigrations());
    return undefined;
  } catch (cause) {
    const isForeign = cause instanceof NewerSchemaError || cause instanceof ForeignDatabaseError;
    return isForeign ? cause.message : undefined;
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof StorageFailure && cause.reason === 'full') return 'its disk is full';
  return cause instanceof Error ? cause.message : String(cause);
}

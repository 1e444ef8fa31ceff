import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Migration } from '../tenant/storage/migrate.ts';

const DIRECTORY = fileURLToPath(new URL('../../migrations/tenant/', import.meta.url).href);

let migrations: readonly Migration[] | undefined;

/** The migrations of a tenant's schema, from disk. The Worker has the same files in its bundle. */
export function readMigrations(): readonly Migration[] {
  migrations ??= readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({ name, sql: readFileSync(join(DIRECTORY, name), 'utf8') }));
  return migrations;
}

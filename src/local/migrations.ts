import { readdirSync, readFileSync } from 'node:fs';
import type { Migration } from '../tenant/storage/migrate.ts';

const DIRECTORY = new URL('../../migrations/tenant/', import.meta.url);

let migrations: readonly Migration[] | undefined;

/** The migrations of a tenant's schema, from disk. The Worker has the same files in its bundle. */
export function readMigrations(): readonly Migration[] {
  migrations ??= readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({ name, sql: readFileSync(new URL(name, DIRECTORY), 'utf8') }));
  return migrations;
}

import { readdirSync, readFileSync } from 'node:fs';
import type { Migration } from '../tenant/storage/migrate.ts';

const DIRECTORY = new URL('../../migrations/tenant/', import.meta.url);

/** The tenant's schema as it is on disk: what the Worker's bundler puts into the Worker. */
export function readMigrations(): Migration[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({ name, sql: readFileSync(new URL(name, DIRECTORY), 'utf8') }));
}

import type { Migration } from './migrate.ts';
import * as files from './migration-files.ts';

/** The tenant's schema, as the Durable Object applies it. */
export const MIGRATIONS: readonly Migration[] = Object.entries(files).map(([name, sql]) => ({ name, sql }));

import core from '../../migrations/tenant/0001_core.sql';
import type { Migration } from './migrate.ts';

/** The tenant's schema. A file under `migrations/tenant` that is missing here fails a test. */
export const MIGRATIONS: readonly Migration[] = [{ name: '0001_core.sql', sql: core }];

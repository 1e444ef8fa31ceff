import { openDatabase as openLocal } from '../../src/local/database.ts';
import type { Database } from '../../src/tenant/database.ts';

export { readMigrations } from '../../src/local/migrations.ts';

/** The second host's database, in memory. */
export function openDatabase(): Database {
  return openLocal(':memory:');
}

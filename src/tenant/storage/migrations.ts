import core from '../../../migrations/tenant/0001_core.sql';
import blackboard from '../../../migrations/tenant/0002_blackboard.sql';
import scar from '../../../migrations/tenant/0003_scar.sql';
import cache from '../../../migrations/tenant/0004_cache.sql';
import sessions from '../../../migrations/tenant/0005_sessions.sql';
import type { Migration } from './migrate.ts';

/** The tenant's schema. A file under `migrations/tenant` that is missing here fails a test. */
export const MIGRATIONS: readonly Migration[] = [
  { name: '0001_core.sql', sql: core },
  { name: '0002_blackboard.sql', sql: blackboard },
  { name: '0003_scar.sql', sql: scar },
  { name: '0004_cache.sql', sql: cache },
  { name: '0005_sessions.sql', sql: sessions },
];

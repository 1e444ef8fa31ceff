import { readMigrations } from '../../src/local/migrations.ts';
import { parseTenantId, type TokenId } from '../../src/tenant/contract/call.ts';
import type { Database } from '../../src/tenant/storage/database.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';
import { insertProfile } from '../../src/tenant/storage/profile.ts';
import { SCOPES } from '../../src/tools/tool.ts';
import { START } from './fake-time.ts';

const TEN_YEARS_MS = 10 * 365 * 86_400_000;

/**
 * Makes a tenant as a release before a migration stored it.
 * @param before the first migration that it lacks
 * @returns its token
 */
export function createOldTenant(db: Database, before: string): TokenId {
  migrate(
    db,
    readMigrations().filter(({ name }) => name < before),
  );
  const id = parseTenantId('test');
  if (id === undefined) throw new Error('not a tenant id');
  insertProfile(db, { id, sealKey: 'key', generation: 0 }, START);
  const token = 'a'.repeat(24) as TokenId;
  db.exec(
    'INSERT INTO tokens (id, label, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?)',
    token,
    'test',
    SCOPES.join(' '),
    START,
    START + TEN_YEARS_MS,
  );
  return token;
}

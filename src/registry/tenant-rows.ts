import type { TenantId } from '../tenant/contract/call.ts';
import type { Database } from '../tenant/storage/database.ts';
import type { TenantListing } from '../tenant/storage/listing.ts';
import type { TenantStatus } from '../tenant/storage/profile.ts';

/** How long an erased generation is remembered; a message cannot be under way for longer. */
const ERASED_MS = 3_600_000;
/** Sorts after every character of a tenant id. */
const AFTER_IDS = '~';

export interface RegistryEntry extends Record<string, string | number> {
  id: string;
  status: TenantStatus;
  created_at: number;
}

/** Which tenants a page of the list has: those whose ids come after `after`, in order. */
export interface RegistryQuery {
  readonly limit: number;
  readonly after: string;
  readonly prefix: string;
  readonly status: TenantStatus | undefined;
}

/** The rows of the list of tenants. Each method is one transaction. */
export class TenantRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** See `TenantList.nextGeneration`. */
  nextGeneration(now: number): number {
    return this.#db.transaction(() => {
      // Time as well, because a list that was lost has forgotten which generations there were.
      const generation = Math.max(lastGeneration(this.#db) + 1, now);
      saveLastGeneration(this.#db, generation);
      return generation;
    });
  }

  /** See `TenantList.register`. */
  register(
    { id, status, createdAt, generation, identities }: TenantListing,
    now: number,
  ): 'listed' | 'stale' {
    const db = this.#db;
    return db.transaction(() => {
      forgetErased(db, now);
      const [newer] = db.exec(
        `SELECT 1 FROM tenants WHERE id = ?1 AND generation > ?2
         UNION ALL SELECT 1 FROM erased WHERE id = ?1 AND generation >= ?2`,
        id,
        generation,
      );
      if (newer !== undefined) return 'stale';
      saveLastGeneration(db, generation);
      db.exec(
        `INSERT INTO tenants (id, status, created_at, generation) VALUES (?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET
           status = excluded.status, created_at = excluded.created_at, generation = excluded.generation
         WHERE (status, created_at, generation) IS NOT (excluded.status, excluded.created_at, excluded.generation)`,
        id,
        status,
        createdAt,
        generation,
      );
      saveIdentities(db, id, identities);
      return 'listed';
    });
  }

  /** See `TenantList.remove`. */
  remove(id: TenantId, generation: number | undefined, now: number): boolean {
    const db = this.#db;
    return db.transaction(() => {
      const [row] = db.exec<{ generation: number }>('SELECT generation FROM tenants WHERE id = ?', id);
      const erased = generation ?? row?.generation;
      if (erased === undefined) return false;
      forgetErased(db, now);
      db.exec('DELETE FROM tenants WHERE id = ? AND generation <= ?', id, erased);
      if (row === undefined || row.generation <= erased) saveIdentities(db, id, []);
      db.exec(
        `INSERT INTO erased (id, generation, erased_at) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET
           generation = max(generation, excluded.generation), erased_at = excluded.erased_at`,
        id,
        erased,
        now,
      );
      return row !== undefined;
    });
  }

  /** The tenants that have reported a member of one of these subjects. */
  tenantsOfIdentity(subjects: readonly string[], limit: number): string[] {
    return this.#db
      .exec<{ tenant: string }>(
        `SELECT DISTINCT tenant FROM identities WHERE subject IN (SELECT value FROM json_each(?))
         ORDER BY tenant LIMIT ?`,
        JSON.stringify(subjects),
        limit,
      )
      .map(({ tenant }) => tenant);
  }

  /** One page of the list. */
  list({ limit, after, prefix, status }: RegistryQuery): RegistryEntry[] {
    const columns = 'SELECT id, status, created_at FROM tenants';
    const range = 'id > ? AND id >= ? AND id < ? ORDER BY id LIMIT ?';
    const bounds = [after, prefix, `${prefix}${AFTER_IDS}`, limit] as const;
    return status === undefined
      ? this.#db.exec<RegistryEntry>(`${columns} WHERE ${range}`, ...bounds)
      : this.#db.exec<RegistryEntry>(`${columns} WHERE status = ? AND ${range}`, status, ...bounds);
  }

  /**
   * At most `limit` ids, beginning at `from` and going round the end of the list.
   * @throws Error when any part of the database cannot be read
   */
  sample(limit: number, from: string): string[] {
    const db = this.#db;
    return db.transaction(() => {
      lastGeneration(db);
      db.exec('SELECT id, generation, erased_at FROM erased LIMIT 1');
      db.exec('SELECT subject, tenant FROM identities LIMIT 1');
      db.exec('SELECT id, status, created_at, generation FROM tenants LIMIT 1');
      const ids = (where: string, count: number) =>
        db
          .exec<{ id: string }>(`SELECT id FROM tenants WHERE ${where} ORDER BY id LIMIT ?`, from, count)
          .map(({ id }) => id);
      const after = ids('id >= ?', limit);
      return after.length < limit ? [...after, ...ids('id < ?', limit - after.length)] : after;
    });
  }
}

/** Makes the identities of a tenant these. What has not changed is not written. */
function saveIdentities(db: Database, tenant: TenantId, identities: readonly string[]): void {
  const wanted = JSON.stringify(identities);
  db.exec(
    'DELETE FROM identities WHERE tenant = ? AND subject NOT IN (SELECT value FROM json_each(?))',
    tenant,
    wanted,
  );
  db.exec(
    `INSERT INTO identities (subject, tenant) SELECT value, ? FROM json_each(?) WHERE true
     ON CONFLICT DO NOTHING`,
    tenant,
    wanted,
  );
}

function forgetErased(db: Database, now: number): void {
  db.exec('DELETE FROM erased WHERE erased_at <= ?', now - ERASED_MS);
}

function lastGeneration(db: Database): number {
  const [row] = db.exec<{ generation: number }>('SELECT generation FROM last_generation');
  return row?.generation ?? 0;
}

function saveLastGeneration(db: Database, generation: number): void {
  db.exec(
    `INSERT INTO last_generation (one, generation) VALUES (1, ?)
     ON CONFLICT (one) DO UPDATE SET generation = excluded.generation WHERE generation < excluded.generation`,
    generation,
  );
}

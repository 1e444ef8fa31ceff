import { DurableObject } from 'cloudflare:workers';
import tenants from '../../migrations/registry/0001_tenants.sql';
import type { TenantId } from '../tenant/contract/call.ts';
import type { Database } from '../tenant/storage/database.ts';
import { durableDatabase } from '../tenant/storage/durable-database.ts';
import { migrate } from '../tenant/storage/migrate.ts';
import type { TenantStatus } from '../tenant/storage/profile.ts';

const MIGRATIONS = [{ name: '0001_tenants.sql', sql: tenants }];

export interface RegistryEntry extends Record<string, string | number> {
  id: string;
  status: TenantStatus;
  created_at: number;
}

/** The deployment's list of tenants, for the operator. Calls of tenants never need it. */
export class Registry extends DurableObject<Env> {
  #db: Database | undefined;

  #open(): Database {
    if (this.#db === undefined) {
      const db = durableDatabase(this.ctx.storage);
      migrate(db, MIGRATIONS);
      this.#db = db;
    }
    return this.#db;
  }

  /** Adds a tenant; one that is already listed stays unchanged. */
  add(id: TenantId, now: number): void {
    this.#open().exec(
      `INSERT INTO tenants (id, status, created_at) VALUES (?, 'active', ?) ON CONFLICT (id) DO NOTHING`,
      id,
      now,
    );
  }

  has(id: TenantId): boolean {
    return this.#open().exec('SELECT 1 AS found FROM tenants WHERE id = ?', id).length > 0;
  }

  setStatus(id: TenantId, status: TenantStatus): void {
    this.#open().exec('UPDATE tenants SET status = ? WHERE id = ?', status, id);
  }

  remove(id: TenantId): void {
    this.#open().exec('DELETE FROM tenants WHERE id = ?', id);
  }

  /** At most `limit` tenants whose ids come after `after`, in order. */
  list(limit: number, after: string): RegistryEntry[] {
    return this.#open().exec<RegistryEntry>(
      'SELECT id, status, created_at FROM tenants WHERE id > ? ORDER BY id LIMIT ?',
      after,
      limit,
    );
  }
}

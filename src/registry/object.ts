import { DurableObject } from 'cloudflare:workers';
import tenants from '../../migrations/registry/0001_tenants.sql';
import generations from '../../migrations/registry/0002_generations.sql';
import identities from '../../migrations/registry/0003_identities.sql';
import actions from '../../migrations/registry/0004_actions.sql';
import type { TenantId } from '../tenant/contract/call.ts';
import { durableDatabase } from '../tenant/storage/durable-database.ts';
import type { TenantListing } from '../tenant/storage/listing.ts';
import { appliedMigrations, migrate } from '../tenant/storage/migrate.ts';
import { type Action, type ActionQuery, ActionRows, type ListedAction } from './action-rows.ts';
import { type RegistryEntry, type RegistryQuery, TenantRows } from './tenant-rows.ts';

const MIGRATIONS = [
  { name: '0001_tenants.sql', sql: tenants },
  { name: '0002_generations.sql', sql: generations },
  { name: '0003_identities.sql', sql: identities },
  { name: '0004_actions.sql', sql: actions },
];

/**
 * The deployment's list of tenants, for the operator. No call of a tenant needs it, and no security action: what a
 * tenant may do is known to the tenant alone, which reports itself here. A list that was lost is therefore rebuilt.
 */
export class Registry extends DurableObject<Env> {
  #opened: { readonly rows: TenantRows; readonly actions: ActionRows } | undefined;

  #open() {
    if (this.#opened === undefined) {
      const db = durableDatabase(this.ctx.storage);
      migrate(db, MIGRATIONS);
      this.#opened = { rows: new TenantRows(db), actions: new ActionRows(db) };
    }
    return this.#opened;
  }

  /** A failed attempt is repeated after the schema was looked at again, which repairs a database that was emptied. */
  #attempt<T>(act: (rows: TenantRows, actions: ActionRows) => T): T {
    const attempt = () => {
      const { rows, actions } = this.#open();
      return act(rows, actions);
    };
    try {
      return attempt();
    } catch {
      this.#opened = undefined;
      return attempt();
    }
  }

  /** See `TenantList.nextGeneration`. */
  nextGeneration(now: number): number {
    return this.#attempt((rows) => rows.nextGeneration(now));
  }

  /** See `TenantList.register`. */
  register(listing: TenantListing, now: number): 'listed' | 'stale' {
    return this.#attempt((rows) => rows.register(listing, now));
  }

  /** See `TenantList.remove`. */
  remove(id: TenantId, generation: number | undefined, now: number): boolean {
    return this.#attempt((rows) => rows.remove(id, generation, now));
  }

  /** One page of the list. */
  list(query: RegistryQuery): RegistryEntry[] {
    return this.#attempt((rows) => rows.list(query));
  }

  /** See `TenantRows.tenantsOfIdentity`. */
  tenantsOfIdentity(subjects: readonly string[], limit: number): string[] {
    return this.#attempt((rows) => rows.tenantsOfIdentity(subjects, limit));
  }

  /** See `TenantRows.sample`. */
  sample(limit: number, from: string): string[] {
    return this.#attempt((rows) => rows.sample(limit, from));
  }

  /** Keeps what the operator has done. */
  addAction(action: Action): void {
    this.#attempt((_rows, actions) => actions.add(action));
  }

  /** See `ActionRows.list`. */
  actions(query: ActionQuery): ListedAction[] {
    return this.#attempt((_rows, actions) => actions.list(query));
  }

  /** The names of the migrations that were applied. */
  migrations(): string[] {
    return this.#attempt(() => appliedMigrations(durableDatabase(this.ctx.storage)));
  }

  /** Empties the list, also one that cannot be read. Every tenant lists itself again at its next alarm. */
  async reset(): Promise<void> {
    this.#opened = undefined;
    await this.ctx.storage.deleteAll();
    this.#open();
  }
}

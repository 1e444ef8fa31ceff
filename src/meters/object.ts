import { DurableObject } from 'cloudflare:workers';
import meters from '../../migrations/meters/0001_meters.sql';
import activity from '../../migrations/meters/0002_activity.sql';
import type { Added, ReportedAnchor, TenantReport } from '../telemetry/metrics/report.ts';
import { durableDatabase } from '../tenant/storage/durable-database.ts';
import { appliedMigrations, migrate } from '../tenant/storage/migrate.ts';
import type { Catalogue } from '../tools/catalogue.ts';
import type { Activity, ActivityQuery } from './activity-rows.ts';
import { closedLabels } from './labels.ts';
import { MeterRows, type MeterTotals } from './meter-rows.ts';

const MIGRATIONS = [
  { name: '0001_meters.sql', sql: meters },
  { name: '0002_activity.sql', sql: activity },
];

/**
 * The metrics of the deployment. Tenants and isolates of the edge report what they have counted; nobody is asked, because a
 * question would wake every tenant. Nothing waits for this object, and everything works without it.
 */
export class MetersObject extends DurableObject<Env> {
  readonly #catalogue: Catalogue;
  #rows: MeterRows | undefined;

  constructor(ctx: DurableObjectState, env: Env, catalogue: Catalogue) {
    super(ctx, env);
    this.#catalogue = catalogue;
  }

  addTenant(report: TenantReport): void {
    this.#attempt((rows) => rows.addTenant(report));
  }

  addEdge(added: readonly Added[]): void {
    this.#attempt((rows) => rows.addEdge(added));
  }

  forget(tenant: string): void {
    this.#attempt((rows) => rows.forget(tenant));
  }

  anchor(tenant: string): ReportedAnchor | undefined {
    return this.#attempt((rows) => rows.anchor(tenant));
  }

  activity(query: ActivityQuery): Activity[] {
    return this.#attempt((rows) => rows.activity(query));
  }

  activityOf(ids: readonly string[]): Activity[] {
    return this.#attempt((rows) => rows.activityOf(ids));
  }

  totals(): MeterTotals {
    return this.#attempt((rows) => rows.totals());
  }

  /** The names of the migrations that were applied. */
  migrations(): string[] {
    return this.#attempt(() => appliedMigrations(durableDatabase(this.ctx.storage)));
  }

  text(): string {
    return this.#attempt((rows) => rows.text());
  }

  #open(): MeterRows {
    if (this.#rows === undefined) {
      const db = durableDatabase(this.ctx.storage);
      migrate(db, MIGRATIONS);
      this.#rows = new MeterRows(db, closedLabels(this.#catalogue), () => Date.now());
    }
    return this.#rows;
  }

  /** A failed attempt is repeated after the schema was looked at again, which repairs a database that was emptied. */
  #attempt<T>(act: (rows: MeterRows) => T): T {
    try {
      return act(this.#open());
    } catch {
      this.#rows = undefined;
      return act(this.#open());
    }
  }
}

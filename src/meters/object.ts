import { DurableObject } from 'cloudflare:workers';
import meters from '../../migrations/meters/0001_meters.sql';
import type { Added, ReportedAnchor, TenantReport } from '../telemetry/metrics/report.ts';
import { durableDatabase } from '../tenant/storage/durable-database.ts';
import { migrate } from '../tenant/storage/migrate.ts';
import type { Catalogue } from '../tools/catalogue.ts';
import { closedLabels } from './labels.ts';
import { MeterRows } from './meter-rows.ts';

const MIGRATIONS = [{ name: '0001_meters.sql', sql: meters }];

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

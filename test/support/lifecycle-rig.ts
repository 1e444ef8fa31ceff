import { readFileSync } from 'node:fs';
import { openDatabase } from '../../src/local/database.ts';
import { TenantRows } from '../../src/registry/tenant-rows.ts';
import type { LogRecord } from '../../src/telemetry/log.ts';
import { parseTenantId } from '../../src/tenant/contract/call.ts';
import { Lifecycle } from '../../src/tenant/lifecycle.ts';
import type { Database } from '../../src/tenant/storage/database.ts';
import type { TenantList } from '../../src/tenant/storage/listing.ts';
import { migrate } from '../../src/tenant/storage/migrate.ts';
import { openCompartment, type TestCompartment } from './compartment.ts';

const file = (name: string) => ({
  name,
  sql: readFileSync(new URL(`../../migrations/registry/${name}`, import.meta.url), 'utf8'),
});
const REGISTRY_MIGRATIONS = ['0001_tenants.sql', '0002_generations.sql', '0003_identities.sql'].map(file);

/** An id for the tests of one tenant. */
export function tenantId(text = 'acme') {
  const id = parseTenantId(text);
  if (id === undefined) throw new Error('not a tenant id');
  return id;
}

/** The rows of a list of tenants on `node:sqlite`. */
export function openRows(): TenantRows {
  const db = openDatabase();
  migrate(db, REGISTRY_MIGRATIONS);
  return new TenantRows(db);
}

/** When a message to the list arrives: the test decides. */
export type Delivery = <T>(message: () => T) => Promise<T>;

/** One run of a tenant's object: its memory, which ends with `crash`. */
interface Run {
  readonly lifecycle: Lifecycle;
  readonly tenant: TestCompartment;
  isDead: boolean;
}

/** One tenant's object with its storage, and a list of tenants that messages reach when the test says so. */
export class LifecycleRig {
  readonly rows = openRows();
  readonly lines: LogRecord[] = [];
  /** Whether the alarm is set, and whether it is set to go off soon. */
  alarm: 'urgent' | 'usual' | undefined;
  readonly #deliver: Delivery;
  #storage: Database = openDatabase();
  #run: Run;

  constructor(deliver: Delivery = async (message) => message()) {
    this.#deliver = deliver;
    this.#run = this.#start();
  }

  get lifecycle(): Lifecycle {
    return this.#run.lifecycle;
  }
  get tenant(): TestCompartment {
    return this.#run.tenant;
  }
  get clock() {
    return this.#run.tenant.clock;
  }

  /** The object loses its memory. What it has sent still arrives, and what it would do next is not done. */
  crash(): void {
    this.#run.isDead = true;
    this.#run = this.#start();
  }

  /** The status in the list; undefined: the tenant is not listed. */
  listed(): string | undefined {
    return this.rows.list({ limit: 1, after: '', prefix: 'acme', status: undefined })[0]?.status;
  }

  /** The status by the tenant itself; undefined: it does not exist. */
  status(): string | undefined {
    const described = this.tenant.compartment.administration.describe();
    return described.ok ? described.value.status : undefined;
  }

  #start(): Run {
    const alive = () => {
      if (run.isDead) throw new Error('this run has ended');
      return this.#storage;
    };
    const db: Database = {
      exec: (query, ...bindings) => alive().exec(query, ...bindings),
      script: (text) => alive().script(text),
      transaction: (body) => alive().transaction(body),
      sizeBytes: () => alive().sizeBytes(),
    };
    const tenant = openCompartment({ db, log: (record) => void this.lines.push(record) });
    const list: TenantList = {
      nextGeneration: (now) => this.#deliver(() => this.rows.nextGeneration(now)),
      register: (...message) => this.#deliver(() => this.rows.register(...message)),
      remove: (...message) => this.#deliver(() => this.rows.remove(...message)),
    };
    const lifecycle = new Lifecycle({
      clock: () => tenant.clock.now,
      later: tenant.clock.later,
      log: (record) => void this.lines.push(record),
      list,
      administration: tenant.compartment.administration,
      isEmpty: async () => alive().exec('SELECT 1 FROM sqlite_master').length === 0 && !this.alarm,
      erase: async () => {
        alive();
        tenant.compartment.forget();
        this.#storage = openDatabase();
        this.alarm = undefined;
        tenant.compartment.erased();
      },
      ensureAlarm: async (urgent) => {
        alive();
        this.alarm = urgent ? 'urgent' : (this.alarm ?? 'usual');
      },
    });
    const run: Run = { lifecycle, tenant, isDead: false };
    return run;
  }
}

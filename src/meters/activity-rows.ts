import type { TenantReport } from '../telemetry/metrics/report.ts';
import { parseTenantId } from '../tenant/contract/call.ts';
import type { Database } from '../tenant/storage/database.ts';
import type { SqlValue } from '../tools/tool.ts';

/** Tenants whose activity is kept; one more takes the place of the one that has been silent for longest. */
export const MAX_ACTIVITY = 50_000;
/** Calls are counted in windows of so many milliseconds. What is shown is of the present one and the one before it. */
export const WINDOW_MS = 300_000;
/** A tenant that has not reported for so long has called nothing since, so that its buckets have filled. */
const SILENT_MS = 120_000;
/** Fewer calls than this say little: their failures are a part of so many. */
const FEW_CALLS = 20;
/** The level of a bucket below which it is trouble. */
const BUCKET_BELOW = 0.5;
/** The part of a storage quota from which on its use is trouble. */
const STORAGE_FROM = 0.8;
/** Sorts after every character of a tenant id. */
const AFTER_IDS = '~';

/** By what a list of tenants is sorted, the greatest first. */
export const ACTIVITY_ORDERS = ['trouble', 'calls', 'not_ok', 'refused', 'storage', 'headroom'] as const;
export type ActivityOrder = (typeof ACTIVITY_ORDERS)[number];

/** What a tenant has done in the last five to ten minutes, and was like when it reported last. */
export interface Activity {
  readonly id: string;
  readonly status: 'active' | 'suspended';
  /** Milliseconds since the epoch. */
  readonly reportedAt: number;
  readonly callsAMinute: number;
  readonly calls: number;
  readonly notOk: number;
  readonly refused: number;
  readonly storageBytes: number;
  readonly storageQuotaBytes: number;
  /** How full the tenant's bucket is, from 0 to 1. */
  readonly headroom: number;
  /** What the list was sorted by. */
  readonly key: number;
}

export interface ActivityQuery {
  readonly order: ActivityOrder;
  readonly limit: number;
  /** The last tenant of the page before. */
  readonly after: Pick<Activity, 'key' | 'id'> | undefined;
  readonly prefix: string;
  readonly status: Activity['status'] | undefined;
}

type Row = {
  id: string;
  status: Activity['status'];
  reported_at: number;
  calls: number;
  not_ok: number;
  refused: number;
  storage_bytes: number;
  storage_quota_bytes: number;
  headroom: number;
  key: number;
};

/** What may be wrong with a tenant, each from 0 to 1 and beyond; the greatest is its trouble. */
export const troublesOf = ({ calls, notOk, headroom, storageBytes, storageQuotaBytes }: Activity) => ({
  notOk: notOk / Math.max(calls, FEW_CALLS),
  bucket: (BUCKET_BELOW - headroom) / BUCKET_BELOW,
  storage: (storageBytes / Math.max(storageQuotaBytes, 1) - STORAGE_FROM) / (1 - STORAGE_FROM),
});

/** ?1 is the present window, ?2 the time before which a report is old. */
const RECENT = ['calls', 'not_ok', 'refused']
  .map((name) => `iif(window = ?1, ${name} + ${name}_before, iif(window = ?1 - 1, ${name}, 0)) AS ${name}`)
  .join(', ');
const NOW = `SELECT id, status, reported_at, storage_bytes, storage_quota_bytes, ${RECENT},
  iif(reported_at > ?2, limit_remaining_ratio, 1.0) AS headroom,
  CAST(storage_bytes AS REAL) / max(storage_quota_bytes, 1) AS stored FROM activity`;

const KEYS: Readonly<Record<ActivityOrder, string>> = {
  trouble: `max(CAST(not_ok AS REAL) / max(calls, ${FEW_CALLS}), (${BUCKET_BELOW} - headroom) / ${BUCKET_BELOW}, (stored - ${STORAGE_FROM}) / (1 - ${STORAGE_FROM}), 0.0)`,
  calls: 'calls',
  not_ok: 'CAST(not_ok AS REAL) / max(calls, 1)',
  refused: 'refused',
  storage: 'storage_bytes',
  headroom: '-headroom',
};

const finite = (value: number) => (Number.isFinite(value) ? value : 0);
const whole = (value: number) => Math.max(0, Math.round(finite(value)));

/** What tenants have done lately. A page of the list reads each row once, which takes some 50 ms for 50,000. */
export class ActivityRows {
  readonly #db: Database;
  readonly #clock: () => number;

  constructor(db: Database, clock: () => number) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Counts a report, in the caller's transaction. One of another release may lack what is counted. */
  add({ tenant, gauges, counted = NOTHING }: TenantReport): void {
    if (parseTenantId(tenant) === undefined) return;
    const db = this.#db;
    const now = this.#clock();
    if (db.exec('SELECT 1 FROM activity WHERE id = ?', tenant).length === 0) this.#makeRoom();
    db.exec(
      `INSERT INTO activity VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, 0)
       ON CONFLICT (id) DO UPDATE SET reported_at = ?2, status = ?3, storage_bytes = ?4, storage_quota_bytes = ?5,
         limit_remaining_ratio = ?6, window = ?7,
         calls_before = iif(window = ?7, calls_before, iif(window = ?7 - 1, calls, 0)),
         not_ok_before = iif(window = ?7, not_ok_before, iif(window = ?7 - 1, not_ok, 0)),
         refused_before = iif(window = ?7, refused_before, iif(window = ?7 - 1, refused, 0)),
         calls = iif(window = ?7, calls, 0) + ?8,
         not_ok = iif(window = ?7, not_ok, 0) + ?9,
         refused = iif(window = ?7, refused, 0) + ?10`,
      tenant,
      now,
      gauges.status === 'suspended' ? 'suspended' : 'active',
      whole(gauges.storageBytes),
      whole(gauges.storageQuotaBytes),
      Math.min(1, Math.max(0, finite(gauges.limitRemainingRatio))),
      windowOf(now),
      whole(counted.calls),
      whole(counted.notOk),
      whole(counted.refused),
    );
  }

  /** One page of the list. */
  list({ order, limit, after, prefix, status }: ActivityQuery): Activity[] {
    const conditions = ['id >= ?3', 'id < ?4'];
    const bindings: SqlValue[] = [prefix, `${prefix}${AFTER_IDS}`, limit];
    if (status !== undefined) {
      bindings.push(status);
      conditions.push(`status = ?${bindings.length + 2}`);
    }
    if (after !== undefined) {
      bindings.push(after.key, after.id);
      const [key, id] = [`?${bindings.length + 1}`, `?${bindings.length + 2}`];
      conditions.push(`(key < ${key} OR (key = ${key} AND id > ${id}))`);
    }
    return this.#read(
      `SELECT * FROM (SELECT *, ${KEYS[order]} AS key FROM (${NOW})) WHERE ${conditions.join(' AND ')}
       ORDER BY key DESC, id LIMIT ?5`,
      bindings,
    );
  }

  /** The activity of these tenants, as far as they have reported. */
  of(ids: readonly string[]): Activity[] {
    return this.#read(
      `SELECT *, ${KEYS.trouble} AS key FROM (${NOW}) WHERE id IN (SELECT value FROM json_each(?3))`,
      [JSON.stringify(ids)],
    );
  }

  forget(tenant: string): void {
    this.#db.exec('DELETE FROM activity WHERE id = ?', tenant);
  }

  #read(query: string, bindings: readonly SqlValue[]): Activity[] {
    const now = this.#clock();
    const window = windowOf(now);
    const minutes = (now - (window - 1) * WINDOW_MS) / 60_000;
    return this.#db.exec<Row>(query, window, now - SILENT_MS, ...bindings).map((row) => ({
      id: row.id,
      status: row.status,
      reportedAt: row.reported_at,
      callsAMinute: row.calls / minutes,
      calls: row.calls,
      notOk: row.not_ok,
      refused: row.refused,
      storageBytes: row.storage_bytes,
      storageQuotaBytes: row.storage_quota_bytes,
      headroom: row.headroom,
      key: row.key,
    }));
  }

  #makeRoom(): void {
    const [row] = this.#db.exec<{ tenants: number }>('SELECT count(*) AS tenants FROM activity');
    if ((row?.tenants ?? 0) < MAX_ACTIVITY) return;
    this.#db.exec('DELETE FROM activity WHERE id = (SELECT id FROM activity ORDER BY reported_at LIMIT 1)');
  }
}

const NOTHING = { calls: 0, notOk: 0, refused: 0 };

const windowOf = (now: number) => Math.floor(now / WINDOW_MS);

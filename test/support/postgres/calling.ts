import { openSql } from '../../../src/postgres/session.ts';
import type { Sql } from '../../../src/tools/sql.ts';
import type { Shop } from './shop.ts';

export const never = new AbortController().signal;

/** A call of a tool that uses `sql`; by default it is one of the tenant acme that reads. */
export interface Call {
  readonly tenant?: string;
  readonly writes?: boolean;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly url?: string;
  readonly now?: number;
}

export function openCall(shop: Shop, call: Call = {}) {
  const { tenant = 'acme', writes = false, signal = never, url = shop.url, now = 0, timeoutMs = 5000 } = call;
  return openSql({ database: { ...shop.database, timeoutMs }, url, tenant, writes, signal, now });
}

export async function callSql<T>(shop: Shop, call: Call, work: (sql: Sql) => Promise<T>): Promise<T> {
  const { sql, close } = openCall(shop, call);
  try {
    return await work(sql);
  } finally {
    await close();
  }
}

/** What the work throws; undefined if it succeeds. */
export const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (cause: unknown) => cause,
  );

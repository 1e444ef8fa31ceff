import { createHmac } from 'node:crypto';

/** A key of `bulkhead.signing_keys`. */
export interface SigningKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** One transaction of one session, as the database describes it. */
export interface Transaction {
  readonly database: string;
  /** `pg_backend_pid()`. */
  readonly pid: number;
  /** `transaction_timestamp()` in microseconds since 1970, in decimal: the number has more digits than a `number`. */
  readonly started: string;
}

/**
 * The setting `bulkhead.claim` that signs a tenant in to one transaction: `kid:signature:tenant`. The SQL function
 * `bulkhead.tenant()` checks it. Neither `kid` nor `tenant` may contain a colon.
 */
export function signClaim(key: SigningKey, tenant: string, transaction: Transaction): string {
  const { database, pid, started } = transaction;
  const message = ['v1', key.kid, pid, started, tenant, database].join(':');
  return `${key.kid}:${createHmac('sha256', key.secret).update(message).digest('hex')}:${tenant}`;
}

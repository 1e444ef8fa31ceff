/**
 * Leases: when several callers miss the same key, one gets a lease and calls the model, and the others wait for its answer.
 *
 * Guarantees: a key has at most one active lease, because a tenant's tools run one after another, each in a transaction.
 * A lease ends when any answer for its key is stored, when its holder's answer is rejected, or when an invalidation covers
 * it: an answer produced under a lease from before an invalidation is never stored. Callers that wait for the key are woken.
 * Fails by time: the holder may die. After `expiresAt` the next caller that asks for a lease takes over. Until then, and for
 * at most 10 minutes, the late holder can still store its answer.
 * Memory: at most 1,000 leases, expired ones included; beyond that a miss returns no lease, and every caller calls the model.
 * At most 500 invalidated tags are stored while leases exist; one more ends all leases, which only costs repeated work.
 */
import * as z from 'zod';
import type { Sql, ToolContext } from '../tool.ts';
import type { InvalidationTarget } from './invalidation.ts';
import type { KeyVersion } from './key.ts';
import { EVERY_NAMESPACE } from './totals.ts';

export const MAX_LEASE_S = 600;
/** The most leases of a tenant, including expired ones that still exist. */
export const MAX_LEASES = 1000;
/** How long after its lease expired an answer is still accepted, unless another caller took over. */
export const LEASE_GRACE_MS = 600_000;
/** The most invalidated tags that are stored while leases exist. One more ends all leases. */
export const MAX_INVALIDATED_TAGS = 500;
/** How many expired leases a miss deletes if no lease is free. */
const DELETED_WHEN_FULL = 32;

const NOT_AN_ID = { error: 'must be a lease_id returned by cache_get' };
export const leaseId = () =>
  z
    .string()
    .max(24, NOT_AN_ID)
    .regex(/^lease-[1-9]\d{0,15}$/, NOT_AN_ID);

const leaseIdOf = (rev: number) => `lease-${rev}`;
export const leaseRevOf = (id: string) => Number(id.slice('lease-'.length));

/** Topic for `ToolContext.touch`: wakes the callers that wait for the answer or the lease of a key. */
export const leaseTopic = (key: string) => `cache:${key}`;

export interface Lease {
  readonly rev: number;
  readonly ns: string | null;
  readonly model: string | null;
  readonly expiresAt: number;
}

/** The lease of a key, active or expired less than `LEASE_GRACE_MS` ago. */
export function findLease(sql: Sql, key: string, now: number): Lease | undefined {
  const [row] = sql.exec<{ rev: number; ns: string | null; model: string | null; expires_at: number }>(
    'SELECT rev, ns, model, expires_at FROM cache_leases WHERE key = ? AND expires_at > ?',
    key,
    now - LEASE_GRACE_MS,
  );
  return row && { rev: row.rev, ns: row.ns, model: row.model, expiresAt: row.expires_at };
}

/** Whether a caller holds the lease now. */
export function isActive(lease: Lease | undefined, now: number): lease is Lease {
  return lease !== undefined && now < lease.expiresAt;
}

interface LeaseRequest {
  readonly key: string;
  readonly keyVersion: KeyVersion;
  readonly ns: string | undefined;
  readonly model: string | undefined;
  readonly leaseS: number;
}

/** Grants a lease for a key that has no active one. @returns its id, or undefined if too many leases exist */
export function grantLease({ sql, now, nextRev }: ToolContext, request: LeaseRequest): string | undefined {
  if (!hasFreeLease(sql, now)) return undefined;
  const rev = nextRev();
  // Deleted first: a row that is replaced runs no trigger, and would be counted twice.
  sql.exec('DELETE FROM cache_leases WHERE key = ?', request.key);
  sql.exec(
    'INSERT INTO cache_leases (rev, key, key_version, ns, model, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
    rev,
    request.key,
    request.keyVersion,
    request.ns ?? null,
    request.model ?? null,
    now + request.leaseS * 1000,
  );
  return leaseIdOf(rev);
}

function hasFreeLease(sql: Sql, now: number): boolean {
  const [row] = sql.exec<{ leases: number }>('SELECT count(*) AS leases FROM cache_leases');
  return (row?.leases ?? 0) < MAX_LEASES || deleteExpiredLeases(sql, now, DELETED_WHEN_FULL) > 0;
}

/** Deletes at most `limit` leases that had expired at `time`. @returns how many it deleted */
export function deleteExpiredLeases(sql: Sql, time: number, limit: number): number {
  return sql.exec(
    `DELETE FROM cache_leases WHERE rev IN
       (SELECT rev FROM cache_leases WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) RETURNING rev`,
    time,
    limit,
  ).length;
}

/** Ends the lease of a key, if any, and wakes the callers that wait for it. */
export function endLease({ sql, touch }: ToolContext, key: string): void {
  sql.exec('DELETE FROM cache_leases WHERE key = ?', key);
  touch(leaseTopic(key));
}

/** Whether one of the answer's tags was invalidated after its lease was granted. */
export function wasTagInvalidated(sql: Sql, lease: Lease, ns: string, tags: readonly string[]): boolean {
  if (tags.length === 0) return false;
  const invalidated = sql.exec(
    `SELECT 1 FROM cache_lost_tags WHERE tag IN (SELECT value FROM json_each(?)) AND ns IN ('', ?) AND rev > ? LIMIT 1`,
    JSON.stringify(tags),
    ns,
    lease.rev,
  );
  return invalidated.length > 0;
}

/** SQL that matches the leases an invalidation covers, with one binding. A lease of unknown model may be covered, so it matches. */
const LEASE_CONDITION: Record<Exclude<InvalidationTarget['kind'], 'tag'>, string> = {
  all: `? = ''`,
  model: '(model IS NULL OR model = ?)',
  keys: 'key IN (SELECT value FROM json_each(?))',
};

/**
 * Ends the leases that an invalidation covers. For a tag it only records the tag and `rev`: which tags an answer has is
 * known when it is stored.
 */
export function invalidateLeases(context: ToolContext, target: InvalidationTarget, rev: number): void {
  if (target.kind === 'tag')
    recordInvalidatedTag(context, target.value, target.namespace ?? EVERY_NAMESPACE, rev);
  else
    endMatchingLeases(
      context,
      target.kind,
      target.kind === 'keys' ? JSON.stringify(target.keys) : target.value,
      target.namespace,
    );
}

function endMatchingLeases(
  { sql, touch }: ToolContext,
  kind: keyof typeof LEASE_CONDITION,
  value: string,
  namespace: string | undefined,
): void {
  const ended = sql.exec<{ key: string }>(
    `DELETE FROM cache_leases WHERE ${LEASE_CONDITION[kind]} AND (ns IS NULL OR ns = coalesce(?, ns)) RETURNING key`,
    value,
    namespace ?? null,
  );
  for (const { key } of ended) touch(leaseTopic(key));
}

/** Stores the tag for as long as a lease from before `rev` exists. */
function recordInvalidatedTag(context: ToolContext, tag: string, ns: string, rev: number): void {
  const { sql } = context;
  deleteUnneededTags(sql, MAX_INVALIDATED_TAGS);
  sql.exec(
    `INSERT INTO cache_lost_tags (tag, ns, rev) SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM cache_leases)
     ON CONFLICT (tag, ns) DO UPDATE SET rev = excluded.rev`,
    tag,
    ns,
    rev,
  );
  const [row] = sql.exec<{ tags: number }>('SELECT count(*) AS tags FROM cache_lost_tags');
  if ((row?.tags ?? 0) <= MAX_INVALIDATED_TAGS) return;
  endMatchingLeases(context, 'all', '', undefined);
  deleteUnneededTags(sql, MAX_INVALIDATED_TAGS + 1);
}

/** Deletes at most `limit` stored tags that are older than every lease. @returns how many it deleted */
export function deleteUnneededTags(sql: Sql, limit: number): number {
  return sql.exec(
    `DELETE FROM cache_lost_tags WHERE (tag, ns) IN
       (SELECT tag, ns FROM cache_lost_tags
        WHERE NOT EXISTS (SELECT 1 FROM cache_leases l WHERE l.rev < cache_lost_tags.rev) LIMIT ?) RETURNING 1`,
    limit,
  ).length;
}

import * as z from 'zod';
import type { Sql, ToolContext } from '../tool.ts';
import { EVERY_NAMESPACE, type Target } from './invalidation.ts';

/**
 * Leases: of the callers that miss one key, one is to call the model. A lease ends when its answer is stored, by whomever,
 * or rejected, or when an invalidation names it. One that expires is taken over by the next caller that asks for it.
 */

export const MAX_LEASE_S = 600;
/** Leases of a tenant that are out or not yet forgotten; beyond it a miss gives no lease. */
export const MAX_LEASES = 1000;
/** So long after its lease expired an answer is still stored, unless the work was taken over. */
export const LATE_MS = 600_000;
/** Tags that are remembered as invalidated while leases are out; one more ends all leases. */
export const MAX_LOST_TAGS = 500;
const FREED_WHEN_FULL = 32;

const NOT_AN_ID = { error: 'must be a lease_id from an answer of cache_get' };
export const leaseId = () =>
  z
    .string()
    .max(24, NOT_AN_ID)
    .regex(/^lease-[1-9]\d{0,15}$/, NOT_AN_ID);

const idOf = (rev: number) => `lease-${rev}`;
export const revOf = (id: string) => Number(id.slice('lease-'.length));

/** The topic on which callers wait for the answer of a key, or for its lease. */
export const topicOf = (key: string) => `cache:${key}`;

export interface Lease {
  readonly rev: number;
  readonly ns: string | null;
  readonly model: string | null;
  readonly expiresAt: number;
}

/** The lease of a key: living or, until its work is taken over or it is forgotten, expired. */
export function findLease(sql: Sql, key: string, now: number): Lease | undefined {
  const [row] = sql.exec<{ rev: number; ns: string | null; model: string | null; expires_at: number }>(
    'SELECT rev, ns, model, expires_at FROM cache_leases WHERE key = ? AND expires_at > ?',
    key,
    now - LATE_MS,
  );
  return row && { rev: row.rev, ns: row.ns, model: row.model, expiresAt: row.expires_at };
}

/** Whether someone works on the answer. */
export function isLiving(lease: Lease | undefined, now: number): lease is Lease {
  return lease !== undefined && now < lease.expiresAt;
}

interface Wanted {
  readonly key: string;
  readonly ns: string | undefined;
  readonly model: string | undefined;
  readonly leaseS: number;
}

/** Gives the lease of a key, which must have no living one; returns its id, or undefined when too many are out. */
export function grantLease({ sql, now, nextRev }: ToolContext, wanted: Wanted): string | undefined {
  if (!hasRoom(sql, now)) return undefined;
  const rev = nextRev();
  sql.exec(
    'INSERT OR REPLACE INTO cache_leases (rev, key, ns, model, expires_at) VALUES (?, ?, ?, ?, ?)',
    rev,
    wanted.key,
    wanted.ns ?? null,
    wanted.model ?? null,
    now + wanted.leaseS * 1000,
  );
  return idOf(rev);
}

function hasRoom(sql: Sql, now: number): boolean {
  const [row] = sql.exec<{ leases: number }>('SELECT count(*) AS leases FROM cache_leases');
  return (row?.leases ?? 0) < MAX_LEASES || dropLeases(sql, now, FREED_WHEN_FULL) > 0;
}

/** Removes at most `limit` leases that expired by `time`; returns how many. */
export function dropLeases(sql: Sql, time: number, limit: number): number {
  return sql.exec(
    `DELETE FROM cache_leases WHERE rev IN
       (SELECT rev FROM cache_leases WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) RETURNING rev`,
    time,
    limit,
  ).length;
}

/** Ends the lease of a key, if it has one, and wakes who waits for it. */
export function endLease({ sql, touch }: ToolContext, key: string): void {
  sql.exec('DELETE FROM cache_leases WHERE key = ?', key);
  touch(topicOf(key));
}

/** Whether a tag of the answer was invalidated while its lease was out. */
export function lostByTag(sql: Sql, lease: Lease, ns: string, tags: readonly string[]): boolean {
  if (tags.length === 0) return false;
  const lost = sql.exec(
    `SELECT 1 FROM cache_lost_tags WHERE tag IN (SELECT value FROM json_each(?)) AND ns IN ('', ?) AND rev > ? LIMIT 1`,
    JSON.stringify(tags),
    ns,
    lease.rev,
  );
  return lost.length > 0;
}

/** What an invalidation names. */
export type Invalidated = Target | Keys;
export interface Keys {
  readonly kind: 'keys';
  readonly keys: readonly string[];
  readonly namespace: string | undefined;
}

/** SQL for the leases that are named, or may be; it has one binding. */
const NAMED: Record<Exclude<Invalidated['kind'], 'tag'>, string> = {
  all: `? = ''`,
  model: '(model IS NULL OR model = ?)',
  keys: 'key IN (SELECT value FROM json_each(?))',
};

/**
 * Ends the leases that an invalidation of revision `rev` names, so that no answer from before it is stored after it.
 * Whoever waits is woken, and one takes the work over.
 */
export function invalidateLeases(context: ToolContext, target: Invalidated, rev: number): void {
  if (target.kind === 'tag') loseTag(context, target.value, target.namespace ?? EVERY_NAMESPACE, rev);
  else
    endNamed(
      context,
      target.kind,
      target.kind === 'keys' ? JSON.stringify(target.keys) : target.value,
      target.namespace,
    );
}

function endNamed(
  { sql, touch }: ToolContext,
  kind: keyof typeof NAMED,
  value: string,
  namespace: string | undefined,
): void {
  const ended = sql.exec<{ key: string }>(
    `DELETE FROM cache_leases WHERE ${NAMED[kind]} AND (ns IS NULL OR ns = coalesce(?, ns)) RETURNING key`,
    value,
    namespace ?? null,
  );
  for (const { key } of ended) touch(topicOf(key));
}

/** Keeps a tag in mind for the leases that are out: which tags they are for will be known when their answers come. */
function loseTag(context: ToolContext, tag: string, ns: string, rev: number): void {
  const { sql } = context;
  dropLostTags(sql, MAX_LOST_TAGS);
  sql.exec(
    `INSERT INTO cache_lost_tags (tag, ns, rev) SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM cache_leases)
     ON CONFLICT (tag, ns) DO UPDATE SET rev = excluded.rev`,
    tag,
    ns,
    rev,
  );
  const [row] = sql.exec<{ tags: number }>('SELECT count(*) AS tags FROM cache_lost_tags');
  if ((row?.tags ?? 0) <= MAX_LOST_TAGS) return;
  endNamed(context, 'all', '', undefined);
  dropLostTags(sql, MAX_LOST_TAGS + 1);
}

/** Removes at most `limit` tags that were invalidated before any lease that is out was given; returns how many. */
export function dropLostTags(sql: Sql, limit: number): number {
  return sql.exec(
    `DELETE FROM cache_lost_tags WHERE (tag, ns) IN
       (SELECT tag, ns FROM cache_lost_tags
        WHERE NOT EXISTS (SELECT 1 FROM cache_leases l WHERE l.rev < cache_lost_tags.rev) LIMIT ?) RETURNING 1`,
    limit,
  ).length;
}

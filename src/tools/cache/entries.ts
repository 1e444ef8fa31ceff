import { utf8Bytes } from '../../json/utf8.ts';
import { ToolError } from '../errors.ts';
import type { Sql } from '../tool.ts';
import type { Usage } from './counters.ts';
import { IS_INVALIDATED } from './invalidation.ts';
import type { KeyVersion } from './key.ts';
import { indexQuestionText } from './similar.ts';

const MIB = 1024 * 1024;
/** The most bytes of an answer as JSON in UTF-8. */
export const MAX_ANSWER_BYTES = 3 * MIB;
const MAX_PART_BYTES = MIB;
const MAX_BYTES_PER_UTF16_UNIT = 3;

export type EntryKind = 'response' | 'error';

export interface Entry {
  readonly rev: number;
  readonly ns: string;
  readonly model: string;
  readonly kind: EntryKind;
  readonly finishReason: string | null;
  readonly usage: Usage | undefined;
  readonly storedAt: number;
  readonly expiresAt: number;
  /** The revision of the lease that it was stored with; null without one. */
  readonly lease: number | null;
  /** `dead`: past its stale time, or invalidated. It is never served and will be deleted. */
  readonly state: 'fresh' | 'stale' | 'dead';
}

interface EntryRow extends Record<string, string | number | null> {
  rev: number;
  ns: string;
  model: string;
  kind: EntryKind;
  finish_reason: string | null;
  tokens: number | null;
  micro_usd: number | null;
  stored_at: number;
  expires_at: number;
  dead_at: number;
  lease: number | null;
  invalidated: 0 | 1;
}

/** The entry of a key in any state. */
export function findEntry(sql: Sql, key: string, now: number): Entry | undefined {
  const [row] = sql.exec<EntryRow>(
    `SELECT e.rev, e.ns, e.model, e.kind, e.finish_reason, e.tokens, e.micro_usd, e.stored_at, e.expires_at, e.dead_at,
       e.lease, ${IS_INVALIDATED} AS invalidated
     FROM cache_entries e WHERE e.key = ?`,
    key,
  );
  if (row === undefined) return undefined;
  const isDead = row.invalidated === 1 || now >= row.dead_at;
  return {
    rev: row.rev,
    ns: row.ns,
    model: row.model,
    kind: row.kind,
    finishReason: row.finish_reason,
    usage:
      row.tokens === null && row.micro_usd === null
        ? undefined
        : { tokens: row.tokens ?? 0, microUsd: row.micro_usd ?? 0 },
    storedAt: row.stored_at,
    expiresAt: row.expires_at,
    lease: row.lease,
    state: isDead ? 'dead' : now >= row.expires_at ? 'stale' : 'fresh',
  };
}

/** Whether there is an entry that can still be served, fresh or stale. */
export function isServable(entry: Entry | undefined): entry is Entry {
  return entry !== undefined && entry.state !== 'dead';
}

/** The stored answer of an entry, as JSON text. */
export function readBody(sql: Sql, rev: number): string {
  const parts = sql.exec<{ body: string }>(
    'SELECT body FROM cache_bodies WHERE entry = ? ORDER BY part',
    rev,
  );
  return parts.map((part) => part.body).join('');
}

export function recordHit(sql: Sql, rev: number, now: number): void {
  sql.exec('UPDATE cache_entries SET hit_at = ? WHERE rev = ?', now, rev);
}

export function removeEntry(sql: Sql, rev: number): void {
  sql.exec('DELETE FROM cache_entries WHERE rev = ?', rev);
}

/** An answer as JSON text, and its size. */
export interface Body {
  readonly json: string;
  readonly bytes: number;
}

/** @throws ToolError `too_large` beyond `MAX_ANSWER_BYTES` */
export function encodeBody(field: string, answer: unknown): Body {
  const json = JSON.stringify(answer);
  const bytes = json.length > MAX_ANSWER_BYTES ? Number.POSITIVE_INFINITY : utf8Bytes(json);
  if (bytes <= MAX_ANSWER_BYTES) return { json, bytes };
  throw new ToolError(
    'too_large',
    `${field} is larger than ${MAX_ANSWER_BYTES} bytes as JSON. Store a smaller part of it.`,
    {
      field,
      limit: MAX_ANSWER_BYTES,
      max: MAX_ANSWER_BYTES,
    },
  );
}

export interface NewEntry {
  readonly key: string;
  readonly keyVersion: KeyVersion;
  readonly ns: string;
  readonly model: string;
  readonly kind: EntryKind;
  readonly body: Body;
  readonly finishReason: string | undefined;
  readonly tokens: number | undefined;
  readonly microUsd: number | undefined;
  readonly ttlS: number;
  readonly staleS: number;
  readonly tags: readonly string[];
  /** The revision of the lease that it is stored with, if any. */
  readonly lease: number | undefined;
  /** The text that similar questions are found by; empty if unknown. */
  readonly text: string;
}

/** The bytes of an entry that count towards the quota. */
export function entrySize(entry: Pick<NewEntry, 'body' | 'text'>): number {
  return entry.body.bytes + utf8Bytes(entry.text);
}

/** Stores an entry. The key must not have one. */
export function insertEntry(sql: Sql, rev: number, entry: NewEntry, now: number): void {
  const { key, ns, model, kind, body, tags, text } = entry;
  const expiresAt = now + entry.ttlS * 1000;
  sql.exec(
    `INSERT INTO cache_entries (rev, key, key_version, ns, model, kind, finish_reason, tokens, micro_usd, size,
       stored_at, expires_at, dead_at, hit_at, lease) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    rev,
    key,
    entry.keyVersion,
    ns,
    model,
    kind,
    entry.finishReason ?? null,
    entry.tokens ?? null,
    entry.microUsd ?? null,
    entrySize(entry),
    now,
    expiresAt,
    expiresAt + entry.staleS * 1000,
    now,
    entry.lease ?? null,
  );
  for (const [part, text] of splitBody(body).entries()) {
    sql.exec('INSERT INTO cache_bodies (entry, part, body) VALUES (?, ?, ?)', rev, part, text);
  }
  if (tags.length > 0) {
    const insert = 'INSERT OR IGNORE INTO cache_tags (entry, tag) SELECT ?, value FROM json_each(?)';
    sql.exec(insert, rev, JSON.stringify(tags));
  }
  if (text !== '') indexQuestionText(sql, rev, text);
}

/** Splits the text into parts of at most 1 MiB, never inside a surrogate pair. */
export function splitBody({ json, bytes }: Body): string[] {
  if (bytes <= MAX_PART_BYTES) return [json];
  const parts: string[] = [];
  const step = Math.floor(MAX_PART_BYTES / MAX_BYTES_PER_UTF16_UNIT);
  for (let start = 0; start < json.length; ) {
    const limit = Math.min(start + step, json.length);
    const end = isHighSurrogate(json.charCodeAt(limit - 1)) ? limit - 1 : limit;
    parts.push(json.slice(start, end));
    start = end;
  }
  return parts;
}

const isHighSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdbff;
